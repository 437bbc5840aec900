//! The input `relp`: sessions of RELP, in which each message is answered when it is safe.
//!
//! What was read at one time is a batch with one receipt; when the receipt is settled, all its messages are answered with one
//! write. A sender has at most a window of messages under way, 128 with librelp, and waits then. So as soon as there is nothing
//! more to read, what was read is written out, rather than when a buffer is full or due: but not before the other connections of
//! this core have had their turn, so that one write takes the lines of all of them. While a file is synced, what comes in
//! meanwhile waits for one sync together.
//!
//! A sender whose connection ends before it has its answers sends those messages again: each comes at least once.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::time::{Duration, Instant};

use logd_core::relp::{End, Session, Step};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::reader::{Read, Reader};
use super::sender::Sender;
use super::source::Refusal;
use super::transport::{Ask, Transport};
use crate::output::{Receipt, Standing};

/// What we call ourselves.
const SOFTWARE: &str = concat!("logd,", env!("CARGO_PKG_VERSION"));

/// Messages of a session that are not answered, beyond which nothing is read: many windows of librelp, few answers to keep.
const UNANSWERED_MAX: u64 = 16 << 10;

/// Answers that a sender does not read, beyond which nothing is read from it.
const ANSWERS_BYTES_MAX: usize = 64 << 10;

/// How often a sender is looked at that waits for answers: one that has given up and comes again must not leave a connection
/// behind each time.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How long a sender that has ended its side, and may read on, is kept waiting for answers.
const ENDED_MAX: Duration = Duration::from_secs(5);

/// How long we wait for a sender to end its side after we have: what it still sends would make the system throw away the answers
/// that are on their way.
const LINGER: Duration = Duration::from_millis(500);

struct Connection {
    session: Session,
    reader: Reader,
    sender: Sender,
    /// In the order in which they came.
    batches: VecDeque<Batch>,
    /// What is to be sent, and whether something of it waits for the sender to read.
    answers: Vec<u8>,
    is_blocked: bool,
}

/// Messages that were read at one time.
struct Batch {
    /// The ordinal of the last one.
    up_to: u64,
    receipt: Receipt,
    /// It was seen to that it is written soon.
    hastened: bool,
}

/// What has happened.
enum Event {
    /// There may be something to read; or the sender was silent for too long.
    Readable(bool),
    /// The first batch is safe, or may be lost.
    Settled,
    /// More can be sent.
    Writable,
    /// Time to look whether the sender is still there.
    Look,
}

/// The sender is gone, or what it has sent can't be said to be safe: it will send again what was not answered.
struct Gone;

/// Serves a connection to its end.
pub(super) async fn serve(transport: Transport, sender: Sender) {
    let mut connection = Connection {
        session: Session::new(sender.source.input.message_bytes_max, SOFTWARE),
        reader: Reader::new(transport, sender.service.incomplete.charge()),
        sender,
        batches: VecDeque::new(),
        answers: Vec::new(),
        is_blocked: false,
    };
    let abandon = connection.sender.service.abandon.child_token();
    tokio::select! {
        biased;
        () = abandon.cancelled() => {}
        () = connection.run() => {}
    }
    let Connection {
        session,
        reader,
        sender,
        ..
    } = &mut connection;
    sender.source.count_unacknowledged(session.unanswered());
    reader.end(sender);
}

impl Connection {
    async fn run(&mut self) {
        if self.receive().await.is_err() {
            return;
        }
        self.session.server_close(&mut self.answers);
        let goodbye = async {
            while self.send().is_ok() && self.is_blocked {
                self.reader.transport().writable().await;
            }
            self.reader.transport_mut().say_goodbye();
            self.discard().await;
        };
        // Whoever does not read, or does not end, will find out.
        let _ = timeout(LINGER, goodbye).await;
    }

    /// Reads, and answers all that was read.
    async fn receive(&mut self) -> Result<(), Gone> {
        let mut reads = true;
        let mut ended = None;
        while reads || !self.batches.is_empty() || self.is_blocked {
            match self.event(reads).await {
                Event::Readable(true) => {
                    reads = self.read().await?;
                    if !reads && self.reader.has_ended() {
                        ended = Some(Instant::now());
                    }
                }
                // It was silent because it waits for us.
                Event::Readable(false) => reads = !self.batches.is_empty() || self.is_blocked,
                Event::Settled => self.answer()?,
                Event::Writable => self.send()?,
                Event::Look => {
                    let may_read_on = ended.is_some_and(|ended: Instant| ended.elapsed() < ENDED_MAX);
                    if self.reader.transport().is_gone() && !may_read_on {
                        return Err(Gone);
                    }
                }
            }
            // While there is always something to do, the others shall have their turn.
            tokio::task::consume_budget().await;
        }
        Ok(())
    }

