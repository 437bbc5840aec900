//! An input as its sockets see it: its settings, its connections and its counters.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use logd_core::framing;
use logd_core::pri::Pri;
use logd_core::relp::{self, Violation};
use logd_core::route::InputId;
use metrics::{Counter, counter};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tracing::warn;

use super::connections::Connections;
use super::limits::{Limiter, SenderId};
use crate::config::{self, InputKind, TlsSettings};
use crate::names::{Lookup, Names};
use crate::output::{HeldBack, Patience};
use crate::pipeline::{Batch, Pipeline, SHAPES, Scratch, Tally};
use crate::plugins::Inventory;
use crate::throttle::Throttle;

/// How many senders' misbehaviour is logged in how long; every instance is counted.
const WARNINGS_MAX: u32 = 5;
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// An input at work, and what its configuration makes of messages: one is never seen without the other.
pub(crate) struct Source {
    pub(crate) input: config::Input,
    id: InputId,
    pipeline: Arc<Pipeline>,
    pub(crate) connections: Arc<Connections>,
    limiter: Option<Arc<Limiter>>,
    /// Those of its senders, if they are looked up.
    names: Option<Arc<Names>>,
    pub(super) metrics: SourceMetrics,
    /// How senders are met, where TLS is spoken.
    pub(super) tls: Option<Arc<ServerConfig>>,
    refusals: Throttle,
    framing_errors: Throttle,
    losses: Throttle,
}

pub(super) struct SourceMetrics {
    messages: Counter,
    bytes: Counter,
    shapes: [Counter; SHAPES.len()],
    truncated: Counter,
    discarded_bytes: Counter,
    bad_octet_count: Counter,
    incomplete: Counter,
    refused_allow: Counter,
    refused_total: Counter,
    refused_sender: Counter,
    refused_incomplete: Counter,
    refused_tls: [Counter; Refusal::OF_TLS.len()],
    violations: [Counter; Violation::ALL.len()],
    not_open: Counter,
    unacknowledged: Counter,
    pub(super) accepted: Counter,
    pub(super) handshakes: Counter,
    pub(super) cut_off: Counter,
    wrong_pid: Counter,
}

/// Why a sender is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not in `allow`.
    Allow,
    /// `connections-max`
    ConnectionsMax,
    /// `connections-per-sender-max`
    ConnectionsPerSenderMax,
    /// All connections together have as much of frames whose end is missing as they may.
    IncompleteMax,
    /// The handshake took too long, or did not begin.
    TlsTimeout,
    /// Too many handshakes were under way for too long.
    TlsBusy,
    /// The handshake failed otherwise, as with one who speaks no TLS.
    TlsHandshake,
    /// The sender refused us: it does not know who signed our certificate, for one.
    TlsAlert,
    /// The sender shows no certificate.
    TlsNoCertificate,
    /// The sender's certificate has expired, or is not valid yet.
    TlsExpired,
    /// Nobody in `client-ca` has signed the sender's certificate.
    TlsUnknownAuthority,
    /// The sender's certificate is wrong otherwise.
    TlsCertificate,
    /// The sender's certificate is good, and for nobody in `permitted-peers`.
    TlsNotPermitted,
}

impl Refusal {
    fn key(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::ConnectionsMax => "connections-max",
            Self::ConnectionsPerSenderMax => "connections-per-sender-max",
            Self::IncompleteMax => "incomplete-max",
            Self::TlsTimeout => "tls-timeout",
            Self::TlsBusy => "tls-busy",
            Self::TlsHandshake => "tls-handshake",
            Self::TlsAlert => "tls-alert",
            Self::TlsNoCertificate => "tls-no-certificate",
            Self::TlsExpired => "tls-expired",
            Self::TlsUnknownAuthority => "tls-unknown-authority",
            Self::TlsCertificate => "tls-certificate",
            Self::TlsNotPermitted => "tls-not-permitted",
        }
    }

    /// Those of handshakes.
    const OF_TLS: [Self; 9] = [
        Self::TlsTimeout,
        Self::TlsBusy,
        Self::TlsHandshake,
        Self::TlsAlert,
        Self::TlsNoCertificate,
        Self::TlsExpired,
        Self::TlsUnknownAuthority,
        Self::TlsCertificate,
        Self::TlsNotPermitted,
    ];
}

impl Source {
    pub(super) fn new(
        input: config::Input,
        id: InputId,
        pipeline: Arc<Pipeline>,
        connections: Arc<Connections>,
        limiter: Option<Arc<Limiter>>,
        names: Option<Arc<Names>>,
    ) -> Self {
        Self {
            metrics: SourceMetrics::new(&input),
            tls: input
                .kind
                .stream()
                .and_then(|stream| stream.tls.as_ref())
                .map(TlsSettings::server_config),
            limiter,
            names,
            input,
            id,
            pipeline,
            connections,
            refusals: Throttle::new(WARNINGS_MAX, WARN_INTERVAL),
            framing_errors: Throttle::new(WARNINGS_MAX, WARN_INTERVAL),
            losses: Throttle::new(WARNINGS_MAX, WARN_INTERVAL),
        }
    }

