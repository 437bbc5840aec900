//! The name of a sender with a connection.
//!
//! What it is called when it connects is looked up anew if what is known has had its time. Later too, for as long as it sends, so
//! that it gets the name that could not be found at first, and one that it is given. While it is connected it is the same machine:
//! it keeps its name until another answer is there.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::{AGAIN, Lookup, Names};

/// What is known of it.
pub(crate) struct Connected {
    address: IpAddr,
    lookup: Option<Arc<Lookup>>,
    /// The one that is to take its place, unless it fails.
    next: Option<Arc<Lookup>>,
    looked_at: Instant,
}

impl Connected {
    /// A sender that connects now. It has no name where none are looked up.
    pub(crate) fn new(address: IpAddr, names: Option<&Arc<Names>>) -> Self {
        Self {
            address,
            lookup: names.map(|names| names.look_up_newest(address)),
            next: None,
            looked_at: Instant::now(),
        }
    }

    /// Waits until its name is known, or for as long as messages wait for that.
    pub(crate) async fn settled(&self) {
        if let Some(lookup) = &self.lookup {
            lookup.settled().await;
        }
    }

    /// Its name, as soon as there is one.
    pub(crate) fn name(&self) -> Option<&str> {
        self.lookup.as_ref()?.name()
    }

    /// Takes up what was found out since, and looks again if it is time to. For each read.
    pub(crate) fn look(&mut self, names: Option<&Arc<Names>>) {
        if let Some(names) = names {
            self.look_at(names, Instant::now());
        }
    }

    fn look_at(&mut self, names: &Arc<Names>, now: Instant) {
        if now.saturating_duration_since(self.looked_at) >= AGAIN {
            self.looked_at = now;
            self.next = Some(names.look_up_newest(self.address));
        }
        if let Some(next) = self.next.take_if(|next| next.is_over())
            && !next.has_failed()
        {
            self.lookup = Some(next);
        }
    }

    /// Takes up another configuration, which may look up no names, or ask others.
    pub(crate) fn follow(&mut self, names: Option<&Arc<Names>>) {
        let Some(names) = names else {
            self.lookup = None;
            self.next = None;
            return;
        };
        let newest = names.look_up_newest(self.address);
        self.looked_at = Instant::now();
        if self.lookup.is_some() {
            self.next = Some(newest);
        } else {
            self.lookup = Some(newest);
        }
    }

    /// As if it had looked last so long ago as it takes to look again.
    #[cfg(test)]
    pub(super) fn look_later(&mut self, names: &Arc<Names>) {
        let later = self.looked_at + AGAIN;
        self.look_at(names, later);
    }
}
