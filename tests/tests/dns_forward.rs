//! Questions that dnsd forwards: to named, which has the zones that dnsd has not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::dns::client::{Tcp, Udp};
use ballast_tests::dns::message::{Edns, Message, Rcode, flag};
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, PORT, serves};
use ballast_tests::peers::{self, Peer};
use ballast_tests::{address, port, wait};

/// The zone of the articles, which delegates what is forwarded.
const SOMEWHERE: &str = "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n\
    www A 192.0.2.1\ntutorials NS ns.tutorials\nns.tutorials A 192.0.2.54\n";

/// What named has.
const FORWARDED: &str = "$TTL 300\n@ SOA ns hostmaster 7 3600 600 86400 30\n@ NS ns\nns A 198.51.100.53\n\
    test A 198.51.100.1\nalias CNAME test\n";

/// A question that recursion is desired for.
fn recursive(name: &str, rtype: u16) -> Query {
    Query::of(name, rtype).flags(flag::RD)
}

fn ask(query: &Query) -> Message {
    Udp::to(serves()).ask(query)
}

fn addresses(answer: &Message) -> Vec<&[u8]> {
    let of_type = answer.answers.iter().filter(|record| record.rtype == rtype::A);
    of_type.map(|record| &record.data[..]).collect()
}

/// Whether it says that it is authoritative, and that recursion is available.
fn says(answer: &Message) -> (bool, bool) {
    (answer.flags & flag::AA != 0, answer.flags & flag::RA != 0)
}

/// named with the zones that aren't dnsd's, and where it is.
fn forwarder(setup: &Setup) -> (Peer, SocketAddr) {
    let zone = setup.path().join("forwarded");
    std::fs::write(&zone, FORWARDED).unwrap();
    let zones = ["tutorials.somewhere.net", "example.org", "10.in-addr.arpa"];
    let zones = zones.map(|origin| (origin, &*zone));
    peers::named(setup.path(), "querylog yes;", &zones)
}

/// How often a forwarder was asked for a name.
fn asked(named: &Peer, name: &str) -> usize {
    let text = format!(": query: {name} IN ");
    named.log().lines().filter(|line| line.contains(&text)).count()
}

/// Where named will listen, which is settled before it is started.
fn target() -> String {
    format!("127.0.0.1:{}", port())
}

/// An address of this test's own where nobody answers.
fn silent(n: u8) -> (UdpSocket, String) {
    let at = SocketAddr::from((address(n), PORT));
    (UdpSocket::bind(at).unwrap(), at.to_string())
}

fn start(setup: Setup) -> (Daemon, Peer) {
    let (named, _) = forwarder(&setup);
    (setup.start(), named)
}

#[test]
fn a_forward_zone_below_a_zone_of_ours_wins() {
    let setup = Configuration::new()
        .zone("somewhere.net", "zone")
        .table(&format!(
            "[zone.\"tutorials.somewhere.net\".forward]\nforwarders = [\"{}\"]\npolicy = \"only\"",
            target()
        ))
        .setup()
        .file("zone", SOMEWHERE);
    let (_dnsd, named) = start(setup);
    let answer = ask(&recursive("Test.tutorials.somewhere.net", rtype::A));
    assert_eq!(
        (answer.rcode(), addresses(&answer)),
        (Rcode::NOERROR, vec![&[198, 51, 100, 1][..]])
    );
    assert_eq!(says(&answer), (false, true));
    // As dig sees it, over TCP too.
    for transport in ["+notcp", "+tcp"] {
        let server = [format!("@{}", serves().ip()), "-p".to_owned(), PORT.to_string()];
        let output = Command::new("dig")
            .args(server)
            .args(["+short", transport, "alias.tutorials.somewhere.net"])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said, "test.tutorials.somewhere.net.\n198.51.100.1\n");
    }
    // What isn't there has the SOA record that says for how long.
    for (name, rtype, rcode) in [
        ("nothing.tutorials.somewhere.net", rtype::A, Rcode::NXDOMAIN),
        ("test.tutorials.somewhere.net", rtype::AAAA, Rcode::NOERROR),
    ] {
        let answer = ask(&recursive(name, rtype));
        assert_eq!((answer.rcode(), answer.answers.len()), (rcode, 0));
        assert_eq!(
            answer.authorities.iter().map(|record| record.rtype).collect::<Vec<_>>(),
            [rtype::SOA]
        );
    }
    // Who doesn't desire recursion gets what is here: the referral.
    let answer = ask(&Query::of("test.tutorials.somewhere.net", rtype::A));
    assert_eq!((answer.rcode(), answer.answers.len()), (Rcode::NOERROR, 0));
    assert_eq!(answer.authorities[0].rtype, rtype::NS);
    // Beside it nothing is forwarded.
    let answer = ask(&recursive("www.somewhere.net", rtype::A));
    assert_eq!(
        (says(&answer), addresses(&answer)),
        ((true, false), vec![&[192, 0, 2, 1][..]])
    );
    assert_eq!(ask(&recursive("test.example.org", rtype::A)).rcode(), Rcode::REFUSED);
    assert_eq!(asked(&named, "www.somewhere.net"), 0);
}

