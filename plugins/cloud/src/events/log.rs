//! The events that are remembered: as many as there is room for, each written once.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use ballast_shared::plugin::event::WireEvent;

/// Events that are remembered, and octets of their texts.
pub(super) const EVENTS_MAX: usize = 10_000;
pub(super) const BYTES_MAX: usize = 16 << 20;

/// Events of one reply, and octets of their texts unless it is one event.
const REPLY_EVENTS_MAX: usize = 256;
const REPLY_BYTES_MAX: usize = 512 << 10;

/// What an event takes besides its texts, about.
const OVERHEAD_BYTES: usize = 128;

#[derive(Debug)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// The number of each that is remembered, by its id.
    numbers: HashMap<Arc<str>, u64>,
    /// Of the first that is remembered: so many are forgotten.
    first: u64,
    bytes: usize,
    events_max: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Entry {
    id: Arc<str>,
    /// As JSON.
    text: Arc<str>,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.id.len() + self.text.len() + OVERHEAD_BYTES
    }
}

impl Log {
    pub(super) fn new(events_max: usize, bytes_max: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            numbers: HashMap::new(),
            first: 0,
            bytes: 0,
            events_max,
            bytes_max,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many there have been.
    fn count(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Remembers an event, and says how many there have been; `None`: it is remembered already. The newest is, however large.
    pub(super) fn add(&mut self, event: &WireEvent) -> Option<u64> {
        if self.numbers.contains_key(event.id.as_str()) {
            return None;
        }
        let text = serde_json::to_string(event).expect("a struct of texts is always JSON");
        let entry = Entry {
            id: event.id.as_str().into(),
            text: text.into(),
        };
        self.numbers.insert(entry.id.clone(), self.count());
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > 1 && (self.entries.len() > self.events_max || self.bytes > self.bytes_max) {
            self.forget_first();
        }
        Some(self.count())
    }

    fn forget_first(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.numbers.remove(&entry.id);
            self.bytes -= entry.bytes();
            self.first += 1;
        }
    }

    pub(super) fn position(&self, after: Option<&str>) -> u64 {
        match after {
            None => self.count(),
            Some(id) => self.numbers.get(id).map_or(self.first, |number| number + 1),
        }
    }

    /// What comes behind so many, as far as a reply goes, and where that ends.
    pub(super) fn next(&self, position: u64) -> (Vec<Arc<str>>, u64) {
        let position = position.max(self.first);
        let skipped = usize::try_from(position - self.first).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            let is_first = bytes == 0;
            bytes += entry.text.len();
            is_first || bytes <= REPLY_BYTES_MAX
        };
        let entries = self.entries.iter().skip(skipped).take(REPLY_EVENTS_MAX);
        let events: Vec<Arc<str>> = entries.take_while(fits).map(|entry| entry.text.clone()).collect();
        let next = position + events.len() as u64;
        (events, next)
    }
}
