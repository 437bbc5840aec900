//! What is wrong with a configuration: collected with its place, printed together at the end.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A stretch of one of the files that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub(super) source: usize,
    /// Byte offsets into the file.
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// The bytes from `start` up to `end` of a text that [`Diagnostics::add_source`] gave this number.
    #[must_use]
    pub fn new(source: usize, start: usize, end: usize) -> Self {
        Self { source, start, end }
    }

    /// A part of this span: `range` counts bytes from its start. Only right where the text stands unescaped, as it does in
    /// what is pointed into (selectors, templates); a range past the end is cut to it.
    #[must_use]
    pub fn part(self, range: std::ops::Range<usize>) -> Self {
        let start = (self.start + range.start).min(self.end);
        Self {
            start,
            end: (self.start + range.end).clamp(start, self.end),
            ..self
        }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spanned<T> {
    /// What was read.
    pub value: T,
    /// Where it was read.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// The same place with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned {
            value: f(self.value),
            span: self.span,
        }
    }
}

/// Whether a configuration with this diagnostic can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but the administrator will want to know.
    Warning,
    /// It can, and nothing need be done.
    Note,
}

#[derive(Debug, Clone)]
struct Diagnostic {
    severity: Severity,
    place: Place,
    message: String,
    help: Option<String>,
}

#[derive(Debug, Clone)]
enum Place {
    Span(Span),
    /// A file that could not be read has no text to point into.
    File(PathBuf),
}

struct Source {
    path: PathBuf,
    text: Arc<str>,
}

/// Collects what is wrong with the files of one configuration, and keeps their texts to show the lines.
#[derive(Default)]
pub struct Diagnostics {
    sources: RefCell<Vec<Source>>,
    found: RefCell<Vec<Diagnostic>>,
    /// Stretches that are never shown: they hold secrets, and what is printed ends up in logs.
    withheld: RefCell<Vec<Span>>,
    /// The keys that were asked for at the top of a file: one of them in a table below may be out of place.
    top_level_keys: RefCell<Vec<&'static str>>,
}

impl Diagnostics {
    /// An empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A key can stand at the top of a file.
    pub(super) fn note_top_level_key(&self, key: &'static str) {
        let mut keys = self.top_level_keys.borrow_mut();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }

    /// Whether a key can stand at the top of a file, as far as is known yet.
    pub(super) fn is_top_level_key(&self, key: &str) -> bool {
        self.top_level_keys.borrow().contains(&key)
    }

    /// The files that were read, and those that could not be.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let sources = self.sources.borrow();
        let found = self.found.borrow();
        let unread = found.iter().filter_map(|diagnostic| match &diagnostic.place {
            Place::File(path) => Some(path.clone()),
            Place::Span(_) => None,
        });
        sources.iter().map(|source| source.path.clone()).chain(unread).collect()
    }

    /// Keeps a stretch that holds a secret from being shown: what is reported of its lines has its place only.
    pub fn withhold(&self, span: Span) {
        self.withheld.borrow_mut().push(span);
    }

    /// Reports an error at a place.
    pub fn error(&self, span: Span, message: impl Into<String>) {
        self.push(Severity::Error, Place::Span(span), message.into(), None);
    }

    /// Reports an error at a place, with a line on how to mend it.
    pub fn error_with_help(&self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(Severity::Error, Place::Span(span), message.into(), Some(help.into()));
    }

    /// Reports something that works but will surprise.
    pub fn warning(&self, span: Span, message: impl Into<String>) {
        self.push(Severity::Warning, Place::Span(span), message.into(), None);
    }

    /// Reports what is worth knowing and asks for nothing.
    pub fn note(&self, span: Span, message: impl Into<String>) {
        self.push(Severity::Note, Place::Span(span), message.into(), None);
    }

    /// Reports an error of a file as a whole, such as that it is not there.
    pub fn file_error(&self, path: &Path, message: impl Into<String>) {
        self.push(Severity::Error, Place::File(path.to_owned()), message.into(), None);
    }

    /// Whether any error was reported; warnings don't count.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.found.borrow().iter().any(|d| d.severity == Severity::Error)
    }

    /// Whether nothing at all was reported.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// Where a span begins, as `path:line:column`, for messages that refer to another place.
    #[must_use]
    pub fn place(&self, span: Span) -> String {
        let sources = self.sources.borrow();
        let source = &sources[span.source];
        let position = Position::of(&source.text, span.start);
        format!("{}:{}:{}", source.path.display(), position.line, position.column)
    }

    /// Keeps a file's text, for the lines that are reported; the number is for [`Span::new`].
    pub fn add_source(&self, path: &Path, text: Arc<str>) -> usize {
        let mut sources = self.sources.borrow_mut();
        sources.push(Source {
            path: path.to_owned(),
            text,
        });
        sources.len() - 1
    }

    /// The folder of a file that was read: what its relative paths are relative to.
    pub(super) fn directory(&self, source: usize) -> PathBuf {
        self.sources.borrow()[source]
            .path
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default()
    }

    /// Whether the text at this span begins with a quote: then its content begins one byte later.
    pub(super) fn byte_at(&self, span: Span) -> Option<u8> {
        self.sources.borrow()[span.source]
            .text
            .as_bytes()
            .get(span.start)
            .copied()
    }

    fn push(&self, severity: Severity, place: Place, message: String, help: Option<String>) {
        self.found.borrow_mut().push(Diagnostic {
            severity,
            place,
            message,
            help,
        });
    }
}

