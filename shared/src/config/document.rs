//! A configuration file and the files it includes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::DeTable;

use super::diagnostics::{Diagnostics, Span, Spanned};
use super::table::Table;

/// How deep files may include each other. Administrators use one level, distributions two; a loop would use all there is.
const INCLUDE_DEPTH_MAX: usize = 8;

/// A configuration file larger than this is no configuration file.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Reads a file and all that it includes, handing the top-level table of each to `read`.
///
/// The files of an `include` are read in the order of their names, where the `include` stands: before the tables of the file
/// that names them. A pattern that matches nothing is fine, as an empty `conf.d` is; a plain path that is not there is not.
pub fn load(path: &Path, diagnostics: &Diagnostics, read: &mut dyn FnMut(&Table<'_>)) {
    load_file(path, diagnostics, read, 0, None);
}

fn load_file(
    path: &Path,
    diagnostics: &Diagnostics,
    read: &mut dyn FnMut(&Table<'_>),
    depth: usize,
    named_at: Option<Span>,
) {
    let text: Arc<str> = match read_text(path) {
        Ok(text) => text.into(),
        Err(error) => {
            match named_at {
                Some(span) => diagnostics.error(span, format!("{}: {error}", path.display())),
                None => diagnostics.file_error(path, error.to_string()),
            }
            return;
        }
    };
    let source = diagnostics.add_source(path, text.clone());
    let (document, errors) = DeTable::parse_recoverable(&text);
    let mut line_of_last = None;
    for error in &errors {
        let range = error.span().unwrap_or(0..0);
        // What the parser says of the rest of a line that it has given up on helps nobody.
        let line = text.as_bytes()[..range.start.min(text.len())]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        if line_of_last.replace(line) == Some(line) {
            continue;
        }
        diagnostics.error(
            Span {
                source,
                start: range.start,
                end: range.end,
            },
            error.message(),
        );
    }
    let root = Table::root(diagnostics, source, document.get_ref());
    for pattern in root.optional::<Vec<Spanned<PathBuf>>>("include").unwrap_or_default() {
        if depth == INCLUDE_DEPTH_MAX {
            diagnostics.error(
                pattern.span,
                format!("files include each other more than {INCLUDE_DEPTH_MAX} deep"),
            );
            continue;
        }
        for included in expand(&pattern, diagnostics) {
            load_file(&included, diagnostics, read, depth + 1, Some(pattern.span));
        }
    }
    read(&root);
}

fn read_text(path: &Path) -> std::io::Result<String> {
    let length = std::fs::metadata(path)?.len();
    if length > FILE_BYTES_MAX {
        return Err(std::io::Error::other(format!(
            "larger than {} MiB",
            FILE_BYTES_MAX >> 20
        )));
    }
    let bytes = std::fs::read(path)?;
    String::from_utf8(bytes)
        .map_err(|error| std::io::Error::other(format!("not UTF-8 from byte {} on", error.utf8_error().valid_up_to())))
}

fn expand(pattern: &Spanned<PathBuf>, diagnostics: &Diagnostics) -> Vec<PathBuf> {
    let text = pattern.value.to_string_lossy();
    if !text.contains(['*', '?', '[']) {
        return vec![pattern.value.clone()];
    }
    match glob::glob(&text) {
        // In the order of their names, which is how `glob` yields them. What can't be listed is reported when it is read.
        Ok(paths) => paths
            .map(|path| path.unwrap_or_else(|error| error.path().to_owned()))
            .collect(),
        Err(error) => {
            diagnostics.error(pattern.span, format!("not a pattern: {}", error.msg));
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Size;
    use super::*;

    /// Reads one file of a small imaginary daemon and returns what is printed about it.
    fn diagnose(text: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d.toml");
        std::fs::write(&path, text).unwrap();
        diagnose_file(&path).replace(&format!("{}/", dir.path().display()), "")
    }

    fn diagnose_file(path: &Path) -> String {
        let diagnostics = Diagnostics::new();
        let mut work_dir: Option<Spanned<PathBuf>> = None;
        load(path, &diagnostics, &mut |root| {
            root.once("work-dir", &mut work_dir);
            if let Some(input) = root.table("input") {
                input.required::<String>("listen");
                input.optional::<Size>("message-max");
                input.optional::<Duration>("idle");
                input.optional::<u16>("port");
            }
        });
        diagnostics.to_string()
    }

    #[test]
    fn a_right_file_has_no_errors() {
        assert_eq!(
            diagnose("work-dir = \"w\"\n[input]\nlisten = \"x\"\nmessage-max = \"1KiB\"\nidle = \"5s\"\n"),
            ""
        );
    }

    #[test]
    fn an_unknown_key_is_pointed_at_and_the_right_one_named() {
        assert_eq!(
            diagnose("[input]\nlisten = \"x\"\n\tmesage-max = \"64KiB\"\n"),
            "d.toml:3:2: unknown key `mesage-max`\n    \tmesage-max = \"64KiB\"\n    \t^^^^^^^^^^\n    did you mean \"message-max\"?\n"
        );
    }

    #[test]
    fn all_errors_of_a_file_come_at_once_in_its_order() {
        let printed =
            diagnose("work-dir = 7\nbad = = 1\n[input]\nmessage-max = \"64\u{fc}\"\nidle = 5\nport = 70000\n");
        let places: Vec<&str> = printed
            .lines()
            .filter(|l| l.starts_with("d.toml"))
            .map(|l| l.split(' ').next().unwrap())
            .collect();
        assert_eq!(
            places,
            [
                "d.toml:1:12:",
                "d.toml:2:1:",
                "d.toml:2:7:",
                "d.toml:3:1:",
                "d.toml:4:15:",
                "d.toml:5:8:",
                "d.toml:6:8:"
            ],
            "{printed}"
        );
    }

    #[test]
    fn an_include_below_a_table_header_is_explained() {
        let printed = diagnose("[input]\nlisten = \"x\"\ninclude = [\"d/*.toml\"]\n");
        assert!(
            printed.contains("d.toml:3:1: `include` has slipped below a table header"),
            "{printed}"
        );
    }

    #[test]
    fn any_key_of_the_top_that_stands_below_a_table_header_is_explained() {
        let printed = diagnose("[input]\nlisten = \"x\"\nwork-dir = \"w\"\n");
        assert!(
            printed.contains("d.toml:3:1: `work-dir` has slipped below a table header"),
            "{printed}"
        );
    }

    #[test]
    fn included_files_are_read_in_order_and_report_under_their_own_names() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("d")).unwrap();
        std::fs::write(
            dir.path().join("d.toml"),
            "include = [\"d/*.toml\", \"gone.toml\"]\nwork-dir = \"a\"\n",
        )
        .unwrap();
        std::fs::write(dir.path().join("d/2.toml"), "work-dir = \"b\"\n").unwrap();
        std::fs::write(dir.path().join("d/1.toml"), "work-dir = \"c\"\n").unwrap();
        let printed = diagnose_file(&dir.path().join("d.toml")).replace(&format!("{}/", dir.path().display()), "");
        assert!(
            printed.contains("d/2.toml:1:13: `work-dir` is set already, at d/1.toml:1:13"),
            "{printed}"
        );
        assert!(
            printed.contains("d.toml:2:13: `work-dir` is set already, at d/1.toml:1:13"),
            "{printed}"
        );
        assert!(printed.contains("d.toml:1:25: gone.toml: No such file"), "{printed}");
    }

    #[test]
    fn a_file_that_includes_itself_ends() {
        let printed = diagnose("include = [\"d.toml\"]\n");
        assert!(
            printed.contains("files include each other more than 8 deep"),
            "{printed}"
        );
    }

    #[test]
    fn a_missing_file_is_an_error_of_the_file() {
        assert_eq!(
            diagnose_file(Path::new("/nonexistent/d.toml")),
            "/nonexistent/d.toml: No such file or directory (os error 2)\n"
        );
    }
}
