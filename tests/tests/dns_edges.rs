//! What comes from the network and is no plain question: packets made by hand, each with the answer that it gets.
//!
//! named gets the same packets, so that an expectation that only dnsd has stands out, and why.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use ballast_tests::dns::client::Udp;
use ballast_tests::dns::message::{Edns, Message, Rcode, flag};
use ballast_tests::dns::question::{ANY_CLASS, CH, Query, header, opt};
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, serves};
use ballast_tests::{data, peers};

/// A packet and what comes back. An answer is written as its code, the bits of its header that are set, the numbers of its
/// questions and answers, and its OPT record.
struct Edge {
    what: &'static str,
    packet: Vec<u8>,
    answer: &'static str,
    /// What named does instead, where dnsd is not to do the same; the reason stands beside it.
    named: Option<&'static str>,
}

fn edge(what: &'static str, packet: impl Into<Vec<u8>>, answer: &'static str) -> Edge {
    Edge {
        what,
        packet: packet.into(),
        answer,
        named: None,
    }
}

impl Edge {
    fn but_named(self, answer: &'static str) -> Self {
        Self {
            named: Some(answer),
            ..self
        }
    }
}

const SILENCE: &str = "silence";
const WWW: &str = "www.somewhere.net";

/// What most packets are made of: a question that has an answer.
fn www() -> Query {
    Query::of(WWW, rtype::A)
}

/// The question behind a header with these counts.
fn counts(counts: [u16; 4], behind: &[u8]) -> Vec<u8> {
    [&header(0x2A2A, 0, counts), &www().question(), behind].concat()
}

/// A question whose name is these octets, for an A record.
fn named_by(name: &[u8]) -> Vec<u8> {
    [&header(0x2A2A, 0, [1, 0, 0, 0]), name, &[0, 1, 0, 1]].concat()
}

fn opcode(number: u16) -> u16 {
    number << 11
}

fn with_edns(change: impl FnOnce(&mut Edns)) -> Vec<u8> {
    let mut edns = Edns::plain();
    change(&mut edns);
    www().edns(edns).to_bytes()
}

fn with_option(code: u16, data: &[u8]) -> Vec<u8> {
    with_edns(|edns| edns.options = vec![(code, data.to_vec())])
}

fn of_type(name: &str, rtype: u16) -> Vec<u8> {
    Query::of(name, rtype).to_bytes()
}

fn of_class(class: u16) -> Vec<u8> {
    www().class(class).to_bytes()
}

/// An A record, as no query has one.
const RECORD: &[u8] = b"\x03www\x09somewhere\x03net\x00\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\x01\x02\x03\x04";

const ANSWERED: &str = "NOERROR aa 1/1";
const ANSWERED_EDNS: &str = "NOERROR aa 1/1 edns";
const REFUSED: &str = "REFUSED 1/0";
const FORMERR: &str = "FORMERR 1/0";
/// The question could not be read, so the answer has none.
const FORMERR_BARE: &str = "FORMERR 0/0";

