//! KMS: keys that never leave it, and what is encrypted under them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Client;
use super::error::Error;
use super::json::{Action, base64};
use super::operation::Operation;

/// What a ciphertext is bound to: who decrypts it has to say the same. It is not secret, and is in the trail of the service.
pub type Context = BTreeMap<String, String>;

/// A ciphertext.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Encrypted {
    /// As KMS makes it; it says under which key.
    #[serde(rename = "CiphertextBlob", with = "base64")]
    pub blob: Vec<u8>,
    /// The ARN of the key.
    pub key_id: String,
}

/// A plaintext. It is wiped when it is dropped.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Decrypted {
    /// The octets.
    #[serde(with = "base64")]
    pub plaintext: Zeroizing<Vec<u8>>,
    /// The ARN of the key.
    pub key_id: String,
}

/// A key to encrypt with here, and the same encrypted, to be kept beside what it encrypts.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataKey {
    /// 32 octets.
    #[serde(with = "base64")]
    pub plaintext: Zeroizing<Vec<u8>>,
    /// The key under KMS's.
    #[serde(rename = "CiphertextBlob", with = "base64")]
    pub blob: Vec<u8>,
    /// The ARN of KMS's key.
    pub key_id: String,
}

impl fmt::Debug for Decrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decrypted")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypt<'a> {
    key_id: &'a str,
    #[serde(with = "base64")]
    plaintext: &'a [u8],
    encryption_context: &'a Context,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypt<'a> {
    #[serde(rename = "CiphertextBlob", with = "base64")]
    blob: &'a [u8],
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<&'a str>,
    encryption_context: &'a Context,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GenerateDataKey<'a> {
    key_id: &'a str,
    key_spec: &'static str,
    encryption_context: &'a Context,
}

const fn action(operation: Operation) -> Action {
    Action {
        operation,
        // Each of them gives something and changes nothing.
        is_repeatable: true,
        service_waits: Duration::ZERO,
    }
}

impl Client {
    /// Encrypts at most 4,096 octets under a key: its id, ARN or alias.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn encrypt(&self, key_id: &str, plaintext: &[u8], context: &Context) -> Result<Encrypted, Error> {
        let request = Encrypt {
            key_id,
            plaintext,
            encryption_context: context,
        };
        self.json(action(Operation::Encrypt), &request).await
    }

    /// Decrypts; with a key id only what is encrypted under that. Another context than that of the encryption is refused as
    /// "InvalidCiphertextException".
    ///
    /// # Errors
    /// When it is not done.
    pub async fn decrypt(&self, blob: &[u8], key_id: Option<&str>, context: &Context) -> Result<Decrypted, Error> {
        let request = Decrypt {
            blob,
            key_id,
            encryption_context: context,
        };
        self.json(action(Operation::Decrypt), &request).await
    }

    /// Makes a key of 256 bits under a key.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn generate_data_key(&self, key_id: &str, context: &Context) -> Result<DataKey, Error> {
        let request = GenerateDataKey {
            key_id,
            key_spec: "AES_256",
            encryption_context: context,
        };
        self.json(action(Operation::GenerateDataKey), &request).await
    }
}
