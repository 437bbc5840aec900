//! One syslog message: what the parser found in its bytes, and what the input knows of its way here.
//!
//! A [`Message`] borrows everything from the frame it was parsed from; nothing is copied on the way from the socket to the
//! rendered line. Properties that rsyslog derives (`syslogtag` of an RFC 5424 message, `fromhost-ip`, …) are derived where
//! they are rendered, in [`crate::template`].

use std::net::SocketAddr;

use crate::pri::Pri;
use crate::time::Timestamp;

/// Which of the shapes of syslog a message was found to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// RFC 5424: `<PRI>1 STAMP HOST APP PROCID MSGID SD MSG`.
    Rfc5424,
    /// RFC 3164 with its own stamp: `<PRI>Mmm dd hh:mm:ss HOST TAG MSG`.
    Rfc3164,
    /// RFC 3164 with an RFC 3339 stamp, as rsyslog forwards: `<PRI>2026-01-02T03:04:05.678+01:00 HOST TAG MSG`.
    Rfc3164Rfc3339,
    /// None of these; syslog_loose made sense of it (Cisco and other devices).
    Device,
    /// Nothing could be made of it: PRI, sender and bytes are kept, all that follows PRI is the message.
    Unparsed,
}

/// A parsed message. All slices point into the frame it was parsed from and need not be UTF-8.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Message<'a> {
    /// The whole frame, PRI included (`rawmsg`).
    pub raw: &'a [u8],
    /// The frame without its PRI (`rawmsg-after-pri`).
    pub after_pri: &'a [u8],
    /// Facility and severity. A frame without a valid PRI has rsyslog's default, see [`crate::parse`].
    pub pri: Pri,
    /// The shape that the parser settled on.
    pub shape: Shape,
    /// The time the sender wrote (`timereported`); `None` where it wrote none: the time of receipt stands in.
    pub timestamp: Option<Timestamp>,
    /// HOSTNAME as written; `None` where there is none or it is `-`. The sender's address stands in, but for the nil value
    /// of RFC 5424, which stays `-`.
    pub hostname: Option<&'a [u8]>,
    /// TAG as written, with its `[pid]` and colon; empty for RFC 5424, where `syslogtag` is made of APP-NAME and PROCID.
    pub tag: &'a [u8],
    /// `programname`: the tag, or for RFC 5424 APP-NAME as written (`-` if nil), up to its first `[`, `:`, `/` or
    /// non-printable byte.
    pub programname: &'a [u8],
    /// APP-NAME of RFC 5424; `None` if nil or another shape.
    pub app_name: Option<&'a [u8]>,
    /// PROCID of RFC 5424, or what stands in the tag's brackets; `None` if nil or absent.
    pub procid: Option<&'a [u8]>,
    /// MSGID of RFC 5424; `None` if nil or another shape.
    pub msgid: Option<&'a [u8]>,
    /// STRUCTURED-DATA of RFC 5424, verbatim; `None` if nil or another shape.
    pub structured_data: Option<&'a [u8]>,
    /// The message text. For the RFC 3164 shapes it begins with what follows the tag, its space included, as rsyslog has it.
    pub msg: &'a [u8],
    /// VERSION of RFC 5424; 0 for the other shapes (`protocol-version`).
    pub version: u8,
}

/// What the input knows of a message besides its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The sender's address; `None` for inputs without one (`unix`, `kmsg`, `mark`). IPv4-mapped addresses are already IPv4.
    pub peer: Option<SocketAddr>,
    /// The name that the sender has shown a certificate for (`peer-name`).
    pub peer_name: Option<&'a str>,
    /// When it was read from the socket (`timegenerated`), with the offset of our own zone.
    pub received: Timestamp,
    /// The name of the input in the configuration (`inputname`).
    pub input: &'a str,
    /// It was longer than `message-max` and its end is missing.
    pub truncated: bool,
}
