//! `options { … };`: what holds for the whole server.

use dnsd_core::named_conf::{Block, Part, Statement};

use super::Import;
use super::match_list::network;
use super::scope::yes_or_no;
use super::settings::{Level, Line};
use super::toml::{Rank, Value};

impl<'b> Import<'b> {
    pub(super) fn options(&mut self, statement: &'b Statement) {
        let Some(block) = statement.block() else {
            self.error(statement, "options takes a block");
            return;
        };
        let above = self.comments(statement);
        self.document.top().comment(above);
        for inner in &block.statements {
            self.option(inner);
        }
        let behind = super::report::lines(&block.comments);
        self.document.top().comment(behind);
    }

    fn option(&mut self, statement: &'b Statement) {
        let name = statement
            .name()
            .map(|name| name.text.to_ascii_lowercase())
            .unwrap_or_default();
        let line = match name.as_str() {
            // Names of files are written out.
            "directory" | "port" => (self.comments(statement), None),
            "listen-on" => return self.listen.dns.push((statement, false)),
            "listen-on-v6" => return self.listen.dns.push((statement, true)),
            "rate-limit" => return self.rate_limit(statement),
            "querylog" => return self.querylog(statement),
            _ => match self.setting(statement, Level::Options) {
                Some(line) => line,
                None => match self.resolving(statement, &name) {
                    Some(above) => (above, None),
                    None => (self.elsewhere(statement), None),
                },
            },
        };
        self.document.top().line(line);
    }

    /// `rate-limit { … };` has the same names here.
    fn rate_limit(&mut self, statement: &'b Statement) {
        let above = self.comments(statement);
        self.document.section(Rank::RateLimit, "rate-limit").above(above);
        let inner = statement
            .block()
            .map(|block| block.statements.as_slice())
            .unwrap_or_default();
        for limit in inner {
            let line = self.rate(limit);
            self.document.section(Rank::RateLimit, "rate-limit").line(line);
        }
    }

    fn rate(&mut self, statement: &'b Statement) -> Line {
        const NUMBERS: [&str; 12] = [
            "responses-per-second",
            "referrals-per-second",
            "nodata-per-second",
            "nxdomains-per-second",
            "errors-per-second",
            "all-per-second",
            "window",
            "slip",
            "ipv4-prefix-length",
            "ipv6-prefix-length",
            "max-table-size",
            "log-only",
        ];
        if let Some(key) = NUMBERS.into_iter().find(|number| statement.is(number)) {
            let value = match yes_or_no(statement).filter(|_| key == "log-only") {
                Some(yes) => Some(yes.to_string()),
                None => statement.word(1).map(|word| word.text.clone()),
            };
            return (self.comments(statement), value.map(|value| (key, Value::Bare(value))));
        }
        match statement.block().filter(|_| statement.is("exempt-clients")) {
            Some(block) => match networks(block) {
                Some(list) => (self.comments(statement), Some(("exempt-clients", list))),
                None => (self.lost(statement, "dnsd takes networks and addresses only"), None),
            },
            None if statement.is("min-table-size") => (self.noted(statement, "the table has its largest size"), None),
            None => (self.lost(statement, "dnsd's rate limit doesn't have this"), None),
        }
    }
}

/// A list of networks and addresses; `None` for one that has something else.
fn networks(block: &Block) -> Option<Value> {
    let of_entry = |entry: &Statement| match &entry.parts[..] {
        [Part::Word(word)] => network(&word.text),
        _ => None,
    };
    let networks = block.statements.iter().map(of_entry).collect::<Option<Vec<_>>>()?;
    Some(Value::texts(networks))
}
