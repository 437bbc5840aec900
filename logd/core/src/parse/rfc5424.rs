//! RFC 5424 §6: `VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID SP STRUCTURED-DATA [SP MSG]`.
//!
//! Version and time stamp decide whether a message is one of these. After them all is taken as it comes, as in rsyslog:
//! fields of any length and of any bytes but space, and a header that ends early leaves the fields after it nil. A byte
//! order mark before MSG stays part of it.

use crate::message::{Message, Shape};
use crate::time::{self, Timestamp};

use super::{Head, skip, structured_data, tag};

/// Reads what follows PRI; `None` if it is of another shape.
#[inline]
pub(super) fn parse(head: Head<'_>) -> Option<Message<'_>> {
    let (version, rest) = version(head.after_pri)?;
    let (timestamp, rest) = timestamp(rest)?;
    let (hostname, rest) = field(rest);
    let (app_name, rest) = field(rest);
    let (procid, rest) = field(rest);
    let (msgid, rest) = field(rest);
    let (structured_data, msg) = structured_data::split(rest);
    Some(Message {
        shape: Shape::Rfc5424,
        timestamp,
        hostname: not_nil(hostname),
        programname: tag::programname(app_name),
        app_name: not_nil(app_name),
        procid: not_nil(procid),
        msgid: not_nil(msgid),
        structured_data,
        msg,
        version,
        ..head.unparsed()
    })
}

/// VERSION = NONZERO-DIGIT 0*2DIGIT. It is 1 to this day; what another one would change, nobody knows, so it is read alike.
#[inline]
fn version(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let length = bytes.iter().take(4).position(|&byte| byte == b' ')?;
    let (digits, rest) = (&bytes[..length], &bytes[length + 1..]);
    if !matches!(digits.first()?, b'1'..=b'9') {
        return None;
    }
    let version = digits.iter().try_fold(0_u8, |version, byte| {
        let digit = byte.is_ascii_digit().then(|| byte - b'0')?;
        version.checked_mul(10)?.checked_add(digit)
    })?;
    Some((version, rest))
}

/// TIMESTAMP with the space after it: `Some((None, …))` for the nil value, `None` for what is no stamp.
#[inline]
fn timestamp(bytes: &[u8]) -> Option<(Option<Timestamp>, &[u8])> {
    if let [b'-', rest @ ..] = bytes
        && let [] | [b' ', ..] = rest
    {
        return Some((None, skip(rest, 1)));
    }
    let (stamp, length) = time::rfc3339::parse(bytes)?;
    Some((Some(stamp), skip(bytes, length + 1)))
}

/// A field up to the next space, and what follows that space.
#[inline]
fn field(bytes: &[u8]) -> (&[u8], &[u8]) {
    // Byte by byte: fields are so short that memchr would take longer to begin.
    match bytes.iter().position(|&byte| byte == b' ') {
        Some(space) => (&bytes[..space], &bytes[space + 1..]),
        None => (bytes, skip(bytes, bytes.len())),
    }
}

/// The field, unless it is the nil value (§6: NILVALUE = "-") or missing.
fn not_nil(field: &[u8]) -> Option<&[u8]> {
    (!field.is_empty() && field != b"-").then_some(field)
}
