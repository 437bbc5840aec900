//! Every message is a whole line of its file, in the order of its connection, from whatever number of connections.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::thread;

use ballast_tests::daemon::Setup;
use ballast_tests::syslog::{self, Framing};
use ballast_tests::{address, wait};

const LOGD: u8 = 0;

/// logd with one file for all messages, and more keys for its TCP input.
fn logd(tcp: &str) -> Setup {
    logd_with(tcp, "")
}

/// The same with another output.
fn logd_with(tcp: &str, more: &str) -> Setup {
    let head = syslog::logd_head(address(LOGD)).replace("[input.net-udp.udp]", &format!("{tcp}\n[input.net-udp.udp]"));
    let rule = "[[rule]]\nselect = \"*.*\"\nto = [\"log/all\"]\n";
    Setup::new("logd").file("logd.toml", head + rule + more)
}

#[test]
fn many_connections_to_one_file_give_whole_lines_in_the_order_of_each() {
    const CONNECTIONS: usize = 50;
    const MESSAGES: usize = 400;
    let logd = logd("").start();
    thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            scope.spawn(move || {
                // Lengths that differ, so that reads and writes end in the middle of messages.
                let messages = (0..MESSAGES).map(|n| {
                    let padding = "x".repeat((n * 37 + connection * 11) % 500);
                    format!("<13>Oct 11 22:14:15 host app[{connection}]: {n} {padding}.")
                });
                let framing = if connection % 2 == 0 {
                    Framing::Newline
                } else {
                    Framing::OctetCounted
                };
                let bytes = framing.frame(messages);
                let mut stream = syslog::connect(syslog::collector(address(LOGD)));
                for piece in bytes.chunks(1 + connection * 97) {
                    stream.write_all(piece).unwrap();
                }
                syslog::close(&mut stream);
            });
        }
    });
    let (_, left) = logd.stop();
    let content = std::fs::read_to_string(left.path().join("log/all")).unwrap();
    let mut next = vec![0; CONNECTIONS];
    for line in content.lines() {
        let (connection, rest) = line
            .strip_prefix("Oct 11 22:14:15 host app[")
            .and_then(|rest| rest.split_once("]: "))
            .unwrap_or_else(|| panic!("torn: {line}"));
        let connection: usize = connection.parse().unwrap();
        let n = next[connection];
        let padding = "x".repeat((n * 37 + connection * 11) % 500);
        assert_eq!(rest, format!("{n} {padding}."), "the next of connection {connection}");
        next[connection] += 1;
    }
    assert_eq!(next, vec![MESSAGES; CONNECTIONS]);
    assert!(content.ends_with('\n'));
}

#[test]
fn a_message_is_in_its_file_soon_after_it_was_sent_and_its_connection_stays_open() {
    let logd = logd("").start();
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    for n in 0..5 {
        stream
            .write_all(format!("<13>Oct 11 22:14:15 host app: {n}\n").as_bytes())
            .unwrap();
        wait::until_lines(&logd.path().join("log/all"), n + 1);
    }
}

#[test]
fn a_file_that_ends_without_a_newline_gets_one_first() {
    let logd = logd("").file("log/all", "torn by a crash, long ago").start();
    syslog::send(
        syslog::collector(address(LOGD)),
        b"<13>Oct 11 22:14:15 host app: next\n",
    );
    let (_, left) = logd.stop();
    let content = std::fs::read_to_string(left.path().join("log/all")).unwrap();
    assert_eq!(content, "torn by a crash, long ago\nOct 11 22:14:15 host app: next\n");
}

#[test]
fn a_message_longer_than_message_max_is_cut_marked_and_counted() {
    let json =
        "[output.json.file]\npath = \"log/json\"\nformat = \"json\"\n[[rule]]\nselect = \"*.*\"\nto = [\"json\"]\n";
    let logd = logd_with("message-max = \"1KiB\"", json).start();
    let head = "<13>Oct 11 22:14:15 host app: ";
    let fits = format!("{head}{}", "f".repeat(1024 - head.len()));
    let exceeds = format!("{head}{}", "e".repeat(1024 - head.len() + 1));
    let far_exceeds = format!("{head}{}", "m".repeat(300_000));
    let after = format!("{head}after");
    for framing in [Framing::Newline, Framing::OctetCounted] {
        let bytes = framing.frame([&fits, &exceeds, &far_exceeds, &after]);
        syslog::send(syslog::collector(address(LOGD)), &bytes);
    }
    let truncated = syslog::metric(address(LOGD), "logd_input_truncated_total", &[]);
    let (_, left) = logd.stop();
    let content = std::fs::read_to_string(left.path().join("log/all")).unwrap();
    let mut expected = String::new();
    for _ in 0..2 {
        for message in [&fits, &exceeds, &far_exceeds, &after] {
            writeln!(expected, "{}", &message[4..message.len().min(1024)]).unwrap();
        }
    }
    assert_eq!(content, expected);
    assert!((truncated - 4.0).abs() < 0.5, "{truncated} of 4 counted");
    let json = std::fs::read_to_string(left.path().join("log/json")).unwrap();
    let marked: Vec<_> = json
        .lines()
        .map(|line| line.ends_with(",\"truncated\":true}"))
        .collect();
    assert_eq!(marked, [false, true, true, false].repeat(2), "{json}");
}