    /// Begins a batch of what was read at one time.
    pub(super) fn batch<'b>(&'b self, scratch: &'b mut Scratch, held_back: &'b mut HeldBack) -> Batch<'b> {
        let patience = match &self.input.kind {
            InputKind::Udp => Patience::WaitsWithOthers,
            kind if kind.is_local() => Patience::NeverWaits,
            _ => Patience::Waits,
        };
        self.pipeline
            .batch(self.id, &self.input.name, patience, scratch, held_back)
            .with_limiter(self.limiter.as_deref())
    }

    /// Whether a message of this process is within its limit; one that is not is counted.
    pub(super) fn admits(&self, pid: u32, pri: Pri) -> bool {
        let limiter = self.limiter.as_ref();
        limiter.is_none_or(|limiter| limiter.admit(SenderId::Process(pid), Some(pri)))
    }

    /// Counts process numbers in tags that were put right.
    pub(super) fn count_wrong_pid(&self, wrong: u64) {
        if wrong > 0 {
            self.metrics.wrong_pid.increment(wrong);
        }
    }

    /// Where senders' names are looked up, if they are.
    pub(super) fn names(&self) -> Option<&Arc<Names>> {
        self.names.as_ref()
    }

    /// What plugins know of senders, if it is asked for that.
    pub(super) fn inventory(&self) -> Option<&Arc<Inventory>> {
        self.pipeline.inventory()
    }

    /// What is known of a datagram's sender's name, or becomes known, if names are looked up.
    pub(super) fn look_up(&self, sender: IpAddr) -> Option<Arc<Lookup>> {
        Some(self.names.as_ref()?.look_up(sender))
    }

    /// Whether a sender may send here.
    pub(super) fn allows(&self, sender: IpAddr) -> bool {
        let allow = self.input.allow.as_deref();
        allow.is_none_or(|networks| networks.iter().any(|network| network.contains(&sender)))
    }

    /// Counts a sender that is turned away, and logs one in a while.
    pub(super) fn refuse(&self, sender: impl Into<SenderId>, why: Refusal) {
        match why {
            Refusal::Allow => self.metrics.refused_allow.increment(1),
            Refusal::ConnectionsMax => self.metrics.refused_total.increment(1),
            Refusal::ConnectionsPerSenderMax => self.metrics.refused_sender.increment(1),
            Refusal::IncompleteMax => self.metrics.refused_incomplete.increment(1),
            _ => self.count_refused_by_tls(why),
        }
        if let Some(others) = self.refusals.admit(Instant::now()) {
            let sender = sender.into();
            warn!(input = %self.input.name, %sender, because = why.key(), others, "sender refused");
        }
    }

    /// Counts a sender whose handshake failed, and logs one in a while, with what was wrong.
    pub(super) fn refuse_handshake(&self, sender: IpAddr, why: Refusal, cause: &io::Error) {
        self.count_refused_by_tls(why);
        if let Some(others) = self.refusals.admit(Instant::now()) {
            warn!(input = %self.input.name, %sender, because = why.key(), %cause, others, "sender refused");
        }
    }

    fn count_refused_by_tls(&self, why: Refusal) {
        if let Some(at) = Refusal::OF_TLS.iter().position(|of_tls| *of_tls == why) {
            self.metrics.refused_tls[at].increment(1);
        }
    }

    /// What a sender's certificate calls it.
    pub(super) fn peer_name(&self, certificate: &CertificateDer<'_>) -> Option<Box<str>> {
        let tls = self.input.kind.stream()?.tls.as_ref()?;
        Some(tls.clients.as_ref()?.name_of(certificate).into())
    }

    /// Counts what happened in a session of RELP that its sender did not mean to happen.
    pub(super) fn count_relp(&self, counters: relp::Counters) {
        let relp::Counters {
            discarded_bytes,
            refused,
            // Counted with the messages.
            truncated: _,
        } = counters;
        if discarded_bytes > 0 {
            self.metrics.discarded_bytes.increment(discarded_bytes);
        }
        if refused > 0 {
            self.metrics.not_open.increment(refused);
        }
    }

    /// Counts a session that is over because what came is not RELP, and logs one in a while.
    pub(super) fn count_violation(&self, sender: IpAddr, violation: Violation) {
        if let Some(at) = Violation::ALL.iter().position(|one| *one == violation) {
            self.metrics.violations[at].increment(1);
        }
        if let Some(others) = self.framing_errors.admit(Instant::now()) {
            let because = violation.key();
            warn!(input = %self.input.name, %sender, because, others, "not RELP: the connection is closed");
        }
    }

    /// Counts messages whose connection ended before they were acknowledged: their sender has them still.
    pub(super) fn count_unacknowledged(&self, messages: u64) {
        if messages > 0 {
            self.metrics.unacknowledged.increment(messages);
        }
    }

    /// Says that messages are not acknowledged, because they may be lost, once in a while.
    pub(super) fn warn_lost(&self, sender: IpAddr) {
        if let Some(others) = self.losses.admit(Instant::now()) {
            warn!(input = %self.input.name, %sender, others, "a sync failed: messages are not acknowledged, so that they are sent again");
        }
    }

    /// Counts what was read at one time.
    pub(super) fn count(&self, bytes: usize, tally: &Tally) {
        let metrics = &self.metrics;
        metrics.bytes.increment(bytes as u64);
        metrics.messages.increment(tally.messages);
        for (counter, count) in metrics.shapes.iter().zip(tally.shapes) {
            if count > 0 {
                counter.increment(count);
            }
        }
        if tally.truncated > 0 {
            metrics.truncated.increment(tally.truncated);
        }
    }

    /// Counts what a stream did that it should not.
    pub(super) fn count_framing(&self, sender: IpAddr, counters: framing::Counters) {
        if counters == framing::Counters::default() {
            return;
        }
        let metrics = &self.metrics;
        metrics.discarded_bytes.increment(counters.discarded_bytes);
        metrics.bad_octet_count.increment(counters.bad_octet_count);
        metrics.incomplete.increment(counters.incomplete);
        if counters.bad_octet_count > 0
            && let Some(others) = self.framing_errors.admit(Instant::now())
        {
            warn!(input = %self.input.name, %sender, others, "no octet count where one had to be: going on at the next line");
        }
    }
}

