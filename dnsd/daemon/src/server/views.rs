//! Which zones a client sees: those of the first view that it matches.
//!
//! The keeper of the zones publishes them ([`Shared::set_views`](super::Shared::set_views)) with what else requests are
//! decided by: the rules of each zone, its kind, and the steps between its versions. Most servers have no views. Then
//! there is one that everybody has, and it is found without a look at the client.

use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use dnsd_core::acl::{Acl, LocalNetworks, Who};
use dnsd_core::message::Rcode;
use dnsd_core::serial::Serial;
use dnsd_core::transfer::Delta;
use dnsd_core::zones::{ZoneNumber, ZoneState, Zones};

use super::zone_statistics::ZoneStatistics;
use crate::config::{ForwardZone, Rules};
use crate::zones::key::{ViewName, ZoneKey};

/// The views in the order in which they are tried, and last the zones outside of them, which everybody sees who has no view.
#[derive(Debug, Clone)]
pub(crate) struct Views(Arc<Ordered>);

#[derive(Debug)]
struct Ordered {
    named: Box<[View]>,
    outside: View,
}

/// Zones that are seen together.
#[derive(Debug, Clone)]
pub(crate) struct View {
    name: Option<ViewName>,
    match_clients: Arc<Acl>,
    zones: Zones,
    infos: Arc<[Arc<ZoneInfo>]>,
    /// Whether none of the zones has a rule on who is answered, as is the rule itself.
    answers_everybody: bool,
    /// Whether any of the zones has its questions counted.
    counts_questions: bool,
}

/// What is known of a zone beside its records. It stays the same from version to version.
#[derive(Debug)]
pub(crate) struct ZoneInfo {
    /// Which zone.
    pub(crate) key: ZoneKey,
    /// Who may do what.
    pub(crate) rules: Arc<Rules>,
    /// Where its records come from.
    pub(crate) kind: Kind,
    /// The steps to its newest version.
    pub(crate) history: ArcSwap<History>,
    /// What was asked of it, if that is counted.
    pub(crate) statistics: Option<Arc<ZoneStatistics>>,
}

/// Where the records of a zone come from.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// From here: a file, updates, or a catalog that is made of other zones.
    Primary,
    /// From other servers.
    Secondary,
    /// It has none: other servers are asked.
    Forward(Arc<ForwardZone>),
}

/// What lies between versions of a zone, the oldest step first. It never changes; one with further steps shares with it all but the
/// last block and the list of the blocks: an update of a zone with a hundred thousand steps doesn't copy them.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    /// All but the last one are full.
    blocks: Vec<Arc<[Arc<Delta>]>>,
}

/// Steps of a block of a history: about the square root of the steps of a zone that is updated all day.
const BLOCK_STEPS: usize = 256;

impl Views {
    /// The named views in the order in which they are tried, and the zones outside of them, which are for everybody else.
    pub(crate) fn new(named: impl IntoIterator<Item = View>, outside: View) -> Self {
        Self(Arc::new(Ordered {
            named: named.into_iter().collect(),
            outside,
        }))
    }

    /// The view of a client.
    pub(crate) fn of<'w>(&self, who: impl FnOnce() -> Who<'w>, local: &LocalNetworks) -> &View {
        let Ordered { named, outside } = &*self.0;
        if named.is_empty() {
            return outside;
        }
        let who = who();
        let matching = named.iter().find(|view| view.match_clients.allows(&who, local));
        matching.unwrap_or(outside)
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &View> {
        self.0.named.iter().chain([&self.0.outside])
    }

    /// The zones outside the views.
    pub(crate) fn outside(&self) -> &View {
        &self.0.outside
    }

    /// What is served of a zone; `None` when there is no such zone.
    pub(crate) fn zone(&self, key: &ZoneKey) -> Option<&ZoneState> {
        self.iter().find_map(|view| {
            let number = view.zones.number(key.name.as_name_ref())?;
            view.zones
                .state(number)
                .filter(|_| view.info(number).is_some_and(|info| info.key == *key))
        })
    }
}

/// No zones.
impl Default for Views {
    fn default() -> Self {
        Self::new([], View::outside(Zones::default(), Arc::new([])))
    }
}

impl View {
    /// `infos` are those of the zones, by their numbers.
    pub(crate) fn new(
        name: Option<ViewName>,
        match_clients: Arc<Acl>,
        zones: Zones,
        infos: Arc<[Arc<ZoneInfo>]>,
    ) -> Self {
        let is_open = |info: &Arc<ZoneInfo>| info.rules.allow_query.always() == Some(true);
        Self {
            answers_everybody: infos.iter().all(is_open),
            counts_questions: infos.iter().any(|info| info.statistics.is_some()),
            name,
            match_clients,
            zones,
            infos,
        }
    }

