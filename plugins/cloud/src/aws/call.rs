//! A call: signed, sent, and made again while that makes sense and time is left.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::debug;

use super::Client;
use super::error::{Error, Malformed, NoAnswer, printable};
use super::http::{Answer, Bounds, Failure};
use super::operation::Operation;
use super::retry::{Tries, random, retry_after};
use super::sign::sign_request;

/// Octets of an answer: a page of a thousand machines with fifty tags each is a tenth of it.
pub(super) const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What services call it when there are too many calls.
const THROTTLED: [&str; 14] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

/// … when the credentials have ended, or were never any: others may be there by now.
const ENDED: [&str; 6] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "RequestExpired",
    "UnrecognizedClientException",
];

/// A call to be made.
pub(super) struct Call<'a> {
    /// What is called.
    pub(super) operation: Operation,
    pub(super) method: Method,
    /// Behind the endpoint's own path: "/", or more; encoded.
    pub(super) path: &'a str,
    /// Encoded, without the "?".
    pub(super) query: &'a str,
    /// What stands before the host, where a service has hosts of its own for things.
    pub(super) host: Option<&'a str>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
    /// Whether it may be made again when it is not known if it has been done.
    pub(super) is_repeatable: bool,
    /// How long the service takes on purpose before it answers.
    pub(super) service_waits: Duration,
    pub(super) answer_bytes_max: usize,
    /// Whether there may be an error under a status that says all is well: the service has begun to answer before it knew.
    pub(super) fails_late: bool,
    /// The service's code and sentence in an answer that is an error.
    pub(super) read_error: fn(&Answer) -> Option<(String, String)>,
}

/// What one try came to.
enum Outcome {
    Done(Answer),
    /// Nothing to be gained by another.
    Over(Error),
    /// Another may do better; not before so long.
    Again(Error, Option<Duration>),
    /// Another with other credentials may.
    OtherCredentials(Error),
}

