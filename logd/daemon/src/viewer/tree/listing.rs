//! A tree by host and program, as the page shows it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Files, Tree, Until, Wanted};

/// What `/viewer/tree` says of an output.
#[derive(Debug, Serialize)]
pub(in crate::viewer) struct Listing {
    output: String,
    root: String,
    tells_host: bool,
    tells_program: bool,
    has_time: bool,
    has_severity: bool,
    /// By host, then by program; the empty name where the path says neither.
    hosts: BTreeMap<String, BTreeMap<String, Summary>>,
    /// There are more files than are listed.
    cut: bool,
    refused: Vec<String>,
}

/// The files of one host and program.
#[derive(Debug, Default, Serialize)]
struct Summary {
    files: u64,
    bytes: u64,
    /// When the newest was last written; unix seconds.
    modified: i64,
}

/// Lists what is in a tree: of so many files, which it takes from what is left.
pub(in crate::viewer) fn list(tree: &Tree, until: &Until, files_left: &mut usize) -> Listing {
    let mut files = Files::new(*files_left);
    tree.files(&Wanted::default(), until, &mut files);
    *files_left -= files.found.len();
    let mut hosts = BTreeMap::<String, BTreeMap<String, Summary>>::new();
    for file in files.found {
        let of_host = hosts.entry(file.host.unwrap_or_default()).or_default();
        let summary = of_host.entry(file.program.unwrap_or_default()).or_default();
        summary.files += 1;
        summary.bytes += file.bytes;
        summary.modified = summary.modified.max(file.modified_s);
    }
    let (tells_host, tells_program) = tree.tells();
    Listing {
        output: tree.name.clone(),
        root: tree.root(),
        tells_host,
        tells_program,
        has_time: tree.format.has_time(),
        has_severity: tree.format.has_severity(),
        hosts,
        cut: files.cut,
        refused: files.refused,
    }
}
