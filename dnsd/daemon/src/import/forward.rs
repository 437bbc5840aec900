//! Who may have names resolved that are no zone's, and by whom: `recursion`, `allow-recursion`, `forwarders`.
//!
//! named resolves by itself; dnsd asks forwarders, in `[forward]` and in forward zones, each with a list of those whom it
//! does that for.

use dnsd_core::named_conf::Statement;

use super::Import;
use super::scope::{Scope, yes_or_no};
use super::settings::time;
use super::toml::{Element, Rank, Value};

/// The statements that are read together, for a server or a view.
const TOGETHER: [&str; 5] = [
    "allow-query-cache",
    "allow-recursion",
    "forward",
    "forwarders",
    "recursion",
];

impl<'b> Import<'b> {
    /// The comments of one of the statements that are about resolving; `None` for another statement.
    pub(super) fn resolving(&mut self, statement: &'b Statement, name: &str) -> Option<Vec<String>> {
        if self.view.is_some() && TOGETHER.contains(&name) && self.is_for_all_views(name) {
            return Some(self.lost(statement, "[forward] is one for all views: what `options` say holds"));
        }
        let (key, value) = match name {
            // `forwarders` takes its comments along; the others are seen in `allow`.
            "forwarders" => return Some(Vec::new()),
            "recursion" if yes_or_no(statement) == Some(true) && !self.forwards() => {
                let why = "dnsd doesn't resolve by itself: name servers that do in [forward], and who may have it";
                return Some(self.lost(statement, why));
            }
            "recursion" if yes_or_no(statement) == Some(false) => {
                return Some(self.noted(statement, "names of no zone are refused without a [forward]"));
            }
            "forward" if statement.word(1).is_some_and(|word| word.is("first")) => {
                return Some(self.noted(statement, "when no forwarder answers, dnsd doesn't resolve by itself"));
            }
            name if TOGETHER.contains(&name) => return Some(self.comments(statement)),
            "allow-query-on" | "allow-query-cache-on" | "allow-recursion-on" => {
                return Some(self.lost(
                    statement,
                    "what is allowed doesn't depend on the address that was asked",
                ));
            }
            // BIND's bound is in bytes, ours in answers.
            "max-cache-size" => return Some(self.noted(statement, "the cache of [forward] has a bound of its own")),
            "max-cache-ttl" => (
                "max-cache-ttl",
                statement.word(1).and_then(|word| time(&word.text, 1000)),
            ),
            "max-ncache-ttl" => (
                "max-ncache-ttl",
                statement.word(1).and_then(|word| time(&word.text, 1000)),
            ),
            _ => return None,
        };
        match value.filter(|_| self.forwards()) {
            Some(value) => {
                let above = self.comments(statement);
                self.document
                    .section(Rank::Forward, "forward")
                    .set(above, key, Value::Text(value));
                Some(Vec::new())
            }
            None => Some(self.noted(statement, "nothing is forwarded, and so nothing cached")),
        }
    }

    /// Whether names of no zone are forwarded.
    fn forwards(&self) -> bool {
        let has_some = |statement: &Statement| statement.block().is_some_and(|block| !block.statements.is_empty());
        self.scope.find("forwarders").is_some_and(has_some) && self.recurses()
    }

    /// Whether a statement of a view can only be said of the server here: what holds for a view's own forward zones can
    /// be said of each of these.
    fn is_for_all_views(&self, name: &str) -> bool {
        let options = self.whole.last("options").and_then(Statement::block);
        let has_forwarders = options.is_some_and(|options| options.last("forwarders").is_some());
        let recursion = options
            .and_then(|options| options.last("recursion"))
            .and_then(yes_or_no);
        let is_as_in_options = name == "recursion" && self.recurses() == recursion.unwrap_or(true);
        name == "forwarders" || (has_forwarders && !is_as_in_options)
    }

    fn recurses(&self) -> bool {
        self.scope.find("recursion").and_then(yes_or_no) != Some(false)
    }

    /// `[forward]`, after all else: a view may have said what holds for it.
    pub(super) fn write_forward(&mut self) {
        let Some(forwarders) = self.scope.own("forwarders").filter(|_| self.forwards()) else {
            self.note_resolving();
            return;
        };
        let above = self.comments(forwarders);
        let value = self.forwarders(forwarders);
        let allow = self.allow();
        let section = self.document.section(Rank::Forward, "forward");
        section.set(above, "forwarders", value);
        if let Some(allow) = allow {
            section.set(Vec::new(), "allow", allow);
        }
    }

    /// named resolves for its own networks without a word about it in its configuration.
    fn note_resolving(&mut self) {
        let by_default = self.recurses() && self.scope.find("recursion").is_none();
        let first = self.whole.last("options").or_else(|| self.whole.statements.first());
        if let Some(statement) = first.filter(|_| by_default) {
            let why = "named resolves other names for localhost and localnets by default; dnsd doesn't: with forwarders in \
                       [forward] it asks them";
            self.remark_once(statement, why);
        }
    }

    /// Whom names are resolved for: in BIND those who may have it done, and may see the cache. `None`: localhost and
    /// localnets, which is the default of both.
    pub(super) fn allow(&mut self) -> Option<Value> {
        if !self.recurses() {
            return Some(Value::texts(["none"]));
        }
        let scope: Scope<'b> = self.scope;
        let list = |name| scope.find(name).and_then(Statement::block);
        let (recursion, cache) = (list("allow-recursion"), list("allow-query-cache"));
        // Each of the two has the other's list when it has none, and that of allow-query when both have none.
        let one = recursion.or(cache).or_else(|| list("allow-query"))?;
        let mut allow = self.match_list(one, "allow-recursion");
        if let (Some(_), Some(cache)) = (recursion, cache) {
            let cache = self.match_list(cache, "allow-query-cache");
            if !covers(&cache, &allow) {
                self.intersect(&mut allow, cache);
            }
        }
        Some(allow)
    }

    /// Puts in front of a list that nobody passes whom another doesn't let in.
    fn intersect(&mut self, list: &mut Value, other: Value) {
        let other = self.named_list("allow-query-cache", other);
        let outside = Value::texts([format!("!{other}"), "any".to_owned()]);
        let outside = self.named_list("outside-allow-query-cache", outside);
        if let Value::List(elements) = list {
            elements.insert(0, Element::new(format!("!{outside}")));
        }
    }
}

/// Whether a list lets in everybody whom another does, as far as its entries show.
fn covers(wide: &Value, narrow: &Value) -> bool {
    let texts = |value: &Value| match value {
        Value::List(elements) => elements.iter().map(|element| element.value.clone()).collect(),
        Value::Text(_) | Value::Plain(_) | Value::Bare(_) | Value::Inline(_) => Vec::new(),
    };
    let (wide, narrow): (Vec<Value>, Vec<Value>) = (texts(wide), texts(narrow));
    let has = |text: &str| wide.contains(&Value::Text(text.to_owned()));
    let excludes = |value: &Value| matches!(value, Value::Text(text) if text.starts_with('!') || text == "none");
    if wide.iter().any(excludes) {
        return wide == narrow;
    }
    narrow.iter().all(|entry| {
        let is_near = *entry == Value::Text("localhost".to_owned()) && has("localnets");
        has("any") || wide.contains(entry) || is_near || excludes(entry)
    })
}
