//! The parser against rsyslogd, against syslog_loose, and against any bytes at all.

mod rsyslogd;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use syslog_loose::{ProcId, Variant, parse_message};

use super::*;
use crate::time::rfc3339;

/// The time of receipt: that of the run of rsyslogd.
fn received() -> Timestamp {
    stamp("2026-11-22T16:27:19Z")
}

fn stamp(text: &str) -> Timestamp {
    rfc3339::parse(text.as_bytes()).unwrap().0
}

fn parsed(frame: &[u8]) -> Message<'_> {
    parse(frame, received(), &mut ZoneCache::new(TimeZone::UTC))
}

/// A slice as text, for readable failures.
fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[test]
fn rfc3164_shapes_are_read_as_rsyslogd_reads_them() {
    for &(frame, timereported, hostname, tag, programname, procid, msg) in rsyslogd::RFC3164 {
        let message = parsed(frame);
        let frame = text(frame);
        assert_eq!(message.timestamp, Some(stamp(timereported)), "{frame}");
        assert_eq!(message.hostname.map(text), hostname.map(text), "{frame}");
        assert_eq!(text(message.tag), text(tag), "{frame}");
        assert_eq!(text(message.programname), text(programname), "{frame}");
        assert_eq!(message.procid.map(text), procid.map(text), "{frame}");
        assert_eq!(text(message.msg), text(msg), "{frame}");
        assert_eq!((message.pri.number(), message.version), (34, 0), "{frame}");
    }
}

#[test]
fn rfc5424_is_read_as_rsyslogd_reads_it() {
    for &(frame, timereported, hostname, programname, app_name, procid, msgid, structured_data, msg) in
        rsyslogd::RFC5424
    {
        let message = parsed(frame);
        let frame = text(frame);
        assert_eq!((message.shape, message.version), (Shape::Rfc5424, 1), "{frame}");
        assert_eq!(message.timestamp, timereported.map(stamp), "{frame}");
        assert_eq!(message.hostname.map(text), hostname.map(text), "{frame}");
        assert_eq!(text(message.programname), text(programname), "{frame}");
        assert_eq!(message.app_name.map(text), app_name.map(text), "{frame}");
        assert_eq!(message.procid.map(text), procid.map(text), "{frame}");
        assert_eq!(message.msgid.map(text), msgid.map(text), "{frame}");
        assert_eq!(message.structured_data.map(text), structured_data.map(text), "{frame}");
        assert_eq!(text(message.msg), text(msg), "{frame}");
    }
}

#[test]
fn rfc5424_6_2_5_nil_host_is_none() {
    let message = parsed(b"<165>1 - - - - - - hello");
    assert_eq!(
        (message.hostname, message.timestamp, message.msg),
        (None, None, &b"hello"[..])
    );
    assert_eq!(
        parsed(b"<165>1 2003-10-11T22:14:15.003Z  app - ID47 - empty host").hostname,
        None
    );
}

#[test]
fn rfc5424_header_that_ends_early_leaves_the_rest_nil() {
    let message = parsed(b"<165>1 2003-10-11T22:14:15.003Z host app");
    assert_eq!(
        (message.shape, message.hostname, message.app_name),
        (Shape::Rfc5424, Some(&b"host"[..]), Some(&b"app"[..]))
    );
    assert_eq!(
        (message.procid, message.msgid, message.structured_data, message.msg),
        (None, None, None, &b""[..])
    );
}

#[test]
fn rfc5424_structured_data_that_does_not_end_is_part_of_the_message() {
    let message = parsed(b"<165>1 2003-10-11T22:14:15.003Z host app - ID47 [unclosed msg");
    assert_eq!((message.structured_data, message.msg), (None, &b"[unclosed msg"[..]));
}

#[test]
fn rfc5424_6_2_2_other_versions_are_read_alike() {
    let message = parsed(b"<165>2 2003-10-11T22:14:15.003Z host app 8 ID47 - msg");
    assert_eq!(
        (message.shape, message.version, message.msg),
        (Shape::Rfc5424, 2, &b"msg"[..])
    );
}

