//! `RSYSLOG_TraditionalFileFormat`, written at once rather than property by property: it is the default, and what most lines
//! are. A message of RFC 3164 that is written as that RFC has it is its own line.

use super::context::Context;
use super::property::Property;
use super::stamp::{MONTHS, StampForm};
use crate::message::{Message, Shape};

/// How long `Oct  1 22:14:15` is.
const STAMP_BYTES: usize = 15;

/// Appends the line.
pub(super) fn render(context: &Context<'_>, out: &mut Vec<u8>) {
    let message = context.message;
    if let Some(line) = own_line(message) {
        out.reserve(line.len() + 1);
        out.extend_from_slice(line);
        out.push(b'\n');
        return;
    }
    let append = |property, out: &mut Vec<u8>| context.append(property, StampForm::Rfc3164, false, out);
    match stamp_as_written(message) {
        Some(stamp) => out.extend_from_slice(&stamp),
        None => append(Property::TimeReported, out),
    }
    out.push(b' ');
    append(Property::Hostname, out);
    out.push(b' ');
    append(Property::SyslogTag, out);
    if message.msg.first() != Some(&b' ') {
        out.push(b' ');
    }
    out.extend_from_slice(message.msg.strip_suffix(b"\n").unwrap_or(message.msg));
    out.push(b'\n');
}

/// What follows PRI, where that is what the format would make of it: stamp, host and tag with one space between, and a message
/// that begins with one.
fn own_line<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    let line = message.after_pri;
    let host = message.hostname?;
    if message.shape != Shape::Rfc3164 || message.msg.first() != Some(&b' ') || message.msg.last() == Some(&b'\n') {
        return None;
    }
    // The fields are slices of the line, so where they are says what is between them.
    let host_at = STAMP_BYTES + 1;
    let tag_at = host_at + host.len() + 1;
    let is_at = |field: &[u8], at: usize| line.get(at..).is_some_and(|rest| rest.as_ptr() == field.as_ptr());
    let is_whole = is_at(host, host_at)
        && is_at(message.tag, tag_at)
        && is_at(message.msg, tag_at + message.tag.len())
        && tag_at + message.tag.len() + message.msg.len() == line.len();
    (is_whole && is_written_so(line.first_chunk()?)).then_some(line)
}

/// Whether a stamp that was read is as it would be written.
fn is_written_so(stamp: &[u8; STAMP_BYTES]) -> bool {
    let &[a, b, c, b' ', tens, ones, b' ', ref time @ ..] = stamp else {
        return false;
    };
    let day = [if tens == b' ' { b'0' } else { tens }, ones];
    tens != b'0' && is_day(day, &[a, b, c]) && is_time(time)
}

/// The stamp of RFC 3339 that a message begins with, put together from its text as RFC 3164 has it; `None` where that is not how
/// it would be written.
fn stamp_as_written(message: &Message<'_>) -> Option<[u8; STAMP_BYTES]> {
    let at = match message.shape {
        Shape::Rfc3164Rfc3339 => 0,
        // Behind the digit of the version and its space.
        Shape::Rfc5424 if message.version < 10 => 2,
        _ => return None,
    };
    message.timestamp?;
    let written: &[u8; 19] = message.after_pri.get(at..)?.first_chunk()?;
    let &[_, _, _, _, b'-', m, n, b'-', tens, ones, _, ref time @ ..] = written else {
        return None;
    };
    let month = match (m, n) {
        (b'0', b'1'..=b'9') => usize::from(n - b'1'),
        (b'1', b'0'..=b'2') => usize::from(n - b'0') + 9,
        _ => return None,
    };
    let month = MONTHS[month];
    if !is_day([tens, ones], month) || !is_time(time) {
        return None;
    }
    let mut stamp = *b"Mmm dd hh:mm:ss";
    stamp[..3].copy_from_slice(month);
    stamp[4..6].copy_from_slice(&[if tens == b'0' { b' ' } else { tens }, ones]);
    stamp[7..].copy_from_slice(time);
    Some(stamp)
}

/// Whether two digits are a day of the month. One past its end is written as one of the next month; of February 29 only the year
/// tells.
fn is_day(digits: [u8; 2], month: &[u8; 3]) -> bool {
    let last = match month {
        b"Jan" | b"Mar" | b"May" | b"Jul" | b"Aug" | b"Oct" | b"Dec" => b"31",
        b"Apr" | b"Jun" | b"Sep" | b"Nov" => b"30",
        b"Feb" => b"28",
        _ => return false,
    };
    // One comparison of two digits, the first of which weighs more.
    let number = u16::from_be_bytes;
    digits[1].is_ascii_digit() && (number(*b"01")..=number(*last)).contains(&number(digits))
}

