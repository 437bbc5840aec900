//! `logd import`: what rsyslogd takes for a configuration becomes one that `logd check` takes, and the same bytes become the same
//! files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ballast_tests::daemon::{Setup, output, program};
use ballast_tests::syslog::{self, Framing, generated, receipt};
use ballast_tests::{address, data, peers, wait};

const LOGD: u8 = 0;
const RSYSLOGD: u8 = 1;

/// Not as many as a socket's queue holds: rsyslogd must not lose any.
const DATAGRAMS: usize = 150;

/// What all of the configurations write everything to, in the order of receipt.
const ALL: &str = "all";

fn import(rsyslog_conf: &Path) -> Output {
    Command::new(program("logd"))
        .arg("import")
        .arg(rsyslog_conf)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What is printed when all is carried over.
fn imported(rsyslog_conf: &Path) -> String {
    let output = import(rsyslog_conf);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The same configuration for both collectors, the same messages to both over TCP and then over UDP: the trees that they wrote,
/// times of receipt masked.
fn files_of_both(rules: &str, messages: &[Vec<u8>]) -> [BTreeMap<PathBuf, Vec<u8>>; 2] {
    let since = receipt::now();
    let directory = tempfile::tempdir().unwrap();
    let [expected, found] = ["rsyslogd", "logd"].map(|name| directory.path().join(name));
    // Only root gives files to others. Without it the tests still compare what is in them.
    let is_root = nix::unistd::geteuid().is_root();
    let for_both = |root: &Path, at: u8| {
        let lines = rules
            .lines()
            .filter(|line| is_root || !line.starts_with("$FileOwner") && !line.starts_with("$FileGroup"));
        let rules: String = lines.map(|line| format!("{line}\n")).collect();
        syslog::rsyslogd_head(directory.path(), address(at)) + &rules.replace("/var/log", root.to_str().unwrap())
    };
    let conf = directory.path().join("for-logd.conf");
    fs::write(&conf, for_both(&found, LOGD)).unwrap();
    let toml = imported(&conf);
    let toml = format!(
        "work-dir = \"work\"\n{toml}\n[control]\nsocket = \"control.sock\"\nhttp = \"{}:{}\"\n",
        address(LOGD),
        syslog::HTTP_PORT
    );
    let setup = Setup::new("logd").file("logd.toml", &toml);
    let checked = setup.run(&["check"]);
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.success(), "{said}\n{toml}");
    let logd = setup.start();
    let config = for_both(&expected, RSYSLOGD);
    let rsyslogd = peers::rsyslogd(directory.path(), &config, syslog::collector(address(RSYSLOGD)));

    let bytes = Framing::OctetCounted.frame(messages);
    let last = b"<46>Oct 11 22:14:15 host last[1]: of all";
    for (at, root) in [(RSYSLOGD, &expected), (LOGD, &found)] {
        let to = syslog::collector(address(at));
        syslog::send(to, &bytes);
        // What came over the connection is written before a datagram is sent: their order is none otherwise.
        let count =
            |root: &Path| fs::read(root.join(ALL)).map_or(0, |all| all.split(|byte| *byte == b'\n').count() - 1);
        wait::until("the messages over TCP to be written", || {
            (count(root) >= messages.len()).then_some(())
        });
        let socket = UdpSocket::bind((address(LOGD), 0)).unwrap();
        for message in messages
            .iter()
            .take(DATAGRAMS)
            .map(Vec::as_slice)
            .chain([last.as_slice()])
        {
            socket.send_to(message, to).unwrap();
        }
        let sent = messages.len() + messages.len().min(DATAGRAMS) + 1;
        wait::until("the messages over UDP to be written", || {
            (count(root) >= sent).then_some(())
        });
    }
    let said = rsyslogd.log();
    assert!(said.is_empty(), "rsyslogd takes all of this configuration:\n{said}");
    rsyslogd.stop();
    let (status, _left) = logd.stop();
    assert!(status.success(), "{status}");

    assert_eq!(owners_and_modes(&expected), owners_and_modes(&found));
    let stamps = receipt::traditional_stamps(since);
    [expected, found].map(|root| {
        let mut files = syslog::tree(&root);
        for content in files.values_mut() {
            *content = masked(&receipt::masked(content, &stamps), since);
        }
        files
    })
}

/// The lines, with the stamps of RFC 3339 masked that they begin with, if these are of all seconds since then.
fn masked(lines: &[u8], since: u64) -> Vec<u8> {
    let seconds: Vec<String> = (since..=receipt::now())
        .map(|second| {
            output("date", ["-d", &format!("@{second}"), "+%Y-%m-%dT%H:%M:%S"])
                .trim_end()
                .to_owned()
        })
        .collect();
    let mut masked = Vec::with_capacity(lines.len());
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let is_receipt = seconds.iter().any(|second| line.starts_with(second.as_bytes()));
        let rest = line
            .iter()
            .position(|byte| *byte == b' ')
            .filter(|_| is_receipt)
            .unwrap_or(0);
        masked.extend_from_slice(&line[rest..]);
    }
    masked
}

/// Who a file or folder belongs to, and what others may do with it.
fn owners_and_modes(root: &Path) -> BTreeMap<PathBuf, (u32, u32, u32)> {
    let files: Vec<PathBuf> = syslog::tree(root).into_keys().collect();
    let folders = files
        .iter()
        .flat_map(|file| file.ancestors().skip(1))
        .map(Path::to_owned);
    let names = files.iter().cloned().chain(folders.collect::<Vec<_>>());
    names
        .map(|name| {
            let metadata = fs::metadata(root.join(&name)).unwrap();
            (name, (metadata.uid(), metadata.gid(), metadata.mode()))
        })
        .collect()
}

