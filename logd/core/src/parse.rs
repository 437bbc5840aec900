//! From a frame to a [`Message`]: total (every frame is a message), and without copying (every field is a slice of it).
//!
//! Frames come from [`crate::framing`] or a datagram, cleaned by [`crate::control_chars::clean`]; messages go to the rules
//! and templates. What rsyslogd 8.2302 makes of the standard shapes is what is made of them here. The shapes are tried in
//! this order:
//! 1. RFC 5424.
//! 2. A stamp of RFC 3339 or RFC 3164, then host and tag.
//! 3. The forms of devices that keep to no RFC.
//! 4. No stamp, but an unmistakable tag, with or without a host before it (`cron[12]: …`, `web1 cron: …`).
//! 5. None of these: all that follows PRI is the message, and the sender is its host.
//!
//! rsyslog takes the first words of any text for host and tag, so that `<13>Connection closed` is of the host
//! `Connection`. Here a text without a stamp stays a text: otherwise whoever sends prose makes up hosts, and their
//! directories.
//!
//! **PRI** is read before anything else and never lost. A frame that doesn't begin with `<` has none: it is user.notice
//! (RFC 3164 §4.3.3) and may have any shape all the same. One that begins with `<` and has no number of 0 to 191 and `>`
//! after it is user.notice, and the whole frame is its message.

mod device;
mod local;
mod rfc3164;
mod rfc5424;
mod structured_data;
mod tag;

use crate::message::{Message, Shape};
use crate::pri::Pri;
use crate::time::{self, Timestamp, ZoneCache};

pub use local::{Credentials, PidPolicy, compose, parse_local, with_pid};

/// Reads a frame. `received` is the time of receipt, and `zone` the zone of senders that don't name theirs; see
/// [`crate::time::rfc3164`] for what both are needed for.
#[must_use]
pub fn parse<'a>(frame: &'a [u8], received: Timestamp, zone: &mut ZoneCache) -> Message<'a> {
    let Some(head) = Head::of(frame) else {
        return Head::without_pri(frame).unparsed();
    };
    if let Some(message) = rfc5424::parse(head) {
        return message;
    }
    let after_pri = head.after_pri;
    if let Some((stamp, length)) = time::rfc3339::parse(after_pri) {
        return rfc3164::parse(head, Shape::Rfc3164Rfc3339, stamp, length);
    }
    // A space before the stamp comes from some HP switches.
    let indent = usize::from(after_pri.first() == Some(&b' '));
    if let Some((stamp, length)) = time::rfc3164::parse(&after_pri[indent..], received, zone) {
        return rfc3164::parse(head, Shape::Rfc3164, stamp, indent + length);
    }
    device::parse(head.unparsed(), received, zone)
        .or_else(|| rfc3164::parse_without_stamp(head))
        .unwrap_or_else(|| head.unparsed())
}

/// What every message begins with, whatever its shape.
#[derive(Clone, Copy)]
struct Head<'a> {
    raw: &'a [u8],
    after_pri: &'a [u8],
    pri: Pri,
}

impl<'a> Head<'a> {
    /// Separates PRI from the rest; `None` if there is something that begins like a PRI and is none.
    #[inline]
    fn of(raw: &'a [u8]) -> Option<Self> {
        let (pri, after_pri) = split_pri(raw)?;
        Some(Self { raw, after_pri, pri })
    }

    /// Of a frame that has no PRI to be separated.
    fn without_pri(raw: &'a [u8]) -> Self {
        Self {
            raw,
            after_pri: raw,
            pri: Pri::DEFAULT,
        }
    }

    /// The message of which nothing is known but its PRI.
    #[inline]
    fn unparsed(self) -> Message<'a> {
        Message {
            raw: self.raw,
            after_pri: self.after_pri,
            pri: self.pri,
            shape: Shape::Unparsed,
            timestamp: None,
            hostname: None,
            tag: b"",
            programname: b"",
            app_name: None,
            procid: None,
            msgid: None,
            structured_data: None,
            msg: self.after_pri,
            version: 0,
        }
    }
}

/// PRI, and what follows it. `None` if there is something that begins like a PRI and is none.
///
/// RFC 5424 §6.2.1 forbids leading zeros; rsyslog reads them, and so they are read here.
#[inline]
fn split_pri(frame: &[u8]) -> Option<(Pri, &[u8])> {
    let [b'<', rest @ ..] = frame else {
        return Some((Pri::DEFAULT, frame));
    };
    let mut number = 0_u8;
    for (at, &byte) in rest.iter().enumerate() {
        match byte {
            b'0'..=b'9' => number = number.checked_mul(10)?.checked_add(byte - b'0')?,
            b'>' if at > 0 => return Some((Pri::new(number)?, &rest[at + 1..])),
            _ => return None,
        }
    }
    None
}

/// What follows the first `count` bytes; at the end, if there are fewer. So what is missing is still a slice of the frame.
#[inline]
fn skip(bytes: &[u8], count: usize) -> &[u8] {
    &bytes[count.min(bytes.len())..]
}

#[cfg(test)]
mod tests;
