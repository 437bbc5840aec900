//! What may be done with secrets, whatever they are kept in.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::config::{Config, KeptIn};
use super::error::StoreError;
use super::id::{CreationId, SecretId, Version};
use super::place::dynamodb::Table;
use super::place::file::Folder;
use super::place::s3::Objects;
use super::place::{Found, Place};
use super::record::{Description, Record, RecordVersion};
use super::seal::Sealer;
use super::value::{Recipe, SECRET_BYTES_MAX, Secret};
use crate::aws::{Client, Part};

/// Characters of who made a version.
const MAKER_CHARS_MAX: usize = 200;

/// A version of a making of a secret: what a change is conditional on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// Which making.
    pub creation: CreationId,
    /// Which version.
    pub version: Version,
}

/// A value, and whose it is.
#[derive(Debug)]
pub struct Got {
    /// The version.
    pub at: At,
    /// Its value.
    pub value: Secret,
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub struct Made {
    /// A user, or a stack.
    pub by: String,
    /// How it was made.
    pub recipe: Recipe,
}

/// The secrets that there are.
#[derive(Debug, Default)]
pub struct Listed {
    /// By environment and name.
    pub secrets: Vec<Description>,
    /// What can't be read.
    pub broken: Vec<StoreError>,
}

/// Secrets, kept somewhere. Clones are the same store.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    place: Place,
    sealer: Sealer,
    versions_kept: usize,
}