/// Messages of all shapes, with odd bytes.
fn corpus() -> Vec<Vec<u8>> {
    // rsyslogd's stamp of more than six digits of a second is no text.
    let odd = syslog::messages("odd.messages").into_iter();
    let odd = odd.filter(|message| !message.ends_with(b"with nanoseconds"));
    let every_pri = (0..=191).map(|pri| format!("<{pri}>Oct 11 22:14:15 host tag[{pri}]: of PRI {pri}").into_bytes());
    let today = output("date", ["+%b %e"]);
    let messages = generated::messages(20_130_318).take(3_000).chain(every_pri).chain(odd);
    messages
        .map(|message| of_day(&message, today.trim_end().as_bytes()))
        .collect()
}

/// The message with this day in the stamp that follows its PRI. rsyslogd takes a stamp without a year for one of this year, logd
/// for the nearest: of today they are the same.
fn of_day(message: &[u8], day: &[u8]) -> Vec<u8> {
    let stamp = message.iter().position(|byte| *byte == b'>').map_or(0, |pri| pri + 1);
    let text = &message[stamp..];
    // The day of the month has a blank in front if it has one digit, or hasn't.
    let length = [6, 5].into_iter().find(|&length| {
        let is_day = |text: &[u8]| text[3] == b' ' && text[length - 1].is_ascii_digit();
        let is_hour = |text: &[u8]| text[length] == b' ' && text[length + 3] == b':';
        text.len() > 9 && text[..3].iter().all(u8::is_ascii_alphabetic) && is_day(text) && is_hour(text)
    });
    match length {
        Some(length) => [&message[..stamp], day, &text[length..]].concat(),
        None => message.to_owned(),
    }
}

/// A configuration of the fixtures, without what needs the machine itself.
fn rules(name: &str) -> String {
    fs::read_to_string(data(&format!("rsyslog/{name}.conf"))).unwrap()
}

fn same_files(rules: &str, least: usize) {
    let [expected, found] = files_of_both(rules, &corpus());
    syslog::assert_same(&expected, &found);
    assert!(expected.len() >= least, "a file for each rule: {:?}", expected.keys());
}

#[test]
fn selector_lines_write_the_same_files() {
    same_files(&rules("legacy"), 15);
}

#[test]
fn property_filters_write_the_same_files() {
    same_files(&rules("filters"), 20);
}

#[test]
fn scripts_write_the_same_files() {
    same_files(&rules("script"), 30);
}

#[test]
fn what_stands_in_many_machines_files_writes_the_same_files() {
    same_files(&rules("habits"), 20);
}

#[test]
fn a_log_servers_rulesets_write_the_same_files() {
    same_files(&rules("loghub"), 20);
}

/// A configuration for a whole machine, with what only a test can't have left out: the machine's own messages, `/etc`, terminals.
fn of_a_machine(text: &str) -> String {
    let own = [
        "imuxsock",
        "imklog",
        "$ModLoad imtcp",
        "$InputTCPServerRun",
        "$WorkDirectory",
        "$IncludeConfig",
        "omusrmsg",
    ];
    let joined = text.replace("\\\n", "");
    let kept = joined
        .lines()
        .filter(|line| !own.iter().any(|own| line.contains(own)) && !line.contains("/dev/"));
    let kept: String = kept.map(|line| format!("{line}\n")).collect();
    format!("*.* /var/log/{ALL}\n{kept}")
}

#[test]
fn the_articles_configuration_writes_the_same_files() {
    same_files(&of_a_machine(&rules("article")), 13);
}

#[test]
fn the_configuration_that_debian_ships_writes_the_same_files() {
    let text = fs::read_to_string("/etc/rsyslog.conf").expect("rsyslog is not installed: scripts/install test");
    same_files(&of_a_machine(&text), 7);
}

#[test]
fn configurations_become_what_stands_beside_them() {
    for (name, code) in [
        ("article", 0),
        ("legacy", 0),
        ("filters", 0),
        ("script", 0),
        ("habits", 0),
        ("loghub", 0),
        ("left", 1),
        ("enterprise", 1),
    ] {
        let file = data(&format!("rsyslog/{name}.conf"));
        let output = import(&file);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{name}: {said}");
        let folder = format!("{}/", data("rsyslog").display());
        let toml = String::from_utf8(output.stdout).unwrap().replace(&folder, "");
        let expected = fs::read_to_string(data(&format!("rsyslog/{name}.toml"))).unwrap();
        assert_eq!(toml, expected, "{name}");
    }
}

/// Every line of a configuration that does more than logd can is in what becomes of it, or is named with its line.
#[test]
fn what_is_left_out_is_named_line_by_line() {
    let file = data("rsyslog/enterprise.conf");
    let said = String::from_utf8(import(&file).stderr).unwrap();
    let folder = format!("{}/", data("rsyslog").display());
    let said = said.replace(&folder, "");
    let heads: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("enterprise.conf:"))
        .collect();
    let found = heads.join("\n") + "\n";
    let expected = fs::read_to_string(data("rsyslog/enterprise.said")).unwrap();
    assert_eq!(found, expected);
    assert!(!said.contains("s3cr3t"), "{said}");
}

#[test]
fn exit_codes_tell_what_became_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rsyslog.conf");
    for (text, code) in [
        ("*.* /var/log/all\n", 0),
        ("$RepeatedMsgReduction on\n", 1),
        ("if $msg == then stop\n", 78),
    ] {
        fs::write(&file, text).unwrap();
        let output = import(&file);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert_eq!(output.stdout.is_empty(), code == 78, "{text}");
    }
    assert_eq!(import(&folder.path().join("missing")).status.code(), Some(78));
}
