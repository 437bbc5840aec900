//! Objects of S3, one for each secret: `PREFIX ENVIRONMENT/NAME.json`.
//!
//! Writes are conditional (If-None-Match, If-Match). Not all that speaks S3 knows a conditional DELETE, so a secret that is
//! deleted leaves an object behind that says so: a DELETE could take with it what somebody has made a moment before.

use bytes::Bytes;

use crate::aws::s3::Written;
use crate::aws::{self, Client};

use super::super::error::StoreError;
use super::super::id::SecretId;
use super::super::record::{RECORD_BYTES_MAX, Record};
use super::Found;

/// What stands in the object of a secret that was deleted.
const DELETED: &[u8] = b"deleted\n";

/// A bucket, and what the keys in it begin with.
#[derive(Debug)]
pub(in crate::secrets) struct Objects {
    pub(in crate::secrets) client: Client,
    pub(in crate::secrets) bucket: String,
    pub(in crate::secrets) prefix: String,
}

impl Objects {
    fn key(&self, id: &SecretId) -> String {
        format!("{}{}/{}.json", self.prefix, id.environment(), id.name())
    }

    fn place(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    pub(super) async fn load(&self, id: &SecretId) -> Result<Found, StoreError> {
        self.load_key(&self.key(id), Some(id)).await
    }

    async fn load_key(&self, key: &str, of: Option<&SecretId>) -> Result<Found, StoreError> {
        let got = self.client.get_object(&self.bucket, key, RECORD_BYTES_MAX).await;
        match got {
            Ok((about, body)) => Ok(Found {
                tag: Some(about.etag),
                record: match &body[..] {
                    DELETED => None,
                    document => Some(Record::read(document, &self.place(key), of)?),
                },
            }),
            Err(error) if error.is_refused_as("NoSuchKey") => Ok(Found::default()),
            Err(error) => Err(StoreError::Unavailable(format!("S3: {error}"))),
        }
    }

    pub(super) async fn save(&self, record: &Record, replaces: Option<&str>) -> Result<(), StoreError> {
        self.put(&record.id()?, record.write(), replaces).await
    }

    pub(super) async fn remove(&self, id: &SecretId, tag: &str) -> Result<(), StoreError> {
        self.put(id, DELETED.to_vec(), Some(tag)).await
    }

    async fn put(&self, id: &SecretId, body: Vec<u8>, replaces: Option<&str>) -> Result<(), StoreError> {
        let with = Written {
            is_new: replaces.is_none(),
            replaces: replaces.map(str::to_owned),
            ..Written::default()
        };
        let put = self
            .client
            .put_object(&self.bucket, &self.key(id), Bytes::from(body), &with)
            .await;
        match put {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => Err(StoreError::Changed(id.clone())),
            Err(error) => Err(StoreError::of_call("S3", &error)),
        }
    }

    pub(super) async fn list(&self) -> Result<Vec<Result<Record, StoreError>>, StoreError> {
        let listed = self.client.list_objects(&self.bucket, &self.prefix).await;
        let listed = listed.map_err(|error| StoreError::Unavailable(format!("S3: {error}")))?;
        let mut records = Vec::with_capacity(listed.len());
        for object in listed {
            match self.load_key(&object.key, None).await {
                Ok(found) => records.extend(found.record.map(Ok)),
                Err(error @ StoreError::Broken { .. }) => records.push(Err(error)),
                Err(error) => return Err(error),
            }
        }
        Ok(records)
    }
}

/// It is not there any more, is another, or is being written by somebody else just now.
fn is_condition(error: &aws::Error) -> bool {
    ["PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"]
        .iter()
        .any(|code| error.is_refused_as(code))
}
