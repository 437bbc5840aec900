//! Messages for tests, by hand rather than through the parser, so that what is tested here does not depend on it.

use super::Context;
use crate::cloud;
use crate::message::{Message, Origin, Shape};
use crate::pri::Pri;
use crate::time::Timestamp;

/// A message, where it came from, and when.
pub(crate) struct Fixture<'a> {
    pub(crate) message: Message<'a>,
    pub(crate) origin: Origin<'a>,
    pub(crate) sender_name: Option<&'a str>,
    pub(crate) cloud: cloud::Sender<'a>,
    pub(crate) now: Timestamp,
}

impl Default for Fixture<'_> {
    fn default() -> Self {
        Self {
            message: rfc5424(b"h5", b"myproc"),
            origin: Origin {
                peer: Some(([192, 0, 2, 7], 5140).into()),
                peer_name: None,
                // 2026-11-22T17:22:32.688264+01:00, a Sunday.
                received: Timestamp::from_unix(1_795_364_552, 688_264_000).with_offset(3_600),
                input: "netin",
                truncated: false,
            },
            sender_name: None,
            cloud: cloud::Sender::default(),
            // 2026-03-05T23:46:07+01:00, a Thursday.
            now: Timestamp::from_unix(1_772_750_767, 0).with_offset(3_600),
        }
    }
}

impl Fixture<'_> {
    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            message: &self.message,
            origin: &self.origin,
            sender_name: self.sender_name,
            cloud: self.cloud,
            my_hostname: "collector",
            now: self.now,
            uuid: &|| {
                [
                    0x1a, 0x0a, 0x6b, 0x93, 0x0a, 0xee, 0x4d, 0xd5, 0x9f, 0x92, 0xf6, 0xec, 0x28, 0xf7, 0xf9, 0xac,
                ]
            },
        }
    }
}

/// `<165>1 2003-08-24T05:14:15.000003-07:30 HOST PROGRAM - - -`, without a text.
pub(crate) fn rfc5424<'a>(hostname: &'a [u8], program: &'a [u8]) -> Message<'a> {
    Message {
        raw: b"<165>raw",
        after_pri: b"raw",
        pri: Pri::new(165).unwrap(),
        shape: Shape::Rfc5424,
        timestamp: Some(Timestamp {
            unix_s: 1_061_729_055,
            nanos: 3_000,
            fraction_digits: 6,
            offset_s: -27_000,
            zulu: false,
        }),
        hostname: Some(hostname),
        tag: b"",
        programname: program,
        app_name: Some(program),
        procid: None,
        msgid: None,
        structured_data: None,
        msg: b"",
        version: 1,
    }
}

/// `<34>Oct  1 22:14:15 myhost su[12]: …` of 2026, one hour ahead of UTC. The text begins with what follows the colon.
pub(crate) fn rfc3164(msg: &[u8]) -> Message<'_> {
    Message {
        raw: b"<34>raw",
        after_pri: b"raw",
        pri: Pri::new(34).unwrap(),
        shape: Shape::Rfc3164,
        timestamp: Some(Timestamp {
            unix_s: 1_790_889_255,
            nanos: 0,
            fraction_digits: 0,
            offset_s: 3_600,
            zulu: false,
        }),
        hostname: Some(b"myhost"),
        tag: b"su[12]:",
        programname: b"su",
        app_name: None,
        procid: Some(b"12"),
        msgid: None,
        structured_data: None,
        msg,
        version: 0,
    }
}
