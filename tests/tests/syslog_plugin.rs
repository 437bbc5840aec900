//! What a plugin's inventory says of senders, as paths, lines and conditions have it: with a plugin in the test's process that
//! changes its mind, goes away and comes again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use ballast_tests::daemon::{Daemon, Setup, program};
use ballast_tests::plugin::{Plugin, host, since};
use ballast_tests::syslog::{self, HTTP_PORT, metric};
use ballast_tests::{address, wait};
use tokio::net::TcpSocket;

const LOGD: u8 = 0;
/// Addresses of machines.
const ONE: u8 = 1;
const TWO: u8 = 2;
/// Of no machine.
const STRANGER: u8 = 3;

const SOCKET: &str = "plugin.sock";

/// Files by group and id, with lines that say the rest; and what comes from the group `noisy` goes nowhere.
const RULES: &str = "[output.all.file]\n\
     path = \"log/%cloud-group%/%cloud-id%/%programname%\"\n\
     format = '%cloud-id%|%cloud-name%|%cloud-label:Role%|%cloud-lifecycle%|%cloud-state%|%msg%\\n'\n\
     flush-interval = \"10ms\"\n\
     [[rule]]\n\
     where = { property = \"cloud-group\", is = \"noisy\" }\n\
     drop = true\n\
     [[rule]]\n\
     to = [\"all\"]\n";

fn config(directory: &Path, plugin: &str, rules: &str) -> String {
    format!(
        "work-dir = \"work\"\n\
         [control]\n\
         socket = \"control.sock\"\n\
         http = \"{}:{HTTP_PORT}\"\n\
         [plugin.cloud]\n\
         socket = \"{}\"\n\
         {plugin}\n\
         [input.net-tcp.tcp]\n\
         listen = [\"{to}\"]\n\
         [input.net-udp.udp]\n\
         listen = [\"{to}\"]\n\
         {rules}",
        address(LOGD),
        directory.join(SOCKET).display(),
        to = syslog::collector(address(LOGD)),
    )
}

fn logd(directory: &Path) -> Daemon {
    Setup::new("logd")
        .file("logd.toml", config(directory, "", RULES))
        .start()
}

fn now_s() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
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

fn say(stream: &mut TcpStream, program: &str, text: &str) {
    let line = format!("<13>Oct 11 22:14:15 host {program}: {text}\n");
    stream.write_all(line.as_bytes()).unwrap();
}

fn datagram(from: u8, program: &str, text: &str) {
    let socket = UdpSocket::bind((address(from), 0)).unwrap();
    let message = format!("<13>Oct 11 22:14:15 host {program}: {text}");
    let to = syslog::collector(address(LOGD));
    socket.send_to(message.as_bytes(), to).unwrap();
}

fn lines(logd: &Daemon, file: &str, count: usize) -> Vec<String> {
    let content = wait::until_lines(&logd.path().join("log").join(file), count);
    String::from_utf8(content).unwrap().lines().map(str::to_owned).collect()
}

/// What a line says of a machine whose group is this and which the inventory knows.
fn line(id: &str, group: &str, state: &str, text: &str) -> String {
    format!("{id}|name of {id}|role of {group}|spot|{state}| {text}")
}

fn wait_for_metric(name: &str, labels: &[&str], value: f64) {
    wait::until(&format!("{name} {labels:?} to be {value}"), || {
        (metric(address(LOGD), name, labels) == value).then_some(())
    });
}

fn wait_for_state(state: &str) {
    wait_for_metric("logd_plugin_state", &[&format!("state=\"{state}\"")], 1.0);
}

/// Until logd has taken in what was said last, which made the hosts so many.
fn wait_for_hosts(hosts: u32) {
    wait_for_metric("logd_plugin_hosts", &[], f64::from(hosts));
}

