//! logd forwards to rsyslogd and to logd: over every transport, with targets that go, hang and come back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use ballast_tests::certificates::Authority;
use ballast_tests::syslog::forwarding::{
    LOGD, RELP_PORT, SECOND, TARGET, TLS_PORT, WINDOW, arrived, forwarding, in_order, logd_target, metric, numbered,
    numbers, rsyslogd, send, start, written_to,
};
use ballast_tests::syslog::{self, PORT};
use ballast_tests::{address, peers, wait};

/// Forwards to rsyslogd with these keys, and stops.
fn forwarded(scheme: &str, port: u16, keys: &str) {
    let directory = tempfile::tempdir().unwrap();
    let target = rsyslogd(directory.path(), TARGET);
    let logd = start(&format!("target = \"{scheme}://{}:{port}\"\n{keys}", address(TARGET)));
    send(0..1000);
    assert_eq!(arrived(&target.all(), 0..1000), in_order(0..1000));
    wait::until("all to be counted", || {
        (metric("logd_output_lines_total") == 1000.0).then_some(())
    });
    assert_eq!(metric("logd_output_connected"), 1.0);
    let (status, _) = logd.stop();
    assert!(status.success(), "{status}");
    target.stop();
}

#[test]
fn rfc5426_over_udp() {
    let directory = tempfile::tempdir().unwrap();
    let target = rsyslogd(directory.path(), TARGET);
    let logd = start(&format!("target = \"udp://{}:{PORT}\"", address(TARGET)));
    // No more at once than the kernel keeps for a rsyslogd that has no time.
    for some in (0..1000).step_by(100) {
        send(some..some + 100);
        assert_eq!(arrived(&target.all(), 0..some + 100), in_order(0..some + 100));
    }
    assert!(logd.stop().0.success());
    target.stop();
}

#[test]
fn rfc6587_over_tcp() {
    forwarded("tcp", PORT, "");
}

#[test]
fn rfc6587_over_tcp_octet_counted() {
    forwarded("tcp", PORT, "framing = \"octet-counted\"");
}

#[test]
fn over_relp() {
    forwarded("relp", RELP_PORT, "");
}

#[test]
fn over_relp_through_a_spool() {
    forwarded("relp", RELP_PORT, "spool = { max = \"64MiB\", sync = \"always\" }");
}

#[test]
fn over_tcp_through_a_spool() {
    forwarded("tcp", PORT, "spool = { max = \"64MiB\" }");
}

#[test]
fn rfc5425_over_tls_with_certificates_of_both_sides_to_rsyslogd() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path().display();
    let authority = Authority::new(directory.path(), "authority");
    authority.sign("server", "DNS:collector.example.net");
    authority.sign("client", "DNS:logd.example.net");
    let config = format!(
        "global(workDirectory=\"{here}\" net.enableDNS=\"off\" defaultNetstreamDriver=\"gtls\"\n\
         defaultNetstreamDriverCAFile=\"{here}/authority.pem\" defaultNetstreamDriverCertFile=\"{here}/server.pem\"\n\
         defaultNetstreamDriverKeyFile=\"{here}/server.key\")\n\
         module(load=\"imtcp\" streamDriver.name=\"gtls\" streamDriver.mode=\"1\" streamDriver.authMode=\"x509/name\"\n\
         permittedPeer=[\"logd.example.net\"])\n\
         input(type=\"imtcp\" address=\"{}\" port=\"{TLS_PORT}\")\n",
        address(TARGET)
    ) + &written_to(directory.path());
    let serves = SocketAddr::from((address(TARGET), TLS_PORT));
    let peer = peers::rsyslogd(directory.path(), &config, serves);
    let keys = |peer_name: &str| {
        format!(
            "target = [\"tls://{}\"]\ntls = {{ ca = \"{here}/authority.pem\", certificate = \"{here}/client.pem\",\
             key = \"{here}/client.key\", peer-name = \"{peer_name}\" }}",
            address(TARGET)
        )
    };
    let mut logd = start(&keys("*.example.org"));
    send(0..100);
    logd.wait_for_log("target failed: TLS");
    assert_eq!(numbers(&directory.path().join("all")), None, "nothing has come");
    // The queue of the output as it was is not lost with its settings: it goes on until it can be sent, or the daemon ends.
    logd.replace("logd.toml", forwarding(&keys("*.example.net")));
    logd.reload();
    send(100..1000);
    let found = arrived(&directory.path().join("all"), 100..1000);
    assert_eq!(found, in_order(100..1000));
    drop(logd);
    peer.stop();
}