#[test]
fn rfc5424_with_a_stamp_that_is_none_is_unparsed_and_whole() {
    for frame in [
        &b"<165>1 2003-10-11T22:14:15.003 host app - ID47 - x"[..],
        b"<165>1 Oct 11 22:14:15 host app - ID47 - x",
        b"<165>1  2003-10-11T22:14:15.003Z host app - ID47 - x",
    ] {
        let message = parsed(frame);
        assert_eq!(
            (message.shape, message.pri.number()),
            (Shape::Unparsed, 165),
            "{}",
            text(frame)
        );
        assert_eq!(text(message.msg), text(&frame[5..]));
    }
}

#[test]
fn shape_tells_the_two_stamps_apart() {
    assert_eq!(parsed(b"<34>Oct 11 22:14:15 host su: x").shape, Shape::Rfc3164);
    assert_eq!(
        parsed(b"<34>2026-01-02T03:04:05Z host su: x").shape,
        Shape::Rfc3164Rfc3339
    );
}

#[test]
fn pri_of_0_to_191_is_taken_with_or_without_leading_zeros() {
    for (frame, pri) in [(&b"<0>x"[..], 0), (b"<191>x", 191), (b"<034>x", 34), (b"<0191>x", 191)] {
        let message = parsed(frame);
        assert_eq!(
            (message.pri.number(), message.after_pri),
            (pri, &b"x"[..]),
            "{}",
            text(frame)
        );
    }
}

#[test]
fn rfc3164_4_3_3_message_without_pri_is_user_notice_of_any_shape() {
    let message = parsed(b"Oct 11 22:14:15 host su: x");
    assert_eq!(
        (message.pri.number(), message.hostname, message.msg),
        (13, Some(&b"host"[..]), &b" x"[..])
    );
    let message = parsed(b"1 2003-10-11T22:14:15.003Z host app - ID47 - x");
    assert_eq!(
        (message.pri.number(), message.shape, message.msg),
        (13, Shape::Rfc5424, &b"x"[..])
    );
}

#[test]
fn frame_with_an_invalid_pri_is_user_notice_and_all_of_it_is_the_message() {
    for frame in [
        &b"<192>Oct 11 22:14:15 host su: x"[..],
        b"<999>x",
        b"<256>x",
        b"<99999999999999>x",
        b"<>x",
        b"<-1>x",
        b"< 13>x",
        b"<13 >x",
        b"<13x",
        b"<13",
        b"<",
    ] {
        let message = parsed(frame);
        assert_eq!(
            (message.shape, message.pri),
            (Shape::Unparsed, Pri::DEFAULT),
            "{}",
            text(frame)
        );
        assert_eq!((message.raw, message.after_pri, message.msg), (frame, frame, frame));
    }
}

#[test]
fn text_without_a_stamp_is_a_text_and_makes_up_no_host() {
    for frame in [
        &b"<13>Connection closed by peer"[..],
        b"<13>this is text: with a colon",
        b"<13>Feb 32 02:04:05 host tag: x",
        b"<13>2026-01-02T03:04:05 host tag: no zone",
        b"<13>{\"json\": true, \"n\": [1, 2]}",
        b"<13>date=2026-01-02 time=03:04:05 devname=\"FGT\"",
        b"<13>\xff\xfe\x00",
        b"<13>word",
        b"<13> ",
        b"<13>",
    ] {
        let message = parsed(frame);
        assert_eq!(
            (message.shape, message.pri.number()),
            (Shape::Unparsed, 13),
            "{}",
            text(frame)
        );
        assert_eq!((message.hostname, message.tag), (None, &b""[..]));
        assert_eq!(text(message.msg), text(&frame[4..]));
    }
}