#[test]
fn a_broken_octet_count_costs_no_message_after_the_next_newline() {
    let logd = logd("").start();
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    stream
        .write_all(
            b"34 <13>Oct 11 22:14:15 host app: one\n\n99999999 <13>no such length\n<13>Oct 11 22:14:15 host app: two\n",
        )
        .unwrap();
    syslog::close(&mut stream);
    let (_, left) = logd.stop();
    let content = std::fs::read_to_string(left.path().join("log/all")).unwrap();
    assert!(content.starts_with("Oct 11 22:14:15 host app: one\n"), "{content}");
    assert!(content.ends_with("\nOct 11 22:14:15 host app: two\n"), "{content}");
}

#[test]
fn connections_over_the_maximum_are_closed_and_the_others_served() {
    let logd = logd("connections-max = 3").start();
    let to = syslog::collector(address(LOGD));
    let mut served: Vec<_> = (0..3).map(|_| syslog::connect(to)).collect();
    for (n, stream) in served.iter_mut().enumerate() {
        writeln!(stream, "<13>Oct 11 22:14:15 host app: {n}").unwrap();
    }
    wait::until_lines(&logd.path().join("log/all"), 3);
    let mut refused = syslog::connect(to);
    // Closed or reset, whichever the kernel makes of it.
    let read = refused.read(&mut [0]);
    assert!(matches!(read, Ok(0)) || read.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset));
    for stream in &mut served {
        writeln!(stream, "<13>Oct 11 22:14:15 host app: still").unwrap();
    }
    wait::until_lines(&logd.path().join("log/all"), 6);
    // One that ends makes room for another.
    syslog::close(&mut served[0]);
    wait::until("a connection to be served", || {
        let mut stream = syslog::connect(to);
        writeln!(stream, "<13>Oct 11 22:14:15 host app: again").ok()?;
        let content = std::fs::read_to_string(logd.path().join("log/all")).unwrap();
        content.ends_with("again\n").then_some(())
    });
}

#[test]
fn senders_that_are_not_allowed_are_not_heard_over_tcp_and_udp() {
    let [allowed, other] = [address(LOGD), address(1)];
    // The tests send from 127.0.0.1.
    let input = |name: &str, kind: &str, listen, allow: &str| {
        format!(
            "[input.{name}.{kind}]\nlisten = [\"{listen}:{}\"]\nallow = [\"{allow}\"]\n",
            syslog::PORT
        )
    };
    let mut spec = "work-dir = \"work\"\n[control]\nsocket = \"control.sock\"\n".to_owned();
    spec += &input("allowed-tcp", "tcp", allowed, "127.0.0.0/30");
    spec += &input("allowed-udp", "udp", allowed, "127.0.0.1");
    spec += &input("other-tcp", "tcp", other, "127.0.0.2");
    spec += &input("other-udp", "udp", other, "10.0.0.0/8");
    spec += "[[rule]]\nselect = \"*.*\"\nto = [\"log/all\"]\n";
    let logd = Setup::new("logd").file("logd.toml", spec).start();

    let mut refused = syslog::connect(syslog::collector(other));
    // The connection may be reset before or after.
    let _ = refused.write_all(b"<13>Oct 11 22:14:15 host app: refused over TCP\n");
    let read = refused.read(&mut [0]);
    assert!(matches!(read, Ok(0)) || read.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let datagram = |to: SocketAddr, text: &str| {
        socket
            .send_to(format!("<13>Oct 11 22:14:15 host app: {text}").as_bytes(), to)
            .unwrap();
    };
    datagram(syslog::collector(other), "refused over UDP");
    datagram(syslog::collector(allowed), "allowed over UDP");
    syslog::send(
        syslog::collector(allowed),
        b"<13>Oct 11 22:14:15 host app: allowed over TCP\n",
    );
    let (_, left) = logd.stop();
    let content = std::fs::read_to_string(left.path().join("log/all")).unwrap();
    let mut lines: Vec<_> = content.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "Oct 11 22:14:15 host app: allowed over TCP",
            "Oct 11 22:14:15 host app: allowed over UDP"
        ]
    );
}
