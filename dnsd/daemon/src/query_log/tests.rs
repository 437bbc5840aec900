use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use ballast_shared::privileges::Process;
use dnsd_core::name::Name;
use dnsd_core::rrtype::{Class, Type};
use jiff::tz::TimeZone;

use super::clock::Clock;
use super::entry::{CookieState, Query};
use super::syslog::Syslog;
use super::{QueryLog, Target, line};
use crate::config::{QueryLogConfig, QueryLogTarget};

/// 2026-11-22 23:20:52.249 UTC
const TIME_MS: u64 = 1_795_389_652_249;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn query<'q>(qname: &'q Name, client: &str, local: &str) -> Query<'q> {
    Query {
        time_ms: TIME_MS,
        client: client.parse().unwrap(),
        local: local.parse().unwrap(),
        is_tcp: false,
        recursion_desired: true,
        checking_disabled: false,
        dnssec_ok: false,
        edns_version: Some(0),
        cookie: CookieState::Sent,
        qname: qname.as_name_ref(),
        qtype: Type::A,
        qclass: Class::IN,
        key: None,
        view: None,
        client_subnet: None,
    }
}

fn line_of(query: &Query<'_>) -> String {
    let mut encoded = Vec::new();
    query.encode(&mut encoded);
    encoded.extend_from_slice(b"next");
    let (decoded, following) = Query::decode(&encoded).unwrap();
    assert_eq!((&decoded, following), (query, &b"next"[..]));
    let mut line = Vec::new();
    line::write(&mut line, &decoded, 0x7f);
    String::from_utf8(line).unwrap()
}

/// Each as BIND 9.18 wrote it for the same query.
#[test]
fn a_line_is_that_of_bind() {
    let www = name("www.example.net");
    let plain = query(&www, "127.0.0.1:42109", "127.0.0.1");
    let (key, root, version) = (name("k1"), name("."), name("version.bind"));
    let (odd, mixed) = (name("a\\.b\\032c\\200.example.net"), name("WWW.Example.net"));
    for (query, line) in [
        (
            Query {
                view: Some("other"),
                ..plain
            },
            "127.0.0.1#42109 (www.example.net): view other: query: www.example.net IN A +E(0)K (127.0.0.1)",
        ),
        (
            Query {
                qname: mixed.as_name_ref(),
                qtype: Type(65280),
                recursion_desired: false,
                edns_version: None,
                cookie: CookieState::Absent,
                ..plain
            },
            "127.0.0.1#42109 (WWW.Example.net): query: WWW.Example.net IN TYPE65280 - (127.0.0.1)",
        ),
        (
            Query {
                qname: root.as_name_ref(),
                qtype: Type::NS,
                is_tcp: true,
                dnssec_ok: true,
                checking_disabled: true,
                ..plain
            },
            "127.0.0.1#42109 (.): query: . IN NS +E(0)TDCK (127.0.0.1)",
        ),
        (
            Query {
                key: Some(key.as_name_ref()),
                view: Some("cloud"),
                ..plain
            },
            "127.0.0.1#42109/key k1 (www.example.net): view cloud: query: www.example.net IN A +SE(0)K (127.0.0.1)",
        ),
        (
            Query {
                qname: version.as_name_ref(),
                qclass: Class::CH,
                qtype: Type::TXT,
                cookie: CookieState::Good,
                ..plain
            },
            "127.0.0.1#42109 (version.bind): query: version.bind CH TXT +E(0)V (127.0.0.1)",
        ),
        (
            Query {
                qname: odd.as_name_ref(),
                ..query(&www, "[::1]:58012", "::1")
            },
            "::1#58012 (a\\.b\\032c\\200.example.net): query: a\\.b\\032c\\200.example.net IN A +E(0)K (::1)",
        ),
        (
            Query {
                client_subnet: Some(&[0, 1, 24, 0, 192, 0, 2]),
                ..plain
            },
            "127.0.0.1#42109 (www.example.net): query: www.example.net IN A +E(0)K (127.0.0.1) [ECS 192.0.2.0/24/0]",
        ),
        (
            Query {
                client_subnet: Some(&[0, 2, 56, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0]),
                ..plain
            },
            "127.0.0.1#42109 (www.example.net): query: www.example.net IN A +E(0)K (127.0.0.1) [ECS 2001:db8::/56/0]",
        ),
    ] {
        assert_eq!(line_of(&query), format!("client @0x7f {line}"));
    }
}

#[test]
fn times_are_those_of_bind_and_of_rfc3164() {
    let mut bind = Clock::new(TimeZone::UTC, Clock::BIND);
    assert_eq!(bind.text(TIME_MS), "22-Nov-2026 23:20:52");
    assert_eq!(bind.text(0), "01-Jan-1970 00:00:00");
    assert_eq!(Clock::new(TimeZone::UTC, Clock::SYSLOG).text(0), "Jan  1 00:00:00");
}

