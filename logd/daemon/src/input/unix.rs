//! The input `unix`: what programs of this machine send by syslog(3), a datagram a message, or over connections.
//!
//! Nothing is waited for here but messages: see [`super::local`].

mod credentials;
mod stream;

use std::io;
use std::os::unix::net::UnixDatagram as StdSocket;
use std::sync::Arc;

use ballast_shared::listen;
use ballast_shared::listen::unix::{UnixError, UnixOptions};
use ballast_shared::systemd::Inherited;
use logd_core::control_chars::clean;
use logd_core::message::Message;
use logd_core::parse::{parse, parse_local, with_pid};
use logd_core::time::{Timestamp, ZoneCache};
use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

pub(super) use stream::accept;

use super::source::Source;
use super::{Bound, Service};
use crate::config::{Input, InputKind, UnixSettings};
use crate::output::HeldBack;
use crate::pipeline::{Batch, Scratch};
use credentials::{Received, Receiving, ask_for_credentials};

/// Datagrams taken before other inputs of the thread have their turn.
const BATCH_MAX: usize = 64;

/// Listens where the input says.
///
/// # Errors
/// When it can't.
pub(super) fn listen(input: &Input, inherited: &mut Inherited) -> Result<Bound, UnixError> {
    let InputKind::Unix(settings) = &input.kind else {
        unreachable!("the place of a unix input is one's")
    };
    let options = UnixOptions {
        path: &settings.path,
        stream: settings.stream,
        mode: settings.mode,
        create_directory: settings.create_path,
    };
    let bound = listen::unix::unix(options, inherited)?;
    if settings.stream {
        return Ok(Bound::UnixStream(bound));
    }
    if let Err(error) = ask_for_credentials(&bound.socket) {
        warn!(path = %settings.path.display(), %error, "the kernel does not say who sends");
    }
    Ok(Bound::Unix(bound))
}

/// Receives until it is stopped, and then what is still there.
pub(super) async fn receive(
    bound: listen::unix::Bound,
    mut sources: watch::Receiver<Arc<Source>>,
    service: Arc<Service>,
    stop: CancellationToken,
) {
    let socket = match UnixDatagram::from_std(StdSocket::from(bound.socket)) {
        Ok(socket) => socket,
        Err(error) => return error!(%error, "cannot receive"),
    };
    let mut source = sources.borrow_and_update().clone();
    let mut receiving = Receiving::default();
    let mut reader = Reader::default();
    while !stop.is_cancelled() {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Ok(()) = sources.changed() => source = sources.borrow_and_update().clone(),
            readable = socket.readable() => {
                if let Err(error) = readable {
                    debug!(%error, "unix socket");
                }
                take_batch(&source, &mut reader, |buffer| {
                    socket.try_io(Interest::READABLE, || receiving.receive(&socket, buffer))
                });
            }
        }
        tokio::task::consume_budget().await;
    }
    // Who sends from now on learns that nobody listens.
    drop(bound.path);
    // From the socket itself: the runtime learns with a delay that there is something, and now that would be too late.
    let Ok(socket) = socket.into_std() else { return };
    while !service.abandon.is_cancelled()
        && take_batch(&source, &mut reader, |buffer| receiving.receive(&socket, buffer)) > 0
    {
        tokio::task::consume_budget().await;
    }
}

/// Takes the datagrams that are there, up to a batch; how many there were.
fn take_batch(
    source: &Source,
    reader: &mut Reader,
    mut receive: impl FnMut(&mut [u8]) -> io::Result<Received>,
) -> usize {
    let max = source.input.message_bytes_max;
    Scratch::with(|scratch| {
        let mut buffer = std::mem::take(&mut scratch.read);
        buffer.resize(max, 0);
        let mut held_back = HeldBack::default();
        let mut batch = source.batch(scratch, &mut held_back);
        let (mut taken, mut bytes) = (0, 0);
        while taken < BATCH_MAX {
            let received = match receive(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    debug!(%error, "unix socket");
                    taken += 1;
                    continue;
                }
            };
            taken += 1;
            bytes += received.length;
            if received.length > 0 {
                reader.read(source, &mut batch, &buffer[..received.length], received);
            }
        }
        source.count(bytes, &batch.finish());
        scratch.read = buffer;
        taken
    })
}

/// Makes messages of frames of local programs.
pub(super) struct Reader {
    zone: ZoneCache,
    /// Where a tag is put right.
    room: Vec<u8>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            zone: ZoneCache::new(jiff::tz::TimeZone::system()),
            room: Vec::new(),
        }
    }
}

impl Reader {
    fn read(&mut self, source: &Source, batch: &mut Batch<'_>, frame: &[u8], received: Received) {
        let InputKind::Unix(settings) = &source.input.kind else {
            return;
        };
        let at = match received.stamp {
            Some((unix_s, nanos)) => self.zone.timestamp_at(unix_s, nanos),
            None => batch.received(),
        };
        let clean = clean(frame);
        let mut message = if settings.parse_hostname {
            parse(&clean, at, &mut self.zone)
        } else {
            parse_local(&clean, at, &mut self.zone)
        };
        if let Some(sender) = received.sender {
            if !source.admits(sender.pid, message.pri) {
                return;
            }
            let (corrected, was_wrong) = with_pid(message, sender, settings.pid, &mut self.room);
            source.count_wrong_pid(u64::from(was_wrong));
            message = corrected;
        }
        batch.submit(&as_own(message, settings, batch.my_hostname()), received.is_cut, at);
    }
}

/// As this machine's own: nobody here speaks for another host or another time.
fn as_own<'a>(message: Message<'a>, settings: &UnixSettings, my_hostname: &'a str) -> Message<'a> {
    let hostname = if settings.parse_hostname {
        message.hostname
    } else {
        Some(my_hostname.as_bytes())
    };
    let timestamp: Option<Timestamp> = message.timestamp.filter(|_| !settings.ignore_timestamp);
    Message {
        hostname,
        timestamp,
        ..message
    }
}
