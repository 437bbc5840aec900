//! Whole templates. What rsyslogd 8.2302 wrote for the same message is the expectation, unless a test says otherwise.

mod cloud;

use proptest::prelude::*;

use super::fixture::{Fixture, rfc3164, rfc5424};
use super::*;
use crate::message::{Message, Origin, Shape};

fn render(text: &str, message: Message<'_>) -> Vec<u8> {
    let template = Template::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let mut out = b"before".to_vec();
    template.render(
        &Fixture {
            message,
            ..Fixture::default()
        }
        .context(),
        &mut out,
    );
    out.split_off(6)
}

/// Each template's text for an RFC 3164 message with this text.
fn assert_rendered(msg: &[u8], cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let rendered = render(text, rfc3164(msg));
        assert_eq!(String::from_utf8_lossy(&rendered), *expected, "{text}");
    }
}

const WORDS: &[u8] = b" one two  three foo:bar:baz 42x 17x#011 tabbed#011end";

/// RFC 5424 §6.5's example, more or less: every field is there.
fn full_rfc5424() -> Message<'static> {
    Message {
        procid: Some(b"8710"),
        msgid: Some(b"ID47"),
        structured_data: Some(b"[a@1 b=\"c\"]"),
        msg: b"BOMless one two",
        ..rfc5424(b"h5", b"myproc")
    }
}

/// Every field is nil.
fn nil_rfc5424() -> Message<'static> {
    Message {
        hostname: None,
        app_name: None,
        programname: b"",
        msg: b"m",
        ..rfc5424(b"", b"")
    }
}

