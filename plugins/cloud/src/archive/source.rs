//! A file that somebody else has open too: read at places, so that nobody's position counts.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use super::Failure;

/// The octets of a file, in order.
#[derive(Debug)]
pub(super) struct Source {
    file: Arc<File>,
    size: u64,
}

/// Reads from the beginning to the end, and knows the digest of what it has read.
pub(super) struct Reader {
    file: Arc<File>,
    size: u64,
    at: u64,
    hash: Sha256,
}

/// A piece of a file.
pub(super) struct Piece {
    pub(super) octets: Bytes,
    pub(super) sha256: [u8; 32],
}

impl Source {
    /// Of a file that is said to have so many octets.
    pub(super) fn new(file: File, size: u64) -> Self {
        Self {
            file: Arc::new(file),
            size,
        }
    }

    pub(super) fn reader(&self) -> Reader {
        Reader {
            file: self.file.clone(),
            size: self.size,
            at: 0,
            hash: Sha256::new(),
        }
    }
}

impl Reader {
    /// The next octets, so many unless the file ends before. A disk may be slow, and a digest takes a moment: a thread for such
    /// things does it.
    pub(super) async fn next(self, bytes_max: usize) -> Result<(Self, Piece), Failure> {
        let read = spawn_blocking(move || self.read(bytes_max)).await;
        read.map_err(Failure::unavailable)?
    }

    /// The same here and now.
    pub(super) fn read(mut self, bytes_max: usize) -> Result<(Self, Piece), Failure> {
        let left = usize::try_from(self.size - self.at).unwrap_or(usize::MAX);
        let mut octets = vec![0; left.min(bytes_max)];
        self.file
            .read_exact_at(&mut octets, self.at)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => self.other_size(),
                _ => Failure::Unavailable(format!("the file can't be read: {error}")),
            })?;
        self.at += octets.len() as u64;
        self.hash.update(&octets);
        let piece = Piece {
            sha256: Sha256::digest(&octets).into(),
            octets: octets.into(),
        };
        Ok((self, piece))
    }

    /// All of it was read: compares it with what was said of it.
    pub(super) fn finish(self, sha256: &[u8; 32]) -> Result<(), Failure> {
        let size = self.file.metadata().map_err(Failure::unavailable)?.len();
        if size != self.size || self.at != self.size {
            return Err(self.other_size());
        }
        match <[u8; 32]>::from(self.hash.finalize()) == *sha256 {
            true => Ok(()),
            false => Err(Failure::Mismatch(
                "the file's digest is another one than was said".to_owned(),
            )),
        }
    }

    fn other_size(&self) -> Failure {
        Failure::Mismatch(format!("the file has not the {} octets that were said", self.size))
    }
}
