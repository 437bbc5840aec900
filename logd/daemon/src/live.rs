//! Messages as they come in, for whoever looks on: `logd tail` and the viewer's live page.
//!
//! The [`Tap`] sits where every message passes. When nobody listens it costs a relaxed load for a batch, and a copy of at most
//! [`KEPT_PER_SECOND`] messages a second and thread, which go to a small ring: what `tail` shows of the time before it began.
//!
//! A listener costs the log path a little for each message, whatever its user asks for: its fields are compared, in time linear in
//! the names ([`Fields`]), and what passes is copied once for all listeners and put into a queue of bounded length. All else, the
//! text's regular expression first of all, is the work of the listener's own thread ([`Place`]), which has the lowest priority. The
//! log path never waits for it: a listener that is too slow loses messages, and is told how many. Nor is a sleeping thread woken
//! more than ten times a second ([`listening`]), so that a queue's length is also what is copied for it in a tenth of a second.

mod entry;
mod filter;
mod listening;
mod place;
mod ring;

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use logd_core::template::Context;
use logd_core::time::Timestamp;
use metrics::{Counter, counter};
use tokio::sync::{Semaphore, mpsc};

pub(crate) use entry::{Copied, Entry};
pub(crate) use filter::{Fields, Filter, Pattern, severity};
pub(crate) use listening::{Heard, Listening};
pub(crate) use place::Place;
pub(crate) use ring::{Kept, Recent};

use entry::Copier;
use ring::Ring;

/// Messages that a thread copies into the ring in a second: a page or two to look at, and too few to be seen in a profile.
const KEPT_PER_SECOND: u32 = 200;

/// Messages that wait for a listener: a tenth of a second of a busy server.
const QUEUE_MESSAGES_MAX: usize = 4096;

/// What they may take together: 1 KB for each, of which nearly all have less; for long ones fewer wait.
const QUEUE_BYTES_MAX: usize = 4 << 20;

/// Each listener looks at every message, and has a thread; administrators are few.
const LISTENERS_MAX: usize = 16;

thread_local! {
    /// The second of the last message that this thread took, and how many more it may copy in it.
    static ALLOWANCE: Cell<(i64, u32)> = const { Cell::new((0, 0)) };
}

/// Where messages can be looked at as they pass.
pub(crate) struct Tap {
    /// How many listeners there are: all that a batch looks at when there is none.
    count: AtomicUsize,
    listeners: ArcSwap<Vec<Arc<Listener>>>,
    places: Arc<Semaphore>,
    ring: Mutex<Ring>,
    /// Messages that were not copied into the ring since one was.
    passed_over: AtomicU64,
    copier: Copier,
    skipped: Counter,
}

/// Who looks on, as the log path knows it.
struct Listener {
    fields: Fields,
    queue: mpsc::Sender<Arc<Copied>>,
    /// Of what is in the queue.
    bytes: AtomicUsize,
    /// Messages that its queue had no room for, since it was told.
    lost: AtomicU64,
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
            places: Arc::new(Semaphore::new(LISTENERS_MAX)),
            ring: Mutex::default(),
            passed_over: AtomicU64::new(0),
            copier: Copier::new(),
            skipped: counter!("logd_live_skipped_total"),
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
                for listener in listeners.iter().filter(|listener| listener.fields.take(facts)) {
                    // Before a copy is made for nobody.
                    if !listener.has_room() {
                        listener.lost.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    listener.push(copy.get_or_insert_with(|| Arc::new(self.copier.copy(context))).clone());
                }
            });
        }
        if looking.allowance == 0 {
            looking.passed_over += 1;
            return;
        }
        looking.allowance -= 1;
        let copy = copy.unwrap_or_else(|| Arc::new(self.copier.copy(context)));
        let passed_over = self.passed_over.swap(0, Ordering::Relaxed);
        self.ring().push(copy, passed_over);
    }

    /// Ends a batch.
    pub(crate) fn finish(&self, looking: &Looking, received: Timestamp) {
        ALLOWANCE.with(|allowance| allowance.set((received.unix_s, looking.allowance)));
        if looking.passed_over > 0 {
            self.passed_over.fetch_add(looking.passed_over, Ordering::Relaxed);
        }
    }

    /// A place among the listeners, and the thread that comes with it.
    pub(crate) fn place(&self) -> Result<Place, TooManyListeners> {
        let permit = self.places.clone().try_acquire_owned();
        permit.map(Place::new).map_err(|_| TooManyListeners)
    }

    /// The last messages that were kept, wanted or not; and all from now on that pass the filter. No message is in both.
    pub(crate) fn listen(self: &Arc<Self>, place: Place, filter: Filter) -> (Vec<Kept>, Listening) {
        let (queue, receiver) = mpsc::channel(QUEUE_MESSAGES_MAX);
        let listener = Arc::new(Listener {
            fields: filter.fields,
            queue,
            bytes: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
        });
        // Under the ring's lock. A message that is on its way may be missed; none is there twice.
        let ring = self.ring();
        let kept = ring.kept();
        self.listeners.rcu(|listeners| {
            let mut listeners = Vec::clone(listeners);
            listeners.push(listener.clone());
            listeners
        });
        self.count.fetch_add(1, Ordering::Relaxed);
        drop(ring);
        (
            kept,
            Listening::new(self.clone(), listener, receiver, filter.text, place),
        )
    }

    /// The last messages that were kept, oldest first.
    pub(crate) fn kept(&self) -> Vec<Kept> {
        self.ring().kept()
    }

    /// The ring. Nobody keeps it for longer than it takes to count up its messages: who filters them does so without it.
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, gone: &Arc<Listener>) {
        self.listeners.rcu(|listeners| {
            let others = listeners.iter().filter(|other| !Arc::ptr_eq(other, gone));
            others.cloned().collect::<Vec<_>>()
        });
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Listener {
    fn has_room(&self) -> bool {
        self.queue.capacity() > 0 && self.bytes.load(Ordering::Relaxed) < QUEUE_BYTES_MAX
    }

    fn push(&self, message: Arc<Copied>) {
        let bytes = message.bytes();
        // Before it is there to be taken out.
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if self.queue.try_send(message).is_err() {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