#[test]
fn literals_and_escapes() {
    assert_rendered(
        b"",
        &[
            (r"\a\b\f\n\r\t", "\x07\x08\x0c\n\r\t"),
            (r#"\101\007\'\"\?\\n\%"#, "A\x07'\"?\\n%"),
            ("100%% é", "100% é"),
            ("", ""),
        ],
    );
}

#[test]
fn substrings() {
    assert_rendered(
        WORDS,
        &[
            ("[%msg:1:3%]", "[ on]"),
            ("[%msg:3:2%]", "[on]"),
            ("[%msg:200:300%]", "[]"),
            ("[%msg:5:$%]", "[ two  three foo:bar:baz 42x 17x#011 tabbed#011end]"),
            ("[%msg:0:3%]", "[ on]"),
            ("[%msg:3:1%]", "[ on]"),
            ("[%msg:3%]", "[ on]"),
            ("[%msg::3%]", "[ on]"),
            ("[%msg:5:2:pos-end-relative%]", "[11en]"),
            ("[%msg:0:3:pos-end-relative%]", "[end]"),
            ("[%msg:2:5:pos-end-relative%]", "[11en]"),
            ("[%msg:3:0:pos-end-relative%]", "[end]"),
            (
                "[%msg:99:2:pos-end-relative%]",
                "[ one two  three foo:bar:baz 42x 17x#011 tabbed#011en]",
            ),
            ("[%msg:99:$:pos-end-relative%]", "[ ]"),
            ("[%timestamp:1:6:date-rfc3339%]", "[2026-1]"),
        ],
    );
}

#[test]
fn fixed_width_fills_what_is_too_short_but_not_what_begins_past_the_end() {
    assert_rendered(
        b" no pid",
        &[
            ("[%procid:1:8:fixed-width%]", "[12      ]"),
            ("[%procid:3:8:fixed-width%]", "[]"),
            ("[%procid:2:4:fixed-width%]", "[2  ]"),
            ("[%msg:1:2:fixed-width%]", "[ n]"),
            ("[%pri:::fixed-width%]", "[34]"),
        ],
    );
}

#[test]
fn fields() {
    assert_rendered(
        WORDS,
        &[
            ("[%msg:F:2%]", "[**FIELD NOT FOUND**]"),
            ("[%msg:F,32:1%]", "[]"),
            ("[%msg:F,32:2%]", "[one]"),
            ("[%msg:F,32:4%]", "[]"),
            ("[%msg:F,58:2%]", "[bar]"),
            ("[%msg:F,58:9:lowercase%]", "[**FIELD NOT FOUND**]"),
            ("[%msg:F,32,2:3,4%]", "[wo]"),
            ("[%timestamp:F,58:2:date-rfc3339%]", "[14]"),
            ("[%$now:F,45:2%]", "[03]"),
        ],
    );
    // Debian's rsyslogd is built without this form; the manual has it.
    assert_rendered(WORDS, &[("[%msg:F,32+:4%]", "[three]")]);
}

#[test]
fn regular_expressions() {
    assert_rendered(
        WORDS,
        &[
            ("[%msg:R:[0-9]+--end%]", "[**NO MATCH**]"),
            ("[%msg:R,ERE,1:([0-9]+)x--end%]", "[42]"),
            ("[%msg:R,ERE,0,ZERO:zzz--end%]", "[0]"),
            ("[%msg:R,ERE,0,BLANK:zzz--end%]", "[]"),
            (
                "[%msg:R,ERE,0,FIELD:zzz--end%]",
                "[ one two  three foo:bar:baz 42x 17x#011 tabbed#011end]",
            ),
            ("[%msg:R,ERE,0,DFLT:zzz--end:lowercase%]", "[**no match**]"),
            ("[%msg:R,ERE,0,DFLT,1:[a-z]+--end%]", "[two]"),
            ("[%msg:R,ERE,0,DFLT,2:[a-z]+--end:uppercase%]", "[THREE]"),
            ("[%msg:R,ERE,0,DFLT,1:^.--end%]", "[o]"),
            ("[%msg:R,ERE,0,DFLT,1:[a-z]*--end%]", "[]"),
            ("[%msg:R,ERE,1,FIELD:(zz)?(one)--end%]", "[]"),
            ("[%msg:R,ERE,2,FIELD:(zz)?(one)--end%]", "[one]"),
            ("[%msg:R,ERE,,,:[a-z]+--end%]", "[one]"),
            ("[%msg:R,ERE:o:b|%--end%]", "[o:b]"),
            (r"[%msg:R,BRE,1:\(t[a-z]*\) --end%]", "[two]"),
            ("[%syslogtag:R,ERE,1:([0-9]+)--end%]", "[12]"),
        ],
    );
}

#[test]
fn options_change_the_value() {
    assert_rendered(
        b" abc  d/e\xc3\x84\x7f\n\" \\ \\n end",
        &[
            ("[%msg:::uppercase%]", "[ ABC  D/E\u{c4}\x7f\n\" \\ \\N END]"),
            ("[%msg:::lowercase,uppercase%]", "[ ABC  D/E\u{c4}\x7f\n\" \\ \\N END]"),
            ("[%msg:::escape-cc%]", "[ abc  d/e\u{c4}#127#010\" \\ \\n end]"),
            ("[%msg:::space-cc%]", "[ abc  d/e\u{c4}  \" \\ \\n end]"),
            ("[%msg:::drop-cc,escape-cc%]", "[ abc  d/e\u{c4}\" \\ \\n end]"),
            ("[%msg:::compressspace%]", "[ abc d/e\u{c4}\x7f\n\" \\ \\n end]"),
            ("[%msg:::secpath-drop%]", "[ abc  de\u{c4}\x7f\n\" \\ \\n end]"),
            ("[%msg:::secpath-replace%]", "[ abc  d_e\u{c4}\x7f\n\" \\ \\n end]"),
            ("[%msg:::json%]", "[ abc  d\\/e\u{c4}\x7f\\n\\\" \\\\ \\\\n end]"),
            ("[%msg:::jsonr%]", "[ abc  d\\/e\u{c4}\x7f\\n\\\" \\\\ \\n end]"),
            ("[%msg:1:4:jsonf%]", "[\"msg\":\" abc\"]"),
            ("[%msg:1:4:jsonfr:fld%]", "[\"fld\":\" abc\"]"),
            ("[%msg:9:$:csv%]", "[\"e\u{c4}\x7f\n\"\" \\ \\n end\"]"),
            ("[%msg:::mandatory-field,%]", "[ abc  d/e\u{c4}\x7f\n\" \\ \\n end]"),
        ],
    );
}

#[test]
fn blank_stands_in_where_the_text_does_not_begin_with_one() {
    let option = "[%msg:::sp-if-no-1st-sp%]";
    assert_rendered(b" text", &[(option, "[]")]);
    assert_rendered(b"text", &[(option, "[ ]")]);
    assert_rendered(b"", &[(option, "[]")]);
}

#[test]
fn last_line_feed_goes_unless_control_characters_are_escaped() {
    assert_rendered(
        b"a\n\n",
        &[
            ("[%msg:::drop-last-lf%]", "[a\n]"),
            ("[%msg:::drop-last-lf,escape-cc%]", "[a#010#010]"),
        ],
    );
}

#[test]
fn secpath_leaves_no_name_that_is_none() {
    for (value, dropped, replaced) in [
        ("", "_", "_"),
        (".", "_", "_"),
        ("..", "_.", "_."),
        ("/", "_", "_"),
        ("../x", "..x", ".._x"),
    ] {
        let cases = [("%msg:::secpath-drop%", dropped), ("%msg:::secpath-replace%", replaced)];
        assert_rendered(value.as_bytes(), &cases);
    }
}

/// rsyslog writes the microseconds once a stamp has been taken to UTC.
#[test]
fn stamps_in_utc() {
    assert_rendered(
        b"",
        &[
            ("%timestamp:::date-utc%", "Oct  1 21:14:15"),
            (
                "%timestamp:::date-rfc3339,date-utc%",
                "2026-10-01T21:14:15.000000+00:00",
            ),
            (
                "%timestamp:::date-subseconds%|%timestamp:::date-subseconds,date-utc%",
                "0|000000",
            ),
            ("%timestamp:::date-year,date-month%", "10"),
            ("%timestamp:::lowercase%", "oct  1 22:14:15"),
            ("%timegenerated:::date-rfc3339%", "2026-11-22T17:22:32.688264+01:00"),
        ],
    );
}

const FIELDS: &str = "%hostname%|%syslogtag%|%programname%|%app-name%|%procid%|%msgid%|%structured-data%|\
                      %protocol-version%|%pri%|%pri-text%|%syslogfacility%|%syslogfacility-text%|%syslogseverity%|\
                      %syslogpriority-text%";

fn fields_of(message: Message<'_>) -> String {
    String::from_utf8(render(FIELDS, message)).unwrap()
}

#[test]
fn header_fields_of_rfc5424() {
    let expected = "h5|myproc[8710]|myproc|myproc|8710|ID47|[a@1 b=\"c\"]|1|165|local4.notice|20|local4|5|notice";
    assert_eq!(fields_of(full_rfc5424()), expected);
    assert_eq!(
        fields_of(nil_rfc5424()),
        "-|-|-|-|-|-|-|1|165|local4.notice|20|local4|5|notice"
    );
}

#[test]
fn programname_of_rfc5424_is_the_static_part_of_app_name() {
    let message = Message {
        programname: b"postfix",
        app_name: Some(b"postfix/smtpd"),
        ..full_rfc5424()
    };
    assert_eq!(
        render("%programname%|%app-name%|%syslogtag%", message),
        b"postfix|postfix/smtpd|postfix/smtpd[8710]"
    );
}

#[test]
fn header_fields_of_rfc3164() {
    assert_eq!(
        fields_of(rfc3164(b"")),
        "myhost|su[12]:|su|su|12|-|-|0|34|auth.crit|4|auth|2|crit"
    );
    let untagged = Message {
        tag: b"",
        programname: b"",
        procid: None,
        ..rfc3164(b"")
    };
    assert_eq!(fields_of(untagged), "myhost|||-|-|-|-|0|34|auth.crit|4|auth|2|crit");
}

#[test]
fn sender_stands_in_for_a_missing_hostname_and_receipt_for_a_missing_stamp() {
    let message = Message {
        hostname: None,
        timestamp: None,
        shape: Shape::Unparsed,
        ..rfc3164(b"")
    };
    let text = "%HOSTNAME%|%fromhost%|%fromhost-ip%|%fromhost-port%|%TIMESTAMP%";
    assert_eq!(
        render(text, message),
        b"192.0.2.7|192.0.2.7|192.0.2.7|5140|Nov 22 17:22:32"
    );
    assert_eq!(render("%HOSTNAME:1:3%", message), b"192");
    let template = Template::parse(text).unwrap();
    let rendered = |fixture: &Fixture<'_>| {
        let mut out = Vec::new();
        template.render(&fixture.context(), &mut out);
        String::from_utf8(out).unwrap()
    };
    let named = Fixture {
        message,
        sender_name: Some("web1"),
        ..Fixture::default()
    };
    assert_eq!(rendered(&named), "web1|web1|192.0.2.7|5140|Nov 22 17:22:32");
    let mut local = Fixture {
        message,
        ..Fixture::default()
    };
    local.origin.peer = None;
    assert_eq!(rendered(&local), "collector|collector|127.0.0.1||Nov 22 17:22:32");
}

