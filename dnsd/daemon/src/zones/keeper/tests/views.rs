//! Zones in views: who sees which, and that they don't get into each other's way.

use std::net::IpAddr;

use dnsd_core::acl::{LocalNetworks, Who};
use dnsd_core::zones::ZoneState;

use super::*;

/// As in a home network whose virtual machines have other addresses for the same names.
const VIEWS: &str = r#"
[zone."net".primary]
file = "zones/net"
[zone."org".primary]
file = "zones/org"
[view.cloud]
match-clients = ["10.0.0.0/24"]
[view.cloud.zone."net".primary]
file = "zones/net.cloud"
[view.strict]
match-clients = ["10.0.1.0/24"]
strict = true
[view.strict.zone."net".primary]
file = "zones/net.strict"
"#;

impl Bench {
    /// The serial that this client is answered from; `None`: the zone isn't there for it.
    pub(super) fn seen(&self, zone: &str, client: &str) -> Option<u32> {
        let serving = self.shared.serving.load();
        let client: IpAddr = client.parse().unwrap();
        let view = serving.views.of(|| Who::new(client, None), &LocalNetworks::default());
        let number = view.zones().number(name(zone).name.as_name_ref())?;
        let info = view.info(number).unwrap();
        assert_eq!(
            info.key.name,
            name(zone).name,
            "what is known of a zone is found by its number"
        );
        match view.zones().state(number)? {
            ZoneState::Loaded(zone) => Some(zone.serial().0),
            ZoneState::Failed | ZoneState::Forward => None,
        }
    }

    /// What a client of the view `cloud`, of the view `strict` and of none see of a zone.
    fn seen_by_all(&self, zone: &str) -> [Option<u32>; 3] {
        ["10.0.0.7", "10.0.1.7", "192.0.2.1"].map(|client| self.seen(zone, client))
    }
}

fn in_view(view: &str, zone: &str) -> ZoneKey {
    ZoneKey::new(Some(view.into()), name(zone).name)
}

fn bench() -> Bench {
    Bench::new(&[
        ("net", &text(1, 1)),
        ("net.cloud", &text(2, 1)),
        ("net.strict", &text(3, 1)),
        ("org", &text(4, 1)),
    ])
}

#[test]
fn a_view_has_its_own_zone_of_a_name_and_unless_strict_the_zones_outside() {
    let mut bench = bench();
    assert_eq!(bench.apply(VIEWS, false).loaded, 4);
    assert_eq!(bench.seen_by_all("net"), [Some(2), Some(3), Some(1)]);
    assert_eq!(bench.seen_by_all("org"), [Some(4), None, Some(4)]);
}

#[test]
fn an_edit_is_served_in_the_views_that_see_the_zone() {
    let mut bench = bench();
    bench.apply(VIEWS, false);
    for file in ["net", "org"] {
        replace(&bench.file(file), &text(9, 2));
        bench.wait_for_records(file, 4);
    }
    assert_eq!(bench.seen_by_all("net"), [Some(2), Some(3), Some(9)]);
    assert_eq!(bench.seen_by_all("org"), [Some(9), None, Some(9)]);
    replace(&bench.file("net.cloud"), &text(10, 2));
    bench.wait_for_records_of(&in_view("cloud", "net"), 4);
    assert_eq!(bench.seen_by_all("net"), [Some(10), Some(3), Some(9)]);
}

#[test]
fn a_view_that_left_the_configuration_is_gone_with_its_zones() {
    let mut bench = bench();
    bench.apply(VIEWS, false);
    let report = bench.apply(VIEWS.split_once("[view.cloud]").unwrap().0, false);
    assert_eq!(report.removed, [in_view("cloud", "net"), in_view("strict", "net")]);
    assert_eq!(bench.seen_by_all("net"), [Some(1); 3]);
}

#[test]
fn other_clients_of_a_view_are_taken_over_without_a_zone_that_changed() {
    let mut bench = bench();
    bench.apply(VIEWS, false);
    bench.apply(&VIEWS.replace("10.0.0.0/24", "192.0.2.0/24"), false);
    assert_eq!(bench.seen_by_all("net"), [Some(1), Some(3), Some(2)]);
}

#[test]
fn a_group_of_a_view_makes_zones_of_the_view() {
    let mut bench = Bench::new(&[("a.zone", &text(1, 1))]);
    let config =
        "[view.cloud]\nmatch-clients = [\"10.0.0.0/24\"]\n[view.cloud.zones.g.primary]\nfiles = \"zones/*.zone\"\n";
    bench.apply(config, false);
    assert_eq!(bench.seen_by_all("a"), [Some(1), None, None]);
    fs::write(bench.file("b.zone"), text(2, 1)).unwrap();
    bench.wait_for_records_of(&in_view("cloud", "b"), 3);
    assert_eq!(bench.seen_by_all("b"), [Some(2), None, None]);
    assert_eq!(bench.board.named(&name("b").name, None), [in_view("cloud", "b")]);
    assert!(bench.board.named(&name("b").name, Some("other")).is_empty());
}

#[test]
fn each_view_has_a_last_good_copy_of_its_own() {
    let dir = bench_left_behind();
    let mut bench = Bench::within(
        dir,
        &[
            ("net", "nonsense"),
            ("net.cloud", "nonsense"),
            ("net.strict", "nonsense"),
        ],
    );
    bench.apply(VIEWS, false);
    assert_eq!(bench.seen_by_all("net"), [Some(2), Some(3), Some(1)]);
    assert_eq!(bench.status("net").served_from, ServedFrom::LastGoodCopy);
}

/// The folder of a daemon that has run and written its copies.
fn bench_left_behind() -> tempfile::TempDir {
    let mut bench = bench();
    bench.apply(VIEWS, false);
    let Bench { dir, keeper, .. } = bench;
    drop(keeper);
    assert!(last_good::folder(dir.path()).join("cloud/net.last").exists());
    dir
}
