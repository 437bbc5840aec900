//! `[acl]`, and from lists as they are written to lists that decide: the names in them are looked up.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use ballast_shared::config::{Diagnostics, Key, Span, Spanned, Table, nearest};
use ballast_shared::plugin::Settings;
use dnsd_core::acl::{Acl, Entry, Subject, Unreachable};
use dnsd_core::name::Name;

use super::key::KeyRing;
use super::match_list::{BUILT_IN, EntrySpec, MatchListSpec, SubjectSpec, is_list_name};
use super::remote::Remotes;

/// Lists within lists are at most this deep. Each level takes stack when a client is decided on, and nobody reads so far.
const DEPTH_MAX: usize = 32;

/// An entry of `[acl]`.
#[derive(Debug)]
pub(super) struct AclSpec {
    name: Key,
    /// `None` when it is malformed, which was reported then.
    list: Option<MatchListSpec>,
}

impl AclSpec {
    /// Reads the table of one file.
    pub(super) fn read(table: &Table<'_>) -> Vec<Self> {
        let read = |(name, value)| Self {
            name,
            list: ballast_shared::config::FromValue::from_value(value),
        };
        table.entries().into_iter().map(read).collect()
    }
}

/// Looks up what lists name.
pub(super) struct Lists<'a> {
    pub(super) keys: &'a KeyRing,
    pub(super) remotes: &'a Remotes<'a>,
    pub(super) plugins: &'a [Settings],
    pub(super) diagnostics: &'a Diagnostics,
    specs: BTreeMap<&'a str, &'a AclSpec>,
    made: RefCell<HashMap<&'a str, Arc<Acl>>>,
    /// The lists that are being made, from the outermost on.
    underway: RefCell<Vec<&'a str>>,
    used: RefCell<BTreeSet<&'a str>>,
}

impl<'a> Lists<'a> {
    /// Compiles every list of `[acl]`, so that what is wrong with one is reported whether it is used or not.
    pub(super) fn new(
        specs: &'a [AclSpec],
        keys: &'a KeyRing,
        remotes: &'a Remotes<'a>,
        plugins: &'a [Settings],
        diagnostics: &'a Diagnostics,
    ) -> Self {
        let mut lists = Self {
            keys,
            remotes,
            plugins,
            diagnostics,
            specs: BTreeMap::new(),
            made: RefCell::default(),
            underway: RefCell::default(),
            used: RefCell::default(),
        };
        for spec in specs {
            lists.enter(spec);
        }
        for spec in specs {
            lists.acl(&spec.name.name, spec.name.span);
        }
        lists
    }

    fn enter(&mut self, spec: &'a AclSpec) {
        let (name, span) = (spec.name.name.as_str(), spec.name.span);
        if BUILT_IN.contains(&name) {
            self.diagnostics
                .error(span, format!("`{name}` is a list that is always there"));
        } else if !is_list_name(name) {
            self.diagnostics.error_with_help(
                span,
                "not a name of a list",
                "it begins with a letter and has letters, digits, `-`, `_` and `.`",
            );
        } else if let Some(remote) = self.remotes.span_of(name) {
            let remote = self.diagnostics.place(remote);
            self.diagnostics
                .error(span, format!("`{name}` is a remote already, at {remote}"));
        }
        if let Some(first) = self.specs.insert(name, spec) {
            let first = self.diagnostics.place(first.name.span);
            self.diagnostics
                .error(span, format!("the list {name} is there already, at {first}"));
        }
    }

    /// Compiles a list that stands with a key of its own.
    pub(super) fn resolve(&self, list: &MatchListSpec) -> Arc<Acl> {
        let entries: Vec<Option<Entry>> = list.entries.iter().map(|entry| self.entry(entry)).collect();
        let Some(entries) = entries.into_iter().collect::<Option<Vec<_>>>() else {
            return Arc::new(Acl::none());
        };
        let acl = Acl::new(entries);
        // What is wrong with another list may be why an entry of this one says nothing.
        let unreachable = if self.diagnostics.has_errors() {
            Vec::new()
        } else {
            acl.unreachable()
        };
        for (index, why) in unreachable {
            let span = list.entries[index].span;
            self.diagnostics.warning(
                span,
                match why {
                    Unreachable::Covered => "this entry never decides: whoever it matches is matched by one before it",
                    Unreachable::MatchesNobody => "this entry never decides: it is a list that allows nobody",
                },
            );
        }
        Arc::new(acl)
    }

    fn entry(&self, written: &Spanned<EntrySpec>) -> Option<Entry> {
        let EntrySpec { excludes, subject } = &written.value;
        let plain = |subject| (*excludes, subject);
        let (excludes, subject) = match subject {
            SubjectSpec::Any => plain(Subject::Any),
            // BIND's `none` is `!any`, and its `!none` is `any`.
            SubjectSpec::None => (!excludes, Subject::Any),
            SubjectSpec::Localhost => plain(Subject::Localhost),
            SubjectSpec::Localnets => plain(Subject::Localnets),
            SubjectSpec::Network(network) => plain(Subject::Network(*network)),
            SubjectSpec::Key(name) => plain(self.key(name, written.span)?),
            SubjectSpec::Named(name) => plain(self.named(name, written.span)?),
        };
        Some(Entry { excludes, subject })
    }

    fn key(&self, name: &Name, span: Span) -> Option<Subject> {
        self.keys.find(name, span, self.diagnostics)?;
        Some(Subject::Key(name.clone()))
    }

    fn named(&self, name: &str, span: Span) -> Option<Subject> {
        if let Some(remote) = self.remotes.find(name) {
            return Some(Subject::Remote(remote.as_subject()));
        }
        if let Some((&name, _)) = self.specs.get_key_value(name) {
            self.used.borrow_mut().insert(name);
            return self.acl(name, span).map(|acl| Subject::List { name: name.into(), acl });
        }
        let known = self.specs.keys().copied().chain(self.remotes.names()).chain(BUILT_IN);
        let message = format!("no list and no remote is called `{name}`");
        match nearest(name, known) {
            Some(help) => self.diagnostics.error_with_help(span, message, help),
            None => self.diagnostics.error(span, message),
        }
        None
    }

    /// A list of `[acl]`; that it holds itself is reported at the entry that closes the circle.
    fn acl(&self, name: &str, span: Span) -> Option<Arc<Acl>> {
        if let Some(made) = self.made.borrow().get(name) {
            return Some(made.clone());
        }
        let (&name, spec) = self.specs.get_key_value(name)?;
        let outer = self.underway.borrow().clone();
        if let Some(at) = outer.iter().position(|outer| *outer == name) {
            let circle = [&outer[at..], &[name]].concat().join(" → ");
            self.diagnostics
                .error(span, format!("the list {name} holds itself: {circle}"));
            return None;
        }
        if outer.len() == DEPTH_MAX {
            self.diagnostics
                .error(span, format!("lists within lists more than {DEPTH_MAX} deep"));
            return None;
        }
        self.underway.borrow_mut().push(name);
        let made = spec
            .list
            .as_ref()
            .map_or_else(|| Arc::new(Acl::none()), |list| self.resolve(list));
        self.underway.borrow_mut().pop();
        self.made.borrow_mut().insert(name, made.clone());
        Some(made)
    }

    /// Warns of lists that no list names.
    pub(super) fn warn_of_unused(&self) {
        let used = self.used.borrow();
        for (name, spec) in self.specs.iter().filter(|(name, _)| !used.contains(*name)) {
            self.diagnostics
                .warning(spec.name.span, format!("the list {name} is not used"));
        }
    }
}
