//! How much a collector has written: the sizes of its files, which are looked at while it writes, not their content.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The files below a root.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    /// How many there will be.
    expected: usize,
    files: Vec<PathBuf>,
}

impl Tree {
    /// A tree that has no files yet.
    #[must_use]
    pub fn new(root: &Path, expected: usize) -> Self {
        Self {
            root: root.to_owned(),
            expected,
            files: Vec::new(),
        }
    }

    /// Bytes of all files. They are listed anew while some are missing.
    pub fn bytes(&mut self) -> u64 {
        if self.files.len() < self.expected {
            self.files = list(&self.root);
        }
        let length = |path: &PathBuf| fs::metadata(path).map_or(0, |metadata| metadata.len());
        self.files.iter().map(length).sum()
    }

    /// The length of the first line there is; all have the same.
    #[must_use]
    pub fn line_bytes(&self) -> Option<u64> {
        self.files.iter().find_map(|path| {
            let mut line = Vec::new();
            BufReader::new(File::open(path).ok()?)
                .read_until(b'\n', &mut line)
                .ok()?;
            (line.last() == Some(&b'\n')).then_some(line.len() as u64)
        })
    }
}

fn list(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                directories.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_grows() {
        let root = tempfile::tempdir().unwrap();
        let mut tree = Tree::new(root.path(), 1);
        assert_eq!((tree.bytes(), tree.line_bytes()), (0, None));
        fs::create_dir(root.path().join("a")).unwrap();
        fs::write(root.path().join("a/b"), "one\ntwo\n").unwrap();
        assert_eq!((tree.bytes(), tree.line_bytes()), (8, Some(4)));
    }
}