#[test]
fn properties_that_are_not_the_messages() {
    assert_rendered(
        b"",
        &[
            ("%inputname% %iut% %$bom% %$myhostname%", "netin 1 \u{feff} collector"),
            ("%uuid%", "1A0A6B930AEE4DD59F92F6EC28F7F9AC"),
            (
                "%$now% %$year% %$month% %$day% %$hour% %$minute%",
                "2026-03-05 2026 03 05 23 46",
            ),
            ("%$hhour% %$qhour% %$wday% %$now-unixtimestamp%", "01 03 4 1772750767"),
            ("%$now-utc% %$hour-utc% %$year:3:4%", "2026-03-05 22 26"),
            ("%rawmsg% %rawmsg-after-pri%", "<34>raw raw"),
        ],
    );
}

fn builtin(name: &str, message: Message<'_>) -> String {
    let mut out = Vec::new();
    Template::builtin(name).unwrap().render(
        &Fixture {
            message,
            ..Fixture::default()
        }
        .context(),
        &mut out,
    );
    String::from_utf8(out).unwrap()
}

#[test]
fn builtin_formats() {
    let text = b" it's \"a/b\" \\ x";
    for (name, expected) in [
        (
            "RSYSLOG_TraditionalFileFormat",
            "Oct  1 22:14:15 myhost su[12]: it's \"a/b\" \\ x\n",
        ),
        (
            "RSYSLOG_FileFormat",
            "2026-10-01T22:14:15+01:00 myhost su[12]: it's \"a/b\" \\ x\n",
        ),
        (
            "RSYSLOG_SysklogdFileFormat",
            "Oct  1 22:14:15 myhost su[12]: it's \"a/b\" \\ x\n",
        ),
        (
            "RSYSLOG_TraditionalForwardFormat",
            "<34>Oct  1 22:14:15 myhost su[12]: it's \"a/b\" \\ x",
        ),
        (
            "RSYSLOG_ForwardFormat",
            "<34>2026-10-01T22:14:15+01:00 myhost su[12]: it's \"a/b\" \\ x",
        ),
        (
            "RSYSLOG_SyslogProtocol23Format",
            "<34>1 2026-10-01T22:14:15+01:00 myhost su 12 - -  it's \"a/b\" \\ x\n",
        ),
        (
            "RSYSLOG_SyslogRFC5424Format",
            "<34>1 2026-10-01T22:14:15+01:00 myhost su 12 - -  it's \"a/b\" \\ x",
        ),
        (
            "RSYSLOG_DebugFormat",
            "Debug line with all properties:\n\
             FROMHOST: '192.0.2.7', fromhost-ip: '192.0.2.7', HOSTNAME: 'myhost', PRI: 34,\n\
             syslogtag 'su[12]:', programname: 'su', APP-NAME: 'su', PROCID: '12', MSGID: '-',\n\
             TIMESTAMP: 'Oct  1 22:14:15', STRUCTURED-DATA: '-',\n\
             msg: ' it's \"a/b\" \\ x'\n\
             escaped msg: ' it's \"a/b\" \\ x'\n\
             inputname: netin rawmsg: '<34>raw'\n\
             $!:\n$.:\n$/:\n\n",
        ),
        (
            "RSYSLOG_StdJSONFmt",
            "{\"message\":\" it's \\\"a\\/b\\\" \\\\ x\",\"fromhost\":\"myhost\",\"facility\":\"auth\",\
             \"priority\":\"crit\",\"timereported\":\"2026-10-01T22:14:15+01:00\",\
             \"timegenerated\":\"2026-11-22T17:22:32.688264+01:00\"}",
        ),
        (
            "RSYSLOG_WallFmt",
            "\r\n\x07Message from syslogd@myhost at Nov 22 17:22:32 ...\r\n su[12]: it's \"a/b\" \\ x\n\r",
        ),
        ("RSYSLOG_StdUsrMsgFmt", " su[12]: it's \"a/b\" \\ x\n\r"),
        (
            "RSYSLOG_StdDBFmt",
            "insert into SystemEvents (Message, Facility, FromHost, Priority, DeviceReportedTime, ReceivedAt, \
             InfoUnitID, SysLogTag) values (' it\\'s \"a/b\" \\\\ x', 4, 'myhost', 2, '20261001221415', \
             '20261122172232', 1, 'su[12]:')",
        ),
        (
            "RSYSLOG_StdPgSQLFmt",
            "insert into SystemEvents (Message, Facility, FromHost, Priority, DeviceReportedTime, ReceivedAt, \
             InfoUnitID, SysLogTag) values (' it''s \"a/b\" \\ x', 4, 'myhost', 2, '2026-10-01 22:14:15', \
             '2026-11-22 17:22:32', 1, 'su[12]:')",
        ),
        ("RSYSLOG_spoofadr", "192.0.2.7"),
    ] {
        assert_eq!(builtin(name, rfc3164(text)), expected, "{name}");
    }
}