    /// The zones outside the views.
    pub(crate) fn outside(zones: Zones, infos: Arc<[Arc<ZoneInfo>]>) -> Self {
        Self::new(None, Arc::new(Acl::any()), zones, infos)
    }

    /// The same view with other versions of the same zones.
    pub(crate) fn with_zones(&self, zones: Zones) -> Self {
        Self { zones, ..self.clone() }
    }

    /// Its name; `None`: the zones outside the views.
    pub(crate) fn name(&self) -> Option<&ViewName> {
        self.name.as_ref()
    }

    /// Whom it is for.
    pub(crate) fn match_clients(&self) -> &Acl {
        &self.match_clients
    }

    /// Its zones, and of a view that is not strict also those outside the views.
    pub(crate) fn zones(&self) -> &Zones {
        &self.zones
    }

    /// What is known of each zone, in the order of their numbers.
    pub(crate) fn infos(&self) -> impl Iterator<Item = &Arc<ZoneInfo>> {
        self.infos.iter()
    }

    /// What is known of a zone.
    pub(crate) fn info(&self, number: ZoneNumber) -> Option<&Arc<ZoneInfo>> {
        self.infos.get(number.0 as usize)
    }

    /// Counts a reply by the zone that it is from, where that is wanted.
    pub(crate) fn count(&self, zone: Option<ZoneNumber>, rcode: Rcode) {
        if !self.counts_questions {
            return;
        }
        let info = zone.and_then(|number| self.info(number));
        if let Some(statistics) = info.and_then(|info| info.statistics.as_ref()) {
            statistics.count(rcode);
        }
    }

    /// Whether a client may see what a zone says. Who asks for names of no zone sees nothing of any.
    pub(crate) fn allows_query<'w>(
        &self,
        zone: Option<ZoneNumber>,
        who: impl FnOnce() -> Who<'w>,
        local: &LocalNetworks,
    ) -> bool {
        if self.answers_everybody {
            return true;
        }
        let info = zone.and_then(|number| self.info(number));
        info.is_none_or(|info| info.rules.allow_query.allows(&who(), local))
    }
}

impl Kind {
    /// Whether its records are made here.
    pub(crate) fn is_primary(&self) -> bool {
        matches!(self, Self::Primary)
    }
}

impl ZoneInfo {
    /// Of a zone without a past.
    pub(crate) fn new(key: ZoneKey, rules: Arc<Rules>, kind: Kind) -> Self {
        /// What all of these have in common.
        static WITHOUT_PAST: LazyLock<Arc<History>> = LazyLock::new(Arc::default);
        Self {
            statistics: rules.zone_statistics.then(Arc::default),
            key,
            rules,
            kind,
            history: ArcSwap::new(WITHOUT_PAST.clone()),
        }
    }

    /// The same zone by another configuration: its past, and what was counted, are those of before.
    pub(crate) fn following(self, former: &Self) -> Self {
        self.history.store(former.history.load_full());
        let statistics = self.statistics.map(|new| former.statistics.clone().unwrap_or(new));
        Self { statistics, ..self }
    }
}

impl History {
    /// Steps that follow each other, the oldest first.
    pub(crate) fn new(steps: impl IntoIterator<Item = Arc<Delta>>) -> Self {
        let steps: Vec<Arc<Delta>> = steps.into_iter().collect();
        Self::default().followed_by(&steps)
    }

    /// The same with the steps that follow.
    pub(crate) fn followed_by(&self, steps: &[Arc<Delta>]) -> Self {
        let mut blocks = self.blocks.clone();
        let mut last = match blocks.pop_if(|last| last.len() < BLOCK_STEPS) {
            Some(last) => last.to_vec(),
            None => Vec::new(),
        };
        last.extend_from_slice(steps);
        blocks.extend(last.chunks(BLOCK_STEPS).map(Arc::from));
        Self { blocks }
    }

    /// The version that the last step leads to.
    pub(crate) fn newest(&self) -> Option<Serial> {
        Some(self.blocks.last()?.last()?.to())
    }

    /// Those of any size.
    #[cfg(test)]
    pub(crate) fn since(&self, from: Serial, to: Serial) -> Option<Vec<Arc<Delta>>> {
        self.since_within(from, to, usize::MAX)
    }

