//! `[output.NAME.KIND]`: the kinds, and what those behind a queue have in common.

use std::path::PathBuf;

use ballast_shared::config::{Size, Spanned, Table};

use super::database::{ServerSpec, SqliteSpec};
use super::file::{FileSpec, FormatSpec};
use super::forward::ForwardSpec;
use super::plugin::EventsSpec;
use super::sinks::{ProgramSpec, TtySpec, UsersSpec};
use crate::output::WhenFull;

/// The kinds, as they are written.
pub(super) const KINDS: &[&str] = &[
    "file", "forward", "users", "tty", "pipe", "program", "postgres", "mysql", "sqlite", "plugin",
];

/// An output of one of the kinds.
pub(in crate::config) enum OutputSpec {
    File(Box<FileSpec>),
    Forward(Box<ForwardSpec>),
    Users(UsersSpec),
    Tty(TtySpec),
    Pipe(PipeSpec),
    Program(ProgramSpec),
    Postgres(Box<ServerSpec>),
    MySql(Box<ServerSpec>),
    Sqlite(SqliteSpec),
    Plugin(EventsSpec),
}

/// What every output behind a queue has.
pub(in crate::config) struct QueueKeys {
    pub(in crate::config) max: Option<Spanned<Size>>,
    pub(in crate::config) when_full: Option<Spanned<WhenFull>>,
}

/// `[output.NAME.pipe]`
pub(in crate::config) struct PipeSpec {
    pub(in crate::config) path: Option<PathBuf>,
    pub(in crate::config) format: Option<Spanned<FormatSpec>>,
    pub(in crate::config) queue: QueueKeys,
}

impl OutputSpec {
    /// The output of a kind out of [`KINDS`].
    pub(super) fn read(kind: &str, table: &Table<'_>) -> Self {
        match kind {
            "file" => Self::File(Box::new(FileSpec::read(table))),
            "forward" => Self::Forward(Box::new(ForwardSpec::read(table))),
            "users" => Self::Users(UsersSpec::read(table)),
            "tty" => Self::Tty(TtySpec::read(table)),
            "program" => Self::Program(ProgramSpec::read(table)),
            "postgres" => Self::Postgres(Box::new(ServerSpec::read(table))),
            "mysql" => Self::MySql(Box::new(ServerSpec::read(table))),
            "sqlite" => Self::Sqlite(SqliteSpec::read(table)),
            "plugin" => Self::Plugin(EventsSpec::read(table)),
            _ => Self::Pipe(PipeSpec::read(table)),
        }
    }
}

impl QueueKeys {
    /// `queue = { max = "16MiB", when-full = "block" }`; `can_block`: whether this kind may hold its senders back.
    pub(super) fn read(table: &Table<'_>, can_block: bool) -> Self {
        let queue = table.table("queue");
        Self {
            max: queue.as_ref().and_then(|queue| queue.optional("max")),
            when_full: queue
                .as_ref()
                .filter(|_| can_block)
                .and_then(|queue| queue.optional("when-full")),
        }
    }
}

impl PipeSpec {
    fn read(table: &Table<'_>) -> Self {
        Self {
            path: table.required("path"),
            format: table.optional("format"),
            queue: QueueKeys::read(table, false),
        }
    }
}
