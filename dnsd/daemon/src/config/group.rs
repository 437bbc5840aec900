//! `[zones.NAME]`: a zone per file, named for it.

use std::io;
use std::path::{Path, PathBuf};

use dnsd_core::name::Name;

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

impl GroupConfig {
    /// The zone that a file of this name is, if it is one of the group's.
    pub(crate) fn zone_of(&self, file_name: &str) -> Option<Name> {
        let (before, after) = &self.affixes;
        // Hidden files and backups are what editors leave beside the file.
        if file_name.starts_with('.') || file_name.ends_with('~') {
            return None;
        }
        let name = file_name.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?;
        name.parse().ok()
    }

    /// Whether a zone's file, there or not, is one of this group's.
    pub(crate) fn is_file_of(&self, zone: &Name, file: &Path) -> bool {
        let file_name = file.file_name().and_then(|name| name.to_str());
        file.parent() == Some(&self.directory) && file_name.and_then(|name| self.zone_of(name)).as_ref() == Some(zone)
    }

    /// The zones that there are files for now.
    pub(crate) fn zones(&self) -> io::Result<Vec<(Name, PathBuf)>> {
        let mut zones = Vec::new();
        for entry in self.directory.read_dir()? {
            let entry = entry?;
            if let Some(name) = entry.file_name().to_str().and_then(|name| self.zone_of(name))
                // A link is followed: it may be a folder's too.
                && entry.path().is_file()
            {
                zones.push((name, entry.path()));
            }
        }
        zones.sort();
        Ok(zones)
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
        let name = |pattern: &str, file: &str| group(pattern).zone_of(file).map(|name| name.to_string());
        assert_eq!(
            name("zones/*.zone", "example.net.zone").as_deref(),
            Some("example.net.")
        );
        assert_eq!(name("zones/db.*", "db.example.net").as_deref(), Some("example.net."));
        assert_eq!(name("zones/db.*", "example.net.zone"), None);
        assert_eq!(name("zones/*.zone", ".example.net.zone"), None);
        assert_eq!(name("zones/db.*", "db.example.net~"), None);
        assert_eq!(name("zones/*.zone", ".zone"), None);
        assert_eq!(name("zones/*.zone", "a..b.zone"), None);
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
        std::fs::write(dir.path().join("b.net.zone"), "").unwrap();
        std::fs::write(dir.path().join("a.net.zone"), "").unwrap();
        std::fs::write(dir.path().join("README"), "").unwrap();
        std::fs::create_dir(dir.path().join("c.net.zone")).unwrap();
        let pattern = dir.path().join("*.zone");
        let names: Vec<String> = group(pattern.to_str().unwrap())
            .zones()
            .unwrap()
            .into_iter()
            .map(|(name, _)| name.to_string())
            .collect();
        assert_eq!(names, ["a.net.", "b.net."]);
    }
}