impl SourceMetrics {
    fn new(input: &config::Input) -> Self {
        let name = || input.name.to_string();
        let of_input = |metric: &'static str| counter!(metric, "input" => name());
        // What only a stream has is not shown for datagrams.
        let stream = input.kind.stream();
        let has_streams = stream.is_some() || matches!(&input.kind, InputKind::Unix(unix) if unix.stream);
        let has_tls = stream.is_some_and(|stream| stream.tls.is_some());
        let is_relp = matches!(input.kind, InputKind::Relp(_));
        let has_pids = matches!(input.kind, InputKind::Unix(_));
        let of_stream = |metric: &'static str| if has_streams { of_input(metric) } else { Counter::noop() };
        let framing_error = |applies: bool, reason: &'static str| {
            if applies {
                counter!("logd_input_framing_errors_total", "input" => name(), "reason" => reason)
            } else {
                Counter::noop()
            }
        };
        let only_if = |applies: bool, metric: &'static str| if applies { of_input(metric) } else { Counter::noop() };
        let refused = |why: Refusal| {
            let applies = match why {
                Refusal::Allow => true,
                _ if Refusal::OF_TLS.contains(&why) => has_tls,
                _ => has_streams,
            };
            if applies {
                counter!("logd_input_refused_total", "input" => name(), "reason" => why.key())
            } else {
                Counter::noop()
            }
        };
        Self {
            messages: of_input("logd_input_messages_total"),
            bytes: of_input("logd_input_bytes_total"),
            shapes: SHAPES.map(|shape| counter!("logd_input_parsed_total", "input" => name(), "shape" => shape)),
            truncated: of_input("logd_input_truncated_total"),
            discarded_bytes: of_stream("logd_input_discarded_bytes_total"),
            bad_octet_count: framing_error(has_streams && !is_relp, "bad-octet-count"),
            incomplete: framing_error(has_streams && !is_relp, "incomplete"),
            violations: Violation::ALL.map(|violation| framing_error(is_relp, violation.key())),
            not_open: framing_error(is_relp, "not-open"),
            unacknowledged: only_if(is_relp, "logd_input_unacknowledged_total"),
            handshakes: only_if(has_tls, "logd_input_tls_handshakes_total"),
            cut_off: only_if(has_tls, "logd_input_tls_cut_off_total"),
            refused_allow: refused(Refusal::Allow),
            refused_total: refused(Refusal::ConnectionsMax),
            refused_sender: refused(Refusal::ConnectionsPerSenderMax),
            refused_incomplete: refused(Refusal::IncompleteMax),
            refused_tls: Refusal::OF_TLS.map(refused),
            accepted: of_stream("logd_input_connections_total"),
            wrong_pid: if has_pids {
                of_input("logd_input_wrong_pid_total")
            } else {
                Counter::noop()
            },
        }
    }
}
