//! How a question travels, and many of them under way at once.

use std::net::SocketAddr;

use super::client::{Tcp, Udp};
use super::message::{Edns, Message};
use super::question::Query;

/// How many questions are under way to a server: their answers, 1232 octets each, stay within what a socket holds by default.
const WINDOW: usize = 64;

/// A transport, and what the client says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// Over TCP.
    pub tcp: bool,
    /// The payload size of an OPT record, if there is one.
    pub edns: Option<u16>,
    /// Whether it wants DNSSEC's records.
    pub dnssec_ok: bool,
}

impl Way {
    /// Over UDP, from a client that knows nothing of EDNS.
    pub const UDP: Self = Self {
        tcp: false,
        edns: None,
        dnssec_ok: false,
    };
    /// Over TCP, from such a client.
    pub const TCP: Self = Self { tcp: true, ..Self::UDP };

    /// With an OPT record that says how much the client takes.
    #[must_use]
    pub const fn edns(self, payload: u16) -> Self {
        Self {
            edns: Some(payload),
            ..self
        }
    }

    /// With DNSSEC's records wanted.
    #[must_use]
    pub const fn dnssec_ok(self) -> Self {
        Self {
            dnssec_ok: true,
            ..self
        }
    }

    /// The OPT record.
    #[must_use]
    pub fn opt(self) -> Option<Edns> {
        self.edns.map(|payload| Edns {
            payload,
            flags: if self.dnssec_ok { Edns::DNSSEC_OK } else { 0 },
            ..Edns::plain()
        })
    }

    /// Asks a server all of this, with a number of questions under way, and gives the answers in the same order. Each query's
    /// number is its place.
    ///
    /// # Panics
    /// When an answer doesn't come or is malformed.
    #[must_use]
    pub fn ask_all(self, server: SocketAddr, queries: &[Query]) -> Vec<Message> {
        let udp = Udp::to(server);
        let tcp = Tcp::to(server);
        let mut answers: Vec<Option<Message>> = vec![None; queries.len()];
        let mut sent = 0;
        for received in 0..queries.len() {
            let until = queries.len().min(received + WINDOW);
            // Half a window at a time, so that a connection carries several in a packet.
            if sent == received || until - sent >= WINDOW / 2 {
                let numbered = queries[sent..until].iter().zip(sent..);
                let packets: Vec<Vec<u8>> = numbered
                    .map(|(query, number)| query.clone().id(place_as_id(number)).to_bytes())
                    .collect();
                if self.tcp {
                    tcp.send(packets.iter().map(Vec::as_slice))
                        .expect("the connection is open");
                } else {
                    packets.iter().for_each(|packet| udp.send(packet));
                }
                sent = until;
            }
            let bytes = if self.tcp {
                tcp.receive().expect("an answer over TCP")
            } else {
                udp.receive()
            };
            let message = Message::decode(&bytes).unwrap_or_else(|error| panic!("{error:?}: {bytes:02x?}"));
            let answer = &mut answers[usize::from(message.id)];
            assert!(answer.is_none(), "two answers to {}", queries[usize::from(message.id)]);
            *answer = Some(message);
        }
        answers
            .into_iter()
            .map(|answer| answer.expect("as many as questions"))
            .collect()
    }
}

fn place_as_id(place: usize) -> u16 {
    u16::try_from(place).expect("at most 65536 questions at a time")
}
