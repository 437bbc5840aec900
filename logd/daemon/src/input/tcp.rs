//! The input `tcp`: a task that accepts for each address, a task for each connection, which stays on the core that it is given.
//!
//! A connection's task reads as much as there is into its thread's buffer and sends the frames in it on their way, before
//! it waits again; between reads it keeps nothing but an incomplete frame. It reads nothing while the budget for rendered
//! lines is spent or a file that it wrote to holds its senders back: then TCP holds the sender.

use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::Arc;
use std::time::Duration;

use logd_core::framing::{Framer, Step};
use logd_core::time::ZoneCache;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::Service;
use super::connections::{Full, Place};
use super::incomplete::Charge;
use super::source::{Refusal, Source};
use crate::config::{InputKind, TcpSettings};
use crate::cores::Cores;
use crate::output::HeldBack;
use crate::pipeline::Scratch;

/// How much is read at a time.
const READ_BYTES: usize = 64 << 10;

/// An incomplete frame up to this is copied in front of what is read next; a longer one is read on where it stands.
const COPIED_BYTES_MAX: usize = 16 << 10;

/// When to ask a silent sender whether it is still there: a machine that was cut off sends no FIN, and would keep its place
/// for ever.
const KEEPALIVE: Duration = Duration::from_secs(300);

/// How long to wait when the system has no descriptor for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until it is stopped; then those that already wait.
pub(super) async fn accept(
    listener: StdListener,
    source: watch::Receiver<Arc<Source>>,
    service: Arc<Service>,
    cores: Cores,
    stop: CancellationToken,
) {
    let listener = match TcpListener::from_std(listener) {
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
            // From the runtime that accepts to the one that serves.
            Ok((stream, peer)) => match stream.into_std() {
                Ok(stream) => admit(stream, peer, &source, &service, &cores, &stop),
                Err(error) => warn!(%peer, %error, "cannot serve a connection"),
            },
            Err(error) => {
                // The errors of a connection that is gone already (accept(2)) pass at once; those of a system without
                // descriptors or memory do not.
                if !matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                ) {
                    warn!(%error, "cannot accept connections");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    // Senders whose connection the system has already taken, and whose messages it may hold.
    let Ok(listener) = listener.into_std() else { return };
    while let Ok((stream, peer)) = listener.accept() {
        admit(stream, peer, &source, &service, &cores, &stop);
    }
}

/// Starts the task of a connection, if there is a place for it.
fn admit(
    stream: StdStream,
    peer: SocketAddr,
    sources: &watch::Receiver<Arc<Source>>,
    service: &Arc<Service>,
    cores: &Cores,
    stop: &CancellationToken,
) {
    let mut sources = sources.clone();
    let source = sources.borrow_and_update().clone();
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let InputKind::Tcp(settings) = &source.input.kind else {
        return;
    };
    let place = match place(peer.ip(), &source, settings) {
        Ok(place) => place,
        Err(why) => return source.refuse(peer.ip(), why),
    };
    if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE)) {
        debug!(%peer, %error, "no keepalive");
    }
    let seat = cores.seat();
    let registered = stream.set_nonblocking(true).and_then(|()| {
        let _on = seat.enter();
        TcpStream::from_std(stream)
    });
    let stream = match registered {
        Ok(stream) => stream,
        Err(error) => return warn!(%peer, %error, "cannot serve a connection"),
    };
    source.metrics.accepted.increment(1);
    let connection = Connection {
        framer: Framer::new(settings.framing, source.input.message_bytes_max),
        incomplete: Vec::new(),
        charge: service.incomplete.charge(),
        ended: false,
        zone: ZoneCache::new(source.input.time_zone.clone()),
        held_back: HeldBack::default(),
        idle_timeout: settings.idle_timeout,
        stream,
        peer,
        sources,
        source,
        service: service.clone(),
        stop: stop.clone(),
        place,
    };
    let runtime = seat.runtime().clone();
    let run = async move {
        connection.run().await;
        drop(seat);
    };
    service.tasks.spawn_on(run, &runtime);
}

fn place(sender: IpAddr, source: &Source, settings: &TcpSettings) -> Result<Place, Refusal> {
    if !source.allows(sender) {
        return Err(Refusal::Allow);
    }
    let taken = source
        .connections
        .take(sender, settings.connections_max, settings.connections_per_sender_max);
    taken.map_err(|full| match full {
        Full::Total => Refusal::ConnectionsMax,
        Full::Sender => Refusal::ConnectionsPerSenderMax,
    })
}

struct Connection {
    framer: Framer,
    /// The beginning of a frame whose end was not read yet.
    incomplete: Vec<u8>,
    /// What the budget was charged for it.
    charge: Charge,
    /// Nothing more comes, because its sender has said so and not because we went.
    ended: bool,
    zone: ZoneCache,
    held_back: HeldBack,
    idle_timeout: Option<Duration>,
    stream: TcpStream,
    peer: SocketAddr,
    /// The input that has the address in the running configuration, and in the one that was seen last.
    sources: watch::Receiver<Arc<Source>>,
    source: Arc<Source>,
    service: Arc<Service>,
    stop: CancellationToken,
    place: Place,
}

/// What a read came to.
enum Read {
    /// There may be more.
    Some,
    /// Nothing at the moment.
    Empty,
    /// The sender is done, or gone.
    End,
}

