//! The rules of the article "Log with RSyslog": rsyslogd and logd get the same bytes over TCP and write the same files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ballast_tests::daemon::Setup;
use ballast_tests::syslog::{self, Framing, generated, receipt};
use ballast_tests::{address, peers};

const LOGD: u8 = 0;
const RSYSLOGD: u8 = 1;

/// The same messages to both collectors, with the article's rules: the trees that they wrote, times of receipt masked.
fn files_of_both(messages: &[Vec<u8>], framing: Framing) -> [BTreeMap<PathBuf, Vec<u8>>; 2] {
    // Only root gives files to others. Without it the tests still compare what is in them.
    let is_root = nix::unistd::geteuid().is_root();
    let needs_root = |line: &str| {
        let keys = ["$FileOwner", "$FileGroup", "owner", "group"];
        keys.iter().any(|key| line.starts_with(key))
    };
    let article = |name: &str| -> String {
        let text = fs::read_to_string(ballast_tests::data("syslog").join(name)).unwrap();
        let kept = text.lines().filter(|line| is_root || !needs_root(line));
        kept.map(|line| format!("{line}\n")).collect()
    };

    let since = receipt::now();
    let logd = Setup::new("logd")
        .file("logd.toml", syslog::logd_head(address(LOGD)) + &article("article.toml"))
        .start();
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let rules = article("article.conf").replace("/var/log", log.to_str().unwrap());
    let config = syslog::rsyslogd_head(directory.path(), address(RSYSLOGD)) + &rules;
    let rsyslogd = peers::rsyslogd(directory.path(), &config, syslog::collector(address(RSYSLOGD)));

    let bytes = framing.frame(messages);
    syslog::send(syslog::collector(address(RSYSLOGD)), &bytes);
    syslog::send(syslog::collector(address(LOGD)), &bytes);
    rsyslogd.stop();
    let (status, left) = logd.stop();
    assert!(status.success(), "{status}");

    let written = left.path().join("log");
    assert_eq!(owners_and_modes(&log), owners_and_modes(&written));
    let stamps = receipt::traditional_stamps(since);
    [log, written].map(|root| {
        let mut files = syslog::tree(&root);
        for content in files.values_mut() {
            *content = receipt::masked(content, &stamps);
        }
        files
    })
}

/// Who a file or folder belongs to, and what others may do with it.
fn owners_and_modes(root: &Path) -> BTreeMap<PathBuf, (u32, u32, u32)> {
    let folders = ["", "news"].map(PathBuf::from);
    let names = syslog::tree(root).into_keys().chain(folders);
    names
        .map(|name| {
            let metadata = fs::metadata(root.join(&name)).unwrap();
            (name, (metadata.uid(), metadata.gid(), metadata.mode()))
        })
        .collect()
}

/// A message of every facility and severity, so that each of the article's files has its part.
fn every_pri() -> impl Iterator<Item = Vec<u8>> {
    (0..=191).map(|pri| format!("<{pri}>Oct 11 22:14:15 host tag[{pri}]: of PRI {pri}").into_bytes())
}

/// A corpus of facility user, which the article's rules write to one file, once more as of mail and of auth.
fn in_other_facilities(messages: &[Vec<u8>]) -> impl Iterator<Item = Vec<u8>> {
    ["<22>", "<34>"].into_iter().flat_map(move |pri| {
        let of_user = messages.iter().filter_map(|message| message.strip_prefix(b"<13>"));
        of_user.map(move |rest| [pri.as_bytes(), rest].concat())
    })
}

#[test]
fn the_articles_files_for_odd_messages() {
    let odd = syslog::messages("odd.messages");
    let messages: Vec<_> = every_pri()
        .chain(odd.iter().cloned())
        .chain(in_other_facilities(&odd))
        .collect();
    let [expected, found] = files_of_both(&messages, Framing::OctetCounted);
    assert_eq!(expected.len(), 12, "a file for each rule: {:?}", expected.keys());
    syslog::assert_same(&expected, &found);
}

#[test]
fn the_articles_files_for_messages_that_end_in_a_newline() {
    let lines = syslog::messages("odd.messages")
        .into_iter()
        .filter(|message| !message.contains(&b'\n'));
    // A line that begins with a digit begins with an octet count.
    let lines = lines.filter(|line| !line[0].is_ascii_digit());
    let messages: Vec<_> = every_pri().chain(lines).collect();
    let [expected, found] = files_of_both(&messages, Framing::Newline);
    syslog::assert_same(&expected, &found);
}

#[test]
fn the_articles_files_for_generated_messages() {
    let messages: Vec<_> = generated::messages(20_131_124).take(6_000).collect();
    let [expected, found] = files_of_both(&messages, Framing::OctetCounted);
    syslog::assert_same(&expected, &found);
}
