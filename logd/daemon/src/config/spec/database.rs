//! `[output.NAME.postgres]`, `[output.NAME.mysql]` and `[output.NAME.sqlite]`.

use std::path::PathBuf;
use std::time::Duration;

use ballast_shared::config::{FromValue, Span, Spanned, Table, Value};
use ballast_shared::plugin::secret::SecretRef;

use super::choice::choice;
use super::output::QueueKeys;
use crate::output::queued::Schema;

/// A database server.
pub(in crate::config) struct ServerSpec {
    pub(in crate::config) url: Option<Spanned<Secret>>,
    pub(in crate::config) password_file: Option<Spanned<PathBuf>>,
    pub(in crate::config) secret_ref: Option<Spanned<SecretRef>>,
    pub(in crate::config) tls: Option<ServerTlsSpec>,
    pub(in crate::config) schema: Option<Schema>,
    pub(in crate::config) timeout: Option<Spanned<Duration>>,
    pub(in crate::config) queue: QueueKeys,
}

/// `[output.NAME.sqlite]`
pub(in crate::config) struct SqliteSpec {
    pub(in crate::config) path: Option<Spanned<PathBuf>>,
    pub(in crate::config) schema: Option<Schema>,
    pub(in crate::config) queue: QueueKeys,
}

/// `tls = { ca = …, certificate = …, key = … }`
pub(in crate::config) struct ServerTlsSpec {
    pub(in crate::config) ca: Option<PathBuf>,
    pub(in crate::config) certificate: Option<PathBuf>,
    pub(in crate::config) key: Option<PathBuf>,
    pub(in crate::config) span: Span,
}

/// A text that may hold a password: its line is not shown, whatever is wrong with it.
pub(in crate::config) struct Secret(pub(in crate::config) String);

impl ServerSpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        Self {
            url: table.required("url"),
            password_file: table.optional("password-file"),
            secret_ref: table.optional("secret-ref"),
            tls: table.table("tls").map(|tls| ServerTlsSpec {
                ca: tls.required("ca"),
                certificate: tls.optional("certificate"),
                key: tls.optional("key"),
                span: tls.span(),
            }),
            schema: table.optional("schema"),
            timeout: table.optional("timeout"),
            queue: QueueKeys::read(table, true),
        }
    }
}

impl SqliteSpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        Self {
            path: table.required("path"),
            schema: table.optional("schema"),
            queue: QueueKeys::read(table, true),
        }
    }
}

impl FromValue for Secret {
    fn from_value(value: Value<'_>) -> Option<Self> {
        value.withhold();
        String::from_value(value).map(Self)
    }
}

impl FromValue for Schema {
    fn from_value(value: Value<'_>) -> Option<Self> {
        choice(value, &[("logd", Self::Own), ("system-events", Self::SystemEvents)])
    }
}
