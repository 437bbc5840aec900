//! `[output.NAME.users]`, `[output.NAME.tty]` and `[output.NAME.program]`.

use std::path::PathBuf;

use ballast_shared::config::{Span, Spanned, Table};

use super::file::FormatSpec;
use super::output::QueueKeys;

/// `[output.NAME.users]`
pub(in crate::config) struct UsersSpec {
    pub(in crate::config) users: Option<Spanned<Vec<Spanned<String>>>>,
    pub(in crate::config) utmp: Option<PathBuf>,
    pub(in crate::config) format: Option<Spanned<FormatSpec>>,
    pub(in crate::config) queue: QueueKeys,
    pub(in crate::config) span: Span,
}

/// `[output.NAME.tty]`
pub(in crate::config) struct TtySpec {
    pub(in crate::config) path: Option<Spanned<PathBuf>>,
    pub(in crate::config) format: Option<Spanned<FormatSpec>>,
    pub(in crate::config) queue: QueueKeys,
}

/// `[output.NAME.program]`
pub(in crate::config) struct ProgramSpec {
    pub(in crate::config) command: Option<Spanned<Vec<Spanned<String>>>>,
    pub(in crate::config) format: Option<Spanned<FormatSpec>>,
    pub(in crate::config) queue: QueueKeys,
}

impl UsersSpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        Self {
            users: table.required("users"),
            utmp: table.optional("utmp"),
            format: table.optional("format"),
            queue: QueueKeys::read(table, false),
            span: table.span(),
        }
    }
}

impl TtySpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        Self {
            path: table.required("path"),
            format: table.optional("format"),
            queue: QueueKeys::read(table, false),
        }
    }
}

impl ProgramSpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        Self {
            command: table.required("command"),
            format: table.optional("format"),
            queue: QueueKeys::read(table, false),
        }
    }
}
