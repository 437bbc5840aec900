//! The client's side of a RELP session: messages go out in commands, up to [`WINDOW`] of them unanswered, and each is the server's
//! when its answer has come.

use std::collections::VecDeque;
use std::fmt;

use super::header::{self, Command, Header};
use super::{COMMAND_DATA_BYTES_MAX, TXNR_MAX, VERSION};
use crate::template::digits::push_padded;

/// Messages without an answer, as in librelp.
pub const WINDOW: usize = 128;

/// The client's side of a session.
#[derive(Debug, Clone)]
pub struct Client {
    software: Box<str>,
    phase: Phase,
    /// The transaction number of the next command.
    txnr: u64,
    /// Messages in the order sent, and what was answered to each.
    unanswered: VecDeque<Sent>,
    /// All before this are the server's.
    acknowledged: Option<u64>,
    /// It has refused a message, in these words: what is on its way is answered, and then the session is over.
    refused: Option<Box<str>>,
    /// What has come and is no whole frame yet.
    input: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    txnr: u64,
    number: u64,
    answer: Option<Answer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Taken,
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// `open` has this transaction number and no answer yet.
    Opening,
    Open,
    /// `close` was sent.
    Closing {
        txnr: u64,
    },
    Closed,
}

/// Why a session is over before its end: what is unanswered is to be sent again in another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// What the server sends is not RELP.
    Garbage,
    /// It answers something that was not asked.
    Unasked,
    /// It refuses us, in its words.
    Refused(Box<str>),
    /// It refuses messages: all before the first of them are the server's.
    RefusedMessages {
        /// Those that it refused though it has taken one behind them: it is for the message's sake. None where it may be
        /// itself in trouble.
        numbers: Box<[u64]>,
        /// What it says to the first.
        words: Box<str>,
    },
    /// It says that it closes the connection.
    ServerClose,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Garbage => f.write_str("it does not speak RELP"),
            Self::Unasked => f.write_str("it answers what it was not asked"),
            Self::Refused(words) => write!(f, "it refuses: {words}"),
            Self::RefusedMessages { words, .. } => write!(f, "it refuses messages: {words}"),
            Self::ServerClose => f.write_str("it closes the session"),
        }
    }
}

impl std::error::Error for Failure {}

impl Client {
    /// Begins a session: its first command goes to `out`. `software` is how we call ourselves: a name and a version, with a comma
    /// between.
    pub fn open(software: &str, out: &mut Vec<u8>) -> Self {
        let mut client = Self {
            software: software.into(),
            phase: Phase::Opening,
            txnr: 1,
            unanswered: VecDeque::new(),
            acknowledged: None,
            refused: None,
            input: Vec::new(),
        };
        let offers = format!(
            "relp_version={VERSION}\nrelp_software={}\ncommands=syslog",
            client.software
        );
        client.command("open", offers.as_bytes(), out);
        client
    }

    /// How many messages may be sent now.
    #[must_use]
    pub fn room(&self) -> usize {
        match self.phase {
            Phase::Open if self.refused.is_none() => WINDOW - self.unanswered.len(),
            Phase::Open | Phase::Opening | Phase::Closing { .. } | Phase::Closed => 0,
        }
    }

    /// Sends a message: its command goes to `out`. The caller numbers its messages, in ascending order.
    ///
    /// # Panics
    /// When there is no [room](Self::room).
    pub fn message(&mut self, number: u64, message: &[u8], out: &mut Vec<u8>) {
        assert!(self.room() > 0, "the window is full");
        let txnr = self.command("syslog", message, out);
        self.unanswered.push_back(Sent {
            txnr,
            number,
            answer: None,
        });
    }