#[test]
fn names_of_no_zone_are_forwarded_and_kept_and_private_ones_stay() {
    let setup = Configuration::new()
        .zone("somewhere.net", "zone")
        .table(&format!(
            "[forward]\nforwarders = [\"{}\"]\nmax-cache-ttl = \"100s\"",
            target()
        ))
        .setup()
        .file("zone", SOMEWHERE);
    let (_dnsd, named) = start(setup);
    let query = recursive("test.example.org", rtype::A);
    let answer = ask(&query);
    assert_eq!(addresses(&answer), [&[198, 51, 100, 1][..]]);
    assert_eq!((says(&answer), answer.answers[0].ttl), ((false, true), 100));
    ask(&recursive("nothing.example.org", rtype::A));
    // Our own answers say that there is more to be had.
    assert_eq!(says(&ask(&recursive("www.somewhere.net", rtype::A))), (true, true));
    // RFC 6303: although the forwarder has it.
    let private = ask(&recursive("test.10.in-addr.arpa", rtype::A));
    assert_eq!((private.rcode(), private.answers.len()), (Rcode::NXDOMAIN, 0));
    // RFC 6303 §3: who asks may keep that (RFC 2308 §5).
    assert_eq!(private.authorities.len(), 1);
    assert_eq!(
        (private.authorities[0].rtype, private.authorities[0].ttl),
        (rtype::SOA, 10_800)
    );
    assert_eq!(
        (asked(&named, "test.example.org"), asked(&named, "test.10.in-addr.arpa")),
        (1, 0)
    );
    named.stop();
    // From the cache, with what is left of its TTL.
    wait::until("a TTL that has been counted down", || {
        let answer = ask(&query);
        assert_eq!(addresses(&answer), [&[198, 51, 100, 1][..]]);
        (answer.answers[0].ttl < 100).then_some(())
    });
    let negative = ask(&recursive("NOTHING.example.org", rtype::A));
    assert_eq!((negative.rcode(), negative.authorities.len()), (Rcode::NXDOMAIN, 1));
    assert_eq!(ask(&recursive("other.example.org", rtype::A)).rcode(), Rcode::SERVFAIL);
}

#[test]
fn a_forward_zone_above_private_networks_says_nothing_of_them() {
    let setup = Configuration::new()
        .table(&format!("[zone.\".\".forward]\nforwarders = [\"{}\"]", target()))
        .table(&format!(
            "[zone.\"168.192.in-addr.arpa\".forward]\nforwarders = [\"{}\"]",
            target()
        ))
        .setup();
    let (_dnsd, named) = start(setup);
    assert_eq!(addresses(&ask(&recursive("test.example.org", rtype::A))).len(), 1);
    let private = ask(&recursive("test.10.in-addr.arpa", rtype::A));
    assert_eq!(private.rcode(), Rcode::NXDOMAIN);
    // This one is somebody's wish.
    ask(&recursive("test.168.192.in-addr.arpa", rtype::A));
    assert_eq!(
        (
            asked(&named, "test.10.in-addr.arpa"),
            asked(&named, "test.168.192.in-addr.arpa")
        ),
        (0, 1)
    );
}

#[test]
fn a_dead_forwarder_costs_time_once_and_a_refusing_one_none() {
    let (_silent, dead) = silent(1);
    let setup = Configuration::new()
        .table(&format!("[forward]\nforwarders = [\"{dead}\", \"{}\"]", target()))
        .setup();
    let (_dnsd, named) = start(setup);
    let answer = ask(&recursive("test.example.org", rtype::A));
    assert_eq!(addresses(&answer), [&[198, 51, 100, 1][..]]);
    let before = std::time::Instant::now();
    assert_eq!(ask(&recursive("alias.example.org", rtype::A)).answers.len(), 2);
    assert!(
        before.elapsed() < std::time::Duration::from_secs(2),
        "the dead one is asked last"
    );
    // REFUSED is no answer, but nobody else has one.
    assert_eq!(ask(&recursive("www.example.com", rtype::A)).rcode(), Rcode::SERVFAIL);
    assert_eq!(asked(&named, "alias.example.org"), 1);
}

