//! Outputs, found by their names and paths: files with the templates of their paths and lines here, the others in
//! [`queued`].

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, absolute};

use ballast_shared::config::{Diagnostics, Span, Spanned, nearest};
use ballast_shared::privileges::{Process, find_group, find_user};
use logd_core::path::PathTemplate;
use logd_core::route::OutputId;
use logd_core::template::Template;
use nix::unistd::{Gid, Uid};

use super::access::Access;
use super::templates::Templates;
use super::{database, forward, plugins, queued, sinks};
use crate::config::spec::{FileKeys, FileSpec, OutputSpec, PathSpec, Spec, TemplateText};
use crate::config::{Output, OutputKind};
use crate::output::file::FileSettings;

/// What Debian's configuration and those made from it have.
const FORMAT: &str = "RSYSLOG_TraditionalFileFormat";

/// The outputs, found by name or by path.
pub(super) struct Outputs<'s> {
    list: Vec<Entry>,
    templates: Templates<'s>,
    default: FileSettings,
    default_format: Template,
    access: Option<Access>,
}

struct Entry {
    name: String,
    /// Where it is defined; a path in a rule is used by being there.
    defined_at: Option<Span>,
    used: bool,
    output: Option<Output>,
}

pub(super) fn resolve<'s>(spec: &'s Spec, process: &Process, around: &forward::Surroundings<'s>) -> Outputs<'s> {
    let (templates, diagnostics) = (around.templates, around.diagnostics);
    // Also those that nothing uses yet.
    for template in templates.named {
        templates.compile(&template.spec.text, template.spec.span, diagnostics);
    }
    let built_in = Template::builtin(FORMAT).expect("rsyslog's format of this name is built in");
    let default = settings(&FileSettings::default(), &spec.default_file, around);
    let default_format = templates.format(spec.default_file.format.as_ref(), &built_in, diagnostics);
    let mut outputs = Outputs {
        list: Vec::new(),
        templates,
        default,
        default_format,
        access: Access::of(process),
    };
    for named in &spec.outputs {
        let kind = match &named.spec {
            OutputSpec::File(file) => outputs.file(file, named.span, around),
            OutputSpec::Forward(spec) => forward::forward(&named.name, named.span, spec, around),
            OutputSpec::Users(users) => sinks::users(users, templates, outputs.access.as_ref(), diagnostics),
            OutputSpec::Tty(tty) => sinks::tty(tty, templates, outputs.access.as_ref(), diagnostics),
            OutputSpec::Pipe(pipe) => queued::pipe(pipe, templates, diagnostics),
            OutputSpec::Program(program) => sinks::program(program, templates, diagnostics),
            OutputSpec::Postgres(server) => database::postgres(server, around),
            OutputSpec::MySql(server) => database::mysql(server, around),
            OutputSpec::Plugin(events) => plugins::events(&named.name, events, around.plugins, templates, diagnostics),
            OutputSpec::Sqlite(sqlite) => database::sqlite(sqlite, outputs.access.as_ref(), diagnostics),
        };
        outputs.list.push(Entry {
            name: named.name.clone(),
            defined_at: Some(named.span),
            used: false,
            output: kind.map(|kind| Output {
                name: named.name.clone(),
                kind,
            }),
        });
    }
    outputs
}

