//! Sending over a stream: records are put onto it as long as it takes them, and acknowledged to their source as they arrive.

use std::fmt;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use logd_core::failover::Failed;
use logd_core::relp::client::Failure;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::link::{Link, Stream};
use super::probe::Probe;
use super::protocol::Protocol;
use super::{Ended, Framing, Sender};

/// Put onto a stream at once: as much as one system call takes well.
const OUT_BYTES: usize = 64 << 10;

/// What a server says is short.
const INPUT_BYTES: usize = 16 << 10;

/// No event says that the other end's kernel has something: it is asked after so long, and less often the longer it takes.
const ASK_FIRST: Duration = Duration::from_millis(1);
const ASK_MAX: Duration = Duration::from_millis(100);

/// How long the end of the daemon waits for what is on its way, if the spool has it too.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// What ended a connection.
#[derive(Debug)]
pub(super) enum Broken {
    /// The other end has closed it.
    Closed,
    Io(io::Error),
    Relp(Failure),
    /// It has taken nothing for so long.
    Stuck(Duration),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("it has closed the connection"),
            Self::Io(error) => error.fmt(f),
            Self::Relp(failure) => failure.fmt(f),
            Self::Stuck(time) => write!(f, "it has taken nothing for {time:?}"),
        }
    }
}

impl Broken {
    pub(super) fn how(&self) -> Failed {
        match self {
            Self::Stuck(_) => Failed::Stuck,
            Self::Closed | Self::Io(_) | Self::Relp(_) => Failed::Gone,
        }
    }
}

/// A connection at work.
pub(super) struct Conversation<'c> {
    stream: &'c mut Stream,
    protocol: Protocol,
    /// What is to be written, and how much of it is.
    out: Vec<u8>,
    out_written: usize,
    /// TLS may hold some of what was written.
    is_flushed: bool,
    input: Vec<u8>,
    /// The numbers behind the last record that was put onto the stream, and that has arrived.
    sent: u64,
    arrived: u64,
    /// When something last arrived, or there was nothing on its way.
    alive: Instant,
    acked: u64,
    /// When the kernel is asked again, and how long was waited.
    ask_at: Instant,
    ask_after: Duration,
}

/// What happened on a stream.
struct Exchanged {
    /// Bytes that were read; 0 at the end of the stream.
    read: Option<usize>,
    written: usize,
    flushed: bool,
}

/// What the next turn begins with.
enum Turn {
    Exchanged(io::Result<Exchanged>),
    /// There are records, or there will be no more.
    Ready(bool),
    Ask,
    Better(usize, Link),
    LastAnswers,
}

impl<'c> Conversation<'c> {
    /// Begins to speak, with RELP or in this framing.
    pub(super) fn new(stream: &'c mut Stream, is_relp: bool, framing: Framing) -> Self {
        let now = Instant::now();
        let mut out = Vec::new();
        let protocol = if is_relp {
            Protocol::relp(&mut out)
        } else {
            Protocol::plain(framing)
        };
        Self {
            stream,
            protocol,
            out,
            out_written: 0,
            is_flushed: false,
            input: vec![0; INPUT_BYTES],
            sent: 0,
            arrived: 0,
            alive: now,
            acked: 0,
            ask_at: now,
            ask_after: ASK_FIRST,
        }
    }

    /// Sends until the source has no more, the connection ends, or a target that is preferred is there.
    pub(super) async fn run(mut self, sender: &mut Sender, probe: Probe) -> Ended {
        let found = probe.found();
        tokio::pin!(found);
        let closed = sender.source.closed();
        let mut has_more = true;
        let mut better = None;
        let mut last_answers_by = None;
        loop {
            let is_leaving = !has_more || better.is_some();
            if is_leaving && self.is_done() {
                self.close(sender.settings.timeout).await;
                return match better {
                    Some((target, link)) => Ended::Better(target, link),
                    None => Ended::Done,
                };
            }
            let feeds = !is_leaving && self.is_written() && self.protocol.room() > 0;
            let (asks, ask_at) = (!self.is_done(), self.ask_at);
            let turn = tokio::select! {
                biased;
                exchanged = self.exchange() => Turn::Exchanged(exchanged),
                ready = sender.source.ready(), if feeds => Turn::Ready(ready),
                () = sleep_until(ask_at), if asks => Turn::Ask,
                (target, link) = &mut found, if better.is_none() => Turn::Better(target, link),
                () = cancelled(closed.as_ref()), if has_more => Turn::Ready(false),
                () = sleep_until(last_answers_by.unwrap_or(ask_at)), if last_answers_by.is_some() => Turn::LastAnswers,
            };
            let handled = match turn {
                Turn::Exchanged(exchanged) => self.handle(exchanged),
                Turn::Ready(true) => {
                    self.feed(sender);
                    Ok(())
                }
                Turn::Ready(false) => {
                    has_more = false;
                    if closed.is_some() {
                        last_answers_by = Some(Instant::now() + LAST_ANSWERS);
                    }
                    Ok(())
                }
                Turn::Ask => {
                    self.ask_after = (self.ask_after * 2).min(ASK_MAX);
                    self.ask_at = Instant::now() + self.ask_after;
                    Ok(())
                }
                Turn::Better(target, link) => {
                    better = Some((target, link));
                    Ok(())
                }
                Turn::LastAnswers => return Ended::Done,
            };
            self.look(sender);
            let looked = handled.and_then(|()| self.check(sender.settings.timeout));
            if let Err(broken) = looked {
                return Ended::Broken(broken);
            }
        }
    }

