//! `logging { … };`: of the categories only the queries go to a file of their own; the rest of what dnsd says goes to stderr,
//! from where the service manager takes it.

use dnsd_core::named_conf::{Block, Statement};

use super::Import;
use super::scope::yes_or_no;
use super::toml::{Rank, Value};

/// Channels that are there without being defined.
const BUILT_IN: [&str; 4] = ["default_syslog", "default_debug", "default_stderr", "null"];

impl<'b> Import<'b> {
    pub(super) fn logging(&mut self, statement: &'b Statement) {
        let Some(block) = statement.block() else {
            self.error(statement, "logging takes a block");
            return;
        };
        let mut categories = block.all("category");
        let queries = categories.find(|category| category.word(1).is_some_and(|name| name.text == "queries"));
        let of_queries = queries.map(channels).unwrap_or_default();
        let mut above = self.comments(statement);
        let mut written = false;
        for inner in &block.statements {
            if inner.is("channel") {
                let name = inner.word(1).map_or("", |name| name.text.as_str());
                let is_first = of_queries.iter().find(|name| !BUILT_IN.contains(name)) == Some(&name);
                if is_first {
                    above.extend(self.comments(inner));
                    self.query_log(inner, std::mem::take(&mut above));
                    written = true;
                } else {
                    above.extend(self.comments(inner));
                }
            } else {
                above.extend(self.category(inner, block));
            }
        }
        above.extend(super::report::lines(&block.comments));
        if !written && of_queries.contains(&"default_syslog") {
            let syslog = Value::Text("daemon".to_owned());
            self.document
                .section(Rank::QueryLog, "query-log")
                .set(Vec::new(), "syslog", syslog);
            written = true;
        }
        if written {
            self.document.section(Rank::QueryLog, "query-log").comment(above);
        } else {
            self.document.top().comment(above);
        }
    }

    /// The channel that queries go to.
    fn query_log(&mut self, channel: &'b Statement, above: Vec<String>) {
        self.document.section(Rank::QueryLog, "query-log").above(above);
        let inner = channel
            .block()
            .map(|block| block.statements.as_slice())
            .unwrap_or_default();
        for statement in inner {
            let name = statement.name().map_or("", |name| name.text.as_str());
            let word = statement.word(1).map(|word| word.text.clone()).unwrap_or_default();
            let line = match name {
                "file" => {
                    if statement.parts.len() > 2 {
                        let why = "a log is rotated by logrotate or the like: dnsd reopens it";
                        self.lost_part(statement.place, why);
                    }
                    let path = self.directory.join(word).to_string_lossy().into_owned();
                    (self.comments(statement), Some(("file", Value::Text(path))))
                }
                "syslog" => {
                    let facility = if word.is_empty() { "daemon".to_owned() } else { word };
                    (self.comments(statement), Some(("syslog", Value::Text(facility))))
                }
                "severity" | "buffered" => (self.comments(statement), None),
                "print-time" | "print-category" | "print-severity" => {
                    let key = ["print-time", "print-category", "print-severity"];
                    let key = key.into_iter().find(|key| *key == name).unwrap_or("print-time");
                    match yes_or_no(statement) {
                        Some(yes) => (self.comments(statement), Some((key, Value::Bare(yes.to_string())))),
                        None => (self.noted(statement, "dnsd has one form of time"), None),
                    }
                }
                _ => (self.lost(statement, "queries are logged to a file or to syslog"), None),
            };
            self.document.section(Rank::QueryLog, "query-log").line(line);
        }
    }

    fn category(&mut self, statement: &Statement, logging: &Block) -> Vec<String> {
        let name = statement.word(1).map_or("", |name| name.text.as_str());
        let is_local = |channel: &&str| {
            let mut defined = logging.all("channel");
            let defined = defined.find(|defined| defined.word(1).is_some_and(|name| name.text == *channel));
            // A file of its own is what the service manager's log doesn't replace by itself.
            defined
                .and_then(Statement::block)
                .is_none_or(|channel| channel.last("file").is_none())
        };
        let channels = channels(statement);
        if name == "queries" {
            let files = channels.iter().filter(|channel| **channel != "null").count();
            if files > 1 {
                return self.lost(statement, "queries go to one of these");
            }
            return self.comments(statement);
        }
        if channels.iter().all(is_local) {
            return self.noted(statement, "dnsd logs to stderr, for the journal and syslog");
        }
        self.lost(
            statement,
            "dnsd logs to stderr: the service manager or logd sorts it into files",
        )
    }

    /// `querylog yes;`, which counts where no category says where queries go.
    pub(super) fn querylog(&mut self, statement: &'b Statement) {
        let mut above = self.comments(statement);
        let section = self.document.section(Rank::QueryLog, "query-log");
        let categories = self
            .whole
            .all("logging")
            .filter_map(Statement::block)
            .flat_map(|block| block.all("category"));
        let has_category = categories
            .filter_map(|category| category.word(1))
            .any(|name| name.text == "queries");
        if yes_or_no(statement) == Some(true) && !has_category {
            let syslog = Value::Text("daemon".to_owned());
            section.set(above, "syslog", syslog);
            return;
        }
        if yes_or_no(statement) == Some(false) && has_category {
            above.push("named was started with the query log off, for `rndc querylog` to turn on".to_owned());
        }
        self.document.top().comment(above);
    }
}

/// The channels of a category.
fn channels(category: &Statement) -> Vec<&str> {
    let block = category
        .block()
        .map(|block| block.statements.as_slice())
        .unwrap_or_default();
    block
        .iter()
        .filter_map(Statement::name)
        .map(|name| name.text.as_str())
        .collect()
}
