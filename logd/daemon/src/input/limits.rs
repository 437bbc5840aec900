//! `rate-limit-interval` and `rate-limit-burst` of an input: the clock, the counter and the log around
//! [`logd_core::rate_limit`].

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use logd_core::pri::Pri;
use logd_core::rate_limit::{Lost, RateLimiter};
use metrics::{Counter, counter};
use tokio::time::sleep;
use tracing::warn;

use crate::config::RateLimit;

/// Whose messages are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SenderId {
    Address(IpAddr),
    /// A process of this machine, by its number.
    Process(u32),
}

impl From<IpAddr> for SenderId {
    fn from(address: IpAddr) -> Self {
        Self::Address(address)
    }
}

impl fmt::Display for SenderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Process(pid) => write!(f, "pid {pid}"),
        }
    }
}

/// The limit of one input at work.
#[derive(Debug)]
pub(crate) struct Limiter {
    input: Arc<str>,
    settings: RateLimit,
    began: Instant,
    limiter: Mutex<RateLimiter<SenderId>>,
    dropped: Counter,
}

impl Limiter {
    pub(super) fn new(input: &Arc<str>, settings: RateLimit) -> Self {
        Self {
            input: input.clone(),
            settings,
            began: Instant::now(),
            limiter: Mutex::new(RateLimiter::new(settings.limit)),
            dropped: counter!("logd_input_dropped_total", "input" => input.to_string(), "reason" => "rate-limit"),
        }
    }

    pub(super) fn is_of(&self, settings: RateLimit) -> bool {
        self.settings == settings
    }

    /// Whether a message passes; one that doesn't is counted.
    pub(crate) fn admit(&self, sender: impl Into<SenderId>, pri: Option<Pri>) -> bool {
        if pri.is_some_and(|pri| pri.severity() < self.settings.severity) {
            return true;
        }
        let passes = self
            .lock()
            .admit(&sender.into(), self.began.elapsed(), |lost| self.tell(&lost));
        if !passes {
            self.dropped.increment(1);
        }
        passes
    }

    /// Tells of senders that have fallen silent, for as long as the input has this limit.
    pub(super) async fn watch(limiter: Weak<Self>) {
        loop {
            let Some(interval) = limiter.upgrade().map(|limiter| limiter.settings.limit.interval) else {
                return;
            };
            sleep(interval).await;
            if let Some(limiter) = limiter.upgrade() {
                limiter
                    .lock()
                    .sweep(limiter.began.elapsed(), |lost| limiter.tell(&lost));
            }
        }
    }

    fn tell(&self, lost: &Lost<SenderId>) {
        let messages = lost.messages;
        match &lost.sender {
            Some(sender) => warn!(input = %self.input, "{messages} messages from {sender} lost due to rate limiting"),
            None => warn!(input = %self.input, "{messages} messages from further senders lost due to rate limiting"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, RateLimiter<SenderId>> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
