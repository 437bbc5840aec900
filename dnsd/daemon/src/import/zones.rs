//! `zone NAME { type …; … };`

use std::path::Path;

use dnsd_core::name::Name;
use dnsd_core::named_conf::{Block, Statement};

use super::Import;
use super::reading::span;
use super::scope::Scope;
use super::settings::{Level, Line, inherited, nobody};
use super::toml::{Rank, Value, quoted};

/// A zone that is seen in a second view.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shared<'b> {
    /// What holds in its own view.
    scope: Scope<'b>,
    /// `zone NAME { in-view …; };`
    reference: &'b Statement,
}

impl<'b> Import<'b> {
    pub(super) fn zone(&mut self, statement: &'b Statement) {
        let (Some(name), Some(block)) = (statement.word(1), statement.block()) else {
            self.error(statement, "zone takes a name and a block");
            return;
        };
        let Ok(origin) = name.text.parse::<Name>() else {
            self.error(statement, "not a zone's name");
            return;
        };
        if statement.word(2).is_some_and(|class| !class.is("in")) {
            self.lost_zone(statement, "dnsd serves class IN only");
            return;
        }
        let view = self.view.as_ref().map(|view| view.name.clone());
        if self.zones_seen.contains(&(view.clone(), origin.clone())) {
            self.error(statement, "this zone stands here already");
            return;
        }
        self.zones_seen.push((view, origin));
        match block.last("in-view").and_then(|statement| statement.word(1)) {
            Some(view) => self.zone_of_other_view(statement, &view.text),
            None => {
                let above = self.comments(statement);
                self.zone_of_type(statement, block, above);
            }
        }
    }

    /// What becomes no zone is named where it would stand.
    fn lost_zone(&mut self, statement: &'b Statement, why: &str) {
        let above = self.lost(statement, why);
        self.document.remark(Rank::Zone, above);
    }

    fn zone_of_other_view(&mut self, statement: &'b Statement, view: &str) {
        let name = |statement: &'b Statement| statement.word(1).map(|name| name.text.as_str());
        let view = self
            .whole
            .all("view")
            .find(|other| name(other) == Some(view))
            .and_then(Statement::block);
        let zone = view.and_then(|view| view.all("zone").find(|zone| name(zone) == name(statement)));
        let scope = view.map(|view| self.scope.of_view(view));
        match zone.and_then(Statement::block).zip(scope) {
            Some((block, scope)) if block.last("in-view").is_none() => {
                let above = self.noted(statement, "the same zone, written out");
                self.shared = Some(Shared {
                    scope,
                    reference: statement,
                });
                self.zone_of_type(statement, block, above);
                self.shared = None;
            }
            _ => self.error(statement, "there is no such zone in that view"),
        }
    }