impl Outputs<'_> {
    fn file(&self, spec: &FileSpec, span: Span, around: &forward::Surroundings<'_>) -> Option<OutputKind> {
        let diagnostics = around.diagnostics;
        let path = spec.path.as_ref().and_then(|path| self.path_of(path, diagnostics));
        let settings = settings(&self.default, &spec.keys, around);
        if let (Some(archive), None) = (&spec.keys.archive, &settings.rotate) {
            diagnostics.error(
                archive.span,
                "files are archived when they are rotated: `rotate` is missing",
            );
        }
        let format = self
            .templates
            .format(spec.keys.format.as_ref(), &self.default_format, diagnostics);
        let keys = &spec.keys;
        let at = keys
            .owner
            .as_ref()
            .or(keys.dir_owner.as_ref())
            .map_or(span, |key| key.span);
        self.check_access(&settings, path.as_ref(), at, diagnostics);
        path.map(|path| OutputKind::File { path, format, settings })
    }

    /// The templates that there are.
    pub(super) fn templates(&self) -> Templates<'_> {
        self.templates
    }

    /// The output of this name.
    pub(super) fn by_name(&mut self, name: &str, at: Span, diagnostics: &Diagnostics) -> Option<OutputId> {
        let named = |entry: &Entry| entry.defined_at.is_some() && entry.name == name;
        if let Some(index) = self.list.iter().position(named) {
            self.list[index].used = true;
            return Some(id(index));
        }
        if let Some(help) = action_of_rsyslog(name) {
            diagnostics.error_with_help(at, format!("no output \"{name}\""), help);
            return None;
        }
        let message = format!("no output \"{name}\"");
        let known = self.list.iter().filter(|entry| entry.defined_at.is_some());
        match nearest(name, known.map(|entry| entry.name.as_str())) {
            Some(help) => diagnostics.error_with_help(at, message, help),
            None => diagnostics.error_with_help(at, message, "a file is named by a path with a slash in it"),
        }
        None
    }

    /// The output with the defaults for a path in a rule, the same for the same path.
    pub(super) fn by_path(&mut self, path: &TemplateText, diagnostics: &Diagnostics) -> Option<OutputId> {
        if let Some(help) = action_of_rsyslog(&path.text) {
            diagnostics.error_with_help(path.span, "this is no file", help);
            return None;
        }
        let name = directory_of(path) + &path.text;
        if let Some(index) = self.list.iter().position(|e| e.defined_at.is_none() && e.name == name) {
            return Some(id(index));
        }
        let template = self.path_in_place(path, diagnostics)?;
        self.check_access(&self.default, Some(&template), path.span, diagnostics);
        self.list.push(Entry {
            name: name.clone(),
            defined_at: None,
            used: true,
            output: Some(Output {
                name,
                kind: OutputKind::File {
                    path: template,
                    format: self.default_format.clone(),
                    settings: self.default.clone(),
                },
            }),
        });
        Some(id(self.list.len() - 1))
    }

    /// All of them; warns of those that no rule names.
    pub(super) fn finish(self, diagnostics: &Diagnostics) -> Vec<Output> {
        // Where a rule is wrong, it may be the one that was to name it.
        if !diagnostics.has_errors() {
            for entry in &self.list {
                if let (Some(span), false) = (entry.defined_at, entry.used) {
                    diagnostics.warning(span, format!("no rule sends anything to output \"{}\"", entry.name));
                }
            }
        }
        // An entry without its output was reported, so what is handed out has all of them.
        self.list.into_iter().filter_map(|entry| entry.output).collect()
    }

    fn check_access(&self, settings: &FileSettings, path: Option<&PathTemplate>, at: Span, diagnostics: &Diagnostics) {
        if let Some(access) = &self.access {
            let directory = path.map(|path| Path::new(OsStr::from_bytes(path.root())));
            for problem in access.problems(settings, directory) {
                problem.report(at, diagnostics);
            }
        }
    }

    fn path_of(&self, path: &PathSpec, diagnostics: &Diagnostics) -> Option<PathTemplate> {
        match path {
            PathSpec::Inline(text) => self.path_in_place(text, diagnostics),
            PathSpec::Template(name) => {
                let template = self.templates.find(name, diagnostics)?;
                path_template_at(&template.spec, name.span, diagnostics)
            }
        }
    }

    /// The path that a template in place stands for.
    fn path_in_place(&self, text: &TemplateText, diagnostics: &Diagnostics) -> Option<PathTemplate> {
        self.templates.compile(&text.text, text.span, diagnostics)?;
        path_template_at(text, text.span, diagnostics)
    }
}

/// `*`, `:omusrmsg:alice`
const TO_USERS: &str = "users' terminals are an output of their own: [output.NAME.users] with users = [\"*\"]";

/// What to write in the place of what rsyslog's configurations have behind their selectors.
fn action_of_rsyslog(text: &str) -> Option<&'static str> {
    match text.as_bytes() {
        [b'-', b'/', ..] => Some("the dash is not needed: files are synced only where `sync` says so"),
        [b'@', b'@', ..] => Some("write [output.NAME.forward] with `target = \"tcp://HOST\"`, and its name here"),
        [b'@', ..] => Some("write [output.NAME.forward] with `target = \"udp://HOST\"`, and its name here"),
        [b'|', ..] => Some("a named pipe is an output of its own: [output.NAME.pipe] with path = \"…\""),
        [b'^', ..] => Some("a program is an output of its own: [output.NAME.program] with command = [\"…\"]"),
        [b':', ..] if text.starts_with(":ommysql:") => {
            Some("a database is an output of its own: [output.NAME.mysql] with schema = \"system-events\"")
        }
        [b':', ..] if text.starts_with(":ompgsql:") => {
            Some("a database is an output of its own: [output.NAME.postgres] with schema = \"system-events\"")
        }
        [b':', ..] | [b'*'] => Some(TO_USERS),
        _ if text == "/dev/console" || text.starts_with("/dev/tty") => {
            Some("a terminal is an output of its own: [output.NAME.tty] with path = \"…\"")
        }
        _ => None,
    }
}

