//! DNS over TCP (RFC 7766): many questions on a connection, answers of 64 KiB, and clients that are slow, silent or many.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::net::Shutdown;

use ballast_tests::data;
use ballast_tests::dns::client::{Tcp, Udp, framed};
use ballast_tests::dns::message::{Message, Rcode, flag};
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, serves};
use ballast_tests::wait;

fn somewhere() -> Configuration {
    Configuration::new().zone("somewhere.net", data("dns/somewhere.net.zone"))
}

fn www() -> Query {
    Query::of("www.somewhere.net", rtype::A)
}

fn assert_answered(message: &[u8]) -> u16 {
    let message = Message::decode(message).unwrap();
    assert_eq!((message.rcode(), message.answers.len()), (Rcode::NOERROR, 1));
    message.id
}

#[test]
fn rfc7766_6_2_1_1_questions_are_pipelined() {
    const QUESTIONS: u16 = 100;
    let _dnsd = somewhere().setup().start();
    let connection = Tcp::to(serves());
    let questions: Vec<Vec<u8>> = (0..QUESTIONS).map(|id| www().id(id).to_bytes()).collect();
    connection.send(questions.iter().map(Vec::as_slice)).unwrap();
    let answered: BTreeSet<u16> = (0..QUESTIONS)
        .map(|_| assert_answered(&connection.receive().unwrap()))
        .collect();
    assert_eq!(answered.len(), usize::from(QUESTIONS));
}

#[test]
fn a_question_that_comes_octet_by_octet_is_answered() {
    let _dnsd = somewhere().setup().start();
    let connection = Tcp::to(serves());
    let question = www().id(7).to_bytes();
    for octet in framed([&question[..], &question[..]]) {
        connection.stream().write_all(&[octet]).unwrap();
    }
    for _ in 0..2 {
        assert_eq!(assert_answered(&connection.receive().unwrap()), 7);
    }
}

#[test]
fn a_client_that_has_closed_its_half_still_gets_its_answer() {
    let _dnsd = somewhere().setup().start();
    let connection = Tcp::to(serves());
    connection.send([&www().to_bytes()[..]]).unwrap();
    connection.stream().shutdown(Shutdown::Write).unwrap();
    assert_answered(&connection.receive().unwrap());
    connection.wait_for_close();
}

#[test]
fn what_is_no_message_does_not_harm_the_next() {
    let _dnsd = somewhere().setup().start();
    let empty: &[u8] = b"";
    for garbage in [empty, b"x", &[0; 11], &[0xFF; 500]] {
        let connection = Tcp::to(serves());
        connection.send([garbage, &www().id(0x2B2B).to_bytes()]).unwrap();
        let mut answer = connection.receive().unwrap();
        if !answer.starts_with(&[0x2B, 0x2B]) {
            assert_ne!(Message::decode(&answer).unwrap().rcode(), Rcode::NOERROR);
            answer = connection.receive().unwrap();
        }
        assert_answered(&answer);
    }
}

#[test]
fn rfc5936_4_2_transfers_are_refused() {
    let _dnsd = somewhere().setup().start();
    let connection = Tcp::to(serves());
    for rtype in [rtype::AXFR, rtype::IXFR] {
        let answer = connection.ask(&Query::of("somewhere.net", rtype));
        assert!(answer.answers.is_empty(), "{answer:?}");
        assert_eq!(answer.rcode(), Rcode::REFUSED);
    }
    assert_answered(&{
        connection.send([&www().to_bytes()[..]]).unwrap();
        connection.receive().unwrap()
    });
}

/// A zone with a set whose answer has nearly the 65535 octets that a message can have.
fn large_zone() -> String {
    let mut zone = "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n".to_owned();
    for number in 0..243 {
        writeln!(zone, "large TXT \"{number:0255}\"").unwrap();
    }
    zone
}

#[test]
fn answers_of_64_kib() {
    let _dnsd = Configuration::new()
        .zone("large.example", "large.zone")
        .setup()
        .file("large.zone", large_zone())
        .start();
    let question = Query::of("large.large.example", rtype::TXT).flags(flag::RD);
    let over_udp = Udp::to(serves()).ask(&question);
    assert!(over_udp.has(flag::TC));
    assert!(over_udp.octets <= 512, "{} octets", over_udp.octets);

    let connection = Tcp::to(serves());
    for _ in 0..10 {
        let whole = connection.ask(&question);
        assert!(!whole.has(flag::TC));
        assert_eq!(whole.answers.len(), 243);
        assert!(whole.octets > 65000, "{} octets", whole.octets);
    }
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody_else() {
    let _dnsd = Configuration::new()
        .zone("large.example", "large.zone")
        .setup()
        .file("large.zone", large_zone())
        .start();
    // Four times what the sockets on both sides hold (net.ipv4.tcp_wmem and tcp_rmem, 4 to 6 MiB).
    let deaf = Tcp::to(serves());
    let large = Query::of("large.large.example", rtype::TXT).to_bytes();
    deaf.send(std::iter::repeat_n(&large[..], 600)).unwrap();
    for _ in 0..10 {
        let answer = Tcp::to(serves()).ask(&Query::of("ns.large.example", rtype::A));
        assert_eq!(answer.answers.len(), 1);
    }
}

#[test]
fn clients_that_do_not_read_keep_no_new_ones_out() {
    let _dnsd = Configuration::new()
        .zone("large.example", "large.zone")
        .top("tcp-clients = 4")
        .setup()
        .file("large.zone", large_zone())
        .start();
    // More than the sockets on both sides hold, on every place there is.
    let large = Query::of("large.large.example", rtype::TXT).to_bytes();
    let deaf: Vec<Tcp> = (0..4).map(|_| Tcp::to(serves())).collect();
    for client in &deaf {
        client.send(std::iter::repeat_n(&large[..], 600)).unwrap();
        // Its first answer has begun: it waits for nobody but this client.
        client.stream().peek(&mut [0]).unwrap();
    }
    for _ in 0..10 {
        let answer = Tcp::to(serves()).ask(&Query::of("ns.large.example", rtype::A));
        assert_eq!(answer.answers.len(), 1);
    }
}

#[test]
fn the_client_that_was_idle_for_longest_makes_room() {
    let _dnsd = somewhere().top("tcp-clients = 4").setup().start();
    let clients: Vec<Tcp> = (0..10)
        .map(|_| {
            let client = Tcp::to(serves());
            assert_eq!(client.ask(&www()).answers.len(), 1);
            client
        })
        .collect();
    // Which of two that were answered one right after the other was idle first is the daemon's to say; not that the last ones
    // were not.
    let (older, newer) = clients.split_at(8);
    let is_closed = |client: &&Tcp| match client.stream().peek(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    };
    for client in older {
        client.stream().set_nonblocking(true).unwrap();
    }
    wait::until("six to have made room", || {
        (older.iter().filter(is_closed).count() == 6).then_some(())
    });
    for client in newer {
        assert_eq!(client.ask(&www()).answers.len(), 1);
    }
    assert_eq!(older.iter().filter(is_closed).count(), 6);
}

#[test]
fn rfc7766_6_2_3_an_idle_connection_is_closed() {
    let _dnsd = somewhere().top("tcp-idle-timeout = \"200ms\"").setup().start();
    Tcp::to(serves()).wait_for_close();
    let asked = Tcp::to(serves());
    assert_eq!(asked.ask(&www()).answers.len(), 1);
    asked.wait_for_close();
    // Half a question doesn't keep it open.
    let half = Tcp::to(serves());
    half.stream().write_all(&framed([&www().to_bytes()[..]])[..10]).unwrap();
    half.wait_for_close();
}
