//! Objects that are written in parts: each is acknowledged for itself, so that who is interrupted goes on where they were.

use std::fmt::Write as _;

use bytes::Bytes;
use http::Method;

use super::super::Client;
use super::super::error::{Error, Malformed};
use super::super::operation::Operation;
use super::super::pages::Pages;
use super::super::rest::Rest;
use super::super::xml::Element;
use super::{CHECKSUM, Written, add_conditions, add_properties, digest, etag};

/// An object that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Which of the uploads to this key.
    pub id: String,
}

/// A part that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// From 1 to 10,000, in the order of the object. All but the last have 5 MiB or more.
    pub number: u32,
    /// What the service calls it.
    pub etag: String,
    /// In octets.
    pub size: u64,
    /// Its digest in base64.
    pub sha256: Option<String>,
}

impl Client {
    /// Begins to write an object. It is not there before [`Client::complete_upload`], and what there is of it is kept, and
    /// paid for, until then or [`Client::abort_upload`].
    ///
    /// # Errors
    /// When it is not done, or not known to be.
    pub async fn create_upload(&self, bucket: &str, key: &str, with: &Written) -> Result<Upload, Error> {
        let mut rest = Rest::new(Operation::CreateMultipartUpload, Method::POST, bucket, key);
        rest.query.push(("uploads", String::new()));
        rest.header("x-amz-checksum-algorithm", "SHA256")?;
        add_properties(&mut rest, with)?;
        // One whose answer is lost is not made twice: see `uploads`.
        rest.is_repeatable = false;
        let answer = self.rest(rest).await?;
        let root = Element::read(&answer.body, "InitiateMultipartUploadResult")?;
        Ok(Upload {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            id: root.need_text("UploadId")?,
        })
    }

    /// Writes a part, in the place of the one of its number.
    ///
    /// # Errors
    /// When it is not done, or not known to be.
    pub async fn upload_part(&self, upload: &Upload, number: u32, body: Bytes) -> Result<Part, Error> {
        let mut rest = Rest::new(Operation::UploadPart, Method::PUT, &upload.bucket, &upload.key);
        rest.query.push(("partNumber", number.to_string()));
        rest.query.push(("uploadId", upload.id.clone()));
        let sha256 = digest(&body);
        rest.header(CHECKSUM, &sha256)?;
        let size = body.len() as u64;
        rest.body = body;
        let answer = self.rest(rest).await?;
        Ok(Part {
            number,
            etag: etag(&answer)?,
            size,
            sha256: Some(sha256),
        })
    }

    /// The parts that are there.
    ///
    /// # Errors
    /// When a page of the list can't be had; "NoSuchUpload" is the code where the upload is over.
    pub async fn parts(&self, upload: &Upload) -> Result<Vec<Part>, Error> {
        let mut pages = Pages::new();
        loop {
            let mut rest = Rest::new(Operation::ListParts, Method::GET, &upload.bucket, &upload.key);
            rest.query.push(("uploadId", upload.id.clone()));
            if let Some(token) = pages.token() {
                rest.query.push(("part-number-marker", token.to_owned()));
            }
            let answer = self.rest(rest).await?;
            // Whatever the root is called, which servers don't agree about: the list is that of this upload.
            let root = Element::read_any(&answer.body)?;
            if root.need_text("UploadId")? != upload.id {
                return Err(Malformed::Wrong("UploadId").into());
            }
            let (parts, next) = read_parts(&root)?;
            if pages.add(parts, next)? {
                return Ok(pages.into_list());
            }
        }
    }

    /// The uploads to a key that are neither completed nor aborted.
    ///
    /// # Errors
    /// When a page of the list can't be had.
    pub async fn uploads(&self, bucket: &str, key: &str) -> Result<Vec<Upload>, Error> {
        let mut pages = Pages::new();
        loop {
            let mut rest = Rest::new(Operation::ListMultipartUploads, Method::GET, bucket, "");
            rest.query.push(("uploads", String::new()));
            rest.query.push(("prefix", key.to_owned()));
            // The order is that of keys and times, so that those of this key come first.
            if let Some(id) = pages.token() {
                rest.query.push(("key-marker", key.to_owned()));
                rest.query.push(("upload-id-marker", id.to_owned()));
            }
            let answer = self.rest(rest).await?;
            let root = Element::read(&answer.body, "ListMultipartUploadsResult")?;
            let (ids, next) = read_uploads(&root, key)?;
            if pages.add(ids, next)? {
                let ids: Vec<String> = pages.into_list();
                let upload = |id| Upload {
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                    id,
                };
                return Ok(ids.into_iter().map(upload).collect());
            }
        }
    }

