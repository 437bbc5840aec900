//! How records are put onto a stream, and how it becomes known that the other end has them.

use std::collections::VecDeque;
use std::io::Write as _;

use logd_core::relp::client::{Client, Failure};

use super::Framing;

/// What is spoken over a stream.
pub(super) enum Protocol {
    /// Syslog over TCP or TLS: only the kernels say what has arrived.
    Plain {
        framing: Framing,
        /// Where in what was written to the connection records end, by the number behind the last one.
        ends: VecDeque<(u64, u64)>,
    },
    /// RELP: the server says it of each message.
    Relp(Box<Client>),
}

/// How we call ourselves.
const SOFTWARE: &str = concat!("logd,", env!("CARGO_PKG_VERSION"));

impl Protocol {
    /// Syslog, framed like this.
    pub(super) fn plain(framing: Framing) -> Self {
        Self::Plain {
            framing,
            ends: VecDeque::new(),
        }
    }

    /// A session of RELP, whose beginning goes to `out`.
    pub(super) fn relp(out: &mut Vec<u8>) -> Self {
        Self::Relp(Box::new(Client::open(SOFTWARE, out)))
    }

    /// How many records may be put onto the stream.
    pub(super) fn room(&self) -> usize {
        match self {
            Self::Plain { .. } => usize::MAX,
            Self::Relp(client) => client.room(),
        }
    }

    /// Puts a record onto the stream.
    pub(super) fn push(&mut self, number: u64, record: &[u8], out: &mut Vec<u8>) {
        // A template for files ends its lines.
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        match self {
            Self::Plain { framing, .. } => push_framed(*framing, record, out),
            Self::Relp(client) => client.message(number, record, out),
        }
    }

    /// All that was put onto the stream was written to the connection, up to this place of it; the last record was the one before
    /// this number.
    pub(super) fn note_written(&mut self, written: u64, number: u64) {
        if let Self::Plain { ends, .. } = self
            && ends.back().is_none_or(|(_, last)| *last < number)
        {
            ends.push_back((written, number));
        }
    }

    /// The number behind the last record that has arrived, if any has since the last time. `acked`: so much of the connection has.
    pub(super) fn arrived(&mut self, acked: u64) -> Option<u64> {
        match self {
            Self::Plain { ends, .. } => {
                let mut arrived = None;
                while let Some((_, number)) = ends.front().filter(|(end, _)| *end <= acked) {
                    arrived = Some(*number);
                    ends.pop_front();
                }
                arrived
            }
            Self::Relp(client) => client.acknowledged(),
        }
    }

    /// Takes what came back.
    pub(super) fn handle_input(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            // Nothing is said there that we have to hear.
            Self::Plain { .. } => Ok(()),
            Self::Relp(client) => client.handle_input(bytes),
        }
    }

    /// Ends the session.
    pub(super) fn close(&mut self, out: &mut Vec<u8>) {
        if let Self::Relp(client) = self {
            client.close(out);
        }
    }

    /// Whether it has to be spoken before records can be sent.
    pub(super) fn is_opening(&self) -> bool {
        match self {
            Self::Plain { .. } => false,
            Self::Relp(client) => client.is_idle() && client.room() == 0,
        }
    }
}

/// RFC 6587 §3.4.
fn push_framed(framing: Framing, record: &[u8], out: &mut Vec<u8>) {
    match framing {
        // No frame is that short.
        _ if record.is_empty() => {}
        Framing::OctetCounted => {
            // To memory, which takes it.
            let _ = write!(out, "{} ", record.len());
            out.extend_from_slice(record);
        }
        Framing::Newline => {
            let start = out.len();
            out.extend_from_slice(record);
            // One within a record would end it: it comes of a template, as messages have theirs escaped.
            for byte in &mut out[start..] {
                if *byte == b'\n' {
                    *byte = b' ';
                }
            }
            out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6587_both_framings() {
        let framed = |framing, record: &[u8]| {
            let mut protocol = Protocol::plain(framing);
            let mut out = Vec::new();
            protocol.push(1, record, &mut out);
            out
        };
        assert_eq!(framed(Framing::Newline, b"<13>one\ntwo\n"), b"<13>one two\n");
        assert_eq!(framed(Framing::OctetCounted, b"<13>one\ntwo\n"), b"11 <13>one\ntwo");
        assert_eq!(framed(Framing::OctetCounted, b""), b"");
    }

    #[test]
    fn a_record_has_arrived_when_its_last_byte_has() {
        let mut protocol = Protocol::plain(Framing::Newline);
        protocol.note_written(100, 5);
        protocol.note_written(250, 9);
        assert_eq!(protocol.arrived(99), None);
        assert_eq!(protocol.arrived(200), Some(5));
        assert_eq!(protocol.arrived(200), None);
        assert_eq!(protocol.arrived(250), Some(9));
    }
}
