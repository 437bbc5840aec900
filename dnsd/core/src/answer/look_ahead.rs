//! A look at all requests of a batch before the first of them is answered, so that what their answers stand on has come
//! from memory by then.
//!
//! In a large zone a name is somewhere, and neither its slot of the index nor its node is in the processor's cache. One
//! query after the other, each of the two is waited for; that takes longer than all the rest of an answer. Here the
//! loads of a whole batch follow each other with nothing between them that would depend on what they bring, and the
//! processor waits for all of them at once.
//!
//! It changes nothing but how long the answers take: whoever leaves it out gets the same ones.

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

/// What is known of one request.
#[derive(Clone, Copy)]
struct Ahead<'z> {
    zone: &'z Zone,
    /// Of the name that is asked for, and of the one a label shorter: a wildcard or a zone cut, where the name isn't there.
    hashes: [u32; 2],
}

/// Fetches what requests to these zones will need. To be called with two or more: for one alone nothing is gained.
pub fn look_ahead<'m>(zones: &Zones, requests: impl Iterator<Item = &'m [u8]>) {
    let mut all = [None; REQUESTS_MAX];
    let mut search = SearchName::empty();
    for (place, request) in all.iter_mut().zip(requests) {
        *place = ahead(zones, request, &mut search);
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

/// Where a request's name is; `None` for what isn't a question about a zone's name.
fn ahead<'z>(zones: &'z Zones, request: &[u8], search: &mut SearchName) -> Option<Ahead<'z>> {
    let name = NameRef::prefix_of(request.get(HEADER_BYTES..)?).ok()?;
    search.set(name);
    match zones.find(search, Type::A)? {
        (_, ZoneState::Loaded(zone)) => Some(Ahead {
            zone,
            hashes: [search.hash(0), search.hash(1)],
        }),
        (_, ZoneState::Failed | ZoneState::Forward) => None,
    }
}
