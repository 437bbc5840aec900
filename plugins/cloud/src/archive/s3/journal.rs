//! Uploads that are begun: a file for each, of lines of JSON. The first says what is uploaded, and is on the disk before anything is;
//! then comes the id of the upload, then a line for each part that has arrived. A line that a crash took, or cut, is of a part that is
//! sent again.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use tracing::warn;

use super::super::Failure;
use super::super::put::Put;
use crate::aws::s3::{Part, Upload};

/// One that nothing was written to for so long is gone on with by nobody: logd asks again each five minutes, and a week is a long
/// weekend with a broken disk.
const OLD: Duration = Duration::from_secs(7 * 24 * 3600);

/// Octets of a journal: ten thousand parts take two megabytes.
const BYTES_MAX: u64 = 16 << 20;

const EXTENSION: &str = "upload";

/// What an upload is of, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) bucket: String,
    pub(super) key: String,
    size: u64,
    /// In hexadecimal digits.
    sha256: String,
    part_bytes: usize,
    #[serde(skip)]
    upload: Option<String>,
    #[serde(skip)]
    pub(super) parts: BTreeMap<u32, Part>,
}

/// What happens to it, a line each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Upload(String),
    Part {
        number: u32,
        etag: String,
        size: u64,
        sha256: Option<String>,
    },
}

impl Entry {
    pub(super) fn of(bucket: &str, key: &str, put: &Put, part_bytes: usize) -> Self {
        Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            size: put.size,
            sha256: HEXLOWER.encode(&put.sha256),
            part_bytes,
            upload: None,
            parts: BTreeMap::new(),
        }
    }

    /// Whether both are of the same octets in the same parts.
    pub(super) fn is_same_file(&self, other: &Self) -> bool {
        (self.size, &self.sha256, self.part_bytes) == (other.size, &other.sha256, other.part_bytes)
    }

    /// The upload, if it was begun.
    pub(super) fn upload(&self) -> Option<Upload> {
        Some(Upload {
            bucket: self.bucket.clone(),
            key: self.key.clone(),
            id: self.upload.clone()?,
        })
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut entry: Self = serde_json::from_str(lines.next()?).ok()?;
        for line in lines {
            // One that was cut is the last of its start; those of the next follow.
            match serde_json::from_str(line) {
                Ok(Line::Upload(id)) => entry.upload = Some(id),
                Ok(Line::Part {
                    number,
                    etag,
                    size,
                    sha256,
                }) => {
                    let part = Part {
                        number,
                        etag,
                        size,
                        sha256,
                    };
                    entry.parts.insert(number, part);
                }
                Err(_) => {}
            }
        }
        Some(entry)
    }
}

/// The journals of a directory.
#[derive(Debug, Clone)]
pub(super) struct Journals {
    directory: PathBuf,
}

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    path: PathBuf,
}

impl Journals {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn path(&self, bucket: &str, key: &str) -> PathBuf {
        let name = HEXLOWER.encode(&Sha256::digest(format!("{bucket}\0{key}")));
        self.directory.join(name).with_extension(EXTENSION)
    }

    /// The journal of this object, if an upload was begun. One that can't be read is none.
    pub(super) async fn find(&self, bucket: &str, key: &str) -> Result<Option<(Journal, Entry)>, Failure> {
        let path = self.path(bucket, key);
        let read = in_thread(path, |path| match read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        });
        let (path, read) = read.await?;
        Ok(read.and_then(|text| {
            let entry = Entry::read(&text);
            if entry.is_none() {
                warn!("{}: it can't be read, and is passed over", path.display());
            }
            entry.map(|entry| (Journal { path }, entry))
        }))
    }

    /// Writes down that an upload is to be begun.
    pub(super) async fn begin(&self, entry: &Entry) -> Result<Journal, Failure> {
        let line = line(entry);
        let path = self.path(&entry.bucket, &entry.key);
        let (path, ()) = in_thread(path, move |path| {
            let directory = path.parent().unwrap_or(path);
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            let written = path.with_extension("new");
            let mut file = File::options()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&written)?;
            file.write_all(&line)?;
            file.sync_all()?;
            fs::rename(&written, path)?;
            File::open(directory)?.sync_all()
        })
        .await?;
        Ok(Journal { path })
    }

    /// Those of this bucket that nothing was written to for long.
    pub(super) async fn old(&self, bucket: &str) -> Vec<(Journal, Entry)> {
        let found = in_thread(self.directory.clone(), |directory| {
            let entries = fs::read_dir(directory)?.flatten();
            let is_old = |path: &PathBuf| {
                let modified = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
                let age = modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
                path.extension().is_some_and(|extension| extension == EXTENSION) && age.is_some_and(|age| age > OLD)
            };
            let paths = entries.map(|entry| entry.path()).filter(is_old);
            let read = paths.filter_map(|path| Some((Entry::read(&read(&path).ok()?)?, path)));
            Ok(read.map(|(entry, path)| (Journal { path }, entry)).collect::<Vec<_>>())
        });
        // There is no directory before the first.
        let mut found = found.await.map(|(_, found)| found).unwrap_or_default();
        found.retain(|(_, entry)| entry.bucket == bucket);
        found
    }
}

