//! Selectors: one rsyslogd and one logd, each with a file per selector, get every PRI there is; the files are the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write;
use std::fs;

use ballast_tests::daemon::Setup;
use ballast_tests::syslog::{self, Framing};
use ballast_tests::{address, peers};

const LOGD: u8 = 0;
const RSYSLOGD: u8 = 1;

/// The lines of a file of selectors that are not comments.
fn selectors(name: &str) -> Vec<String> {
    let text = fs::read_to_string(ballast_tests::data("syslog").join(name)).unwrap();
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn selectors_select_what_they_select_in_rsyslogd() {
    let selectors = selectors("selectors.txt");
    let directory = tempfile::tempdir().unwrap();
    let selected = directory.path().join("selected");
    let mut rules = String::new();
    let mut spec = syslog::logd_head(address(LOGD));
    // The name of a file tells the selector in a failed test, as far as a file's name can hold one.
    for (n, selector) in selectors.iter().enumerate() {
        let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let file = format!("{n:02}__{}", selector.chars().take(40).map(safe).collect::<String>());
        writeln!(
            rules,
            "{selector} {}/{file};RSYSLOG_TraditionalFileFormat",
            selected.display()
        )
        .unwrap();
        writeln!(spec, "[[rule]]\nselect = '{selector}'\nto = [\"selected/{file}\"]").unwrap();
    }
    let logd = Setup::new("logd").file("logd.toml", spec).start();
    let config = syslog::rsyslogd_head(directory.path(), address(RSYSLOGD)) + &rules;
    let rsyslogd = peers::rsyslogd(directory.path(), &config, syslog::collector(address(RSYSLOGD)));

    let messages = (0..=191).map(|pri| format!("<{pri}>Oct 11 22:14:15 host tag: {pri}"));
    let bytes = Framing::Newline.frame(messages);
    syslog::send(syslog::collector(address(RSYSLOGD)), &bytes);
    syslog::send(syslog::collector(address(LOGD)), &bytes);

    let said = rsyslogd.log();
    assert!(
        !said.contains("error during parsing"),
        "rsyslogd takes all of these selectors:\n{said}"
    );
    rsyslogd.stop();
    let (_, left) = logd.stop();
    syslog::assert_same(&syslog::tree(&selected), &syslog::tree(&left.path().join("selected")));
}

#[test]
fn selectors_that_would_lose_messages_are_refused_with_their_line() {
    let selectors = selectors("selectors-refused.txt");
    let mut spec = syslog::logd_head(address(LOGD));
    let mut lines = Vec::new();
    for selector in &selectors {
        writeln!(spec, "[[rule]]\nselect = '{selector}'\nto = [\"file/x\"]").unwrap();
        lines.push(spec.lines().count() - 1);
    }
    let output = Setup::new("logd").file("logd.toml", spec).run(&["check"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(78), "{said}");
    for (selector, line) in selectors.iter().zip(lines) {
        let place = format!("logd.toml:{line}:");
        assert!(said.contains(&place), "{selector:?} in line {line} is refused:\n{said}");
    }
    assert_eq!(
        said.matches("logd.toml:").count(),
        selectors.len(),
        "one error for each:\n{said}"
    );
}