    /// What holds for a zone that doesn't say it itself, outside of its own view too.
    fn rules(&self) -> Scope<'b> {
        self.shared.map_or(self.scope, |shared| shared.scope)
    }

    /// In BIND a zone has the rules of the view that it stands in wherever it is seen: a copy gets them written out.
    fn rules_of_its_view(&mut self, shared: &Shared<'b>, block: &'b Block, level: Level, header: &str) {
        for name in inherited(level).filter(|name| block.last(name).is_none()) {
            let (its_own, here) = (shared.scope.find(name), self.scope.find(name));
            let line = match (its_own, here) {
                _ if name == "allow-update" => continue,
                (Some(its_own), Some(here)) if its_own.place == here.place => continue,
                (None, None) => continue,
                (Some(its_own), _) => self.setting(its_own, level).unwrap_or_default(),
                // Without a list named lets everybody ask and transfer, or nobody: it is more than this view does, or none.
                (None, Some(_)) if name == "allow-query" => continue,
                (None, Some(_)) if name.starts_with("allow-") => (Vec::new(), Some((name, nobody()))),
                (None, Some(here)) => {
                    let why =
                        format!("in-view: {name} of this view doesn't hold for the zone of the other, but does here");
                    self.lost_part(shared.reference.place, &why);
                    (self.comments(here), None)
                }
            };
            self.document.section(Rank::Zone, header).line((Vec::new(), line.1));
        }
        if level == Level::Primary {
            self.no_updates(shared, block, header);
        }
    }

    /// Two zones of one file don't see each other's updates.
    fn no_updates(&mut self, shared: &Shared<'b>, block: &'b Block, header: &str) {
        let allows = block
            .last("update-policy")
            .or_else(|| block.last("allow-update"))
            .or_else(|| shared.scope.find("allow-update"));
        let mut above = Vec::new();
        if allows.is_some_and(|statement| !is_nobody(statement)) {
            let why = "in-view: the zone is one in named, and a copy here, which takes no updates and sees none";
            above = self.lost(shared.reference, why);
        }
        if allows.is_some() || self.scope.find("allow-update").is_some() {
            let section = self.document.section(Rank::Zone, header);
            section.set(above, "allow-update", nobody());
        }
    }

    fn zone_of_type(&mut self, statement: &'b Statement, block: &'b Block, above: Vec<String>) {
        let Some(kind) = block.last("type").and_then(|kind| kind.word(1)) else {
            self.error(statement, "a zone has a type");
            return;
        };
        match kind.text.to_ascii_lowercase().as_str() {
            "master" | "primary" => self.primary(statement, block, above),
            "slave" | "secondary" => self.secondary(statement, block, above),
            "forward" => self.forward_zone(statement, block, above, &["forwarders"]),
            "static-stub" => self.forward_zone(statement, block, above, &["server-addresses"]),
            "stub" => self.forward_zone(statement, block, above, &["primaries", "masters"]),
            "hint" => {
                let above = self.noted(statement, "dnsd asks forwarders, not the root servers");
                self.document.remark(Rank::Zone, above);
            }
            "mirror" => self.lost_zone(
                statement,
                "dnsd doesn't resolve, and needs no mirror of a zone for that",
            ),
            "redirect" => self.lost_zone(statement, "dnsd doesn't redirect names that aren't there"),
            "delegation-only" => self.lost_zone(statement, "dnsd doesn't look into what others delegate"),
            _ => self.error(statement, "not a type of zone"),
        }
    }

    /// The name of a zone's table.
    fn table_of(&self, statement: &Statement, kind: &str) -> String {
        let name = statement.word(1).map_or("", |name| name.text.as_str());
        let name = match name.trim_end_matches('.') {
            "" => ".",
            name => name,
        };
        let view = self.view.as_ref().map(|view| format!("{}.", view.table));
        format!("{}zone.{}.{kind}", view.unwrap_or_default(), quoted(name))
    }

    fn primary(&mut self, statement: &'b Statement, block: &'b Block, above: Vec<String>) {
        if block.last("file").is_none() {
            self.lost_zone(statement, "a primary zone has a file here");
            return;
        }
        let format = block
            .last("masterfile-format")
            .or_else(|| self.rules().find("masterfile-format"));
        if format.is_some_and(|format| !format.word(1).is_some_and(|word| word.is("text"))) {
            self.lost_zone(
                statement,
                "its file is no text: `named-compilezone -f raw -F text` makes one of it",
            );
            return;
        }
        self.zone_table(statement, block, above, Level::Primary);
    }

    fn secondary(&mut self, statement: &'b Statement, block: &'b Block, above: Vec<String>) {
        if block.last("primaries").or_else(|| block.last("masters")).is_none() {
            self.lost_zone(statement, "a secondary zone has primaries here");
            return;
        }
        self.zone_table(statement, block, above, Level::Secondary);
    }

    fn zone_table(&mut self, statement: &'b Statement, block: &'b Block, above: Vec<String>, level: Level) {
        let kind = if level == Level::Primary {
            "primary"
        } else {
            "secondary"
        };
        let header = self.table_of(statement, kind);
        if block
            .last("allow-transfer")
            .or_else(|| self.rules().find("allow-transfer"))
            .is_none()
        {
            let why = "without allow-transfer named before 9.20 lets anybody transfer a zone; here nobody may";
            self.remark_once(statement, why);
        }
        self.document.section(Rank::Zone, &header).above(above);
        for inner in &block.statements {
            let line = match self.shared {
                Some(_) if changes(inner) => continue,
                _ => self.zone_statement(inner, level),
            };
            self.document.section(Rank::Zone, &header).line(line);
        }
        if let Some(shared) = self.shared {
            self.rules_of_its_view(&shared, block, level, &header);
        }
        let behind = super::report::lines(&block.comments);
        self.document.section(Rank::Zone, &header).comment(behind);
    }

    fn zone_statement(&mut self, statement: &'b Statement, level: Level) -> Line {
        let name = statement
            .name()
            .map(|name| name.text.to_ascii_lowercase())
            .unwrap_or_default();
        match name.as_str() {
            "type" | "masterfile-format" => (self.comments(statement), None),
            "file" => {
                let file = statement.word(1).map_or("", |file| file.text.as_str());
                if self.directory_is_a_guess && Path::new(file).is_relative() {
                    let why = "relative to where named was started: taken for the folder of its configuration";
                    self.diagnostics.note(span(statement.place), why);
                }
                let path = self.directory.join(file).to_string_lossy().into_owned();
                (self.comments(statement), Some(("file", Value::Text(path))))
            }
            // In named it takes the place of an outer `allow-update`.
            "update-policy" => (self.elsewhere(statement), Some(("allow-update", nobody()))),
            "forwarders" if statement.block().is_some_and(|block| block.statements.is_empty()) => (
                self.noted(statement, "what is below a zone of ours is not forwarded"),
                None,
            ),
            _ => match self.setting(statement, level) {
                Some(line) => line,
                None => (self.elsewhere(statement), None),
            },
        }
    }

    /// A zone whose questions go to other servers, which `lists` name.
    fn forward_zone(&mut self, statement: &'b Statement, block: &'b Block, mut above: Vec<String>, lists: &[&str]) {
        let header = self.table_of(statement, "forward");
        let policy = block.last("forward").or_else(|| self.scope.find("forward"));
        let is_first = lists == ["forwarders"]
            && !policy
                .and_then(|policy| policy.word(1))
                .is_some_and(|word| word.is("only"));
        if lists != ["forwarders"] {
            above.extend(self.noted(statement, "questions are forwarded to these servers"));
            // The comments of the statement are there already.
            let twice = self.comments(statement).len();
            let end = above.len() - 1;
            above.drain(end - twice..end);
        }
        self.document.section(Rank::Zone, &header).above(above);
        let mut has_some = false;
        for inner in &block.statements {
            let line = if lists.iter().any(|list| inner.is(list)) {
                has_some |= inner.block().is_some_and(|block| !block.statements.is_empty());
                (self.comments(inner), Some(("forwarders", self.forwarders(inner))))
            } else if inner.is("type") || inner.is("forward") || inner.is("file") {
                (self.comments(inner), None)
            } else {
                (self.elsewhere(inner), None)
            };
            self.document.section(Rank::Zone, &header).line(line);
        }
        let allow = self.allow().filter(|_| has_some);
        let section = self.document.section(Rank::Zone, &header);
        if !section.has("forwarders") {
            section.set(Vec::new(), "forwarders", Value::List(Vec::new()));
        }
        if has_some {
            let policy = if is_first { "first" } else { "only" };
            section.set(Vec::new(), "policy", Value::Text(policy.to_owned()));
        }
        if let Some(allow) = allow {
            section.set(Vec::new(), "allow", allow);
        }
        section.comment(super::report::lines(&block.comments));
    }
}

/// Whether a statement says who may change a zone.
fn changes(statement: &Statement) -> bool {
    statement.is("allow-update") || statement.is("update-policy")
}

/// Whether a list lets nobody in.
fn is_nobody(statement: &Statement) -> bool {
    let entries = statement.block().map_or(&[][..], |block| &block.statements);
    statement.block().is_some()
        && match entries {
            [] => true,
            [entry] => entry.is("none"),
            _ => false,
        }
}
