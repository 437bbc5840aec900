//! Which directory entries decide what a path means: its own, and that of every symbolic link on the way.
//!
//! A deployment that switches a link to another folder changes a file without an event at the file.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use nix::unistd::{AccessFlags, access};

/// As many links as the kernel follows in one path (path_resolution(7)).
const LINKS_MAX: usize = 40;

/// Finds the entries of many files at one time: what leads to a folder is looked at once for all the files in it.
#[derive(Default)]
pub struct DecidingEntries {
    /// For a folder the links on the way to it, and the folder without links.
    folders: HashMap<PathBuf, (Vec<PathBuf>, PathBuf)>,
    /// The folder of the last file asked for, and whether the one above can be watched.
    above: Option<(PathBuf, bool)>,
}

impl DecidingEntries {
    /// [`deciding_entries`] of a file.
    pub fn of(&mut self, path: &Path) -> Vec<PathBuf> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return deciding_entries(path);
        };
        if folder.as_os_str().is_empty() {
            return deciding_entries(path);
        }
        if !self.folders.contains_key(folder) {
            let way = walk(folder);
            self.folders.insert(folder.to_owned(), (way.links, way.end));
        }
        let (links, real) = &self.folders[folder];
        let entry = real.join(name);
        if fs::read_link(&entry).is_ok() {
            return deciding_entries(path);
        }
        links.iter().cloned().chain([entry]).collect()
    }

    /// Whether the folder above this one says when it is renamed. One that we may not read can't be watched, and needn't be:
    /// that a folder is renamed away is noticed at the folder itself.
    pub fn is_noticed_above(&mut self, folder: &Path) -> bool {
        if let Some((known, is_noticed)) = &self.above
            && known == folder
        {
            return *is_noticed;
        }
        let is_noticed = folder
            .parent()
            .is_some_and(|above| access(above, AccessFlags::R_OK).is_ok());
        self.above = Some((folder.to_owned(), is_noticed));
        is_noticed
    }
}

/// The entries, each as a folder without links in it and a name. The last is the file's own; the file need not exist.
pub fn deciding_entries(path: &Path) -> Vec<PathBuf> {
    let way = walk(path);
    let mut entries = way.links;
    entries.extend(way.ends_in_entry.then_some(way.end));
    entries
}

/// The way that a path leads.
struct Way {
    /// The links on it, each as an entry of a folder without links.
    links: Vec<PathBuf>,
    /// What the path means, without links.
    end: PathBuf,
    /// Whether the last step was to an entry of a folder, not to the root or out of a folder.
    ends_in_entry: bool,
}

fn walk(path: &Path) -> Way {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut pending: Vec<Part> = parts_reversed(&absolute);
    let mut way = Way {
        links: Vec::new(),
        end: PathBuf::from("/"),
        ends_in_entry: false,
    };
    while let Some(part) = pending.pop() {
        way.ends_in_entry = false;
        let name = match part {
            Part::Root => {
                way.end = PathBuf::from("/");
                continue;
            }
            Part::Parent => {
                way.end.pop();
                continue;
            }
            Part::Name(name) => name,
        };
        let entry = way.end.join(name);
        match fs::read_link(&entry) {
            Ok(target) if way.links.len() < LINKS_MAX => {
                way.links.push(entry);
                pending.extend(parts_reversed(&target));
            }
            _ => {
                way.end = entry;
                way.ends_in_entry = true;
            }
        }
    }
    way
}

enum Part {
    Root,
    Parent,
    Name(OsString),
}

fn parts_reversed(path: &Path) -> Vec<Part> {
    let mut parts: Vec<Part> = path
        .components()
        .filter_map(|component| match component {
            Component::RootDir => Some(Part::Root),
            Component::ParentDir => Some(Part::Parent),
            Component::Normal(name) => Some(Part::Name(name.to_owned())),
            Component::CurDir | Component::Prefix(_) => None,
        })
        .collect();
    parts.reverse();
    parts
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_on_the_way_decide_too() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("v1/zones")).unwrap();
        symlink("v1", root.join("data")).unwrap();
        symlink("data/zones", root.join("zones")).unwrap();
        symlink("../../real", root.join("v1/zones/db.net")).unwrap();
        assert_eq!(
            deciding_entries(&root.join("zones/db.net")),
            ["zones", "data", "v1/zones/db.net", "real"].map(|entry| root.join(entry))
        );
    }

    #[test]
    fn a_plain_path_is_decided_by_its_own_entry_even_when_it_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        assert_eq!(
            deciding_entries(&root.join("gone/./x/../db.net")),
            [root.join("gone/db.net")]
        );
    }

    #[test]
    fn files_of_one_folder_are_decided_by_the_same_entries_together_and_alone() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("v1/zones")).unwrap();
        symlink("v1", root.join("data")).unwrap();
        symlink("data/zones", root.join("zones")).unwrap();
        symlink("../../real", root.join("v1/zones/link")).unwrap();
        symlink("gone/folder", root.join("nowhere")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let mut together = DecidingEntries::default();
        for path in [
            "zones/a",
            "zones/b",
            "zones/link",
            "zones/x/../a",
            "v1/zones/a",
            "a",
            "nowhere/a",
            "loop/a",
            "zones",
        ] {
            let path = root.join(path);
            assert_eq!(together.of(&path), deciding_entries(&path), "{}", path.display());
        }
        for path in ["/", "Cargo.toml", "src/main.rs"].map(Path::new) {
            assert_eq!(together.of(path), deciding_entries(path));
        }
    }

    #[test]
    fn a_loop_of_links_ends() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        symlink("b", root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        assert!(deciding_entries(&root.join("a")).len() <= LINKS_MAX + 1);
    }
}
