//! A request to a URL that somebody else has signed, and which is worth what it may be used for: it is shown to nobody.

use std::sync::Arc;

use ballast_shared::tls::Authorities;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::Full;
use tokio::time::{Instant, sleep};
use tracing::debug;
use zeroize::Zeroizing;

use super::Timeouts;
use super::error::{Error, Malformed};
use super::http::{Answer, Bounds, Failure, Http};
use super::retry::{Tries, random};

/// Octets of an answer, which says nothing that is needed.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Makes such requests. Clones share their connections.
#[derive(Clone)]
pub struct Presigned {
    http: Http,
    timeouts: Timeouts,
}

impl Presigned {
    /// Servers are believed that one of these authorities vouches for, or with none one that this machine trusts.
    #[must_use]
    pub fn new(authorities: Option<Arc<Authorities>>, timeouts: Timeouts) -> Self {
        Self {
            http: Http::new(authorities, timeouts.connect),
            timeouts,
        }
    }

    /// Puts a body there, without a type, again and again until it is taken, refused, or the time is over. The body is wiped in the
    /// end. Redirections are not followed.
    ///
    /// # Errors
    /// When it was not taken, or that is not known. Nothing but the host is in what they say of the URL.
    pub async fn put(&self, url: &Uri, body: Zeroizing<Vec<u8>>, deadline: Instant) -> Result<(), Error> {
        let body = Bytes::from_owner(body);
        let mut tries = Tries::default();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::TooLate);
            }
            let bounds = Bounds {
                silence: self.timeouts.silence,
                total: self.timeouts.total.min(left),
                body_max: ANSWER_BYTES_MAX,
            };
            let sent = self.http.send(request(url, body.clone())?, bounds).await;
            let Some(error) = failed(url, sent) else {
                return Ok(());
            };
            let is_for_good = matches!(error, Error::Refused { .. } | Error::Malformed(_));
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = tries.next(random(), None, left).filter(|_| !is_for_good);
            let Some(wait) = wait else {
                return Err(error);
            };
            debug!(%error, ?wait, "it is put there again");
            sleep(wait).await;
        }
    }
}

fn request(url: &Uri, body: Bytes) -> Result<Request<Full<Bytes>>, Malformed> {
    let request = Request::builder()
        .method(Method::PUT)
        .uri(url)
        // The signature is for an empty one.
        .header(CONTENT_TYPE, HeaderValue::from_static(""))
        .header(USER_AGENT, HeaderValue::from_static("ballast-cloudd"));
    request
        .body(Full::new(body))
        .map_err(|_| Malformed::Wrong("the request"))
}

/// What is said of a failure is not read: S3 gives back what was signed.
fn failed(url: &Uri, sent: Result<Answer, Failure>) -> Option<Error> {
    let answer = match sent {
        Ok(answer) => answer,
        Err(Failure::Malformed(malformed)) => return Some(malformed.into()),
        Err(Failure::NoAnswer { why, was_sent }) => {
            let endpoint = url.authority().map(ToString::to_string).unwrap_or_default();
            return Some(Error::Unreachable {
                endpoint,
                why,
                was_sent,
            });
        }
    };
    let status = answer.status;
    let code = status.canonical_reason().unwrap_or("unknown").to_owned();
    let message = url.host().unwrap_or_default().to_owned();
    match status.as_u16() {
        200..300 => None,
        408 | 429 => Some(Error::Throttled { code, message }),
        status @ 500.. => Some(Error::Failed { status, code, message }),
        status => Some(Error::Refused { status, code, message }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::test_server::{Reply, TestServer, ok};
    use super::*;

    async fn put(server: &TestServer) -> Result<(), Error> {
        let presigned = Presigned::new(None, Timeouts::default());
        let url: Uri = format!("{}/bucket/key?Signature=not-shown", server.url())
            .parse()
            .unwrap();
        let body = Zeroizing::new(b"{}".to_vec());
        let deadline = Instant::now() + Duration::from_secs(60);
        presigned.put(&url, body, deadline).await
    }

    #[tokio::test]
    async fn it_is_put_again_until_it_is_taken() {
        let server = TestServer::start(|count, _| match count {
            0 => Reply::Close,
            1 => Reply::Answer(503, "", "Signature=not-shown".into()),
            _ => ok(""),
        })
        .await;
        put(&server).await.unwrap();
        let asked = server.asked();
        assert_eq!(asked.len(), 3);
        for asked in asked {
            assert_eq!(asked.line, "PUT /bucket/key?Signature=not-shown");
            assert_eq!(
                (asked.body.as_str(), asked.headers["content-length"].as_str()),
                ("{}", "2")
            );
            assert!(asked.headers.get("content-type").is_none_or(String::is_empty));
        }
    }

    #[tokio::test]
    async fn a_refusal_is_the_end_and_shows_nothing_of_the_url() {
        for status in [403, 307] {
            let answer = move || Reply::Answer(status, "location: /elsewhere\r\n", "Signature=not-shown".into());
            let server = TestServer::start(move |_, _| answer()).await;
            let error = put(&server).await.unwrap_err();
            assert!(!format!("{error} {error:?}").contains("not-shown"), "{error:?}");
            assert_eq!(server.asked().len(), 1);
        }
    }
}
