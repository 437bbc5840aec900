//! How both daemons start and stop, as systemd and administrators see it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use ballast_tests::daemon::{Daemon, Setup, program};
use ballast_tests::{address, wait};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;

const ZONE: &str = "$TTL 1h\n@ SOA ns root 1 1d 2h 4w 1h\n@ NS ns\nns A 192.0.2.1\n";

fn logd(extra: &str) -> Setup {
    let listen = address(0);
    Setup::new("logd").file(
        "logd.toml",
        format!(
            "work-dir = \"work\"\n[control]\nsocket = \"control.sock\"\nhttp = \"{listen}:9514\"\n\
             [input.net.tcp]\nlisten = [\"{listen}:5514\"]\n\
             [output.all.file]\npath = \"all.log\"\n[[rule]]\nselect = \"*.*\"\nto = [\"all\"]\n{extra}"
        ),
    )
}

fn dnsd(extra: &str) -> Setup {
    let listen = address(1);
    Setup::new("dnsd").file("db.example.net", ZONE).file(
        "dnsd.toml",
        format!(
            "work-dir = \"work\"\n[listen]\ndns = [\"{listen}:5300\"]\n\
             [control]\nsocket = \"control.sock\"\nhttp = \"{listen}:9153\"\n\
             [zone.\"example.net\".primary]\nfile = \"db.example.net\"\n{extra}"
        ),
    )
}

fn both(extra: &str) -> [Setup; 2] {
    [logd(extra), dnsd(extra)]
}

/// The body of a page, whatever its status.
fn page(address: Ipv4Addr, port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect((address, port)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn sigterm_and_sigint_end_both_with_success() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        for setup in both("") {
            let mut daemon = setup.start();
            daemon.signal(signal);
            daemon.wait_for_notice("STOPPING=1");
            let status = daemon.wait();
            assert!(status.success(), "{status}: {}", daemon.log());
        }
    }
}

#[test]
fn sighup_reloads_and_says_so() {
    for setup in both("") {
        let mut daemon = setup.start();
        daemon.reload();
        assert!(daemon.stop().0.success());
    }
}

#[test]
fn sigterm_ends_dnsd_in_the_middle_of_a_reload() {
    let mut daemon = dnsd("").start();
    // A configuration that takes for ever to read: nobody writes into this pipe.
    let config = daemon.path().join("dnsd.toml");
    fs::remove_file(&config).unwrap();
    nix::unistd::mkfifo(&config, nix::sys::stat::Mode::S_IRWXU).unwrap();
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_notice("RELOADING=1");
    daemon.signal(Signal::SIGTERM);
    let status = daemon.wait();
    assert!(status.success(), "{status}: {}", daemon.log());
}

#[test]
fn the_watchdog_is_fed() {
    for (setup, name) in both("").into_iter().zip(["logd", "dnsd"]) {
        let mut command = Command::new(program(name));
        command.env("WATCHDOG_USEC", "200000");
        let mut daemon = setup.start_by(command);
        daemon.wait_for_notice("WATCHDOG=1");
        daemon.wait_for_notice("WATCHDOG=1");
    }
}

/// Starts a daemon with a listening socket as its descriptor 3, announced as systemd does.
fn start_activated(setup: Setup, name: &str, listener: TcpListener) -> Daemon {
    let mut command = Command::new("/bin/sh");
    // LISTEN_PID is the number of the process that the shell becomes.
    command
        .arg("-c")
        .arg("exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\"")
        .arg(program(name));
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    setup.start_by(command)
}

#[test]
fn logd_takes_its_listener_from_systemd() {
    let listen = SocketAddr::from((address(0), 5514));
    let listener = TcpListener::bind(listen).unwrap();
    // A client that came while no daemon ran.
    let mut early = TcpStream::connect(listen).unwrap();
    early.write_all(b"<13>Nov 22 10:00:00 web app: early\n").unwrap();
    let daemon = start_activated(logd(""), "logd", listener);
    wait::until_file(&daemon.path().join("all.log"), |content| {
        content.ends_with(b"web app: early\n")
    });
}

#[test]
fn dnsd_takes_its_listener_from_systemd() {
    let listen = SocketAddr::from((address(1), 5300));
    let listener = TcpListener::bind(listen).unwrap();
    let mut early = TcpStream::connect(listen).unwrap();
    // ns.example.net A over TCP, asked while no daemon ran.
    let query = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\x02ns\x07example\x03net\0\0\x01\0\x01";
    early
        .write_all(&u16::try_from(query.len()).unwrap().to_be_bytes())
        .unwrap();
    early.write_all(query).unwrap();
    let _daemon = start_activated(dnsd(""), "dnsd", listener);
    let mut head = [0; 14];
    early.read_exact(&mut head).unwrap();
    assert_eq!(head[2..4], [0x12, 0x34]);
    assert_eq!(head[5] & 0x0f, 0, "NOERROR");
    assert_eq!(head[8..10], [0, 1], "one answer");
}

