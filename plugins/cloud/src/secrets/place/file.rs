//! A folder with a file for each secret: `NAME@ENVIRONMENT.secret`.
//!
//! A file is written beside its place, synced and renamed, so that it is the old one or the new one whatever happens; who
//! changes something holds the folder's lock, so that the daemon and a command don't undo what the other did. Who reads needs
//! no lock.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tracing::{info, warn};

use super::super::error::StoreError;
use super::super::id::SecretId;
use super::super::key_file::{Key, Owner, aside, sync_folder_of, write_new};
use super::super::record::{RECORD_BYTES_MAX, Record};
use super::Found;

const SUFFIX: &str = ".secret";
/// What is written beside the place of a file ends so.
const ASIDE: &str = ".new";
const LOCK: &str = "lock";

/// Whoever holds the lock writes one small file.
const LOCK_MAX: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The folder, and the key that what is in it is encrypted under.
#[derive(Debug, Clone)]
pub(in crate::secrets) struct Folder(Arc<Paths>);

#[derive(Debug)]
struct Paths {
    folder: PathBuf,
    key: PathBuf,
    owner: Owner,
}

impl Folder {
    pub(in crate::secrets) fn new(folder: PathBuf, key: PathBuf, owner: Owner) -> Self {
        Self(Arc::new(Paths { folder, key, owner }))
    }

    /// Makes the folder and the key where they are missing. It waits for the disk.
    pub(in crate::secrets) fn prepare(&self) -> Result<(), StoreError> {
        self.0.prepare()
    }

    /// Whether there is a key that can be used, or none is needed yet.
    pub(in crate::secrets) fn check(&self) -> Result<(), StoreError> {
        match Key::read(&self.0.key)? {
            Some(_) => Ok(()),
            None => self.0.needs_no_key(),
        }
    }

    pub(super) async fn load(&self, id: &SecretId) -> Result<Found, StoreError> {
        let id = id.clone();
        self.with(move |paths| paths.load(&id)).await
    }

    pub(super) async fn save(&self, record: &Record, replaces: Option<&str>) -> Result<(), StoreError> {
        let (record, replaces) = (record.clone(), replaces.map(str::to_owned));
        self.with(move |paths| paths.save(&record, replaces.as_deref())).await
    }

    pub(super) async fn remove(&self, id: &SecretId, tag: &str) -> Result<(), StoreError> {
        let (id, tag) = (id.clone(), tag.to_owned());
        self.with(move |paths| paths.remove(&id, &tag)).await
    }

    pub(super) async fn list(&self) -> Result<Vec<Result<Record, StoreError>>, StoreError> {
        self.with(Paths::list).await
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Paths) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let paths = self.0.clone();
        let done = spawn_blocking(move || work(&paths)).await;
        done.map_err(|panic| StoreError::Uncertain(panic.to_string()))?
    }
}

impl Paths {
    fn path(&self, id: &SecretId) -> PathBuf {
        self.folder.join(format!("{}@{}{SUFFIX}", id.name(), id.environment()))
    }

    /// A key that is made where there are secrets already would be one that opens none of them.
    fn prepare(&self) -> Result<(), StoreError> {
        self.make_folder()?;
        let _lock = self.lock()?;
        if Key::read(&self.key)?.is_some() {
            return Ok(());
        }
        self.needs_no_key()?;
        Key::make(&self.key, self.owner)?;
        info!(
            "{} is made, the key that secrets in {} are encrypted under: keep a copy of it elsewhere",
            self.key.display(),
            self.folder.display()
        );
        Ok(())
    }

