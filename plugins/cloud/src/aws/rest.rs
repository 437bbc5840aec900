//! S3's way of being asked: methods on URLs, bodies as they are, lists and errors in XML.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, utf8_percent_encode};

use super::Client;
use super::call::{ANSWER_BYTES_MAX, Call};
use super::endpoint::Service;
use super::error::{Error, Malformed};
use super::http::Answer;
use super::operation::Operation;
use super::query::{self, ESCAPED};

/// The slashes of a key are those of the URL.
const ESCAPED_IN_PATH: &AsciiSet = &ESCAPED.remove(b'/');

/// A body has the time that it takes at half a megabit a second.
const BYTES_PER_S_MIN: u64 = 64 << 10;

/// A request about a bucket, or about an object in it.
pub(super) struct Rest<'a> {
    pub(super) operation: Operation,
    pub(super) method: Method,
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    /// Name and value, to be encoded.
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
    pub(super) is_repeatable: bool,
    pub(super) answer_bytes_max: usize,
    pub(super) fails_late: bool,
}

impl<'a> Rest<'a> {
    /// That may be made again, without a body.
    pub(super) fn new(operation: Operation, method: Method, bucket: &'a str, key: &'a str) -> Self {
        Self {
            operation,
            method,
            bucket,
            key,
            query: Vec::new(),
            headers: Vec::new(),
            body: Bytes::new(),
            is_repeatable: true,
            answer_bytes_max: ANSWER_BYTES_MAX,
            fails_late: false,
        }
    }

    /// With a header.
    pub(super) fn header(&mut self, name: &str, value: &str) -> Result<(), Malformed> {
        const WRONG: Malformed = Malformed::Wrong("a header of the request");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| WRONG)?;
        self.headers
            .push((name, HeaderValue::from_str(value).map_err(|_| WRONG)?));
        Ok(())
    }
}

impl Client {
    /// Makes the request. AWS has a host for each bucket; other services, and buckets that make no host's label, have it in the
    /// path.
    pub(super) async fn rest(&self, rest: Rest<'_>) -> Result<Answer, Error> {
        let is_label = (3..=63).contains(&rest.bucket.len())
            && rest
                .bucket
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        let has_host = is_label && self.inner.endpoints.is_default(Service::S3);
        let key = utf8_percent_encode(rest.key, ESCAPED_IN_PATH);
        let path = match has_host {
            true => format!("/{key}"),
            false => format!("/{}/{key}", utf8_percent_encode(rest.bucket, ESCAPED)),
        };
        let query: Vec<String> = rest
            .query
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, ESCAPED)))
            .collect();
        let call = Call {
            operation: rest.operation,
            method: rest.method,
            path: &path,
            query: &query.join("&"),
            host: has_host.then_some(rest.bucket),
            headers: rest.headers,
            body: rest.body.clone(),
            is_repeatable: rest.is_repeatable,
            service_waits: Duration::from_secs(rest.body.len() as u64 / BYTES_PER_S_MIN),
            answer_bytes_max: rest.answer_bytes_max,
            fails_late: rest.fails_late,
            read_error: query::read_error,
        };
        self.call(&call).await
    }
}

/// A header's text, if it is there.
pub(super) fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}
