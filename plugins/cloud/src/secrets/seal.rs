//! What values are encrypted under.

use std::path::PathBuf;

use data_encoding::BASE64;
use tokio::task::spawn_blocking;

use super::error::StoreError;
use super::id::{SecretId, Version};
use super::key_file::Key;
use super::record::Sealed;
use super::value::Secret;
use crate::aws::Client;
use crate::aws::kms::Context;

/// What encrypts and decrypts.
#[derive(Debug)]
pub(super) enum Sealer {
    /// A key in a file. It is read for each value: it is seldom needed, and not in memory in between.
    KeyFile(PathBuf),
    /// A key of KMS: an id, an ARN or an alias.
    Kms(Client, String),
}

impl Sealer {
    pub(super) async fn seal(&self, id: &SecretId, version: Version, value: &Secret) -> Result<Sealed, StoreError> {
        match self {
            Self::KeyFile(path) => read_key(path).await?.seal(id, version, value),
            Self::Kms(client, key) => {
                let sealed = client.encrypt(key, value.octets(), &context(id, version)).await;
                // It changes nothing, so that there is no doubt about it.
                let sealed = sealed.map_err(|error| StoreError::Unavailable(format!("KMS: {error}")))?;
                Ok(Sealed {
                    key: sealed.key_id,
                    octets: BASE64.encode(&sealed.blob),
                })
            }
        }
    }

    pub(super) async fn open(&self, id: &SecretId, version: Version, sealed: &Sealed) -> Result<Secret, StoreError> {
        match self {
            Self::KeyFile(path) => read_key(path).await?.open(id, version, sealed),
            Self::Kms(client, _) => {
                let failed = |why: String| StoreError::Sealed {
                    id: id.clone(),
                    version,
                    why,
                };
                let blob = BASE64.decode(sealed.octets.as_bytes());
                let blob = blob.map_err(|_| failed("it was changed".to_owned()))?;
                // Under the key that it was encrypted under: the configuration may name another for new ones by now.
                let opened = client.decrypt(&blob, Some(&sealed.key), &context(id, version)).await;
                match opened {
                    Ok(opened) => Ok(opened.plaintext.into()),
                    Err(error) if error.is_refused_as("InvalidCiphertextException") => Err(failed(
                        "it was changed, or is the value of another secret or version".to_owned(),
                    )),
                    Err(error) => Err(StoreError::Unavailable(format!("KMS: {error}"))),
                }
            }
        }
    }
}

async fn read_key(path: &std::path::Path) -> Result<Key, StoreError> {
    let path = path.to_owned();
    let missing = StoreError::Unavailable(format!(
        "{}: the key that secrets are encrypted under is gone",
        path.display()
    ));
    let read = spawn_blocking(move || Key::read(&path)).await;
    read.map_err(|panic| StoreError::Unavailable(panic.to_string()))??
        .ok_or(missing)
}

/// It is in the trail of KMS for all to see who may, and nothing of it is secret.
fn context(id: &SecretId, version: Version) -> Context {
    Context::from([
        ("name".to_owned(), id.name().to_owned()),
        ("environment".to_owned(), id.environment().to_owned()),
        ("version".to_owned(), version.to_string()),
    ])
}
