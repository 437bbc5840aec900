//! What logd makes of messages otherwise than rsyslogd, each with its reason. Both get the same bytes, so that a difference
//! that is none any more is found too.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;

use ballast_tests::daemon::Setup;
use ballast_tests::syslog::{self, Framing};
use ballast_tests::{address, peers};

const LOGD: u8 = 0;
const RSYSLOGD: u8 = 1;

const TEMPLATE: &str = "%pri-text%|%hostname%|%syslogtag%|%programname%|%msg%|";

/// Asserts that logd writes these lines for these messages (in the notation of the corpora), and rsyslogd others.
fn otherwise(cases: &[(&str, &str)]) {
    let output = format!(
        "[output.fields.file]\npath = \"log/fields\"\nformat = '{TEMPLATE}\\n'\n\
         [[rule]]\nselect = \"*.*\"\nto = [\"fields\"]\n"
    );
    let logd = Setup::new("logd")
        .file("logd.toml", syslog::logd_head(address(LOGD)) + &output)
        .start();
    let directory = tempfile::tempdir().unwrap();
    let fields = directory.path().join("fields");
    let rules = format!("$template fields,\"{TEMPLATE}\\n\"\n*.* {};fields\n", fields.display());
    let config = syslog::rsyslogd_head(directory.path(), address(RSYSLOGD)) + &rules;
    let rsyslogd = peers::rsyslogd(directory.path(), &config, syslog::collector(address(RSYSLOGD)));
    let bytes = Framing::OctetCounted.frame(cases.iter().map(|(message, _)| syslog::unescape(message)));
    syslog::send(syslog::collector(address(RSYSLOGD)), &bytes);
    syslog::send(syslog::collector(address(LOGD)), &bytes);
    rsyslogd.stop();
    let (_, left) = logd.stop();
    let ours = fs::read_to_string(left.path().join("log/fields")).unwrap();
    let theirs = fs::read_to_string(fields).unwrap();
    assert_eq!(ours.lines().count(), cases.len(), "{ours}");
    assert_eq!(theirs.lines().count(), cases.len(), "{theirs}");
    for (((message, expected), ours), theirs) in cases.iter().zip(ours.lines()).zip(theirs.lines()) {
        assert_eq!(ours, *expected, "{message}");
        assert_ne!(theirs, *expected, "rsyslogd does the same with {message}");
    }
}

/// rsyslogd takes the first words of any text for host and tag. Then whoever sends prose makes up hosts, and with
/// `%HOSTNAME%` in a path their directories. In logd a text without a stamp stays a text unless it has an unmistakable tag.
#[test]
fn prose_is_no_header() {
    otherwise(&[
        ("<13>word", "user.notice|127.0.0.1|||word|"),
        ("<13>two words", "user.notice|127.0.0.1|||two words|"),
        (
            "<13>last message repeated 3 times",
            "user.notice|127.0.0.1|||last message repeated 3 times|",
        ),
        (
            "<13>Hello, world! No header at all.",
            "user.notice|127.0.0.1|||Hello, world! No header at all.|",
        ),
        ("<13>: a colon first", "user.notice|127.0.0.1|||: a colon first|"),
        ("no PRI at all", "user.notice|127.0.0.1|||no PRI at all|"),
        (
            "<13>CEF:0|Vendor|Product|1.0|100|name|10|src=192.0.2.1",
            "user.notice|127.0.0.1|||CEF:0|Vendor|Product|1.0|100|name|10|src=192.0.2.1|",
        ),
    ]);
}

