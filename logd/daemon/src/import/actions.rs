//! Actions, as outputs: files by their paths, the rest as tables of their kinds.

mod legacy;
mod targets;

use logd_core::rsyslog_conf::{Object, Text};

pub(super) use self::targets::free_name;
use super::Import;
use super::files::{self, FileKeys};
use super::inputs::all_values;
use super::legacy::is_on;
use super::toml::Value;

/// The default of rsyslog's files and pipes.
const FILE_FORMAT: &str = "RSYSLOG_FileFormat";

/// Why actions that are not for every message are left out: they would get more.
const WHEN_SUSPENDED: &str = "a forward takes several targets, of which the next is tried when one fails";
const NOT_ALL: &str = "an output takes all messages of its rules";

/// Where a rule's messages go.
#[derive(Debug)]
pub(super) enum Target {
    /// An output by its name.
    Named(String),
    File(Box<FileTarget>),
}

/// A file, or a tree of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileTarget {
    /// `None`: a template says which.
    pub(super) path: Option<String>,
    pub(super) template: Option<String>,
    pub(super) keys: FileKeys,
}

/// What an action comes to; why it can't be carried over.
pub(super) type Targets = Result<Vec<Target>, String>;

/// Parameters of actions that need no counterpart, and why.
const NOTED: &[(&str, &str)] = &[
    ("type", ""),
    ("name", ""),
    ("template", ""),
    ("action.resume", "outputs are tried again until it works"),
    ("action.reportsuspension", "what an output is at is a metric"),
    ("action.errorfile", "what could not be written is counted and logged"),
    ("action.copymsg", "outputs don't change a message"),
    ("queue.", "a file's buffer bounds what waits; buffer-max that of all"),
    ("asyncwriting", "lines are written after flush-interval"),
    ("flushontxend", "lines are written after flush-interval"),
    ("iobuffersize", "lines are written after flush-interval"),
    (
        "closetimeout",
        "a file that nothing is written to gives way when others need its place",
    ),
    (
        "dynafilecachesize",
        "as many files are kept open as the system lets, see open-files-max",
    ),
    ("failonchownfailure", "what cannot be given to its owner is reported"),
    (
        "dynafile.donotsuspend",
        "a file that can't be written holds up itself only",
    ),
    ("createdirs", ""),
    ("keepalive", "the system's settings"),
    (
        "resendlastmsgonreconnect",
        "what was on its way when a connection broke may be lost or sent again",
    ),
];

