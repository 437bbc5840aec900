//! The files of another program's configuration, which include each other: what an import reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{Diagnostics, Span};

/// How deep files may include each other: a file that includes itself ends here.
const DEPTH_MAX: usize = 16;
/// How many files are read at most: includes of a folder in a file of that folder multiply with every step down.
const FILES_MAX: usize = 10_000;

/// Reads files, and finds those that they include. What goes wrong is said in the diagnostics.
pub struct Includes<'d> {
    diagnostics: &'d Diagnostics,
    files: usize,
}

/// What a statement includes.
#[derive(Debug, Clone, Copy)]
pub struct Include<'i> {
    /// A name, or a pattern of names, as written.
    pub pattern: &'i str,
    /// Where it is looked for unless it begins at the root.
    pub relative_to: &'i Path,
    /// The folder of the file that it stands in.
    pub folder: &'i Path,
    /// Whether a folder stands for all the files in it.
    pub takes_folders: bool,
    /// What it means that there is no such file.
    pub absence: Absence,
    /// Where it is written.
    pub at: Span,
}

/// What it means that there is no file of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Nothing: it may be there or not.
    Allowed,
    /// The other program takes it, but it may be by mistake.
    Noted,
    /// An error, unless a file of this name is beside the one that includes it.
    Refused,
}

impl<'d> Includes<'d> {
    /// Nothing read yet.
    #[must_use]
    pub fn new(diagnostics: &'d Diagnostics) -> Self {
        Self { diagnostics, files: 0 }
    }

    /// The number under which the diagnostics know a file, and its text; bytes that are no UTF-8 are replaced. `included_at` is the
    /// statement that names it, unless the user did.
    pub fn read(&mut self, path: &Path, included_at: Option<Span>) -> Option<(usize, Arc<str>)> {
        self.files += 1;
        let bytes = fs::read(path).map_err(|error| match included_at {
            Some(span) => self.diagnostics.error(span, format!("{}: {error}", path.display())),
            None => self.diagnostics.file_error(path, error.to_string()),
        });
        let text: Arc<str> = String::from_utf8_lossy(&bytes.ok()?).into();
        Some((self.diagnostics.add_source(path, Arc::clone(&text)), text))
    }

    /// The files that a statement includes, sorted by name. `depth` files are in each other there.
    pub fn find(&self, include: &Include<'_>, depth: usize) -> Vec<PathBuf> {
        if depth >= DEPTH_MAX || self.files >= FILES_MAX {
            let message = format!("more than {DEPTH_MAX} files in each other, or {FILES_MAX} in all");
            self.diagnostics.error(include.at, message);
            return Vec::new();
        }
        let named = include.relative_to.join(include.pattern);
        let found = include.matches(&named);
        if !found.is_empty() || include.absence == Absence::Allowed {
            return found;
        }
        if include.absence == Absence::Noted {
            self.diagnostics
                .note(include.at, format!("{}: no such files here", named.display()));
            return Vec::new();
        }
        // A configuration that was copied here from its server names files where they were there.
        let beside = Path::new(include.pattern)
            .file_name()
            .map(|name| include.matches(&include.folder.join(name)))
            .unwrap_or_default();
        if beside.is_empty() {
            self.diagnostics
                .error(include.at, format!("{}: no such file", named.display()));
        } else {
            let message = format!("{} is not here: read from beside this file", named.display());
            self.diagnostics.note(include.at, message);
        }
        beside
    }
}

impl Include<'_> {
    fn matches(&self, named: &Path) -> Vec<PathBuf> {
        // A name that would be another one's pattern is itself.
        if named.exists() && !named.is_dir() {
            return vec![named.to_owned()];
        }
        let pattern = if self.takes_folders && named.is_dir() {
            named.join("*")
        } else {
            named.to_owned()
        };
        let paths = pattern.to_str().and_then(|pattern| glob::glob(pattern).ok());
        let paths = paths.into_iter().flatten().flatten();
        paths.filter(|path| path.is_file()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found of a pattern among these files, and what is said.
    fn found(pattern: &str, absence: Absence, files: &[&str]) -> (Vec<String>, String) {
        let folder = tempfile::tempdir().expect("a temporary directory");
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder");
            fs::write(path, "").expect("a file");
        }
        let diagnostics = Diagnostics::new();
        let mut includes = Includes::new(&diagnostics);
        let (source, _) = includes
            .read(&folder.path().join(files[0]), None)
            .expect("it was just written");
        let include = Include {
            pattern,
            relative_to: folder.path(),
            folder: folder.path(),
            takes_folders: true,
            absence,
            at: Span::new(source, 0, 0),
        };
        let found = includes.find(&include, 0);
        let name = |path: &PathBuf| {
            let name = path.strip_prefix(folder.path()).expect("it is below");
            name.display().to_string()
        };
        (found.iter().map(name).collect(), diagnostics.to_string())
    }

    #[test]
    fn a_pattern_and_a_folder_stand_for_files_in_the_order_of_their_names() {
        let files = ["main", "d/b.conf", "d/a.conf", "d/c"];
        assert_eq!(found("d/*.conf", Absence::Refused, &files).0, ["d/a.conf", "d/b.conf"]);
        assert_eq!(found("d/", Absence::Refused, &files).0, ["d/a.conf", "d/b.conf", "d/c"]);
    }

    #[test]
    fn what_is_not_there_is_read_from_beside_or_told_of_as_it_is_wanted() {
        let (names, said) = found("/not/there/other", Absence::Refused, &["main", "other"]);
        assert_eq!(names, ["other"]);
        assert!(said.contains("note: /not/there/other is not here"), "{said}");
        let (names, said) = found("missing", Absence::Refused, &["main"]);
        assert!(names.is_empty() && said.contains("missing: no such file"), "{said}");
        let (names, said) = found("d/*", Absence::Noted, &["main"]);
        assert!(names.is_empty() && said.contains("note:"), "{said}");
        assert_eq!(found("missing", Absence::Allowed, &["main"]), (vec![], String::new()));
    }

    #[test]
    fn a_file_that_includes_itself_comes_to_an_end() {
        let diagnostics = Diagnostics::new();
        let includes = Includes::new(&diagnostics);
        let folder = tempfile::tempdir().expect("a temporary directory");
        fs::write(folder.path().join("main"), "").expect("a file");
        let source = diagnostics.add_source(&folder.path().join("main"), "".into());
        let include = Include {
            pattern: "main",
            relative_to: folder.path(),
            folder: folder.path(),
            takes_folders: false,
            absence: Absence::Refused,
            at: Span::new(source, 0, 0),
        };
        assert_eq!(includes.find(&include, DEPTH_MAX - 1).len(), 1);
        assert!(includes.find(&include, DEPTH_MAX).is_empty());
        assert!(diagnostics.has_errors());
    }
}
