//! Which zones a catalog has brought, on disk beside the catalog's copy: what a restart compares the catalog with.
//!
//! A line for each zone, `NAME LABEL "GROUP" …`, behind a line that says what this is and before one that says that it is whole.
//! It is not synced to disk: without it every zone is taken for a new one, whose copy is served all the same.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use dnsd_core::catalog::{GROUP_BYTES_MAX, MEMBERS_MAX, MemberId, Owned};
use dnsd_core::name::Name;
use dnsd_core::rdata;
use dnsd_core::rrtype::Type;

const HEAD: &str = "; dnsd: zones that a catalog has brought";
const END: &str = "; end";

/// Replaces the file. Without members there is none.
pub(super) fn write<'m>(path: &Path, members: impl Iterator<Item = (&'m Name, &'m Owned)>) -> io::Result<()> {
    let mut text = format!("{HEAD}\n");
    let mut is_empty = true;
    for (zone, owned) in members {
        is_empty = false;
        let _ = writeln!(text, "{zone} {}{}", owned.id, Groups(&owned.groups));
    }
    if is_empty {
        return remove(path);
    }
    let _ = writeln!(text, "{END}");
    fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    fs::write(&temporary, text)?;
    fs::rename(&temporary, path)
}

/// Removes the file, if there is one.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// What the file has; `None` when there is none, or it is cut off or no such file.
pub(super) fn read(path: &Path, catalog: &Name) -> Option<Vec<(Name, Owned)>> {
    let text = fs::read_to_string(path).ok()?;
    let lines = text.strip_prefix(HEAD)?.strip_suffix(&format!("{END}\n"))?;
    let members = lines.lines().skip(1).take(MEMBERS_MAX);
    members.map(|line| member(line, catalog)).collect()
}

fn member(line: &str, catalog: &Name) -> Option<(Name, Owned)> {
    let mut words = line.splitn(3, ' ');
    let zone = words.next()?.parse().ok()?;
    let id = MemberId::parse(words.next()?)?;
    let groups = words.next().map_or(Some(Vec::new()), groups)?;
    let owned = Owned {
        catalog: catalog.clone(),
        id,
        groups,
    };
    Some((zone, owned))
}

/// Groups as a TXT record has its strings.
struct Groups<'g>(&'g [Box<[u8]>]);

impl std::fmt::Display for Groups<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut strings = Vec::new();
        for group in self.0 {
            let group = &group[..group.len().min(GROUP_BYTES_MAX)];
            strings.push(group.len() as u8);
            strings.extend_from_slice(group);
        }
        match strings.is_empty() {
            true => Ok(()),
            false => write!(f, " {}", rdata::display(Type::TXT, &strings)),
        }
    }
}

fn groups(text: &str) -> Option<Vec<Box<[u8]>>> {
    let strings = rdata::parse(Type::TXT, text.as_bytes(), None).ok()?;
    let mut rest = &strings[..];
    let mut groups = Vec::new();
    while let Some((length, behind)) = rest.split_first() {
        let (group, behind) = behind.split_at_checked(usize::from(*length))?;
        groups.push(group.into());
        rest = behind;
    }
    Some(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(id: &[u8], groups: &[&[u8]]) -> Owned {
        Owned {
            catalog: "catz".parse().unwrap(),
            id: MemberId::new(id),
            groups: groups.iter().map(|group| (*group).into()).collect(),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("view/catz.members");
        let catalog: Name = "catz".parse().unwrap();
        let members: Vec<(Name, Owned)> = vec![
            (".".parse().unwrap(), owned(b"1", &[])),
            (
                "a\\032b.example".parse().unwrap(),
                owned(b"a b\xFF", &[b"one", b"t\"w o\\", b"\x00"]),
            ),
            ("example".parse().unwrap(), owned(b"x.y", &[b""])),
        ];
        write(&path, members.iter().map(|(zone, owned)| (zone, owned))).unwrap();
        assert_eq!(read(&path, &catalog), Some(members));
        let text = fs::read_to_string(&path).unwrap();
        for cut in [0, 3, HEAD.len() + 1, text.len() - 1] {
            fs::write(&path, &text[..cut]).unwrap();
            assert_eq!(read(&path, &catalog), None, "{cut}");
        }
        write(&path, std::iter::empty()).unwrap();
        assert!(!path.exists());
        write(&path, std::iter::empty()).unwrap();
    }
}