fn status(logd: &Daemon) -> String {
    let output = logd.run(&["status"]);
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn messages_go_to_directories_of_their_machines_group_and_id() {
    let directory = tempfile::tempdir().unwrap();
    let hosts = [
        host("i-1", "web", address(ONE)),
        host("i-2", "noisy", address(TWO)),
        host("i-3", "web", "192.0.2.3"),
    ];
    let _plugin = Plugin::start(&directory.path().join(SOCKET), hosts);
    let logd = logd(directory.path());
    wait_for_state("fresh");
    wait_for_hosts(3);
    for sender in [ONE, TWO, STRANGER] {
        datagram(sender, "udp", "by datagram");
        say(&mut connection(sender), "tcp", "by connection");
    }
    assert_eq!(
        lines(&logd, "web/i-1/udp", 1),
        [line("i-1", "web", "fresh", "by datagram")]
    );
    assert_eq!(
        lines(&logd, "web/i-1/tcp", 1),
        [line("i-1", "web", "fresh", "by connection")]
    );
    assert_eq!(lines(&logd, "unknown/unknown/udp", 1), ["||||fresh| by datagram"]);
    assert_eq!(lines(&logd, "unknown/unknown/tcp", 1), ["||||fresh| by connection"]);
    wait_for_metric("logd_messages_dropped_total", &["\"rule\""], 2.0);
    let status = status(&logd);
    assert!(status.contains("plugin  cloud            fresh  3 hosts"), "{status}");
    assert!(logd.stop().0.success());
}

#[test]
fn a_connection_from_before_the_news_is_looked_up_again() {
    let directory = tempfile::tempdir().unwrap();
    let plugin = Plugin::start(&directory.path().join(SOCKET), [host("i-9", "web", "192.0.2.9")]);
    let logd = logd(directory.path());
    wait_for_hosts(1);
    let mut stream = connection(ONE);
    say(&mut stream, "tcp", "first");
    assert_eq!(lines(&logd, "unknown/unknown/tcp", 1), ["||||fresh| first"]);
    // An hour ago: the machine was there before its connection.
    plugin.change([since(host("i-1", "web", address(ONE)), now_s() - 3600)], &[]);
    wait_for_hosts(2);
    say(&mut stream, "tcp", "second");
    assert_eq!(lines(&logd, "web/i-1/tcp", 1), [line("i-1", "web", "fresh", "second")]);
    // It is given to another group: so are its files.
    plugin.change(
        [
            since(host("i-1", "workers", address(ONE)), now_s() - 3600),
            host("i-8", "web", "192.0.2.8"),
        ],
        &[],
    );
    wait_for_hosts(3);
    say(&mut stream, "tcp", "third");
    datagram(ONE, "udp", "fourth");
    assert_eq!(
        lines(&logd, "workers/i-1/tcp", 1),
        [line("i-1", "workers", "fresh", "third")]
    );
    assert_eq!(
        lines(&logd, "workers/i-1/udp", 1),
        [line("i-1", "workers", "fresh", "fourth")]
    );
    assert!(logd.stop().0.success());
}

#[test]
fn an_address_that_is_used_again_gives_no_message_to_the_wrong_machine() {
    let directory = tempfile::tempdir().unwrap();
    let old = since(host("i-old", "web", address(ONE)), now_s() - 3600);
    let plugin = Plugin::start(&directory.path().join(SOCKET), [old]);
    let logd = logd(directory.path());
    wait_for_hosts(1);
    let mut of_old = connection(ONE);
    say(&mut of_old, "tcp", "I am old");
    datagram(ONE, "udp", "I am old");
    lines(&logd, "web/i-old/tcp", 1);
    lines(&logd, "web/i-old/udp", 1);
    plugin.change([], &["i-old"]);
    wait_for_hosts(0);
    // Nobody's, as far as it is known; but a connection is its machine's until it ends.
    datagram(ONE, "udp", "who am I");
    say(&mut of_old, "tcp", "my last words");
    assert_eq!(lines(&logd, "unknown/unknown/udp", 1), ["||||fresh| who am I"]);
    lines(&logd, "web/i-old/tcp", 2);
    plugin.change([since(host("i-new", "workers", address(ONE)), now_s())], &[]);
    wait_for_hosts(1);
    datagram(ONE, "udp", "I am new");
    say(&mut connection(ONE), "tcp", "I am new");
    say(&mut of_old, "tcp", "they came late");
    assert_eq!(
        lines(&logd, "workers/i-new/udp", 1),
        [line("i-new", "workers", "fresh", "I am new")]
    );
    assert_eq!(
        lines(&logd, "workers/i-new/tcp", 1),
        [line("i-new", "workers", "fresh", "I am new")]
    );
    let old: Vec<_> = ["I am old", "my last words", "they came late"]
        .map(|text| line("i-old", "web", "fresh", text))
        .into();
    assert_eq!(lines(&logd, "web/i-old/tcp", 3), old);
    assert!(status(&logd).contains("1 hosts, 1 past addresses"), "{}", status(&logd));
    assert!(logd.stop().0.success());
}

#[test]
fn without_the_plugin_the_last_inventory_counts_and_after_a_restart_too() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join(SOCKET);
    let plugin = Plugin::start(&socket, [host("i-1", "web", address(ONE))]);
    let logd = logd(directory.path());
    wait_for_hosts(1);
    wait_for_state("fresh");
    drop(plugin);
    let mut stream = connection(ONE);
    say(&mut stream, "tcp", "alone");
    let alone = lines(&logd, "web/i-1/tcp", 1);
    assert!(alone[0].starts_with("i-1|name of i-1|"), "{alone:?}");
    drop(stream);
    let logd = logd.stop().1.again().start();
    // At once: the first message after the start is of a machine that is known.
    say(&mut connection(ONE), "tcp", "started");
    assert_eq!(lines(&logd, "web/i-1/tcp", 2)[1], line("i-1", "web", "cold", "started"));
    assert!(
        status(&logd).contains("plugin  cloud            cold  1 hosts"),
        "{}",
        status(&logd)
    );
    // It is back, with another machine.
    let _plugin = Plugin::start(
        &socket,
        [host("i-1", "web", address(ONE)), host("i-2", "web", address(TWO))],
    );
    wait_for_state("fresh");
    wait_for_hosts(2);
    datagram(TWO, "udp", "new");
    assert_eq!(lines(&logd, "web/i-2/udp", 1), [line("i-2", "web", "fresh", "new")]);
    assert!(logd.stop().0.success());
}

