//! What rsyslogd 8.2302 selects is the expectation: each table was taken from it, message by message, for all 192 PRIs.

use proptest::prelude::*;

use super::*;

/// The severities that are selected of each facility; those that are not named have `others`.
fn assert_selects(text: &str, named: &[(usize, u8)], others: u8) {
    let mut expected = [others; FACILITIES];
    for &(facility, mask) in named {
        expected[facility] = mask;
    }
    assert_eq!(
        Selector::parse(text).map(|selector| selector.severities),
        Ok(expected),
        "{text:?}"
    );
}

fn error_of(text: &str) -> (SelectorErrorKind, &str) {
    let error = Selector::parse(text).expect_err(text);
    (error.kind, &text[error.at])
}

#[test]
fn severity_selects_itself_and_the_more_severe() {
    for (name, mask) in [
        ("emerg", 0x01),
        ("alert", 0x03),
        ("crit", 0x07),
        ("err", 0x0f),
        ("warning", 0x1f),
        ("notice", 0x3f),
        ("info", 0x7f),
        ("debug", 0xff),
        ("panic", 0x01),
        ("error", 0x0f),
        ("warn", 0x1f),
        ("none", 0),
        ("ERR", 0x0f),
        ("0", 0x01),
        ("3", 0x0f),
        ("7", 0xff),
        ("*", 0xff),
    ] {
        assert_selects(&format!("mail.{name}"), &[(2, mask)], 0);
        assert_selects(
            &format!("mail.*;mail.!{name}"),
            &[(2, if name == "none" { 0xff } else { !mask })],
            0,
        );
    }
}

#[test]
fn equals_sign_selects_one_severity() {
    for (name, mask) in [
        ("emerg", 0x01),
        ("alert", 0x02),
        ("crit", 0x04),
        ("err", 0x08),
        ("warning", 0x10),
        ("notice", 0x20),
        ("info", 0x40),
        ("debug", 0x80),
        ("panic", 0x01),
        ("error", 0x08),
        ("warn", 0x10),
        ("3", 0x08),
    ] {
        assert_selects(&format!("mail.={name}"), &[(2, mask)], 0);
        assert_selects(&format!("mail.*;mail.!={name}"), &[(2, !mask)], 0);
    }
    assert_selects("mail.=none", &[], 0);
    assert_selects("mail.!=none", &[(2, 0xff)], 0);
    assert_selects("mail.=*", &[], 0);
    assert_selects("mail.!=*", &[], 0);
}

#[test]
fn every_facility_name_that_rsyslog_takes() {
    for (name, number) in [
        ("auth", 4),
        ("authpriv", 10),
        ("cron", 9),
        ("daemon", 3),
        ("ftp", 11),
        ("kern", 0),
        ("lpr", 6),
        ("mail", 2),
        ("news", 7),
        ("security", 4),
        ("syslog", 5),
        ("user", 1),
        ("uucp", 8),
        ("ntp", 12),
        ("console", 14),
        ("local0", 16),
        ("local7", 23),
        ("AUTH", 4),
        ("Mail", 2),
        ("4", 0),
        ("32", 4),
        ("191", 23),
    ] {
        assert_selects(&format!("{name}.*"), &[(number, 0xff)], 0);
    }
    for nothing in ["mark.*", "invld.*", "*.none;mark.info"] {
        assert_selects(nothing, &[], 0);
    }
}

#[test]
fn clauses_are_applied_from_left_to_right() {
    assert_selects("auth,authpriv.*", &[(4, 0xff), (10, 0xff)], 0);
    assert_selects("*.=debug;*.=info;auth,authpriv.none", &[(4, 0), (10, 0)], 0xc0);
    assert_selects("*.*;mail.!=info", &[(2, 0xbf)], 0xff);
    assert_selects("*.*;mail.!info", &[(2, 0x80)], 0xff);
    assert_selects("mail.!=info", &[], 0);
    assert_selects("kern.warn", &[(0, 0x1f)], 0);
    assert_selects(
        "daemon,mail.*;news.=crit;news.err;*.=debug",
        &[(2, 0xff), (3, 0xff), (7, 0x8f)],
        0x80,
    );
    assert_selects("*.*;*.!none", &[], 0xff);
    assert_selects("*.info;mail.!*", &[(2, 0)], 0x7f);
    assert_selects("*.*;auth.none;auth.crit", &[(4, 0x07)], 0xff);
    assert_selects("*.!err;mail.*", &[(2, 0xff)], 0);
    assert_selects("*,mail.none;kern.*", &[(0, 0xff)], 0);
    assert_selects("*.err;*.!=crit", &[], 0x0b);
    assert_selects("kern.debug;kern.!=err;kern.!crit", &[(0, 0xf0)], 0);
    assert_selects("local0,local1.=notice;local1.none", &[(16, 0x20)], 0);
    assert_selects("mail,*.err;*.none;mail,kern.info", &[(0, 0x7f), (2, 0x7f)], 0);
}

#[test]
fn separators_are_as_loose_as_rsyslogs() {
    assert_selects("mail.*,news.err", &[(2, 0xff), (7, 0x0f)], 0);
    assert_selects("mail,news,.err", &[(2, 0x0f), (7, 0x0f)], 0);
    assert_selects("mail.err;;news.err", &[(2, 0x0f), (7, 0x0f)], 0);
    assert_selects("mail .err", &[(2, 0x0f)], 0);
    assert_selects("mail , news.err", &[(2, 0x0f), (7, 0x0f)], 0);
    assert_selects("\tmail.err ", &[(2, 0x0f)], 0);
}

#[test]
fn errors_name_the_bytes_they_are_about() {
    use SelectorErrorKind::*;
    assert_eq!(error_of("auth,athpriv.*"), (UnknownFacility, "athpriv"));
    assert_eq!(error_of("audit.*"), (UnknownFacility, "audit"));
    assert_eq!(error_of("192.*"), (UnknownFacility, "192"));
    assert_eq!(error_of("*.*;mail.!wran"), (UnknownSeverity, "!wran"));
    assert_eq!(error_of("mail.8"), (UnknownSeverity, "8"));
    assert_eq!(error_of("mail.==err"), (UnknownSeverity, "==err"));
    assert_eq!(error_of("mail..err"), (UnknownSeverity, ".err"));
    assert_eq!(error_of("mail;news.err"), (MissingSeverity, "mail"));
    assert_eq!(error_of("mail"), (MissingSeverity, "mail"));
    assert_eq!(error_of("news.err;mail."), (MissingSeverity, "mail"));
    assert_eq!(error_of(".err"), (MissingFacility, ".err"));
    assert_eq!(error_of(",.err"), (MissingFacility, ","));
    assert_eq!(error_of("mail.err news.err"), (TextAfterSelector, " news.err"));
    assert_eq!(error_of("mail.err; news.err").0, TextAfterSelector);
    assert_eq!(error_of("  "), (Empty, "  "));
}

proptest! {
    #[test]
    fn any_text_is_compiled_or_refused_within_its_bounds(text in "([a-z*]{1,8}|[,;.!= \t\u{e9}0-9]){0,24}") {
        if let Err(error) = Selector::parse(&text) {
            prop_assert!(text.get(error.at).is_some());
        }
    }
}

#[test]
fn separators_at_the_end_change_nothing() {
    let expected = Selector::parse("mail.err").unwrap();
    for text in ["mail.err;", "mail.err,", "mail.err;;", "mail.err; "] {
        assert_eq!(Selector::parse(text), Ok(expected), "{text}");
    }
}
