//! Where documents of secrets are kept. A place knows a document and its tag, which is another after each change; it replaces
//! and removes only what has the tag that the caller has seen.

pub(super) mod dynamodb;
pub(super) mod file;
pub(super) mod s3;

use super::error::StoreError;
use super::id::SecretId;
use super::record::Record;

/// What there is of a secret.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Its document, unless there is none.
    pub(super) record: Option<Record>,
    /// That of what is there, which need not be a document.
    pub(super) tag: Option<String>,
}

/// One of the places.
#[derive(Debug)]
pub(super) enum Place {
    File(file::Folder),
    DynamoDb(dynamodb::Table),
    S3(s3::Objects),
}

impl Place {
    /// What there is of a secret.
    pub(super) async fn load(&self, id: &SecretId) -> Result<Found, StoreError> {
        match self {
            Self::File(folder) => folder.load(id).await,
            Self::DynamoDb(table) => table.load(id).await,
            Self::S3(objects) => objects.load(id).await,
        }
    }

    /// Puts a document in the place of what has this tag, or where nothing is; [`StoreError::Changed`] if that is not so.
    pub(super) async fn save(&self, record: &Record, replaces: Option<&str>) -> Result<(), StoreError> {
        match self {
            Self::File(folder) => folder.save(record, replaces).await,
            Self::DynamoDb(table) => table.save(record, replaces).await,
            Self::S3(objects) => objects.save(record, replaces).await,
        }
    }

    /// Removes what has this tag; likewise.
    pub(super) async fn remove(&self, id: &SecretId, tag: &str) -> Result<(), StoreError> {
        match self {
            Self::File(folder) => folder.remove(id, tag).await,
            Self::DynamoDb(table) => table.remove(id, tag).await,
            Self::S3(objects) => objects.remove(id, tag).await,
        }
    }

    /// All documents; in the place of one that can't be read what is wrong with it.
    pub(super) async fn list(&self) -> Result<Vec<Result<Record, StoreError>>, StoreError> {
        match self {
            Self::File(folder) => folder.list().await,
            Self::DynamoDb(table) => table.list().await,
            Self::S3(objects) => objects.list().await,
        }
    }
}
