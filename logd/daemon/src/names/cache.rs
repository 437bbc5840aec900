//! What is known of addresses: a bounded number of lookups, of which those are forgotten that nobody has asked for lately.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::Lookup;

/// Addresses that are remembered: those of the largest site that sends to one server, at some hundred bytes each. Spoofed ones push
/// out no sender that goes on sending.
const ADDRESSES_MAX: usize = 65_536;

/// The lookups, over and under way. When one half is full it is the older one, and what nobody asks for until the next change is
/// forgotten.
#[derive(Default)]
pub(super) struct Cache {
    newer: HashMap<IpAddr, Entry>,
    older: HashMap<IpAddr, Entry>,
}

struct Entry {
    /// What is used.
    lookup: Arc<Lookup>,
    /// For how long it is good; `None`: a lookup is under way, this one or one that will take its place.
    good_until: Option<Instant>,
}

/// What there is.
pub(super) enum Found {
    /// This, and nothing is to be done.
    Good(Arc<Lookup>),
    /// This, for as long as the new one is under way, which the caller starts.
    Old { lookup: Arc<Lookup>, new: Arc<Lookup> },
    /// Nothing: the caller starts this one.
    New(Arc<Lookup>),
}

impl Cache {
    pub(super) fn find(&mut self, address: IpAddr, now: Instant) -> Found {
        if let Some(entry) = self.entry(address) {
            let lookup = entry.lookup.clone();
            return match entry.good_until {
                Some(until) if until <= now => {
                    entry.good_until = None;
                    Found::Old {
                        lookup,
                        new: Lookup::new(now),
                    }
                }
                _ => Found::Good(lookup),
            };
        }
        let lookup = Lookup::new(now);
        self.insert(
            address,
            Entry {
                lookup: lookup.clone(),
                good_until: None,
            },
        );
        Found::New(lookup)
    }

    /// Takes up a lookup that is over. One that has failed does not take the place of a name.
    pub(super) fn settle(&mut self, address: IpAddr, lookup: &Arc<Lookup>, good_until: Instant, has_failed: bool) {
        let Some(entry) = self.entry(address) else { return };
        entry.good_until = Some(good_until);
        if !(has_failed && entry.lookup.name().is_some()) {
            entry.lookup = lookup.clone();
        }
    }

    /// Forgets an address, so that it is looked up when it is asked for again.
    pub(super) fn forget(&mut self, address: IpAddr) {
        self.newer.remove(&address);
        self.older.remove(&address);
    }

    /// The entry of an address, which is among the newer ones from now on.
    fn entry(&mut self, address: IpAddr) -> Option<&mut Entry> {
        if let Some(entry) = self.older.remove(&address) {
            self.insert(address, entry);
        }
        self.newer.get_mut(&address)
    }

    fn insert(&mut self, address: IpAddr, entry: Entry) {
        if self.newer.len() >= ADDRESSES_MAX / 2 {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(address, entry);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    fn new(found: Found) -> Arc<Lookup> {
        match found {
            Found::New(lookup) => lookup,
            Found::Good(_) | Found::Old { .. } => panic!("it is known"),
        }
    }

    fn good(found: Found) -> Arc<Lookup> {
        match found {
            Found::Good(lookup) => lookup,
            Found::New(_) | Found::Old { .. } => panic!("it is to be looked up"),
        }
    }

    #[test]
    fn an_address_is_looked_up_once_until_its_time_is_over() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        let lookup = new(cache.find(address(1), now));
        assert!(Arc::ptr_eq(&good(cache.find(address(1), now)), &lookup));
        lookup.settle(Some("web1".into()));
        let until = now + Duration::from_secs(60);
        cache.settle(address(1), &lookup, until, false);
        assert_eq!(good(cache.find(address(1), now)).name(), Some("web1"));
        let Found::Old { lookup: old, new } = cache.find(address(1), until) else {
            panic!("its time is over");
        };
        // Until the new answer is there.
        assert_eq!(old.name(), Some("web1"));
        assert_eq!(good(cache.find(address(1), until)).name(), Some("web1"));
        new.settle(Some("web2".into()));
        cache.settle(address(1), &new, until + Duration::from_secs(60), false);
        assert_eq!(good(cache.find(address(1), until)).name(), Some("web2"));
    }

    #[test]
    fn a_resolver_that_fails_takes_no_name_away() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        let lookup = new(cache.find(address(1), now));
        lookup.settle(Some("web1".into()));
        cache.settle(address(1), &lookup, now, false);
        let Found::Old { new, .. } = cache.find(address(1), now) else {
            panic!("its time is over");
        };
        new.settle(None);
        let later = now + Duration::from_secs(60);
        cache.settle(address(1), &new, later, true);
        assert_eq!(good(cache.find(address(1), now)).name(), Some("web1"));
        assert!(
            matches!(cache.find(address(1), later), Found::Old { .. }),
            "it is tried again"
        );
    }

    #[test]
    fn addresses_that_come_once_push_out_none_that_goes_on() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        let steady = new(cache.find(address(0), now));
        for number in 1..=3 * ADDRESSES_MAX as u32 {
            new(cache.find(address(number), now));
            if number % 1000 == 0 {
                assert!(Arc::ptr_eq(&good(cache.find(address(0), now)), &steady));
            }
            assert!(cache.newer.len() + cache.older.len() <= ADDRESSES_MAX);
        }
        new(cache.find(address(1), now));
    }
}