/// Whether a time that was read is written with two digits each. The second 60 is written as the first of the next minute.
fn is_time(time: &[u8; 8]) -> bool {
    let &[a, b, b':', c, d, b':', e, f] = time else {
        return false;
    };
    let digits = [a, b, c, d, e, f];
    e < b'6' && digits.iter().fold(true, |all, byte| all & byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::super::{Escape, Template};
    use super::*;
    use crate::message::Origin;
    use crate::parse::parse;
    use crate::time::{Timestamp, ZoneCache};

    /// The line as the template's operations make it, and as it is made here.
    fn both(frame: &[u8]) -> [Vec<u8>; 2] {
        let received = Timestamp::from_unix(1_795_341_600, 0);
        let message = parse(
            frame,
            received,
            &mut ZoneCache::new(TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()),
        );
        let origin = Origin {
            peer: Some("192.0.2.1:40000".parse().unwrap()),
            peer_name: None,
            received,
            input: "net",
            truncated: false,
        };
        let context = Context {
            message: &message,
            origin: &origin,
            sender_name: None,
            cloud: crate::cloud::Sender::default(),
            my_hostname: "here",
            now: received,
            uuid: &|| [7; 16],
        };
        let template = Template::builtin("RSYSLOG_TraditionalFileFormat").unwrap();
        assert!(template.is_traditional);
        let mut by_operations = b"before".to_vec();
        // An escape that does nothing to these bytes is no reason to take the short way.
        Template {
            is_traditional: false,
            ..template.clone()
        }
        .with_escape(Escape::None)
        .render(&context, &mut by_operations);
        let mut at_once = b"before".to_vec();
        template.render(&context, &mut at_once);
        [by_operations, at_once]
    }

    #[test]
    fn both_ways_write_the_same_line() {
        for frame in [
            "<30>Nov 22 10:00:00 web-17 nginx[4242]: GET /",
            "<30>Nov  2 10:00:00 web-17 nginx: GET /",
            "<30>Nov 02 10:00:00 web-17 nginx: GET /",
            "<30>nov 22 10:00:00 web-17 nginx: GET /",
            "<30>Feb 29 10:00:00 web-17 nginx: GET /",
            "<30>Feb 30 10:00:00 web-17 nginx: GET /",
            "<30>Jun 31 10:00:00 web-17 nginx: GET /",
            "<30>Jul 31 10:00:60 web-17 nginx: GET /",
            "<30>Nov 22 1:00:00: web-17 nginx: GET /",
            "<30>Mar 29 02:30:00 web-17 nginx: GET /",
            "<30>Nov 22 10:00:00 web-17 nginx[4242]:GET /",
            "<30>Nov 22 10:00:00 web-17 nginx[4242]:",
            "<30>Nov 22 10:00:00 web-17 nginx GET / \n",
            "<30>Nov 22 10:00:00 web-17  GET /",
            "<30>Nov 22 10:00:00 2026 web-17 nginx: GET /",
            "<30>Nov 22 10:00:00 nginx: GET /",
            "<30>Nov 22 10:00:00",
            "Nov 22 10:00:00 web-17 nginx: no PRI",
            "<30>1 2026-11-22T10:00:00.123456Z web-17 nginx 4242 - - text",
            "<30>1 2026-11-02T10:00:00-05:00 web-17 nginx - - - ",
            "<30>1 2026-11-22T10:00:60Z web-17 nginx - - - text",
            "<30>1 2026-11-31T10:00:00Z web-17 nginx - - - text",
            "<30>1 2024-02-29T10:00:00Z web-17 nginx - - - text",
            "<30>1 2026-1-2T3:4:5.123456789Z web-17 nginx - - - text",
            "<30>12 2026-11-22T10:00:00Z web-17 nginx - - - text",
            "<30>1 - - - - - -",
            "<30>2026-11-22T10:00:00+01:00 web-17 nginx[4242]: text",
            "<30>2026-11-2t10:00:00Z web-17 nginx[4242]: text",
            "<30>nothing of it",
            "",
        ] {
            let [by_operations, at_once] = both(frame.as_bytes());
            assert_eq!(
                at_once.escape_ascii().to_string(),
                by_operations.escape_ascii().to_string(),
                "{frame}"
            );
        }
    }

    proptest! {
        #[test]
        fn both_ways_write_the_same_line_whatever_comes(
            stamp in "(<30>)?[NnFJ][oea][vbn] {1,2}[0-3]?[0-9] [0-2]?[0-9]:[0-6][0-9]:[0-6][0-9][:.]?",
            rest in "[ a-z\\[\\]:\n0-9]{0,30}",
        ) {
            let [by_operations, at_once] = both(format!("{stamp}{rest}").as_bytes());
            prop_assert_eq!(at_once, by_operations);
        }

        #[test]
        fn both_ways_write_the_same_stamp_of_rfc_3339(
            version in "(1 |12 )?",
            stamp in "2026-[01]?[0-9]-[0-3]?[0-9]T[0-2]?[0-9]:[0-5]?[0-9]:[0-6]?[0-9]([.][0-9]{0,6})?(Z|[+]01:00|-0130)",
        ) {
            let [by_operations, at_once] = both(format!("<30>{version}{stamp} web-17 app: - - - text").as_bytes());
            prop_assert_eq!(at_once, by_operations);
        }
    }
}
