//! RELP, the Reliable Event Logging Protocol, as librelp speaks it: the server's side of a session.
//!
//! A client sends commands with ascending transaction numbers, messages among them, and keeps each message until the command
//! was answered. Bytes come from a connection's read buffer, as for a [`Framer`](crate::framing::Framer); messages go on as they
//! are, and answers come out as bytes to be written. For each connection:
//! 1. Read behind what is left in the buffer, and hand all of it to [`Session::next`] until it says [`Step::NeedMore`].
//! 2. Remember how many commands were [received](Session::received) with which messages.
//! 3. When these messages are safe, let [`Session::answer`] write the answers up to that number.
//! 4. Before the connection is closed, whoever closes it, let [`Session::server_close`] tell the client.
//!
//! Answers come in the order of the commands, whatever they are: a `close` is answered when all messages before it are.
//!
//! **Where librelp differs from its specification**, this is as librelp: its version is 0, an `open` within a session is
//! answered and changes nothing, a message outside of a session is answered by 500 and dropped, and what is no RELP ends the
//! session without an answer. What is longer than `message-max` is cut there, as in the other inputs.

pub mod client;
mod header;
mod offers;

use std::collections::VecDeque;

use crate::framing::Frame;
use crate::template::digits::push_padded;

use header::{Command, Header};
use offers::Offers;

/// Data of commands other than `syslog`: librelp's offers have about 100 bytes.
const COMMAND_DATA_BYTES_MAX: usize = 4096;

/// The last transaction number; 1 comes after it.
const TXNR_MAX: u64 = 999_999_999;

/// The version that librelp has, which refuses greater ones.
const VERSION: u32 = 0;

/// The server's side of a session.
#[derive(Debug, Clone)]
pub struct Session {
    message_bytes_max: usize,
    software: Box<str>,
    state: State,
    phase: Phase,
    /// Commands that have come, and those of them that are answered: the transaction number follows from the ordinal.
    received: u64,
    answered: u64,
    /// The ordinals of commands that are answered otherwise than a message is, and how.
    others: VecDeque<(u64, Answer)>,
    counters: Counters,
}

/// Where in the stream the next byte stands.
#[derive(Debug, Clone, Copy)]
enum State {
    /// Before a frame.
    Start,
    /// In the data of a message whose beginning was delivered; this many bytes are left of it.
    RestOfData { left: usize },
    /// Before the line feed that ends a frame.
    Trailer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was agreed on yet.
    New,
    /// Messages are taken.
    Open,
    /// Nothing more is taken.
    Ended(End),
}

/// An answer that is not just "200 OK".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// To the first `open`.
    Opened,
    /// To another one.
    AlreadyOpen,
    /// To an `open` whose offers can't be read.
    BadOffers,
    /// To one that doesn't offer to send messages.
    NoSyslog,
    /// To a message outside of a session.
    Disabled,
    /// To `close`.
    Closed,
}

/// What comes next in a stream. `consumed` is how many bytes the caller has to drop from the beginning of its buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'b> {
    /// A message is in the buffer.
    Message {
        /// The message. It lies within the bytes to be dropped.
        frame: Frame<'b>,
        /// Bytes to drop after the message was used.
        consumed: usize,
    },
    /// The rest of the buffer is no whole frame.
    NeedMore {
        /// Bytes to drop. A buffer of [`Session::buffer_bytes_min`] has room for more bytes then.
        consumed: usize,
    },
    /// Nothing more is to be read: the connection is to be closed when all that was received is answered.
    End(End),
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The client closes it.
    Closed,
    /// Its `open` was refused.
    Refused,
    /// What it sends is not RELP.
    Violation(Violation),
}

/// What a client does that is not RELP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// A frame's header is not one.
    Header,
    /// A transaction number is not the next one.
    TransactionNumber,
    /// A command that no client has, or that we don't know.
    Command,
    /// A command that is no message has more data than there are offers.
    TooLong,
    /// There is no line feed where a frame has to end.
    Trailer,
}

