//! A look at all requests of a batch before the first of them is answered, so that what their answers stand on has come
//! from memory by then.
//!
//! In a large zone a name is somewhere, and neither its slot of the index nor its node is in the processor's cache. One
//! query after the other, each of the two is waited for; that takes longer than all the rest of an answer. Here the
//! loads of a whole batch follow each other with nothing between them that would depend on what they bring, and the
//! processor waits for all of them at once.
//!
//! The names of the batch are made ready to be looked up on the way, and are not made ready again for the answers.
//!
//! It changes nothing but how long the answers take: whoever leaves it out gets the same ones.

use std::array;
use std::hint::black_box;

use crate::message::HEADER_BYTES;
use crate::name::NameRef;
use crate::rrtype::Type;
use crate::search_name::SearchName;
use crate::zone::Zone;
use crate::zones::{ZoneState, Zones};

/// Requests that are looked at together; those behind them are left for their answers to find. What is fetched for so
/// many, a few hundred octets each, stays in the smallest cache of any processor until it is used.
const REQUESTS_MAX: usize = 32;

/// What a batch of requests asks for. It is kept from batch to batch, as its room need not be made anew.
pub struct LookAhead {
    names: Box<[SearchName; REQUESTS_MAX]>,
    /// Of which requests, by their place in the batch, the name is among them.
    is_ready: [bool; REQUESTS_MAX],
}

/// Where the name of a request is.
#[derive(Clone, Copy)]
struct Place<'z> {
    zone: &'z Zone,
    /// Of the name that is asked for, and of the one a label shorter: a wildcard or a zone cut, where the name isn't there.
    hashes: [u32; 2],
}

impl LookAhead {
    /// No batch yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            names: Box::new(array::from_fn(|_| SearchName::empty())),
            is_ready: [false; REQUESTS_MAX],
        }
    }

    /// Forgets the batch before this one.
    pub fn clear(&mut self) {
        self.is_ready = [false; REQUESTS_MAX];
    }

    /// Fetches what requests to these zones will need, in place of those before. To be called with two or more: for one alone
    /// nothing is gained.
    pub fn look<'m>(&mut self, zones: &Zones, requests: impl Iterator<Item = &'m [u8]>) {
        self.clear();
        let mut all = [None; REQUESTS_MAX];
        let ready = self.names.iter_mut().zip(&mut self.is_ready);
        for ((place, (name, is_ready)), request) in all.iter_mut().zip(ready).zip(requests) {
            *is_ready = read_name(request, name);
            if *is_ready {
                *place = place_of(zones, name);
            }
        }
        let all = || all.iter().flatten();
        let mut fetched = 0;
        for ahead in all() {
            for hash in ahead.hashes {
                fetched ^= ahead.zone.fetch_index(hash);
            }
        }
        // By a loop of its own: which slot it is depends on what the slots hold.
        let mut places = [None; REQUESTS_MAX];
        for (place, ahead) in places.iter_mut().zip(all()) {
            *place = ahead.hashes.into_iter().find_map(|hash| ahead.zone.place_by_hash(hash));
        }
        for (place, ahead) in places.into_iter().zip(all()) {
            if let Some(place) = place {
                fetched ^= ahead.zone.fetch_node(place);
            }
        }
        // Somebody has to want it, or the compiler leaves the loads out.
        black_box(fetched);
    }

    /// The name that the request at this place of the batch asks for, if it was looked at.
    #[must_use]
    pub fn name(&self, place: usize) -> Option<&SearchName> {
        self.is_ready.get(place)?.then(|| &self.names[place])
    }
}

impl Default for LookAhead {
    fn default() -> Self {
        Self::new()
    }
}

/// The name that a request asks for first; `false` for what begins otherwise.
fn read_name(request: &[u8], into: &mut SearchName) -> bool {
    let question = request.get(HEADER_BYTES..);
    let Some(Ok(name)) = question.map(NameRef::prefix_of) else {
        return false;
    };
    into.set(name);
    true
}

/// `None` for what isn't a question about a zone's name.
fn place_of<'z>(zones: &'z Zones, name: &SearchName) -> Option<Place<'z>> {
    match zones.find(name, Type::A)? {
        (_, ZoneState::Loaded(zone)) => Some(Place {
            zone,
            hashes: [name.hash(0), name.hash(1)],
        }),
        (_, ZoneState::Failed | ZoneState::Forward) => None,
    }
}
