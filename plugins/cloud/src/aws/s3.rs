//! S3: objects in buckets. What is written carries its SHA-256 digest, which the service compares before it says yes.
//!
//! Not with object_store 0.14, which is well kept, for what it has no call for: the parts that an upload has already, without which
//! a large file is sent again from its beginning after a crash; an upload that is only completed if its key is free; and what a
//! HEAD says of an object's metadata. It would also bring 45 crates that nothing else here needs, a second client of HTTP and a second library
//! of TLS among them. What is used of S3 is eleven requests, with the signature, the repetitions and the limits of the other services' calls.

mod multipart;

use std::collections::BTreeMap;

use bytes::Bytes;
use data_encoding::BASE64;
use http::Method;
use http::header::{CONTENT_LENGTH, ETAG};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use self::multipart::{Part, Upload};
use super::Client;
use super::error::{Error, Malformed};
use super::http::Answer;
use super::operation::Operation;
use super::pages::Pages;
use super::rest::{Rest, text_of};
use super::xml::Element;

const CHECKSUM: &str = "x-amz-checksum-sha256";
const METADATA: &str = "x-amz-meta-";
const ENCRYPTION: &str = "x-amz-server-side-encryption";

/// What goes with an object that is written.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// Write it only if there is none of this key: else the refusal is "PreconditionFailed".
    pub is_new: bool,
    /// Write it only in the place of the object with this tag.
    pub replaces: Option<String>,
    /// Names in lower case, and texts in ASCII.
    pub metadata: BTreeMap<String, String>,
    /// How it is kept: "STANDARD_IA"; `None`: as the bucket has it.
    pub storage_class: Option<String>,
    /// Likewise.
    pub encryption: Option<Encryption>,
}

/// Who encrypts an object that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// S3, with keys of its own.
    Aes256,
    /// S3, with a key of KMS.
    Kms {
        /// Its id, ARN or alias; `None`: the account's for S3.
        key: Option<String>,
    },
}

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// In octets.
    pub size: u64,
    /// What changes when it does; with its quotes.
    pub etag: String,
    /// Its digest in base64, as it was written with; that of the parts' digests if it came in parts.
    pub sha256: Option<String>,
    /// What was written with it.
    pub metadata: BTreeMap<String, String>,
}

/// An object in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// In octets.
    pub size: u64,
    /// What changes when it does; with its quotes.
    pub etag: Option<String>,
}

impl Client {
    /// An object, of at most so many octets. Where the service has a digest of it, it is compared.
    ///
    /// # Errors
    /// When it can't be had; "NoSuchKey" is the code where there is none.
    pub async fn get_object(
        &self,
        bucket: &str,
        key: &str,
        bytes_max: usize,
    ) -> Result<(About, Zeroizing<Vec<u8>>), Error> {
        let mut rest = Rest::new(Operation::GetObject, Method::GET, bucket, key);
        rest.header("x-amz-checksum-mode", "ENABLED")?;
        rest.answer_bytes_max = bytes_max;
        let answer = self.rest(rest).await?;
        let about = read_about(&answer)?;
        if let Some(checksum) = &about.sha256
            && !checksum.contains('-')
            && *checksum != digest(&answer.body)
        {
            return Err(Malformed::Checksum.into());
        }
        Ok((about, answer.body))
    }

