//! The end of a ring that an answering thread has.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use rtrb::chunks::ChunkError;
use rtrb::{Producer, RingBuffer};

use super::entry::Query;
use super::{Ring, Rings, lock};

/// What a ring holds: some ten thousand queries, which is more than a thread answers while the writer looks away, and little
/// beside what a zone takes.
const RING_BYTES: usize = 1 << 20;

/// Takes what one thread, or the connections of one listener, are asked.
#[derive(Debug)]
pub(crate) struct Recorder {
    rings: Arc<Rings>,
    /// Made at the first query that is logged. A UDP thread has it for itself, so that it never waits here; connections of one
    /// listener share it.
    end: Mutex<Option<End>>,
}

#[derive(Debug)]
struct End {
    queries: Producer<u8>,
    /// Where an entry is made before its length is known.
    entry: Vec<u8>,
}

impl Recorder {
    pub(super) fn new(rings: Arc<Rings>) -> Self {
        Self {
            rings,
            end: Mutex::new(None),
        }
    }

    /// Whether queries are logged at all.
    pub(crate) fn is_on(&self) -> bool {
        self.rings.is_on.load(Ordering::Relaxed)
    }

    /// Puts a query where the writer finds it, or counts it where there is no room for it.
    pub(crate) fn record(&self, query: &Query<'_>) {
        let mut end = lock(&self.end);
        let end = end.get_or_insert_with(|| End::new(&self.rings));
        if end.push(query).is_err() {
            self.rings.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl End {
    fn new(rings: &Rings) -> Self {
        let (queries, read) = RingBuffer::new(RING_BYTES);
        lock(&rings.new).push(Ring {
            number: rings.made.fetch_add(1, Ordering::Relaxed) + 1,
            queries: read,
        });
        Self {
            queries,
            entry: Vec::new(),
        }
    }

    /// The whole entry or nothing of it.
    fn push(&mut self, query: &Query<'_>) -> Result<(), ChunkError> {
        self.entry.clear();
        query.encode(&mut self.entry);
        self.queries.push_entire_slice(&self.entry)
    }
}