fn shapes() -> Vec<Edge> {
    let whole = www().to_bytes();
    vec![
        edge("nothing", [], SILENCE),
        edge("an octet", [0x2A], SILENCE),
        edge("a header without its last octet", [0; 11], SILENCE),
        edge("an answer", www().flags(flag::QR).to_bytes(), SILENCE),
        edge("an answer's header", header(0x2A2A, flag::QR, [0; 4]), SILENCE),
        edge("a header", header(0x2A2A, 0, [0; 4]), FORMERR_BARE),
        edge(
            "a header that announces a question",
            header(0x2A2A, 0, [1, 0, 0, 0]),
            FORMERR_BARE,
        ),
        edge("half a question", &whole[..20], FORMERR_BARE),
        edge(
            "a question without the last octet of its class",
            &whole[..whole.len() - 1],
            FORMERR_BARE,
        ),
        edge("two questions", counts([2, 0, 0, 0], &www().question()), FORMERR_BARE),
        edge("65535 questions announced", counts([65535, 0, 0, 0], b""), FORMERR_BARE),
        edge(
            "an answer announced that isn't there",
            counts([1, 1, 0, 0], b""),
            FORMERR,
        ),
        edge(
            "65535 additional records announced",
            counts([1, 0, 0, 65535], RECORD),
            FORMERR,
        ),
        edge("a record in the answer section", counts([1, 1, 0, 0], RECORD), ANSWERED),
        edge(
            "a record in the authority section",
            counts([1, 0, 1, 0], RECORD),
            ANSWERED,
        ),
        edge(
            "a record in the additional section",
            counts([1, 0, 0, 1], RECORD),
            ANSWERED,
        ),
        edge("octets behind the question", [&whole[..], b"junk"].concat(), ANSWERED),
        edge(
            "octets behind the OPT record",
            [&with_edns(|_| ()), &b"junk"[..]].concat(),
            ANSWERED_EDNS,
        ),
        edge(
            "every bit and code that only answers have",
            www()
                .flags(flag::AA | flag::TC | flag::RA | Rcode::REFUSED.0)
                .to_bytes(),
            ANSWERED,
        ),
        edge(
            "recursion desired",
            www().flags(flag::RD).to_bytes(),
            "NOERROR aa rd 1/1",
        ),
        edge("AD (RFC 6840 section 5.7)", www().flags(flag::AD).to_bytes(), ANSWERED),
        edge(
            "the last bit without a meaning",
            www().flags(0x0040).to_bytes(),
            ANSWERED,
        ),
    ]
}

fn names() -> Vec<Edge> {
    let label = |length: usize| [&[u8::try_from(length).unwrap()], &vec![b'a'; length][..]].concat();
    let longest = [label(63), label(63), label(63), label(61), vec![0]].concat();
    let too_long = [label(63), label(63), label(63), label(62), vec![0]].concat();
    vec![
        edge("a pointer to itself", named_by(&[0xC0, 12]), FORMERR_BARE),
        edge("a pointer forwards", named_by(&[0xC0, 14, 0]), FORMERR_BARE),
        edge("a pointer behind the end", named_by(&[0xFF, 0xFF]), FORMERR_BARE),
        edge(
            "a label and a pointer to it",
            named_by(&[1, b'a', 0xC0, 12]),
            FORMERR_BARE,
        ),
        edge(
            "half a pointer",
            [&header(0x2A2A, 0, [1, 0, 0, 0])[..], &[0xC0]].concat(),
            FORMERR_BARE,
        ),
        // Nothing in front of a question is a name; named reads the header as one.
        edge("a pointer into the header", named_by(&[0xC0, 2]), FORMERR_BARE).but_named(REFUSED),
        edge("a label of RFC 2673", named_by(&[0x41, 1, 0]), FORMERR_BARE),
        edge("a label of a reserved kind", named_by(&[0x81, 1, 0]), FORMERR_BARE),
        edge("a label over the end", named_by(&[60, b'a']), FORMERR_BARE),
        edge("a name of 255 octets", named_by(&longest), REFUSED),
        edge("a name of 256 octets", named_by(&too_long), FORMERR_BARE),
    ]
}

fn opcodes() -> Vec<Edge> {
    let mut edges: Vec<Edge> = [1, 2, 3, 6, 15]
        .into_iter()
        .map(|number| {
            edge(
                "an opcode that nobody has",
                www().flags(opcode(number)).to_bytes(),
                "NOTIMP 0/0",
            )
        })
        .collect();
    edges.extend([
        edge("STATUS, a header", header(0x2A2A, opcode(2), [0; 4]), "NOTIMP 0/0"),
        edge(
            "STATUS with RD",
            www().flags(opcode(2) | flag::RD).to_bytes(),
            "NOTIMP 0/0",
        ),
        edge(
            "STATUS with EDNS",
            www().flags(opcode(2)).edns(Edns::plain()).to_bytes(),
            "NOTIMP 0/0 edns",
        ),
    ]);
    edges
}

