//! `resolve = true`: the names of senders, with named as the resolver, with one that does not answer, and with none.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::syslog::{self, HTTP_PORT, metric};
use ballast_tests::{address, peers, wait};
use tokio::net::TcpSocket;

const LOGD: u8 = 0;
/// It has no name.
const NAMELESS: u8 = LOGD;
/// Its name leads back to it.
const HONEST: u8 = 1;
/// Its name is another's.
const LIAR: u8 = 2;
/// Its name is no host's.
const HOSTILE: u8 = 3;

/// logd that asks this server, and writes a file for each sender.
fn logd(server: SocketAddr) -> Daemon {
    let config = format!(
        "work-dir = \"work\"\n\
         [control]\n\
         socket = \"control.sock\"\n\
         http = \"{}:{HTTP_PORT}\"\n\
         [resolver]\n\
         servers = [\"{server}\"]\n\
         [input.net-tcp.tcp]\n\
         listen = [\"{to}\"]\n\
         resolve = true\n\
         [input.net-udp.udp]\n\
         listen = [\"{to}\"]\n\
         resolve = true\n\
         [output.all.file]\n\
         path = \"log/%fromhost%/%programname%\"\n\
         format = \"%fromhost%|%fromhost-ip%|%HOSTNAME%|%msg%\\n\"\n\
         [[rule]]\n\
         to = [\"all\"]\n",
        address(LOGD),
        to = syslog::collector(address(LOGD)),
    );
    Setup::new("logd").file("logd.toml", config).start()
}

/// A zone's head.
fn zone(records: &str) -> String {
    format!("$TTL 300\n@ SOA ns.example.test. root.example.test. 1 3600 600 86400 60\n@ NS ns.example.test.\n{records}")
}

/// named with the names of this test's senders.
fn resolver(directory: &Path) -> (peers::Peer, SocketAddr) {
    let pointer = |number: u8, name: &str| {
        let [_, b, c, d] = address(number).octets();
        format!("{d}.{c}.{b} PTR {name}\n")
    };
    let reverse = zone(
        &(pointer(HONEST, "Web1.Example.TEST.")
            + &pointer(LIAR, "victim.example.test.")
            + &pointer(HOSTILE, "\\.\\.\\047etc.example.test.")),
    );
    let forward = zone(&format!(
        "ns A 127.0.0.1\nweb1 A {}\nvictim A 192.0.2.9\n",
        address(HONEST)
    ));
    let [reverse_file, forward_file] = ["reverse", "forward"].map(|name| directory.join(name));
    fs::write(&reverse_file, reverse).unwrap();
    fs::write(&forward_file, forward).unwrap();
    peers::named(
        directory,
        "check-names primary ignore;",
        &[("127.in-addr.arpa", &reverse_file), ("example.test", &forward_file)],
    )
}

fn datagram(from: u8, message: &str) {
    let socket = UdpSocket::bind((address(from), 0)).unwrap();
    socket
        .send_to(message.as_bytes(), syslog::collector(address(LOGD)))
        .unwrap();
}

/// A connection from an address of the test's.
fn connection(from: u8) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address(from), 0).into()).unwrap();
        let stream = socket.connect(syslog::collector(address(LOGD))).await.unwrap();
        stream.into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream
}

