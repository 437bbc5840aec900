//! Files as objects of S3. Each has its digest in its metadata (`sha256`), so that it is known for what it is.
//!
//! A large file goes in parts. Which upload they belong to, and which are there, stands in `work-dir`, so that who was
//! interrupted goes on where they were, and nothing is left behind that is paid for and in no list (`journal`).

mod journal;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use data_encoding::{BASE64, HEXLOWER};
use metrics::counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use super::config::S3Config;
use super::put::{KEY_BYTES_MAX, Put};
use super::source::{Piece, Reader};
use super::{Failure, Stored};
use crate::aws::s3::{Part, Upload, Written};
use crate::aws::{self, Client, Error};
use journal::{Entry, Journal, Journals};

/// A file of so many octets goes in parts.
const PARTS_FROM: u64 = 16 << 20;

/// Octets of a part, unless there would be too many of them: S3 takes 5 MiB to 5 GiB, and one that is lost is sent again.
const PART_BYTES: u64 = 8 << 20;

/// What S3 takes.
const PARTS_MAX: u64 = 10_000;

/// Parts of one file that are under way at a time.
const PARTS_AT_ONCE: usize = 3;

/// What all files together have in memory, in [`UNIT_BYTES`].
const UNITS: u32 = 128;
const UNIT_BYTES: usize = 1 << 20;

/// The name of the metadata.
const SHA256: &str = "sha256";

pub(super) struct S3 {
    client: Client,
    config: S3Config,
    journals: Journals,
    memory: Arc<Semaphore>,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.config.bucket, self.config.prefix)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// A file under the key that it has in the bucket.
struct Object<'a> {
    key: String,
    put: &'a Put,
}

impl S3 {
    /// What is begun is remembered in the files of a directory.
    pub(super) fn new(config: S3Config, journals: PathBuf) -> Self {
        Self {
            client: Client::new(config.settings.clone(), &[aws::Part::Archive]),
            config,
            journals: Journals::new(journals),
            memory: Arc::new(Semaphore::new(UNITS as usize)),
        }
    }

    pub(super) async fn put(&self, put: &Put) -> Result<Stored, Failure> {
        let key = format!("{}{}", self.config.prefix, put.key);
        if key.len() > KEY_BYTES_MAX {
            let message = format!("with the prefix its key has more than {KEY_BYTES_MAX} octets");
            return Err(Failure::Mismatch(message));
        }
        let object = Object { key, put };
        let is_in_parts = put.size >= PARTS_FROM;
        if self.is_there(&object).await? {
            if is_in_parts {
                self.clean_up(&object).await;
            }
            return Ok(Stored::Before);
        }
        match is_in_parts {
            true => self.put_parts(&object).await,
            false => self.put_whole(&object).await,
        }
    }

    /// Whether the key has this file; a failure if it has another.
    async fn is_there(&self, object: &Object<'_>) -> Result<bool, Failure> {
        let Some(about) = self.client.head_object(&self.config.bucket, &object.key).await? else {
            return Ok(false);
        };
        let sha256 = match about.metadata.get(SHA256) {
            Some(hex) => HEXLOWER.decode(hex.as_bytes()).ok(),
            // Somebody else has written it. The digest of one that came in parts is none of its octets.
            None => about.sha256.and_then(|base64| BASE64.decode(base64.as_bytes()).ok()),
        };
        match about.size == object.put.size && sha256.as_deref() == Some(&object.put.sha256) {
            true => Ok(true),
            false => Err(Failure::Mismatch("the key has another file".to_owned())),
        }
    }

    fn written(&self, put: &Put) -> Written {
        Written {
            is_new: true,
            metadata: BTreeMap::from([(SHA256.to_owned(), HEXLOWER.encode(&put.sha256))]),
            storage_class: self.config.storage_class.clone(),
            encryption: self.config.encryption.clone(),
            ..Written::default()
        }
    }

