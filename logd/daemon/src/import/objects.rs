//! `global(…)`, `module(…)` and other objects that are no rules, in the order written.

use logd_core::rsyslog_conf::{Body, Object, Statement};

use super::Import;
use super::inputs::all_values;
use super::report::{comments, lines};
use super::rules::{NO_INPUT, calls};
use super::toml::{Rank, Value};

/// Parameters of `global` that need no counterpart, and why.
const NOTED: &[(&str, &str)] = &[
    ("workdirectory", "logd keeps its own state in work-dir, /var/lib/logd"),
    (
        "net.enabledns",
        "senders' names are looked up by inputs with `resolve = true`",
    ),
    ("net.aclresolvehostname", "`allow` has addresses and networks"),
    ("net.aclresolvelocalhostname", "`allow` has addresses and networks"),
    ("defaultnetstreamdriver", "TLS is rustls here"),
    ("abortonuncleanconfig", "a configuration with an error is never run"),
    ("debug.", "BALLAST_LOG=debug shows more"),
    ("shutdown.", "a stop may take drain-timeout"),
    ("oversizemsg.", "what is longer is cut, marked and counted"),
    ("senders.", "senders are metrics of the inputs"),
    ("processinternalmessages", "logd's own log is on stderr"),
    ("umask", ""),
    ("maxmessagesize", ""),
    ("stdlog.channelspec", "logd's own log is on stderr"),
    ("compactjsonstring", "there are no JSON variables"),
    ("variables.casesensitive", "there are no variables"),
    ("internalmsg.", "logd's own log is on stderr"),
    ("errormessagestostderr.", "logd's own log is on stderr"),
    (
        "parser.droptrailinglfonreception",
        "a line feed at a message's end is always dropped",
    ),
    (
        "parser.escapecontrolcharactersonreceive",
        "control characters are always escaped",
    ),
];

/// What certificates are read from, of what `defaultNetstreamDriverC…` there is.
const CARRIED_FILES: &[&str] = &["defaultnetstreamdrivercafile", "defaultnetstreamdrivercertfile"];

impl<'r> Import<'r> {
    pub(super) fn object(&mut self, statement: &'r Statement, object: &'r Object) {
        let name = object.name.text.to_ascii_lowercase();
        match name.as_str() {
            "global" => self.global(statement, object),
            "module" => self.module_of_others(statement, object),
            // In tables of their own, with their comments.
            "input" | "template" => {}
            "ruleset" => self.ruleset(statement, object),
            "main_queue" => {
                let why = "messages are routed as they come; buffer-max bounds what waits to be written";
                let above = self.noted(statement, why);
                self.at_top(above);
            }
            "include" => self.at_top(comments(statement)),
            _ => {
                let why = match name.as_str() {
                    "lookup_table" => "there are no lookup tables",
                    "dyn_stats" | "perctile_stats" | "percentile_stats" => "metrics are those of the manual",
                    "parser" => "every shape of message is told apart by itself",
                    "timezone" => "time-zone of an input takes a name such as \"Europe/Paris\"",
                    _ => "logd has nothing of this name",
                };
                let above = self.lost(statement, why);
                self.at_top(above);
            }
        }
    }

    fn global(&mut self, statement: &Statement, object: &Object) {
        let mut above = comments(statement);
        for (name, value) in all_values(object) {
            let text = Value::Text(value.text.clone());
            match name.as_str() {
                "localhostname" => self.document.section(Rank::Top, "").set(Vec::new(), "hostname", text),
                "umask" => self
                    .document
                    .section(Rank::Process, "process")
                    .set(Vec::new(), "umask", text),
                "privdrop.user.name" | "privdrop.user.id" => {
                    self.document
                        .section(Rank::Process, "process")
                        .set(Vec::new(), "user", text);
                }
                "privdrop.group.name" | "privdrop.group.id" => {
                    self.document
                        .section(Rank::Process, "process")
                        .set(Vec::new(), "group", text);
                }
                _ => {
                    // Further files of certificates; the ones that are carried over begin as the driver's name does.
                    let is_of_files =
                        name.starts_with("defaultnetstreamdriverc") && CARRIED_FILES.iter().all(|known| *known != name);
                    let noted = NOTED.iter().find(|(begin, _)| name.starts_with(begin) && !is_of_files);
                    match noted {
                        Some((_, "")) => {}
                        Some((_, why)) => self.noted_part(value.place, why),
                        None => {
                            above.extend(self.lost_text(statement.place, value.place, "logd has nothing of this name"));
                        }
                    }
                }
            }
        }
        self.at_top(above);
    }

    /// A module that is no input.
    fn module_of_others(&mut self, statement: &Statement, object: &Object) {
        let module = object
            .value("load")
            .map(|load| load.text.to_ascii_lowercase())
            .unwrap_or_default();
        let module = module.rsplit('/').next().unwrap_or_default().trim_end_matches(".so");
        if module.starts_with("im") {
            return;
        }
        let above = if module.starts_with("om") || module.starts_with("builtin:om") || module.starts_with("lmnsd") {
            // What is done by it is reported there.
            comments(statement)
        } else {
            self.lost(statement, "rsyslog's modules can't be loaded")
        };
        self.at_top(above);
    }

    fn ruleset(&mut self, statement: &'r Statement, object: &'r Object) {
        let above = comments(statement);
        let (Some(name), Some(Body::Script(script))) = (object.value("name"), &object.body) else {
            self.error(object.place, "a ruleset has a name and a block");
            return;
        };
        for parameter in &object.parameters {
            let name = parameter.name.text.to_ascii_lowercase();
            if name.starts_with("queue.") {
                self.noted_part(parameter.place, "messages are routed as they come");
            } else if name == "parser" {
                self.lost_part(parameter.place, "every shape of message is told apart by itself");
            } else if name != "name" {
                self.lost_part(parameter.place, "rulesets have nothing of this name");
            }
        }
        let is_default = name.is("RSYSLOG_DefaultRuleset");
        let guard = self.guard_of((!is_default).then_some(name.text.as_str()));
        self.heading(above);
        if guard.has_no_input() && self.has_lost_input((!is_default).then_some(name.text.as_str())) {
            let above = self.lost_text(object.place, name.place, NO_INPUT);
            self.remark(above);
            return;
        }
        if !is_default && guard.has_no_input() {
            // It is written where it is called.
            if !calls(&self.reading.script, &name.text) {
                self.noted_part(name.place, "no input is bound to this ruleset, and nothing calls it");
            }
            return;
        }
        self.script(script, &guard);
        self.remark(lines(&script.comments));
    }

    /// `module(load="builtin:omfile" …)`: what files have whose actions don't say it.
    pub(super) fn file_module(&mut self, object: &Object) {
        if !object
            .value("load")
            .is_some_and(|load| load.is("builtin:omfile") || load.is("omfile"))
        {
            return;
        }
        for (name, value) in all_values(object) {
            if name == "template" {
                self.templates.file_module.format = Some(value.text);
            } else if !self.templates.file_module.set(&name, &value.text) && name != "load" {
                self.noted_part(value.place, "files are written as logd does it");
            }
        }
    }
}
