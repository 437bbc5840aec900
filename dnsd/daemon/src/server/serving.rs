//! What is answered from, and what all listeners share.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use ballast_shared::tls::TlsFiles;
use dnsd_core::acl::LocalNetworks;
use dnsd_core::answer::{Chaos, ChaosText, CookieSecret, Cookies, Settings, Transport};
use dnsd_core::rate_limit::RateLimiter;
use dnsd_core::tsig::Keys;
use rustls::ServerConfig;
use tracing::warn;

use super::Responder;
use super::counters::{AllCounters, Counters};
use super::deferred::{Handlers, TransfersOut};
use super::local_networks;
use super::log_gate::LogGate;
use super::places::Places;
use super::secrets::Secrets;
use super::seldom::SeldomCounters;
use super::tls::{self, Handshakes};
use super::views::Views;
use crate::config::{Config, CookieConfig, RateLimitConfig};
use crate::forward::Forwarder;
use crate::query_log::QueryLog;

/// What queries are answered from: one immutable value, swapped in one step.
#[derive(Debug, Clone)]
pub(crate) struct Serving {
    /// The zones, as each client sees them.
    pub(crate) views: Views,
    /// What `localhost` and `localnets` stand for.
    pub(crate) local: Arc<LocalNetworks>,
    /// How they are answered from.
    pub(crate) settings: Settings,
    /// What holds answers back, if anything does.
    pub(crate) rate_limit: Option<RateLimit>,
    /// How long a TCP connection may be without a query.
    pub(crate) tcp_idle_max: Duration,
    /// What requests are verified with.
    pub(crate) keys: Arc<Keys>,
    /// Transfers out at a time.
    pub(crate) transfers_out_max: usize,
    /// Who is asked what isn't here.
    pub(crate) forwarder: Arc<Forwarder>,
    /// Lines of the log about requests that are refused.
    pub(crate) refusals: Arc<LogGate>,
    /// How clients are met over TLS, if they are.
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

/// Response rate limiting, as it is configured.
#[derive(Debug, Clone)]
pub(crate) struct RateLimit {
    /// Counts and decides, for all threads.
    pub(crate) limiter: Arc<RateLimiter>,
    /// Whether what would be held back is only counted.
    pub(crate) log_only: bool,
}

/// What every listener has in its hands.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    /// What is answered from now.
    pub(crate) serving: Arc<ArcSwap<Serving>>,
    /// What was counted.
    pub(crate) counters: Arc<AllCounters>,
    /// The bound on TCP connections.
    pub(crate) places: Places,
    /// Transfers out, of all listeners.
    pub(crate) transfers: TransfersOut,
    /// What was counted of requests that are no questions.
    pub(crate) seldom: Arc<SeldomCounters>,
    /// What is counted about datagrams that are answered later, by any task.
    pub(super) later_counters: Arc<Counters>,
    /// Who does what requests ask for, from when they are there.
    pub(super) handlers: Arc<OnceLock<Handlers>>,
    /// What became of TLS handshakes.
    pub(crate) handshakes: Arc<Handshakes>,
    /// The certificates and keys that are in use.
    pub(crate) tls_files: TlsFiles,
    /// Where queries are put to be logged.
    pub(crate) query_log: QueryLog,
    /// What nobody else knows, kept over reloads.
    secrets: Arc<Secrets>,
}

