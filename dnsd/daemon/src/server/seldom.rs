//! What is counted of requests that are no questions: NOTIFYs both ways, and updates. There are few of them beside the questions,
//! so that all threads count in one place.

use std::sync::atomic::{AtomicU64, Ordering};

use dnsd_core::message::Rcode;

/// What became of a NOTIFY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotifyFate {
    /// It came from somebody who may send it, and is acted upon.
    Received,
    /// It came from somebody who may not.
    Refused,
    /// It was sent; again and again it is another one.
    Sent,
    /// The other server answered one of ours.
    Answered,
    /// The other server answered none of them.
    GivenUp,
}

impl NotifyFate {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Received, Self::Refused, Self::Sent, Self::Answered, Self::GivenUp];

    /// As metrics say it: the way it went, and what became of it.
    pub(crate) fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Received => ("in", "received"),
            Self::Refused => ("in", "refused"),
            Self::Sent => ("out", "sent"),
            Self::Answered => ("out", "answered"),
            Self::GivenUp => ("out", "given-up"),
        }
    }
}

/// Response codes of updates, the largest of RFC 2136 and what stands for others.
const RCODES: usize = Rcode::NOTZONE.0 as usize + 1;

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct SeldomCounters {
    notifies: [AtomicU64; NotifyFate::ALL.len()],
    updates: [AtomicU64; RCODES],
}

impl SeldomCounters {
    /// A NOTIFY.
    pub(crate) fn notify(&self, fate: NotifyFate) {
        self.notifies[fate as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// An update that was answered with this code.
    pub(crate) fn update(&self, rcode: Rcode) {
        self.updates[usize::from(rcode.0).min(RCODES - 1)].fetch_add(1, Ordering::Relaxed);
    }

    /// How many NOTIFYs became this.
    pub(crate) fn notifies(&self, fate: NotifyFate) -> u64 {
        self.notifies[fate as usize].load(Ordering::Relaxed)
    }

    /// How many updates were answered with each code that any was.
    pub(crate) fn updates(&self) -> impl Iterator<Item = (Rcode, u64)> {
        let codes = (0..).map(Rcode).zip(&self.updates);
        codes
            .map(|(rcode, count)| (rcode, count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
    }
}