#[test]
fn string_generators_write_the_blank_before_an_empty_message_too() {
    for (name, expected) in [
        ("RSYSLOG_TraditionalFileFormat", "Oct  1 22:14:15 myhost su[12]: \n"),
        ("RSYSLOG_FileFormat", "2026-10-01T22:14:15+01:00 myhost su[12]: \n"),
        (
            "RSYSLOG_TraditionalForwardFormat",
            "<34>Oct  1 22:14:15 myhost su[12]: ",
        ),
        ("RSYSLOG_ForwardFormat", "<34>2026-10-01T22:14:15+01:00 myhost su[12]: "),
        ("RSYSLOG_SysklogdFileFormat", "Oct  1 22:14:15 myhost su[12]:\n"),
    ] {
        assert_eq!(builtin(name, rfc3164(b"")), expected, "{name}");
    }
}

#[test]
fn forward_formats_cut_the_tag_at_rfc3164s_32_bytes() {
    let long = b"averyveryveryverylongapplicationname";
    let message = Message {
        procid: Some(b"8710"),
        msg: b"nosp",
        ..rfc5424(b"h5", long)
    };
    assert_eq!(
        builtin("RSYSLOG_ForwardFormat", message),
        "<165>2003-08-24T05:14:15.000003-07:30 h5 averyveryveryverylongapplication nosp"
    );
}

