//! What connections and datagrams find, while the plugins' news come in at times that the tests say.

use ballast_shared::plugin::host::{WireAddress, WireHost};

use super::*;

fn wire(id: &str, group: &str, ip: &str, from: Option<i64>) -> Arc<host::Host> {
    let address = WireAddress {
        address: ip.to_owned(),
        valid_from: from,
        valid_until: None,
    };
    let wire = WireHost {
        id: id.to_owned(),
        group: Some(group.to_owned()),
        addresses: vec![address],
        labels: [("Role".to_owned(), "web".to_owned())].into(),
        lifecycle: Some("spot".to_owned()),
        ..WireHost::default()
    };
    Arc::new(wire.try_into().unwrap())
}

fn changed(host: Arc<host::Host>) -> News {
    News::Update(Update {
        full: false,
        changed: vec![host],
        gone: Vec::new(),
    })
}

fn gone(id: &str) -> News {
    News::Update(Update {
        full: false,
        changed: Vec::new(),
        gone: vec![id.into()],
    })
}

fn one() -> (Arc<Known>, Arc<Inventory>) {
    let known = Known::new();
    (known.clone(), Inventory::new([known], "elsewhere"))
}

const IP: &str = "10.0.0.1";

fn address() -> IpAddr {
    IP.parse().unwrap()
}

/// Who a connection is of, after a look at this time.
fn looked(connected: &mut Connected, inventory: &Arc<Inventory>, received: i64) -> Option<String> {
    connected.look(inventory, address(), received);
    let sender = connected.sender(inventory);
    assert_eq!(sender.fallback, "elsewhere");
    sender.host.map(|host| host.id().to_owned())
}

fn of_datagram(inventory: &Arc<Inventory>, received: i64) -> Option<String> {
    let mut last = LastView::default();
    last.look(inventory);
    let sender = last.get().unwrap().sender(Some((address(), 1).into()), received);
    sender.host.map(|host| host.id().to_owned())
}

#[test]
fn a_host_of_the_wire_is_a_machine_with_all_its_facts() {
    let machine = machine(&wire("a", "web", IP, Some(5)));
    let facts = Fact::ALL.map(|fact| machine.host.fact(fact).to_owned());
    assert_eq!(facts, ["a", "", "web", "", "", "", "", "spot"].map(str::to_owned));
    assert_eq!(machine.host.label("Role"), "web");
    assert_eq!(
        machine.addresses,
        [Address {
            ip: address(),
            from: Some(5),
            until: None
        }]
    );
}

#[test]
fn a_datagram_is_of_the_machine_that_had_the_address_when_it_was_received() {
    let (known, inventory) = one();
    known.apply(&changed(wire("a", "web", IP, Some(100))), 100);
    known.apply(&gone("a"), 200);
    known.apply(&changed(wire("b", "web", IP, Some(250))), 260);
    assert_eq!(of_datagram(&inventory, 150), Some("a".into()));
    assert_eq!(of_datagram(&inventory, 220), None);
    assert_eq!(of_datagram(&inventory, 255), Some("b".into()));
}

#[test]
fn a_connection_that_was_there_before_the_news_is_looked_up_again() {
    let (known, inventory) = one();
    let mut connected = Connected::new(100);
    assert_eq!(looked(&mut connected, &inventory, 100), None);
    known.apply(&changed(wire("a", "web", IP, Some(90))), 110);
    assert_eq!(looked(&mut connected, &inventory, 111), Some("a".into()));
    known.apply(&changed(wire("a", "workers", IP, Some(90))), 120);
    connected.look(&inventory, address(), 121);
    assert_eq!(connected.sender(&inventory).host.unwrap().fact(Fact::Group), "workers");
}

#[test]
fn a_connection_whose_machine_the_inventory_dates_later_is_found_by_the_time_of_receipt() {
    let (known, inventory) = one();
    let mut connected = Connected::new(100);
    known.apply(&changed(wire("a", "web", IP, Some(130))), 130);
    assert_eq!(looked(&mut connected, &inventory, 125), None);
    // Without any news.
    assert_eq!(looked(&mut connected, &inventory, 130), Some("a".into()));
}

#[test]
fn a_connection_stays_its_machines_when_the_address_is_anothers() {
    let (known, inventory) = one();
    known.apply(&changed(wire("a", "web", IP, Some(90))), 95);
    let mut old = Connected::new(100);
    assert_eq!(looked(&mut old, &inventory, 100), Some("a".into()));
    known.apply(&gone("a"), 200);
    assert_eq!(looked(&mut old, &inventory, 201), Some("a".into()), "its last words");
    known.apply(&changed(wire("b", "web", IP, Some(250))), 260);
    assert_eq!(looked(&mut old, &inventory, 300), Some("a".into()));
    let mut new = Connected::new(300);
    assert_eq!(looked(&mut new, &inventory, 300), Some("b".into()));
    // After the time for which it is remembered, too.
    known.forget(200 + logd_core::cloud::KEPT_S);
    known.apply(&changed(wire("b", "workers", IP, Some(250))), 4000);
    assert_eq!(looked(&mut old, &inventory, 4000), Some("a".into()));
    assert_eq!(looked(&mut new, &inventory, 4000), Some("b".into()));
}