fn edns() -> Vec<Edge> {
    let plain = opt(&Edns::plain());
    let behind = |bytes: &[u8]| counts([1, 0, 0, 1], bytes);
    vec![
        edge("EDNS", with_edns(|_| ()), ANSWERED_EDNS),
        edge(
            "DO (RFC 3225)",
            with_edns(|edns| edns.flags = 0x8000),
            "NOERROR aa 1/1 edns do",
        ),
        edge(
            "all flags of EDNS",
            with_edns(|edns| edns.flags = 0xFFFF),
            "NOERROR aa 1/1 edns do",
        ),
        edge("no room announced", with_edns(|edns| edns.payload = 0), ANSWERED_EDNS),
        edge(
            "all room announced",
            with_edns(|edns| edns.payload = 65535),
            ANSWERED_EDNS,
        ),
        edge(
            "an upper code in a query",
            with_edns(|edns| edns.extended_rcode = 255),
            ANSWERED_EDNS,
        ),
        edge("version 1", with_edns(|edns| edns.version = 1), "BADVERS 1/0 edns"),
        edge("version 255", with_edns(|edns| edns.version = 255), "BADVERS 1/0 edns"),
        edge(
            "version 1 with DO",
            with_edns(|edns| (edns.version, edns.flags) = (1, 0x8000)),
            "BADVERS 1/0 edns do",
        ),
        edge(
            "an unknown option (RFC 6891 section 6.1.2)",
            with_option(65001, b"x"),
            ANSWERED_EDNS,
        ),
        edge("NSID, not configured", with_option(3, b""), ANSWERED_EDNS),
        edge("padding", with_option(12, &[0; 10]), ANSWERED_EDNS),
        edge(
            "an OPT record behind another record",
            counts([1, 0, 0, 2], &[RECORD, &plain].concat()),
            ANSWERED_EDNS,
        ),
        edge(
            "two OPT records",
            counts([1, 0, 0, 2], &[&plain[..], &plain].concat()),
            FORMERR,
        ),
        edge("an OPT record as an answer", counts([1, 1, 0, 0], &plain), FORMERR),
        edge("an OPT record as an authority", counts([1, 0, 1, 0], &plain), FORMERR),
        edge(
            "an OPT record with an owner",
            behind(&[b"\x01a", &plain[..]].concat()),
            FORMERR,
        ),
        edge("half an OPT record", behind(&plain[..6]), FORMERR),
        edge(
            "an OPT record over the end",
            behind(b"\x00\x00\x29\x04\xD0\x00\x00\x00\x00\x00\x09\x00"),
            FORMERR,
        ),
        edge(
            "half an option's head",
            behind(b"\x00\x00\x29\x04\xD0\x00\x00\x00\x00\x00\x03\x00\x63\x00"),
            FORMERR,
        ),
        edge(
            "an option over the end of its record",
            behind(b"\x00\x00\x29\x04\xD0\x00\x00\x00\x00\x00\x05\x00\x63\x00\x05\x00"),
            FORMERR,
        ),
    ]
}

fn classes_and_types() -> Vec<Edge> {
    vec![
        edge("a name of nobody's", of_type("example.org", rtype::A), REFUSED),
        edge("the root", of_type(".", rtype::NS), REFUSED),
        edge("the parent", of_type("net", rtype::NS), REFUSED),
        edge(
            "a name that ends like ours",
            of_type("xsomewhere.net", rtype::A),
            REFUSED,
        ),
        edge("class CH, a name of ours", of_class(CH), REFUSED),
        edge("class HS", of_class(4), REFUSED),
        edge("TYPE0", of_type(WWW, 0), "NOERROR aa 1/0"),
        edge("NULL", of_type(WWW, 10), "NOERROR aa 1/0"),
        edge("a type for private use", of_type(WWW, rtype::PRIVATE), "NOERROR aa 1/0"),
        edge("OPT as a question", of_type(WWW, rtype::OPT), FORMERR),
        edge("TKEY as a question", of_type(WWW, 249), FORMERR),
        edge("TSIG as a question", of_type(WWW, 250), FORMERR),
        edge("MAILB", of_type(WWW, 253), "NOTIMP 1/0"),
        edge("MAILA", of_type(WWW, 254), "NOTIMP 1/0"),
        edge("AXFR over UDP", of_type("somewhere.net", rtype::AXFR), FORMERR),
    ]
}

