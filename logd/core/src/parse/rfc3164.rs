//! Host, tag and message of RFC 3164 §4.1.2 and §4.1.3, whatever kind of stamp precedes them.
//!
//! Host and tag are told apart as rsyslog does it: a word of letters, digits, `.`, `_` and `-` that ends in a letter or a
//! digit and is followed by a space is a host, as is one that ends the message; everything else is a tag, and the message
//! has no host.

use crate::message::{Message, Shape};
use crate::time::Timestamp;

use super::{Head, skip, tag};

/// The longest host, as in rsyslog: a longer word is a tag.
const HOST_BYTES_MAX: usize = 511;

/// Completes a message, in which a stamp was found that ends at `stamp_end` of what follows PRI.
#[inline]
pub(super) fn parse(head: Head<'_>, shape: Shape, stamp: Timestamp, stamp_end: usize) -> Message<'_> {
    // The space after the stamp; it is not there if the message ends with it.
    let rest = skip(head.after_pri, stamp_end + 1);
    with_host_and_tag(
        Message {
            shape,
            timestamp: Some(stamp),
            ..head.unparsed()
        },
        rest,
    )
}

/// Reads a message without a stamp whose tag leaves no doubt; `None` if there is none.
pub(super) fn parse_without_stamp(head: Head<'_>) -> Option<Message<'_>> {
    let message = with_host_and_tag(
        Message {
            shape: Shape::Rfc3164,
            ..head.unparsed()
        },
        head.after_pri,
    );
    has_unmistakable_tag(&message).then_some(message)
}

/// Whether what was taken for a tag is one without doubt: a program's name, `[pid]` or a colon, and a space after it.
pub(super) fn has_unmistakable_tag(message: &Message<'_>) -> bool {
    let marked = message.tag.ends_with(b":") || (message.procid.is_some() && message.tag.ends_with(b"]"));
    marked && is_program(message.programname) && matches!(message.msg.first(), None | Some(b' '))
}

/// Whether programs have names of these bytes. What else ends in a colon is a text, such as the `{"key":` of bare JSON.
fn is_program(name: &[u8]) -> bool {
    let is_usual = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-+@%()".contains(byte);
    !name.is_empty() && name.iter().all(is_usual)
}

/// Adds host, tag, program and message, which is what `rest` consists of.
#[inline]
pub(super) fn with_host_and_tag<'a>(message: Message<'a>, rest: &'a [u8]) -> Message<'a> {
    let (hostname, rest) = split_host(rest);
    with_tag(Message { hostname, ..message }, rest)
}

/// Adds tag, program and message, which is what `rest` consists of.
#[inline]
pub(super) fn with_tag<'a>(message: Message<'a>, rest: &'a [u8]) -> Message<'a> {
    let tag = tag::split(rest);
    Message {
        tag: tag.tag,
        programname: tag.program,
        procid: tag.procid,
        msg: tag.msg,
        ..message
    }
}

/// Separates the host, if the first word is one, from what follows the space after it.
#[inline]
fn split_host(bytes: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let limit = bytes.len().min(HOST_BYTES_MAX);
    let mut end = 0;
    while end < limit && is_host_byte(bytes[end]) {
        end += 1;
    }
    let (host, rest) = bytes.split_at(end);
    match rest {
        [] if !host.is_empty() => (Some(host), rest),
        [b' ', rest @ ..] if host.last().is_some_and(u8::is_ascii_alphanumeric) => (Some(host), rest),
        _ => (None, bytes),
    }
}

#[inline]
fn is_host_byte(byte: u8) -> bool {
    HOST_BYTES[usize::from(byte)]
}

const HOST_BYTES: [bool; 256] = {
    let mut is_host_byte = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        is_host_byte[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'.' | b'_' | b'-');
        byte += 1;
    }
    is_host_byte
};