/// Forwards over RELP and TLS, with certificates of both sides, to rsyslogd with this library of librelp's.
fn forwarded_over_relp_and_tls(library: &str) {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path().display();
    let authority = Authority::new(directory.path(), "authority");
    authority.sign("server", "DNS:collector.example.net");
    authority.sign("client", "DNS:logd.example.net");
    let config = syslog::rsyslogd_head(directory.path(), address(TARGET))
        + &format!(
            "module(load=\"imrelp\" tls.tlslib=\"{library}\")\n\
             input(type=\"imrelp\" address=\"{}\" port=\"{RELP_PORT}\" tls=\"on\" tls.caCert=\"{here}/authority.pem\"\n\
             tls.myCert=\"{here}/server.pem\" tls.myPrivKey=\"{here}/server.key\" tls.authMode=\"name\"\n\
             tls.permittedPeer=[\"logd.example.net\"])\n",
            address(TARGET)
        )
        + &written_to(directory.path());
    let peer = peers::rsyslogd(directory.path(), &config, syslog::collector(address(TARGET)));
    let keys = |peer_name: &str| {
        format!(
            "target = [\"relp://{}:{RELP_PORT}\"]\nresume-interval = \"200ms\"\n\
             tls = {{ ca = \"{here}/authority.pem\", certificate = \"{here}/client.pem\",\
             key = \"{here}/client.key\", peer-name = \"{peer_name}\" }}",
            address(TARGET)
        )
    };
    let mut logd = start(&keys("*.example.org"));
    send(0..100);
    logd.wait_for_log("target failed: TLS");
    assert_eq!(numbers(&directory.path().join("all")), None, "nothing has come");
    logd.replace("logd.toml", forwarding(&keys("*.example.net")));
    logd.reload();
    send(100..1000);
    let found = arrived(&directory.path().join("all"), 100..1000);
    assert_eq!(found, in_order(100..1000));
    drop(logd);
    peer.stop();
}

#[test]
fn over_relp_and_tls_to_rsyslogd_with_gnutls() {
    forwarded_over_relp_and_tls("gnutls");
}

#[test]
fn over_relp_and_tls_to_rsyslogd_with_openssl() {
    forwarded_over_relp_and_tls("openssl");
}

#[test]
fn over_relp_from_logd_to_logd() {
    let target = logd_target(TARGET, "").start();
    let logd = start(&format!("target = \"relp://{}:{RELP_PORT}\"", address(TARGET)));
    send(0..5000);
    assert_eq!(arrived(&target.path().join("all"), 0..5000), in_order(0..5000));
    assert!(logd.stop().0.success());
    assert!(target.stop().0.success());
}

/// Forwards to a target that goes while there is nothing to be sent, to the next one meanwhile, and to the first when it is back.
fn to_the_next_target_and_back(spool: &str) {
    let first = logd_target(TARGET, "").start();
    let second = logd_target(SECOND, "").start();
    let logd = start(&format!(
        "target = [\"relp://{}:{RELP_PORT}\", \"relp://{}:{RELP_PORT}\"]\nresume-interval = \"300ms\"\n{spool}",
        address(TARGET),
        address(SECOND)
    ));
    send(0..1000);
    arrived(&first.path().join("all"), 0..1000);
    wait_for_acknowledged(1000);
    let (status, left) = first.stop();
    assert!(status.success());
    send(1000..2000);
    let at_second = arrived(&second.path().join("all"), 1000..2000);
    assert_eq!(at_second, in_order(1000..2000));
    wait_for_acknowledged(2000);
    let first = left.again().start();
    logd.wait_for_log("the target is there again");
    send(2000..3000);
    let at_first = arrived(&first.path().join("all"), 2000..3000);
    assert_eq!(at_first, [in_order(0..1000), in_order(2000..3000)].concat());
    let labels = |n: u8| format!("target=\"relp://{}:{RELP_PORT}\"", address(n));
    let connected = |n: u8| syslog::metric(address(LOGD), "logd_output_connected", &[&labels(n)]);
    assert_eq!((connected(TARGET), connected(SECOND)), (1.0, 0.0));
    assert!(logd.stop().0.success());
}

#[test]
fn the_next_target_is_used_while_the_first_is_away_and_the_first_again_when_it_is_back() {
    to_the_next_target_and_back("");
}

#[test]
fn with_a_spool_too_the_next_target_is_used_while_the_first_is_away() {
    to_the_next_target_and_back("spool = { max = \"64MiB\" }");
}

/// Waits until the targets are known to have so many.
fn wait_for_acknowledged(messages: usize) {
    wait::until("all to have arrived", || {
        (metric("logd_output_lines_total") == messages as f64).then_some(())
    });
}

