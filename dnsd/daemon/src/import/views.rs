//! `view NAME { … };`

use dnsd_core::named_conf::Statement;

use super::Import;
use super::scope::yes_or_no;
use super::settings::Level;
use super::toml::{Rank, Value, bare_or_quoted};

/// The view that is being read.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// Its name in BIND, by which `in-view` refers to it.
    pub(super) name: String,
    /// Its table: `view.NAME`.
    pub(super) table: String,
}

impl<'b> Import<'b> {
    pub(super) fn view(&mut self, statement: &'b Statement) {
        let (Some(name), Some(block)) = (statement.word(1), statement.block()) else {
            self.error(statement, "view takes a name and a block");
            return;
        };
        if statement.word(2).is_some_and(|class| !class.is("in")) {
            let above = self.lost(statement, "dnsd serves class IN only");
            self.document.top().comment(above);
            return;
        }
        let table = format!("view.{}", bare_or_quoted(&table_name(&name.text)));
        let above = self.comments(statement);
        self.document.section(Rank::Zone, &table).above(above);
        let outer = self.scope;
        self.scope = outer.of_view(block);
        self.view = Some(View {
            name: name.text.clone(),
            table: table.clone(),
        });
        for inner in &block.statements {
            self.view_statement(inner, &table);
        }
        let behind = super::report::lines(&block.comments);
        let section = self.document.section(Rank::Zone, &table);
        // In BIND a zone that the view doesn't have is looked for nowhere else.
        section.set(Vec::new(), "strict", Value::Bare("true".to_owned()));
        section.comment(behind);
        self.scope = outer;
        self.view = None;
    }

    fn view_statement(&mut self, statement: &'b Statement, table: &str) {
        let name = statement
            .name()
            .map(|name| name.text.to_ascii_lowercase())
            .unwrap_or_default();
        let line = match name.as_str() {
            "zone" => return self.zone(statement),
            "key" => return self.key(statement),
            "server" => return self.server(statement),
            "match-clients" => {
                let Some(block) = statement.block() else {
                    self.error(statement, "match-clients takes a list");
                    return;
                };
                let list = self.match_list(block, "match-clients");
                (self.comments(statement), Some(("match-clients", list)))
            }
            "match-recursive-only" if yes_or_no(statement) == Some(false) => (self.comments(statement), None),
            _ => match self.setting(statement, Level::View) {
                Some(line) => line,
                None => match self.resolving(statement, &name) {
                    Some(above) => (above, None),
                    None => (self.elsewhere(statement), None),
                },
            },
        };
        self.document.section(Rank::Zone, table).line(line);
    }

    /// The list of views, in BIND's order.
    pub(super) fn list_views(&mut self) {
        let is_in = |view: &&Statement| view.word(2).is_none_or(|class| class.is("in"));
        let views = self.whole.all("view").filter(is_in);
        let names: Vec<String> = views
            .filter_map(|view| view.word(1))
            .map(|name| table_name(&name.text))
            .collect();
        if !names.is_empty() {
            self.document.top().set(Vec::new(), "views", Value::texts(names));
        }
    }
}

/// A view's name, which is one of a folder here.
pub(super) fn table_name(name: &str) -> String {
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = name.chars().map(|c| if sound(c) { c } else { '-' }).collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() {
        "view".to_owned()
    } else {
        name.to_owned()
    }
}