    /// What is known of an object, if there is one.
    ///
    /// # Errors
    /// When that is not known.
    pub async fn head_object(&self, bucket: &str, key: &str) -> Result<Option<About>, Error> {
        let mut rest = Rest::new(Operation::HeadObject, Method::HEAD, bucket, key);
        rest.header("x-amz-checksum-mode", "ENABLED")?;
        match self.rest(rest).await {
            Ok(answer) => Ok(Some(read_about(&answer)?)),
            Err(Error::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes an object; gives its tag. Under a condition it is never made twice.
    ///
    /// # Errors
    /// When it is not done, or not known to be.
    pub async fn put_object(&self, bucket: &str, key: &str, body: Bytes, with: &Written) -> Result<String, Error> {
        let mut rest = Rest::new(Operation::PutObject, Method::PUT, bucket, key);
        rest.header(CHECKSUM, &digest(&body))?;
        rest.body = body;
        add_conditions(&mut rest, with)?;
        add_properties(&mut rest, with)?;
        let answer = self.rest(rest).await?;
        etag(&answer)
    }

    /// Deletes an object. That there is none is no error.
    ///
    /// # Errors
    /// When it is not done, or not known to be.
    pub async fn delete_object(&self, bucket: &str, key: &str) -> Result<(), Error> {
        self.rest(Rest::new(Operation::DeleteObject, Method::DELETE, bucket, key))
            .await
            .map(drop)
    }

    /// All objects whose keys begin so, in the order of their keys.
    ///
    /// # Errors
    /// When a page of the list can't be had.
    pub async fn list_objects(&self, bucket: &str, prefix: &str) -> Result<Vec<Listed>, Error> {
        let mut pages = Pages::new();
        loop {
            let mut rest = Rest::new(Operation::ListObjectsV2, Method::GET, bucket, "");
            rest.query.push(("list-type", "2".to_owned()));
            rest.query.push(("prefix", prefix.to_owned()));
            if let Some(token) = pages.token() {
                rest.query.push(("continuation-token", token.to_owned()));
            }
            let answer = self.rest(rest).await?;
            let (objects, next) = read_list(&Element::read(&answer.body, "ListBucketResult")?)?;
            if pages.add(objects, next)? {
                return Ok(pages.into_list());
            }
        }
    }
}

fn read_list(root: &Element) -> Result<(Vec<Listed>, Option<String>), Malformed> {
    let objects = root
        .children
        .iter()
        .filter(|child| child.name == "Contents")
        .map(|object| {
            Ok(Listed {
                key: object.need("Key")?.text.clone(),
                size: object
                    .need_text("Size")?
                    .parse()
                    .map_err(|_| Malformed::Wrong("Size"))?,
                etag: object.string_of("ETag"),
            })
        });
    let objects = objects.collect::<Result<_, Malformed>>()?;
    let next = match root.need_text("IsTruncated")?.as_str() {
        "true" => Some(root.need_text("NextContinuationToken")?),
        "false" => None,
        _ => return Err(Malformed::Wrong("IsTruncated")),
    };
    Ok((objects, next))
}

fn read_about(answer: &Answer) -> Result<About, Malformed> {
    let headers = &answer.headers;
    let length = text_of(headers, CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok());
    let metadata = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix(METADATA)?;
        Some((name.to_owned(), value.to_str().ok()?.to_owned()))
    });
    Ok(About {
        size: length.unwrap_or(answer.body.len() as u64),
        etag: text_of(headers, ETAG.as_str()).ok_or(Malformed::Missing("ETag"))?,
        sha256: text_of(headers, CHECKSUM),
        metadata: metadata.collect(),
    })
}

fn etag(answer: &Answer) -> Result<String, Error> {
    text_of(&answer.headers, ETAG.as_str()).ok_or_else(|| Malformed::Missing("ETag").into())
}

fn add_conditions(rest: &mut Rest<'_>, with: &Written) -> Result<(), Malformed> {
    if with.is_new {
        rest.header("if-none-match", "*")?;
    }
    if let Some(etag) = &with.replaces {
        rest.header("if-match", etag)?;
    }
    rest.is_repeatable = !with.is_new && with.replaces.is_none();
    Ok(())
}

fn add_properties(rest: &mut Rest<'_>, with: &Written) -> Result<(), Malformed> {
    if let Some(class) = &with.storage_class {
        rest.header("x-amz-storage-class", class)?;
    }
    match &with.encryption {
        None => {}
        Some(Encryption::Aes256) => rest.header(ENCRYPTION, "AES256")?,
        Some(Encryption::Kms { key }) => {
            rest.header(ENCRYPTION, "aws:kms")?;
            if let Some(key) = key {
                rest.header("x-amz-server-side-encryption-aws-kms-key-id", key)?;
            }
        }
    }
    for (name, value) in &with.metadata {
        rest.header(&format!("{METADATA}{name}"), value)?;
    }
    Ok(())
}

fn digest(octets: &[u8]) -> String {
    BASE64.encode(&Sha256::digest(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_whether_it_goes_on() {
        let read = |text: &str| read_list(&Element::read(text.as_bytes(), "R").unwrap());
        let one = "<Contents><Key>a&amp;b</Key><Size>3</Size><ETag>&quot;x&quot;</ETag></Contents>";
        let (objects, next) = read(&format!("<R><IsTruncated>false</IsTruncated>{one}{one}</R>")).unwrap();
        assert_eq!((objects.len(), objects[0].key.as_str(), next), (2, "a&b", None));
        let truncated = format!("<R><IsTruncated>true</IsTruncated>{one}</R>");
        assert_eq!(read(&truncated), Err(Malformed::Missing("NextContinuationToken")));
        assert_eq!(read("<R/>"), Err(Malformed::Missing("IsTruncated")));
    }
}