/// Line and column of a byte offset, both from 1; columns count characters.
struct Position<'a> {
    line: usize,
    column: usize,
    text: &'a str,
    line_start: usize,
}

impl<'a> Position<'a> {
    fn of(text: &'a str, offset: usize) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line_start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[line_start..]
            .find('\n')
            .map_or(text.len(), |length| line_start + length);
        Self {
            line: text[..offset].matches('\n').count() + 1,
            column: text[line_start..offset].chars().count() + 1,
            text: text[line_start..line_end].trim_end_matches('\r'),
            line_start,
        }
    }

    /// Whether the line, which is one of `span`'s file, has a part of `secret`.
    fn touches(&self, span: Span, secret: Span) -> bool {
        let line_end = self.line_start + self.text.len();
        span.source == secret.source && secret.start <= line_end && self.line_start <= secret.end
    }

    /// The line, and carets below what `span` has of it.
    fn write_line(&self, f: &mut fmt::Formatter<'_>, span: Span) -> fmt::Result {
        writeln!(f, "    {}", self.text)?;
        // Tabs stay tabs, so that the caret stands under its word in any terminal.
        let lead: String = self
            .text
            .chars()
            .take(self.column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let end = (span.end.saturating_sub(self.line_start)).min(self.text.len());
        let start = span.start.saturating_sub(self.line_start).min(end);
        let width = self.text.get(start..end).map_or(1, |s| s.chars().count()).max(1);
        writeln!(f, "    {lead}{}", "^".repeat(width))
    }
}

/// Whether a line gives a value to a key named for a secret. Such a line may be wrong in a way that keeps it from being read
/// as what it is: a quote is missing, the key stands in the wrong table, or a colon where TOML has `=`.
fn assigns_secret(line: &str) -> bool {
    line.match_indices("secret").any(|(at, word)| {
        line[at + word.len()..]
            .trim_start_matches(|c: char| c.is_ascii_alphabetic() || matches!(c, '"' | '\'' | ' ' | '\t'))
            .starts_with(['=', ':'])
    })
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = self.sources.borrow();
        let withheld = self.withheld.borrow();
        let mut found = self.found.borrow().clone();
        // In the order of the files and of the lines in them, however the reading went about it.
        found.sort_by_key(|d| match &d.place {
            Place::File(_) => (0, 0),
            Place::Span(span) => (span.source + 1, span.start),
        });
        for (index, diagnostic) in found.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            diagnostic.write(f, &sources, &withheld)?;
        }
        Ok(())
    }
}

impl Diagnostic {
    fn write(&self, f: &mut fmt::Formatter<'_>, sources: &[Source], withheld: &[Span]) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
            Severity::Note => "note: ",
        };
        match &self.place {
            Place::File(path) => writeln!(f, "{}: {severity}{}", path.display(), self.message)?,
            Place::Span(span) => {
                let source = &sources[span.source];
                let at = Position::of(&source.text, span.start);
                writeln!(
                    f,
                    "{}:{}:{}: {severity}{}",
                    source.path.display(),
                    at.line,
                    at.column,
                    self.message
                )?;
                if !assigns_secret(at.text) && !withheld.iter().any(|secret| at.touches(*span, *secret)) {
                    at.write_line(f, *span)?;
                }
            }
        }
        if let Some(help) = &self.help {
            writeln!(f, "    {help}")?;
        }
        Ok(())
    }
}
