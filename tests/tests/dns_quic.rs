//! DNS over QUIC (RFC 9250): one message for each stream, transfers, and clients that don't keep to it. That its answers are
//! those over TCP is shown with those of DNS over HTTPS.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::process::Command;

use ballast_tests::certificates::Authority;
use ballast_tests::daemon::Daemon;
use ballast_tests::dns::client::{Tcp, framed};
use ballast_tests::dns::encrypted::{Ended, HalfOpen, Quic, doq, quic, setup};
use ballast_tests::dns::message::{Edns, Message, Rcode};
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, page, serves};
use ballast_tests::{address, data, wait};

fn start(configuration: Configuration) -> (Daemon, Authority) {
    let (setup, authority) = setup(configuration);
    (setup.start(), authority)
}

fn somewhere() -> Configuration {
    Configuration::new().zone("somewhere.net", data("dns/somewhere.net.zone"))
}

fn connect(authority: &Authority) -> Quic {
    Quic::connect(quic(), &authority.ca()).unwrap()
}

fn www() -> Query {
    Query::of("www.somewhere.net", rtype::A).id(0)
}

#[test]
fn rfc9250_4_3_3_who_does_not_keep_to_the_protocol_loses_the_connection() {
    let (_dnsd, authority) = start(somewhere());
    let message = www().to_bytes();
    let keepalive = Edns {
        options: vec![(11, Vec::new())],
        ..Edns::plain()
    };
    let response = [&message[..2], &[0x80], &message[3..]].concat();
    let whole = framed([&message[..]]);
    for (what, octets) in [
        ("an id", framed([&www().id(7).to_bytes()[..]])),
        ("two messages", framed([&message[..], &message[..]])),
        ("half a message", whole[..20].to_vec()),
        ("half a length", whole[..1].to_vec()),
        ("nothing", Vec::new()),
        ("less than a header", framed([&message[..11]])),
        ("more than a message", vec![0xFF; 70_000]),
        (
            "the keepalive option",
            framed([&www().edns(keepalive.clone()).to_bytes()[..]]),
        ),
        ("a response", framed([&response[..]])),
    ] {
        let client = connect(&authority);
        assert_eq!(
            client.exchange(&octets),
            Err(Ended::Connection(doq::PROTOCOL_ERROR)),
            "{what}"
        );
    }
    // Streams in one direction are not to be had at all.
    let client = connect(&authority);
    assert_eq!(client.open_unidirectional(), Ended::Otherwise);
    // What is wrong with a message as such is told in a message.
    let half = Message::decode(&client.ask(&message[..20]).unwrap()).unwrap();
    assert_eq!(half.rcode(), Rcode::FORMERR);
    assert_eq!(
        Message::decode(&client.ask(&message).unwrap()).unwrap().answers.len(),
        1
    );
    let metrics = page("/metrics");
    assert!(
        metrics.contains("dnsd_queries_total{transport=\"quic\",type=\"A\"} 1\n"),
        "{metrics}"
    );
}

#[test]
fn idle_connections_are_closed_and_too_many_give_way() {
    let (_dnsd, authority) = start(somewhere().top("tcp-clients = 2\ntcp-idle-timeout = \"2s\""));
    let clients: Vec<Quic> = (0..3).map(|_| connect(&authority)).collect();
    assert_eq!(clients[0].wait_for_close(), Ended::Connection(doq::EXCESSIVE_LOAD));
    for client in &clients[1..] {
        assert_eq!(client.wait_for_close(), Ended::Connection(doq::NO_ERROR));
    }
}

#[test]
fn who_begins_handshakes_and_does_not_go_on_keeps_nobody_out() {
    let (_dnsd, authority) = start(somewhere().top("tcp-clients = 100"));
    let _half_open = HalfOpen::begin(300, b"doq", quic(), &authority.ca()).unwrap();
    let client = connect(&authority);
    assert_eq!(
        Message::decode(&client.ask(&www().to_bytes()).unwrap())
            .unwrap()
            .answers
            .len(),
        1
    );
}

/// A zone that takes several messages.
fn many_records() -> String {
    let mut zone = "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n".to_owned();
    for number in 0..20_000 {
        writeln!(zone, "h{number} TXT \"{number:032}\"").unwrap();
    }
    zone
}

#[test]
fn rfc9250_4_2_a_transfer_is_many_messages_on_one_stream() {
    let (setup, authority) = setup(
        Configuration::new()
            .table("[zone.\"large.example\".primary]\nfile = \"zone\"\nallow-transfer = [\"any\"]")
            .table("[zone.\"closed.example\".primary]\nfile = \"zone\""),
    );
    let dnsd = setup.file("zone", many_records()).start();
    let request = Query::of("large.example", rtype::AXFR).id(0).to_bytes();
    let client = connect(&authority);
    let over_quic = client.exchange(&framed([&request[..]])).unwrap();
    let tcp = Tcp::to(serves());
    tcp.send([&request[..]]).unwrap();
    let mut over_tcp = Vec::new();
    while over_tcp.len() < over_quic.len() {
        over_tcp.extend(framed([&tcp.receive().unwrap()[..]]));
    }
    assert!(over_quic.len() > 600_000, "{} octets", over_quic.len());
    assert!(
        over_quic == over_tcp,
        "{} and {} octets",
        over_quic.len(),
        over_tcp.len()
    );
    wait::until("both transfers to have ended", || {
        let ended = dnsd.log().matches("transfer of 'large.example/IN': AXFR ended").count();
        (ended == 2).then_some(())
    });
    let refused = client.ask(&Query::of("closed.example", rtype::AXFR).id(0).to_bytes());
    assert_eq!(Message::decode(&refused.unwrap()).unwrap().rcode(), Rcode::REFUSED);
}

#[test]
fn a_server_that_stops_says_goodbye() {
    let (dnsd, authority) = start(somewhere());
    let client = connect(&authority);
    client.ask(&www().to_bytes()).unwrap();
    let (status, _) = dnsd.stop();
    assert!(status.success());
    assert_eq!(client.wait_for_close(), Ended::Connection(doq::NO_ERROR));
}

#[test]
fn kdig_is_served_after_many_handshakes() {
    let (_dnsd, authority) = start(somewhere());
    let clients: Vec<Quic> = (0..50).map(|_| connect(&authority)).collect();
    assert!(clients.iter().all(|client| client.ask(&www().to_bytes()).is_ok()));
    let server = [format!("@{}", address(0)), "-p".to_owned(), quic().port().to_string()];
    let said = Command::new("kdig")
        .args(server)
        .args(["+quic", "+short", "www.somewhere.net", "A"])
        .output()
        .unwrap();
    assert!(said.status.success() && !said.stdout.is_empty(), "{said:?}");
    drop(clients);
    wait::until("their places to be free", || {
        page("/metrics").contains("dnsd_tcp_connections 0\n").then_some(())
    });
}