fn id(index: usize) -> OutputId {
    OutputId(u32::try_from(index).expect("a configuration file is too small for so many outputs"))
}

/// The path that a template stands for, relative ones below the directory of their file; what is wrong with it as a path is
/// reported where it is used as one.
fn path_template_at(text: &TemplateText, used_at: Span, diagnostics: &Diagnostics) -> Option<PathTemplate> {
    // Of the directory's own name nothing is a property or an escape.
    let directory = directory_of(text).replace('\\', "\\\\").replace('%', "%%");
    let template = Template::parse(&(directory + &text.text)).ok()?;
    match PathTemplate::new(&template) {
        Ok(path) => Some(path),
        Err(error) => {
            diagnostics.error(used_at, error.to_string());
            None
        }
    }
}

/// The directory that a template's text is relative to, with its slash; nothing for an absolute one.
fn directory_of(text: &TemplateText) -> String {
    if text.text.starts_with('/') {
        return String::new();
    }
    let whole = text.path.to_string_lossy();
    let directory = match whole.strip_suffix(text.text.as_str()) {
        None | Some("") => ".",
        Some(directory) => directory,
    };
    // What has no current directory to be relative to stays relative.
    let directory = absolute(directory).unwrap_or_else(|_| directory.into());
    format!("{}/", directory.to_string_lossy().trim_end_matches('/'))
}

/// The settings of the keys, and of `default` where a key is not there.
fn settings(default: &FileSettings, keys: &FileKeys, around: &forward::Surroundings<'_>) -> FileSettings {
    let diagnostics = around.diagnostics;
    let archive = keys
        .archive
        .as_ref()
        .and_then(|archive| plugins::archive(&archive.value, around.hostname, around.plugins, diagnostics));
    FileSettings {
        owner: uid(keys.owner.as_ref(), diagnostics).or(default.owner),
        group: gid(keys.group.as_ref(), diagnostics).or(default.group),
        file_mode: keys.file_mode.map_or(default.file_mode, |mode| mode.value.0),
        dir_owner: uid(keys.dir_owner.as_ref(), diagnostics).or(default.dir_owner),
        dir_group: gid(keys.dir_group.as_ref(), diagnostics).or(default.dir_group),
        dir_mode: keys.dir_mode.map_or(default.dir_mode, |mode| mode.value.0),
        flush_interval: keys
            .flush_interval
            .map_or(default.flush_interval, |interval| interval.value),
        sync: keys.sync.map_or(default.sync, |sync| sync.value),
        when_full: keys.when_full.map_or(default.when_full, |when_full| when_full.value),
        min_free_bytes: keys.min_free.map_or(default.min_free_bytes, |size| size.value.bytes),
        open_files_max: at_least_one(keys.open_files_max.as_ref(), diagnostics).or(default.open_files_max),
        rotate: keys.rotate.map_or(default.rotate, |rotate| Some(rotate.value)),
        keep: keys.keep.map_or(default.keep, |keep| keep.value),
        archive: archive.map(Box::new).or_else(|| default.archive.clone()),
        new_files_max: keys.new_files_max.map_or(default.new_files_max, |files| files.value),
    }
}

/// A number of files, of which a daemon that writes any needs one.
pub(super) fn at_least_one(files: Option<&Spanned<usize>>, diagnostics: &Diagnostics) -> Option<usize> {
    let files = files?;
    if files.value == 0 {
        diagnostics.error(files.span, "at least 1");
    }
    Some(files.value)
}

fn uid(name: Option<&Spanned<String>>, diagnostics: &Diagnostics) -> Option<Uid> {
    let name = name?;
    let user = find_user(&name.value);
    if user.is_none() {
        diagnostics.error(name.span, format!("no user \"{}\" on this machine", name.value));
    }
    user.map(|user| user.uid)
}

fn gid(name: Option<&Spanned<String>>, diagnostics: &Diagnostics) -> Option<Gid> {
    let name = name?;
    let group = find_group(&name.value);
    if group.is_none() {
        diagnostics.error(name.span, format!("no group \"{}\" on this machine", name.value));
    }
    group
}
