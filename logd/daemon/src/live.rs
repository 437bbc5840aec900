//! Messages as they come in, for whoever looks on: `logd tail` and the viewer's live page.
//!
//! The [`Tap`] sits where every message passes. When nobody listens it costs a relaxed load for a batch, and a copy of at most
//! [`KEPT_PER_SECOND`] messages a second and thread, which go to a small ring: what `tail` shows of the time before it began.
//! A listener has a queue of bounded length, which only messages go into that pass its filter. The log path never waits for
//! a listener: one that is too slow loses messages, and is told how many.

mod entry;
mod filter;
mod ring;

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use logd_core::template::Context;
use logd_core::time::Timestamp;
use tokio::sync::mpsc;

pub(crate) use entry::Entry;
pub(crate) use filter::{Filter, Pattern, severity};
pub(crate) use ring::Recent;

use entry::Copier;
use ring::Ring;

/// Messages that a thread copies into the ring in a second: a page or two to look at, and too few to be seen in a profile.
const KEPT_PER_SECOND: u32 = 200;

/// Messages that wait for a listener: a tenth of a second of a busy server.
const QUEUE_MESSAGES_MAX: usize = 4096;

/// Each listener looks at every message; administrators are few.
const LISTENERS_MAX: usize = 32;

thread_local! {
    /// The second of the last message that this thread took, and how many more it may copy in it.
    static ALLOWANCE: Cell<(i64, u32)> = const { Cell::new((0, 0)) };
}

/// Where messages can be looked at as they pass.
pub(crate) struct Tap {
    /// How many listeners there are: all that a batch looks at when there is none.
    count: AtomicUsize,
    listeners: ArcSwap<Vec<Arc<Listener>>>,
    ring: Mutex<Ring>,
    /// Messages that were not copied into the ring since one was.
    passed_over: AtomicU64,
    copier: Copier,
}

/// Who looks on.
struct Listener {
    filter: Filter,
    queue: mpsc::Sender<Arc<Entry>>,
    /// Messages that its queue had no room for, since it was told.
    lost: AtomicU64,
}

/// A listener's end of its queue. Dropping it ends the listening.
pub(crate) struct Listening {
    tap: Arc<Tap>,
    listener: Arc<Listener>,
    queue: mpsc::Receiver<Arc<Entry>>,
}

/// What a listener hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A message.
    Message(Arc<Entry>),
    /// So many messages were lost, because the listener was too slow.
    Lost(u64),
}

/// There are as many listeners as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyListeners;

/// What is to be done with the messages of one batch.
pub(crate) struct Looking {
    listeners: Option<Arc<Vec<Arc<Listener>>>>,
    allowance: u32,
    passed_over: u64,
}

impl Tap {
    /// Without listeners yet.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            count: AtomicUsize::new(0),
            listeners: ArcSwap::default(),
            ring: Mutex::default(),
            passed_over: AtomicU64::new(0),
            copier: Copier::new(),
        })
    }

    /// Begins a batch that was received at this time.
    pub(crate) fn look(&self, received: Timestamp) -> Looking {
        let listened_to = self.count.load(Ordering::Relaxed) > 0;
        let allowance = ALLOWANCE.with(|allowance| match allowance.get() {
            (second, left) if second == received.unix_s => left,
            _ => KEPT_PER_SECOND,
        });
        Looking {
            listeners: listened_to.then(|| self.listeners.load_full()),
            allowance,
            passed_over: 0,
        }
    }

    /// Shows a message of the batch.
    #[inline]
    pub(crate) fn show(&self, looking: &mut Looking, context: &Context<'_>) {
        if looking.allowance == 0 && looking.listeners.is_none() {
            looking.passed_over += 1;
            return;
        }
        self.show_slowly(looking, context);
    }

    fn show_slowly(&self, looking: &mut Looking, context: &Context<'_>) {
        let mut copy = None;
        if let Some(listeners) = &looking.listeners {
            self.copier.facts(context, |facts| {
                for listener in listeners.iter().filter(|listener| listener.filter.takes(facts)) {
                    // Before a copy is made for nobody.
                    if listener.queue.capacity() == 0 {
                        listener.lost.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    let entry = copy.get_or_insert_with(|| Arc::new(self.copier.copy(context)));
                    if listener.queue.try_send(entry.clone()).is_err() {
                        listener.lost.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        if looking.allowance == 0 {
            looking.passed_over += 1;
            return;
        }
        looking.allowance -= 1;
        let entry = copy.unwrap_or_else(|| Arc::new(self.copier.copy(context)));
        let passed_over = self.passed_over.swap(0, Ordering::Relaxed);
        self.ring().push(entry, passed_over);
    }

    /// Ends a batch.
    pub(crate) fn finish(&self, looking: &Looking, received: Timestamp) {
        ALLOWANCE.with(|allowance| allowance.set((received.unix_s, looking.allowance)));
        if looking.passed_over > 0 {
            self.passed_over.fetch_add(looking.passed_over, Ordering::Relaxed);
        }
    }

    /// The last messages that were kept, at most so many, oldest first; and all that come from now on. No message is in both.
    pub(crate) fn listen(
        self: &Arc<Self>,
        filter: Filter,
        recent_max: usize,
    ) -> Result<(Recent, Listening), TooManyListeners> {
        let (queue, receiver) = mpsc::channel(QUEUE_MESSAGES_MAX);
        let listener = Arc::new(Listener {
            filter,
            queue,
            lost: AtomicU64::new(0),
        });
        // Under the ring's lock, which also keeps two listeners from both taking the last place. A message that is on its way
        // may be missed; none is there twice.
        let ring = self.ring();
        let recent = ring.recent(&listener.filter, recent_max);
        if self.listeners.load().len() >= LISTENERS_MAX {
            return Err(TooManyListeners);
        }
        self.listeners.rcu(|listeners| {
            let mut listeners = Vec::clone(listeners);
            listeners.push(listener.clone());
            listeners
        });
        self.count.fetch_add(1, Ordering::Relaxed);
        drop(ring);
        let listening = Listening {
            tap: self.clone(),
            listener,
            queue: receiver,
        };
        Ok((recent, listening))
    }

    /// The last messages that were kept, at most so many, oldest first.
    pub(crate) fn recent(&self, filter: &Filter, max: usize) -> Recent {
        self.ring().recent(filter, max)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listening {
    /// Waits for the next message.
    pub(crate) async fn next(&mut self) -> Heard {
        let lost = self.listener.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            return Heard::Lost(lost);
        }
        match self.queue.recv().await {
            Some(entry) => Heard::Message(entry),
            None => unreachable!("the queue's other end is in the listener, which lives as long as this"),
        }
    }

    /// The next message, if there is one already.
    pub(crate) fn ready(&mut self) -> Option<Heard> {
        self.queue.try_recv().ok().map(Heard::Message)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.tap.listeners.rcu(|listeners| {
            let others = listeners.iter().filter(|other| !Arc::ptr_eq(other, &self.listener));
            others.cloned().collect::<Vec<_>>()
        });
        self.tap.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
