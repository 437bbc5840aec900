//! Zones that catalogs bring.

use super::*;
use crate::config::SecondaryConfig;

fn member(primary: &Scripted) -> MembersChanged {
    let zone = SecondaryConfig {
        name: zone_key().name,
        primaries: [primary.remote(&[])].into(),
        file: None,
        rules: Arc::new(Rules::default()),
        members: None,
    };
    MembersChanged {
        gone: Vec::new(),
        there: vec![(zone_key(), zone)],
    }
}

#[tokio::test]
async fn a_zone_that_a_catalog_takes_over_is_followed_from_what_is_there_then() {
    let primary = primary(1);
    let bench = Bench::start();
    let keeper = bench.keeper.clone();
    keeper.zones.lock().unwrap().insert(zone_key(), Arc::new(version(1)));
    let (mut driver, _ended) = Driver::new(keeper.clone(), bench.board.clone(), LIMITS);
    driver.apply(from(&[&primary])).await;
    assert_eq!(driver.followers[&zone_key()].machine.serial(), Some(Serial(1)));
    keeper.zones.lock().unwrap().clear();
    driver.handle_members(member(&primary)).await;
    let follower = &driver.followers[&zone_key()];
    assert!(follower.followed.is_member && follower.zone.is_none());
    assert_eq!(follower.machine.serial(), None);
    // The same said again goes on with it.
    let id = follower.id;
    driver.handle_members(member(&primary)).await;
    assert_eq!(driver.followers[&zone_key()].id, id);
    bench.stop().await;
}
