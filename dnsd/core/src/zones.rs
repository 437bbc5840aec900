//! The zones of a server, and which of them a name belongs to.
//!
//! A `Zones` never changes. The daemon holds the current one where every thread can load it in one step, and swaps it for
//! another that shares all but what changed: the zones stand in blocks, so that replacing one of 10,000 copies one block
//! and the list of blocks, a few hundred counted references. Adding and removing zones makes a new index and is for
//! reloads of the configuration.

use std::sync::Arc;

use crate::name::{Name, NameRef};
use crate::name_index::NameIndex;
use crate::rrtype::Type;
use crate::search_name::SearchName;
use crate::zone::Zone;

/// Zones a block: about the square root of the 10,000 zones that a large server has, where block and list cost the same.
const BLOCK_ZONES: usize = 128;

/// What a server has of a zone that is its own.
#[derive(Debug, Clone)]
pub enum ZoneState {
    /// A version to answer from.
    Loaded(Arc<Zone>),
    /// Nothing: no version could be loaded, or a secondary's has expired. Questions get SERVFAIL.
    Failed,
    /// Nothing of our own: who may have recursion gets what other servers say.
    Forward,
}

/// A zone's place among the zones of a server: stable until zones are added or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneNumber(pub u32);

/// The zones of a server, by name.
#[derive(Clone)]
pub struct Zones {
    origins: Arc<Origins>,
    blocks: Arc<[Block]>,
}

type Block = Arc<[ZoneState]>;

/// The names of the zones and where they stand.
struct Origins {
    /// In canonical order.
    names: Box<[Name]>,
    index: NameIndex,
    /// Bit n is set when a zone's name has n labels: other tails needn't be looked up.
    label_counts: u128,
}

impl Zones {
    /// The set of these zones. Of two with the same name the later one counts.
    pub fn new(zones: impl IntoIterator<Item = (Name, ZoneState)>) -> Self {
        let mut zones: Vec<_> = zones.into_iter().collect();
        // Stable, so that of equal names the last given is the last of its run.
        zones.sort_by(|left, right| left.0.cmp(&right.0));
        zones.reverse();
        zones.dedup_by(|later, kept| later.0 == kept.0);
        zones.reverse();
        let (names, states): (Vec<Name>, Vec<ZoneState>) = zones.into_iter().unzip();
        let mut origins = Origins {
            index: NameIndex::with_capacity(names.len()),
            names: names.into(),
            label_counts: 0,
        };
        for (number, name) in origins.names.iter().enumerate() {
            let search = SearchName::new(name.as_name_ref());
            origins.index.insert(search.hash(0), number as u32);
            origins.label_counts |= 1 << search.label_count();
        }
        Self {
            origins: Arc::new(origins),
            blocks: states.chunks(BLOCK_ZONES).map(Arc::from).collect(),
        }
    }

    /// These zones with another state of one of them; `None` when it is none of them.
    pub fn replaced(&self, origin: NameRef<'_>, state: ZoneState) -> Option<Self> {
        let number = self.number(origin)?.0 as usize;
        let mut blocks: Vec<Block> = self.blocks.to_vec();
        let block = &mut blocks[number / BLOCK_ZONES];
        let mut states = block.to_vec();
        states[number % BLOCK_ZONES] = state;
        *block = states.into();
        Some(Self {
            origins: Arc::clone(&self.origins),
            blocks: blocks.into(),
        })
    }

    /// The number of the zone of exactly this name.
    pub fn number(&self, origin: NameRef<'_>) -> Option<ZoneNumber> {
        self.origins.probe(&SearchName::new(origin), 0)
    }

    /// The zone that a question of `qtype` about a name is answered from: the one with the longest name that the name is
    /// at or below (RFC 1034 §4.3.2 step 2). DS records stand in the parent, so for those a zone's own name belongs to
    /// the zone above it, if that one is here too (RFC 4035 §3.1.4.1).
    pub fn find(&self, name: &SearchName, qtype: Type) -> Option<(ZoneNumber, &ZoneState)> {
        self.nearest(name, qtype, |_| true)
    }

    /// The same, as if there were no forward zones: what is said of a name without asking other servers.
    pub fn find_own(&self, name: &SearchName, qtype: Type) -> Option<(ZoneNumber, &ZoneState)> {
        self.nearest(name, qtype, |state| !matches!(state, ZoneState::Forward))
    }

    fn nearest(
        &self,
        name: &SearchName,
        qtype: Type,
        counts: impl Fn(&ZoneState) -> bool,
    ) -> Option<(ZoneNumber, &ZoneState)> {
        let found = self.longest(name, 0, &counts)?;
        if qtype == Type::DS && self.origins.names[found.0.0 as usize].label_count() == name.label_count() {
            return self.longest(name, 1, &counts).or(Some(found));
        }
        Some(found)
    }

    /// The longest tail of `name`, at least `skipped` labels shorter, that is a zone.
    fn longest(
        &self,
        name: &SearchName,
        skipped: usize,
        counts: impl Fn(&ZoneState) -> bool,
    ) -> Option<(ZoneNumber, &ZoneState)> {
        (skipped..=name.label_count())
            .filter(|skipped| self.origins.label_counts >> (name.label_count() - skipped) & 1 == 1)
            .filter_map(|skipped| self.origins.probe(name, skipped))
            .filter_map(|number| Some((number, self.state(number)?)))
            .find(|(_, state)| counts(state))
    }

    /// The state of a zone; `None` for a number that isn't one of these zones'.
    pub fn state(&self, number: ZoneNumber) -> Option<&ZoneState> {
        let number = number.0 as usize;
        self.blocks.get(number / BLOCK_ZONES)?.get(number % BLOCK_ZONES)
    }

