//! Requests over HTTP/1.1, with TLS or without, in bounded time and memory.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use ballast_shared::tls::{Authorities, PeerCheck, client_config, provider};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Body as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ALL_VERSIONS, ClientConfig, RootCertStore};
use tokio::time::{Instant, timeout_at};
use tracing::warn;
use zeroize::Zeroizing;

use super::error::{Malformed, NoAnswer};

/// Connections that wait for more to ask, to one host: a listing, a queue and a decision may run side by side.
const IDLE_MAX: usize = 4;
/// Octets of the answer to what was not done.
const FAILURE_BYTES_MAX: usize = 64 * 1024;
/// Servers close what was idle for longer than a minute or so; a request must not meet that.
const IDLE: Duration = Duration::from_secs(20);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// To connect.
    pub connect: Duration,
    /// Until the answer begins, and between two parts of it.
    pub silence: Duration,
    /// One try, until the answer has ended.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            // A page of a thousand machines takes a second or two to begin.
            silence: Duration::from_secs(15),
            total: Duration::from_secs(60),
        }
    }
}

/// Makes requests. Clones share their connections.
#[derive(Clone)]
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// An answer, whole. Its body is wiped in the end: some are plaintexts of secrets.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// It did not come, or not to an end.
    NoAnswer { why: NoAnswer, was_sent: bool },
    /// It can't be taken.
    Malformed(Malformed),
}

/// What one request may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Until the answer begins, and between two parts of it.
    pub(super) silence: Duration,
    /// Until it has ended.
    pub(super) total: Duration,
    /// Octets of its body, if what was asked for was done.
    pub(super) body_max: usize,
}

impl Http {
    /// Servers are believed that one of these authorities vouches for, or with none one that this machine trusts.
    pub(super) fn new(authorities: Option<Arc<Authorities>>, connect: Duration) -> Self {
        let tls = match authorities {
            Some(authorities) => client_config(PeerCheck::Authorities(authorities), None, ALL_VERSIONS, &[]),
            None => system_config(),
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(connect));
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_MAX)
            .build(connector);
        Self { client }
    }

    /// Makes a request and waits for all of its answer.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>, bounds: Bounds) -> Result<Answer, Failure> {
        let end = Instant::now() + bounds.total;
        let no_answer = |why, was_sent| Failure::NoAnswer { why, was_sent };
        // Whatever hangs first: it is silence unless the whole was given no more time than that.
        let hangs = |now: Instant| match now < end {
            true => NoAnswer::Silence(bounds.silence),
            false => NoAnswer::TooSlow(bounds.total),
        };
        let begin = timeout_at((Instant::now() + bounds.silence).min(end), self.client.request(request)).await;
        let answer = match begin {
            Err(_) => return Err(no_answer(hangs(Instant::now()), true)),
            Ok(Err(error)) if error.is_connect() => return Err(no_answer(NoAnswer::NoConnection, false)),
            Ok(Err(error)) => return Err(read_failure(&error)),
            Ok(Ok(answer)) => answer,
        };
        let (parts, mut body) = answer.into_parts();
        // What is said of a failure is no longer than this, and may be longer than the thing that was asked for.
        let body_max = match parts.status.is_success() {
            true => bounds.body_max,
            false => FAILURE_BYTES_MAX,
        };
        let too_long = Failure::Malformed(Malformed::TooLong(body_max));
        let announced = parts
            .headers
            .get(http::header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let mut gathered = Zeroizing::new(Vec::new());
        if let Some(announced) = announced {
            // HEAD announces what it does not send.
            if announced > body_max && !body.is_end_stream() {
                return Err(too_long);
            }
            // With room for all of it nothing is moved, and no copy of a secret is left behind.
            gathered.reserve_exact(announced.min(1024 * 1024));
        }
        loop {
            let next = timeout_at((Instant::now() + bounds.silence).min(end), body.frame()).await;
            match next {
                Err(_) => return Err(no_answer(hangs(Instant::now()), true)),
                Ok(None) => break,
                Ok(Some(Err(_))) => return Err(no_answer(NoAnswer::BrokenOff, true)),
                Ok(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else { continue };
                    if data.len() > body_max - gathered.len() {
                        return Err(too_long);
                    }
                    gathered.extend_from_slice(&data);
                }
            }
        }
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: gathered,
        })
    }
}

/// What hyper says of an answer that it did not understand, or that did not come.
fn read_failure(error: &hyper_util::client::legacy::Error) -> Failure {
    let inner = error.source().and_then(|source| source.downcast_ref::<hyper::Error>());
    match inner {
        Some(inner) if inner.is_parse() => Failure::Malformed(Malformed::Wrong("the head of the answer")),
        _ => Failure::NoAnswer {
            why: NoAnswer::BrokenOff,
            was_sent: true,
        },
    }
}

fn system_config() -> ClientConfig {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        warn!(
            ?errors,
            "this machine trusts no authority: no service is reached over TLS; is ca-certificates missing?"
        );
    }
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of both versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
