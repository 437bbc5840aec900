//! What is known of addresses: a bounded number of lookups, of which those are forgotten that nobody has asked for lately.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::{Lookup, OLD_MOST};

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
    in_use: Arc<Lookup>,
    standing: Standing,
}

enum Standing {
    GoodUntil(Instant),
    /// This one is under way: the one that is used, or one that will take its place.
    UnderWay(Arc<Lookup>),
}

/// What is known of an address.
pub(super) struct Known {
    pub(super) in_use: Arc<Lookup>,
    /// The same, or the one that is under way to take its place.
    pub(super) newest: Arc<Lookup>,
}

impl Known {
    pub(super) fn only(lookup: Arc<Lookup>) -> Self {
        Self {
            in_use: lookup.clone(),
            newest: lookup,
        }
    }
}

/// What there is.
pub(super) enum Found {
    /// This, and nothing is to be done.
    Known(Known),
    /// This, whose time has just ended: the caller starts the newest one.
    Old(Known),
    /// Nothing that is to be used: the caller starts this one.
    New(Arc<Lookup>),
}

impl Cache {
    pub(super) fn find(&mut self, address: IpAddr, now: Instant) -> Found {
        if let Some(entry) = self.entry(address) {
            let in_use = entry.in_use.clone();
            match &entry.standing {
                Standing::UnderWay(newest) => {
                    let newest = newest.clone();
                    return Found::Known(Known { in_use, newest });
                }
                Standing::GoodUntil(until) if now < *until => return Found::Known(Known::only(in_use)),
                Standing::GoodUntil(until) if now < *until + OLD_MOST => {
                    let newest = Lookup::new(now);
                    entry.standing = Standing::UnderWay(newest.clone());
                    return Found::Old(Known { in_use, newest });
                }
                Standing::GoodUntil(_) => {}
            }
        }
        let lookup = Lookup::new(now);
        let entry = Entry {
            in_use: lookup.clone(),
            standing: Standing::UnderWay(lookup.clone()),
        };
        self.insert(address, entry);
        Found::New(lookup)
    }

    /// Takes up a lookup that is over.
    pub(super) fn settle(&mut self, address: IpAddr, lookup: &Arc<Lookup>, good_until: Instant) {
        let Some(entry) = self.entry(address) else { return };
        entry.in_use = lookup.clone();
        entry.standing = Standing::GoodUntil(good_until);
    }

    /// Forgets an address, so that it is looked up when it is asked for again.
    pub(super) fn forget(&mut self, address: IpAddr) {
        self.newer.remove(&address);
        self.older.remove(&address);
    }

    /// Ends the time of what is known of an address.
    #[cfg(test)]
    pub(super) fn expire(&mut self, address: IpAddr, at: Instant) {
        self.entry(address).unwrap().standing = Standing::GoodUntil(at);
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
            Found::Known(_) | Found::Old(_) => panic!("it is known"),
        }
    }

    fn known(found: Found) -> Known {
        match found {
            Found::Known(known) => known,
            Found::New(_) | Found::Old(_) => panic!("it is to be looked up"),
        }
    }

    /// A cache that knows a name, which is good until then.
    fn that_knows(name: &str, good_until: Instant) -> Cache {
        let mut cache = Cache::default();
        let lookup = new(cache.find(address(1), good_until));
        lookup.settle(Some(name.into()));
        cache.settle(address(1), &lookup, good_until);
        cache
    }

    #[test]
    fn an_address_is_looked_up_once_until_its_time_is_over() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        let lookup = new(cache.find(address(1), now));
        assert!(Arc::ptr_eq(&known(cache.find(address(1), now)).newest, &lookup));
        lookup.settle(Some("web1".into()));
        let until = now + Duration::from_secs(60);
        cache.settle(address(1), &lookup, until);
        assert_eq!(known(cache.find(address(1), now)).newest.name(), Some("web1"));
        let Found::Old(old) = cache.find(address(1), until) else {
            panic!("its time is over");
        };
        // Until the new answer is there; who has to have that one can wait for it.
        assert_eq!(old.in_use.name(), Some("web1"));
        let found = known(cache.find(address(1), until));
        assert_eq!(found.in_use.name(), Some("web1"));
        assert!(Arc::ptr_eq(&found.newest, &old.newest) && found.newest.is_waited_for());
        old.newest.settle(Some("web2".into()));
        cache.settle(address(1), &old.newest, until + Duration::from_secs(60));
        assert_eq!(known(cache.find(address(1), until)).in_use.name(), Some("web2"));
    }

    #[test]
    fn what_nobody_has_asked_for_in_long_is_not_used_again() {
        let until = Instant::now();
        let mut cache = that_knows("web1", until);
        let new = new(cache.find(address(1), until + OLD_MOST));
        assert_eq!(new.name(), None);
        assert!(Arc::ptr_eq(
            &known(cache.find(address(1), until + OLD_MOST)).in_use,
            &new
        ));
    }

    #[test]
    fn addresses_that_come_once_push_out_none_that_goes_on() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        let steady = new(cache.find(address(0), now));
        for number in 1..=3 * ADDRESSES_MAX as u32 {
            new(cache.find(address(number), now));
            if number % 1000 == 0 {
                assert!(Arc::ptr_eq(&known(cache.find(address(0), now)).in_use, &steady));
            }
            assert!(cache.newer.len() + cache.older.len() <= ADDRESSES_MAX);
        }
        new(cache.find(address(1), now));
    }
}