    async fn event(&mut self, reads: bool) -> Event {
        let Self {
            session,
            reader,
            sender,
            batches,
            answers,
            is_blocked,
        } = self;
        let transport = reader.transport();
        let first = batches.front();
        let reads = reads && session.unanswered() < UNANSWERED_MAX && answers.len() < ANSWERS_BYTES_MAX;
        let readable = async {
            sender.room().await;
            sender.stop.is_cancelled() || sender.readable(transport).await
        };
        let settled = async {
            match first {
                Some(batch) => batch.receipt.settled().await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = settled => Event::Settled,
            () = transport.writable(), if *is_blocked => Event::Writable,
            readable = readable, if reads => Event::Readable(readable),
            () = sleep(LOOK_EVERY), if first.is_some() || *is_blocked => Event::Look,
        }
    }

    /// Reads what is there, once, and sends the messages in it on their way; whether there is more to come.
    async fn read(&mut self) -> Result<bool, Gone> {
        let Self {
            session,
            reader,
            sender,
            batches,
            ..
        } = self;
        sender.follow_if_changed();
        let before = session.received();
        let mut receipt = Receipt::default();
        let mut end = None;
        let read = reader.read(sender, |sender, buffer, new, scratch| {
            let peer = sender.peer;
            let (batch, zone) = sender.batch(scratch);
            let mut batch = batch.with_receipt(&mut receipt);
            let mut at = 0;
            while end.is_none() {
                match session.next(&buffer[at..]) {
                    Step::Message { frame, consumed } => {
                        batch.message(frame.bytes, frame.truncated, peer, zone);
                        at += consumed;
                    }
                    Step::NeedMore { consumed } => {
                        at += consumed;
                        break;
                    }
                    Step::End(how) => {
                        end = Some(how);
                        at = buffer.len();
                    }
                }
            }
            let tally = batch.finish();
            sender.source.count(new, &tally);
            sender.source.count_relp(session.take_counters());
            at
        });
        if session.received() > before {
            batches.push_back(Batch {
                up_to: session.received(),
                receipt,
                hastened: false,
            });
        }
        if let Some(End::Violation(violation)) = end {
            sender.source.count_violation(sender.peer.ip(), violation);
        }
        if read == Read::TooMuch {
            sender.refuse(Refusal::IncompleteMax);
        }
        let is_stopped = sender.stop.is_cancelled();
        let more = match read {
            Read::Some | Read::All => end.is_none(),
            Read::Empty => end.is_none() && !is_stopped,
            Read::End | Read::TooMuch => false,
        };
        // Whoever is not read from any more waits for answers as well.
        let is_held = session.unanswered() >= UNANSWERED_MAX || sender.is_held_back();
        if read != Read::Some || !more || is_held {
            self.hasten().await?;
        }
        Ok(more)
    }

    /// Has written what was read, once the other connections have had their turn, and answers what is safe then.
    async fn hasten(&mut self) -> Result<(), Gone> {
        if self.batches.iter().all(|batch| batch.hastened) {
            return Ok(());
        }
        yield_now().await;
        for batch in self.batches.iter_mut().filter(|batch| !batch.hastened) {
            batch.receipt.hasten(&self.sender.service.store);
            batch.hastened = true;
        }
        self.answer()
    }

    /// Answers the messages that are safe.
    fn answer(&mut self) -> Result<(), Gone> {
        while let Some(first) = self.batches.front() {
            match first.receipt.standing() {
                Standing::Pending => break,
                Standing::Lost => {
                    self.sender.source.warn_lost(self.sender.peer.ip());
                    return Err(Gone);
                }
                Standing::Settled => {
                    self.session.answer(first.up_to, &mut self.answers);
                    self.batches.pop_front();
                }
            }
        }
        self.send()
    }

    /// Sends what can be sent without waiting.
    fn send(&mut self) -> Result<(), Gone> {
        if self.answers.is_empty() && !self.is_blocked {
            return Ok(());
        }
        match self.reader.transport_mut().send(&mut self.answers) {
            Ok(all) => {
                self.is_blocked = !all;
                Ok(())
            }
            Err(error) => {
                debug!(peer = %self.sender.peer, %error, "connection lost");
                Err(Gone)
            }
        }
    }

    /// Reads on, for nothing, until the sender has ended its side.
    async fn discard(&mut self) {
        let transport = self.reader.transport_mut();
        let mut nothing = Vec::new();
        loop {
            transport.readable().await;
            nothing.clear();
            match transport.read(&mut nothing, Ask::Runtime) {
                Ok(chunk) if chunk.bytes == 0 => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}
