//! `logd import`: from rsyslog.conf to logd.toml.
//!
//! [`reading`] makes one script of the file and its includes. What is referred to by name is declared first: inputs, templates,
//! rulesets. Then the statements are gone through in the order written. rsyslog's filters nest and have an `else`; a rule of ours
//! has one condition, so each action gets the conditions that lead to it, and what is said of a message stays in its order.
//! What has no counterpart is never left out silently: it is reported with its line, and stands as a comment where it would be.

mod actions;
mod condition;
mod directives;
mod expression;
mod files;
mod forward;
mod inputs;
mod legacy;
mod objects;
mod reading;
mod report;
mod rules;
mod templates;
#[cfg(test)]
mod tests;
mod toml;

use std::collections::HashMap;
use std::path::Path;

use ballast_shared::config::Diagnostics;
use ballast_shared::exit::Exit;
use ballast_shared::imported::Imported;
use logd_core::rsyslog_conf::{Body, Script, Statement, StatementKind};

use inputs::Inputs;
use legacy::Legacy;
use reading::Reading;
use rules::Item;
use templates::Templates;
use toml::Document;

/// `logd import RSYSLOG.CONF`
pub(crate) fn run(rsyslog_conf: &Path) -> Exit {
    let diagnostics = Diagnostics::new();
    let imported = import(rsyslog_conf, &diagnostics);
    Imported::print(imported, &diagnostics)
}

/// Imports a file. `None` when it can't be read, which is in `diagnostics` then; so is everything that isn't carried over.
fn import(rsyslog_conf: &Path, diagnostics: &Diagnostics) -> Option<Imported> {
    let reading = reading::read(rsyslog_conf, diagnostics);
    if diagnostics.has_errors() {
        return None;
    }
    let mut import = Import::new(&reading, diagnostics);
    import.declare(&reading.script);
    import.whole(&reading.script);
    (!diagnostics.has_errors()).then(|| Imported {
        toml: import.document.to_string(),
        is_whole: import.is_whole,
    })
}

/// An import on its way.
struct Import<'r> {
    diagnostics: &'r Diagnostics,
    reading: &'r Reading,
    document: Document,
    /// Whether nothing was left out so far.
    is_whole: bool,
    /// Whether rsyslogd looks senders' names up: `net.enableDNS`.
    looks_names_up: bool,
    /// Whether something asks for them.
    needs_names: bool,
    /// What `$` directives have set for the actions that follow.
    legacy: Legacy,
    inputs: Inputs,
    templates: Templates,
    rulesets: HashMap<&'r str, Ruleset<'r>>,
    /// The ruleset that rules outside of any belong to: `$RuleSet`.
    ruleset: Option<String>,
    /// How many rulesets call each other here.
    calls: usize,
    /// The rules, and comments among them, until the outputs that they name are known.
    items: Vec<Item>,
    /// The outputs that are no files.
    outputs: Vec<Queued>,
    /// The names of outputs so far.
    output_names: Vec<String>,
}

/// An output that is no file.
struct Queued {
    kind: &'static str,
    keys: Vec<(&'static str, toml::Value)>,
    name: String,
}

/// `ruleset(name="…") { … }`
struct Ruleset<'r> {
    script: &'r Script,
    /// What directives had set where it stands.
    legacy: Legacy,
    /// Whether it has a queue, and so its own way through: its `stop` is not the caller's.
    has_queue: bool,
}

impl<'r> Import<'r> {
    fn new(reading: &'r Reading, diagnostics: &'r Diagnostics) -> Self {
        Self {
            diagnostics,
            reading,
            document: Document::default(),
            is_whole: true,
            looks_names_up: true,
            needs_names: false,
            legacy: Legacy::default(),
            inputs: Inputs::default(),
            templates: Templates::default(),
            rulesets: HashMap::new(),
            ruleset: None,
            calls: 0,
            items: Vec::new(),
            outputs: Vec::new(),
            output_names: Vec::new(),
        }
    }

    /// What others refer to by name, which may stand behind them.
    fn declare(&mut self, whole: &'r Script) {
        for statement in &whole.statements {
            match &statement.kind {
                StatementKind::Directive { name, value } => {
                    self.legacy.set(&name.text, &value.text);
                    self.input_directive(statement, name, &value.text);
                    if name.is("template") {
                        self.legacy_template(statement, value);
                    }
                }
                StatementKind::Object(object) if object.is("ruleset") => {
                    if let (Some(name), Some(Body::Script(script))) = (object.value("name"), &object.body) {
                        let ruleset = Ruleset {
                            script,
                            legacy: self.legacy.clone(),
                            has_queue: object.value("queue.type").is_some_and(|kind| !kind.is("direct")),
                        };
                        self.rulesets.insert(&name.text, ruleset);
                    }
                }
                StatementKind::Object(object) if object.is("template") => self.template(statement, object),
                StatementKind::Object(object) => {
                    if object.is("global")
                        && object
                            .value("net.enabledns")
                            .is_some_and(|value| !legacy::is_on(&value.text))
                    {
                        self.looks_names_up = false;
                    }
                    self.input_object(statement, object);
                    if object.is("module") {
                        self.file_module(object);
                    }
                }
                _ => {}
            }
        }
        self.legacy = Legacy::default();
        self.settle_inputs();
    }

    fn whole(&mut self, whole: &'r Script) {
        for statement in &whole.statements {
            self.statement(statement);
        }
        self.write_inputs();
        self.write_templates();
        self.write_rules();
        let behind = report::lines(&whole.comments);
        self.document.remark(toml::Rank::Rule, behind);
    }

    /// A statement outside of rulesets.
    fn statement(&mut self, statement: &'r Statement) {
        match &statement.kind {
            StatementKind::Directive { name, value } => self.directive(statement, name, value),
            StatementKind::Object(object) => self.object(statement, object),
            _ => {
                let ruleset = self.ruleset.clone();
                let guard = self.guard_of(ruleset.as_deref());
                if !guard.has_no_input() {
                    return self.rule(statement, &guard);
                }
                let above = if self.has_lost_input(ruleset.as_deref()) {
                    self.lost(statement, rules::NO_INPUT)
                } else {
                    self.noted(statement, "it is for the messages of no input")
                };
                self.remark(above);
            }
        }
    }
}
