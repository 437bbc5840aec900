//! Reads rsyslog.conf and the files that it includes into one script.

use std::path::Path;
use std::sync::Arc;

use ballast_shared::config::{Diagnostics, Span};
use ballast_shared::includes::{Absence, Include, Includes};
use logd_core::rsyslog_conf::{self, Body, Object, Place, Script, Statement, StatementKind};

/// A configuration as it was read.
#[derive(Debug)]
pub(super) struct Reading {
    /// The statements, those of included files where these were included.
    pub(super) script: Script,
    /// By the number of the file.
    texts: Vec<Arc<str>>,
}

impl Reading {
    /// What stands at a place.
    pub(super) fn text(&self, place: Place) -> &str {
        let text = self.texts.get(place.file);
        text.and_then(|text| text.get(place.start..place.end))
            .unwrap_or_default()
    }
}

/// Reads a file. What is wrong with it is in `diagnostics` afterwards.
pub(super) fn read(path: &Path, diagnostics: &Diagnostics) -> Reading {
    let mut reader = Reader {
        diagnostics,
        includes: Includes::new(diagnostics),
        texts: Vec::new(),
    };
    let script = reader.file(path, None, 0).unwrap_or_default();
    Reading {
        script,
        texts: reader.texts,
    }
}

/// A place of the text as the diagnostics know it.
pub(super) fn span(place: Place) -> Span {
    Span::new(place.file, place.start, place.end)
}

/// Whether a line may hold a password: those of databases do.
pub(super) fn may_hold_secret(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["ommysql", "ompgsql", "omlibdbi", "pwd", "password", "secret"]
        .iter()
        .any(|word| line.contains(word))
        || line
            .split_whitespace()
            .any(|word| word.starts_with('>') && word.contains(','))
}

struct Reader<'d> {
    diagnostics: &'d Diagnostics,
    includes: Includes<'d>,
    texts: Vec<Arc<str>>,
}

/// What an include names.
struct Named {
    pattern: String,
    absence: Absence,
}

impl Reader<'_> {
    /// Reads a file that `included_at` names, and what it includes.
    fn file(&mut self, path: &Path, included_at: Option<Span>, depth: usize) -> Option<Script> {
        let (source, text) = self.includes.read(path, included_at)?;
        self.texts.push(Arc::clone(&text));
        self.withhold_secrets(source, &text);
        let (mut script, errors) = rsyslog_conf::parse(&text, source);
        for error in errors {
            self.diagnostics.error(span(error.place), error.kind.to_string());
        }
        self.expand(&mut script, path, depth);
        Some(script)
    }

    /// What is printed ends up in terminals and logs.
    fn withhold_secrets(&self, source: usize, text: &str) {
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            if may_hold_secret(line) {
                let end = start + line.trim_end().len();
                self.diagnostics.withhold(Span::new(source, start, end));
            }
            start += line.len();
        }
    }

    /// Puts the statements of included files in the place of the `include`.
    fn expand(&mut self, script: &mut Script, path: &Path, depth: usize) {
        let mut expanded = Vec::with_capacity(script.statements.len());
        for mut statement in std::mem::take(&mut script.statements) {
            match &mut statement.kind {
                StatementKind::Select { then, .. } | StatementKind::Property { then, .. } => {
                    self.expand(then, path, depth);
                }
                StatementKind::If { then, otherwise, .. } => {
                    self.expand(then, path, depth);
                    if let Some(otherwise) = otherwise {
                        self.expand(otherwise, path, depth);
                    }
                }
                StatementKind::Object(Object {
                    body: Some(Body::Script(body)),
                    ..
                }) => self.expand(body, path, depth),
                _ => {}
            }
            match included(&statement) {
                Some(named) => self.include(statement, &named, path, depth, &mut expanded),
                None => expanded.push(statement),
            }
        }
        script.statements = expanded;
    }

    fn include(&mut self, statement: Statement, named: &Named, path: &Path, depth: usize, into: &mut Vec<Statement>) {
        let at = span(statement.place);
        let folder = path.parent().unwrap_or(Path::new(""));
        let include = Include {
            pattern: &named.pattern,
            relative_to: folder,
            folder,
            takes_folders: true,
            absence: named.absence,
            at,
        };
        let files = self.includes.find(&include, depth);
        let mut comments = statement.comments;
        comments.extend(statement.comments_behind);
        for file in files {
            let Some(mut included) = self.file(&file, Some(at), depth + 1) else {
                continue;
            };
            if let Some(first) = included.statements.first_mut() {
                if let Some(comment) = first.comments.first_mut() {
                    comment.is_apart = true;
                }
                first.comments.splice(0..0, comments.drain(..));
            }
            // What stands behind the last statement of a file has no statement to stand above.
            if let Some(last) = included.statements.last_mut() {
                last.comments_behind.append(&mut included.comments);
            }
            comments.append(&mut included.comments);
            into.append(&mut included.statements);
        }
        if let Some(last) = into.last_mut() {
            last.comments_behind.append(&mut comments);
        }
    }
}

/// What a statement includes, if it does.
fn included(statement: &Statement) -> Option<Named> {
    let (pattern, is_optional) = match &statement.kind {
        StatementKind::Directive { name, value } if name.is("IncludeConfig") => (value, false),
        StatementKind::Object(object) if object.is("include") => {
            let is_optional = object.value("mode").is_some_and(|mode| mode.is("optional"));
            (object.value("file")?, is_optional)
        }
        _ => return None,
    };
    let pattern = pattern.text.clone();
    let is_pattern = pattern.contains(['*', '?', '[']) || pattern.ends_with('/');
    let absence = match (is_optional, is_pattern) {
        (true, _) => Absence::Allowed,
        (false, true) => Absence::Noted,
        (false, false) => Absence::Refused,
    };
    Some(Named { pattern, absence })
}
