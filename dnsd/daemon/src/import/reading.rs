//! Reads named.conf and the files that it includes into one tree of statements.

use std::path::{Path, PathBuf};

use ballast_shared::config::{Diagnostics, Span};
use ballast_shared::includes::{Absence, Include, Includes};
use dnsd_core::named_conf::{self, Block, Place, Statement};

/// A configuration as it was read.
#[derive(Debug)]
pub(super) struct Reading {
    /// The statements, those of included files where these were included.
    pub(super) block: Block,
    /// What relative names of files are relative to: `directory`, or else the folder of the file.
    pub(super) directory: PathBuf,
    /// Whether the files say so.
    pub(super) has_directory: bool,
}

/// Reads a file. What is wrong with it is in `diagnostics` afterwards.
pub(super) fn read(path: &Path, diagnostics: &Diagnostics) -> Reading {
    let mut reader = Reader {
        diagnostics,
        directory: None,
        includes: Includes::new(diagnostics),
    };
    let block = reader.file(path, None, 0).unwrap_or_else(|| Block {
        statements: Vec::new(),
        comments: Vec::new(),
        place: Place {
            file: 0,
            start: 0,
            end: 0,
        },
    });
    let folder = path.parent().unwrap_or(Path::new(""));
    // What is printed is read in another folder.
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    Reading {
        block,
        has_directory: reader.directory.is_some(),
        directory: reader.directory.unwrap_or(folder),
    }
}

/// A place of the text as the diagnostics know it.
pub(super) fn span(place: Place) -> Span {
    Span::new(place.file, place.start, place.end)
}

struct Reader<'d> {
    diagnostics: &'d Diagnostics,
    /// `directory`, as soon as it was read: named changes into it then, and later includes are relative to it.
    directory: Option<PathBuf>,
    includes: Includes<'d>,
}

impl Reader<'_> {
    /// Reads a file that `included_at` names, and what it includes.
    fn file(&mut self, path: &Path, included_at: Option<Span>, depth: usize) -> Option<Block> {
        let (source, text) = self.includes.read(path, included_at)?;
        self.withhold_secrets(source, &text);
        let (mut block, errors) = named_conf::parse(&text, source);
        for error in errors {
            self.diagnostics.error(span(error.place), error.kind.to_string());
        }
        self.expand(&mut block, path, depth);
        Some(block)
    }

    /// What is printed ends up in terminals and logs. A secret may stand lines behind the word: up to the end of the statement.
    fn withhold_secrets(&self, source: usize, text: &str) {
        let mut start = 0;
        let mut is_in_secret = false;
        for line in text.split_inclusive('\n') {
            let end = start + line.trim_end_matches(['\n', '\r']).len();
            let word_at = line.to_ascii_lowercase().find("secret");
            if is_in_secret || word_at.is_some() {
                self.diagnostics.withhold(Span::new(source, start, end));
                is_in_secret = !line[word_at.unwrap_or(0)..].contains(';');
            }
            start += line.len();
        }
    }

    /// Puts the statements of included files in the place of the `include`.
    fn expand(&mut self, block: &mut Block, path: &Path, depth: usize) {
        let mut expanded = Vec::with_capacity(block.statements.len());
        for mut statement in std::mem::take(&mut block.statements) {
            if statement.is("include") {
                self.include(statement, path, depth, &mut expanded);
                continue;
            }
            if statement.is("directory") {
                self.directory = statement.word(1).map(|word| PathBuf::from(&word.text));
            }
            for part in &mut statement.parts {
                if let named_conf::Part::Block(block) = part {
                    self.expand(block, path, depth);
                }
            }
            expanded.push(statement);
        }
        block.statements = expanded;
    }

    fn include(&mut self, statement: Statement, path: &Path, depth: usize, into: &mut Vec<Statement>) {
        let at = span(statement.place);
        let pattern = statement.word(1).filter(|_| statement.parts.len() == 2);
        let Some(pattern) = pattern.map(|word| word.text.clone()) else {
            self.diagnostics.error(at, "include takes the name of a file");
            return;
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let include = Include {
            pattern: &pattern,
            relative_to: self.directory.as_deref().unwrap_or(folder),
            folder,
            takes_folders: false,
            absence: Absence::Refused,
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