fn folders(logd: &Daemon) -> BTreeSet<String> {
    let entries = fs::read_dir(logd.path().join("log")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn lines(logd: &Daemon, file: &str, count: usize) -> Vec<String> {
    let content = wait::until_lines(&logd.path().join("log").join(file), count);
    String::from_utf8(content).unwrap().lines().map(str::to_owned).collect()
}

fn lookups(outcome: &str) -> f64 {
    metric(address(LOGD), "logd_name_lookups_total", &[&format!("\"{outcome}\"")])
}

#[test]
fn fromhost_is_the_name_that_leads_back_to_the_address() {
    let directory = tempfile::tempdir().unwrap();
    let (_named, server) = resolver(directory.path());
    let logd = logd(server);
    for round in 0..2 {
        for sender in [HONEST, LIAR, HOSTILE, NAMELESS] {
            datagram(sender, &format!("<13>Oct 11 22:14:15 host udp: {round}"));
        }
    }
    let mut stream = connection(HONEST);
    // The first has no host: its sender stands in.
    stream
        .write_all(b"<13>tcp: bare\n<13>Oct 11 22:14:15 host tcp: whole\n")
        .unwrap();
    let honest = address(HONEST);
    assert_eq!(
        lines(&logd, "web1.example.test/udp", 2),
        [0, 1].map(|round| format!("web1.example.test|{honest}|host| {round}"))
    );
    assert_eq!(
        lines(&logd, "web1.example.test/tcp", 2),
        [
            format!("web1.example.test|{honest}|web1.example.test| bare"),
            format!("web1.example.test|{honest}|host| whole")
        ]
    );
    for sender in [LIAR, HOSTILE, NAMELESS].map(address) {
        assert_eq!(
            lines(&logd, &format!("{sender}/udp"), 2),
            [0, 1].map(|round| format!("{sender}|{sender}|host| {round}"))
        );
    }
    // None of the first messages went by the address.
    let expected = [LIAR, HOSTILE, NAMELESS].map(|sender| address(sender).to_string());
    let expected: BTreeSet<_> = expected.into_iter().chain(["web1.example.test".to_owned()]).collect();
    assert_eq!(folders(&logd), expected);
    // Each address was looked up once.
    assert_eq!(["found", "unconfirmed", "nothing"].map(lookups), [1.0, 2.0, 1.0]);
    assert!(logd.stop().0.success());
}

#[test]
fn a_resolver_that_does_not_answer_holds_messages_up_for_a_second_and_then_no_more() {
    // It takes questions, and that is all.
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let logd = logd(silent.local_addr().unwrap());
    let sender = address(HONEST);
    let begun = Instant::now();
    for number in 0..10 {
        datagram(HONEST, &format!("<13>Oct 11 22:14:15 host udp: {number}"));
    }
    let mut stream = connection(HONEST);
    stream.write_all(b"<13>Oct 11 22:14:15 host tcp: first\n").unwrap();
    let expected = |number| format!("{sender}|{sender}|host| {number}");
    assert_eq!(
        lines(&logd, &format!("{sender}/udp"), 10),
        (0..10).map(expected).collect::<Vec<_>>(),
        "in their order"
    );
    lines(&logd, &format!("{sender}/tcp"), 1);
    let took = begun.elapsed();
    assert!(
        Duration::from_secs(1) <= took && took < Duration::from_secs(3),
        "{took:?}"
    );
    // What comes later does not wait.
    let begun = Instant::now();
    stream.write_all(b"<13>Oct 11 22:14:15 host tcp: second\n").unwrap();
    datagram(HONEST, "<13>Oct 11 22:14:15 host udp: 10");
    connection(HONEST)
        .write_all(b"<13>Oct 11 22:14:15 host other: third\n")
        .unwrap();
    lines(&logd, &format!("{sender}/tcp"), 2);
    lines(&logd, &format!("{sender}/udp"), 11);
    lines(&logd, &format!("{sender}/other"), 1);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(logd.stop().0.success());
}

#[test]
fn a_reload_that_turns_it_off_lets_no_datagram_overtake_those_that_wait() {
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut logd = logd(silent.local_addr().unwrap());
    datagram(HONEST, "<13>Oct 11 22:14:15 host udp: first");
    let received = || metric(address(LOGD), "logd_input_bytes_total", &["net-udp"]);
    wait::until("it to be received", || (received() > 0.0).then_some(()));
    let file = logd.path().join("logd.toml");
    let config = fs::read_to_string(&file).unwrap();
    fs::write(&file, config.replace("resolve = true", "resolve = false")).unwrap();
    logd.reload();
    datagram(HONEST, "<13>Oct 11 22:14:15 host udp: second");
    let sender = address(HONEST);
    assert_eq!(
        lines(&logd, &format!("{sender}/udp"), 2),
        ["first", "second"].map(|message| format!("{sender}|{sender}|host| {message}"))
    );
    assert!(logd.stop().0.success());
}

#[test]
fn what_waits_for_a_name_is_written_at_the_end() {
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let logd = logd(silent.local_addr().unwrap());
    datagram(HONEST, "<13>Oct 11 22:14:15 host udp: last");
    let received = || metric(address(LOGD), "logd_input_bytes_total", &["net-udp"]);
    wait::until("it to be received", || (received() > 0.0).then_some(()));
    let (status, left) = logd.stop();
    assert!(status.success());
    let file = left.path().join(format!("log/{}/udp", address(HONEST)));
    assert!(fs::read_to_string(file).unwrap().ends_with("| last\n"));
}
