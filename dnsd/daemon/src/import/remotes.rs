//! Other servers: a `server` statement becomes a `[remote]` table, by which lists of servers then name that address. Named
//! lists (`primaries`, formerly `masters`) are found here for those who use them.

use std::collections::HashMap;
use std::net::IpAddr;

use dnsd_core::named_conf::{Block, Statement};

use super::Import;
use super::match_list::Names;
use super::toml::{Rank, Value, bare_or_quoted};

/// The statements that set what a `[remote]` table has.
const CARRIED: [&str; 5] = [
    "keys",
    "transfer-source",
    "transfer-source-v6",
    "notify-source",
    "notify-source-v6",
];

/// Those of them that are about where questions come from.
const SOURCES: [&str; 4] = [
    "transfer-source",
    "transfer-source-v6",
    "notify-source",
    "notify-source-v6",
];

/// What is known of other servers before the first statement is carried over: it may refer to the last one.
#[derive(Debug, Default)]
pub(super) struct Remotes<'b> {
    /// By address: the table that a `server` statement becomes, and what stands in the statement.
    tables: HashMap<IpAddr, (String, &'b Block)>,
    /// Named lists, by their names in small letters as they are found without case.
    pub(super) lists: HashMap<String, &'b Statement>,
}

impl<'b> Remotes<'b> {
    pub(super) fn declared(whole: &'b Block, names: &mut Names) -> Self {
        let mut remotes = Self::default();
        remotes.declare(whole, names);
        for view in whole.all("view").filter_map(Statement::block) {
            remotes.declare(view, names);
        }
        remotes
    }

    fn declare(&mut self, block: &'b Block, names: &mut Names) {
        for server in block.all("server") {
            let sets_something = |block: &&Block| CARRIED.iter().any(|name| block.last(name).is_some());
            let Some((address, block)) = address(server).zip(server.block().filter(sets_something)) else {
                continue;
            };
            let name = format!("server-{}", address.to_string().replace([':', '.'], "-"));
            self.tables
                .entry(address)
                .or_insert_with(|| (names.claim(&name), block));
        }
        for keyword in ["primaries", "masters", "remote-servers", "parental-agents"] {
            for list in block.statements.iter().filter(|statement| statement.is(keyword)) {
                if let Some(name) = list.word(1) {
                    self.lists.insert(name.text.to_ascii_lowercase(), list);
                }
            }
        }
    }

    /// The table that stands for an address.
    pub(super) fn table(&self, address: IpAddr) -> Option<&str> {
        self.tables.get(&address).map(|(name, _)| name.as_str())
    }

    /// What that table has, for a list that names the address with something of its own.
    pub(super) fn server(&self, address: IpAddr) -> Option<Server<'b>> {
        let (_, block) = self.tables.get(&address)?;
        let source = SOURCES
            .iter()
            .find_map(|name| block.last(name))
            .and_then(|source| source.word(1));
        Some(Server {
            keys: block.last("keys").map(keys).unwrap_or_default(),
            source: source
                .map(|source| source.text.as_str())
                .filter(|source| *source != "*"),
        })
    }
}

/// What a `server` statement sets.
#[derive(Debug)]
pub(super) struct Server<'b> {
    pub(super) keys: Vec<&'b str>,
    pub(super) source: Option<&'b str>,
}

/// The keys that a statement names.
fn keys(statement: &Statement) -> Vec<&str> {
    match statement.block() {
        Some(keys) => {
            let names = keys.statements.iter().filter_map(Statement::name);
            names.map(|key| key.text.as_str()).collect()
        }
        None => statement.word(1).into_iter().map(|key| key.text.as_str()).collect(),
    }
}

/// The one address that a `server` statement is about.
fn address(server: &Statement) -> Option<IpAddr> {
    server.word(1)?.text.parse().ok()
}

impl<'b> Import<'b> {
    /// `server ADDRESS { keys NAME; … };`
    pub(super) fn server(&mut self, statement: &'b Statement) {
        let Some(block) = statement.block() else {
            self.error(statement, "server takes an address and a block");
            return;
        };
        let table = address(statement).and_then(|address| Some((address, self.remotes.table(address)?.to_owned())));
        let Some((address, name)) = table else {
            let above = self.lost(
                statement,
                "dnsd has tables for single servers with keys or a source only",
            );
            self.document.top().comment(above);
            return;
        };
        let header = format!("remote.{}", bare_or_quoted(&name));
        if self.document.section(Rank::Remote, &header).has("address") {
            let above = self.lost(statement, "this server has a table already, from another view");
            self.document.section(Rank::Remote, &header).comment(above);
            return;
        }
        let above = self.comments(statement);
        let section = self.document.section(Rank::Remote, &header).above(above);
        section.set(Vec::new(), "address", Value::texts([address.to_string()]));
        for inner in &block.statements {
            self.server_statement(inner, &header);
        }
        let behind = super::report::lines(&block.comments);
        self.document.section(Rank::Remote, &header).comment(behind);
    }

    fn server_statement(&mut self, statement: &'b Statement, header: &str) {
        let name = statement.name().map_or("", |name| name.text.as_str());
        let has_source = self.document.section(Rank::Remote, header).has("source");
        let (above, assignment) = match name {
            "keys" => (self.comments(statement), Some(("key", Value::texts(keys(statement))))),
            source if SOURCES.contains(&source) && !has_source => self.source(statement),
            "provide-ixfr" | "request-ixfr" | "edns" | "send-cookie" | "request-nsid" | "transfer-format"
            | "tcp-keepalive" | "request-expire" => (
                self.noted(statement, "dnsd finds out what the other server takes"),
                None,
            ),
            _ => (self.lost(statement, "there is no such key in [remote]"), None),
        };
        let section = self.document.section(Rank::Remote, header);
        match assignment {
            Some((key, value)) => section.set(above, key, value),
            None => section.comment(above),
        }
    }

    /// `transfer-source ADDRESS;`: where a server's questions come from.
    fn source(&mut self, statement: &Statement) -> (Vec<String>, Option<(&'static str, Value)>) {
        let Some(source) = statement.word(1) else {
            return (self.lost(statement, "no address"), None);
        };
        if source.text == "*" {
            return (self.noted(statement, "the system chooses"), None);
        }
        if statement.parts.len() > 2 {
            self.lost_part(statement.place, "the port: it is chosen for each question");
        }
        let value = Value::Text(source.text.clone());
        (self.comments(statement), Some(("source", value)))
    }

    /// `primaries NAME { … };`: a list that others refer to is written out where they do.
    pub(super) fn server_list(&mut self, statement: &'b Statement) {
        let above = self.comments(statement);
        self.document.remark(Rank::Remote, above);
    }
}