fn summary(reply: &[u8]) -> String {
    const FLAGS: [(u16, &str); 6] = [
        (flag::AA, " aa"),
        (flag::TC, " tc"),
        (flag::RD, " rd"),
        (flag::RA, " ra"),
        (flag::AD, " ad"),
        (flag::CD, " cd"),
    ];
    let message = match Message::decode(reply) {
        Ok(message) => message,
        Err(error) => return format!("{error:?} {reply:02x?}"),
    };
    assert_eq!(message.id, 0x2A2A);
    assert!(message.has(flag::QR));
    let mut summary = message.rcode().to_string();
    summary.extend(FLAGS.iter().filter(|(bit, _)| message.has(*bit)).map(|(_, name)| *name));
    summary += &format!(" {}/{}", message.questions.len(), message.answers.len());
    if let Some(edns) = message.edns {
        assert_eq!((edns.version, &edns.options[..]), (0, &[][..]));
        summary += if edns.flags == Edns::DNSSEC_OK {
            " edns do"
        } else {
            " edns"
        };
    }
    summary
}

fn assert_all(edges: &[Edge]) {
    let zone = data("dns/somewhere.net.zone");
    let directory = tempfile::tempdir().unwrap();
    let (_named, named) = peers::named(directory.path(), "", &[("somewhere.net", &zone)]);
    let _dnsd = Configuration::new().zone("somewhere.net", zone).setup().start();

    let mut wrong = Vec::new();
    for (who, server) in [("named", named), ("dnsd", serves())] {
        let client = Udp::to(server);
        for edge in edges {
            let expected = edge.named.filter(|_| who == "named").unwrap_or(edge.answer);
            let found = if client.answers(&edge.packet) {
                summary(&client.exchange(&edge.packet))
            } else {
                SILENCE.to_owned()
            };
            if found != expected {
                wrong.push(format!("{who}: {}: expected {expected:?}, found {found:?}", edge.what));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rfc1035_4_1_shapes_of_messages() {
    assert_all(&shapes());
}

#[test]
fn rfc1035_4_1_4_names_that_are_none() {
    assert_all(&names());
}

#[test]
fn rfc1035_4_1_1_opcodes() {
    assert_all(&opcodes());
}

#[test]
fn rfc6891_6_1_the_opt_record() {
    assert_all(&edns());
}

#[test]
fn classes_and_types_that_no_zone_has() {
    assert_all(&classes_and_types());
}

/// Where servers of the field differ among themselves: any code will do, but an answer comes, and the server lives.
#[test]
fn classes_without_zones_get_an_error() {
    let _dnsd = Configuration::new()
        .zone("somewhere.net", data("dns/somewhere.net.zone"))
        .setup()
        .start();
    let client = Udp::to(serves());
    for class in [0, 2, 42, 254, ANY_CLASS, 65535] {
        let answer = client.ask(&www().class(class));
        assert!(answer.answers.is_empty(), "{answer:?}");
        assert!(
            [Rcode::REFUSED, Rcode::NOTIMP, Rcode::FORMERR].contains(&answer.rcode()),
            "{answer:?}"
        );
    }
}

#[test]
fn the_version_is_told_only_when_configured() {
    const NAMES: [&str; 4] = ["version.bind", "version.server", "hostname.bind", "id.server"];
    let ask = |name| Udp::to(serves()).ask(&Query::of(name, rtype::TXT).class(CH));
    let dnsd = Configuration::new().setup().start();
    for name in NAMES {
        assert_eq!(ask(name).rcode(), Rcode::REFUSED, "{name}");
    }
    drop(dnsd);

    let _dnsd = Configuration::new()
        .top("version = \"a version\"\nhostname = \"a host\"\nserver-id = \"an id\"")
        .setup()
        .start();
    for (name, text) in NAMES.into_iter().zip(["a version", "a version", "a host", "an id"]) {
        let answer = ask(name);
        let [record] = &answer.answers[..] else {
            panic!("{name}: {answer:?}");
        };
        assert_eq!(record.class, CH);
        assert_eq!(record.data[1..], *text.as_bytes(), "{name}");
    }
}
