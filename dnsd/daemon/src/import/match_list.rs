//! Address match lists: `acl`, and the lists of `allow-query` and the like.
//!
//! Both servers go through a list and take the first entry that matches. A nested list is one entry in BIND: its exclusions
//! end that list only, and an excluded one excludes whom it lets in. So a nested list gets a name of its own here, unless it
//! only names whom it lets in: then its entries can stand in the outer one.
//!
//! An entry that dnsd doesn't have makes its list narrower: it lets in fewer than in BIND. Excluding such a list would exclude
//! fewer, too, so everybody is excluded in its place.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use dnsd_core::named_conf::{Block, Part, Statement, Word};

use super::Import;
use super::toml::{Element, Rank, Value};

/// What both servers know by these names.
const BUILT_IN: [&str; 4] = ["any", "none", "localhost", "localnets"];

/// The names that lists and servers have here: one name space, while BIND has one for each.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// From BIND's name of an `acl`, in small letters as it is found without case, to ours.
    acls: HashMap<String, String>,
    /// Those of the `acl`s that are narrower here.
    narrower: HashSet<String>,
    taken: Vec<String>,
}

impl Names {
    /// Those of the `acl` statements.
    pub(super) fn declared(whole: &Block) -> Self {
        let mut names = Self::default();
        for word in whole.all("acl").filter_map(|acl| acl.word(1)) {
            let lower = word.text.to_ascii_lowercase();
            if !names.acls.contains_key(&lower) {
                let name = names.claim(&word.text);
                names.acls.insert(lower, name);
            }
        }
        names.find_narrower(whole);
        names
    }

    /// Marks the lists that lack something here, and those that name them, until none is added.
    fn find_narrower(&mut self, whole: &Block) {
        loop {
            let before = self.narrower.len();
            for acl in whole.all("acl") {
                if let (Some(word), Some(block)) = (acl.word(1), acl.block())
                    && self.is_narrower(block)
                {
                    self.narrower.insert(word.text.to_ascii_lowercase());
                }
            }
            if self.narrower.len() == before {
                return;
            }
        }
    }

    /// Whether a list lets in fewer here than in BIND.
    pub(super) fn is_narrower(&self, block: &Block) -> bool {
        let mut entries = block.statements.iter();
        entries.any(|statement| self.entry_is_narrower(without_exclusions(&statement.parts).1))
    }

    fn entry_is_narrower(&self, parts: &[Part]) -> bool {
        match parts {
            [Part::Block(block)] => self.is_narrower(block),
            [Part::Word(word)] if self.narrower.contains(&word.text.to_ascii_lowercase()) => true,
            [Part::Word(word)] => !is_a_name(&word.text) && network(&word.text).is_none(),
            [Part::Word(keyword), Part::Word(_)] => !keyword.is("key"),
            [Part::Word(address), Part::Word(slash), Part::Word(length)] => {
                slash.text != "/" || network(&format!("{}/{}", address.text, length.text)).is_none()
            }
            _ => true,
        }
    }

    /// A name like `wanted` that is not taken yet: letters, digits, `-`, `_` and `.`, a letter first.
    pub(super) fn claim(&mut self, wanted: &str) -> String {
        let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let mut name: String = wanted.chars().map(|c| if sound(c) { c } else { '-' }).collect();
        if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            name.insert_str(0, "list-");
        }
        let is_free = |names: &Self, name: &str| {
            let is_taken = names.taken.iter().any(|taken| taken == name);
            !is_taken && !BUILT_IN.contains(&name.to_ascii_lowercase().as_str())
        };
        let mut free = name.clone();
        let mut number = 2;
        while !is_free(self, &free) {
            free = format!("{name}-{number}");
            number += 1;
        }
        self.taken.push(free.clone());
        free
    }
}

impl<'b> Import<'b> {
    /// `acl NAME { … };`
    pub(super) fn acl(&mut self, statement: &'b Statement) {
        let (Some(word), Some(block)) = (statement.word(1), statement.block()) else {
            self.error(statement, "acl takes a name and a list");
            return;
        };
        let lower = word.text.to_ascii_lowercase();
        let name = self.names.acls.get(&lower).cloned().unwrap_or_default();
        if self.document.section(Rank::Acl, "acl").has(&name) {
            self.error(statement, "there is an acl of this name already");
            return;
        }
        let list = self.match_list(block, &name);
        let above = self.comments(statement);
        self.document.section(Rank::Acl, "acl").set(above, &name, list);
    }