#[test]
fn json_line_says_that_the_end_of_a_message_is_missing() {
    let cut = Fixture::default();
    let origin = Origin {
        truncated: true,
        ..cut.origin
    };
    let mut out = Vec::new();
    Template::builtin("json")
        .unwrap()
        .render(&Fixture { origin, ..cut }.context(), &mut out);
    assert!(
        out.ends_with(b",\"message\":\"\",\"truncated\":true}\n"),
        "{}",
        out.escape_ascii()
    );
}

#[test]
fn json_line_leaves_out_what_the_message_has_not_and_is_always_utf8() {
    assert_eq!(
        builtin("json", full_rfc5424()),
        "{\"timestamp\":\"2003-08-24T05:14:15.000003-07:30\",\"received\":\"2026-11-22T17:22:32.688264+01:00\",\
         \"host\":\"h5\",\"sender\":\"192.0.2.7\",\"facility\":\"local4\",\"severity\":\"notice\",\"program\":\"myproc\",\
         \"pid\":\"8710\",\"msgid\":\"ID47\",\"structured_data\":\"[a@1 b=\\\"c\\\"]\",\"message\":\"BOMless one two\"}\n"
    );
    let bare = Message {
        hostname: None,
        tag: b"",
        programname: b"",
        procid: None,
        ..rfc3164(b" \xff\"\x01")
    };
    assert_eq!(
        builtin("json", bare),
        "{\"timestamp\":\"2026-10-01T22:14:15+01:00\",\"received\":\"2026-11-22T17:22:32.688264+01:00\",\
         \"host\":\"192.0.2.7\",\"sender\":\"192.0.2.7\",\"facility\":\"auth\",\"severity\":\"crit\",\
         \"message\":\"\u{fffd}\\\"\\u0001\"}\n"
    );
}

