//! Outputs to databases.

use std::fmt::Display;
use std::time::Duration;

use ballast_shared::config::{Diagnostics, Spanned};
use ballast_shared::plugin::config::find;
use logd_core::template::Template;

use super::access::Access;
use super::forward::Surroundings;
use super::queued::{QUEUE_MAX, limits};
use crate::config::OutputKind;
use crate::config::spec::{QueueKeys, Secret, ServerSpec, ServerTlsSpec, SqliteSpec};
use crate::output::WhenFull;
use crate::output::queued::{
    Database, DatabaseKind, MySql, Password, Postgres, QueuedKind, QueuedSettings, Schema, ServerTls, Sqlite,
};
use crate::pipeline::Rendering;

/// A commit of a batch takes milliseconds; a server that checkpoints or fails over some seconds.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Less than this a server that is only busy would be taken for dead.
const TIMEOUT_MIN: Duration = Duration::from_secs(1);

pub(super) fn postgres(spec: &ServerSpec, around: &Surroundings<'_>) -> Option<OutputKind> {
    let make = |url: &str, password: Option<Password>, tls: Option<ServerTls>, schema: Schema| {
        Postgres::new(url, password, tls, schema).map(DatabaseKind::Postgres)
    };
    server(spec, make, around)
}

pub(super) fn mysql(spec: &ServerSpec, around: &Surroundings<'_>) -> Option<OutputKind> {
    let make = |url: &str, password: Option<Password>, tls: Option<ServerTls>, schema: Schema| {
        MySql::new(url, password, tls.as_ref(), schema).map(DatabaseKind::MySql)
    };
    server(spec, make, around)
}

pub(super) fn sqlite(spec: &SqliteSpec, access: Option<&Access>, diagnostics: &Diagnostics) -> Option<OutputKind> {
    let path = spec.path.as_ref()?;
    if let Some(problem) = access.and_then(|access| access.directory_problem(path.value.parent()?)) {
        problem.report(path.span, diagnostics);
    }
    let schema = spec.schema.unwrap_or(Schema::Own);
    let kind = DatabaseKind::Sqlite(Sqlite {
        path: path.value.clone(),
        schema,
    });
    Some(output(kind, TIMEOUT, schema, &spec.queue, diagnostics))
}

fn server<E: Display>(
    spec: &ServerSpec,
    make: impl FnOnce(&str, Option<Password>, Option<ServerTls>, Schema) -> Result<DatabaseKind, E>,
    around: &Surroundings<'_>,
) -> Option<OutputKind> {
    let diagnostics = around.diagnostics;
    let timeout = spec.timeout.map_or(TIMEOUT, |timeout| {
        if timeout.value < TIMEOUT_MIN {
            diagnostics.error(timeout.span, "at least \"1s\"");
        }
        timeout.value
    });
    let schema = spec.schema.unwrap_or(Schema::Own);
    let tls = spec.tls.as_ref().and_then(|tls| server_tls(tls, diagnostics));
    let password = password(spec, around);
    let Spanned {
        value: Secret(url),
        span,
    } = spec.url.as_ref()?;
    match make(url, password, tls, schema) {
        Ok(kind) => Some(output(kind, timeout, schema, &spec.queue, diagnostics)),
        Err(error) => {
            diagnostics.error(*span, error.to_string());
            None
        }
    }
}

/// The password, if it isn't in the URL.
fn password(spec: &ServerSpec, around: &Surroundings<'_>) -> Option<Password> {
    let diagnostics = around.diagnostics;
    match (&spec.password_file, &spec.secret_ref) {
        (Some(_), Some(reference)) => {
            diagnostics.error(
                reference.span,
                "an output has a `password-file` or a `secret-ref`, not both",
            );
            None
        }
        (Some(file), None) => match std::fs::read_to_string(&file.value) {
            Ok(text) => Some(Password::new(&text)),
            Err(error) => {
                diagnostics.error(file.span, format!("{}: {error}", file.value.display()));
                None
            }
        },
        (None, Some(reference)) => {
            let plugin = Spanned {
                value: reference.value.plugin.clone(),
                span: reference.span,
            };
            find(&plugin, around.plugins, |plugin| &plugin.settings, diagnostics)?;
            let late = around.secrets.late(&reference.value);
            let is_text = |value: &[u8]| match std::str::from_utf8(value) {
                Ok(_) => Ok(()),
                Err(_) => Err("a password is a text".to_owned()),
            };
            around.pending.borrow_mut().push(late.pending(is_text));
            Some(Password::Late(late))
        }
        (None, None) => None,
    }
}

fn server_tls(spec: &ServerTlsSpec, diagnostics: &Diagnostics) -> Option<ServerTls> {
    let identity = match (&spec.certificate, &spec.key) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
        (None, None) => None,
        _ => {
            diagnostics.error(spec.span, "`certificate` and `key` come together");
            None
        }
    };
    let tls = ServerTls {
        ca: spec.ca.clone()?,
        identity,
    };
    if let Err(error) = tls.config() {
        diagnostics.error(spec.span, error.to_string());
    }
    Some(tls)
}

/// A database that is down is no reason to stop the files: unless it is told otherwise it holds nobody back.
fn output(
    kind: DatabaseKind,
    timeout: Duration,
    schema: Schema,
    keys: &QueueKeys,
    diagnostics: &Diagnostics,
) -> OutputKind {
    let templates = schema
        .templates()
        .map(|text| Template::parse(text).expect("a test reads every one"));
    OutputKind::Queued {
        rendering: Rendering::Fields(templates.collect()),
        settings: QueuedSettings {
            limits: limits(keys, QUEUE_MAX, WhenFull::Drop, diagnostics),
            kind: QueuedKind::Database(Box::new(Database { kind, timeout })),
        },
    }
}