    /// The folders above it are others' too, such as the work directory: only it is closed to all but its owner.
    fn make_folder(&self) -> Result<(), StoreError> {
        if let Some(parent) = self.folder.parent() {
            fs::create_dir_all(parent).map_err(|error| failed(parent, &error))?;
        }
        match fs::DirBuilder::new().mode(0o700).create(&self.folder) {
            Ok(()) => self.hand_over(&self.folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(failed(&self.folder, &error)),
        }
    }

    fn needs_no_key(&self) -> Result<(), StoreError> {
        let files = self.files()?;
        let Some(first) = files.first() else { return Ok(()) };
        Err(StoreError::Unavailable(format!(
            "{}: the key that secrets are encrypted under is gone, and {} is there: put the key back, or the secrets away",
            self.key.display(),
            first.display()
        )))
    }

    fn hand_over(&self, path: &Path) -> Result<(), StoreError> {
        let Some((user, group)) = self.owner else {
            return Ok(());
        };
        chown(path, Some(user), Some(group)).map_err(|error| failed(path, &error))
    }

    fn lock(&self) -> Result<File, StoreError> {
        let path = self.folder.join(LOCK);
        let opened = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path);
        let file = opened.map_err(|error| failed(&path, &error))?;
        self.hand_over(&path)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_MAX => sleep(LOCK_PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let text = format!("{}: another process has held it for {LOCK_MAX:?}", path.display());
                    return Err(StoreError::Unavailable(text));
                }
                Err(TryLockError::Error(error)) => return Err(failed(&path, &error)),
            }
        }
    }

    fn load(&self, id: &SecretId) -> Result<Found, StoreError> {
        let record = read(&self.path(id), Some(id))?;
        Ok(Found {
            tag: record.as_ref().map(|record| record.revision.clone()),
            record,
        })
    }

    fn save(&self, record: &Record, replaces: Option<&str>) -> Result<(), StoreError> {
        let id = record.id()?;
        let path = self.path(&id);
        let _lock = self.lock()?;
        self.is_still(&id, replaces)?;
        let aside = aside(&path)?;
        let put = write_new(&aside, &record.write(), self.owner).and_then(|()| fs::rename(&aside, &path));
        if let Err(error) = put {
            // It may not have come to be there.
            let _ = fs::remove_file(&aside);
            return Err(failed(&path, &error));
        }
        self.remove_left_behind();
        sync_folder_of(&path).map_err(|error| StoreError::Uncertain(format!("{}: {error}", path.display())))
    }

    fn remove(&self, id: &SecretId, tag: &str) -> Result<(), StoreError> {
        let path = self.path(id);
        let _lock = self.lock()?;
        self.is_still(id, Some(tag))?;
        fs::remove_file(&path).map_err(|error| failed(&path, &error))?;
        sync_folder_of(&path).map_err(|error| StoreError::Uncertain(format!("{}: {error}", path.display())))
    }

    fn is_still(&self, id: &SecretId, tag: Option<&str>) -> Result<(), StoreError> {
        match self.load(id)?.tag.as_deref() == tag {
            true => Ok(()),
            false => Err(StoreError::Changed(id.clone())),
        }
    }

    /// What a crash left beside its place; who holds the lock is the only one that writes there.
    fn remove_left_behind(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let is_aside = name
                .to_str()
                .is_some_and(|name| name.contains(&format!("{SUFFIX}.")) && name.ends_with(ASIDE));
            if is_aside && let Err(error) = fs::remove_file(entry.path()) {
                warn!("{}: {error}", entry.path().display());
            }
        }
    }

    /// The secrets' files, by their names.
    fn files(&self) -> Result<Vec<PathBuf>, StoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&self.folder, &error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| failed(&self.folder, &error))?.path();
            if path.to_string_lossy().ends_with(SUFFIX) {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }

    fn list(&self) -> Result<Vec<Result<Record, StoreError>>, StoreError> {
        let read = self.files()?.into_iter().map(|path| {
            let record = read(&path, None)?;
            // It is gone since.
            let Some(record) = record else { return Ok(None) };
            match self.path(&record.id()?) == path {
                true => Ok(Some(record)),
                false => Err(StoreError::Broken {
                    place: path.display().to_string(),
                    why: "it is of another secret".to_owned(),
                }),
            }
        });
        Ok(read.filter_map(Result::transpose).collect())
    }
}

/// `None`: there is none.
fn read(path: &Path, of: Option<&SecretId>) -> Result<Option<Record>, StoreError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, &error)),
    };
    let mut octets = Vec::new();
    file.take(RECORD_BYTES_MAX as u64)
        .read_to_end(&mut octets)
        .map_err(|error| failed(path, &error))?;
    Record::read(&octets, &path.display().to_string(), of).map(Some)
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", path.display()))
}
