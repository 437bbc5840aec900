//! `views` and `[view.NAME]`: zones that only some clients see.

use std::sync::Arc;

use ballast_shared::config::{Key, Spanned, Table, nearest};
use dnsd_core::acl::{Acl, Entry, Subject, Unreachable};

use super::lists::Lists;
use super::match_list::MatchListSpec;
use super::rules::{Rules, RulesSpec};
use super::zone_tables::{ZonesConfig, ZonesSpec};

/// A view.
#[derive(Debug)]
pub(crate) struct ViewConfig {
    /// Its name.
    pub(crate) name: String,
    /// Whom it is for.
    pub(crate) match_clients: Arc<Acl>,
    /// Whether its clients see the view's zones only; else a name of no zone of the view is looked up outside the views.
    pub(crate) strict: bool,
    /// Its zones.
    pub(crate) zones: ZonesConfig,
}

/// A view as it is written.
#[derive(Debug)]
pub(super) struct ViewSpec {
    pub(super) name: Key,
    match_clients: Option<MatchListSpec>,
    strict: Option<bool>,
    rules: RulesSpec,
    pub(super) zones: ZonesSpec,
}

impl ViewSpec {
    /// Reads the `[view]` tables of one file.
    pub(super) fn read_all(table: &Table<'_>) -> Vec<Self> {
        let mut views = Vec::new();
        for (name, value) in table.entries() {
            let Some(table) = value.table() else { continue };
            let mut view = Self {
                name,
                match_clients: table.optional("match-clients"),
                strict: table.optional("strict"),
                rules: RulesSpec::default(),
                zones: ZonesSpec::default(),
            };
            view.rules.read(&table);
            view.zones.read(&table);
            views.push(view);
        }
        views
    }

    fn resolve(&self, above: &Arc<Rules>, lists: &Lists<'_>) -> ViewConfig {
        let rules = self.rules.resolve(above, lists);
        ViewConfig {
            name: self.name.name.clone(),
            match_clients: self
                .match_clients
                .as_ref()
                .map_or_else(|| Arc::new(Acl::any()), |list| lists.resolve(list)),
            strict: self.strict.unwrap_or(false),
            zones: self.zones.resolve(&rules, lists),
        }
    }
}

/// The views in the order in which they are tried: that of `views`, else that of their tables.
pub(super) fn resolve(
    specs: &[ViewSpec],
    order: Option<&Spanned<Vec<Spanned<String>>>>,
    above: &Arc<Rules>,
    lists: &Lists<'_>,
) -> Vec<ViewConfig> {
    check_names(specs, lists);
    let ordered: Vec<&ViewSpec> = match order {
        Some(order) => in_order(specs, &order.value, lists),
        None => specs.iter().collect(),
    };
    let views: Vec<ViewConfig> = ordered.iter().map(|view| view.resolve(above, lists)).collect();
    warn_of_unreachable(&ordered, &views, lists);
    views
}

fn check_names(specs: &[ViewSpec], lists: &Lists<'_>) {
    for (index, view) in specs.iter().enumerate() {
        let name = &view.name;
        if !is_view_name(&name.name) {
            lists.diagnostics.error_with_help(
                name.span,
                "not a name of a view",
                "it has letters, digits, `-`, `_` and `.`, and doesn't begin with a dot: the view's files lie in a folder of \
                 this name",
            );
        }
        if let Some(first) = specs[..index].iter().find(|first| first.name.name == name.name) {
            let first = lists.diagnostics.place(first.name.span);
            let message = format!("the view {} is there already, at {first}", name.name);
            lists.diagnostics.error(name.span, message);
        }
    }
}

fn is_view_name(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(is_fit)
}

fn in_order<'s>(specs: &'s [ViewSpec], order: &[Spanned<String>], lists: &Lists<'_>) -> Vec<&'s ViewSpec> {
    let diagnostics = lists.diagnostics;
    let mut ordered: Vec<&ViewSpec> = Vec::new();
    for written in order {
        let name = &written.value;
        match specs.iter().find(|view| view.name.name == *name) {
            None => {
                let help = nearest(name, specs.iter().map(|view| view.name.name.as_str()))
                    .unwrap_or_else(|| format!("it is a table [view.{name}]"));
                diagnostics.error_with_help(written.span, format!("no view is called `{name}`"), help);
            }
            Some(view) if ordered.iter().any(|other| other.name.name == *name) => {
                diagnostics.error(written.span, format!("the view {} is tried already", view.name.name));
            }
            Some(view) => ordered.push(view),
        }
    }
    for view in specs {
        let name = &view.name.name;
        if !order.iter().any(|written| written.value == *name) {
            let message = format!("the view {name} is never tried: it isn't in `views`");
            diagnostics.error(view.name.span, message);
        }
    }
    ordered
}

/// A client has the first view that matches it, so the views are to each other as the entries of a list.
fn warn_of_unreachable(specs: &[&ViewSpec], views: &[ViewConfig], lists: &Lists<'_>) {
    let entries = views.iter().map(|view| Entry {
        excludes: false,
        subject: Subject::List {
            name: view.name.as_str().into(),
            acl: view.match_clients.clone(),
        },
    });
    for (index, why) in Acl::new(entries.collect()).unreachable() {
        let name = &specs[index].name;
        let why = match why {
            Unreachable::Covered => "whoever it is for has a view before it",
            Unreachable::MatchesNobody => "its match-clients match nobody",
        };
        lists
            .diagnostics
            .warning(name.span, format!("nobody has the view {}: {why}", name.name));
    }
}