#[test]
fn tag_without_a_stamp_is_a_tag_where_it_is_unmistakable() {
    let message = parsed(b"<13>cron[12]: job");
    assert_eq!(
        (message.shape, message.hostname, message.tag),
        (Shape::Rfc3164, None, &b"cron[12]:"[..])
    );
    assert_eq!(
        (message.timestamp, message.procid, message.msg),
        (None, Some(&b"12"[..]), &b" job"[..])
    );
    let message = parsed(b"<13>web1 cron: job");
    assert_eq!(
        (message.hostname, message.tag, message.msg),
        (Some(&b"web1"[..]), &b"cron:"[..], &b" job"[..])
    );
    let message = parsed(b"<13>web1 cron[12] job");
    assert_eq!(
        (message.hostname, message.tag, message.msg),
        (Some(&b"web1"[..]), &b"cron[12]"[..], &b" job"[..])
    );
}

#[test]
fn cisco_messages_give_host_stamp_and_mnemonic() {
    let configured = &b"%SYS-5-CONFIG_I:"[..];
    for (frame, hostname, timereported) in [
        (
            &b"<189>123: rtr1: *Mar  1 18:46:11: %SYS-5-CONFIG_I: done"[..],
            Some("rtr1"),
            Some("2027-03-01T18:46:11Z"),
        ),
        (
            b"<189>123: *Mar  1 18:46:11: %SYS-5-CONFIG_I: done",
            None,
            Some("2027-03-01T18:46:11Z"),
        ),
        (
            b"<189>*Oct  1 18:46:11: %SYS-5-CONFIG_I: done",
            None,
            Some("2026-10-01T18:46:11Z"),
        ),
        (
            b"<189>123: .Oct  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: done",
            None,
            Some("2026-10-01T18:46:11.123Z"),
        ),
        (
            b"<189>: 2025 Oct  1 18:46:11 CET: %SYS-5-CONFIG_I: done",
            None,
            Some("2025-10-01T18:46:11Z"),
        ),
        (b"<189>000123: %SYS-5-CONFIG_I: done", None, None),
    ] {
        let message = parsed(frame);
        let frame = text(frame);
        assert_eq!(message.shape, Shape::Device, "{frame}");
        assert_eq!(
            message.hostname.map(text).as_deref(),
            hostname.filter(|host| !host.is_empty()),
            "{frame}"
        );
        assert_eq!(
            message.timestamp.map(|stamp| stamp.unix_s),
            timereported.map(|at| stamp(at).unix_s),
            "{frame}"
        );
        assert_eq!((message.tag, message.msg), (configured, &b" done"[..]), "{frame}");
    }
}

#[test]
fn cisco_zone_utc_is_utc_whatever_the_senders_zone() {
    let mut tokyo = ZoneCache::new(TimeZone::fixed(jiff::tz::offset(9)));
    let message = parse(
        b"<189>1: Oct  1 18:46:11 UTC: %SYS-5-RESTART: x",
        received(),
        &mut tokyo,
    );
    assert_eq!(message.timestamp.unwrap().unix_s, stamp("2026-10-01T18:46:11Z").unix_s);
    let message = parse(b"<189>1: Oct  1 18:46:11: %SYS-5-RESTART: x", received(), &mut tokyo);
    assert_eq!(
        message.timestamp.unwrap().unix_s,
        stamp("2026-10-01T18:46:11+09:00").unix_s
    );
}

#[test]
fn stamps_with_more_spaces_are_read_through_syslog_loose() {
    for frame in [
        &b"<34>Oct   1 22:14:15 host su[1]: x"[..],
        b"<34>Oct 1  22:14:15 host su[1]: x",
        b"<34>  Oct 1 22:14:15 host su[1]: x",
    ] {
        let message = parsed(frame);
        let frame = text(frame);
        assert_eq!((message.shape, message.pri.number()), (Shape::Device, 34), "{frame}");
        assert_eq!(message.timestamp, Some(stamp("2026-10-01T22:14:15+00:00")), "{frame}");
        assert_eq!(
            (message.hostname, message.tag),
            (Some(&b"host"[..]), &b"su[1]:"[..]),
            "{frame}"
        );
        assert_eq!((message.procid, message.msg), (Some(&b"1"[..]), &b" x"[..]), "{frame}");
    }
}

