//! Outputs to people and programs: terminals of users, a terminal, a program's standard input.

use std::path::Path;

use ballast_shared::config::{Diagnostics, Span};
use ballast_shared::privileges::find_group;
use logd_core::template::Template;

use super::access::Access;
use super::queued::{QUEUE_MAX, format_or, limits};
use super::templates::Templates;
use crate::config::OutputKind;
use crate::config::spec::{ProgramSpec, QueueKeys, TtySpec, UsersSpec};
use crate::output::WhenFull;
use crate::output::queued::{QueuedKind, QueuedSettings, Users, Who};
use crate::pipeline::Rendering;

/// What rsyslog's omusrmsg writes to everybody, and to those that are named.
const WALL_FORMAT: &str = "RSYSLOG_WallFmt";
const USERS_FORMAT: &str = "RSYSLOG_StdUsrMsgFmt";

/// What lines are unless they are told otherwise.
const LINE_FORMAT: &str = "RSYSLOG_TraditionalFileFormat";

/// Whose terminals are, for writing to them.
const TTY_GROUP: &str = "tty";

/// What stands for everybody.
const EVERYONE: &str = "*";

pub(super) fn users(
    spec: &UsersSpec,
    templates: Templates<'_>,
    access: Option<&Access>,
    diagnostics: &Diagnostics,
) -> Option<OutputKind> {
    let list = spec.users.as_ref()?;
    if list.value.is_empty() {
        diagnostics.error_with_help(list.span, "nobody is named", "everybody is [\"*\"]");
    }
    let everyone = list.value.iter().find(|name| name.value == EVERYONE);
    if let (Some(everyone), true) = (everyone, list.value.len() > 1) {
        diagnostics.error(everyone.span, "\"*\" is everybody, the others that are named too");
    }
    let (who, format) = match everyone {
        Some(_) => (Who::Everyone, WALL_FORMAT),
        None => {
            let names = list.value.iter().map(|name| name.value.clone());
            (Who::Named(names.collect()), USERS_FORMAT)
        }
    };
    let tty = find_group(TTY_GROUP);
    if let (Some(access), Some(tty)) = (access, tty)
        && !access.is_in(tty)
    {
        warn_of_terminals(spec.span, diagnostics);
    }
    let rendering = Rendering::Message(format_or(format, spec.format.as_ref(), templates, diagnostics));
    let utmp = spec.utmp.clone();
    Some(dropping(
        rendering,
        QueuedKind::Users(Users { who, utmp }),
        &spec.queue,
        diagnostics,
    ))
}

pub(super) fn tty(
    spec: &TtySpec,
    templates: Templates<'_>,
    access: Option<&Access>,
    diagnostics: &Diagnostics,
) -> Option<OutputKind> {
    let path = spec.path.as_ref()?;
    if access.is_some_and(|access| !access.may_write(&path.value)) {
        warn_of_terminals(path.span, diagnostics);
    }
    let rendering = Rendering::Line(lines(spec.format.as_ref(), templates, diagnostics));
    Some(dropping(
        rendering,
        QueuedKind::Tty(path.value.clone()),
        &spec.queue,
        diagnostics,
    ))
}

pub(super) fn program(spec: &ProgramSpec, templates: Templates<'_>, diagnostics: &Diagnostics) -> Option<OutputKind> {
    let command = spec.command.as_ref()?;
    match command.value.first() {
        None => diagnostics.error(command.span, "no program is named"),
        Some(program) if !program.value.starts_with('/') => {
            diagnostics.error(program.span, "a program is named by its whole path");
        }
        Some(program) if !Path::new(&program.value).exists() => {
            diagnostics.warning(program.span, "there is no such program");
        }
        Some(_) => {}
    }
    let rendering = Rendering::Line(lines(spec.format.as_ref(), templates, diagnostics));
    let command = command.value.iter().map(|word| word.value.clone()).collect();
    Some(dropping(
        rendering,
        QueuedKind::Program(command),
        &spec.queue,
        diagnostics,
    ))
}

fn lines(
    format: Option<&ballast_shared::config::Spanned<crate::config::spec::FormatSpec>>,
    templates: Templates<'_>,
    diagnostics: &Diagnostics,
) -> Template {
    format_or(LINE_FORMAT, format, templates, diagnostics)
}

/// Who reads these keeps nobody waiting: what is too much is dropped.
fn dropping(rendering: Rendering, kind: QueuedKind, keys: &QueueKeys, diagnostics: &Diagnostics) -> OutputKind {
    let limits = limits(keys, QUEUE_MAX, WhenFull::Drop, diagnostics);
    OutputKind::Queued {
        rendering,
        settings: QueuedSettings { limits, kind },
    }
}

fn warn_of_terminals(at: Span, diagnostics: &Diagnostics) {
    diagnostics.warning(
        at,
        "the daemon will run as another user, who may not write to terminals: those of the group tty may",
    );
}
