//! Cisco's messages: `[SEQUENCE: ][HOST: ][*|.][STAMP[ ZONE]: ]%FACILITY-SEVERITY-MNEMONIC: TEXT`.
//!
//! IOS numbers its messages and names itself before the stamp, NX-OS has a lone colon there. A `*` before the stamp says
//! that the clock was never set, a `.` that it lost its time server. syslog_loose reads nothing that stands before a stamp,
//! and rsyslog takes the sequence number for the tag; here the tag is `%FACILITY-SEVERITY-MNEMONIC:`.

use jiff::tz::TimeZone;

use crate::message::{Message, Shape};
use crate::parse::rfc3164;
use crate::time::rfc3164::read;
use crate::time::{Timestamp, ZoneCache};

/// How many words with a colon can precede the stamp: a sequence number, a host, and a second number that some
/// stacks add.
const WORDS_MAX: usize = 3;

/// Reads what follows PRI in `plain`; `None` if it is not of this form.
pub(super) fn parse<'a>(plain: Message<'a>, received: Timestamp, zone: &mut ZoneCache) -> Option<Message<'a>> {
    let mut hostname = None;
    let mut rest = plain.after_pri;
    for _ in 0..=WORDS_MAX {
        if let Some((timestamp, text)) = stamp_and_text(rest, received, zone) {
            return Some(rfc3164::with_tag(
                Message {
                    shape: Shape::Device,
                    timestamp,
                    hostname,
                    ..plain
                },
                text,
            ));
        }
        let (word, after) = word_with_colon(rest)?;
        if word.iter().any(|byte| !byte.is_ascii_digit()) {
            hostname = Some(word);
        }
        rest = after;
    }
    None
}

/// A word that ends in a colon, without it, and what follows it and its space.
fn word_with_colon(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'_' | b'-'))?;
    let after = bytes[end..].strip_prefix(b":")?;
    Some((&bytes[..end], after.strip_prefix(b" ").unwrap_or(after)))
}

/// Reads the stamp, if there is one, and finds the text, which has to begin with `%FACILITY-SEVERITY-MNEMONIC:`.
fn stamp_and_text<'a>(
    bytes: &'a [u8],
    received: Timestamp,
    zone: &mut ZoneCache,
) -> Option<(Option<Timestamp>, &'a [u8])> {
    if is_mnemonic(bytes) {
        return Some((None, bytes));
    }
    let unmarked = match bytes {
        [b'*' | b'.', rest @ ..] => rest,
        _ => bytes,
    };
    let (fields, length) = read(unmarked)?;
    let (zone_name, rest) = zone_name(&unmarked[length..]);
    let text = rest.trim_ascii_start();
    if !is_mnemonic(text) {
        return None;
    }
    let stamp = match zone_name {
        b"UTC" | b"GMT" => fields.resolve(received, &mut ZoneCache::new(TimeZone::UTC)),
        // Other abbreviations mean different zones in different countries; the sender's configured one is the better guess.
        _ => fields.resolve(received, zone),
    };
    Some((Some(stamp), text))
}

/// Separates ` UTC:` from what follows it; empty if there is no such thing.
fn zone_name(bytes: &[u8]) -> (&[u8], &[u8]) {
    if let Some(after) = bytes.strip_prefix(b" ")
        && let Some(end) = after.iter().position(|byte| !byte.is_ascii_uppercase())
        && let Some(rest) = after[end..].strip_prefix(b":")
    {
        return (&after[..end], rest);
    }
    (&[], bytes)
}

/// Whether this is `%FACILITY-SEVERITY-MNEMONIC:`, with the severity a digit.
fn is_mnemonic(bytes: &[u8]) -> bool {
    let Some(name) = bytes.strip_prefix(b"%") else {
        return false;
    };
    let is_name_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let Some(end) = name.iter().position(|byte| !is_name_byte(byte)) else {
        return false;
    };
    let has_severity = name[..end]
        .windows(3)
        .any(|window| matches!(window, [b'-', b'0'..=b'7', b'-']));
    name[end] == b':' && has_severity
}