    /// Room in memory for so many octets.
    async fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Failure> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(UNITS).min(UNITS);
        let room = self.memory.clone().acquire_many_owned(units).await;
        room.map_err(Failure::unavailable)
    }

    async fn put_whole(&self, object: &Object<'_>) -> Result<Stored, Failure> {
        let Object { key, put } = object;
        let bytes = usize::try_from(put.size).unwrap_or(usize::MAX);
        let _room = self.room(bytes).await?;
        let (reader, piece) = put.source.reader().next(bytes).await?;
        reader.finish(&put.sha256)?;
        let with = self.written(put);
        match self
            .client
            .put_object(&self.config.bucket, key, piece.octets, &with)
            .await
        {
            Ok(_) => Ok(Stored::Now),
            Err(error) => self.stored_by_another(object, error).await,
        }
    }

    /// What was to be the first of its key was not: another may have been, and may have been the same.
    async fn stored_by_another(&self, object: &Object<'_>, error: Error) -> Result<Stored, Failure> {
        match error.is_refused_as("PreconditionFailed") && self.is_there(object).await? {
            true => Ok(Stored::Before),
            false => Err(error.into()),
        }
    }

    async fn put_parts(&self, object: &Object<'_>) -> Result<Stored, Failure> {
        let Object { key, put } = object;
        let part_bytes = part_bytes(put.size);
        let (journal, upload, known) = self.begin(object, part_bytes).await?;
        let sending = Sending {
            s3: self,
            upload: &upload,
            journal: &journal,
            part_bytes,
            known,
        };
        let (reader, parts) = match sending.send_all(put).await {
            Ok(sent) => sent,
            Err(failure) => return Err(self.give_up_if_wrong(&journal, &upload, failure).await),
        };
        if let Err(failure) = reader.finish(&put.sha256) {
            return Err(self.give_up_if_wrong(&journal, &upload, failure).await);
        }
        match self.client.complete_upload(&upload, &parts, &self.written(put)).await {
            Ok(_) => {
                journal.remove().await;
                Ok(Stored::Now)
            }
            // One of its parts is not what it was, or it is over: from the beginning then.
            Err(error) if is_lost(&error) => {
                debug!(key, %error, "an upload is lost");
                self.give_up(&journal, &upload).await;
                Err(error.into())
            }
            Err(error) => {
                let outcome = self.stored_by_another(object, error).await;
                if matches!(outcome, Ok(_) | Err(Failure::Mismatch(_))) {
                    self.give_up(&journal, &upload).await;
                }
                outcome
            }
        }
    }

    /// The upload of a file: the one that was begun before, with the parts that are there, or a new one.
    async fn begin(
        &self,
        object: &Object<'_>,
        part_bytes: usize,
    ) -> Result<(Journal, Upload, BTreeMap<u32, Part>), Failure> {
        let Object { key, put } = object;
        let wanted = Entry::of(&self.config.bucket, key, put, part_bytes);
        if let Some((journal, entry)) = self.journals.find(&self.config.bucket, key).await? {
            if let Some(upload) = entry.upload().filter(|_| entry.is_same_file(&wanted)) {
                match self.parts_there(&upload, &entry).await {
                    Ok(known) => {
                        let octets: u64 = known.values().map(|part| part.size).sum();
                        info!(key, octets, "an upload that was interrupted goes on");
                        return Ok((journal, upload, known));
                    }
                    Err(error) if is_lost(&error) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            self.discard(&journal, &entry).await?;
        }
        // That it is to be begun is written down before: nobody would know of it who is killed in between.
        let journal = self.journals.begin(&wanted).await?;
        let upload = self
            .client
            .create_upload(&self.config.bucket, key, &self.written(put))
            .await?;
        journal.begun(&upload.id).await?;
        Ok((journal, upload, BTreeMap::new()))
    }

    /// The parts that both the journal and the service have.
    async fn parts_there(&self, upload: &Upload, entry: &Entry) -> Result<BTreeMap<u32, Part>, Error> {
        let there = self.client.parts(upload).await?;
        let is_known = |part: &Part| {
            let noted = entry.parts.get(&part.number);
            noted.is_some_and(|noted| noted.etag == part.etag && noted.size == part.size)
        };
        let known = there.into_iter().filter(is_known);
        Ok(known
            .filter_map(|part| Some((part.number, entry.parts.get(&part.number)?.clone())))
            .collect())
    }

    /// A file that is not what was said of it will not be when it is asked for again; whatever else is wrong may be over by then.
    async fn give_up_if_wrong(&self, journal: &Journal, upload: &Upload, failure: Failure) -> Failure {
        if matches!(failure, Failure::Mismatch(_)) {
            self.give_up(journal, upload).await;
        }
        failure
    }

    /// Takes away what there is of an upload. One that can't be now stays in its journal.
    async fn give_up(&self, journal: &Journal, upload: &Upload) {
        match self.client.abort_upload(upload).await {
            Ok(()) => journal.remove().await,
            Err(error) => warn!(key = upload.key, %error, "an upload is left behind for now"),
        }
    }

    /// Takes away what a journal knows of.
    async fn discard(&self, journal: &Journal, entry: &Entry) -> Result<(), Failure> {
        let uploads = match entry.upload() {
            Some(upload) => vec![upload],
            // Who was killed before they knew of it; there may be none.
            None => self.client.uploads(&entry.bucket, &entry.key).await?,
        };
        for upload in uploads {
            self.client.abort_upload(&upload).await?;
        }
        journal.remove().await;
        Ok(())
    }

    /// A file is there of which a journal says that it is being stored.
    async fn clean_up(&self, object: &Object<'_>) {
        let found = self.journals.find(&self.config.bucket, &object.key).await;
        if let Ok(Some((journal, entry))) = found
            && let Err(failure) = self.discard(&journal, &entry).await
        {
            warn!(
                key = object.key,
                cause = failure.cause(),
                "an upload is left behind for now"
            );
        }
    }

    /// Takes away uploads that were begun long ago and that nobody goes on with.
    pub(super) async fn sweep(&self) {
        for (journal, entry) in self.journals.old(&self.config.bucket).await {
            match self.discard(&journal, &entry).await {
                Ok(()) => info!(key = entry.key, "an upload that nobody went on with is given up"),
                Err(failure) => debug!(
                    key = entry.key,
                    cause = failure.cause(),
                    "an upload is left behind for now"
                ),
            }
        }
    }
}

/// The parts of one upload on their way.
struct Sending<'a> {
    s3: &'a S3,
    upload: &'a Upload,
    journal: &'a Journal,
    part_bytes: usize,
    /// Those that are there.
    known: BTreeMap<u32, Part>,
}