#[test]
fn privileges_are_dropped_before_the_daemon_says_that_it_is_ready() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root has privileges to drop");
        return;
    }
    for setup in both("[process]\nuser = \"nobody\"\ngroup = \"nogroup\"\n") {
        // The daemon's own directory, so that it can write there as nobody.
        Command::new("chown")
            .arg("-R")
            .arg("nobody:nogroup")
            .arg(setup.path())
            .status()
            .unwrap();
        let daemon = setup.start();
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        let field = |name: &str| {
            status
                .lines()
                .find_map(|l| l.strip_prefix(name))
                .unwrap()
                .trim()
                .to_owned()
        };
        assert_eq!(field("Uid:"), "65534\t65534\t65534\t65534");
        assert_eq!(field("Gid:"), "65534\t65534\t65534\t65534");
        assert_eq!(
            field("CapEff:"),
            "0000000000000000",
            "nothing in this configuration needs a capability"
        );
        assert_eq!(field("CapPrm:"), "0000000000000000");
        assert!(daemon.stop().0.success());
    }
}

#[test]
fn a_second_instance_is_refused_and_the_holder_named() {
    for setup in both("") {
        let daemon = setup.start();
        let second = daemon.run(&["run"]);
        assert_eq!(second.status.code(), Some(69), "{second:?}");
        let said = String::from_utf8_lossy(&second.stderr);
        assert!(said.contains(&format!("pid {}", daemon.pid())), "{said}");
    }
}

#[test]
fn a_port_that_is_held_names_its_holder() {
    let held = TcpListener::bind((address(0), 5514)).unwrap();
    let ended = logd("").run(&["run"]);
    assert_eq!(ended.status.code(), Some(69), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("5514/tcp is held by "), "{said}");
    assert!(said.contains(&format!("pid {}", std::process::id())), "{said}");
    drop(held);
}

#[test]
fn health_and_metrics_are_served() {
    let daemons = both("").map(Setup::start);
    for (n, port, metric) in [(0, 9514, "logd_"), (1, 9153, "dnsd_")] {
        let health = page(address(n), port, "/healthz");
        assert!(
            health.starts_with("HTTP/1.0 200") && health.ends_with("\r\n\r\nok\n"),
            "{health}"
        );
        let metrics = page(address(n), port, "/metrics");
        assert!(metrics.lines().any(|line| line.starts_with(metric)), "{metrics}");
    }
    drop(daemons);
}

#[test]
fn the_control_socket_describes_itself() {
    for (setup, interface) in both("").into_iter().zip(["io.ballast.logd", "io.ballast.dnsd"]) {
        let daemon = setup.start();
        let mut stream = std::os::unix::net::UnixStream::connect(daemon.path().join("control.sock")).unwrap();
        stream
            .write_all(
                format!(
                    "{{\"method\":\"org.varlink.service.GetInterfaceDescription\",\
                     \"parameters\":{{\"interface\":\"{interface}\"}}}}\0"
                )
                .as_bytes(),
            )
            .unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let answer: serde_json::Value = serde_json::from_str(answer.trim_end_matches('\0')).unwrap();
        let description = answer["parameters"]["description"].as_str().unwrap();
        assert!(
            description.contains(&format!("interface {interface}\n")),
            "{description}"
        );
        assert!(description.contains("\nmethod Reload("), "{description}");
    }
}

#[test]
fn only_a_socket_gives_way_to_the_control_socket_and_it_goes_with_its_daemon() {
    for setup in both("") {
        let (status, stopped) = setup.start().stop();
        assert!(status.success());
        assert!(!stopped.path().join("control.sock").exists());
    }
    for setup in both("").map(|setup| setup.file("control.sock", "precious")) {
        let ended = setup.run(&["run"]);
        assert_eq!(ended.status.code(), Some(69), "{ended:?}");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(said.contains("control.sock: is there and is no socket"), "{said}");
        assert_eq!(fs::read(setup.path().join("control.sock")).unwrap(), b"precious");
    }
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    for name in ["logd", "dnsd"] {
        let ended = Command::new(program(name)).arg("--no-such-option").output().unwrap();
        assert_eq!(ended.status.code(), Some(64));
        assert!(String::from_utf8_lossy(&ended.stderr).contains("--no-such-option"));
    }
}

#[test]
fn logs_are_json_when_asked_for() {
    for (setup, name) in both("").into_iter().zip(["logd", "dnsd"]) {
        let mut command = Command::new(program(name));
        command.arg("--log-format").arg("json");
        let daemon = setup.start_by(command);
        let (status, stopped) = daemon.stop();
        assert!(status.success());
        assert!(!stopped.log.is_empty());
        for line in stopped.log.lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(event["level"].is_string() && event["message"].is_string(), "{line}");
        }
    }
}
