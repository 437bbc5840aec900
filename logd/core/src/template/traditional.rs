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
    append(Property::TimeReported, out);
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
    let &[a, b, c, b' ', d, e, b' ', f, g, b':', h, i, b':', j, k] = stamp else {
        return false;
    };
    let digits = [e, f, g, h, i, j, k]
        .iter()
        .fold(true, |all, byte| all & byte.is_ascii_digit());
    // The second 60 is written as the first of the next minute, and a day past the end of its month as one of the next.
    digits
        && j < b'6'
        && match (d, e) {
            (b' ', _) | (b'1', _) | (b'2', b'0'..=b'8') => MONTHS.contains(&&[a, b, c]),
            (b'2', _) | (b'3', b'0') => MONTHS.contains(&&[a, b, c]) && [a, b, c] != *b"Feb",
            (b'3', b'1') => [b"Jan", b"Mar", b"May", b"Jul", b"Aug", b"Oct", b"Dec"].contains(&&[a, b, c]),
            _ => false,
        }
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
            "<30>1 2026-11-22T10:00:00.123456Z web-17 nginx - - - ",
            "<30>1 - - - - - -",
            "<30>2026-11-22T10:00:00+01:00 web-17 nginx[4242]: text",
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
    }
}