impl Store {
    /// As configured; nothing is asked or read yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let (place, sealer) = match &config.kept_in {
            KeptIn::File { folder, key, owner } => (
                Place::File(Folder::new(folder.clone(), key.clone(), *owner)),
                Sealer::KeyFile(key.clone()),
            ),
            KeptIn::DynamoDb { settings, table, key } => {
                let client = Client::new(settings.clone(), &[Part::SecretsTable, Part::SecretsKey]);
                let table = Table {
                    client: client.clone(),
                    table: table.clone(),
                };
                (Place::DynamoDb(table), Sealer::Kms(client, key.clone()))
            }
            KeptIn::S3 {
                settings,
                bucket,
                prefix,
                key,
            } => {
                let client = Client::new(settings.clone(), &[Part::SecretsBucket, Part::SecretsKey]);
                let objects = Objects {
                    client: client.clone(),
                    bucket: bucket.clone(),
                    prefix: prefix.clone(),
                };
                (Place::S3(objects), Sealer::Kms(client, key.clone()))
            }
        };
        let versions_kept = config.versions_kept;
        Self {
            inner: Arc::new(Inner {
                place,
                sealer,
                versions_kept,
            }),
        }
    }

    /// Makes what has to be there before there are secrets: of files the folder and the key. It waits for the disk.
    ///
    /// # Errors
    /// When that can't be made, or the key is one that others may read, or is gone.
    pub fn prepare(&self) -> Result<(), StoreError> {
        match &self.inner.place {
            Place::File(folder) => folder.prepare(),
            Place::DynamoDb(_) | Place::S3(_) => Ok(()),
        }
    }

    /// Whether what has to be there is, as far as this machine can say; makes nothing.
    ///
    /// # Errors
    /// When secrets could not be had.
    pub fn check(&self) -> Result<(), StoreError> {
        match &self.inner.place {
            Place::File(folder) => folder.check(),
            Place::DynamoDb(_) | Place::S3(_) => Ok(()),
        }
    }

    /// The newest value of a secret, or that of a version.
    ///
    /// # Errors
    /// When there is none, or it can't be had.
    pub async fn get(&self, id: &SecretId, version: Option<Version>) -> Result<Got, StoreError> {
        let (record, _) = self.there(id).await?;
        let found = record.version(version);
        let found = found.ok_or_else(|| match version {
            Some(version) => StoreError::NoVersion(id.clone(), version),
            None => StoreError::NotFound(id.clone()),
        })?;
        Ok(Got {
            value: self.inner.sealer.open(id, found.version, &found.sealed).await?,
            at: At {
                version: found.version,
                creation: record.creation.clone(),
            },
        })
    }

    /// What is known of a secret but its values.
    ///
    /// # Errors
    /// When there is none, or it can't be had.
    pub async fn describe(&self, id: &SecretId) -> Result<Description, StoreError> {
        self.there(id).await?.0.describe()
    }

    /// Makes a secret that is not there yet. Who chooses the creation and is told [`StoreError::Exists`] with the same has made it
    /// before.
    ///
    /// # Errors
    /// When there is one, or it can't be made.
    pub async fn create(
        &self,
        id: &SecretId,
        creation: CreationId,
        value: &Secret,
        made: Made,
    ) -> Result<At, StoreError> {
        let exists = |record: Record| StoreError::Exists {
            id: id.clone(),
            creation: record.creation,
        };
        let first = Version::FIRST;
        let Found { record, tag } = self.inner.place.load(id).await?;
        if let Some(record) = record {
            return Err(exists(record));
        }
        self.prepare_later().await?;
        let recipe = made.recipe.clone();
        let sealed = self.seal(id, first, value, made).await?;
        let record = Record::new(id, creation.clone(), recipe, sealed)?;
        match self.save(id, &record, tag.as_deref()).await {
            // Somebody made one at the same time.
            Err(StoreError::Changed(_)) => match self.inner.place.load(id).await?.record {
                Some(record) => Err(exists(record)),
                None => Err(StoreError::Changed(id.clone())),
            },
            Err(error) => Err(error),
            Ok(()) => Ok(At {
                creation,
                version: first,
            }),
        }
    }

    /// Gives a secret its next value, if its newest version is still the one that was read.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if it is not; when it can't be done.
    pub async fn put(&self, id: &SecretId, read: &At, value: &Secret, made: Made) -> Result<At, StoreError> {
        let (record, tag) = self.there(id).await?;
        let newest = record.version(None).map(|one| one.version);
        if (&record.creation, newest) != (&read.creation, Some(read.version)) {
            return Err(StoreError::Changed(id.clone()));
        }
        let version = read.version.next();
        let recipe = made.recipe.clone();
        let sealed = self.seal(id, version, value, made).await?;
        let record = record.with(recipe, sealed, self.inner.versions_kept)?;
        self.save(id, &record, Some(&tag)).await?;
        Ok(At {
            creation: read.creation.clone(),
            version,
        })
    }

    /// All secrets without their values.
    ///
    /// # Errors
    /// When they can't be listed.
    pub async fn list(&self) -> Result<Listed, StoreError> {
        let mut listed = Listed::default();
        for record in self.inner.place.list().await? {
            match record.and_then(|record| record.describe()) {
                Ok(description) => listed.secrets.push(description),
                Err(error) => listed.broken.push(error),
            }
        }
        listed.secrets.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(listed)
    }

    /// Deletes a secret with all its versions; with a creation only if it is that making of it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::OtherCreation`]; [`StoreError::Changed`] if it changed at the same time; when it
    /// can't be done.
    pub async fn delete(&self, id: &SecretId, creation: Option<&CreationId>) -> Result<(), StoreError> {
        let (record, tag) = self.there(id).await?;
        if creation.is_some_and(|creation| *creation != record.creation) {
            return Err(StoreError::OtherCreation(id.clone()));
        }
        match self.inner.place.remove(id, &tag).await {
            Err(StoreError::Uncertain(why)) => match self.inner.place.load(id).await?.record {
                None => Ok(()),
                Some(_) => Err(StoreError::Uncertain(why)),
            },
            removed => removed,
        }
    }

    async fn there(&self, id: &SecretId) -> Result<(Record, String), StoreError> {
        let Found { record, tag } = self.inner.place.load(id).await?;
        record.zip(tag).ok_or_else(|| StoreError::NotFound(id.clone()))
    }

    async fn prepare_later(&self) -> Result<(), StoreError> {
        let store = self.clone();
        let prepared = tokio::task::spawn_blocking(move || store.prepare()).await;
        prepared.map_err(|panic| StoreError::Unavailable(panic.to_string()))?
    }

    async fn seal(
        &self,
        id: &SecretId,
        version: Version,
        value: &Secret,
        made: Made,
    ) -> Result<RecordVersion, StoreError> {
        let octets = value.octets().len();
        if octets == 0 || octets > SECRET_BYTES_MAX {
            return Err(StoreError::Length(octets));
        }
        Ok(RecordVersion {
            version,
            made_at: now(),
            made_by: shown(&made.by),
            sealed: self.inner.sealer.seal(id, version, value).await?,
        })
    }

    /// Where it is not known whether it was done, what is there says it.
    async fn save(&self, id: &SecretId, record: &Record, tag: Option<&str>) -> Result<(), StoreError> {
        match self.inner.place.save(record, tag).await {
            Err(StoreError::Uncertain(why)) => match self.inner.place.load(id).await?.record {
                Some(there) if there.revision == record.revision => Ok(()),
                _ => Err(StoreError::Uncertain(why)),
            },
            saved => saved,
        }
    }
}

/// It goes before people.
fn shown(maker: &str) -> String {
    let visible = maker.chars().map(|c| if c.is_control() { ' ' } else { c });
    visible.take(MAKER_CHARS_MAX).collect()
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
