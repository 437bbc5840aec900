use ballast_shared::plugin::host::WireHost;
use proptest::prelude::*;

use super::*;

fn host(id: u8, name: u8) -> Host {
    let wire = WireHost {
        id: format!("i-{id}"),
        name: Some(format!("name-{name}")),
        ..WireHost::default()
    };
    Host::try_from(wire).unwrap()
}

fn listing(hosts: &[(u8, u8)]) -> Listing {
    Listing::new(hosts.iter().map(|&(id, name)| host(id, name)))
}

/// What a watcher has.
#[derive(Debug, Default)]
struct Watcher {
    version: Option<(String, u64)>,
    hosts: BTreeMap<Arc<str>, Arc<Host>>,
}

impl Watcher {
    fn follow(&mut self, inventory: &Inventory) {
        let version = self.version.as_ref().map(|(epoch, seq)| (epoch.as_str(), *seq));
        match inventory.since(version) {
            None | Some(Start::UpToDate) => return,
            Some(Start::Deltas(deltas)) => {
                for delta in deltas {
                    for id in &delta.gone {
                        assert!(self.hosts.remove(id).is_some(), "{id} goes once");
                    }
                    let changed = delta.changed.iter().map(|host| (host.id.clone(), host.clone()));
                    self.hosts.extend(changed);
                }
            }
            Some(Start::Snapshot { hosts, gone, .. }) => {
                self.hosts = hosts.into_iter().map(|host| (host.id.clone(), host)).collect();
                assert!(gone.iter().all(|id| !self.hosts.contains_key(id)));
            }
        }
        self.version = Some((inventory.epoch().to_owned(), inventory.seq()));
    }
}

#[test]
fn nothing_is_told_before_every_provider_has_listed() {
    let mut inventory = Inventory::new("e".into(), 2);
    assert_eq!(inventory.take(0, listing(&[(1, 1)])), None);
    assert_eq!(inventory.since(None), None);
    let delta = inventory.take(1, listing(&[(2, 2)])).unwrap();
    assert_eq!((delta.seq, delta.changed.len()), (1, 2));
}

#[test]
fn an_empty_inventory_is_an_inventory() {
    let mut inventory = Inventory::new("e".into(), 1);
    assert!(inventory.take(0, Listing::default()).is_some());
    assert_eq!(inventory.take(0, Listing::default()), None);
    let Some(Start::Snapshot { seq: 1, hosts, .. }) = inventory.since(None) else {
        panic!()
    };
    assert!(hosts.is_empty());
}

#[test]
fn the_first_provider_that_has_a_host_says_what_it_is() {
    let mut inventory = Inventory::new("e".into(), 2);
    inventory.take(0, listing(&[(1, 1)]));
    inventory.take(1, listing(&[(1, 2), (2, 2)]));
    let hosts: Vec<Host> = inventory.hosts().map(|host| (**host).clone()).collect();
    assert_eq!(hosts, [host(1, 1), host(2, 2)]);
    let clash = Clash {
        id: "i-1".into(),
        taken: 0,
        left: 1,
    };
    assert_eq!(inventory.clashes(), [clash]);
    // When the first lets go of it, it is as the second has it.
    let delta = inventory.take(0, Listing::default()).unwrap();
    assert_eq!(*delta.changed[0], host(1, 2));
    assert!(delta.gone.is_empty());
}

#[test]
fn an_event_between_two_listings_is_a_delta_of_its_own() {
    let mut inventory = Inventory::new("e".into(), 1);
    assert_eq!(inventory.amend(0, vec![host(1, 1)], &[]), None, "nothing was listed");
    inventory.take(0, listing(&[(1, 1), (2, 2)]));
    let delta = inventory.amend(0, vec![host(3, 3)], &["i-1".into()]).unwrap();
    assert_eq!((delta.changed.len(), &delta.gone[..]), (1, &["i-1".into()][..]));
    assert_eq!(inventory.take(0, listing(&[(2, 2), (3, 3)])), None);
}

#[test]
fn a_provider_keeps_its_hosts_when_others_come_and_go() {
    let mut inventory = Inventory::new("e".into(), 2);
    inventory.take(0, listing(&[(1, 1)]));
    inventory.take(1, listing(&[(2, 2)]));
    let delta = inventory.rearrange(&[Some(1)]).unwrap();
    assert_eq!((delta.changed.len(), &delta.gone[..]), (0, &["i-1".into()][..]));
    // A new one may have any hosts: until it has listed them nothing changes.
    assert_eq!(inventory.rearrange(&[None, Some(0)]), None);
    assert!(!inventory.is_complete());
    assert_eq!(inventory.hosts().len(), 1);
    assert!(inventory.take(0, listing(&[(3, 3)])).is_some());
}

#[test]
fn who_was_away_too_long_begins_anew() {
    let mut inventory = Inventory::new("e".into(), 1);
    inventory.take(0, Listing::default());
    let start = |inventory: &Inventory| inventory.since(Some(("e", 1)));
    for round in 0..HISTORY_HOSTS_MAX as u64 {
        inventory.take(0, listing(&[((round % 2) as u8, 0)]));
        if round == 1 {
            assert!(matches!(start(&inventory), Some(Start::Deltas(deltas)) if deltas.len() == 2));
        }
    }
    assert!(matches!(start(&inventory), Some(Start::Snapshot { .. })));
    assert!(inventory.history_hosts <= HISTORY_HOSTS_MAX);
    let another = inventory.since(Some(("f", inventory.seq())));
    assert!(matches!(another, Some(Start::Snapshot { .. })));
    let future = inventory.since(Some(("e", inventory.seq() + 1)));
    assert!(matches!(future, Some(Start::Snapshot { .. })));
}

proptest! {
    #[test]
    fn a_watcher_has_what_the_inventory_has_whenever_it_looks(
        steps in prop::collection::vec(
            (0..2_usize, prop::collection::vec((0..12_u8, 0..3_u8), 0..12), any::<[bool; 3]>()), 1..40)
    ) {
        let mut inventory = Inventory::new("e".into(), 2);
        let mut watchers: [Watcher; 3] = Default::default();
        for (provider, hosts, looks) in steps {
            inventory.take(provider, listing(&hosts));
            for (watcher, _) in watchers.iter_mut().zip(looks).filter(|(_, looks)| *looks) {
                watcher.follow(&inventory);
                prop_assert_eq!(&watcher.hosts, &inventory.hosts);
            }
        }
    }
}