/// A stamp that names no time is no stamp; its words are not a host and a tag either.
#[test]
fn a_damaged_stamp_is_kept_in_the_text() {
    otherwise(&[
        (
            "<13>Oct 11 24:14:15 host tag: hour",
            "user.notice|127.0.0.1|||Oct 11 24:14:15 host tag: hour|",
        ),
        (
            "<13>Oct 32 22:14:15 host tag: day",
            "user.notice|127.0.0.1|||Oct 32 22:14:15 host tag: day|",
        ),
        (
            "<13>Oct 11 22:60:15 host tag: minute",
            "user.notice|127.0.0.1|||Oct 11 22:60:15 host tag: minute|",
        ),
        (
            "<13>Oct 11 22:14:61 host tag: second",
            "user.notice|127.0.0.1|||Oct 11 22:14:61 host tag: second|",
        ),
        (
            "<13>Okt 11 22:14:15 host tag: month",
            "user.notice|127.0.0.1|||Okt 11 22:14:15 host tag: month|",
        ),
        (
            "<13>Oct 11 22:14 host tag: no second",
            "user.notice|127.0.0.1|||Oct 11 22:14 host tag: no second|",
        ),
        (
            "<13>2003-13-11T22:14:15Z host tag: month",
            "user.notice|127.0.0.1|||2003-13-11T22:14:15Z host tag: month|",
        ),
        (
            "<13>2003-10-11T22:14:15 host tag: no zone",
            "user.notice|127.0.0.1|||2003-10-11T22:14:15 host tag: no zone|",
        ),
        (
            "<13>2003-10-11 22:14:15 host tag: no T",
            "user.notice|127.0.0.1|||2003-10-11 22:14:15 host tag: no T|",
        ),
    ]);
}

/// RFC 3164 §4.3.3: what has no identifiable PRI is user.notice, all of it. rsyslogd makes it `invld.debug`, a facility that
/// few selectors reach, and of `<>` the emergency `kern.emerg`, which goes to every terminal.
#[test]
fn an_invalid_pri_is_user_notice_and_kept() {
    let invalid = [
        "<192>",
        "<999>",
        "<1234>",
        "<99999999999999999999>",
        "<>",
        "<13",
        "<",
        "<-1>",
        "<+13>",
        "< 13>",
        "<13 >",
        "<1a>",
        "<a>",
    ];
    let messages = invalid.map(|pri| format!("{pri}Oct 11 22:14:15 host tag: text"));
    let expected = messages
        .each_ref()
        .map(|message| format!("user.notice|127.0.0.1|||{message}|"));
    let cases: Vec<_> = messages
        .iter()
        .zip(&expected)
        .map(|(m, e)| (m.as_str(), e.as_str()))
        .collect();
    otherwise(&cases);
    otherwise(&[
        ("<13", "user.notice|127.0.0.1|||<13|"),
        ("<", "user.notice|127.0.0.1|||<|"),
        // The first PRI is one; what follows begins no header.
        (
            "<13><14>Oct 11 22:14:15 host tag: two",
            "user.notice|127.0.0.1|||<14>Oct 11 22:14:15 host tag: two|",
        ),
    ]);
}

/// Devices keep to no RFC. rsyslogd needs a parser module for each; without it Cisco's sequence number is a tag.
#[test]
fn devices_are_understood() {
    otherwise(&[
        (
            "<189>45: *Mar  1 18:46:11.123: %SYS-5-CONFIG_I: Configured from console",
            "local7.notice|127.0.0.1|%SYS-5-CONFIG_I:|%SYS-5-CONFIG_I| Configured from console|",
        ),
        (
            "<189>*Mar  1 18:46:11: %LINK-3-UPDOWN: Interface up",
            "local7.notice|127.0.0.1|%LINK-3-UPDOWN:|%LINK-3-UPDOWN| Interface up|",
        ),
        (
            "<189>router1: 45: Mar  1 18:46:11 CET: %SYS-5-CONFIG_I: Configured",
            "local7.notice|router1|%SYS-5-CONFIG_I:|%SYS-5-CONFIG_I| Configured|",
        ),
    ]);
}

/// Structured data that nobody can read is text. rsyslogd takes as much of it as it likes for the property and skips a byte.
#[test]
fn damaged_structured_data_is_kept_in_the_text() {
    otherwise(&[(
        "<165>1 2003-10-11T22:14:15Z host app 1 ID [a b=\"c\" text",
        "local4.notice|host|app[1]|app|[a b=\"c\" text|",
    )]);
}