    /// The entries of a list; `name` is what lists in it are named after.
    pub(super) fn match_list(&mut self, block: &'b Block, name: &str) -> Value {
        let mut elements = Vec::new();
        let mut above = Vec::new();
        for statement in &block.statements {
            let (excluded, parts) = without_exclusions(&statement.parts);
            let mut entries = Vec::new();
            if !(excluded && self.names.entry_is_narrower(parts)) {
                entries = self.entries(statement, parts, name);
            }
            if entries.is_empty() {
                above.extend(self.unknown_entry(statement, excluded));
                // Whom it would exclude can't be told from others.
                entries.extend(excluded.then(|| "any".to_owned()));
            } else {
                above.extend(self.comments(statement));
            }
            let sign = if excluded { "!" } else { "" };
            for entry in entries {
                elements.push(Element {
                    value: Value::Text(format!("{sign}{entry}")),
                    above: std::mem::take(&mut above),
                });
            }
        }
        above.extend(super::report::lines(&block.comments));
        match elements.last_mut() {
            Some(last) => last.above.append(&mut above),
            // What is said of the list needs an entry to stand above.
            None if !above.is_empty() => elements.push(Element {
                value: Value::Text("none".to_owned()),
                above,
            }),
            None => {}
        }
        Value::List(elements)
    }

    /// What one entry is here, its `!` left out: more than one for a nested list, none for what dnsd doesn't have.
    fn entries(&mut self, statement: &'b Statement, parts: &'b [Part], name: &str) -> Vec<String> {
        match parts {
            [Part::Block(block)] => self.nested_list(block, name),
            [Part::Word(word)] => self.single(statement, word).into_iter().collect(),
            [Part::Word(keyword), Part::Word(key)] if keyword.is("key") => vec![format!("key:{}", key.text)],
            [Part::Word(address), Part::Word(slash), Part::Word(length)] if slash.text == "/" => {
                network(&format!("{}/{}", address.text, length.text))
                    .into_iter()
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    fn unknown_entry(&mut self, statement: &Statement, excluded: bool) -> Vec<String> {
        let why = if excluded {
            "dnsd can't exclude all of this: nobody is let in by what follows, until you replace this entry"
        } else {
            "dnsd has no such entry: whom it would let in isn't let in"
        };
        self.lost(statement, why)
    }

    /// An address, a network, or the name of a list.
    fn single(&mut self, statement: &Statement, word: &Word) -> Option<String> {
        let lower = word.text.to_ascii_lowercase();
        if BUILT_IN.contains(&lower.as_str()) {
            return Some(lower);
        }
        if let Some(acl) = self.names.acls.get(&lower) {
            return Some(acl.clone());
        }
        if let Some(network) = network(&word.text) {
            return Some(network);
        }
        if is_a_name(&word.text) {
            self.error(statement, &format!("there is no acl named {:?}", word.text));
            return Some(word.text.clone());
        }
        None
    }

    fn nested_list(&mut self, block: &'b Block, name: &str) -> Vec<String> {
        let Value::List(elements) = self.match_list(block, name) else {
            return Vec::new();
        };
        let mut texts = Vec::new();
        for element in &elements {
            if let (Value::Text(text), true) = (&element.value, element.above.is_empty()) {
                texts.push(text.clone());
            }
        }
        // `none` ends a list, but not the one around it.
        let only_lets_in = texts.iter().all(|entry| !entry.starts_with('!') && entry != "none");
        let is_inlined = only_lets_in && texts.len() == elements.len() && !texts.is_empty();
        if is_inlined {
            return texts;
        }
        vec![self.named_list(&format!("{name}-part"), Value::List(elements))]
    }

    /// Names a list of ours, for lists that refer to it: once, if it is the same.
    pub(super) fn named_list(&mut self, name: &str, list: Value) -> String {
        let known = self.document.section(Rank::Acl, "acl").key_of(&list);
        if let Some(known) = known {
            return known.to_owned();
        }
        let name = self.names.claim(name);
        self.document.section(Rank::Acl, "acl").set(Vec::new(), &name, list);
        name
    }
}

/// Whether an entry is excluded by the `!`s in front of it, and what is behind them.
fn without_exclusions(parts: &[Part]) -> (bool, &[Part]) {
    let is_not = |part: &&Part| matches!(part, Part::Not(_));
    let exclusions = parts.iter().take_while(is_not).count();
    (exclusions % 2 == 1, &parts[exclusions..])
}

/// Whether a word is the name of a list, and no address.
fn is_a_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic()) && !word.contains(':')
}

/// An address or network as dnsd takes it; BIND's may leave out the zeros at the end of an IPv4 network: `10/8`.
pub(super) fn network(text: &str) -> Option<String> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = match address.parse() {
        Ok(address) => address,
        Err(_) => IpAddr::V4(shortened(address).filter(|_| length.is_some())?),
    };
    let Some(length) = length else {
        return Some(address.to_string());
    };
    let length: u8 = length.parse().ok()?;
    let network = ipnet::IpNet::new(address, length).ok()?;
    Some(network.to_string())
}

fn shortened(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let parts: Vec<&str> = text.trim_end_matches('.').split('.').collect();
    for (n, part) in parts.iter().enumerate() {
        *octets.get_mut(n)? = part.parse().ok()?;
    }
    Some(octets.into())
}