#[test]
fn a_connection_that_was_taken_for_the_machine_before_is_put_right() {
    let (known, inventory) = one();
    known.apply(&changed(wire("a", "web", IP, Some(10))), 20);
    // a is gone and b has its address, which nobody knows yet.
    let mut connected = Connected::new(100);
    assert_eq!(looked(&mut connected, &inventory, 100), Some("a".into()));
    known.apply(&changed(wire("b", "web", IP, Some(80))), 150);
    known.apply(&gone("a"), 150);
    assert_eq!(looked(&mut connected, &inventory, 151), Some("b".into()));
}

#[test]
fn a_machine_that_comes_in_the_second_in_which_a_connection_began_is_not_at_its_end() {
    let (known, inventory) = one();
    known.apply(&changed(wire("a", "web", IP, Some(10))), 20);
    let mut connected = Connected::new(100);
    assert_eq!(looked(&mut connected, &inventory, 100), Some("a".into()));
    known.apply(&gone("a"), 100);
    known.apply(&changed(wire("b", "web", IP, Some(100))), 100);
    assert_eq!(looked(&mut connected, &inventory, 101), Some("a".into()));
}

#[test]
fn without_news_a_connection_is_not_looked_up() {
    let (known, inventory) = one();
    known.apply(&changed(wire("a", "web", IP, Some(10))), 20);
    let mut connected = Connected::new(100);
    looked(&mut connected, &inventory, 100);
    known.apply(&changed(wire("a", "web", IP, Some(10))), 20);
    assert_eq!(inventory.generation(), 1, "it says what it said before");
    // Of whom it is taken to be from now on.
    connected.host = None;
    assert_eq!(looked(&mut connected, &inventory, 101), None);
}

#[test]
fn what_has_expired_is_not_known_any_more_and_is_when_the_plugin_is_back() {
    let (known, inventory) = one();
    known.apply(&changed(wire("a", "web", IP, None)), 20);
    let mut connected = Connected::new(100);
    let mut state = |news: plugin::State, received| {
        known.apply(&News::State(news), received);
        let found = looked(&mut connected, &inventory, received);
        (found, connected.sender(&inventory).state)
    };
    assert_eq!(state(plugin::State::Fresh, 100), (Some("a".into()), State::Fresh));
    assert_eq!(state(plugin::State::Stale, 101), (Some("a".into()), State::Stale));
    assert_eq!(state(plugin::State::Expired, 102), (None, State::Expired));
    assert_eq!(state(plugin::State::Fresh, 103), (Some("a".into()), State::Fresh));
}

#[test]
fn of_two_plugins_the_first_that_knows_a_machine_counts() {
    let (first, second) = (Known::new(), Known::new());
    let inventory = Inventory::new([first.clone(), second.clone()], "elsewhere");
    for known in [&first, &second] {
        known.apply(&News::State(plugin::State::Fresh), 10);
    }
    second.apply(&changed(wire("b", "web", IP, None)), 10);
    assert_eq!(of_datagram(&inventory, 20), Some("b".into()));
    first.apply(&changed(wire("a", "web", IP, None)), 10);
    assert_eq!(of_datagram(&inventory, 20), Some("a".into()));
    first.apply(&News::State(plugin::State::Expired), 10);
    assert_eq!(of_datagram(&inventory, 20), Some("b".into()));
    let view = inventory.view();
    let stranger = SocketAddr::from(([10, 0, 0, 9], 1));
    assert_eq!(view.sender(Some(stranger), 20).state, State::Expired);
    assert_eq!(view.sender(None, 20).state, State::Expired);
}

#[test]
fn a_thread_has_the_maps_of_the_inventory_that_it_works_for() {
    let (known, inventory) = one();
    let (_, other) = one();
    known.apply(&changed(wire("a", "web", IP, None)), 20);
    let mut last = LastView::default();
    let mut knows = |inventory: &Arc<Inventory>| {
        last.look(inventory);
        last.get()
            .unwrap()
            .sender(Some((address(), 1).into()), 30)
            .host
            .is_some()
    };
    assert_eq!(
        [knows(&inventory), knows(&other), knows(&inventory)],
        [true, false, true]
    );
}