    /// Makes the object of its parts, in the order of their numbers; gives its tag.
    ///
    /// # Errors
    /// When it is not done, or not known to be.
    pub async fn complete_upload(&self, upload: &Upload, parts: &[Part], with: &Written) -> Result<String, Error> {
        let mut body = String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        for part in parts {
            let etag = quick_xml::escape::escape(part.etag.as_str());
            let _ = write!(
                body,
                "<Part><PartNumber>{}</PartNumber><ETag>{etag}</ETag>",
                part.number
            );
            if let Some(sha256) = &part.sha256 {
                let _ = write!(body, "<ChecksumSHA256>{sha256}</ChecksumSHA256>");
            }
            body.push_str("</Part>");
        }
        body.push_str("</CompleteMultipartUpload>");
        let mut rest = Rest::new(
            Operation::CompleteMultipartUpload,
            Method::POST,
            &upload.bucket,
            &upload.key,
        );
        rest.query.push(("uploadId", upload.id.clone()));
        rest.body = body.into();
        rest.fails_late = true;
        add_conditions(&mut rest, with)?;
        let answer = self.rest(rest).await?;
        Ok(Element::read(&answer.body, "CompleteMultipartUploadResult")?.need_text("ETag")?)
    }

    /// Gives up an upload, with all its parts. That there is none is no error.
    ///
    /// # Errors
    /// When it is not done, or not known to be.
    pub async fn abort_upload(&self, upload: &Upload) -> Result<(), Error> {
        let mut rest = Rest::new(
            Operation::AbortMultipartUpload,
            Method::DELETE,
            &upload.bucket,
            &upload.key,
        );
        rest.query.push(("uploadId", upload.id.clone()));
        match self.rest(rest).await {
            Err(error) if !error.is_refused_as("NoSuchUpload") => Err(error),
            _ => Ok(()),
        }
    }
}

/// The ids of those to this key, and where the next begins, if there is one.
fn read_uploads(root: &Element, key: &str) -> Result<(Vec<String>, Option<String>), Malformed> {
    let mut ids = Vec::new();
    for upload in root.children.iter().filter(|child| child.name == "Upload") {
        if upload.need("Key")?.text == key {
            ids.push(upload.need_text("UploadId")?);
        }
    }
    let is_truncated = match root.need_text("IsTruncated")?.as_str() {
        "true" => true,
        "false" => false,
        _ => return Err(Malformed::Wrong("IsTruncated")),
    };
    // Behind those of this key come those of longer ones.
    let has_more = is_truncated && root.text_of("NextKeyMarker") == Some(key);
    let next = has_more.then(|| root.need_text("NextUploadIdMarker")).transpose()?;
    Ok((ids, next))
}

fn read_parts(root: &Element) -> Result<(Vec<Part>, Option<String>), Malformed> {
    let parts = root.children.iter().filter(|child| child.name == "Part").map(|part| {
        Ok(Part {
            number: part
                .need_text("PartNumber")?
                .parse()
                .map_err(|_| Malformed::Wrong("PartNumber"))?,
            etag: part.need_text("ETag")?,
            size: part.need_text("Size")?.parse().map_err(|_| Malformed::Wrong("Size"))?,
            sha256: part.string_of("ChecksumSHA256"),
        })
    });
    let parts = parts.collect::<Result<_, Malformed>>()?;
    let next = match root.need_text("IsTruncated")?.as_str() {
        "true" => Some(root.need_text("NextPartNumberMarker")?),
        "false" => None,
        _ => return Err(Malformed::Wrong("IsTruncated")),
    };
    Ok((parts, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uploads_of_a_key_are_not_those_of_longer_ones() {
        let read = |text: &str| read_uploads(&Element::read(text.as_bytes(), "R").unwrap(), "a");
        let of = |key: &str, id: &str| format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId></Upload>");
        let all = format!(
            "<R><IsTruncated>false</IsTruncated>{}{}</R>",
            of("a", "1"),
            of("a.gz", "2")
        );
        assert_eq!(read(&all), Ok((vec!["1".to_owned()], None)));
        let more = |key: &str| {
            let next = format!("<NextKeyMarker>{key}</NextKeyMarker><NextUploadIdMarker>9</NextUploadIdMarker>");
            read(&format!("<R><IsTruncated>true</IsTruncated>{next}</R>"))
                .unwrap()
                .1
        };
        assert_eq!((more("a"), more("a.gz")), (Some("9".to_owned()), None));
        assert_eq!(read("<R/>"), Err(Malformed::Missing("IsTruncated")));
    }
}
