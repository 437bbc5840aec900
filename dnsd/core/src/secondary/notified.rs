//! Notifications that no refresh has been started for yet.

use std::num::NonZeroUsize;

use crate::serial::Serial;

/// What each primary has notified of, the newest of it. A serial that it names makes it void once that version is here.
#[derive(Debug)]
pub(super) struct Notified {
    by_primary: Box<[Option<Option<Serial>>]>,
}

impl Notified {
    pub(super) fn new(primaries: NonZeroUsize) -> Self {
        Self {
            by_primary: vec![None; primaries.get()].into(),
        }
    }

    /// Notes a notification; one of nobody's is left alone.
    pub(super) fn note(&mut self, primary: usize, serial: Option<Serial>) {
        if let Some(noted) = self.by_primary.get_mut(primary) {
            *noted = match (*noted, serial) {
                // A serial-less notification can't be void, so it is not replaced by one that can.
                (Some(None), _) => Some(None),
                // Datagrams overtake each other and are sent again: one of before says nothing of what came since.
                (Some(Some(newest)), Some(late)) if newest.is_after(late) => Some(Some(newest)),
                _ => Some(serial),
            };
        }
    }

    pub(super) fn any(&self) -> bool {
        self.by_primary.iter().any(Option::is_some)
    }

    /// Takes the first primary's that has notified.
    pub(super) fn take(&mut self) -> Option<usize> {
        let primary = self.by_primary.iter().position(Option::is_some)?;
        self.by_primary[primary] = None;
        Some(primary)
    }

    /// Forgets all of them.
    pub(super) fn forget_all(&mut self) {
        self.by_primary.fill(None);
    }

    /// Forgets the notifications of versions that are no newer than the one here.
    pub(super) fn forget_known(&mut self, here: Serial) {
        for noted in &mut self.by_primary {
            noted.take_if(|serial| serial.is_some_and(|serial| !serial.is_after(here)));
        }
    }
}
