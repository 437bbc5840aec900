//! What programs of this machine write: to `/dev/log` by syslog(3), and what comes as fields rather than as a frame.
//!
//! syslog(3) writes `<PRI>Mmm dd hh:mm:ss TAG[pid]: MSG`, without a host: it is this one. A parser of the network's forms would
//! take a tag without a colon for a host. As in rsyslog's imuxsock the word after the stamp is the tag, whatever it looks like;
//! unlike there a message of RFC 5424, which util-linux's logger writes when told to, is read as one, and a text without a stamp
//! stays a text unless it begins with an unmistakable tag.

use std::io::Write as _;

use crate::message::{Message, Shape};
use crate::pri::Pri;
use crate::time::{self, Timestamp, ZoneCache};

use super::{Head, rfc3164, rfc5424, skip, tag};

/// Reads a frame of a local program, in which nobody but this machine is the host. `received` and `zone` are as in
/// [`super::parse`].
#[must_use]
pub fn parse_local<'a>(frame: &'a [u8], received: Timestamp, zone: &mut ZoneCache) -> Message<'a> {
    let Some(head) = Head::of(frame) else {
        return Head::without_pri(frame).unparsed();
    };
    if let Some(message) = rfc5424::parse(head) {
        return message;
    }
    let (plain, after_pri) = (head.unparsed(), head.after_pri);
    let stamped = |shape, stamp, length: usize| {
        let message = Message {
            shape,
            timestamp: Some(stamp),
            ..plain
        };
        rfc3164::with_tag(message, skip(after_pri, length + 1))
    };
    if let Some((stamp, length)) = time::rfc3339::parse(after_pri) {
        return stamped(Shape::Rfc3164Rfc3339, stamp, length);
    }
    if let Some((stamp, length)) = time::rfc3164::parse(after_pri, received, zone) {
        return stamped(Shape::Rfc3164, stamp, length);
    }
    let tagged = rfc3164::with_tag(
        Message {
            shape: Shape::Rfc3164,
            ..plain
        },
        after_pri,
    );
    if rfc3164::has_unmistakable_tag(&tagged) {
        tagged
    } else {
        plain
    }
}

/// What becomes of the process number in a tag, of which the kernel knows the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PidPolicy {
    /// A number that is not the sender's is put right, unless the sender is root, who may speak for others: so the kernel has
    /// it with the credentials themselves (unix(7)).
    #[default]
    Checked,
    /// Every tag has the sender's number, as with imuxsock's `UsePIDFromSystem`.
    FromSystem,
    /// As written.
    AsWritten,
}

/// Who wrote to a unix socket, by the kernel's account (SCM_CREDENTIALS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials {
    /// The process; 0 where it is none that we can see, as from outside of our PID namespace.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
}

/// The message with the process number that the policy wants, for which `room` is used; and whether it is another one than its
/// sender wrote.
pub fn with_pid<'a>(
    message: Message<'a>,
    sender: Credentials,
    policy: PidPolicy,
    room: &'a mut Vec<u8>,
) -> (Message<'a>, bool) {
    let written = message.procid.and_then(number);
    let wrong = written.is_some_and(|pid| pid != u64::from(sender.pid));
    let put_right = match policy {
        PidPolicy::AsWritten => false,
        PidPolicy::Checked => wrong && sender.uid != 0,
        PidPolicy::FromSystem => written != Some(u64::from(sender.pid)),
    };
    if !put_right || sender.pid == 0 {
        return (message, false);
    }
    room.clear();
    let is_rfc5424 = message.shape == Shape::Rfc5424;
    if !is_rfc5424 {
        let name = message.tag.iter().position(|byte| *byte == b'[');
        let name = &message.tag[..name.unwrap_or(message.tag.len())];
        room.extend_from_slice(name.strip_suffix(b":").unwrap_or(name));
        room.push(b'[');
    }
    let from = room.len();
    write!(room, "{}", sender.pid).expect("writing to a Vec does not fail");
    let to = room.len();
    if !is_rfc5424 {
        room.extend_from_slice(b"]:");
    }
    let room = &*room;
    let corrected = Message {
        procid: Some(&room[from..to]),
        tag: if is_rfc5424 { message.tag } else { room },
        ..message
    };
    (corrected, wrong)
}

