//! Reads rsyslog.conf and the files that it includes into one script.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ballast_shared::config::{Diagnostics, Span};
use logd_core::rsyslog_conf::{self, Body, Object, Place, Script, Statement, StatementKind};

/// How deep files may include each other: a file that includes itself ends here.
const INCLUDE_DEPTH_MAX: usize = 16;
/// How many files are read at most: includes of a folder in a file of that folder multiply with every step down.
const FILES_MAX: usize = 10_000;

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
    texts: Vec<Arc<str>>,
}

/// What an include names.
struct Include {
    pattern: String,
    is_optional: bool,
}

impl Reader<'_> {
    /// Reads a file that `included_at` names, and what it includes.
    fn file(&mut self, path: &Path, included_at: Option<Span>, depth: usize) -> Option<Script> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let message = format!("{}: {error}", path.display());
                match included_at {
                    Some(span) => self.diagnostics.error(span, message),
                    None => self.diagnostics.file_error(path, error.to_string()),
                }
                return None;
            }
        };
        let text: Arc<str> = String::from_utf8_lossy(&bytes).into();
        let source = self.diagnostics.add_source(path, Arc::clone(&text));
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
                Some(include) => self.include(statement, &include, path, depth, &mut expanded),
                None => expanded.push(statement),
            }
        }
        script.statements = expanded;
    }

    fn include(
        &mut self,
        statement: Statement,
        include: &Include,
        path: &Path,
        depth: usize,
        into: &mut Vec<Statement>,
    ) {
        let at = span(statement.place);
        if depth == INCLUDE_DEPTH_MAX || self.texts.len() >= FILES_MAX {
            self.diagnostics.error(
                at,
                format!("more than {INCLUDE_DEPTH_MAX} files in each other, or {FILES_MAX} in all"),
            );
            return;
        }
        let mut comments = statement.comments;
        comments.extend(statement.comments_behind);
        for file in self.files(include, path, at) {
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

    /// The files that a pattern names, sorted as rsyslogd sorts them.
    fn files(&self, include: &Include, path: &Path, at: Span) -> Vec<PathBuf> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let named = folder.join(&include.pattern);
        let found = matches(&named);
        let is_pattern = include.pattern.contains(['*', '?', '[']) || include.pattern.ends_with('/');
        if !found.is_empty() || include.is_optional {
            return found;
        }
        // A configuration that was copied here from its server names files where they were there.
        let beside = if is_pattern {
            Vec::new()
        } else {
            let name = Path::new(&include.pattern).file_name();
            name.map(|name| matches(&folder.join(name))).unwrap_or_default()
        };
        if is_pattern {
            self.diagnostics
                .note(at, format!("{}: no such files here", named.display()));
        } else if beside.is_empty() {
            self.diagnostics.error(at, format!("{}: no such file", named.display()));
        } else {
            self.diagnostics.note(
                at,
                format!("{} is not here: read from beside this file", named.display()),
            );
        }
        beside
    }
}

/// What a statement includes, if it does.
fn included(statement: &Statement) -> Option<Include> {
    match &statement.kind {
        StatementKind::Directive { name, value } if name.is("IncludeConfig") => Some(Include {
            pattern: value.text.clone(),
            is_optional: false,
        }),
        StatementKind::Object(object) if object.is("include") => Some(Include {
            pattern: object.value("file")?.text.clone(),
            is_optional: object.value("mode").is_some_and(|mode| mode.is("optional")),
        }),
        _ => None,
    }
}

fn matches(pattern: &Path) -> Vec<PathBuf> {
    if pattern.is_file() {
        return vec![pattern.to_owned()];
    }
    // A folder stands for all that is in it.
    let pattern = if pattern.is_dir() {
        pattern.join("*")
    } else {
        pattern.to_owned()
    };
    let Some(paths) = pattern.to_str().and_then(|pattern| glob::glob(pattern).ok()) else {
        return Vec::new();
    };
    paths.flatten().filter(|path| path.is_file()).collect()
}