impl Client {
    /// Makes a call until it is answered, refused, or its time is over.
    pub(super) async fn call(&self, call: &Call<'_>) -> Result<Answer, Error> {
        if !self.inner.permitted.contains(&call.operation) {
            return Err(Error::NotPermitted(call.operation));
        }
        let deadline = self.deadline();
        let mut tries = Tries::default();
        let mut has_changed_credentials = false;
        // What the last try came to says more than that there was no time for another.
        let mut last = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(last.unwrap_or(Error::TooLate));
            }
            let Ok(credentials) = timeout_at(deadline, self.inner.credentials.credentials()).await else {
                return Err(last.unwrap_or(Error::TooLate));
            };
            let credentials = credentials?;
            let (error, asked_for) = match self.try_once(call, &credentials, deadline).await {
                Outcome::Done(answer) => return Ok(answer),
                Outcome::Over(error) => return Err(error),
                Outcome::OtherCredentials(error) => {
                    if has_changed_credentials {
                        return Err(error);
                    }
                    has_changed_credentials = true;
                    self.inner.credentials.are_refused(&credentials);
                    continue;
                }
                Outcome::Again(error, asked_for) => (error, asked_for),
            };
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(wait) = tries.next(random(), asked_for, left) else {
                return Err(error);
            };
            debug!(operation = call.operation.name(), %error, ?wait, "a call is made again");
            last = Some(error);
            sleep(wait).await;
        }
    }

    async fn try_once(&self, call: &Call<'_>, credentials: &Credentials, deadline: Instant) -> Outcome {
        let inner = &self.inner;
        let request = match self.request(call, credentials) {
            Ok(request) => request,
            Err(malformed) => return Outcome::Over(malformed.into()),
        };
        let endpoint = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let left = deadline.saturating_duration_since(Instant::now());
        let bounds = Bounds {
            silence: inner.timeouts.silence + call.service_waits,
            total: (inner.timeouts.total + call.service_waits).min(left),
            body_max: call.answer_bytes_max,
        };
        let answer = match inner.http.send(request, bounds).await {
            Ok(answer) => answer,
            Err(Failure::NoAnswer { why, was_sent }) => {
                let error = Error::Unreachable {
                    endpoint,
                    why,
                    was_sent,
                };
                return match call.is_repeatable || !was_sent {
                    true => Outcome::Again(error, None),
                    false => Outcome::Over(error),
                };
            }
            Err(Failure::Malformed(malformed)) => return Outcome::Over(malformed.into()),
        };
        let is_error = !answer.status.is_success() || call.fails_late && (call.read_error)(&answer).is_some();
        match is_error {
            true => self.failed(call, &answer),
            false => Outcome::Done(answer),
        }
    }

    fn failed(&self, call: &Call<'_>, answer: &Answer) -> Outcome {
        let status = answer.status;
        let read = (call.read_error)(answer);
        let is_understood = read.is_some();
        let (code, message) = read.unwrap_or_else(|| (status_name(status), String::new()));
        let (code, message) = (printable(&code), printable(&message));
        let asked_for = answer.headers.get(RETRY_AFTER).and_then(|header| {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs();
            retry_after(header.to_str().ok()?, i64::try_from(now).unwrap_or(i64::MAX))
        });
        if THROTTLED.contains(&code.as_str()) || status == StatusCode::TOO_MANY_REQUESTS {
            return Outcome::Again(Error::Throttled { code, message }, asked_for);
        }
        let http_status = status.as_u16();
        if status.is_server_error() || status.is_success() && code == "InternalError" {
            let error = Error::Failed {
                status: http_status,
                code,
                message,
            };
            return match call.is_repeatable {
                true => Outcome::Again(error, asked_for),
                false => Outcome::Over(error),
            };
        }
        if status.is_redirection() && !is_understood {
            // To where somebody else has put it: the signature is for the host that was asked.
            return Outcome::Over(Malformed::Wrong("the status").into());
        }
        let is_of_credentials = ENDED.contains(&code.as_str());
        let error = Error::Refused {
            status: http_status,
            code,
            message,
        };
        match is_of_credentials {
            true => Outcome::OtherCredentials(error),
            false => Outcome::Over(error),
        }
    }

    fn request(&self, call: &Call<'_>, credentials: &Credentials) -> Result<Request<Full<Bytes>>, Malformed> {
        const WRONG: Malformed = Malformed::Wrong("the request");
        let endpoint = self.inner.endpoints.of(call.operation.service());
        let host = call.host.map(|host| format!("{host}.")).unwrap_or_default();
        let mark = if call.query.is_empty() { "" } else { "?" };
        let uri = format!(
            "{}://{host}{}{}{}{mark}{}",
            endpoint.scheme, endpoint.authority, endpoint.prefix, call.path, call.query
        );
        let request = Request::builder().method(&call.method).uri(uri);
        let mut request = request.body(Full::new(call.body.clone())).map_err(|_| WRONG)?;
        for (name, value) in &call.headers {
            request.headers_mut().insert(name, value.clone());
        }
        request
            .headers_mut()
            .insert(USER_AGENT, HeaderValue::from_static("ballast-cloudd"));
        let region = self.inner.endpoints.region();
        sign_request(
            &mut request,
            &call.body,
            call.operation.service(),
            region,
            credentials,
            SystemTime::now(),
        )?;
        Ok(request)
    }
}

/// For an error without a body, such as that of HEAD.
fn status_name(status: StatusCode) -> String {
    match status {
        StatusCode::NOT_FOUND => "NotFound".to_owned(),
        StatusCode::PRECONDITION_FAILED => "PreconditionFailed".to_owned(),
        status => status.canonical_reason().unwrap_or("unknown").to_owned(),
    }
}

impl Error {
    /// Whether nothing came because nobody was there, or in time: what a fallback is for.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(
            self,
            Self::Unreachable {
                why: NoAnswer::Silence(_) | NoAnswer::NoConnection | NoAnswer::TooSlow(_),
                ..
            } | Self::TooLate
        )
    }
}
