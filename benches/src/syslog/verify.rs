//! Whether every message is in its host's file, once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::message::{NUMBER_DIGITS, NUMBER_MARK};

/// What is in a tree of `HOST/PROGRAM.log`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Whole lines.
    pub lines: u64,
    /// Numbers that are in no line.
    pub missing: u64,
    /// Lines whose number another line has too.
    pub doubled: u64,
    /// Lines in the file of another host.
    pub misfiled: u64,
    /// Lines without a number of the load, or without their end.
    pub torn: u64,
}

impl Found {
    /// Whether all is as it should be.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        (self.missing, self.doubled, self.misfiled, self.torn) == (0, 0, 0, 0)
    }
}

/// Looks at all files below `root` for the numbers up to `count`.
///
/// # Errors
/// When one can't be read.
pub fn verify(root: &Path, count: u64) -> io::Result<Found> {
    let mut seen = vec![false; usize::try_from(count).unwrap_or(usize::MAX)];
    let mut found = Found::default();
    let mut directories: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let host = directory.file_name().unwrap_or_default().as_encoded_bytes().to_vec();
            for line in fs::read(&path)?.split_inclusive(|byte| *byte == b'\n') {
                look_at(line, &[b" ", &host[..], b" "].concat(), &mut seen, &mut found);
            }
        }
    }
    found.missing = seen.iter().filter(|seen| !**seen).count() as u64;
    Ok(found)
}

fn look_at(line: &[u8], host: &[u8], seen: &mut [bool], found: &mut Found) {
    let number_at = line.windows(NUMBER_MARK.len()).position(|window| window == NUMBER_MARK);
    let number = number_at.and_then(|at| {
        let digits = line.get(at + NUMBER_MARK.len()..at + NUMBER_MARK.len() + NUMBER_DIGITS)?;
        std::str::from_utf8(digits).ok()?.parse::<usize>().ok()
    });
    let (Some(at), Some(seen), Some(b'\n')) = (number_at, number.and_then(|number| seen.get_mut(number)), line.last())
    else {
        found.torn += 1;
        return;
    };
    found.lines += 1;
    found.doubled += u64::from(std::mem::replace(seen, true));
    found.misfiled += u64::from(!line[..at].windows(host.len()).any(|window| window == host));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_doubled_misfiled_and_torn_is_counted() {
        let root = tempfile::tempdir().unwrap();
        let write = |host: &str, text: &str| {
            fs::create_dir_all(root.path().join(host)).unwrap();
            fs::write(root.path().join(host).join("app.log"), text).unwrap();
        };
        write(
            "host-00000",
            "x host-00000 app: seq=0000000000 a\nx host-00000 app: seq=0000000001 a\n",
        );
        write(
            "host-00001",
            "x host-00000 app: seq=0000000002 a\nx host-00001 app: seq=0000000001 a\nx host-00001 app: seq=00000\nx host-00001 app: seq=0000000003 a",
        );
        let found = verify(root.path(), 5).unwrap();
        assert_eq!(
            found,
            Found {
                lines: 4,
                missing: 2,
                doubled: 1,
                misfiled: 1,
                torn: 2,
            }
        );
        assert!(!found.is_exact());
    }
}
