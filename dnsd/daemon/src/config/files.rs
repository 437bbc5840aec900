//! What `dnsd check` says of the files that a configuration names: those that aren't there, and those that would be a zone
//! which another one is already.
//!
//! Warnings only: the daemon starts all the same, and serves the file once it is there.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ballast_shared::config::{Diagnostics, Span};
use dnsd_core::name::Name;

use super::spec::{GroupSpec, Spec};
use super::{Config, GroupConfig};

/// Looks at every file that is named, and into every folder.
pub(super) fn check(spec: &Spec, config: &Config, diagnostics: &Diagnostics) {
    for file in spec.zones.iter().filter_map(|zone| zone.file.as_ref()) {
        if let Err(error) = plain_file(&file.value) {
            diagnostics.warning(file.span, format!("{}: {error}", file.value.display()));
        }
    }
    // Who is first has the name: in the order in which the daemon gives them away.
    let tables = config.zones.iter().map(|zone| (zone.name.clone(), zone.file.clone()));
    let mut claimed: HashMap<Name, PathBuf> = tables.collect();
    for group in &config.groups {
        if let Some(span) = pattern_of(group, &spec.groups) {
            check_group(group, span, &mut claimed, diagnostics);
        }
    }
}

fn plain_file(path: &Path) -> io::Result<()> {
    match fs::metadata(path)?.is_dir() {
        true => Err(io::ErrorKind::IsADirectory.into()),
        false => Ok(()),
    }
}

fn pattern_of(group: &GroupConfig, specs: &[GroupSpec]) -> Option<Span> {
    let spec = specs.iter().find(|spec| spec.name.name == group.name)?;
    spec.files.as_ref().map(|files| files.span)
}

fn check_group(group: &GroupConfig, span: Span, claimed: &mut HashMap<Name, PathBuf>, diagnostics: &Diagnostics) {
    let listing = match group.list() {
        Ok(listing) => listing,
        Err(error) => return diagnostics.warning(span, format!("{}: {error}", group.directory.display())),
    };
    for (name, file) in listing.zones {
        let first = claimed.entry(name).or_insert_with(|| file.clone());
        if *first != file {
            let (file, first) = (file.display(), first.display());
            diagnostics.warning(
                span,
                format!("{file} is not read: it would be the same zone as {first}"),
            );
        }
    }
    for (file, error) in listing.nameless {
        let file = file.display();
        diagnostics.warning(span, format!("{file} is not read: not named for a zone: {error}"));
    }
}
