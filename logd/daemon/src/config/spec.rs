//! What the files say, key by key, before names are resolved: the list of all keys that exist.

mod choice;
mod database;
mod file;
mod forward;
mod http;
mod input;
mod output;
mod plugin;
mod resolver;
mod rule;
mod sinks;

use std::path::PathBuf;
use std::time::Duration;

use ballast_shared::config::{Diagnostics, FromValue, Key, Size, Span, Spanned, Table, Value, nearest};
use ballast_shared::privileges::ProcessSpec;

pub(super) use database::{Secret, ServerSpec, ServerTlsSpec, SqliteSpec};
pub(super) use file::{ArchiveSpec, FileKeys, FileSpec, FormatSpec, PathSpec, TemplateText};
pub(super) use forward::{ForwardSpec, ForwardTlsSpec, SpoolFull, SpoolSpec};
pub(super) use http::HttpKeys;
pub(super) use input::{
    FramingChoice, InputKeys, InputSpec, JournalSpec, KmsgSpec, MarkSpec, PluginInputSpec, RateLimitKeys, RelpSpec,
    StreamKeys, TcpSpec, TlsSpec, UdpSpec, UnixSpec,
};
pub(super) use output::{OutputSpec, PipeSpec, QueueKeys};
pub(super) use plugin::{EventsSpec, PluginSpec};
pub(super) use resolver::ResolverKeys;
pub(super) use rule::{Comparison, RuleSpec, WhereSpec, is_path};
pub(super) use sinks::{ProgramSpec, TtySpec, UsersSpec};

const INPUT_KINDS: [&str; 8] = ["tcp", "udp", "relp", "unix", "kmsg", "mark", "journal", "plugin"];

/// A logd.toml and all that it includes.
#[derive(Default)]
pub(super) struct Spec {
    pub(super) work_dir: Option<Spanned<PathBuf>>,
    pub(super) hostname: Option<Spanned<String>>,
    pub(super) drain_timeout: Option<Spanned<Duration>>,
    pub(super) buffer_max: Option<Spanned<Size>>,
    pub(super) open_files_max: Option<Spanned<usize>>,
    pub(super) control_socket: Option<Spanned<PathBuf>>,
    pub(super) http: HttpKeys,
    pub(super) process: ProcessSpec,
    pub(super) resolver: ResolverKeys,
    pub(super) inputs: Vec<Named<InputSpec>>,
    pub(super) templates: Vec<Named<TemplateText>>,
    pub(super) default_file: FileKeys,
    pub(super) plugins: Vec<Named<PluginSpec>>,
    pub(super) outputs: Vec<Named<OutputSpec>>,
    pub(super) rules: Vec<RuleSpec>,
}

/// Something under a name of the administrator's choice.
pub(super) struct Named<T> {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) spec: T,
}

impl Spec {
    /// Reads one file's top level into it.
    pub(super) fn read(&mut self, root: &Table<'_>) {
        root.once("work-dir", &mut self.work_dir);
        root.once("hostname", &mut self.hostname);
        root.once("drain-timeout", &mut self.drain_timeout);
        root.once("buffer-max", &mut self.buffer_max);
        root.once("open-files-max", &mut self.open_files_max);
        if let Some(control) = root.table("control") {
            control.once("socket", &mut self.control_socket);
            self.http.read(&control);
        }
        if let Some(process) = root.table("process") {
            self.process.read(&process);
        }
        if let Some(resolver) = root.table("resolver") {
            self.resolver.read(&resolver);
        }
        for (key, value) in entries(root, "input") {
            read_named(&mut self.inputs, key, value, "input", |table| {
                of_kind(table, "input", &INPUT_KINDS, |kind, table| match kind {
                    "tcp" => InputSpec::Tcp(TcpSpec::read(table)),
                    "relp" => InputSpec::Relp(RelpSpec::read(table)),
                    "unix" => InputSpec::Unix(UnixSpec::read(table)),
                    "kmsg" => InputSpec::Kmsg(KmsgSpec::read(table)),
                    "mark" => InputSpec::Mark(MarkSpec::read(table)),
                    "journal" => InputSpec::Journal(JournalSpec::read(table)),
                    "plugin" => InputSpec::Plugin(PluginInputSpec::read(table)),
                    _ => InputSpec::Udp(UdpSpec::read(table)),
                })
            });
        }
        for (key, value) in entries(root, "template") {
            if let Some(text) = TemplateText::from_value(value) {
                push_named(&mut self.templates, key, "template", text, root.diagnostics());
            }
        }
        if let Some(default) = root.table("default")
            && let Some(file) = default.table("file")
        {
            self.default_file.read(&file);
        }
        for (key, value) in entries(root, "plugin") {
            let name = key.clone();
            read_named(&mut self.plugins, key, value, "plugin", |table| {
                Some(PluginSpec::read(name, table))
            });
        }
        for (key, value) in entries(root, "output") {
            read_named(&mut self.outputs, key, value, "output", |table| {
                of_kind(table, "output", output::KINDS, OutputSpec::read)
            });
        }
        self.rules
            .extend(root.array_of_tables("rule").iter().filter_map(RuleSpec::read));
    }
}

fn entries<'a>(root: &Table<'a>, key: &'static str) -> Vec<(Key, Value<'a>)> {
    root.table(key).map(|table| table.entries()).unwrap_or_default()
}

fn read_named<T>(
    to: &mut Vec<Named<T>>,
    key: Key,
    value: Value<'_>,
    what: &str,
    read: impl FnOnce(&Table<'_>) -> Option<T>,
) {
    if let Some(table) = value.table()
        && let Some(spec) = read(&table)
    {
        push_named(to, key, what, spec, table.diagnostics());
    }
}

/// Adds it, unless another file has used the name; within one file TOML itself refuses that.
fn push_named<T>(to: &mut Vec<Named<T>>, key: Key, what: &str, spec: T, diagnostics: &Diagnostics) {
    match to.iter().find(|other| other.name == key.name) {
        Some(first) => {
            let first = diagnostics.place(first.span);
            diagnostics.error(
                key.span,
                format!("{what} \"{}\" is there already, at {first}", key.name),
            );
        }
        None => to.push(Named {
            name: key.name,
            span: key.span,
            spec,
        }),
    }
}

/// Reads the one table that names the kind: `[input.NAME.KIND]`.
fn of_kind<T>(
    table: &Table<'_>,
    what: &str,
    kinds: &'static [&'static str],
    read: impl Fn(&'static str, &Table<'_>) -> T,
) -> Option<T> {
    let entries = table.entries();
    let diagnostics = table.diagnostics();
    if entries.is_empty() {
        let help = format!("write [{what}.NAME.KIND]; the kinds are: {}", kinds.join(", "));
        diagnostics.error_with_help(table.span(), format!("the kind of this {what} is missing"), help);
    }
    let mut found = None;
    for (key, value) in entries {
        let Some(kind) = kinds.iter().find(|kind| **kind == key.name) else {
            let message = format!("unknown kind of {what} \"{}\"", key.name);
            match nearest(&key.name, kinds.iter().copied()) {
                Some(help) => diagnostics.error_with_help(key.span, message, help),
                None => diagnostics.error(key.span, message),
            }
            continue;
        };
        let Some(of_kind) = value.table() else { continue };
        if found.is_some() {
            diagnostics.error(
                key.span,
                format!("this {what} has a kind already: give the second a name of its own"),
            );
        }
        found = Some(read(kind, &of_kind));
    }
    found
}
