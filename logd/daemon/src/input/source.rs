//! An input as its sockets see it: its settings, its connections and its counters.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use logd_core::framing;
use logd_core::route::InputId;
use metrics::{Counter, counter};
use tracing::warn;

use super::connections::Connections;
use crate::config::{self, InputKind};
use crate::output::HeldBack;
use crate::pipeline::{Batch, Pipeline, SHAPES, Scratch, Tally};
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
    pub(super) metrics: SourceMetrics,
    refusals: Throttle,
    framing_errors: Throttle,
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
    pub(super) accepted: Counter,
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
}

impl Refusal {
    fn key(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::ConnectionsMax => "connections-max",
            Self::ConnectionsPerSenderMax => "connections-per-sender-max",
            Self::IncompleteMax => "incomplete-max",
        }
    }
}

impl Source {
    pub(super) fn new(
        input: config::Input,
        id: InputId,
        pipeline: Arc<Pipeline>,
        connections: Arc<Connections>,
    ) -> Self {
        Self {
            metrics: SourceMetrics::new(&input),
            input,
            id,
            pipeline,
            connections,
            refusals: Throttle::new(WARNINGS_MAX, WARN_INTERVAL),
            framing_errors: Throttle::new(WARNINGS_MAX, WARN_INTERVAL),
        }
    }

    /// Begins a batch of what was read at one time.
    pub(super) fn batch<'b>(&'b self, scratch: &'b mut Scratch, held_back: &'b mut HeldBack) -> Batch<'b> {
        self.pipeline.batch(self.id, &self.input.name, scratch, held_back)
    }

    /// Whether a sender may send here.
    pub(super) fn allows(&self, sender: IpAddr) -> bool {
        let allow = self.input.allow.as_deref();
        allow.is_none_or(|networks| networks.iter().any(|network| network.contains(&sender)))
    }

    /// Counts a sender that is turned away, and logs one in a while.
    pub(super) fn refuse(&self, sender: IpAddr, why: Refusal) {
        match why {
            Refusal::Allow => self.metrics.refused_allow.increment(1),
            Refusal::ConnectionsMax => self.metrics.refused_total.increment(1),
            Refusal::ConnectionsPerSenderMax => self.metrics.refused_sender.increment(1),
            Refusal::IncompleteMax => self.metrics.refused_incomplete.increment(1),
        }
        if let Some(others) = self.refusals.admit(Instant::now()) {
            warn!(input = %self.input.name, %sender, because = why.key(), others, "sender refused");
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
        let has_streams = matches!(input.kind, InputKind::Tcp(_));
        let of_stream = |metric: &'static str| if has_streams { of_input(metric) } else { Counter::noop() };
        let framing_error = |reason: &'static str| {
            if has_streams {
                counter!("logd_input_framing_errors_total", "input" => name(), "reason" => reason)
            } else {
                Counter::noop()
            }
        };
        let refused = |why: Refusal| {
            if has_streams || why == Refusal::Allow {
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
            bad_octet_count: framing_error("bad-octet-count"),
            incomplete: framing_error("incomplete"),
            refused_allow: refused(Refusal::Allow),
            refused_total: refused(Refusal::ConnectionsMax),
            refused_sender: refused(Refusal::ConnectionsPerSenderMax),
            refused_incomplete: refused(Refusal::IncompleteMax),
            accepted: of_stream("logd_input_connections_total"),
        }
    }
}
