//! What actions come to: files by their paths, and outputs of the other kinds, each once.

use std::os::unix::fs::FileTypeExt;

use logd_core::path::PathTemplate;
use logd_core::template::Template;

use super::{FILE_FORMAT, FileTarget, Target, Targets};
use crate::import::files::{self, FileKeys};
use crate::import::toml::{Rank, Value, bare_or_quoted};
use crate::import::{Import, Queued};

impl Import<'_> {
    pub(super) fn default_file_format(&self) -> String {
        let of_module = self.templates.file_module.format.as_ref();
        of_module
            .or(self.legacy.file_template.as_ref())
            .cloned()
            .unwrap_or_else(|| FILE_FORMAT.to_owned())
    }

    pub(super) fn file(&mut self, path: &str, mut keys: FileKeys, template: Option<String>) -> Targets {
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
    pub(super) fn tree(&mut self, name: &str, mut keys: FileKeys, template: Option<String>) -> Targets {
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

    pub(super) fn pipe(&mut self, path: &str, template: Option<String>) -> Targets {
        let format = template.unwrap_or_else(|| FILE_FORMAT.to_owned());
        let hint = path.rsplit('/').next().unwrap_or("pipe").to_owned();
        let keys = vec![
            ("path", Value::Text(path.to_owned())),
            ("format", files::format(&format)),
        ];
        Ok(vec![self.output("pipe", &hint, keys)])
    }

    pub(super) fn users(&mut self, users: Vec<String>, template: Option<String>) -> Targets {
        let hint = match users.as_slice() {
            [all] if all == "*" => "everyone".to_owned(),
            users => users.join("-"),
        };
        let mut keys = vec![("users", Value::texts(users))];
        keys.extend(template.map(|name| ("format", files::format(&name))));
        Ok(vec![self.output("users", &hint, keys)])
    }

    pub(super) fn database_of(
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

    /// The output of a kind with these keys: the same one if it is there.
    pub(in crate::import) fn output(
        &mut self,
        kind: &'static str,
        hint: &str,
        keys: Vec<(&'static str, Value)>,
    ) -> Target {
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
    pub(in crate::import) fn output_name(&mut self, hint: &str) -> String {
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
pub(in crate::import) fn free_name(wanted: &str, is_taken: impl Fn(&str) -> bool) -> String {
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
