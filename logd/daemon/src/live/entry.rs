//! A message, copied for those who look on.

use std::cell::RefCell;

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

impl Entry {
    /// How much memory it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let texts = [
            &self.received,
            &self.reported,
            &self.host,
            &self.program,
            &self.input,
            &self.msg,
        ];
        size_of::<Self>() + texts.iter().map(|text| text.len()).sum::<usize>()
    }

    /// What filters look at.
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            host: self.host.as_bytes(),
            program: self.program.as_bytes(),
            severity: super::severity(&self.severity),
            msg: self.msg.as_bytes(),
        }
    }
}

/// Makes entries of messages.
pub(super) struct Copier {
    received: PropertyExpr,
    reported: PropertyExpr,
    host: PropertyExpr,
    program: PropertyExpr,
    facility: PropertyExpr,
    severity: PropertyExpr,
    fromhost_ip: PropertyExpr,
}

thread_local! {
    /// A host's name that stands nowhere and has to be written: the sender's address.
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
            facility: property("syslogfacility-text"),
            severity: property("syslogseverity-text"),
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
    pub(super) fn copy(&self, context: &Context<'_>) -> Entry {
        let mut buffer = Vec::new();
        let mut rendered = |property: &PropertyExpr| {
            buffer.clear();
            property.render(context, &mut buffer);
            String::from_utf8_lossy(&buffer).into_owned()
        };
        let msg = context.message.msg;
        // The blank behind the tag of RFC 3164 is no part of what is said.
        let msg = msg.strip_prefix(b" ").unwrap_or(msg);
        let shown = &msg[..msg.len().min(TEXT_BYTES_MAX)];
        Entry {
            received: rendered(&self.received),
            reported: rendered(&self.reported),
            host: rendered(&self.host),
            program: rendered(&self.program),
            facility: rendered(&self.facility),
            severity: rendered(&self.severity),
            procid: context
                .message
                .procid
                .map(|procid| String::from_utf8_lossy(procid).into_owned()),
            input: context.origin.input.to_owned(),
            fromhost_ip: rendered(&self.fromhost_ip),
            msg: String::from_utf8_lossy(shown).into_owned(),
            cut: shown.len() < msg.len(),
        }
    }
}
