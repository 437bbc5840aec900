//! Answers over whole zones, as text: hickory-proto reads every reply, so that what is compared was written rightly.

mod aliases;
mod both_paths;
mod look_ahead;
mod minimal;
mod negative;
mod options;
mod properties;
mod protocol;
mod referrals;
mod relay;
mod rfc1034;
mod rfc4592;
mod signed;
mod truncation;

use std::net::Ipv4Addr;
use std::sync::Arc;

use hickory_proto::op::Message;
use hickory_proto::rr::RData;

use super::*;
use crate::name::Name;
use crate::rdata;
use crate::zone::tests::zone;
use crate::zones::ZoneState;

/// The server of most tests: all of `zones`, by origin and text.
fn serve(zones: &[(&str, &str)]) -> Zones {
    Zones::new(zones.iter().map(|(origin, text)| {
        let zone = zone(origin, text);
        (origin.parse().unwrap(), ZoneState::Loaded(Arc::new(zone)))
    }))
}

/// Somebody who asks over `transport`.
fn client(transport: Transport) -> Client {
    Client {
        transport,
        address: Ipv4Addr::LOCALHOST.into(),
        now: 1_700_000_000,
        held_back: 0,
    }
}

/// A query's octets, of which tests change what they are about.
#[derive(Debug)]
struct Query {
    flags: Flags,
    name: String,
    qtype: Type,
    class: Class,
    edns: Option<(u16, u8, bool)>,
}

/// A query with recursion desired, as resolvers of end users send it, so without name servers in the answer.
fn query(name: &str, qtype: Type) -> Query {
    Query {
        flags: Flags::RD,
        name: name.to_owned(),
        qtype,
        class: Class::IN,
        edns: None,
    }
}

impl Query {
    fn norec(mut self) -> Self {
        self.flags = Flags::default();
        self
    }

    fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// With an OPT record of version 0.
    fn edns(mut self, payload_bytes: u16) -> Self {
        self.edns = Some((payload_bytes, 0, false));
        self
    }

    fn dnssec_ok(mut self) -> Self {
        self.edns = Some((1232, 0, true));
        self
    }

    fn octets(&self) -> Vec<u8> {
        let header = Header {
            id: 0x1234,
            flags: self.flags,
            questions: 1,
            answers: 0,
            authorities: 0,
            additionals: self.edns.is_some().into(),
        };
        let mut octets = header.to_bytes().to_vec();
        octets.extend_from_slice(
            Name::parse(self.name.as_bytes(), Some(&Name::root()))
                .unwrap()
                .as_wire(),
        );
        octets.extend_from_slice(&self.qtype.0.to_be_bytes());
        octets.extend_from_slice(&self.class.0.to_be_bytes());
        if let Some((payload_bytes, version, dnssec_ok)) = self.edns {
            octets.extend_from_slice(&[0, 0, 41]);
            octets.extend_from_slice(&payload_bytes.to_be_bytes());
            octets.extend_from_slice(&[0, version, if dnssec_ok { 0x80 } else { 0 }, 0, 0, 0]);
        }
        octets
    }
}

/// A reply, with what was decoded of it.
struct Answered {
    reply: Reply,
    octets: Vec<u8>,
}

fn ask_over(zones: &Zones, transport: Transport, query: &Query) -> Answered {
    ask_with(zones, &Settings::default(), transport, &query.octets())
}

fn ask_with(zones: &Zones, settings: &Settings, transport: Transport, request: &[u8]) -> Answered {
    let mut out = vec![0; 65535];
    let Outcome::Reply(reply) = answer(zones, settings, &client(transport), request, &mut out) else {
        panic!("no reply");
    };
    out.truncate(reply.len);
    Answered { reply, octets: out }
}

fn ask(zones: &Zones, query: &Query) -> String {
    ask_over(zones, Transport::Udp, query).text()
}

impl Answered {
    fn message(&self) -> Message {
        Message::from_vec(&self.octets).expect("a reply can be read")
    }

    /// One line for the response code and the flags, then a line for each record, led by its section's first letter.
    /// Names relative to nothing, in the case they have in the message.
    fn text(&self) -> String {
        let message = self.message();
        let mut text = self.reply.rcode.to_string();
        for (flag, word) in [
            (Flags::AA, " aa"),
            (Flags::TC, " tc"),
            (Flags::RD, " rd"),
            (Flags::RA, " ra"),
        ] {
            if self.reply.flags.contains(flag) {
                text.push_str(word);
            }
        }
        text.push('\n');
        let sections = [
            ('a', &message.answers),
            ('n', &message.authorities),
            ('x', &message.additionals),
        ];
        for (letter, records) in sections {
            for record in records {
                let rtype = Type(record.record_type().into());
                let data = match &record.data {
                    // Types that hickory-proto doesn't read without its DNSSEC features.
                    RData::Unknown { rdata, .. } => rdata::display(rtype, &rdata.anything).to_string(),
                    data => data.to_string(),
                };
                text.push_str(&format!("{letter} {} {} {rtype} {data}\n", record.name, record.ttl));
            }
        }
        text
    }
}

/// Asks, and compares with what is expected: lines with leading blanks stripped.
fn assert_answer(zones: &Zones, query: &Query, expected: &str) {
    let expected: String = expected
        .trim()
        .lines()
        .map(|line| format!("{}\n", line.trim()))
        .collect();
    assert_eq!(ask(zones, query), expected, "{} {}", query.name, query.qtype);
}