impl Connection {
    async fn run(mut self) {
        let abandon = self.service.abandon.clone();
        tokio::select! {
            biased;
            () = abandon.cancelled() => {}
            () = self.read_to_end() => {}
        }
        self.deliver_incomplete();
        self.source.count_framing(self.peer.ip(), self.framer.take_counters());
    }

    async fn read_to_end(&mut self) {
        loop {
            self.service.store.room(&mut self.held_back).await;
            if !self.stop.is_cancelled() && !self.wait_until_readable().await {
                return;
            }
            match self.read() {
                // Stopped: what was there has been read.
                Read::Empty if self.stop.is_cancelled() => return,
                Read::End => return,
                Read::Some | Read::Empty => {}
            }
            // While there is always something to read, the others shall have their turn.
            tokio::task::consume_budget().await;
        }
    }

    /// Whether there may be something to read, or to be drained; `false` if the sender was silent for too long.
    async fn wait_until_readable(&mut self) -> bool {
        loop {
            let readable = async {
                tokio::select! {
                    biased;
                    // An error is read like anything else.
                    _ = self.stream.readable() => true,
                    () = self.stop.cancelled() => true,
                    // A sender that is silent for long does not keep a configuration alive that is gone.
                    Ok(()) = self.sources.changed() => false,
                }
            };
            let readable = match self.idle_timeout {
                Some(idle) => timeout(idle, readable).await,
                None => Ok(readable.await),
            };
            match readable {
                Ok(true) => return true,
                Ok(false) => self.follow(),
                Err(_) => return false,
            }
        }
    }

    /// Takes up the input, as the running configuration has it.
    fn follow(&mut self) {
        self.source = self.sources.borrow_and_update().clone();
        self.place.move_to(&self.source.connections);
        self.zone = ZoneCache::new(self.source.input.time_zone.clone());
    }

    /// Reads what is there, once, and sends the frames in it on their way.
    fn read(&mut self) -> Read {
        if self.sources.has_changed().unwrap_or(false) {
            self.follow();
        }
        Scratch::with(|scratch| {
            let mut buffer = if self.incomplete.len() > COPIED_BYTES_MAX {
                std::mem::take(&mut self.incomplete)
            } else {
                let mut buffer = std::mem::take(&mut scratch.read);
                buffer.clear();
                buffer.extend_from_slice(&self.incomplete);
                buffer
            };
            let before = buffer.len();
            buffer.reserve(READ_BYTES);
            let read = if self.stop.is_cancelled() {
                self.read_now(&mut buffer)
            } else {
                self.stream.try_read_buf(&mut buffer)
            };
            let read = match read {
                Ok(0) => {
                    self.ended = true;
                    Read::End
                }
                Ok(_) => Read::Some,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Read::Empty,
                Err(error) => {
                    debug!(peer = %self.peer, %error, "connection lost");
                    Read::End
                }
            };
            let consumed = if buffer.len() > before {
                self.deliver(&buffer, buffer.len() - before, scratch)
            } else {
                0
            };
            if before > COPIED_BYTES_MAX {
                buffer.drain(..consumed);
                if buffer.len() <= COPIED_BYTES_MAX {
                    buffer.shrink_to_fit();
                }
                self.incomplete = buffer;
            } else {
                self.incomplete.clear();
                self.incomplete.extend_from_slice(&buffer[consumed..]);
                scratch.read = buffer;
            }
            if self.incomplete.is_empty() && self.incomplete.capacity() > 0 {
                // An idle connection owns nothing.
                self.incomplete = Vec::new();
            }
            if self.charge.set(self.incomplete.capacity()) {
                read
            } else {
                self.source.refuse(self.peer.ip(), Refusal::IncompleteMax);
                Read::End
            }
        })
    }

    /// Reads from the socket itself: the runtime learns with a delay that there is something, and at the end that would be too
    /// late.
    fn read_now(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let before = buffer.len();
        buffer.resize(before + READ_BYTES, 0);
        let socket = SockRef::from(&self.stream);
        let read = (&*socket).read(&mut buffer[before..]);
        buffer.truncate(before + read.as_ref().copied().unwrap_or(0));
        read
    }

    /// Sends the frames of a buffer on their way, of which `new` bytes were not seen before; how many bytes they had.
    fn deliver(&mut self, buffer: &[u8], new: usize, scratch: &mut Scratch) -> usize {
        let mut batch = self.source.batch(scratch, &mut self.held_back);
        let mut at = 0;
        loop {
            match self.framer.next(&buffer[at..]) {
                Step::Frame { frame, consumed } => {
                    batch.message(frame.bytes, frame.truncated, self.peer, &mut self.zone);
                    at += consumed;
                }
                Step::BadOctetCount { consumed } => at += consumed,
                Step::NeedMore { consumed } => {
                    at += consumed;
                    break;
                }
            }
        }
        self.source.count(new, &batch.finish());
        self.source.count_framing(self.peer.ip(), self.framer.take_counters());
        at
    }

    /// The last frame of a connection that ended without ending it. Of a line that its sender did not end nobody knows whether
    /// it is whole; one that we did not read to its end is not.
    fn deliver_incomplete(&mut self) {
        let incomplete = std::mem::take(&mut self.incomplete);
        let Some(frame) = self.framer.finish(&incomplete) else {
            return;
        };
        let tally = Scratch::with(|scratch| {
            let mut batch = self.source.batch(scratch, &mut self.held_back);
            batch.message(frame.bytes, frame.truncated || !self.ended, self.peer, &mut self.zone);
            batch.finish()
        });
        self.source.count(0, &tally);
    }
}