    /// The name of a zone.
    pub fn origin(&self, number: ZoneNumber) -> Option<&Name> {
        self.origins.names.get(number.0 as usize)
    }

    /// How many zones there are.
    pub fn len(&self) -> usize {
        self.origins.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.origins.names.is_empty()
    }

    /// All zones, in canonical order of their names: in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &ZoneState)> {
        self.origins
            .names
            .iter()
            .zip(self.blocks.iter().flat_map(|block| block.iter()))
    }
}

impl Origins {
    fn probe(&self, name: &SearchName, skipped: usize) -> Option<ZoneNumber> {
        let tail = name.tail(skipped);
        self.index
            .find(name.hash(skipped), |number| {
                let name = self.names[number as usize].as_wire();
                // Most names of zones are in lower case, as tails are.
                name == tail || name.eq_ignore_ascii_case(tail)
            })
            .map(ZoneNumber)
    }
}

impl Default for Zones {
    fn default() -> Self {
        Self::new([])
    }
}

impl std::fmt::Debug for Zones {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::tests::zone;

    fn zones(origins: &[&str]) -> Zones {
        Zones::new(
            origins
                .iter()
                .map(|origin| (origin.parse().unwrap(), ZoneState::Failed)),
        )
    }

    fn found(zones: &Zones, name: &str, qtype: Type) -> Option<String> {
        let name: Name = name.parse().unwrap();
        let (number, _) = zones.find(&SearchName::new(name.as_name_ref()), qtype)?;
        Some(zones.origin(number).unwrap().to_string())
    }

    #[test]
    fn rfc1034_4_3_2_the_longest_match_wins() {
        let zones = zones(&["example", "a.B.example", "net"]);
        for (name, origin) in [
            ("example", Some("example.")),
            ("www.EXAMPLE", Some("example.")),
            ("b.example", Some("example.")),
            ("x.y.a.b.example", Some("a.B.example.")),
            ("xa.b.example", Some("example.")),
            ("org", None),
            (".", None),
        ] {
            assert_eq!(found(&zones, name, Type::A).as_deref(), origin, "{name}");
        }
    }

    #[test]
    fn the_root_zone_matches_every_name() {
        let zones = zones(&[".", "example"]);
        assert_eq!(found(&zones, "org", Type::A).as_deref(), Some("."));
        assert_eq!(found(&zones, ".", Type::A).as_deref(), Some("."));
        assert_eq!(found(&zones, "a.example", Type::A).as_deref(), Some("example."));
    }

    #[test]
    fn rfc4035_3_1_4_1_ds_is_asked_of_the_parent_if_it_is_ours() {
        let zones = zones(&["example", "b.example", "net"]);
        assert_eq!(found(&zones, "b.example", Type::DS).as_deref(), Some("example."));
        assert_eq!(found(&zones, "a.b.example", Type::DS).as_deref(), Some("b.example."));
        assert_eq!(found(&zones, "net", Type::DS).as_deref(), Some("net."));
    }

    #[test]
    fn a_forward_zone_hides_the_zone_above_it_but_from_who_asks_for_our_own() {
        let forward: Name = "b.example".parse().unwrap();
        let zones = zones(&["example", "b.example"]).replaced(forward.as_name_ref(), ZoneState::Forward);
        let zones = zones.unwrap();
        let name: Name = "www.b.example".parse().unwrap();
        let search = SearchName::new(name.as_name_ref());
        let origin = |found: Option<(ZoneNumber, &ZoneState)>| zones.origin(found.unwrap().0).unwrap().to_string();
        assert_eq!(origin(zones.find(&search, Type::A)), "b.example.");
        assert_eq!(origin(zones.find_own(&search, Type::A)), "example.");
    }

    #[test]
    fn one_of_many_zones_is_replaced_and_the_others_are_shared() {
        let origins: Vec<String> = (0..300).map(|n| format!("z{n}")).collect();
        let old = Zones::new(
            origins
                .iter()
                .map(|origin| (origin.parse().unwrap(), ZoneState::Failed)),
        );
        let zone = zone("z7", "@ SOA n h 1 2 3 4 5\n@ NS n.example.");
        let origin: Name = "Z7".parse().unwrap();
        let new = old
            .replaced(origin.as_name_ref(), ZoneState::Loaded(Arc::new(zone)))
            .unwrap();
        let loaded = |zones: &Zones| {
            zones
                .iter()
                .filter(|(_, state)| matches!(state, ZoneState::Loaded(_)))
                .count()
        };
        assert_eq!((old.len(), loaded(&old), loaded(&new)), (300, 0, 1));
        let number = new.number(origin.as_name_ref()).unwrap();
        assert!(matches!(new.state(number), Some(ZoneState::Loaded(_))));
        let shared = old
            .blocks
            .iter()
            .zip(new.blocks.iter())
            .filter(|(left, right)| Arc::ptr_eq(left, right))
            .count();
        assert_eq!(shared, old.blocks.len() - 1);
        let stranger: Name = "other".parse().unwrap();
        assert!(old.replaced(stranger.as_name_ref(), ZoneState::Failed).is_none());
    }

    #[test]
    fn of_two_zones_with_one_name_the_later_counts() {
        let zone = Arc::new(zone("a", "@ SOA n h 1 2 3 4 5\n@ NS n.example."));
        let name = |text: &str| text.parse::<Name>().unwrap();
        let zones = Zones::new([(name("a"), ZoneState::Failed), (name("A"), ZoneState::Loaded(zone))]);
        assert_eq!(zones.len(), 1);
        assert!(matches!(zones.state(ZoneNumber(0)), Some(ZoneState::Loaded(_))));
    }
}
