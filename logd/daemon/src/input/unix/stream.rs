//! Connections to a unix socket (`stream = true`): messages that end in a line feed, or in the NUL that syslog(3) puts behind each.

use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;
use std::time::Duration;

use ballast_shared::listen;
use logd_core::parse::Credentials;
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::super::Service;
use super::super::limits::SenderId;
use super::super::source::{Refusal, Source};
use super::Reader;
use super::credentials::{Received, ask_for_peers_credentials};
use crate::config::InputKind;
use crate::output::HeldBack;
use crate::pipeline::Scratch;

/// How much is read at a time.
const READ_BYTES: usize = 16 << 10;

/// How long to wait when the system has no descriptor for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// At the end: how long a connection may have nothing to read before it counts as read empty. What a program of this machine has
/// written is there already.
const DRAIN_PAUSE: Duration = Duration::from_millis(10);

/// Accepts connections until it is stopped; then those that already wait.
pub(in crate::input) async fn accept(
    bound: listen::unix::Bound,
    sources: watch::Receiver<Arc<Source>>,
    service: Arc<Service>,
    stop: CancellationToken,
) {
    let listener = match UnixListener::from_std(StdListener::from(bound.socket)) {
        Ok(listener) => listener,
        Err(error) => return error!(%error, "cannot listen"),
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => admit(stream, &sources, &service, &stop),
            Err(error) => {
                warn!(%error, "cannot accept connections");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(bound.path);
    while let Ok(Ok((stream, _))) = timeout(DRAIN_PAUSE, listener.accept()).await {
        admit(stream, &sources, &service, &stop);
    }
}

fn admit(stream: UnixStream, sources: &watch::Receiver<Arc<Source>>, service: &Arc<Service>, stop: &CancellationToken) {
    let source = sources.borrow().clone();
    let InputKind::Unix(settings) = &source.input.kind else {
        return;
    };
    let sender = ask_for_peers_credentials(&stream);
    let process = SenderId::Process(sender.map_or(0, |sender| sender.pid));
    let Ok(place) = source.connections.take(process, settings.connections_max, None) else {
        return source.refuse(process, Refusal::ConnectionsMax);
    };
    source.metrics.accepted.increment(1);
    let connection = Connection {
        sender,
        stream,
        sources: sources.clone(),
        reader: Reader::default(),
        kept: Vec::new(),
        skipping: false,
    };
    let (stop, abandon) = (stop.clone(), service.abandon.clone());
    service.tasks.spawn(async move {
        tokio::select! {
            biased;
            () = abandon.cancelled() => {}
            () = connection.run(stop) => {}
        }
        drop(place);
    });
}

struct Connection {
    stream: UnixStream,
    sender: Option<Credentials>,
    sources: watch::Receiver<Arc<Source>>,
    reader: Reader,
    /// The beginning of a message.
    kept: Vec<u8>,
    /// Its beginning was long enough and is on its way already: the rest is thrown away.
    skipping: bool,
}

impl Connection {
    async fn run(mut self, stop: CancellationToken) {
        loop {
            let mut read = Vec::with_capacity(READ_BYTES);
            let result = if stop.is_cancelled() {
                match timeout(DRAIN_PAUSE, self.stream.read_buf(&mut read)).await {
                    Ok(result) => result,
                    Err(_) => break,
                }
            } else {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => continue,
                    result = self.stream.read_buf(&mut read) => result,
                }
            };
            match result {
                Ok(0) => break,
                Ok(_) => self.deliver(&read, false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    debug!(%error, "connection lost");
                    break;
                }
            }
        }
        self.deliver(b"", true);
    }

    /// Sends the messages that end in these bytes on their way, and with `at_end` the one that has not.
    fn deliver(&mut self, bytes: &[u8], at_end: bool) {
        let source = self.sources.borrow_and_update().clone();
        let max = source.input.message_bytes_max;
        let Self {
            reader,
            kept,
            skipping,
            sender,
            ..
        } = self;
        Scratch::with(|scratch| {
            let mut held_back = HeldBack::default();
            let mut batch = source.batch(scratch, &mut held_back);
            let mut send = |frame: &[u8], is_cut: bool| {
                let received = Received {
                    length: frame.len(),
                    is_cut,
                    sender: *sender,
                    stamp: None,
                };
                if !frame.is_empty() {
                    reader.read(&source, &mut batch, frame, received);
                }
            };
            let mut rest = bytes;
            while let Some(end) = end_of_message(rest) {
                if !std::mem::take(skipping) {
                    take(kept, &rest[..end], max, &mut send);
                    send(&std::mem::take(kept), false);
                }
                rest = &rest[end + 1..];
            }
            if !*skipping {
                *skipping = take(kept, rest, max, &mut send);
            }
            if at_end {
                send(&std::mem::take(kept), false);
            }
            source.count(bytes.len(), &batch.finish());
        });
    }
}

/// Adds bytes to a message; one that is longer than it may be goes on its way, cut, and the rest is to be thrown away.
fn take(kept: &mut Vec<u8>, bytes: &[u8], max: usize, send: &mut impl FnMut(&[u8], bool)) -> bool {
    let room = max.saturating_sub(kept.len());
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    let is_cut = bytes.len() > room;
    if is_cut {
        send(&std::mem::take(kept), true);
    }
    is_cut
}

/// Where the next message ends.
fn end_of_message(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| matches!(byte, b'\n' | 0))
}