#[test]
fn a_target_that_closes_idle_connections_gets_what_comes_next_once_and_in_order() {
    let listener = TcpListener::bind((address(TARGET), PORT)).unwrap();
    // A logd that has ended does not connect.
    listener.set_nonblocking(true).unwrap();
    let logd = start(&format!(
        "target = \"tcp://{}:{PORT}\"\nresume-interval = \"200ms\"",
        address(TARGET)
    ));
    let mut last = None;
    // Fewer and more than have arrived before.
    for round in [0..10, 10..11, 11..12, 12..1000, 1000..1001] {
        drop(last.take());
        let (connection, _) = wait::until("a connection", || listener.accept().ok());
        connection.set_read_timeout(Some(wait::DEADLINE)).unwrap();
        let mut lines = BufReader::new(connection).lines();
        send(round.clone());
        for n in round.clone() {
            let line = lines.next().unwrap().unwrap();
            assert!(line.ends_with(&format!(" message {n}")), "{line}");
        }
        wait_for_acknowledged(round.end);
        last = Some(lines);
    }
    assert!(logd.stop().0.success());
    assert_eq!(last.unwrap().count(), 0, "none comes twice");
}

#[test]
fn a_target_that_takes_connections_and_nothing_else_is_given_up() {
    let hanging = TcpListener::bind((address(TARGET), PORT)).unwrap();
    let second = logd_target(SECOND, "").start();
    let logd = start(&format!(
        "target = [\"relp://{}:{PORT}\", \"tcp://{}:{PORT}\"]\ntimeout = \"500ms\"",
        address(TARGET),
        address(SECOND)
    ));
    send(0..1000);
    assert_eq!(arrived(&second.path().join("all"), 0..1000), in_order(0..1000));
    assert!(logd.log().contains("it has taken nothing for 500ms"), "{}", logd.log());
    assert!(logd.stop().0.success());
    drop(hanging);
}

#[test]
fn over_tcp_a_target_that_does_not_read_is_given_up_when_the_kernels_have_no_more_room() {
    let hanging = TcpListener::bind((address(TARGET), PORT)).unwrap();
    let second = logd_target(SECOND, "").start();
    let logd = start(&format!(
        "target = [\"tcp://{}:{PORT}\", \"tcp://{}:{PORT}\"]\ntimeout = \"500ms\"\nqueue = {{ max = \"64MiB\", when-full = \"block\" }}",
        address(TARGET),
        address(SECOND)
    ));
    let filler = "x".repeat(8000);
    let mut bytes = String::new();
    for n in 0..4000 {
        writeln!(bytes, "{} {filler}", numbered(n)).unwrap();
    }
    syslog::send(syslog::collector(address(LOGD)), bytes.as_bytes());
    logd.wait_for_log("it has taken nothing for 500ms");
    // What the kernel of the first had taken is lost with plain TCP, as the manual says; the rest is not.
    let all = second.path().join("all");
    let found = wait::until("the last message", || {
        numbers(&all).filter(|found| found.contains(&3999))
    });
    assert_eq!(found, in_order(found[0]..4000));
    assert!(found.len() > 100, "{} of them", found.len());
    assert!(logd.stop().0.success());
    drop(hanging);
}

#[test]
fn a_target_that_is_killed_and_started_again_gets_all_of_it_and_at_most_a_window_twice() {
    let directory = tempfile::tempdir().unwrap();
    let mut target = rsyslogd(directory.path(), TARGET);
    let logd = start(&format!(
        "target = \"relp://{}:{RELP_PORT}\"\nspool = {{ max = \"64MiB\" }}\nresume-interval = \"200ms\"",
        address(TARGET)
    ));
    const ROUNDS: usize = 3;
    const PER_ROUND: usize = 4000;
    for round in 0..ROUNDS {
        let sender = thread::spawn(move || send(round * PER_ROUND..(round + 1) * PER_ROUND));
        let some = round * PER_ROUND + PER_ROUND / 4;
        wait::until("some of them", || {
            numbers(&target.all())?.iter().any(|n| *n >= some).then_some(())
        });
        // In an orderly way: rsyslogd acknowledges what is in its queue, and would lose that.
        target.stop();
        sender.join().unwrap();
        target = rsyslogd(directory.path(), TARGET);
    }
    let found = arrived(&target.all(), 0..ROUNDS * PER_ROUND);
    let doubled = found.len() - ROUNDS * PER_ROUND;
    assert!(doubled <= ROUNDS * WINDOW, "{doubled} came twice");
    let mut first_time = BTreeSet::new();
    let firsts: Vec<usize> = found.into_iter().filter(|n| first_time.insert(*n)).collect();
    assert_eq!(firsts, in_order(0..ROUNDS * PER_ROUND), "in order");
    assert!(logd.stop().0.success());
    target.stop();
}
