//! Limits of each sender's rate: what is beyond is dropped, counted, and told once an interval.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::{address, syslog, wait};

const LOGD: u8 = 0;

fn logd(inputs: &str) -> Daemon {
    let listen = address(LOGD);
    let config = format!(
        "work-dir = \"work\"\n[control]\nsocket = \"control.sock\"\nhttp = \"{listen}:{}\"\n{inputs}\n\
         [output.all.file]\npath = \"log\"\n[[rule]]\nto = [\"all\"]\n",
        syslog::HTTP_PORT
    );
    Setup::new("logd").file("logd.toml", config).start()
}

fn dropped(input: &str) -> u64 {
    let labels = [&*format!("input=\"{input}\""), "reason=\"rate-limit\""];
    syslog::metric(address(LOGD), "logd_input_dropped_total", &labels) as u64
}

#[test]
fn a_sender_over_udp_is_cut_to_its_burst_and_others_are_not() {
    let logd = logd(&format!(
        "[input.net.udp]\nlisten = [\"{}\"]\nrate-limit-interval = \"2s\"\nrate-limit-burst = 10",
        syslog::collector(address(LOGD))
    ));
    let [noisy, quiet] = [1, 2].map(|n| UdpSocket::bind((address(n), 0)).unwrap());
    for n in 0..100 {
        let text = format!("<13>Oct 11 22:14:15 noisy app: {n}");
        noisy
            .send_to(text.as_bytes(), syslog::collector(address(LOGD)))
            .unwrap();
    }
    quiet
        .send_to(b"<13>Oct 11 22:14:15 quiet app: once", syslog::collector(address(LOGD)))
        .unwrap();
    let log = wait::until_file(&logd.path().join("log"), |content| {
        String::from_utf8_lossy(content).contains("quiet")
    });
    let log = String::from_utf8(log).unwrap();
    assert_eq!(log.lines().filter(|line| line.contains("noisy")).count(), 10, "{log}");
    assert_eq!(dropped("net"), 90);
    logd.wait_for_log(&format!("90 messages from {} lost due to rate limiting", address(1)));
    assert!(logd.stop().0.success());
}

#[test]
fn a_connection_goes_on_after_what_was_too_much() {
    let logd = logd(&format!(
        "[input.net.tcp]\nlisten = [\"{}\"]\nrate-limit-interval = \"1h\"\nrate-limit-burst = 3",
        syslog::collector(address(LOGD))
    ));
    let bytes: String = (0..10)
        .map(|n| format!("<13>Oct 11 22:14:15 host app: {n}\n"))
        .collect();
    syslog::send(syslog::collector(address(LOGD)), bytes.as_bytes());
    assert_eq!(dropped("net"), 7);
    let log = wait::until_lines(&logd.path().join("log"), 3);
    assert!(log.ends_with(b"app: 2\n"));
    assert!(logd.stop().0.success());
}

#[test]
fn a_process_is_limited_but_for_its_emergencies() {
    let logd = logd("[input.local.unix]\npath = \"socket\"\nrate-limit-interval = \"1h\"\nrate-limit-burst = 5");
    let sender = UnixDatagram::unbound().unwrap();
    sender.connect(logd.path().join("socket")).unwrap();
    for n in 0..20 {
        sender.send(format!("<13>Oct 11 22:14:15 app: {n}").as_bytes()).unwrap();
    }
    sender.send(b"<8>Oct 11 22:14:15 app: emergency").unwrap();
    let log = String::from_utf8(wait::until_lines(&logd.path().join("log"), 6)).unwrap();
    assert!(log.ends_with("app: emergency\n"), "{log}");
    assert_eq!(dropped("local"), 15);
    assert!(logd.stop().0.success());
}