    /// Reads what there is and writes what is to be written, as soon as something of that can be done.
    async fn exchange(&mut self) -> io::Result<Exchanged> {
        poll_fn(|cx| {
            let mut done = Exchanged {
                read: None,
                written: 0,
                flushed: false,
            };
            let mut input = ReadBuf::new(&mut self.input);
            if let Poll::Ready(read) = Pin::new(&mut *self.stream).poll_read(cx, &mut input) {
                read?;
                done.read = Some(input.filled().len());
            }
            let rest = &self.out[self.out_written..];
            if !rest.is_empty() {
                if let Poll::Ready(written) = Pin::new(&mut *self.stream).poll_write(cx, rest) {
                    done.written = written?;
                }
            } else if !self.is_flushed
                && let Poll::Ready(flushed) = Pin::new(&mut *self.stream).poll_flush(cx)
            {
                flushed?;
                done.flushed = true;
            }
            if done.read.is_some() || done.written > 0 || done.flushed {
                Poll::Ready(Ok(done))
            } else {
                Poll::Pending
            }
        })
        .await
    }

    fn handle(&mut self, exchanged: io::Result<Exchanged>) -> Result<(), Broken> {
        let exchanged = exchanged.map_err(Broken::Io)?;
        if exchanged.written > 0 {
            self.out_written += exchanged.written;
            self.is_flushed = false;
            if self.out_written == self.out.len() {
                self.out.clear();
                self.out_written = 0;
            }
        }
        self.is_flushed |= exchanged.flushed;
        match exchanged.read {
            Some(0) => Err(Broken::Closed),
            Some(read) => self.protocol.handle_input(&self.input[..read]).map_err(Broken::Relp),
            None => Ok(()),
        }
    }

    fn feed(&mut self, sender: &mut Sender) {
        if self.is_done() {
            self.alive = Instant::now();
        }
        let Self {
            protocol, out, sent, ..
        } = self;
        let room = protocol.room();
        let Sender {
            source,
            ledger,
            refusals,
            ..
        } = sender;
        source.feed(room, |number, record| {
            if refusals.gives_up(number) {
                return true;
            }
            protocol.push(number, record, out);
            ledger.note(number, record.len());
            *sent = number + 1;
            out.len() < OUT_BYTES
        });
        self.is_flushed = false;
        self.ask_after = ASK_FIRST;
        self.ask_at = Instant::now() + ASK_FIRST;
    }

    /// Finds out what has arrived, and tells the source.
    fn look(&mut self, sender: &mut Sender) {
        if self.is_written() {
            self.protocol.note_written(self.stream.written(), self.sent);
        }
        if self.is_done() {
            return;
        }
        let acked = self.stream.acked();
        if acked > self.acked {
            self.acked = acked;
            self.alive = Instant::now();
        }
        if let Some(arrived) = self.protocol.arrived(acked)
            && arrived > self.arrived
        {
            self.arrived = arrived;
            self.alive = Instant::now();
            sender.acknowledge(arrived);
        }
    }

    fn check(&mut self, patience: Duration) -> Result<(), Broken> {
        if self.is_done() && self.is_written() {
            return Ok(());
        }
        if self.alive.elapsed() > patience {
            return Err(Broken::Stuck(patience));
        }
        Ok(())
    }

    /// Whether nothing is on its way.
    fn is_done(&self) -> bool {
        self.sent <= self.arrived && !self.protocol.is_opening()
    }

    fn is_written(&self) -> bool {
        self.out.is_empty() && self.is_flushed
    }

    /// Ends the session; what the other end has to say to that changes nothing.
    async fn close(mut self, patience: Duration) {
        self.protocol.close(&mut self.out);
        let closing = async {
            self.stream.write_all(&self.out).await?;
            self.stream.shutdown().await
        };
        let _ = timeout(patience.min(LAST_ANSWERS), closing).await;
    }
}

/// Never, without a token.
async fn cancelled(token: Option<&CancellationToken>) {
    match token {
        Some(token) => token.cancelled().await,
        None => pending().await,
    }
}
