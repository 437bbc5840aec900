//! Requests that we don't sign, as their URL is all that they need. One that somebody else has signed, or that has a token in it,
//! is worth what it may be used for: it is shown to nobody.

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

/// Octets of an answer to what was put, which says nothing that is needed.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Makes such requests. Clones share their connections.
#[derive(Clone)]
pub struct Unsigned {
    http: Http,
    timeouts: Timeouts,
}

impl Unsigned {
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
        let request = || put(url, body.clone());
        self.send(url, request, ANSWER_BYTES_MAX, deadline).await.map(drop)
    }

    /// Gets what is there, of so many octets at most, again and again until it has come, is refused, or the time is over.
    /// Redirections are not followed.
    ///
    /// # Errors
    /// When it can't be had. Nothing but the host is in what they say of the URL.
    pub async fn get(&self, url: &Uri, bytes_max: usize, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, Error> {
        let answer = self.send(url, || get(url), bytes_max, deadline).await?;
        Ok(answer.body)
    }

    async fn send(
        &self,
        url: &Uri,
        request: impl Fn() -> Result<Request<Full<Bytes>>, Malformed>,
        body_max: usize,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let mut tries = Tries::default();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::TooLate);
            }
            let bounds = Bounds {
                silence: self.timeouts.silence,
                total: self.timeouts.total.min(left),
                body_max,
            };
            let sent = self.http.send(request()?, bounds).await;
            let error = match read(url, sent) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let is_for_good = matches!(error, Error::Refused { .. } | Error::Malformed(_));
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = tries.next(random(), None, left).filter(|_| !is_for_good);
            let Some(wait) = wait else {
                return Err(error);
            };
            debug!(%error, ?wait, "it is asked again");
            sleep(wait).await;
        }
    }
}

fn put(url: &Uri, body: Bytes) -> Result<Request<Full<Bytes>>, Malformed> {
    let request = begun(Method::PUT, url)
        // The signature is for an empty one.
        .header(CONTENT_TYPE, HeaderValue::from_static(""));
    with(request, body)
}

fn get(url: &Uri) -> Result<Request<Full<Bytes>>, Malformed> {
    with(begun(Method::GET, url), Bytes::new())
}

fn begun(method: Method, url: &Uri) -> http::request::Builder {
    let name = HeaderValue::from_static("ballast-cloudd");
    Request::builder().method(method).uri(url).header(USER_AGENT, name)
}

fn with(request: http::request::Builder, body: Bytes) -> Result<Request<Full<Bytes>>, Malformed> {
    request
        .body(Full::new(body))
        .map_err(|_| Malformed::Wrong("the request"))
}

/// What is said of a failure is not read: S3 gives back what was signed.
fn read(url: &Uri, sent: Result<Answer, Failure>) -> Result<Answer, Error> {
    let answer = match sent {
        Ok(answer) => answer,
        Err(Failure::Malformed(malformed)) => return Err(malformed.into()),
        Err(Failure::NoAnswer { why, was_sent }) => {
            let endpoint = url.authority().map(ToString::to_string).unwrap_or_default();
            return Err(Error::Unreachable {
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
        200..300 => Ok(answer),
        408 | 429 => Err(Error::Throttled { code, message }),
        status @ 500.. => Err(Error::Failed { status, code, message }),
        status => Err(Error::Refused { status, code, message }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::test_server::{Reply, TestServer, ok};
    use super::*;

    async fn put(server: &TestServer) -> Result<(), Error> {
        let unsigned = Unsigned::new(None, Timeouts::default());
        let url: Uri = format!("{}/bucket/key?Signature=not-shown", server.url())
            .parse()
            .unwrap();
        let body = Zeroizing::new(b"{}".to_vec());
        let deadline = Instant::now() + Duration::from_secs(60);
        unsigned.put(&url, body, deadline).await
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

    #[tokio::test]
    async fn what_is_there_is_got_up_to_its_bound() {
        let server = TestServer::start(|count, _| match count {
            0 => Reply::Answer(500, "", String::new()),
            _ => ok("twelve bytes"),
        })
        .await;
        let (unsigned, url) = (Unsigned::new(None, Timeouts::default()), server.url().parse().unwrap());
        let deadline = Instant::now() + Duration::from_secs(60);
        assert_eq!(
            unsigned.get(&url, 12, deadline).await.unwrap().as_slice(),
            b"twelve bytes"
        );
        assert_eq!(
            unsigned.get(&url, 11, deadline).await.unwrap_err(),
            Error::Malformed(Malformed::TooLong(11))
        );
        assert!(server.asked().iter().all(|asked| asked.line == "GET /"));
    }
}
