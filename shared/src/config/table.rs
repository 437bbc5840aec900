//! A table of a file, read key by key. What was not asked for by the time it is let go is an unknown key.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use toml::de::{DeTable, DeValue};

use super::diagnostics::{Diagnostics, Span, Spanned};
use super::suggest::nearest;
use super::value::{FromValue, Value};

/// A key as it stands in a file.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name, unquoted.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

/// Keys that a table is asked for, but for a few tables: the list of them grows where there are more.
const ASKED_MOSTLY: usize = 32;

/// A table that is being read.
///
/// Dropping it reports every key that nobody asked for, with the nearest of those that were asked for: the reading code is
/// the list of the keys that exist.
pub struct Table<'a> {
    diagnostics: &'a Diagnostics,
    span: Span,
    inner: &'a DeTable<'a>,
    /// Every key that was asked for, as often as it was: a server with ten thousand zones has as many tables.
    asked: RefCell<Vec<&'static str>>,
    all_taken: Cell<bool>,
    is_root: bool,
}

impl<'a> Table<'a> {
    pub(super) fn new(diagnostics: &'a Diagnostics, span: Span, inner: &'a DeTable<'a>) -> Self {
        Self {
            diagnostics,
            span,
            inner,
            asked: RefCell::new(Vec::with_capacity(ASKED_MOSTLY)),
            all_taken: Cell::new(false),
            is_root: false,
        }
    }

    pub(super) fn root(diagnostics: &'a Diagnostics, source: usize, inner: &'a DeTable<'a>) -> Self {
        let span = Span {
            source,
            start: 0,
            end: 0,
        };
        let mut table = Self::new(diagnostics, span, inner);
        table.is_root = true;
        table
    }

    /// Where the table stands.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Where complaints go.
    #[must_use]
    pub fn diagnostics(&self) -> &'a Diagnostics {
        self.diagnostics
    }

    /// The value of a key, if it is there.
    pub fn value(&self, key: &'static str) -> Option<Value<'a>> {
        self.asked.borrow_mut().push(key);
        if self.is_root {
            self.diagnostics.note_top_level_key(key);
        }
        let (_, value) = self.inner.iter().find(|(k, _)| k.get_ref() == key)?;
        Some(Value::new(self.diagnostics, self.span.source, value))
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn has_no_keys(&self) -> bool {
        self.inner.is_empty()
    }

    /// Whether it has this key and no other: what a table that has nothing but that need not be asked for. Whoever asks so asks
    /// for the key itself, too.
    #[must_use]
    pub fn has_only(&self, key: &str) -> bool {
        let mut keys = self.inner.keys();
        keys.next().is_some_and(|only| only.get_ref() == key) && keys.next().is_none()
    }

    /// The value of a key as a `T`; `None` if it is not there, or if it is wrong, which is then reported.
    pub fn optional<T: FromValue>(&self, key: &'static str) -> Option<T> {
        self.value(key).and_then(T::from_value)
    }

    /// The value of a key as a `T`; that it is missing or wrong is reported.
    pub fn required<T: FromValue>(&self, key: &'static str) -> Option<T> {
        let value = self.value(key);
        if value.is_none() {
            self.diagnostics.error(self.span, format!("`{key}` is missing here"));
        }
        value.and_then(T::from_value)
    }

    /// Fills a slot that only one of the files may fill.
    pub fn once<T: FromValue>(&self, key: &'static str, slot: &mut Option<Spanned<T>>) {
        let Some(read) = self.optional::<Spanned<T>>(key) else {
            return;
        };
        match slot {
            Some(first) => {
                let first = self.diagnostics.place(first.span);
                self.diagnostics
                    .error(read.span, format!("`{key}` is set already, at {first}"));
            }
            None => *slot = Some(read),
        }
    }

    /// The sub-table of a key, if it is there.
    pub fn table(&self, key: &'static str) -> Option<Table<'a>> {
        self.value(key).and_then(|v| v.table())
    }

    /// The tables of `[[key]]`, in the order written.
    pub fn array_of_tables(&self, key: &'static str) -> Vec<Table<'a>> {
        let elements = self.value(key).and_then(|v| v.array()).unwrap_or_default();
        elements.into_iter().filter_map(|v| v.table()).collect()
    }

    /// All entries in the order written, for tables whose keys are the user's own names.
    pub fn entries(&self) -> Vec<(Key, Value<'a>)> {
        self.all_taken.set(true);
        self.inner
            .iter()
            .map(|(key, value)| {
                let span = self.key_span(key.span());
                let key = Key {
                    name: key.get_ref().to_string(),
                    span,
                };
                (key, Value::new(self.diagnostics, self.span.source, value))
            })
            .collect()
    }

    fn key_span(&self, range: std::ops::Range<usize>) -> Span {
        Span {
            source: self.span.source,
            start: range.start,
            end: range.end,
        }
    }
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        if self.all_taken.get() {
            return;
        }
        let asked = self.asked.borrow();
        for (key, value) in self.inner {
            let name = key.get_ref().as_ref();
            if asked.contains(&name) {
                continue;
            }
            let span = self.key_span(key.span());
            // A table is where its header says, a line is where it has ended up.
            let is_line = !matches!(value.get_ref(), DeValue::Table(_));
            if is_line && !self.is_root && self.diagnostics.is_top_level_key(name) {
                self.diagnostics.error_with_help(
                    span,
                    format!("`{name}` has slipped below a table header, so it belongs to that table"),
                    "it stands at the top of the file, above the first [table]",
                );
                continue;
            }
            let message = format!("unknown key `{name}`");
            match nearest(name, each_once(&asked)) {
                Some(help) => self.diagnostics.error_with_help(span, message, help),
                None => self.diagnostics.error(span, message),
            }
        }
    }
}

fn each_once(keys: &[&'static str]) -> Vec<&'static str> {
    let mut seen = HashSet::new();
    keys.iter().copied().filter(|key| seen.insert(*key)).collect()
}
