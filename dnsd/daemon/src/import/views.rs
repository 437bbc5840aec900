//! `view NAME { … };`

use dnsd_core::named_conf::{Block, Part, Statement};

use super::Import;
use super::scope::yes_or_no;
use super::settings::{Level, nobody};
use super::toml::{Element, Rank, Value, bare_or_quoted};

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
        let is_shut = self.shuts(statement, block, &table);
        if is_shut && block.last("match-clients").is_none() {
            let section = self.document.section(Rank::Zone, &table);
            section.set(Vec::new(), "match-clients", nobody());
        }
        for inner in &block.statements {
            self.view_statement(inner, &table, is_shut);
        }
        let behind = super::report::lines(&block.comments);
        let section = self.document.section(Rank::Zone, &table);
        // In BIND a zone that the view doesn't have is looked for nowhere else.
        section.set(Vec::new(), "strict", Value::Bare("true".to_owned()));
        section.comment(behind);
        self.scope = outer;
        self.view = None;
    }

    fn view_statement(&mut self, statement: &'b Statement, table: &str, is_shut: bool) {
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
                let mut list = self.match_list(block, "match-clients");
                if let (true, Value::List(elements)) = (is_shut, &mut list) {
                    elements.insert(0, Element::new("!any"));
                }
                (self.comments(statement), Some(("match-clients", list)))
            }
            "match-recursive-only" if yes_or_no(statement) == Some(false) => (self.comments(statement), None),
            "match-destinations" if is_any(statement) => (self.comments(statement), None),
            "match-destinations" | "match-recursive-only" => (self.elsewhere(statement), None),
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

    /// Whether nobody may have a view here: BIND chooses it by more than the client, or one before it lets in fewer here than
    /// there. Those would get the next view, while the one before may be there to refuse them.
    fn shuts(&mut self, statement: &'b Statement, block: &'b Block, table: &str) -> bool {
        if self.views_are_shut {
            let why = "a view before this lets in fewer than in named: nobody has this one, until you replace what is lost there";
            self.lost_part(statement.place, why);
            let above = vec![format!("NOT CARRIED OVER: {why}")];
            self.document.section(Rank::Zone, table).above(above);
        }
        let is_narrower = block
            .last("match-clients")
            .and_then(Statement::block)
            .is_some_and(|clients| self.names.is_narrower(clients));
        let is_shut = self.views_are_shut || chooses_by_more(block);
        self.views_are_shut |= is_narrower;
        is_shut
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

/// Whether a view is chosen by what was asked, and where, too.
fn chooses_by_more(view: &Block) -> bool {
    view.last("match-destinations").is_some_and(|list| !is_any(list))
        || view.last("match-recursive-only").and_then(yes_or_no) == Some(true)
}

/// Whether a statement has a list of everybody.
fn is_any(statement: &Statement) -> bool {
    let entries = statement.block().map_or(&[][..], |block| &block.statements);
    matches!(entries, [entry] if matches!(&entry.parts[..], [Part::Word(any)] if any.is("any")))
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