#[test]
fn much_that_is_missing_waits_for_an_administrator() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join(SOCKET);
    let all = || (0..20).map(|nth| host(&format!("i-{nth}"), "web", &format!("192.0.2.{nth}")));
    let plugin = Plugin::start(&socket, all().chain([host("i-one", "web", address(ONE))]));
    let logd = logd(directory.path());
    wait_for_hosts(21);
    drop(plugin);
    let _plugin = Plugin::start(&socket, [host("i-0", "web", "192.0.2.0")]);
    wait_for_metric("logd_plugin_inventory_held", &[], 1.0);
    datagram(ONE, "udp", "still known");
    lines(&logd, "web/i-one/udp", 1);
    let status = status(&logd);
    assert!(
        status.contains("held back: an inventory without 20 of 21 hosts"),
        "{status}"
    );
    let refused = logd.run(&["plugin", "accept", "clout"]);
    assert_eq!(refused.status.code(), Some(64));
    assert!(logd.run(&["plugin", "accept", "cloud"]).status.success());
    wait_for_hosts(1);
    let nothing = logd.run(&["plugin", "accept", "cloud"]);
    assert_eq!(nothing.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("no inventory of plugin \"cloud\" is held back"));
    assert!(logd.stop().0.success());
}

#[test]
fn a_reload_changes_the_fallback_and_keeps_what_is_known() {
    let directory = tempfile::tempdir().unwrap();
    let _plugin = Plugin::start(&directory.path().join(SOCKET), [host("i-1", "web", address(ONE))]);
    let mut logd = logd(directory.path());
    wait_for_hosts(1);
    let (mut known, mut stranger) = (connection(ONE), connection(STRANGER));
    say(&mut stranger, "tcp", "before");
    lines(&logd, "unknown/unknown/tcp", 1);
    logd.replace("logd.toml", config(directory.path(), "fallback = \"elsewhere\"", RULES));
    logd.reload();
    say(&mut stranger, "tcp", "after");
    say(&mut known, "tcp", "after");
    let text = "elsewhere|elsewhere|elsewhere|elsewhere|fresh| after";
    assert_eq!(lines(&logd, "elsewhere/elsewhere/tcp", 1), [text]);
    assert_eq!(lines(&logd, "web/i-1/tcp", 1), [line("i-1", "web", "fresh", "after")]);
    // Another plugin's place: the snapshot has what the one before knew.
    let moved = config(&directory.path().join("nowhere"), "", RULES);
    logd.replace("logd.toml", moved);
    logd.reload();
    wait_for_state("cold");
    wait_for_hosts(1);
    say(&mut known, "tcp", "moved");
    assert_eq!(lines(&logd, "web/i-1/tcp", 2)[1], line("i-1", "web", "cold", "moved"));
    assert!(logd.stop().0.success());
}

#[test]
fn explain_says_what_is_known_of_an_address() {
    let directory = tempfile::tempdir().unwrap();
    let _plugin = Plugin::start(&directory.path().join(SOCKET), [host("i-1", "web", address(ONE))]);
    let logd = logd(directory.path());
    wait_for_hosts(1);
    let explained = |from: String| {
        let mut explain = Command::new(program("logd"))
            .args(["explain", "--from", &from, "--config"])
            .arg(logd.path().join("logd.toml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut messages = explain.stdin.take().unwrap();
        messages.write_all(b"<13>Oct 11 22:14:15 host app: text\n").unwrap();
        drop(messages);
        let output = explain.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let known = wait::until("the snapshot", || {
        let known = explained(address(ONE).to_string());
        known.contains("i-1").then_some(known)
    });
    for line in [
        "  cloud-id         i-1\n",
        "  cloud-group      web\n",
        "  cloud-label:Role role of web\n",
        "/log/web/i-1/app\n",
    ] {
        assert!(known.contains(line), "{line}\n{known}");
    }
    let unknown = explained("192.0.2.77".to_owned());
    assert!(
        unknown.contains("  cloud-id         \n") && unknown.contains("/log/unknown/unknown/app\n"),
        "{unknown}"
    );
    assert!(logd.stop().0.success());
}