    /// Whether all messages have been answered.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// Ends the session when all is answered.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if matches!(self.phase, Phase::Opening | Phase::Open) {
            let txnr = self.command("close", b"", out);
            self.phase = Phase::Closing { txnr };
        }
    }

    /// Whether the server has answered to [`Client::close`].
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// The number behind the last message up to which the server has all of them, once it has any.
    #[must_use]
    pub fn acknowledged(&self) -> Option<u64> {
        self.acknowledged
    }

    /// Takes what has come from the server.
    ///
    /// # Errors
    /// When the session is over. What was acknowledged before is known all the same.
    pub fn handle_input(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.input.extend_from_slice(bytes);
        let input = std::mem::take(&mut self.input);
        let mut rest = input.as_slice();
        loop {
            // Between frames; there may be more of them than there should be.
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            let Some(header) = Header::read(rest).map_err(|_| Failure::Garbage)? else {
                break;
            };
            if header.data_bytes > COMMAND_DATA_BYTES_MAX {
                return Err(Failure::Garbage);
            }
            let end = header.length + header.data_bytes;
            // With its line feed: there is nothing to wait for that does not come.
            if rest.len() <= end {
                break;
            }
            if rest[end] != b'\n' {
                return Err(Failure::Garbage);
            }
            self.handle_frame(&header, &rest[header.length..end])?;
            rest = &rest[end..];
        }
        if rest.len() > header::BYTES_MAX + COMMAND_DATA_BYTES_MAX {
            return Err(Failure::Garbage);
        }
        self.input = rest.to_vec();
        Ok(())
    }

    fn handle_frame(&mut self, header: &Header, data: &[u8]) -> Result<(), Failure> {
        // A server has hints and answers.
        if header.command != Command::Unknown {
            return Err(Failure::Garbage);
        }
        if header.txnr == 0 {
            return Err(Failure::ServerClose);
        }
        let is_good = data.starts_with(b"200");
        match self.phase {
            Phase::Opening if header.txnr == 1 => {
                if !is_good {
                    return Err(Failure::Refused(words(data)));
                }
                self.phase = Phase::Open;
                return Ok(());
            }
            // An answer to `close` says nothing.
            Phase::Closing { txnr } if txnr == header.txnr => {
                self.phase = Phase::Closed;
                return Ok(());
            }
            Phase::Opening | Phase::Open | Phase::Closing { .. } | Phase::Closed => {}
        }
        let sent = self.unanswered.iter_mut().find(|sent| sent.txnr == header.txnr);
        let sent = sent.filter(|sent| sent.answer.is_none()).ok_or(Failure::Unasked)?;
        if is_good {
            sent.answer = Some(Answer::Taken);
        } else {
            sent.answer = Some(Answer::Refused);
            self.refused.get_or_insert_with(|| words(data));
        }
        while let Some(first) = self
            .unanswered
            .front()
            .filter(|sent| sent.answer == Some(Answer::Taken))
        {
            self.acknowledged = Some(first.number + 1);
            self.unanswered.pop_front();
        }
        match &self.refused {
            Some(words) if self.unanswered.iter().all(|sent| sent.answer.is_some()) => Err(Failure::RefusedMessages {
                numbers: self.refused_before_taken(),
                words: words.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Messages that were refused, and one behind them was not.
    fn refused_before_taken(&self) -> Box<[u64]> {
        let is_taken = |sent: &Sent| sent.answer == Some(Answer::Taken);
        let last = self.unanswered.iter().rposition(is_taken).unwrap_or(0);
        let before = self.unanswered.iter().take(last);
        before.filter(|sent| !is_taken(sent)).map(|sent| sent.number).collect()
    }

    fn command(&mut self, command: &str, data: &[u8], out: &mut Vec<u8>) -> u64 {
        let txnr = self.txnr;
        self.txnr = txnr % TXNR_MAX + 1;
        push_padded(out, txnr, 1);
        out.push(b' ');
        out.extend_from_slice(command.as_bytes());
        out.push(b' ');
        push_padded(out, data.len() as u64, 1);
        if !data.is_empty() {
            out.push(b' ');
            out.extend_from_slice(data);
        }
        out.push(b'\n');
        txnr
    }
}

/// The server's words, as far as they are fit for a log.
fn words(data: &[u8]) -> Box<str> {
    const WORDS_MAX: usize = 80;
    let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line[..line.len().min(WORDS_MAX)].escape_ascii().to_string().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Session, Step};
    use super::*;

    fn opened() -> Client {
        let mut out = Vec::new();
        let mut client = Client::open("logd,1", &mut out);
        assert_eq!(
            out,
            b"1 open 51 relp_version=0\nrelp_software=logd,1\ncommands=syslog\n"
        );
        assert_eq!(client.room(), 0, "nothing is sent before the answer");
        client
            .handle_input(b"1 rsp 66 200 OK\nrelp_version=0\nrelp_software=librelp,1.11.0\ncommands=syslog\n")
            .unwrap();
        client
    }

    #[test]
    fn messages_are_acknowledged_up_to_the_first_without_an_answer() {
        let mut client = opened();
        let mut out = Vec::new();
        for number in 7..10 {
            client.message(number, b"<13>x", &mut out);
        }
        assert_eq!(out, b"2 syslog 5 <13>x\n3 syslog 5 <13>x\n4 syslog 5 <13>x\n");
        client.handle_input(b"3 rsp 6 200 OK\n").unwrap();
        assert_eq!(client.acknowledged(), None);
        client.handle_input(b"2 rsp 6 200 OK\n4 rsp 6 20").unwrap();
        assert_eq!((client.acknowledged(), client.is_idle()), (Some(9), false));
        client.handle_input(b"0 OK\n").unwrap();
        assert_eq!((client.acknowledged(), client.is_idle()), (Some(10), true));
    }

    #[test]
    fn the_window_is_that_of_librelp() {
        let mut client = opened();
        let mut out = Vec::new();
        while client.room() > 0 {
            client.message(1, b"", &mut out);
        }
        assert_eq!(client.unanswered.len(), 128);
        client.handle_input(b"2 rsp 6 200 OK\n").unwrap();
        assert_eq!(client.room(), 1);
    }

    #[test]
    fn a_session_that_goes_wrong_ends() {
        for (input, failure) in [
            (&b"<13>x\n"[..], Failure::Garbage),
            (b"2 rsp 3 500x", Failure::Garbage),
            (b"2 open 0\n", Failure::Garbage),
            (b"9 rsp 6 200 OK\n", Failure::Unasked),
            (
                b"2 rsp 8 500 no\x07!\n",
                Failure::RefusedMessages {
                    numbers: [].into(),
                    words: "500 no\\x07!".into(),
                },
            ),
            (b"0 serverclose 0\n", Failure::ServerClose),
            (b"2 rsp 99999 ", Failure::Garbage),
        ] {
            let mut client = opened();
            client.message(1, b"x", &mut Vec::new());
            assert_eq!(client.handle_input(input), Err(failure), "{}", input.escape_ascii());
        }
        let mut client = Client::open("logd,1", &mut Vec::new());
        let refused = client.handle_input(b"1 rsp 6 500 no\n");
        assert_eq!(refused, Err(Failure::Refused("500 no".into())));
    }

    #[test]
    fn a_session_with_a_refused_message_ends_when_all_that_was_sent_is_answered() {
        let mut client = opened();
        for number in 7..12 {
            client.message(number, b"x", &mut Vec::new());
        }
        client.handle_input(b"3 rsp 6 500 no\n4 rsp 6 200 OK\n").unwrap();
        assert_eq!((client.acknowledged(), client.room()), (None, 0));
        client.handle_input(b"2 rsp 6 200 OK\n6 rsp 9 500 never\n").unwrap();
        assert_eq!(client.acknowledged(), Some(8), "all before it are the server's");
        let refused = Failure::RefusedMessages {
            numbers: [8].into(),
            words: "500 no".into(),
        };
        assert_eq!(
            client.handle_input(b"5 rsp 6 200 OK\n"),
            Err(refused),
            "not 11, with none behind it"
        );
        assert_eq!(client.acknowledged(), Some(8));
    }

    #[test]
    fn a_session_ends_when_its_close_is_answered() {
        let mut client = opened();
        let mut out = Vec::new();
        client.close(&mut out);
        assert_eq!(out, b"2 close 0\n");
        assert!(!client.is_closed());
        client.handle_input(b"2 rsp 0\n0 serverclose 0\n").unwrap_err();
        assert!(client.is_closed());
    }

    proptest! {
        #[test]
        fn a_client_and_a_server_of_ours_agree(
            messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 1..300),
            cut in 1_usize..50,
        ) {
            let mut to_server = Vec::new();
            let mut client = Client::open("logd,1", &mut to_server);
            let mut server = Session::new(1000, "logd,1");
            let (mut left, mut received) = (messages.iter().enumerate(), Vec::new());
            while received.len() < messages.len() || !client.is_idle() {
                while client.room() > 0 {
                    let Some((number, message)) = left.next() else { break };
                    client.message(number as u64, message, &mut to_server);
                }
                loop {
                    match server.next(&to_server) {
                        Step::Message { frame, consumed } => {
                            received.push(frame.bytes.to_vec());
                            to_server.drain(..consumed);
                        }
                        Step::NeedMore { consumed } => {
                            to_server.drain(..consumed);
                            break;
                        }
                        Step::End(end) => panic!("{end:?}"),
                    }
                }
                let mut answers = Vec::new();
                server.answer(server.received(), &mut answers);
                for part in answers.chunks(cut) {
                    client.handle_input(part).unwrap();
                }
            }
            prop_assert_eq!(received, messages.clone());
            prop_assert_eq!(client.acknowledged(), Some(messages.len() as u64));
        }
    }
}
