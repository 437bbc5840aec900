//! `[zones.NAME]`: a zone per file, named for it.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dnsd_core::name::{Name, NameError};

/// Zones that are a file each in a folder: `zones/*.zone`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupConfig {
    /// The group's name, for messages.
    pub(crate) name: String,
    /// The folder.
    pub(crate) directory: PathBuf,
    /// What a file's name has before and after the zone's.
    pub(crate) affixes: (String, String),
    /// Whether a new or edited file is loaded by itself.
    pub(crate) watch: bool,
}

/// Why a pattern can't be a group's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatternError {
    /// The file's name has no `*`, or more than one.
    NotOneStar,
    /// A `*`, `?` or `[` where it would make the folder or the zone's name ambiguous.
    OtherWildcard,
}

/// Splits a pattern into its folder and what stands before and after the `*`.
pub(super) fn split_pattern(pattern: &Path) -> Result<(PathBuf, (String, String)), PatternError> {
    let directory = pattern.parent().unwrap_or(Path::new(""));
    let file = pattern.file_name().unwrap_or_default().to_string_lossy();
    if directory.to_string_lossy().contains(['*', '?', '[']) || file.contains(['?', '[']) {
        return Err(PatternError::OtherWildcard);
    }
    let (before, after) = file.split_once('*').ok_or(PatternError::NotOneStar)?;
    if after.contains('*') {
        return Err(PatternError::NotOneStar);
    }
    Ok((directory.to_owned(), (before.to_owned(), after.to_owned())))
}

/// What editors, package managers and generators leave beside a file. None of these is a top-level domain, so that no zone
/// of the Internet is missed for its name.
const LEFTOVERS: [&str; 20] = [
    "bak",
    "dpkg-bak",
    "dpkg-dist",
    "dpkg-new",
    "dpkg-old",
    "dpkg-tmp",
    "jnl",
    "lock",
    "old",
    "orig",
    "part",
    "rej",
    "rpmnew",
    "rpmorig",
    "rpmsave",
    "swp",
    "tmp",
    "ucf-dist",
    "ucf-new",
    "ucf-old",
];

/// What a group's folder has.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The zones, in the order in which they claim their names: no two files are the same, but two may be for one zone, as
    /// case doesn't count in a name. A name in small letters goes first.
    pub(crate) zones: Vec<(Name, PathBuf)>,
    /// Files that match the pattern, but what the `*` stands for is no name.
    pub(crate) nameless: Vec<(PathBuf, NameError)>,
}

impl GroupConfig {
    /// The zone that a file of this name is; `None` when it is none of the group's, an error when the pattern fits and what
    /// the `*` stands for is no name.
    pub(crate) fn zone_of(&self, file_name: &str) -> Option<Result<Name, NameError>> {
        let (before, after) = &self.affixes;
        if file_name.starts_with(['.', '#']) || file_name.ends_with('~') {
            return None;
        }
        let name = file_name.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?;
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        // An ending that the pattern has is meant.
        if after.is_empty() && ending.is_some_and(|ending| LEFTOVERS.contains(&ending)) {
            return None;
        }
        Some(name.parse())
    }

    /// The same of a path, which is in the group's folder.
    pub(crate) fn zone_at(&self, path: &Path) -> Option<Result<Name, NameError>> {
        path.file_name()
            .and_then(OsStr::to_str)
            .and_then(|name| self.zone_of(name))
    }

    /// Whether a zone's file, there or not, is one of this group's.
    pub(crate) fn is_file_of(&self, zone: &Name, file: &Path) -> bool {
        file.parent() == Some(&self.directory) && matches!(self.zone_at(file), Some(Ok(name)) if name == *zone)
    }