impl Shared {
    /// For a configuration whose zones are still to be loaded.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(crate) fn new(config: &Config) -> io::Result<Self> {
        let secrets = Secrets::from_system()?;
        let counters = Arc::new(AllCounters::default());
        Ok(Self {
            serving: Arc::new(ArcSwap::from_pointee(Serving {
                views: Views::default(),
                local: Arc::new(local_networks()),
                settings: settings(config, &secrets),
                rate_limit: rate_limit(config, &secrets, None),
                tcp_idle_max: config.tcp.idle_max,
                keys: Arc::new(config.keys.clone()),
                transfers_out_max: config.transfers.out_max,
                forwarder: Arc::new(Forwarder::new(config, None)),
                refusals: Arc::default(),
                tls: tls::server_config(&config.encrypted),
            })),
            later_counters: counters.add_shared(Transport::Udp),
            handlers: Arc::default(),
            counters,
            places: Places::new(config.tcp.clients_max),
            transfers: TransfersOut::default(),
            handshakes: Arc::default(),
            tls_files: config.tls_files.clone(),
            seldom: Arc::default(),
            query_log: QueryLog::default(),
            secrets: Arc::new(secrets),
        })
    }

    /// Takes over what a reloaded configuration says about answers; the zones stay. What was answered from before is for the
    /// keeper of the zones to free.
    pub(crate) fn apply(&self, config: &Config) -> Arc<Serving> {
        let settings = settings(config, &self.secrets);
        let rate_limit = rate_limit(config, &self.secrets, self.serving.load().rate_limit.as_ref());
        let keys = Arc::new(self.keys_of(config));
        let forwarder = Arc::new(Forwarder::new(config, Some(&self.serving.load().forwarder)));
        let local = Arc::new(local_networks());
        let tls = tls::server_config(&config.encrypted);
        self.places.resize(config.tcp.clients_max);
        self.serving.rcu(|serving| Serving {
            views: serving.views.clone(),
            local: local.clone(),
            settings: settings.clone(),
            rate_limit: rate_limit.clone(),
            tcp_idle_max: config.tcp.idle_max,
            keys: keys.clone(),
            transfers_out_max: config.transfers.out_max,
            forwarder: forwarder.clone(),
            refusals: serving.refusals.clone(),
            tls: tls.clone(),
        })
    }

    /// Swaps the zones, and gives back what was answered from before.
    pub(crate) fn set_views(&self, views: &Views) -> Arc<Serving> {
        self.serving.rcu(|serving| Serving {
            views: views.clone(),
            ..Serving::clone(serving)
        })
    }

    /// Looks anew at what the machine's addresses are, which come and go without a reload.
    pub(crate) fn refresh_local_networks(&self) {
        let local = local_networks();
        if local != *self.serving.load().local {
            let local = Arc::new(local);
            self.serving.rcu(|serving| Serving {
                local: local.clone(),
                ..Serving::clone(serving)
            });
        }
    }

    /// Says who does what requests ask for. The first ones stay.
    pub(crate) fn connect(&self, handlers: Handlers) {
        // Nobody connects twice.
        let _ = self.handlers.set(handlers);
    }

    /// The configured keys, with when they were last used.
    fn keys_of(&self, config: &Config) -> Keys {
        let former = &self.serving.load().keys;
        for key in config.keys.iter() {
            if let Some(former) = former.find(key.name().as_name_ref()) {
                key.inherit_use(former);
            }
        }
        config.keys.clone()
    }

    /// A responder for one thread or connection, which counts for itself.
    pub(super) fn responder(&self, transport: Transport) -> Responder {
        Responder::new(self, transport)
    }
}

/// None where they can't be listed: whom only `localhost` or `localnets` would let in is refused.
fn local_networks() -> LocalNetworks {
    local_networks::look_up().unwrap_or_else(|error| {
        warn!(%error, "cannot list the machine's addresses for localhost and localnets");
        LocalNetworks::default()
    })
}

fn settings(config: &Config, secrets: &Secrets) -> Settings {
    let text = |text: &Option<String>| text.as_deref().map(ChaosText::new);
    Settings {
        udp_payload_bytes_max: config.udp_payload_bytes_max,
        minimal_any: config.minimal_any,
        minimal_responses: config.minimal_responses,
        chaos: Chaos {
            version: text(&config.identity.version),
            hostname: text(&config.identity.hostname),
            server_id: text(&config.identity.server_id),
        },
        cookies: config.cookies.as_ref().map(|cookies| self::cookies(cookies, secrets)),
        tcp_keepalive: Some(deciseconds(config.tcp.idle_max)),
        forwards: config.forward.is_some(),
    }
}

fn cookies(config: &CookieConfig, secrets: &Secrets) -> Cookies {
    let (secret, older) = match config.secrets.split_first() {
        Some((first, rest)) => (first.clone(), rest.into()),
        None => (CookieSecret::new(secrets.cookie), Box::default()),
    };
    Cookies {
        secret,
        older_secrets: older,
        required: config.required,
    }
}

/// In the units of RFC 7828 §3.1.
fn deciseconds(idle: Duration) -> u16 {
    u16::try_from(idle.as_millis() / 100).unwrap_or(u16::MAX)
}

/// The limiter that is there keeps its accounts as long as its limits stay the same.
fn rate_limit(config: &Config, secrets: &Secrets, old: Option<&RateLimit>) -> Option<RateLimit> {
    let RateLimitConfig { limits, log_only } = config.rate_limit.as_ref()?;
    let kept = old.filter(|old| old.limiter.limits() == limits);
    Some(RateLimit {
        limiter: kept.map_or_else(
            || Arc::new(RateLimiter::new(limits.clone(), secrets.rate_limit_seed)),
            |old| old.limiter.clone(),
        ),
        log_only: *log_only,
    })
}
