//! The questions: a mix of what an authoritative server is asked, and a flood of names that don't exist.

use std::fmt;

use super::zones::Layout;
use crate::random::Random;

/// What a query asks for. These few types are all that the zones hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryType {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// Mail exchanges.
    Mx,
    /// Text.
    Txt,
    /// The start of authority, by which a zone is known to be served.
    Soa,
}

impl QueryType {
    /// The number on the wire (RFC 1035 §3.2.2, RFC 3596 §2.1).
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Soa => 6,
            Self::Mx => 15,
            Self::Txt => 16,
            Self::Aaaa => 28,
        }
    }
}

impl fmt::Display for QueryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Mx => "MX",
            Self::Txt => "TXT",
            Self::Soa => "SOA",
        })
    }
}

/// One question of class IN. Its `Display` is a line of dnsperf's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The name, without the dot at its end.
    pub name: String,
    /// What of it is asked for.
    pub qtype: QueryType,
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.qtype)
    }
}

impl Query {
    /// The query as dnsperf sends it: one question, no EDNS, recursion not asked for.
    ///
    /// # Panics
    /// When a label is longer than 63 octets, which none of the generated ones is.
    #[must_use]
    pub fn wire(&self, id: u16) -> Vec<u8> {
        let mut message = Vec::with_capacity(12 + self.name.len() + 6);
        message.extend_from_slice(&id.to_be_bytes());
        message.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in self.name.split('.') {
            let length = u8::try_from(label.len()).ok().filter(|length| *length < 64);
            message.push(length.expect("labels of generated names are short"));
            message.extend_from_slice(label.as_bytes());
        }
        message.push(0);
        message.extend_from_slice(&self.qtype.code().to_be_bytes());
        message.extend_from_slice(&[0, 1]);
        message
    }
}

/// Kinds of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    HostA,
    HostAaaa,
    Exchange,
    Text,
    NoName,
    NoData,
    Wildcard,
    Alias,
    Referral,
}

/// Parts of a hundred. Seven of ten names exist, as in the traffic of a hosting provider; each other kind of answer is often
/// enough to count.
const PARTS: [(Kind, u32); 9] = [
    (Kind::HostA, 55),
    (Kind::HostAaaa, 10),
    (Kind::Exchange, 3),
    (Kind::Text, 2),
    (Kind::NoName, 10),
    (Kind::NoData, 5),
    (Kind::Wildcard, 5),
    (Kind::Alias, 5),
    (Kind::Referral, 5),
];

/// Names under which nothing is; more of them than queries in any run, so that hardly one comes twice.
const NO_NAMES: u32 = 100_000_000;

/// The mix: `count` questions for a zone, in random order.
#[must_use]
pub fn mix(layout: &Layout, count: usize) -> Vec<Query> {
    let mut random = Random::new(42);
    (0..count)
        .map(|_| {
            let kind = pick(&mut random);
            query(kind, layout, &mut random)
        })
        .collect()
}

/// A random-subdomain flood: `count` questions for names that are not there, no name twice.
#[must_use]
pub fn flood(layout: &Layout, count: u32) -> Vec<Query> {
    // An odd factor and a power of two have no common divisor: a permutation of 32 bits, so no number comes twice.
    let scattered = |n: u32| n.wrapping_mul(0x9E37_79B1);
    (0..count)
        .map(|n| Query {
            name: format!("x{:08x}.{}", scattered(n), layout.origin),
            qtype: QueryType::A,
        })
        .collect()
}

fn pick(random: &mut Random) -> Kind {
    let mut point = random.below(PARTS.iter().map(|(_, part)| part).sum());
    for (kind, part) in PARTS {
        if point < part {
            return kind;
        }
        point -= part;
    }
    unreachable!("the point is below the sum of the parts")
}

fn query(kind: Kind, layout: &Layout, random: &mut Random) -> Query {
    let z = layout.origin;
    let host = random.below(layout.hosts);
    let any = random.below(NO_NAMES);
    let (name, qtype) = match kind {
        Kind::HostA => (format!("h{host:06}.{z}"), QueryType::A),
        Kind::HostAaaa => (format!("h{host:06}.{z}"), QueryType::Aaaa),
        Kind::NoData => (format!("h{host:06}.{z}"), QueryType::Txt),
        Kind::NoName => (format!("x{any:08}.{z}"), QueryType::A),
        Kind::Exchange => (format!("m{:06}.{z}", random.below(layout.exchanges)), QueryType::Mx),
        Kind::Text => (format!("t{:06}.{z}", random.below(layout.texts)), QueryType::Txt),
        Kind::Alias => (format!("c{:06}.{z}", random.below(layout.aliases)), QueryType::A),
        Kind::Wildcard => {
            let wildcard = random.below(layout.wildcards);
            (format!("x{any:08}.w{wildcard:04}.{z}"), QueryType::A)
        }
        Kind::Referral => {
            let delegation = random.below(layout.delegations);
            (format!("www.d{delegation:04}.{z}"), QueryType::A)
        }
    };
    Query { name, qtype }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::zones::HOSTS;
    use super::*;

    #[test]
    fn the_mix_is_the_same_every_time() {
        assert_eq!(mix(&HOSTS, 1000), mix(&HOSTS, 1000));
    }

    #[test]
    fn the_mix_has_its_parts() {
        let mut random = Random::new(1);
        let mut counts = [0_u32; PARTS.len()];
        for _ in 0..100_000 {
            let kind = pick(&mut random);
            counts[PARTS.iter().position(|(k, _)| *k == kind).unwrap()] += 1;
        }
        for (count, (kind, part)) in counts.iter().zip(PARTS) {
            assert!(count.abs_diff(part * 1000) < 600, "{kind:?}: {count} of {part} %");
        }
    }

    #[test]
    fn no_name_of_a_flood_comes_twice() {
        let names: HashSet<String> = flood(&HOSTS, 100_000).into_iter().map(|query| query.name).collect();
        assert_eq!(names.len(), 100_000);
    }

    #[test]
    fn a_query_reads_as_a_line_and_as_a_message() {
        let query = Query {
            name: "www.example".to_owned(),
            qtype: QueryType::Aaaa,
        };
        assert_eq!(query.to_string(), "www.example AAAA");
        assert_eq!(
            query.wire(0x1234),
            b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x1c\0\x01"
        );
    }
}