    /// The steps from one version to another, which need not be the newest; `None` when there are none that lead there, or when it
    /// is more than so many octets from there to the newest version: what it costs to look doesn't grow with the history. A serial
    /// that was used twice counts from its last use on.
    pub(crate) fn since_within(&self, from: Serial, to: Serial, octets_max: usize) -> Option<Vec<Arc<Delta>>> {
        let mut octets = 0;
        let (mut behind, mut is_there) = (0, false);
        for (place, step) in self.newest_first().enumerate() {
            octets += step.encoded_bytes();
            if octets > octets_max {
                return None;
            }
            if step.to() == to && !is_there {
                (behind, is_there) = (place, true);
            }
            if is_there && step.from() == from {
                let mut steps: Vec<_> = self.newest_first().take(place + 1).skip(behind).cloned().collect();
                steps.reverse();
                return Some(steps);
            }
        }
        None
    }

    fn newest_first(&self) -> impl Iterator<Item = &Arc<Delta>> {
        self.blocks.iter().rev().flat_map(|block| block.iter().rev())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zones::test_zone::zone;
    use dnsd_core::acl::{Entry, Subject};

    fn view(name: Option<&str>, network: &str) -> View {
        let entry = Entry {
            excludes: false,
            subject: Subject::Network(network.parse().unwrap()),
        };
        let acl = Arc::new(Acl::new(vec![entry]));
        View::new(name.map(ViewName::from), acl, Zones::default(), Arc::new([]))
    }

    fn of(views: &Views, address: &str) -> Option<ViewName> {
        let who = || Who::new(address.parse().unwrap(), None);
        views.of(who, &LocalNetworks::default()).name().cloned()
    }

    #[test]
    fn a_client_has_the_first_view_that_it_matches_or_none() {
        let named = [view(Some("one"), "192.0.2.0/28"), view(Some("two"), "192.0.2.0/24")];
        let views = Views::new(named, View::outside(Zones::default(), Arc::new([])));
        assert_eq!(of(&views, "192.0.2.1").as_deref(), Some("one"));
        assert_eq!(of(&views, "::ffff:192.0.2.16").as_deref(), Some("two"));
        assert_eq!(of(&views, "198.51.100.1"), None);
        assert_eq!(of(&Views::default(), "192.0.2.1"), None);
    }

    #[test]
    fn a_history_gives_the_steps_between_two_of_its_versions() {
        let version = |serial: u32| zone("example", &format!("@ SOA n h {serial} 1 1 1 1\n@ NS n.other.\n"));
        let step = |from, to| Arc::new(Delta::between(&version(from), &version(to)));
        let history = History::new([step(1, 2), step(2, 3), step(3, 5)]);
        let serials = |from, to| {
            let steps = history.since(Serial(from), Serial(to))?;
            Some(steps.iter().map(|step| step.to().0).collect::<Vec<_>>())
        };
        assert_eq!(serials(1, 5), Some(vec![2, 3, 5]));
        assert_eq!(serials(2, 3), Some(vec![3]));
        let octets: usize = history.newest_first().take(2).map(|step| step.encoded_bytes()).sum();
        assert!(history.since_within(Serial(2), Serial(5), octets).is_some());
        assert!(history.since_within(Serial(2), Serial(5), octets - 1).is_none());
        assert_eq!((serials(4, 5), serials(1, 4), serials(5, 1)), (None, None, None));
    }

    #[test]
    fn a_longer_history_shares_what_is_in_front() {
        let version = |serial: u32| zone("example", &format!("@ SOA n h {serial} 1 1 1 1\n@ NS n.other.\n"));
        let step = |from: u32| Arc::new(Delta::between(&version(from), &version(from + 1)));
        let steps: Vec<_> = (0..3 * BLOCK_STEPS as u32).map(step).collect();
        let (first, rest) = steps.split_at(BLOCK_STEPS + 10);
        let history = History::new(first.iter().cloned());
        let mut longer = history.clone();
        for steps in rest.chunks(7) {
            longer = longer.followed_by(steps);
        }
        assert!(Arc::ptr_eq(&longer.blocks[0], &history.blocks[0]));
        assert_eq!(longer.blocks.len(), 3);
        let (oldest, newest) = (Serial(0), Serial(3 * BLOCK_STEPS as u32));
        assert_eq!((history.since(oldest, newest), longer.newest()), (None, Some(newest)));
        let all = longer.since(oldest, newest).unwrap();
        assert!(all.iter().zip(&steps).all(|(left, right)| Arc::ptr_eq(left, right)));
        assert_eq!(all.len(), steps.len());
    }
}
