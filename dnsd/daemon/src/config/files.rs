//! What `dnsd check` says of the files that a configuration names: those that aren't there, those that would be a zone
//! which another one is already, and those that can't be read or written once the daemon has become `[process] user`.
//!
//! Of zones these are warnings only: the daemon starts all the same, and serves the file once it is there. Without a place for
//! the query log it doesn't start.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ballast_shared::config::{Diagnostics, Key, Span, Spanned};
use dnsd_core::name::Name;

use super::key::KeySpec;
use super::permissions::User;
use super::spec::Spec;
use super::zone_tables::{GroupSpec, ZoneSpec, ZonesSpec};
use super::{Config, GroupConfig, PrimarySettings, QueryLogTarget, ZonesConfig};

/// Looks at every file that is named, and into every folder.
pub(super) fn check(spec: &Spec, config: &Config, diagnostics: &Diagnostics) {
    check_query_log(spec, config, diagnostics);
    check_zones(&spec.zones, &config.zones, diagnostics);
    let user = User::of(&config.process);
    if let Some(user) = &user {
        for file in spec.keys.iter().filter_map(KeySpec::secret_file) {
            warn_unless(
                user.may_read(&file.value),
                file,
                "read by [process] user: no reload could",
                diagnostics,
            );
        }
        check_rights(user, &spec.zones, &config.zones, diagnostics);
    }
    for view in &config.views {
        if let Some(spec) = spec.views.iter().find(|spec| spec.name.name == view.name) {
            check_zones(&spec.zones, &view.zones, diagnostics);
            if let Some(user) = &user {
                check_rights(user, &spec.zones, &view.zones, diagnostics);
            }
        }
    }
}

/// What the daemon may not do with the files of zones once it has become this user.
fn check_rights(user: &User, spec: &ZonesSpec, config: &ZonesConfig, diagnostics: &Diagnostics) {
    // By updates, or by what other primaries of the zone have.
    let is_written = |settings: &PrimarySettings| {
        settings.rules.allow_update.always() != Some(false) || !settings.primaries.is_empty()
    };
    let is_updated = |file: &Path| {
        let zone = config.primaries.iter().find(|zone| zone.source.file == file);
        zone.is_some_and(|zone| is_written(&zone.settings))
    };
    for (_, zone) in &spec.zones {
        match zone {
            ZoneSpec::Primary(zone) => {
                let Some(file) = &zone.file else { continue };
                warn_unless(user.may_read(&file.value), file, "read by [process] user", diagnostics);
                if is_updated(&file.value) {
                    let why = "written by [process] user, who needs its folder: updates stay in the journal";
                    warn_unless(user.may_replace(&file.value), file, why, diagnostics);
                }
            }
            ZoneSpec::Secondary(zone) => {
                let Some(file) = &zone.file else { continue };
                let why = "written by [process] user, who needs its folder: a start without the primary has no zone";
                warn_unless(user.may_replace(&file.value), file, why, diagnostics);
            }
            ZoneSpec::Forward(_) | ZoneSpec::Plugin(_) => {}
        }
    }
    for group in &config.groups {
        let Some(span) = pattern_of(&group.folder, &spec.groups) else {
            continue;
        };
        let folder = &group.folder.directory;
        let folder_of_zones = Spanned {
            value: folder.clone(),
            span,
        };
        warn_unless(
            user.may_list(folder),
            &folder_of_zones,
            "read by [process] user",
            diagnostics,
        );
        if is_written(&group.settings) {
            let why = "written into by [process] user: updates stay in the journals";
            warn_unless(user.may_fill(folder), &folder_of_zones, why, diagnostics);
        }
    }
}

fn warn_unless(may: bool, file: &Spanned<PathBuf>, what: &str, diagnostics: &Diagnostics) {
    if !may {
        diagnostics.warning(file.span, format!("{} can't be {what}", file.value.display()));
    }
}

fn check_query_log(spec: &Spec, config: &Config, diagnostics: &Diagnostics) {
    let Some(QueryLogTarget::File(path)) = config.query_log.as_ref().map(|log| &log.target) else {
        return;
    };
    let Some(span) = spec.query_log.file_span() else { return };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if path.is_dir() {
        diagnostics.error(span, format!("{}: a folder", path.display()));
    } else if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        diagnostics.error(span, format!("{}: no such folder", folder.display()));
    }
}

fn check_zones(spec: &ZonesSpec, config: &ZonesConfig, diagnostics: &Diagnostics) {
    for (_, zone) in &spec.zones {
        let ZoneSpec::Primary(zone) = zone else { continue };
        if let Some(file) = &zone.file
            && let Err(error) = plain_file(&file.value)
        {
            diagnostics.warning(file.span, format!("{}: {error}", file.value.display()));
        }
    }
    // Who is first has the name: in the order in which the daemon gives them away.
    let tables = config.files().map(|zone| (zone.name.clone(), zone.file.clone()));
    let mut claimed: HashMap<Name, PathBuf> = tables.collect();
    for group in config.folders() {
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

fn pattern_of(group: &GroupConfig, specs: &[(Key, GroupSpec)]) -> Option<Span> {
    match specs.iter().find(|(name, _)| name.name == group.name)? {
        (_, GroupSpec::Primary(spec)) => spec.files.as_ref().map(|files| files.span),
        (_, GroupSpec::Secondary(_)) => None,
    }
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