impl Sending<'_> {
    /// Sends those that are not there, and gives all, in the order of their numbers.
    async fn send_all(mut self, put: &Put) -> Result<(Reader, Vec<Part>), Failure> {
        let mut reader = put.source.reader();
        let mut parts = BTreeMap::new();
        // Those that are under way when something fails are let go of.
        let mut under_way = JoinSet::new();
        let count = put.size.div_ceil(self.part_bytes as u64);
        for number in 1..=u32::try_from(count).unwrap_or(u32::MAX) {
            while under_way.len() >= PARTS_AT_ONCE {
                self.arrived(&mut under_way, &mut parts).await?;
            }
            let room = self.s3.room(self.part_bytes).await?;
            let (next, piece) = reader.next(self.part_bytes).await?;
            reader = next;
            if let Some(part) = self.known.remove(&number).filter(|part| is_of(part, &piece)) {
                counter!("cloudd_archive_parts_resumed_total").increment(1);
                parts.insert(number, part);
                continue;
            }
            let (client, upload) = (self.s3.client.clone(), self.upload.clone());
            under_way.spawn(async move {
                let sent = client.upload_part(&upload, number, piece.octets).await;
                drop(room);
                sent
            });
        }
        while !under_way.is_empty() {
            self.arrived(&mut under_way, &mut parts).await?;
        }
        Ok((reader, parts.into_values().collect()))
    }

    /// Waits for one of those that are under way, and writes it down.
    async fn arrived(
        &self,
        under_way: &mut JoinSet<Result<Part, Error>>,
        parts: &mut BTreeMap<u32, Part>,
    ) -> Result<(), Failure> {
        if let Some(sent) = under_way.join_next().await {
            let part = sent.map_err(Failure::unavailable)??;
            self.journal.add(&part).await?;
            parts.insert(part.number, part);
        }
        Ok(())
    }
}

/// Whether a part has these octets.
fn is_of(part: &Part, piece: &Piece) -> bool {
    part.size == piece.octets.len() as u64 && part.sha256.as_ref() == Some(&BASE64.encode(&piece.sha256))
}

/// There is no such upload, or not all of its parts.
fn is_lost(error: &Error) -> bool {
    ["NoSuchUpload", "InvalidPart", "InvalidPartOrder", "EntityTooSmall"]
        .into_iter()
        .any(|code| error.is_refused_as(code))
}

/// Octets of each part of a file but the last: whole MiB.
fn part_bytes(size: u64) -> usize {
    let bytes = PART_BYTES.max(size.div_ceil(PARTS_MAX).next_multiple_of(1 << 20));
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
