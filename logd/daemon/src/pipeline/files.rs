//! The files that a thread has written to, found by what their paths depend on: so the path of a message is neither rendered
//! nor looked up under a lock when there was one like it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::Arc;

use logd_core::route::OutputId;

use crate::output::file::LogFile;

/// How many a thread remembers; then it forgets all and begins anew. As many hosts as one core is likely to serve, at some
/// hundred bytes each for those that the store has forgotten.
const FILES_MAX: usize = 16 << 10;

/// The longest key that is remembered: host, program and a date of usual lengths. An entry has two cache lines then.
const KEY_BYTES_MAX: usize = 95;

/// This thread's.
pub(super) struct Files {
    /// Of the configuration whose outputs these are.
    generation: u64,
    /// By the hash of output and key. The hash is seeded, so that nobody can choose names that meet.
    known: HashMap<u64, Known, BuildHasherDefault<AlreadyHashed>>,
    seed: u64,
}

struct Known {
    key: Key,
    file: Arc<LogFile>,
}

/// A key where it is compared, without a pointer to follow.
#[derive(PartialEq, Eq)]
struct Key {
    length: u8,
    bytes: [u8; KEY_BYTES_MAX],
}

impl Default for Files {
    fn default() -> Self {
        Self {
            generation: 0,
            known: HashMap::default(),
            seed: RandomState::new().hash_one(0),
        }
    }
}

impl Files {
    /// The hash of a key, for [`Files::find`] and [`Files::forget`]; `None` if it is too long to be remembered.
    pub(super) fn hash(&self, output: OutputId, key: &[u8]) -> Option<u64> {
        (key.len() <= KEY_BYTES_MAX).then(|| hash(self.seed ^ u64::from(output.0), key))
    }

    /// The file of this key, from `look_up` if it is not known. `generation` is that of the configuration; what is known of
    /// another one is forgotten.
    pub(super) fn find(
        &mut self,
        generation: u64,
        hash: u64,
        key: &[u8],
        look_up: impl FnOnce() -> Arc<LogFile>,
    ) -> &Arc<LogFile> {
        if self.generation != generation || self.known.len() >= FILES_MAX {
            self.known.clear();
            self.generation = generation;
        }
        let known = match self.known.entry(hash) {
            Entry::Occupied(entry) => {
                let known = entry.into_mut();
                if known.key.as_bytes() != key {
                    // Another key of the same hash: one in 2^64.
                    *known = Known {
                        key: Key::new(key),
                        file: look_up(),
                    };
                }
                known
            }
            Entry::Vacant(entry) => entry.insert(Known {
                key: Key::new(key),
                file: look_up(),
            }),
        };
        &known.file
    }

    /// Forgets a file.
    pub(super) fn forget(&mut self, hash: u64) {
        self.known.remove(&hash);
    }
}

impl Key {
    fn new(key: &[u8]) -> Self {
        let mut bytes = [0; KEY_BYTES_MAX];
        bytes[..key.len()].copy_from_slice(key);
        Self {
            length: key.len() as u8,
            bytes,
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// Eight bytes at a time, each product folded onto itself so that its upper half counts.
fn hash(seed: u64, key: &[u8]) -> u64 {
    /// An odd number without a pattern in its bits: the fractional part of the golden ratio.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let fold = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word) * u128::from(FACTOR);
        product as u64 ^ (product >> 64) as u64
    };
    let (words, rest) = key.as_chunks::<8>();
    let mut hash = fold(seed, key.len() as u64);
    for word in words {
        hash = fold(hash.rotate_left(23), u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    fold(hash.rotate_left(23), u64::from_le_bytes(last))
}

/// Hands the key of the map through: it is a hash.
#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("the keys are u64");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::file::{FileOutput, FileSettings, Owner, Store, StoreLimits};

    fn store() -> (Store, Owner) {
        let limits = StoreLimits {
            buffer_bytes_max: 1 << 20,
            open_files_max: 10,
        };
        let output = Arc::new(FileOutput::new("test", FileSettings::default()));
        (Store::new(limits), Owner { output, generation: 1 })
    }

    #[test]
    fn a_file_is_looked_up_once_for_each_output_and_key() {
        let (store, owner) = store();
        let mut files = Files::default();
        let mut look_ups = 0;
        let keys: [&[u8]; 4] = [b"web1 sshd", b"web1 cron", b"", b"web1 sshd"];
        for _ in 0..2 {
            for output in [OutputId(0), OutputId(1)] {
                for key in keys {
                    let path = [b"/l/", key, &[b'0' + output.0 as u8]].concat();
                    let hash = files.hash(output, key).unwrap();
                    let file = files.find(1, hash, key, || {
                        look_ups += 1;
                        store.file(&path, 3, &owner).0
                    });
                    assert_eq!(file.path().as_bytes(), path);
                }
            }
        }
        assert_eq!(look_ups, 6);
    }

    #[test]
    fn what_another_configuration_made_of_a_key_is_forgotten() {
        let (store, owner) = store();
        let mut files = Files::default();
        let hash = files.hash(OutputId(0), b"web1").unwrap();
        let mut find = |generation, path: &[u8]| {
            let file = files.find(generation, hash, b"web1", || store.file(path, 3, &owner).0);
            file.path().as_bytes().to_vec()
        };
        assert_eq!(find(1, b"/l/a"), b"/l/a");
        assert_eq!(find(1, b"/l/b"), b"/l/a");
        assert_eq!(find(2, b"/l/b"), b"/l/b");
    }

    #[test]
    fn hashes_of_like_names_spread() {
        let files = Files::default();
        let hashes: std::collections::HashSet<u64> = (0..100_000)
            .map(|number| {
                files
                    .hash(OutputId(0), format!("host-{number:05} app").as_bytes())
                    .unwrap()
                    >> 32
            })
            .collect();
        assert!(hashes.len() > 99_990, "{}", hashes.len());
    }

    #[test]
    fn a_long_key_is_not_remembered() {
        assert_eq!(Files::default().hash(OutputId(0), &[b'x'; KEY_BYTES_MAX + 1]), None);
    }
}