impl Journal {
    /// The upload is begun.
    pub(super) async fn begun(&self, id: &str) -> Result<(), Failure> {
        self.append(&Line::Upload(id.to_owned())).await
    }

    /// A part has arrived.
    pub(super) async fn add(&self, part: &Part) -> Result<(), Failure> {
        let Part {
            number,
            etag,
            size,
            sha256,
        } = part.clone();
        let line = Line::Part {
            number,
            etag,
            size,
            sha256,
        };
        self.append(&line).await
    }

    async fn append(&self, what: &Line) -> Result<(), Failure> {
        let mut line = line(what);
        // Behind one that was cut.
        line.insert(0, b'\n');
        let appended = in_thread(self.path.clone(), move |path| {
            File::options().append(true).open(path)?.write_all(&line)
        });
        appended.await.map(drop)
    }

    /// The upload is over. One that can't be removed is found to be by the next who looks.
    pub(super) async fn remove(&self) {
        let removed = in_thread(self.path.clone(), |path| fs::remove_file(path)).await;
        if let Err(failure) = removed {
            warn!(cause = failure.cause(), "the journal of an upload stays");
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    match fs::metadata(path)?.len() <= BYTES_MAX {
        true => fs::read_to_string(path),
        false => Err(io::ErrorKind::FileTooLarge.into()),
    }
}

fn line(of: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(of).expect("texts and numbers are always JSON");
    line.push(b'\n');
    line
}

/// Does something with a file in a thread that may wait; gives its path back.
async fn in_thread<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<(PathBuf, T), Failure> {
    let done = spawn_blocking(move || match work(&path) {
        Ok(done) => Ok((path, done)),
        Err(error) => Err(Failure::unavailable(format_args!("{}: {error}", path.display()))),
    });
    done.await.map_err(Failure::unavailable)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str) -> Entry {
        Entry {
            bucket: "logs".into(),
            key: key.into(),
            size: 3,
            sha256: "ab".into(),
            part_bytes: 8,
            upload: None,
            parts: BTreeMap::new(),
        }
    }

    fn part(number: u32) -> Part {
        Part {
            number,
            etag: format!("\"{number}\""),
            size: 8,
            sha256: Some("c2hh".into()),
        }
    }

    #[tokio::test]
    async fn what_was_written_down_is_known_again() {
        let directory = tempfile::tempdir().unwrap();
        let journals = Journals::new(directory.path().join("archive"));
        assert!(journals.find("logs", "a").await.unwrap().is_none());
        let journal = journals.begin(&entry("a")).await.unwrap();
        let (_, found) = journals.find("logs", "a").await.unwrap().unwrap();
        assert_eq!((&found, found.upload()), (&entry("a"), None));
        journal.begun("u1").await.unwrap();
        journal.add(&part(1)).await.unwrap();
        // Cut by a crash, and gone on with.
        let mut file = File::options().append(true).open(&journal.path).unwrap();
        file.write_all(b"{\"part\":{\"numb").unwrap();
        journal.add(&part(3)).await.unwrap();
        let (journal, found) = journals.find("logs", "a").await.unwrap().unwrap();
        assert_eq!(found.upload().unwrap().id, "u1");
        assert_eq!(found.parts.into_values().collect::<Vec<_>>(), [part(1), part(3)]);
        assert!(journals.find("logs", "b").await.unwrap().is_none());
        journal.remove().await;
        assert!(journals.find("logs", "a").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_is_no_journal_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let journals = Journals::new(directory.path().to_owned());
        for text in ["", "{}", "hello\n"] {
            fs::write(journals.path("logs", "a"), text).unwrap();
            assert!(journals.find("logs", "a").await.unwrap().is_none(), "{text}");
        }
    }

    #[tokio::test]
    async fn those_that_nobody_goes_on_with_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let journals = Journals::new(directory.path().to_owned());
        let old = journals.begin(&entry("old")).await.unwrap();
        journals.begin(&entry("new")).await.unwrap();
        let file = File::options().append(true).open(&old.path).unwrap();
        file.set_modified(SystemTime::now() - OLD - Duration::from_secs(60))
            .unwrap();
        let found = journals.old("logs").await;
        let keys: Vec<&str> = found.iter().map(|(_, entry)| entry.key.as_str()).collect();
        assert_eq!(keys, ["old"]);
        assert!(journals.old("others").await.is_empty());
    }
}
