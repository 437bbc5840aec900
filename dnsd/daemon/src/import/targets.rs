//! Lists of servers: `primaries`, `also-notify`, `forwarders`.

use std::net::{IpAddr, SocketAddr};

use dnsd_core::named_conf::{Block, Part, Statement};

use super::Import;
use super::remotes::Server;
use super::toml::{Element, Value};

/// How many lists may refer to each other, one in the next: a list that names itself ends here.
const LISTS_MAX: usize = 16;

/// DNS over UDP and TCP, and over TLS.
const PORT: u16 = 53;
const TLS_PORT: u16 = 853;

/// What holds for the entries of a list that don't say it themselves.
#[derive(Debug, Clone, Copy, Default)]
struct Defaults {
    port: Option<u16>,
    /// Whether what is asked is never signed: forwarders get a client's question.
    is_unsigned: bool,
}

impl<'b> Import<'b> {
    /// The servers of a statement: each by the name of its table, by its address, or with a key and a port of its own.
    pub(super) fn targets(&mut self, statement: &'b Statement) -> Value {
        let mut elements = Vec::new();
        self.list(statement, Defaults::default(), 0, &mut elements);
        Value::List(elements)
    }

    /// The servers that questions are forwarded to.
    pub(super) fn forwarders(&mut self, statement: &'b Statement) -> Value {
        let mut elements = Vec::new();
        let unsigned = Defaults {
            is_unsigned: true,
            ..Defaults::default()
        };
        self.list(statement, unsigned, 0, &mut elements);
        Value::List(elements)
    }

    fn list(&mut self, statement: &'b Statement, outer: Defaults, depth: usize, into: &mut Vec<Element>) {
        let Some(block) = statement.block() else {
            self.error(statement, "this takes a list of servers in braces");
            return;
        };
        if depth > LISTS_MAX {
            self.error(statement, "lists refer to each other in a circle");
            return;
        }
        for keyword in ["source", "source-v6", "dscp", "tls"] {
            if let Some(word) = statement.after(keyword) {
                self.lost_part(
                    word.place,
                    "what holds for all of a list: [remote] tables have it for each server",
                );
            }
        }
        let defaults = Defaults {
            port: port(statement).or(outer.port),
            ..outer
        };
        self.entries_of(block, defaults, depth, into);
    }

    fn entries_of(&mut self, block: &'b Block, defaults: Defaults, depth: usize, into: &mut Vec<Element>) {
        let mut above = Vec::new();
        for statement in &block.statements {
            let from = into.len();
            above.extend(self.target(statement, defaults, depth, into));
            if let Some(first) = into.get_mut(from) {
                first.above.splice(0..0, above.drain(..));
            }
        }
        above.extend(super::report::lines(&block.comments));
        if let Some(last) = into.last_mut() {
            last.above.append(&mut above);
        }
    }

    /// Adds one server, or those of a list that is named; returns the comments.
    fn target(
        &mut self,
        statement: &'b Statement,
        defaults: Defaults,
        depth: usize,
        into: &mut Vec<Element>,
    ) -> Vec<String> {
        let Some(Part::Word(first)) = statement.parts.first() else {
            self.error(statement, "not a server");
            return Vec::new();
        };
        let over_tls = statement.after("tls").filter(|tls| !tls.is("none"));
        let tls = over_tls.and_then(|name| self.tls_to_server(&name.text));
        if over_tls.is_some() && (tls.is_none() || defaults.is_unsigned || first.text.parse::<IpAddr>().is_err()) {
            return self.lost(statement, "over TLS: give the server a [remote] table with `tls`");
        }
        let Ok(address) = first.text.parse::<IpAddr>() else {
            let Some(list) = self.remotes.lists.get(&first.text.to_ascii_lowercase()).copied() else {
                self.error(statement, "neither an address nor the name of a list");
                return Vec::new();
            };
            self.list(list, defaults, depth + 1, into);
            return self.comments(statement);
        };
        let port = port(statement)
            .or(defaults.port)
            .filter(|&port| port != if tls.is_some() { TLS_PORT } else { PORT });
        let key = statement.after("key").map(|key| key.text.clone());
        let server = self.remotes.server(address);
        if defaults.is_unsigned && server.as_ref().is_some_and(|server| !server.keys.is_empty()) {
            // Whom it lets in doesn't change, and few servers ask their resolvers for signatures.
            self.noted_part(
                statement.place,
                "what is forwarded isn't signed, while `server` has a key for this address",
            );
        }
        let table = self
            .remotes
            .table(address)
            .filter(|_| port.is_none() && key.is_none() && tls.is_none());
        let written = port.map_or(address.to_string(), |port| SocketAddr::new(address, port).to_string());
        let value = match table.filter(|_| !defaults.is_unsigned) {
            Some(table) => Value::Text(table.to_owned()),
            None => with_all(written, key, server.filter(|_| !defaults.is_unsigned), tls),
        };
        into.push(Element {
            value,
            above: Vec::new(),
        });
        self.comments(statement)
    }
}

/// A server that is named with something of its own. What its `server` statement has holds whatever the port, and the key if
/// the list gives none.
fn with_all(address: String, key: Option<String>, server: Option<Server<'_>>, tls: Option<Value>) -> Value {
    let (keys, source) = server.map_or((Vec::new(), None), |server| (server.keys, server.source));
    let keys = match (key, &keys[..]) {
        (Some(key), _) => Some(Value::Text(key)),
        (None, []) => None,
        (None, [key]) => Some(Value::Text((*key).to_owned())),
        (None, keys) => Some(Value::texts(keys.iter().copied())),
    };
    if keys.is_none() && source.is_none() && tls.is_none() {
        return Value::Text(address);
    }
    let mut table = vec![("address", Value::Text(address))];
    table.extend(keys.map(|keys| ("key", keys)));
    table.extend(source.map(|source| ("source", Value::Text(source.to_owned()))));
    table.extend(tls.map(|tls| ("tls", tls)));
    Value::Inline(table)
}

/// The number behind `port`.
pub(super) fn port(statement: &Statement) -> Option<u16> {
    statement.after("port")?.text.parse().ok()
}
