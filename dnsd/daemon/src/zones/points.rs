//! Which directory entries decide what a path means: its own, and that of every symbolic link on the way.
//!
//! A deployment that switches a link to another folder changes a zone file without an event at the file.

use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// As many links as the kernel follows in one path (path_resolution(7)).
const LINKS_MAX: usize = 40;

/// The entries, each as a folder without links in it and a name. The last is the file's own; the file need not exist.
pub(crate) fn deciding_entries(path: &Path) -> Vec<PathBuf> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut pending: Vec<Part> = parts_reversed(&absolute);
    let mut at = PathBuf::from("/");
    let mut entries = Vec::new();
    let mut links = 0;
    while let Some(part) = pending.pop() {
        let name = match part {
            Part::Root => {
                at = PathBuf::from("/");
                continue;
            }
            Part::Parent => {
                at.pop();
                continue;
            }
            Part::Name(name) => name,
        };
        let entry = at.join(name);
        match fs::read_link(&entry) {
            Ok(target) if links < LINKS_MAX => {
                links += 1;
                entries.push(entry);
                pending.extend(parts_reversed(&target));
            }
            _ => {
                if pending.is_empty() {
                    entries.push(entry.clone());
                }
                at = entry;
            }
        }
    }
    entries
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
    fn a_loop_of_links_ends() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        symlink("b", root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        assert!(deciding_entries(&root.join("a")).len() <= LINKS_MAX + 1);
    }
}