/// What happened in a stream that its sender did not mean to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Messages that were longer than `message-max` and cut there.
    pub truncated: u64,
    /// Bytes of theirs that were thrown away.
    pub discarded_bytes: u64,
    /// Messages outside of a session: refused, so that their sender still has them.
    pub refused: u64,
}

impl Violation {
    /// Its name in metrics.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::TransactionNumber => "transaction-number",
            Self::Command => "command",
            Self::TooLong => "too-long",
            Self::Trailer => "trailer",
        }
    }

    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Header,
        Self::TransactionNumber,
        Self::Command,
        Self::TooLong,
        Self::Trailer,
    ];
}

impl Session {
    /// A session at the beginning of a connection. What is longer than `message_bytes_max` is cut there. `software` is how we
    /// call ourselves: a name and a version, with a comma between.
    #[must_use]
    pub fn new(message_bytes_max: usize, software: &str) -> Self {
        Self {
            message_bytes_max,
            software: software.into(),
            state: State::Start,
            phase: Phase::New,
            received: 0,
            answered: 0,
            others: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// The smallest buffer that never fills up: a frame with the longest data that is not cut.
    #[must_use]
    pub fn buffer_bytes_min(&self) -> usize {
        header::BYTES_MAX + self.message_bytes_max.max(COMMAND_DATA_BYTES_MAX) + 1
    }

    /// How many commands have come.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// How many of them are not answered yet.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.received - self.answered
    }

    /// What was counted since the last call.
    pub fn take_counters(&mut self) -> Counters {
        std::mem::take(&mut self.counters)
    }

    /// Finds what comes next. `buffer` begins with what the step before has not consumed, followed by new bytes.
    pub fn next<'b>(&mut self, buffer: &'b [u8]) -> Step<'b> {
        let mut at = 0;
        loop {
            if let Phase::Ended(end) = self.phase {
                return Step::End(end);
            }
            let rest = &buffer[at..];
            match self.state {
                State::RestOfData { left } => {
                    let discarded = left.min(rest.len());
                    self.counters.discarded_bytes += discarded as u64;
                    at += discarded;
                    if discarded < left {
                        self.state = State::RestOfData { left: left - discarded };
                        return Step::NeedMore { consumed: at };
                    }
                    self.state = State::Trailer;
                }
                State::Trailer => match rest.first() {
                    None => return Step::NeedMore { consumed: at },
                    Some(b'\n') => {
                        at += 1;
                        self.state = State::Start;
                    }
                    Some(_) => self.violate(Violation::Trailer),
                },
                State::Start => match Header::read(rest) {
                    Ok(None) => return Step::NeedMore { consumed: at },
                    Ok(Some(header)) => {
                        if let Err(violation) = self.check(&header) {
                            self.violate(violation);
                            continue;
                        }
                        let data = &rest[header.length..];
                        let needed = header.data_bytes.min(self.data_bytes_max(header.command));
                        if data.len() < needed {
                            return Step::NeedMore { consumed: at };
                        }
                        let is_cut = needed < header.data_bytes;
                        if !is_cut {
                            match data.get(needed) {
                                None => return Step::NeedMore { consumed: at },
                                Some(b'\n') => {}
                                Some(_) => {
                                    self.violate(Violation::Trailer);
                                    continue;
                                }
                            }
                        }
                        // The line feed goes with the next step, like what was cut off.
                        self.state = if is_cut {
                            State::RestOfData {
                                left: header.data_bytes - needed,
                            }
                        } else {
                            State::Trailer
                        };
                        at += header.length + needed;
                        let data = &data[..needed];
                        if self.take(&header, data) {
                            self.counters.truncated += u64::from(is_cut);
                            return Step::Message {
                                frame: Frame {
                                    bytes: data,
                                    truncated: is_cut,
                                },
                                consumed: at,
                            };
                        }
                    }
                    Err(violation) => self.violate(violation),
                },
            }
        }
    }

    /// Writes the answers to the commands up to the one of this ordinal, as far as they are not written yet.
    pub fn answer(&mut self, up_to: u64, out: &mut Vec<u8>) {
        let up_to = up_to.min(self.received);
        while self.answered < up_to {
            self.answered += 1;
            push_padded(out, txnr(self.answered), 1);
            match self.others.front() {
                Some(&(ordinal, answer)) if ordinal == self.answered => {
                    self.others.pop_front();
                    self.push_other(answer, out);
                }
                _ => out.extend_from_slice(b" rsp 6 200 OK\n"),
            }
        }
    }

    /// Tells the client that the connection is closed, as a hint of the transaction 0.
    pub fn server_close(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"0 serverclose 0\n");
    }

    /// Whether a frame may come with this header.
    fn check(&self, header: &Header) -> Result<(), Violation> {
        // The transaction number of hints, which nobody answers.
        if header.txnr != 0 && header.txnr != txnr(self.received + 1) {
            return Err(Violation::TransactionNumber);
        }
        match header.command {
            Command::Unknown if header.txnr != 0 => Err(Violation::Command),
            Command::Open | Command::Close | Command::Unknown if header.data_bytes > COMMAND_DATA_BYTES_MAX => {
                Err(Violation::TooLong)
            }
            Command::Syslog | Command::Open | Command::Close | Command::Unknown => Ok(()),
        }
    }

    fn data_bytes_max(&self, command: Command) -> usize {
        match command {
            Command::Syslog => self.message_bytes_max,
            Command::Open | Command::Close | Command::Unknown => COMMAND_DATA_BYTES_MAX,
        }
    }

    /// Takes a whole frame; whether it is a message to be sent on its way.
    fn take(&mut self, header: &Header, data: &[u8]) -> bool {
        if header.txnr == 0 {
            // A hint that has no meaning yet. librelp takes a message all the same, and so nothing that was sent is lost.
            return header.command == Command::Syslog && self.phase == Phase::Open && !data.is_empty();
        }
        self.received += 1;
        let answer = match (header.command, self.phase) {
            // One without a byte is answered, and nothing is made of it.
            (Command::Syslog, Phase::Open) => return !data.is_empty(),
            (Command::Syslog, _) => {
                self.counters.refused += 1;
                Answer::Disabled
            }
            (Command::Open, Phase::Open) => Answer::AlreadyOpen,
            (Command::Open, _) => match Offers::read(data) {
                Ok(offers) if offers.syslog => {
                    self.phase = Phase::Open;
                    Answer::Opened
                }
                Ok(_) => self.refuse(Answer::NoSyslog),
                Err(_) => self.refuse(Answer::BadOffers),
            },
            (Command::Close | Command::Unknown, _) => {
                self.phase = Phase::Ended(End::Closed);
                Answer::Closed
            }
        };
        self.others.push_back((self.received, answer));
        false
    }

    fn refuse(&mut self, answer: Answer) -> Answer {
        self.phase = Phase::Ended(End::Refused);
        answer
    }

    fn violate(&mut self, violation: Violation) {
        self.phase = Phase::Ended(End::Violation(violation));
    }

    /// Writes an answer behind its transaction number.
    fn push_other(&self, answer: Answer, out: &mut Vec<u8>) {
        let offers;
        let data = match answer {
            Answer::Opened => {
                let software = &self.software;
                offers = format!("200 OK\nrelp_version={VERSION}\nrelp_software={software}\ncommands=syslog");
                offers.as_str()
            }
            Answer::AlreadyOpen => "200 connection already open - ignored",
            Answer::BadOffers => "500 offers that can't be read",
            Answer::NoSyslog => "500 required command not supported by client",
            Answer::Disabled => "500 command disabled",
            Answer::Closed => "",
        };
        out.extend_from_slice(b" rsp ");
        push_padded(out, data.len() as u64, 1);
        if !data.is_empty() {
            out.push(b' ');
            out.extend_from_slice(data.as_bytes());
        }
        out.push(b'\n');
    }
}

/// The transaction number of the command of an ordinal.
fn txnr(ordinal: u64) -> u64 {
    (ordinal - 1) % TXNR_MAX + 1
}

#[cfg(test)]
mod tests;