#[test]
fn lone_tag_that_syslog_loose_takes_for_a_host_is_a_tag() {
    let message = parsed(b"<34>Oct   1 22:14:15 su: x");
    assert_eq!(
        (message.hostname, message.tag, message.msg),
        (None, &b"su:"[..], &b" x"[..])
    );
}

#[test]
fn device_message_need_not_be_utf8_after_its_header() {
    let message = parsed(b"<34>Oct   1 22:14:15 host su: caf\xe9 \xff");
    assert_eq!((message.shape, message.msg), (Shape::Device, &b" caf\xe9 \xff"[..]));
}

#[test]
fn host_of_more_than_511_bytes_is_a_tag_and_a_tag_of_more_than_510_is_cut() {
    let frame = |host: usize, tag: usize| format!("<34>Oct 11 22:14:15 {} {}: x", "h".repeat(host), "t".repeat(tag));
    let lengths = |frame: &str| {
        let message = parsed(frame.as_bytes());
        (message.hostname.map(<[u8]>::len), message.tag.len(), message.msg.len())
    };
    assert_eq!(lengths(&frame(511, 510)), (Some(511), 511, 2));
    assert_eq!(lengths(&frame(1, 511)), (Some(1), 510, 4));
    assert_eq!(lengths(&frame(512, 1)), (None, 510, 2 + 5));
}

/// Whether `part` lies within `whole`, not merely has the same content.
fn is_slice_of(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}

fn assert_borrowed(frame: &[u8]) {
    let message = parsed(frame);
    assert_eq!(message.raw, frame);
    assert!(
        is_slice_of(message.after_pri, frame) && frame.ends_with(message.after_pri),
        "{}",
        text(frame)
    );
    assert!(
        is_slice_of(message.msg, frame) && frame.ends_with(message.msg),
        "{}",
        text(frame)
    );
    let fields = [
        message.hostname,
        message.app_name,
        message.procid,
        message.msgid,
        message.structured_data,
    ];
    for field in fields.into_iter().flatten() {
        assert!(is_slice_of(field, frame), "{}", text(frame));
    }
    // An empty tag is a constant: it points nowhere.
    for field in [message.tag, message.programname] {
        assert!(field.is_empty() || is_slice_of(field, frame), "{}", text(frame));
    }
}

