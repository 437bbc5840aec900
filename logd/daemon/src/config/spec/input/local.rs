//! `[input.NAME.unix]`, `[input.NAME.kmsg]`, `[input.NAME.mark]`, `[input.NAME.journal]` and `[input.NAME.plugin]`.

use std::path::PathBuf;
use std::time::Duration;

use ballast_shared::config::{Size, Span, Spanned, Table};
use ballast_shared::privileges::OctalMode;

use super::RateLimitKeys;

/// `[input.NAME.unix]`
pub(in crate::config) struct UnixSpec {
    pub(in crate::config) path: Option<Spanned<PathBuf>>,
    pub(in crate::config) stream: Option<bool>,
    pub(in crate::config) mode: Option<OctalMode>,
    pub(in crate::config) create_path: Option<bool>,
    pub(in crate::config) message_max: Option<Spanned<Size>>,
    pub(in crate::config) connections_max: Option<Spanned<usize>>,
    pub(in crate::config) use_pid_from_system: Option<bool>,
    pub(in crate::config) ignore_timestamp: Option<bool>,
    pub(in crate::config) parse_hostname: Option<bool>,
    pub(in crate::config) rate_limit: RateLimitKeys,
    pub(in crate::config) rate_limit_severity: Option<Spanned<u8>>,
}

/// `[input.NAME.kmsg]`
pub(in crate::config) struct KmsgSpec {
    pub(in crate::config) path: Option<Spanned<PathBuf>>,
    pub(in crate::config) permit_non_kernel_facility: Option<bool>,
    pub(in crate::config) span: Span,
}

/// `[input.NAME.mark]`
pub(in crate::config) struct MarkSpec {
    pub(in crate::config) every: Option<Spanned<Duration>>,
}

/// `[input.NAME.journal]`
pub(in crate::config) struct JournalSpec {
    pub(in crate::config) directory: Option<PathBuf>,
    pub(in crate::config) ignore_previous_messages: Option<bool>,
    pub(in crate::config) message_max: Option<Spanned<Size>>,
    pub(in crate::config) span: Span,
}

/// `[input.NAME.plugin]`
pub(in crate::config) struct PluginInputSpec {
    pub(in crate::config) plugin: Option<Spanned<String>>,
    pub(in crate::config) kinds: Option<Vec<Spanned<String>>>,
    pub(in crate::config) message_max: Option<Spanned<Size>>,
}

impl UnixSpec {
    pub(in crate::config::spec) fn read(table: &Table<'_>) -> Self {
        Self {
            path: table.required("path"),
            stream: table.optional("stream"),
            mode: table.optional("mode"),
            create_path: table.optional("create-path"),
            message_max: table.optional("message-max"),
            connections_max: table.optional("connections-max"),
            use_pid_from_system: table.optional("use-pid-from-system"),
            ignore_timestamp: table.optional("ignore-timestamp"),
            parse_hostname: table.optional("parse-hostname"),
            rate_limit: RateLimitKeys::read(table),
            rate_limit_severity: table.optional("rate-limit-severity"),
        }
    }
}

impl KmsgSpec {
    pub(in crate::config::spec) fn read(table: &Table<'_>) -> Self {
        Self {
            path: table.optional("path"),
            permit_non_kernel_facility: table.optional("permit-non-kernel-facility"),
            span: table.span(),
        }
    }
}

impl MarkSpec {
    pub(in crate::config::spec) fn read(table: &Table<'_>) -> Self {
        Self {
            every: table.optional("every"),
        }
    }
}

impl PluginInputSpec {
    pub(in crate::config::spec) fn read(table: &Table<'_>) -> Self {
        Self {
            plugin: table.required("plugin"),
            kinds: table.optional("kinds"),
            message_max: table.optional("message-max"),
        }
    }
}

impl JournalSpec {
    pub(in crate::config::spec) fn read(table: &Table<'_>) -> Self {
        Self {
            directory: table.optional("directory"),
            ignore_previous_messages: table.optional("ignore-previous-messages"),
            message_max: table.optional("message-max"),
            span: table.span(),
        }
    }
}