/// A message that was not received as a frame, such as the kernel's: its raw form is made up, in `room`. `tag` has its colon;
/// the text comes after a space. Both are to be clean of control characters.
pub fn compose<'a>(pri: Pri, tag: &[u8], text: &[u8], room: &'a mut Vec<u8>) -> Message<'a> {
    room.clear();
    write!(room, "<{}>", pri.number()).expect("writing to a Vec does not fail");
    let from = room.len();
    room.extend_from_slice(tag);
    room.push(b' ');
    room.extend_from_slice(text);
    let raw = &*room;
    let head = Head {
        raw,
        after_pri: &raw[from..],
        pri,
    };
    let (tag, msg) = head.after_pri.split_at(tag.len());
    // As in any tag, but that it may have spaces.
    let ends_name = |byte: &u8| matches!(byte, b'[' | b':' | b'/' | 0x7f.. | ..b' ');
    let name_end = tag.iter().position(ends_name).unwrap_or(tag.len());
    Message {
        shape: Shape::Rfc3164,
        tag,
        programname: &tag[..name_end],
        procid: tag::procid(tag),
        msg,
        ..head.unparsed()
    }
}

/// The number that these digits are; `None` for what is none, such as the name of a worker.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| byte - b'0')?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    const RECEIVED: Timestamp = Timestamp::from_unix(1_767_225_600, 0);

    fn parsed(frame: &[u8]) -> Message<'_> {
        parse_local(frame, RECEIVED, &mut ZoneCache::new(TimeZone::UTC))
    }

    #[track_caller]
    fn assert_parts(frame: &str, tag: &str, program: &str, msg: &str) {
        let message = parsed(frame.as_bytes());
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(
            [text(message.tag), text(message.programname), text(message.msg)],
            [tag, program, msg],
            "{frame}"
        );
        assert_eq!(message.hostname, None, "{frame}");
    }

    /// What rsyslogd 8.2302's imuxsock makes of the same.
    #[test]
    fn the_word_after_the_stamp_is_the_tag_as_in_imuxsock() {
        assert_parts("<13>Oct 11 22:14:15 app: hello", "app:", "app", " hello");
        assert_parts("<13>Oct 11 22:14:15 app[77]: hello", "app[77]:", "app", " hello");
        assert_parts("<13>Oct 11 22:14:15 host app: hello", "host", "host", " app: hello");
        assert_parts("<13>app: no stamp", "app:", "app", " no stamp");
        assert_parts("<13>Oct 11 22:14:15 a b", "a", "a", " b");
        assert_parts("<13>Oct 11 22:14:15 lonely", "lonely", "lonely", "");
        assert_parts("<13>Oct 11 22:14:15  two: spaces", "", "", " two: spaces");
        assert_parts("<13>Oct 11 22:14:15 /usr/bin/x[3]: path", "/usr/bin/x[3]:", "", " path");
        assert_parts("<13>", "", "", "");
    }

    #[test]
    fn a_text_without_a_stamp_stays_a_text() {
        assert_parts("no pri at all", "", "", "no pri at all");
        assert_parts("<13>Connection closed", "", "", "Connection closed");
        assert_eq!(parsed(b"no pri at all").pri, Pri::DEFAULT);
    }

    #[test]
    fn rfc5424_and_rfc3339_stamps_are_read() {
        let message = parsed(b"<13>1 2026-01-01T00:00:00Z host app 12 - - text");
        assert_eq!(
            (message.shape, message.app_name, message.procid),
            (Shape::Rfc5424, Some(&b"app"[..]), Some(&b"12"[..]))
        );
        assert_parts("<13>2026-01-01T00:00:00.5+01:00 app[1]: x", "app[1]:", "app", " x");
    }

    #[track_caller]
    fn assert_pid(frame: &str, uid: u32, policy: PidPolicy, tag: &str, wrong: bool) {
        let mut room = Vec::new();
        let sender = Credentials { pid: 4242, uid };
        let (message, found_wrong) = with_pid(parsed(frame.as_bytes()), sender, policy, &mut room);
        assert_eq!(
            (String::from_utf8_lossy(message.tag).as_ref(), found_wrong),
            (tag, wrong),
            "{frame} {policy:?}"
        );
        if wrong {
            assert_eq!(message.procid, Some(&b"4242"[..]));
        }
    }

    #[test]
    fn a_pid_that_is_not_the_senders_is_put_right() {
        use PidPolicy::{AsWritten, Checked, FromSystem};
        let user = 1000;
        assert_pid("<13>Oct 11 22:14:15 a[7]: x", user, Checked, "a[4242]:", true);
        assert_pid("<13>Oct 11 22:14:15 a[4242]: x", user, Checked, "a[4242]:", false);
        assert_pid("<13>Oct 11 22:14:15 a[7]: x", 0, Checked, "a[7]:", false);
        assert_pid("<13>Oct 11 22:14:15 a: x", user, Checked, "a:", false);
        assert_pid("<13>Oct 11 22:14:15 a[worker]: x", user, Checked, "a[worker]:", false);
        assert_pid("<13>Oct 11 22:14:15 a[7]: x", user, AsWritten, "a[7]:", false);
        assert_pid("<13>Oct 11 22:14:15 a[7]: x", 0, FromSystem, "a[4242]:", true);
        assert_pid("<13>Oct 11 22:14:15 a: x", user, FromSystem, "a[4242]:", false);
        assert_pid("<13>Oct 11 22:14:15 a x", user, FromSystem, "a[4242]:", false);
    }

    #[test]
    fn procid_of_rfc5424_is_put_right_too() {
        let mut room = Vec::new();
        let message = parsed(b"<13>1 - h app 7 - - text");
        let sender = Credentials { pid: 4242, uid: 1 };
        let (message, wrong) = with_pid(message, sender, PidPolicy::Checked, &mut room);
        assert_eq!(
            (message.procid, message.app_name),
            (Some(&b"4242"[..]), Some(&b"app"[..]))
        );
        assert!(wrong);
    }

    #[test]
    fn a_sender_that_we_cannot_see_is_believed() {
        let mut room = Vec::new();
        let message = parsed(b"<13>Oct 11 22:14:15 a[7]: x");
        let sender = Credentials { pid: 0, uid: 1 };
        let (message, wrong) = with_pid(message, sender, PidPolicy::FromSystem, &mut room);
        assert_eq!((message.tag, wrong), (&b"a[7]:"[..], false));
    }

    #[test]
    fn a_composed_message_has_its_parts() {
        let mut room = Vec::new();
        let message = compose(Pri::DEFAULT, b"my app[12]:", b"text", &mut room);
        assert_eq!(message.raw, b"<13>my app[12]: text");
        assert_eq!(message.tag, b"my app[12]:");
        assert_eq!(message.programname, b"my app");
        assert_eq!(message.procid, Some(&b"12"[..]));
        assert_eq!(message.msg, b" text");
    }

    proptest! {
        #[test]
        fn every_frame_is_a_message_of_its_own_bytes(frame in prop::collection::vec(any::<u8>(), 0..80), pid in any::<u32>()) {
            let message = parsed(&frame);
            prop_assert_eq!(message.raw, &frame[..]);
            let mut room = Vec::new();
            let (corrected, _) = with_pid(message, Credentials { pid, uid: 1 }, PidPolicy::FromSystem, &mut room);
            prop_assert_eq!(corrected.msg, message.msg);
        }
    }
}