#[test]
fn only_queries_are_logged() {
    let header = |flags: u8| [0, 1, flags, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let question = b"\x01a\0\0\x01\0\x01";
    let message = |flags: u8, question: &[u8]| [&header(flags)[..], question].concat();
    let client: SocketAddr = "192.0.2.1:5".parse().unwrap();
    let is_logged = |message: &[u8]| Query::of_message(message, 0, client, client.ip()).is_some();
    assert!(is_logged(&message(1, question)));
    // A response, a NOTIFY, class NONE, and a question that is cut off.
    assert!(!is_logged(&message(0x81, question)));
    assert!(!is_logged(&message(0x20, question)));
    assert!(!is_logged(&message(1, b"\x01a\0\0\x01\0\xfe")));
    assert!(!is_logged(&message(1, &question[..5])));
    assert!(!is_logged(b""));
}

fn config(path: &Path) -> QueryLogConfig {
    QueryLogConfig {
        target: QueryLogTarget::File(path.to_owned()),
        print_time: false,
        print_category: true,
        print_severity: true,
    }
}

fn turned_on(log: &QueryLog, path: &Path) {
    let config = config(path);
    let target = Target::open(&config, &Process::default()).unwrap();
    log.turn_on(target, &config).unwrap();
}

/// The lines of a file, once there are so many.
fn lines(path: &Path, count: usize) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        if lines.len() >= count && text.ends_with('\n') {
            return lines;
        }
        assert!(Instant::now() < deadline, "{text}");
        std::thread::yield_now();
    }
}

#[test]
fn lines_go_to_a_file_and_to_its_successor_when_it_is_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("query.log");
    fs::write(&path, "there before\n").unwrap();
    let log = QueryLog::default();
    let recorder = log.recorder();
    assert!(!recorder.is_on());
    turned_on(&log, &path);
    assert!(recorder.is_on());
    let www = name("www.example.net");
    let query = query(&www, "192.0.2.1:5", "192.0.2.53");
    recorder.record(&query);
    let written = lines(&path, 2);
    assert_eq!(written[0], "there before");
    let line =
        "queries: info: client @0x1 192.0.2.1#5 (www.example.net): query: www.example.net IN A +E(0)K (192.0.2.53)";
    assert_eq!(written[1], line);
    fs::rename(&path, folder.path().join("query.log.1")).unwrap();
    // The successor is made by the log itself; then what is asked goes there.
    let deadline = Instant::now() + Duration::from_secs(30);
    while !path.exists() {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    recorder.record(&query);
    assert_eq!(lines(&path, 1), [line]);
    log.finish();
    assert_eq!((log.counts().written, log.counts().dropped), (2, 0));
}

#[test]
fn what_finds_no_room_is_counted_and_nobody_waits() {
    // Without a writer nobody makes room.
    let log = QueryLog::default();
    let recorder = log.recorder();
    let www = name("www.example.net");
    for _ in 0..100_000 {
        recorder.record(&query(&www, "192.0.2.1:5", "192.0.2.53"));
    }
    let dropped = log.counts().dropped;
    assert!((80_000..100_000).contains(&dropped), "{dropped}");
}

#[test]
fn every_query_of_every_thread_has_a_whole_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("query.log");
    let log = QueryLog::default();
    turned_on(&log, &path);
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let recorder = log.recorder();
            threads.spawn(move || {
                for number in 0..5_000 {
                    let qname = name(&format!("q{number}.t{thread}.example"));
                    recorder.record(&query(&qname, "192.0.2.1:5", "192.0.2.53"));
                }
            });
        }
    });
    log.finish();
    let counts = log.counts();
    assert_eq!(counts.written + counts.dropped, 20_000);
    let lines = lines(&path, usize::try_from(counts.written).unwrap());
    for thread in 0..4 {
        let own = lines
            .iter()
            .filter(|line| line.contains(&format!(".t{thread}.example)")));
        let numbers: Vec<u32> = own
            .map(|line| {
                line.split(" (q")
                    .nth(1)
                    .unwrap()
                    .split('.')
                    .next()
                    .unwrap()
                    .parse()
                    .unwrap()
            })
            .collect();
        assert!(numbers.is_sorted());
    }
}

#[test]
fn the_systems_log_gets_a_datagram_a_line_and_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut syslog = Syslog::at(path.clone(), 3);
    assert!(syslog.send(b"nobody there").is_err());
    let daemon = UnixDatagram::bind(&path).unwrap();
    let mut syslog = Syslog::at(path.clone(), 3);
    let mut line = Vec::new();
    syslog.head(&mut line, TIME_MS);
    line.extend_from_slice(b"client");
    syslog.send(&line).unwrap();
    let mut received = [0; 128];
    let length = daemon.recv(&mut received).unwrap();
    let text = str::from_utf8(&received[..length]).unwrap();
    assert!(text.starts_with("<30>Nov 2"), "{text}");
    assert!(
        text.ends_with(&format!(" dnsd[{}]: client", std::process::id())),
        "{text}"
    );
    // Started anew.
    drop(daemon);
    fs::remove_file(&path).unwrap();
    let daemon = UnixDatagram::bind(&path).unwrap();
    syslog.send(b"again").unwrap();
    let length = daemon.recv(&mut received).unwrap();
    assert_eq!(&received[..length], b"again");
}

#[test]
fn an_address_of_ipv4_is_one_whatever_the_socket() {
    let www = name("www.example.net");
    let local: IpAddr = "::ffff:192.0.2.53".parse().unwrap();
    let mut encoded = Vec::new();
    Query {
        local,
        ..query(&www, "[::ffff:192.0.2.1]:5", "::1")
    }
    .encode(&mut encoded);
    let (decoded, _) = Query::decode(&encoded).unwrap();
    assert_eq!(decoded.local, local.to_canonical());
    assert_eq!(decoded.client, "192.0.2.1:5".parse().unwrap());
}