#[test]
fn every_builtin_name_is_a_template() {
    for name in builtin_names() {
        assert!(Template::builtin(name).is_some(), "{name}");
    }
    assert!(
        Template::builtin("rsyslog_fileformat").is_none(),
        "names are matched as written"
    );
}

#[test]
fn errors_name_the_bytes_they_are_about() {
    use TemplateErrorKind::*;
    for (text, kind, at) in [
        ("a %msg", UnclosedProperty, "%msg"),
        ("%msg:1:2:lowercase:name", UnclosedProperty, "%msg:1:2:lowercase:name"),
        ("50% of %msg%", UnknownProperty, " of "),
        ("%hostnam%", UnknownProperty, "hostnam"),
        ("% msg%", UnknownProperty, " msg"),
        ("%$!usr!name%", PropertyNotCarried, "$!usr!name"),
        ("%msg:::lowercase,uper%", UnknownOption, "uper"),
        ("%msg:::lowercase %", UnknownOption, "lowercase "),
        ("%msg:::json,csv%", SecondQuoting, "csv"),
        ("%msg:x:2%", BadPosition, "x"),
        ("%msg:1:-2%", BadPosition, "-2"),
        ("%msg:2:$:fixed-width%", WidthTooLarge, "msg:2:$:fixed-width"),
        ("%msg:1:99999:fixed-width%", WidthTooLarge, "msg:1:99999:fixed-width"),
        ("%msg:Fx:1%", BadDelimiter, "Fx"),
        ("%msg:F,x:1%", BadDelimiter, "F,x"),
        ("%msg:F,256:1%", BadDelimiter, "F,256"),
        ("%msg:F,44%", BadFieldNumber, ""),
        ("%msg:F,44:0%", BadFieldNumber, "0"),
        ("%msg:R,XRE:a--end%", BadRegexForm, "R,XRE"),
        ("%msg:R,ERE,12:a--end%", BadRegexForm, "R,ERE,12"),
        ("%msg:R%", UnclosedRegex, ""),
        ("%msg:R,ERE:a%", UnclosedRegex, "a%"),
        ("%msg:R,ERE:(a--end%", Regex(RegexError::UnclosedGroup), "(a"),
        ("%msg:R,ERE,2:(a)--end%", NoSuchGroup, "(a)"),
        ("%msg:1:2:lowercase:name:extra%", TooManyParts, ":"),
        (r"a\q", BadEscape, r"\q"),
        (r"a\é", BadEscape, r"\é"),
        (r"a\", BadEscape, r"\"),
        (r"\12", BadEscape, r"\1"),
    ] {
        let error = Template::parse(text).expect_err(text);
        assert_eq!((error.kind, &text[error.at]), (kind, at), "{text}");
    }
    assert_eq!(
        Template::parse(&"x".repeat(65_537))
            .map(|_| ())
            .map_err(|error| error.kind),
        Err(TooLong)
    );
}

#[test]
fn expression_is_a_property_without_its_percent_signs() {
    let expr = PropertyExpr::parse("msg:F,58:2:uppercase").unwrap();
    let mut out = Vec::new();
    expr.render(
        &Fixture {
            message: rfc3164(WORDS),
            ..Fixture::default()
        }
        .context(),
        &mut out,
    );
    assert_eq!((out.as_slice(), expr.property()), (&b"BAR"[..], Property::Msg));
    let error = PropertyExpr::parse("msg%x").expect_err("a percent sign has no place in it");
    assert_eq!(error.at, 3..4);
    assert_eq!(
        PropertyExpr::parse("").map(|_| ()).map_err(|e| e.kind),
        Err(TemplateErrorKind::UnknownProperty)
    );
}

#[test]
fn what_a_path_depends_on_is_known() {
    let depends_on = |text: &str| Template::parse(text).unwrap().depends_on();
    assert_eq!(
        depends_on("/l/%$year%/%$month%/%HOSTNAME%/%PROGRAMNAME:::lowercase%.log"),
        Dependencies {
            hostname: true,
            program: true,
            now: Some(Granularity::Day),
            ..Dependencies::default()
        }
    );
    assert_eq!(
        depends_on("%timereported:::date-hour%%timereported:::date-day% %fromhost-ip% %pri-text%"),
        Dependencies {
            reported: Some(Granularity::Hour),
            sender: true,
            pri: true,
            ..Dependencies::default()
        }
    );
    assert_eq!(depends_on("%timegenerated%").received, Some(Granularity::Instant));
    assert_eq!(depends_on("/var/log/syslog %$myhostname%"), Dependencies::default());
    assert!(depends_on("%procid%").other && depends_on("%uuid%").uuid && depends_on("%inputname%").input);
    assert!(Template::builtin("json").unwrap().depends_on().other);
    let template = Template::parse("/l/%HOSTNAME%/%msg%").unwrap();
    assert_eq!(template.literal_prefix(), b"/l/");
    assert_eq!(
        template.properties().collect::<Vec<_>>(),
        [Property::Hostname, Property::Msg]
    );
}

/// Text that is made of what templates are made of.
fn template_text() -> impl Strategy<Value = String> {
    let property = prop::sample::select(Property::names().collect::<Vec<_>>());
    let from = prop::sample::select(vec!["", "1", "7", "R", "R,ERE,1,BLANK,1", "F", "F,32", "F,58+,2", "x"]);
    let to = prop::sample::select(vec![
        "",
        "3",
        "$",
        "2",
        "2,4",
        "(a|[^b]+)*--end",
        "[.]--end",
        "a**--end",
    ]);
    let options = prop::sample::subsequence(option_names().collect::<Vec<_>>(), 0..4);
    let whole = (property, from, to, options)
        .prop_map(|(property, from, to, options)| format!("%{property}:{from}:{to}:{}%", options.join(",")));
    let piece = prop_oneof![4 => whole, 1 => "\\PC{0,4}", 1 => "[%:\\\\$,nRF0-9a-z-]{0,12}"];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_compiled_or_refused_within_its_bounds(text in template_text()) {
        if let Err(error) = Template::parse(&text) {
            prop_assert!(text.get(error.at).is_some(), "{:?}", text);
        }
    }

    #[test]
    fn rendering_only_appends(
        text in template_text(),
        msg in prop::collection::vec(prop_oneof![Just(b' '), Just(b'a'), Just(b'\\'), any::<u8>()], 0..64),
        escape in prop::sample::select(vec![Escape::None, Escape::Sql, Escape::StandardSql, Escape::Json]),
    ) {
        if let Ok(template) = Template::parse(&text) {
            let fixture = Fixture { message: rfc3164(&msg), ..Fixture::default() };
            let mut first = b"before".to_vec();
            let template = template.with_escape(escape);
            template.render(&fixture.context(), &mut first);
            let mut second = Vec::new();
            template.render(&fixture.context(), &mut second);
            prop_assert_eq!(first.strip_prefix(b"before"), Some(second.as_slice()));
        }
    }

    #[test]
    fn json_line_is_one_line_of_utf8(msg in any::<Vec<u8>>(), host in any::<Vec<u8>>()) {
        let message = Message { msg: &msg, ..rfc5424(&host, &msg) };
        let line = builtin("json", message);
        prop_assert_eq!(line.find('\n'), Some(line.len() - 1));
        prop_assert_eq!(line.bytes().filter(u8::is_ascii_control).count() - line.matches('\x7f').count(), 1);
    }
}

#[test]
fn sql_option_escapes_values_and_not_the_template() {
    let template = Template::parse("'%msg%'").unwrap().with_escape(Escape::StandardSql);
    let mut out = Vec::new();
    template.render(
        &Fixture {
            message: rfc3164(b"it's"),
            ..Fixture::default()
        }
        .context(),
        &mut out,
    );
    assert_eq!(out, b"'it''s'");
}

#[test]
fn nil_hostname_of_rfc5424_stays_nil() {
    assert_eq!(render("%HOSTNAME% %fromhost%", nil_rfc5424()), b"- 192.0.2.7");
}