/// Frames with what parsers stumble over in them, many of them nearly valid.
fn near_frames() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "<34>",
            "<165>1 ",
            "<",
            ">",
            "1 ",
            "Oct 11 22:14:15",
            "Feb 29 ",
            "Oct   1 22:14:15 ",
            "2026-01-02T03:04:05.678+01:00",
            "-",
            " ",
            ":",
            "host ",
            "tag[12]: ",
            "[a b=\"",
            "\\]",
            "\"]",
            "123: ",
            "*",
            "%SYS-5-X: ",
            " UTC:",
            "2026 ",
            "ä",
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn every_frame_is_a_message_made_of_slices_of_it(frame in near_frames()) {
        assert_borrowed(&frame);
    }

    #[test]
    fn valid_pri_is_kept_whatever_follows(pri in 0_u8..=191, rest in near_frames()) {
        let frame = [format!("<{pri}>").as_bytes(), &rest].concat();
        let message = parsed(&frame);
        prop_assert_eq!(message.pri.number(), pri);
        prop_assert_eq!(message.after_pri, &rest[..]);
    }

    #[test]
    fn rfc5424_agrees_with_syslog_loose(
        pri in 0_u8..=191,
        fraction in prop::option::of("[0-9]{1,6}"),
        offset in prop::sample::select(vec!["Z", "+01:00", "-05:30"]),
        host in "[a-z][a-z0-9.]{0,20}",
        app in "[a-z][a-z0-9/]{0,20}",
        procid in "[a-z][a-z0-9]{0,8}|-",
        msgid in "[A-Z][A-Z0-9]{0,8}|-",
        value in "[a-z ]{1,20}",
        structured in any::<bool>(),
        msg in "[a-z][a-z0-9:]{0,10}( [a-z0-9:]{1,10}){0,5}",
    ) {
        let fraction = fraction.map_or(String::new(), |digits| format!(".{digits}"));
        let structured_data = if structured { format!("[id@1 key=\"{value}\"]") } else { "-".to_owned() };
        let frame = format!(
            "<{pri}>1 2026-01-02T03:04:05{fraction}{offset} {host} {app} {procid} {msgid} {structured_data} {msg}"
        );
        let ours = parsed(frame.as_bytes());
        let theirs = parse_message(&frame, Variant::RFC5424);
        prop_assert_eq!(ours.shape, Shape::Rfc5424);
        let instant = ours.timestamp.map(|stamp| (stamp.unix_s, stamp.nanos));
        prop_assert_eq!(instant, theirs.timestamp.map(|stamp| (stamp.timestamp(), stamp.timestamp_subsec_nanos())));
        prop_assert_eq!(ours.hostname, theirs.hostname.map(str::as_bytes));
        prop_assert_eq!(ours.app_name, theirs.appname.map(str::as_bytes));
        let procid = match theirs.procid {
            Some(ProcId::Name(name)) => Some(name.as_bytes()),
            _ => None,
        };
        prop_assert_eq!(ours.procid, procid);
        prop_assert_eq!(ours.msgid, theirs.msgid.map(str::as_bytes));
        let theirs_sd = theirs.structured_data.first().map(|element| element.to_string().into_bytes());
        prop_assert_eq!(ours.structured_data.map(<[u8]>::to_vec), theirs_sd);
        prop_assert_eq!(ours.msg, theirs.msg.as_bytes());
    }

    #[test]
    fn rfc3164_agrees_with_syslog_loose(
        pri in 0_u8..=191,
        day in 1_u8..=31,
        second in 0_u8..=59,
        host in "[a-z][a-z0-9.]{0,20}[a-z]",
        app in "[a-z][a-z0-9]{0,20}",
        pid in prop::option::of("[a-z][a-z0-9]{0,6}"),
        msg in "[a-z][a-z0-9:]{0,10}( [a-z0-9:]{1,10}){0,5}",
    ) {
        let pid = pid.map_or(String::new(), |pid| format!("[{pid}]"));
        let frame = format!("<{pri}>Dec {day:2} 22:14:{second:02} {host} {app}{pid}: {msg}");
        let ours = parsed(frame.as_bytes());
        // Its zone is of a type that it doesn't name.
        let utc = parse_message("<0>1 1970-01-01T00:00:00Z - - - - -", Variant::RFC5424).timestamp.unwrap().timezone();
        let theirs = syslog_loose::parse_message_with_year_exact_tz(&frame, |_| 2026, Some(utc), Variant::RFC3164).unwrap();
        prop_assert_eq!(ours.shape, Shape::Rfc3164);
        prop_assert_eq!(ours.timestamp.map(|stamp| stamp.unix_s), theirs.timestamp.map(|stamp| stamp.timestamp()));
        prop_assert_eq!(ours.hostname, theirs.hostname.map(str::as_bytes));
        prop_assert_eq!(Some(ours.programname), theirs.appname.map(str::as_bytes));
        let procid = match theirs.procid {
            Some(ProcId::Name(name)) => Some(name.as_bytes()),
            _ => None,
        };
        prop_assert_eq!(ours.procid, procid);
        prop_assert_eq!(ours.msg.trim_ascii_start(), theirs.msg.as_bytes());
    }
}
