//! What a thread keeps to work with, so that neither a message nor an idle connection has to own it.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;

use jiff::tz::TimeZone;
use logd_core::time::ZoneCache;

use super::files::Files;
use crate::plugins::LastView;

/// Room for reading, rendering paths and looking things up.
pub(crate) struct Scratch {
    /// What an input reads into.
    pub(crate) read: Vec<u8>,
    /// What the path of the file at hand depends on.
    pub(super) key: Vec<u8>,
    /// The path of a file that is looked up.
    pub(super) path: Vec<u8>,
    /// A property's value that a condition looks at.
    pub(super) value: Vec<u8>,
    pub(super) own_zone: ZoneCache,
    pub(super) uuids: Uuids,
    pub(super) files: Files,
    /// What plugins know of senders, as of the last look.
    pub(super) view: LastView,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        read: Vec::new(),
        key: Vec::new(),
        path: Vec::new(),
        value: Vec::new(),
        own_zone: ZoneCache::new(TimeZone::system()),
        uuids: Uuids::default(),
        files: Files::default(),
        view: LastView::default(),
    });
}

impl Scratch {
    /// Lends this thread's.
    pub(crate) fn with<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        SCRATCH.with_borrow_mut(work)
    }
}

/// Random UUIDs (RFC 9562 §5.4), from the system's generator, many at a time.
pub(super) struct Uuids {
    state: RefCell<UuidState>,
}

struct UuidState {
    random: [u8; 4096],
    used: usize,
}

impl Default for Uuids {
    fn default() -> Self {
        let state = UuidState {
            random: [0; 4096],
            used: 4096,
        };
        Self {
            state: RefCell::new(state),
        }
    }
}

impl Uuids {
    pub(super) fn next(&self) -> [u8; 16] {
        let mut state = self.state.borrow_mut();
        if state.used == state.random.len() {
            // A system without it has larger troubles than UUIDs that repeat.
            let _ = File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut state.random));
            state.used = 0;
        }
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&state.random[state.used..state.used + 16]);
        state.used += 16;
        uuid[6] = uuid[6] & 0x0f | 0x40;
        uuid[8] = uuid[8] & 0x3f | 0x80;
        uuid
    }
}
