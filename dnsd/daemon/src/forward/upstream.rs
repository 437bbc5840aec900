//! The forwarders that stand in one list, and what they have answered.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hickory_proto::op::{DnsRequest, DnsRequestOptions, Message, MessageType, OpCode};
use hickory_resolver::config::{NameServerConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsHandle as _, FirstAnswer as _};
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::{NameServerPool, PoolContext, TlsConfig};
use tokio::time::timeout;
use tracing::debug;

use super::Question;
use super::cache::{Cache, Flushed};
use super::counts::ForwardCounters;
use crate::config::{CacheLimits, Remote};

/// How long one forwarder has, retries included. A resolver that has to ask others itself takes a second now and then.
const FORWARDER_MAX: Duration = Duration::from_secs(3);

/// How long all of them have: BIND's `resolver-query-timeout`. Clients have given up by then.
const ALL_MAX: Duration = Duration::from_secs(10);

/// How long one that didn't answer is asked after the others.
const AVOIDED: Duration = Duration::from_secs(30);

/// What fits into a UDP message without fragments (RFC 9715 §3.1).
const UDP_PAYLOAD_BYTES: u16 = 1232;

/// Whom to ask, in this order, and from where: what tells lists of forwarders apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Forwarders(Vec<(SocketAddr, Option<IpAddr>)>);

/// Forwarders and their cache.
pub(super) struct Upstream {
    servers: Vec<Server>,
    /// Responses to questions without and with DO, which differ in their records.
    caches: [Cache; 2],
    counters: Arc<ForwardCounters>,
    /// What `failed_ms` counts from.
    started: Instant,
}

/// One address of a forwarder.
struct Server {
    address: SocketAddr,
    pool: NameServerPool<TokioRuntimeProvider>,
    /// When it last didn't answer, in milliseconds from the start on; 0: it answers.
    failed_ms: AtomicU64,
}

impl Forwarders {
    /// All addresses of remotes, one after the other.
    pub(super) fn of(remotes: &[Arc<Remote>]) -> Self {
        let addresses = remotes.iter().flat_map(|remote| {
            remote.addresses.iter().map(|address| {
                let source = remote
                    .sources
                    .iter()
                    .find(|source| source.is_ipv4() == address.is_ipv4());
                (*address, source.copied())
            })
        });
        Self(addresses.collect())
    }
}

impl Upstream {
    pub(super) fn new(forwarders: &Forwarders, limits: &CacheLimits, counters: Arc<ForwardCounters>) -> Self {
        Self {
            servers: forwarders.0.iter().map(|forwarder| Server::new(*forwarder)).collect(),
            caches: [Cache::new(limits), Cache::new(limits)],
            counters,
            started: Instant::now(),
        }
    }

    /// Who is asked, in this order.
    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.servers.iter().map(|server| server.address)
    }

    /// Forgets what was answered, and says how many answers these were.
    pub(super) fn flush(&self, what: Flushed<'_>) -> usize {
        self.caches.iter().map(|cache| cache.flush(what)).sum()
    }

    /// Whether nobody is to be asked.
    pub(super) fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// The response to a question, from the cache or from the first forwarder that has one; `None` when none has.
    pub(super) async fn ask(&self, question: &Question) -> Option<Vec<u8>> {
        // Answers that weren't checked are for those alone who want them so.
        let cache = (!question.checking_disabled).then(|| &self.caches[usize::from(question.dnssec_ok)]);
        if let Some(cached) = cache.and_then(|cache| cache.get(&question.query)) {
            self.counters.cached();
            return response(question, cached);
        }
        let Some(answer) = timeout(ALL_MAX, self.ask_servers(question)).await.ok().flatten() else {
            self.counters.failed();
            return None;
        };
        self.counters.answered();
        match cache {
            Some(cache) => response(question, cache.insert(&question.query, answer)),
            None => response(question, answer),
        }
    }

    async fn ask_servers(&self, question: &Question) -> Option<Result<Message, NetError>> {
        for server in self.in_order() {
            let asked = timeout(FORWARDER_MAX, server.ask(question)).await;
            match asked.unwrap_or(Err(NetError::Timeout)) {
                Err(NetError::Dns(DnsError::NoRecordsFound(nothing))) => {
                    server.answered();
                    return Some(Err(NetError::Dns(DnsError::NoRecordsFound(nothing))));
                }
                // It is there, but can't help: SERVFAIL, REFUSED and the like.
                Err(NetError::Dns(error)) => debug!(forwarder = %server.address, %error, "a forwarder has no answer"),
                Err(error) => {
                    debug!(forwarder = %server.address, %error, "a forwarder doesn't answer");
                    server.failed(self.now_ms());
                }
                Ok(message) => {
                    server.answered();
                    return Some(Ok(message));
                }
            }
        }
        None
    }

    /// As they are configured, those last that haven't answered lately.
    fn in_order(&self) -> impl Iterator<Item = &Server> {
        let now = self.now_ms();
        let is_avoided = move |server: &&Server| server.is_avoided(now);
        let good = self.servers.iter().filter(move |server| !is_avoided(server));
        good.chain(self.servers.iter().filter(is_avoided))
    }

    fn now_ms(&self) -> u64 {
        // Not 0, which says that it answers.
        self.started.elapsed().as_millis() as u64 + 1
    }
}