#[test]
fn when_no_forwarder_answers_the_policy_decides() {
    let nobody = SocketAddr::from((address(1), PORT));
    let zone = |name: &str, policy: &str| {
        format!("[zone.\"{name}\".forward]\nforwarders = [\"{nobody}\"]\npolicy = \"{policy}\"")
    };
    let _dnsd = Configuration::new()
        .zone("somewhere.net", "zone")
        .table(&zone("tutorials.somewhere.net", "first"))
        .table(&zone("only.somewhere.net", "only"))
        .table(&zone("example.org", "first"))
        .setup()
        .file("zone", SOMEWHERE)
        .start();
    let referral = ask(&recursive("test.tutorials.somewhere.net", rtype::A));
    assert_eq!(
        (referral.rcode(), referral.authorities[0].rtype),
        (Rcode::NOERROR, rtype::NS)
    );
    for name in ["www.only.somewhere.net", "www.example.org"] {
        assert_eq!(ask(&recursive(name, rtype::A)).rcode(), Rcode::SERVFAIL, "{name}");
    }
}

#[test]
fn who_is_not_allowed_gets_what_is_here() {
    let setup = Configuration::new()
        .zone("somewhere.net", "zone")
        .table(&format!(
            "[zone.\"tutorials.somewhere.net\".forward]\nforwarders = [\"{0}\"]\nallow = [\"192.0.2.0/24\"]\n\
             [forward]\nforwarders = [\"{0}\"]\nallow = [\"none\"]",
            target()
        ))
        .setup()
        .file("zone", SOMEWHERE);
    let (_dnsd, named) = start(setup);
    let refused = ask(&recursive("test.example.org", rtype::A));
    assert_eq!((refused.rcode(), says(&refused)), (Rcode::REFUSED, (false, false)));
    let referral = ask(&recursive("test.tutorials.somewhere.net", rtype::A));
    assert_eq!(
        (referral.rcode(), referral.authorities[0].rtype),
        (Rcode::NOERROR, rtype::NS)
    );
    assert_eq!(
        asked(&named, "test.example.org") + asked(&named, "test.tutorials.somewhere.net"),
        0
    );
}

#[test]
fn what_does_not_fit_is_had_over_tcp() {
    let setup = Configuration::new()
        .table(&format!("[forward]\nforwarders = [\"{}\"]", target()))
        .setup();
    let zone = setup.path().join("long");
    let mut text = FORWARDED.to_owned();
    for number in 0..100 {
        writeln!(text, "long TXT \"{number:050}\"").unwrap();
    }
    std::fs::write(&zone, text).unwrap();
    let (_named, _) = peers::named(setup.path(), "", &[("example.org", Path::new(&zone))]);
    let _dnsd = setup.start();
    let query = recursive("long.example.org", rtype::TXT);
    let over_tcp = Tcp::to(serves()).ask(&query);
    assert_eq!((over_tcp.answers.len(), over_tcp.flags & flag::TC), (100, 0));
    let over_udp = ask(&query.edns(Edns::plain()));
    assert!(over_udp.flags & flag::TC != 0 && over_udp.answers.len() < 100);
    assert_eq!(over_udp.edns.unwrap().payload, 1232);
}

#[test]
fn a_question_that_many_ask_at_once_is_asked_once() {
    let setup = Configuration::new()
        .table(&format!("[forward]\nforwarders = [\"{}\"]", target()))
        .setup();
    // Everybody has asked before anybody is answered: for a second of its own the forwarder says nothing.
    let forwarder = UdpSocket::bind(target()).unwrap();
    let _dnsd = setup.start();
    let clients: Vec<Udp> = (0..50).map(|_| Udp::to(serves())).collect();
    for (id, client) in (0..).zip(&clients) {
        client.send(&recursive("www.example.org", rtype::A).id(id).to_bytes());
    }
    let mut question = [0; 512];
    let (length, from) = forwarder.recv_from(&mut question).unwrap();
    let mut ports = vec![from.port()];
    // All questions have been read when one that is answered from here, and was asked last, is.
    for _ in 0..20 {
        let last = Udp::to(serves()).ask(&Query::of("www.example.org", rtype::A));
        assert_eq!(last.rcode(), Rcode::REFUSED);
    }
    let reply = |question: &[u8]| {
        let end = 12 + "_www_example_org_".len() + 4;
        let mut reply = question[..end].to_vec();
        reply[2] |= 0x80;
        reply[7] = 1;
        reply[11] = 0;
        reply.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\x00\x02\x01");
        reply
    };
    forwarder.send_to(&reply(&question[..length]), from).unwrap();
    for (id, client) in (0u16..).zip(&clients) {
        let answer = client.receive();
        assert_eq!(
            (&answer[..2], answer[3] & 0xF, answer[7]),
            (&id.to_be_bytes()[..], 0, 1)
        );
    }
    forwarder.set_nonblocking(true).unwrap();
    while let Ok((_, from)) = forwarder.recv_from(&mut question) {
        ports.push(from.port());
    }
    // A retry comes from the same socket.
    ports.dedup();
    assert_eq!(ports.len(), 1);
}