impl Import<'_> {
    /// `action(type="…" …)`
    pub(super) fn action(&mut self, object: &Object) -> Targets {
        let kind = object
            .value("type")
            .map(|kind| kind.text.to_ascii_lowercase())
            .unwrap_or_default();
        let kind = kind.strip_prefix("builtin:").unwrap_or(&kind).to_owned();
        let value = |name: &str| object.value(name).map(|value| value.text.clone());
        let template = value("template");
        if let Some(name) = &template
            && let Some(why) = self.no_format(name)
        {
            return Err(why.to_owned());
        }
        for parameter in &object.parameters {
            let name = parameter.name.text.to_ascii_lowercase();
            let text = parameter.values.first().map_or("", |value| value.text.as_str());
            if name == "action.execonlywhenpreviousissuspended" {
                if is_on(text) {
                    return Err(WHEN_SUSPENDED.to_owned());
                }
            } else if name.starts_with("action.execonly") && text != "0" {
                return Err(NOT_ALL.to_owned());
            }
        }
        match kind.as_str() {
            "omfile" => self.file_action(object, template),
            "omfwd" => self.forward_action(object, template),
            "omrelp" => self.relp_action(object, template),
            "omusrmsg" => {
                let users = value("users").unwrap_or_default();
                self.without_output_keys(object, &["users"]);
                self.users(users.split(',').map(|user| user.trim().to_owned()).collect(), template)
            }
            "ompipe" => {
                self.without_output_keys(object, &["pipe"]);
                self.pipe(&value("pipe").unwrap_or_default(), template)
            }
            "omprog" => self.program(object, template),
            "ommysql" | "ompgsql" => {
                self.without_database_keys(object);
                let kind = if kind == "ommysql" { "mysql" } else { "postgres" };
                let part = |name: &str| value(name).unwrap_or_default();
                let server = match value("serverport").or(value("port")) {
                    Some(port) => format!("{}:{port}", part("server")),
                    None => part("server"),
                };
                let user = value("uid").or(value("user")).unwrap_or_default();
                let password = value("pwd").or(value("pass")).unwrap_or_default();
                self.database_of(kind, &server, &part("db"), &user, &password, template)
            }
            "omdiscard" => Err("write `stop`".to_owned()),
            _ if kind.starts_with("mm") => {
                Err("messages are written as they came: nothing changes them on the way".to_owned())
            }
            _ => Err("there is no such output".to_owned()),
        }
    }

    fn file_action(&mut self, object: &Object, template: Option<String>) -> Targets {
        let mut keys = self.templates.file_module.clone();
        for (name, value) in all_values(object) {
            if name == "ziplevel" && value.text != "0" {
                self.lost_part(value.place, "files are compressed when they are rotated: `rotate`");
            } else if name.starts_with("rotation.") {
                self.lost_part(value.place, "`rotate` and `keep` bound a file");
            } else if !keys.set(&name, &value.text) && name != "file" && name != "dynafile" {
                self.without_output_key(&name, &value);
            }
        }
        match (object.value("file"), object.value("dynafile")) {
            (Some(path), _) => self.file(&path.text, keys, template),
            (None, Some(name)) => self.tree(&name.text, keys, template),
            (None, None) => Err("neither `file` nor `dynaFile` is there".to_owned()),
        }
    }

    /// Says what becomes of the parameters of a database that its URL has not.
    fn without_database_keys(&mut self, object: &Object) {
        let carried = ["server", "serverport", "port", "db", "uid", "user", "pwd", "pass"];
        for (name, value) in all_values(object) {
            if name == "queue.filename" {
                self.lost_part(value.place, "what waits for a database waits in memory: `queue`");
            } else if name.starts_with("queue.") {
                self.noted_part(value.place, "what waits for a database is bounded by `queue`");
            } else if !carried.contains(&name.as_str()) {
                self.without_output_key(&name, &value);
            }
        }
    }

    /// Says what becomes of the parameters of an action but these.
    fn without_output_keys(&mut self, object: &Object, carried: &[&str]) {
        for (name, value) in all_values(object) {
            if !carried.contains(&name.as_str()) {
                self.without_output_key(&name, &value);
            }
        }
    }

    pub(super) fn without_output_key(&mut self, name: &str, value: &Text) {
        match NOTED.iter().find(|(begin, _)| name.starts_with(begin)) {
            Some((_, "")) => {}
            Some((_, why)) => self.noted_part(value.place, why),
            None => self.lost_part(value.place, "outputs have no key for this"),
        }
    }

    fn program(&mut self, object: &Object, template: Option<String>) -> Targets {
        let Some(binary) = object.value("binary") else {
            return Err("`binary` is missing".to_owned());
        };
        for (name, value) in all_values(object) {
            match name.as_str() {
                "confirmmessages" | "usetransactions" if is_on(&value.text) => {
                    return Err("programs don't acknowledge what they read".to_owned());
                }
                "binary" | "confirmmessages" | "usetransactions" => {}
                _ => self.without_output_key(&name, &value),
            }
        }
        if binary.text.contains(['"', '\'']) {
            return Err("give the program and its arguments, which may hold blanks then, as `command`".to_owned());
        }
        let words = binary.text.split_whitespace().map(str::to_owned);
        let format = template.unwrap_or_else(|| FILE_FORMAT.to_owned());
        let hint = binary
            .text
            .split_whitespace()
            .next()
            .and_then(|path| path.rsplit('/').next())
            .unwrap_or("program");
        let hint = hint.to_owned();
        let keys = vec![("command", Value::texts(words)), ("format", files::format(&format))];
        Ok(vec![self.output("program", &hint, keys)])
    }
}