impl Server {
    fn new((address, source): (SocketAddr, Option<IpAddr>)) -> Self {
        let mut options = ResolverOpts::default();
        options.timeout = FORWARDER_MAX;
        options.edns_payload_len = UDP_PAYLOAD_BYTES;
        // As many as there may be questions.
        options.max_active_requests = super::ASKED_MAX;
        let mut config = NameServerConfig::udp_and_tcp(address.ip());
        for connection in &mut config.connections {
            connection.port = address.port();
            connection.bind_addr = source.map(|source| SocketAddr::new(source, 0));
        }
        let tls = TlsConfig::new().expect("without TLS there is nothing to be set up");
        let context = Arc::new(PoolContext::new(options, tls));
        Self {
            address,
            pool: NameServerPool::from_config([config], context, TokioRuntimeProvider::default()),
            failed_ms: AtomicU64::new(0),
        }
    }

    /// Asks over UDP, and over TCP what doesn't fit. The same question that is under way already is not asked twice.
    async fn ask(&self, question: &Question) -> Result<Message, NetError> {
        let mut options = DnsRequestOptions::default();
        options.use_edns = true;
        options.edns_payload_len = UDP_PAYLOAD_BYTES;
        options.edns_set_dnssec_ok = question.dnssec_ok;
        let mut request = DnsRequest::from_query(question.query.clone(), options);
        request.metadata.checking_disabled = question.checking_disabled;
        let response = self.pool.send(request).first_answer().await?;
        Ok(DnsError::from_response(response)?.into_message())
    }

    fn answered(&self) {
        if self.failed_ms.load(Ordering::Relaxed) != 0 {
            self.failed_ms.store(0, Ordering::Relaxed);
        }
    }

    fn failed(&self, now_ms: u64) {
        self.failed_ms.store(now_ms, Ordering::Relaxed);
    }

    fn is_avoided(&self, now_ms: u64) -> bool {
        let failed_ms = self.failed_ms.load(Ordering::Relaxed);
        failed_ms != 0 && now_ms < failed_ms + AVOIDED.as_millis() as u64
    }
}

/// The octets of a response with these records.
fn response(question: &Question, answer: Result<Message, NetError>) -> Option<Vec<u8>> {
    let mut message = Message::new(0, MessageType::Response, OpCode::Query);
    message.queries.push(question.query.clone());
    match answer {
        Ok(answered) => {
            message.metadata.response_code = answered.metadata.response_code;
            message.answers = answered.answers;
            message.authorities = answered.authorities;
            message.additionals = answered.additionals;
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(NoRecords {
            response_code,
            authorities,
            ..
        }))) => {
            message.metadata.response_code = response_code;
            message.authorities = authorities.map(|records| records.to_vec()).unwrap_or_default();
        }
        Err(_) => return None,
    }
    message.to_vec().ok()
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.addresses()).finish()
    }
}