    /// What there are files for now.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub(crate) fn list(&self) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for entry in self.directory.read_dir()? {
            let path = entry?.path();
            let Some(zone) = self.zone_at(&path) else { continue };
            // A link is followed: it may be a folder's too. What can't be looked at is there all the same.
            let is_file = match fs::metadata(&path) {
                Ok(metadata) => metadata.is_file(),
                Err(error) => error.kind() != io::ErrorKind::NotFound,
            };
            if !is_file {
                continue;
            }
            match zone {
                Ok(name) => listing.zones.push((name, path)),
                Err(error) => listing.nameless.push((path, error)),
            }
        }
        // Small letters come after capitals.
        listing
            .zones
            .sort_by(|(a, a_file), (b, b_file)| a.cmp(b).then(b_file.cmp(a_file)));
        Ok(listing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(pattern: &str) -> GroupConfig {
        let (directory, affixes) = split_pattern(Path::new(pattern)).unwrap();
        GroupConfig {
            name: "g".into(),
            directory,
            affixes,
            watch: true,
        }
    }

    #[test]
    fn a_zone_is_named_for_what_the_star_matches() {
        let name = |pattern: &str, file: &str| {
            let zone = group(pattern).zone_of(file)?;
            Some(zone.map_or("no name".into(), |name| name.to_string()))
        };
        assert_eq!(
            name("zones/*.zone", "example.net.zone").as_deref(),
            Some("example.net.")
        );
        assert_eq!(name("zones/db.*", "db.example.net").as_deref(), Some("example.net."));
        assert_eq!(name("zones/db.*", "example.net.zone"), None);
        assert_eq!(name("zones/*.zone", ".zone"), None);
        assert_eq!(name("zones/*.zone", "a..b.zone").as_deref(), Some("no name"));
    }

    #[test]
    fn what_editors_and_packages_leave_behind_is_no_zone() {
        let is_left_out = |pattern: &str, file: &str| group(pattern).zone_of(file).is_none();
        for file in [
            ".db.example.net.swp",
            "db.example.net~",
            "db.example.net.bak",
            "db.example.net.rpmsave",
            "db.example.net.dpkg-new",
            "db.example.net.tmp",
            "db.example.net.jnl",
        ] {
            assert!(is_left_out("zones/db.*", file), "{file}");
        }
        assert!(is_left_out("zones/*", "#example.net#"));
        assert!(is_left_out("zones/*.zone", ".example.net.zone"));
        // Not what only looks like it: a top-level domain, a name without a dot, an ending that the pattern has.
        assert!(!is_left_out("zones/db.*", "db.something.new"));
        assert!(!is_left_out("zones/db.*", "db.tmp"));
        assert!(!is_left_out("zones/*.old", "example.net.old"));
    }

    #[test]
    fn one_star_in_the_name_of_the_file_and_no_other_wildcard() {
        for bad in ["zones/all", "zones/*.*", "zones/"] {
            assert_eq!(
                split_pattern(Path::new(bad)).unwrap_err(),
                PatternError::NotOneStar,
                "{bad}"
            );
        }
        for bad in ["*/x.zone", "zones/?*.zone", "z[ab]/*"] {
            assert_eq!(
                split_pattern(Path::new(bad)).unwrap_err(),
                PatternError::OtherWildcard,
                "{bad}"
            );
        }
    }

    #[test]
    fn folders_and_strangers_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("b.net.zone"), "").unwrap();
        fs::write(dir.path().join("a.net.zone"), "").unwrap();
        fs::write(dir.path().join("README"), "").unwrap();
        fs::write(dir.path().join("a..b.zone"), "").unwrap();
        fs::create_dir(dir.path().join("c.net.zone")).unwrap();
        let pattern = dir.path().join("*.zone");
        let listing = group(pattern.to_str().unwrap()).list().unwrap();
        let names: Vec<String> = listing.zones.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, ["a.net.", "b.net."]);
        assert_eq!(listing.nameless[0].0, dir.path().join("a..b.zone"));
    }

    #[test]
    fn of_two_files_for_one_zone_the_one_in_small_letters_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let files = ["one.test.zone", "One.test.zone", "ONE.test.zone"].map(|file| dir.path().join(file));
        for file in &files {
            fs::write(file, "").unwrap();
        }
        let pattern = dir.path().join("*.zone");
        let listing = group(pattern.to_str().unwrap()).list().unwrap();
        let listed: Vec<&PathBuf> = listing.zones.iter().map(|(_, file)| file).collect();
        assert_eq!(listed, files.iter().collect::<Vec<_>>());
    }
}
