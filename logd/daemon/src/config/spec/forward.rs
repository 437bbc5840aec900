//! `[output.NAME.forward]`.

use std::path::PathBuf;
use std::time::Duration;

use ballast_shared::config::{FromValue, OneOrMany, Size, Spanned, Table, Value};

use super::choice::choice;
use super::file::FormatSpec;
use super::output::QueueKeys;
use crate::output::file::Sync;
use crate::output::queued::forward::Framing;

/// `[output.NAME.forward]`
pub(in crate::config) struct ForwardSpec {
    pub(in crate::config) target: Option<OneOrMany<String>>,
    pub(in crate::config) format: Option<Spanned<FormatSpec>>,
    pub(in crate::config) framing: Option<Framing>,
    pub(in crate::config) tls: Option<ForwardTlsSpec>,
    pub(in crate::config) spool: Option<SpoolSpec>,
    pub(in crate::config) connect_timeout: Option<Spanned<Duration>>,
    pub(in crate::config) timeout: Option<Spanned<Duration>>,
    pub(in crate::config) resume_interval: Option<Spanned<Duration>>,
    pub(in crate::config) queue: QueueKeys,
}

/// `tls = { ca = "ca.pem", certificate = "me.pem", key = "me.key", peer-name = "*.example.net" }`
pub(in crate::config) struct ForwardTlsSpec {
    pub(in crate::config) ca: Option<Spanned<PathBuf>>,
    pub(in crate::config) certificate: Option<Spanned<PathBuf>>,
    pub(in crate::config) key: Option<Spanned<PathBuf>>,
    pub(in crate::config) peer_name: Option<Spanned<String>>,
}

/// `spool = { max = "20GiB", when-full = "drop-oldest" }`
pub(in crate::config) struct SpoolSpec {
    pub(in crate::config) max: Option<Spanned<Size>>,
    pub(in crate::config) when_full: Option<SpoolFull>,
    pub(in crate::config) sync: Option<Sync>,
}

/// A spool's `when-full`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum SpoolFull {
    Block,
    DropOldest,
    DropNewest,
}

impl ForwardSpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        Self {
            target: table.required("target"),
            format: table.optional("format"),
            framing: table.optional("framing"),
            tls: table.table("tls").map(|tls| ForwardTlsSpec {
                ca: tls.required("ca"),
                certificate: tls.optional("certificate"),
                key: tls.optional("key"),
                peer_name: tls.optional("peer-name"),
            }),
            spool: table.table("spool").map(|spool| SpoolSpec {
                max: spool.required("max"),
                when_full: spool.optional("when-full"),
                sync: spool.optional("sync"),
            }),
            connect_timeout: table.optional("connect-timeout"),
            timeout: table.optional("timeout"),
            resume_interval: table.optional("resume-interval"),
            queue: QueueKeys::read(table, true),
        }
    }
}

impl FromValue for SpoolFull {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let choices = [
            ("block", Self::Block),
            ("drop-oldest", Self::DropOldest),
            ("drop-newest", Self::DropNewest),
        ];
        choice(value, &choices)
    }
}

impl FromValue for Framing {
    fn from_value(value: Value<'_>) -> Option<Self> {
        choice(
            value,
            &[("newline", Self::Newline), ("octet-counted", Self::OctetCounted)],
        )
    }
}
