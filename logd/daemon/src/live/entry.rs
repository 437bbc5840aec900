//! A message, copied for those who look on.

use std::cell::RefCell;

use logd_core::pri::Pri;
use logd_core::selector::{FACILITY_TEXT, SEVERITY_TEXT};
use logd_core::template::{Context, PropertyExpr};
use serde::{Deserialize, Serialize};

use super::filter::Facts;

/// A longer text is cut: it is for eyes, and the file has all of it.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// A message as it is shown. Its text is as the files have it, control characters escaped; what is not UTF-8 is U+FFFD.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// When it was received; RFC 3339.
    pub(crate) received: String,
    /// When its sender says that it was written, or the time of receipt where it says nothing; RFC 3339.
    pub(crate) reported: String,
    pub(crate) host: String,
    pub(crate) program: String,
    pub(crate) facility: String,
    pub(crate) severity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) procid: Option<String>,
    /// The input's name in the configuration.
    pub(crate) input: String,
    /// The sender's address.
    pub(crate) fromhost_ip: String,
    pub(crate) msg: String,
    /// The text is longer than what is here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) cut: bool,
}

/// A message as the log path copies it, in one piece: an [`Entry`] is made of it by who wants to show it.
#[derive(Debug)]
pub(crate) struct Copied {
    text: Box<[u8]>,
    /// Where in it each part ends, by [`Part`].
    ends: [u32; PARTS],
    pri: Pri,
    has_procid: bool,
    cut: bool,
}

/// What is in a copy's text, in this order.
#[derive(Clone, Copy)]
enum Part {
    Received,
    Reported,
    Host,
    Program,
    FromhostIp,
    Input,
    Procid,
    Msg,
}

const PARTS: usize = Part::Msg as usize + 1;

impl Copied {
    /// How much memory it takes, about.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.text.len()
    }

    /// What filters look at.
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            host: self.part(Part::Host),
            program: self.part(Part::Program),
            severity: Some(self.pri.severity()),
            msg: self.part(Part::Msg),
        }
    }

    /// As it is shown.
    pub(crate) fn entry(&self) -> Entry {
        let text = |part| String::from_utf8_lossy(self.part(part)).into_owned();
        Entry {
            received: text(Part::Received),
            reported: text(Part::Reported),
            host: text(Part::Host),
            program: text(Part::Program),
            facility: FACILITY_TEXT[usize::from(self.pri.facility())].to_owned(),
            severity: SEVERITY_TEXT[usize::from(self.pri.severity())].to_owned(),
            procid: self.has_procid.then(|| text(Part::Procid)),
            input: text(Part::Input),
            fromhost_ip: text(Part::FromhostIp),
            msg: text(Part::Msg),
            cut: self.cut,
        }
    }

    fn part(&self, part: Part) -> &[u8] {
        let index = part as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.text[start..self.ends[index] as usize]
    }
}

/// Makes copies of messages.
pub(super) struct Copier {
    received: PropertyExpr,
    reported: PropertyExpr,
    host: PropertyExpr,
    program: PropertyExpr,
    fromhost_ip: PropertyExpr,
}

thread_local! {
    /// Where a copy's text is put together; and a host's name that stands nowhere and has to be written: the sender's address.
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static HOST: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Copier {
    pub(super) fn new() -> Self {
        let property = |text| PropertyExpr::parse(text).expect("a property of rsyslog's");
        Self {
            received: property("timegenerated:::date-rfc3339"),
            reported: property("timereported:::date-rfc3339"),
            host: property("hostname"),
            program: property("programname"),
            fromhost_ip: property("fromhost-ip"),
        }
    }

    /// What filters look at, without a copy of the message.
    pub(super) fn facts(&self, context: &Context<'_>, look: impl FnOnce(&Facts<'_>)) {
        HOST.with_borrow_mut(|host| {
            host.clear();
            self.host.render(context, host);
            look(&Facts {
                host,
                program: context.message.programname,
                severity: Some(context.message.pri.severity()),
                msg: context.message.msg,
            });
        });
    }

    /// The message, copied.
    pub(super) fn copy(&self, context: &Context<'_>) -> Copied {
        let message = context.message;
        // The blank behind the tag of RFC 3164 is no part of what is said.
        let msg = message.msg.strip_prefix(b" ").unwrap_or(message.msg);
        let shown = &msg[..msg.len().min(TEXT_BYTES_MAX)];
        TEXT.with_borrow_mut(|text| {
            text.clear();
            let mut ends = [0; PARTS];
            // A message and all of its parts are far shorter than 4 GiB.
            let mut end = |part: Part, text: &Vec<u8>| ends[part as usize] = text.len() as u32;
            for (part, property) in [
                (Part::Received, &self.received),
                (Part::Reported, &self.reported),
                (Part::Host, &self.host),
                (Part::Program, &self.program),
                (Part::FromhostIp, &self.fromhost_ip),
            ] {
                property.render(context, text);
                end(part, text);
            }
            for (part, bytes) in [
                (Part::Input, context.origin.input.as_bytes()),
                (Part::Procid, message.procid.unwrap_or_default()),
                (Part::Msg, shown),
            ] {
                text.extend_from_slice(bytes);
                end(part, text);
            }
            Copied {
                text: text.as_slice().into(),
                ends,
                pri: message.pri,
                has_procid: message.procid.is_some(),
                cut: shown.len() < msg.len(),
            }
        })
    }
}
