//! Actions, as outputs: files by their paths, the rest as tables of their kinds.

use std::os::unix::fs::FileTypeExt;

use logd_core::path::PathTemplate;
use logd_core::rsyslog_conf::{Object, Place, Text};
use logd_core::template::Template;

use super::files::{self, FileKeys};
use super::inputs::all_values;
use super::legacy::is_on;
use super::toml::{Rank, Value, bare_or_quoted};
use super::{Import, Queued};

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
    /// An action as sysklogd writes it.
    pub(super) fn legacy_action(&mut self, action: &Text) -> Targets {
        let targets = self.legacy_targets(&action.text, action.place);
        if self.legacy.next("actionqueuefilename").is_some() && !action.text.starts_with(['@', ':']) {
            self.noted_part(action.place, "only forwards have a queue on disk");
        }
        self.legacy.next.retain(|(name, _)| {
            !["actionqueue", "actionresume", "actionname"]
                .iter()
                .any(|begin| name.starts_with(begin))
        });
        targets
    }

    fn legacy_targets(&mut self, text: &str, place: Place) -> Targets {
        // A template's name follows behind a semicolon, which no host, path or user has.
        let (what, template) = text.split_once(';').unwrap_or((text, ""));
        let what = what.trim();
        let template = Some(template.trim()).filter(|name| !name.is_empty()).map(str::to_owned);
        if let Some(name) = &template
            && let Some(why) = self.no_format(name)
        {
            return Err(why.to_owned());
        }
        if let Some(why) = self.legacy_only() {
            return Err(why.to_owned());
        }
        let mut characters = what.chars();
        match characters.next() {
            Some('/') => self.legacy_file(what, self.legacy.syncs, template),
            Some('?') => self.legacy_tree(characters.as_str(), self.legacy.syncs, template),
            Some('-') => match characters.as_str().strip_prefix('?') {
                Some(name) => self.legacy_tree(name, false, template),
                None => self.legacy_file(characters.as_str(), false, template),
            },
            Some('|') => self.pipe(characters.as_str().trim(), template),
            Some('@') => self.legacy_forward(what, place, template),
            Some('*') => self.users(vec!["*".to_owned()], template),
            Some(':') => self.legacy_module(what, place, template),
            Some('>') => self.database("mysql", characters.as_str(), template),
            Some('^') => Err(
                "rsyslogd starts the program for each message, with the message as its argument; an output `program` \
                 writes to the standard input of one that goes on running"
                    .to_owned(),
            ),
            Some(c) if c.is_ascii_alphanumeric() || c == '_' => {
                self.users(what.split(',').map(str::to_owned).collect(), template)
            }
            _ => Err("this is no action that is known".to_owned()),
        }
    }

    /// `:omusrmsg:root`, `:ommysql:host,database,user,password`
    fn legacy_module(&mut self, what: &str, place: Place, template: Option<String>) -> Targets {
        let Some((module, argument)) = what[1..].split_once(':') else {
            return Err("this is no action that is known".to_owned());
        };
        match module {
            "omusrmsg" => self.users(
                argument.split(',').map(|user| user.trim().to_owned()).collect(),
                template,
            ),
            "ommysql" => self.database("mysql", argument, template),
            "ompgsql" => self.database("postgres", argument, template),
            "omrelp" => self.legacy_relp(argument, place, template),
            "omfile" => Err("there are no output channels: `rotate` and `keep` bound a file".to_owned()),
            "omprog" => Err("give the program in an output `program`".to_owned()),
            _ => Err("there is no such output".to_owned()),
        }
    }

    fn legacy_file(&mut self, path: &str, syncs: bool, template: Option<String>) -> Targets {
        let mut keys = self.legacy.files.clone();
        keys.sync = syncs.then(|| "always".to_owned());
        self.file(path, keys, template)
    }

    fn legacy_tree(&mut self, name: &str, syncs: bool, template: Option<String>) -> Targets {
        let mut keys = self.legacy.files.clone();
        keys.sync = syncs.then(|| "always".to_owned());
        self.tree(name.trim(), keys, template)
    }

    /// Why an action is not done with every message that comes to it.
    fn legacy_only(&self) -> Option<&'static str> {
        let only = |name: &str| self.legacy.next(&format!("actionexeconly{name}"));
        if only("whenpreviousissuspended").is_some_and(is_on) {
            return Some(WHEN_SUSPENDED);
        }
        let some = [
            ("onceeveryinterval", "0"),
            ("everynthtime", "1"),
            ("everynthtimetimeout", "0"),
        ];
        let is_limited = |(name, all): (&str, &str)| only(name).is_some_and(|value| value != all && value != "0");
        some.into_iter().any(is_limited).then_some(NOT_ALL)
    }

    fn default_file_format(&self) -> String {
        let of_module = self.templates.file_module.format.as_ref();
        of_module
            .or(self.legacy.file_template.as_ref())
            .cloned()
            .unwrap_or_else(|| FILE_FORMAT.to_owned())
    }

    fn file(&mut self, path: &str, mut keys: FileKeys, template: Option<String>) -> Targets {
        if path.contains([' ', '\t']) {
            return Err("a path ends at white space in rsyslog, which takes no such line".to_owned());
        }
        if path == "/dev/null" {
            return Ok(Vec::new());
        }
        let format = template.unwrap_or_else(|| self.default_file_format());
        if let Some(why) = self.no_format(&format) {
            return Err(why.to_owned());
        }
        if is_terminal(path) {
            let of_path = vec![
                ("path", Value::Text(path.to_owned())),
                ("format", files::format(&format)),
            ];
            let hint = path.rsplit('/').next().unwrap_or("tty").to_owned();
            return Ok(vec![self.output("tty", &hint, of_path)]);
        }
        if !path.starts_with('/') {
            return Err("a file's path begins with a slash".to_owned());
        }
        keys.format = Some(format);
        Ok(vec![Target::File(Box::new(FileTarget {
            path: Some(path.to_owned()),
            template: None,
            keys: keys.filled(),
        }))])
    }

    /// The files that a template names.
    fn tree(&mut self, name: &str, mut keys: FileKeys, template: Option<String>) -> Targets {
        let format = template.unwrap_or_else(|| self.default_file_format());
        for name in [name, &format] {
            if let Some(why) = self.no_format(name) {
                return Err(why.to_owned());
            }
        }
        let text = self.template_text(name).unwrap_or_default();
        let path = Template::parse(text).ok().map(|template| PathTemplate::new(&template));
        match path {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(format!("the template can't be a path: {error}")),
            None => return Err("the template can't be a path".to_owned()),
        }
        keys.format = Some(format);
        Ok(vec![Target::File(Box::new(FileTarget {
            path: None,
            template: Some(name.to_owned()),
            keys: keys.filled(),
        }))])
    }

    fn pipe(&mut self, path: &str, template: Option<String>) -> Targets {
        let format = template.unwrap_or_else(|| FILE_FORMAT.to_owned());
        let hint = path.rsplit('/').next().unwrap_or("pipe").to_owned();
        let keys = vec![
            ("path", Value::Text(path.to_owned())),
            ("format", files::format(&format)),
        ];
        Ok(vec![self.output("pipe", &hint, keys)])
    }

    fn users(&mut self, users: Vec<String>, template: Option<String>) -> Targets {
        let hint = match users.as_slice() {
            [all] if all == "*" => "everyone".to_owned(),
            users => users.join("-"),
        };
        let mut keys = vec![("users", Value::texts(users))];
        keys.extend(template.map(|name| ("format", files::format(&name))));
        Ok(vec![self.output("users", &hint, keys)])
    }

    /// `server,database,user,password`
    fn database(&mut self, kind: &'static str, argument: &str, template: Option<String>) -> Targets {
        let parts: Vec<&str> = argument.split(',').map(str::trim).collect();
        let [server, database, user, rest @ ..] = parts.as_slice() else {
            return Err("server, database and user are missing".to_owned());
        };
        self.database_of(
            kind,
            server,
            database,
            user,
            rest.first().copied().unwrap_or_default(),
            template,
        )
    }

    fn database_of(
        &mut self,
        kind: &'static str,
        server: &str,
        database: &str,
        user: &str,
        password: &str,
        template: Option<String>,
    ) -> Targets {
        if [server, database, user].iter().any(|part| part.is_empty()) {
            return Err("server, database and user are missing".to_owned());
        }
        let of_rsyslog = ["RSYSLOG_StdDBFmt", "RSYSLOG_StdPgSQLFmt"];
        if template.is_some_and(|name| !of_rsyslog.contains(&name.trim())) {
            return Err("statements are logd's own: its schema, or rsyslog's `SystemEvents`".to_owned());
        }
        let scheme = if kind == "mysql" { "mysql" } else { "postgresql" };
        let secret = if password.is_empty() {
            String::new()
        } else {
            format!(":{}", encoded(password))
        };
        let url = format!("{scheme}://{}{secret}@{server}/{}", encoded(user), encoded(database));
        let keys = vec![
            ("url", Value::Text(url)),
            ("schema", Value::Text("system-events".into())),
        ];
        Ok(vec![self.output(kind, database, keys)])
    }

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

    /// The output of a kind with these keys: the same one if it is there.
    pub(super) fn output(&mut self, kind: &'static str, hint: &str, keys: Vec<(&'static str, Value)>) -> Target {
        let found = self
            .outputs
            .iter()
            .find(|output| output.kind == kind && output.keys == keys);
        if let Some(output) = found {
            return Target::Named(output.name.clone());
        }
        let name = self.output_name(hint);
        let header = format!("output.{}.{kind}", bare_or_quoted(&name));
        let section = self.document.section(Rank::Output, &header);
        for (key, value) in &keys {
            section.set(Vec::new(), key, value.clone());
        }
        self.outputs.push(Queued {
            kind,
            keys,
            name: name.clone(),
        });
        Target::Named(name)
    }

    /// A name for an output that no other one has.
    pub(super) fn output_name(&mut self, hint: &str) -> String {
        let safe = |c: char| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') {
                c
            } else {
                '-'
            }
        };
        let wanted: String = hint.trim_end_matches(".log").chars().map(safe).collect();
        let wanted = wanted.trim_matches('-');
        let wanted = if wanted.is_empty() { "output" } else { wanted };
        let name = free_name(wanted, |name| self.output_names.iter().any(|known| known == name));
        self.output_names.push(name.clone());
        name
    }
}

/// Whether what is at a path is a terminal, which rsyslogd finds out when it opens it: by its name, or by what is there.
fn is_terminal(path: &str) -> bool {
    let Some(name) = path.strip_prefix("/dev/") else {
        return false;
    };
    ["tty", "pts/", "console", "hvc", "vc/"]
        .iter()
        .any(|begin| name.starts_with(begin))
        || std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_char_device())
}

/// The name, or one that is made of it, that is not taken.
pub(super) fn free_name(wanted: &str, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(wanted) {
        return wanted.to_owned();
    }
    let mut numbered = (2..).map(|number| format!("{wanted}-{number}"));
    numbered.find(|name| !is_taken(name)).unwrap_or_default()
}

/// Text as it stands in a URL.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
