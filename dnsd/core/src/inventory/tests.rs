use proptest::prelude::*;

use super::*;
use crate::rrtype::Type;
use crate::serial::Serial;
use crate::zone::Zone;

const ALL: [Which; 3] = [Which::Forward, Which::Reverse(0), Which::Reverse(1)];

fn naming() -> Naming {
    Naming {
        origin: "cloud.internal.".parse().unwrap(),
        templates: ["%id%", "%name%", "%group%"]
            .map(|text| Template::parse(text).unwrap())
            .into(),
        reverse: ["10.in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa."]
            .map(|name| name.parse().unwrap())
            .into(),
        ttl: 30,
        nameservers: vec!["ns1.example.net.".parse().unwrap()],
        contact: "hostmaster.example.net.".parse().unwrap(),
    }
}

fn machine(id: &str, name: &str, group: &str, addresses: &[&str]) -> Machine {
    let some = |text: &str| (!text.is_empty()).then(|| text.into());
    let addresses = addresses.iter().map(|ip| MachineAddress {
        ip: ip.parse().unwrap(),
        valid_from: None,
        valid_until: None,
    });
    Machine {
        id: id.into(),
        name: some(name),
        group: some(group),
        addresses: addresses.collect(),
        ..Machine::default()
    }
}

/// A machine that has had its addresses since then.
fn since(from: i64, mut machine: Machine) -> Machine {
    machine
        .addresses
        .iter_mut()
        .for_each(|address| address.valid_from = Some(from));
    machine
}

/// The records of a zone but SOA and NS, one a line.
fn records(zone: &Zone) -> Vec<String> {
    let mut lines = Vec::new();
    for node in zone.nodes() {
        let name = node.name().to_name().to_string();
        for set in node.sets().filter(|set| ![Type::SOA, Type::NS].contains(&set.rtype())) {
            for rdata in set.rdatas() {
                let data = match set.rtype() {
                    Type::A => IpAddr::from(<[u8; 4]>::try_from(rdata).unwrap()).to_string(),
                    Type::AAAA => IpAddr::from(<[u8; 16]>::try_from(rdata).unwrap()).to_string(),
                    _ => Name::from_wire(rdata).unwrap().to_string(),
                };
                lines.push(format!("{name} {} {data}", set.rtype()));
            }
        }
    }
    lines.sort();
    lines
}

fn made(producer: &Producer, which: Which) -> Vec<String> {
    records(&producer.create(which, Serial(1)).unwrap().zone)
}

fn named(producer: &Producer, name: &str) -> Vec<String> {
    let start = format!("{name}.cloud.internal. ");
    let lines = made(producer, Which::Forward).into_iter();
    lines
        .filter_map(|line| line.strip_prefix(&start).map(str::to_owned))
        .collect()
}

fn pointer(producer: &Producer, place: usize) -> Vec<String> {
    made(producer, Which::Reverse(place))
}

#[test]
fn a_machine_has_names_of_its_own_and_shares_its_groups() {
    let mut producer = Producer::new(naming());
    producer.replace(
        [
            machine("i-1", "web1", "web", &["10.0.0.1", "2001:db8::1"]),
            machine("i-2", "", "web", &["10.0.0.2"]),
            machine("i-3", "idle", "web", &[]),
        ],
        0,
    );
    assert_eq!(
        made(&producer, Which::Forward),
        [
            "i-1.cloud.internal. A 10.0.0.1",
            "i-1.cloud.internal. AAAA 2001:db8::1",
            "i-2.cloud.internal. A 10.0.0.2",
            "web.cloud.internal. A 10.0.0.1",
            "web.cloud.internal. A 10.0.0.2",
            "web.cloud.internal. AAAA 2001:db8::1",
            "web1.cloud.internal. A 10.0.0.1",
            "web1.cloud.internal. AAAA 2001:db8::1",
        ]
    );
    assert_eq!(
        pointer(&producer, 0),
        [
            "1.0.0.10.in-addr.arpa. PTR i-1.cloud.internal.",
            "2.0.0.10.in-addr.arpa. PTR i-2.cloud.internal."
        ]
    );
    assert_eq!(pointer(&producer, 1).len(), 1);
}

#[test]
fn of_two_that_want_one_name_the_older_has_it_and_it_is_told_once() {
    let mut producer = Producer::new(naming());
    producer.update([since(20, machine("i-1", "db", "", &["10.0.0.1"]))], &[], 50);
    assert_eq!(producer.take_clashes(), []);
    producer.update([since(10, machine("i-2", "db", "", &["10.0.0.2"]))], &[], 50);
    assert_eq!(named(&producer, "db"), ["A 10.0.0.2"]);
    let clash = Clash {
        name: "db.cloud.internal.".parse().unwrap(),
        has: "i-2".into(),
        wants: "i-1".into(),
    };
    assert_eq!(producer.take_clashes(), [clash]);
    assert_eq!(producer.take_clashes(), []);
    producer.update([], &["i-2"], 50);
    assert_eq!(named(&producer, "db"), ["A 10.0.0.1"]);
}

#[test]
fn a_name_of_ones_own_is_not_shared() {
    let mut producer = Producer::new(naming());
    producer.update(
        [
            machine("i-1", "", "web", &["10.0.0.1"]),
            machine("i-2", "web", "", &["10.0.0.2"]),
        ],
        &[],
        0,
    );
    assert_eq!(named(&producer, "web"), ["A 10.0.0.2"]);
}

#[test]
fn an_address_points_to_who_got_it_last() {
    let mut producer = Producer::new(naming());
    producer.update(
        [
            since(10, machine("i-1", "", "", &["10.0.0.1"])),
            since(20, machine("i-0", "", "", &["10.0.0.1"])),
        ],
        &[],
        50,
    );
    assert_eq!(
        pointer(&producer, 0),
        ["1.0.0.10.in-addr.arpa. PTR i-0.cloud.internal."]
    );
}

#[test]
fn who_is_down_or_whose_time_is_over_has_no_name() {
    let mut producer = Producer::new(naming());
    let mut stopped = machine("i-1", "a", "", &["10.0.0.1"]);
    stopped.is_down = true;
    let mut passing = machine("i-2", "b", "", &["10.0.0.2"]);
    passing.addresses[0].valid_from = Some(100);
    passing.addresses[0].valid_until = Some(200);
    producer.update([stopped, passing], &[], 50);
    assert_eq!(made(&producer, Which::Forward), [""; 0]);
    assert_eq!(producer.due_at(), Some(100));
    assert!(!producer.advance(100).is_empty());
    assert_eq!(named(&producer, "b"), ["A 10.0.0.2"]);
    assert_eq!(producer.due_at(), Some(200));
    assert!(producer.advance(199).is_empty());
    producer.advance(1000);
    assert_eq!((named(&producer, "b"), producer.due_at()), (vec![], None));
}

#[test]
fn one_of_many_is_one_small_step() {
    let mut producer = Producer::new(naming());
    let ip = |n: usize| format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
    let many = (0..3000).map(|n| machine(&format!("i-{n}"), &format!("n{n}"), &format!("g{}", n / 10), &[&ip(n)]));
    producer.replace(many, 0);
    let zone = producer.create(Which::Forward, Serial(1)).unwrap().zone;
    let reverse = producer.create(Which::Reverse(0), Serial(1)).unwrap().zone;
    let touched = producer.update([machine("i-5", "n5", "g0", &["10.9.9.9"])], &[], 0);
    let (next, delta) = producer
        .step(Which::Forward, &zone, Serial(2), &touched)
        .unwrap()
        .unwrap();
    // Two names with an address each, a group that has one other, and the SOA record; out and in.
    assert_eq!((delta.record_count(), next.serial()), (8, Serial(2)));
    let (_, delta) = producer
        .step(Which::Reverse(0), &reverse, Serial(2), &touched)
        .unwrap()
        .unwrap();
    assert_eq!(delta.record_count(), 4);
    assert!(
        producer
            .step(Which::Reverse(1), &reverse, Serial(2), &touched)
            .unwrap()
            .is_none()
    );
    let same = producer.update([machine("i-5", "n5", "g0", &["10.9.9.9"])], &[], 0);
    assert!(same.is_empty());
    assert!(
        producer
            .step(Which::Forward, &next, Serial(3), &touched)
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_version_of_before_is_followed_by_what_differs() {
    let mut producer = Producer::new(naming());
    producer.replace([machine("i-1", "a", "", &["10.0.0.1"])], 0);
    let stored = producer.create(Which::Forward, Serial(7)).unwrap().zone;
    assert!(producer.follow(Which::Forward, &stored, Serial(8)).unwrap().is_none());
    producer.replace([machine("i-1", "a", "", &["10.0.0.2"])], 0);
    let (next, delta) = producer.follow(Which::Forward, &stored, Serial(8)).unwrap().unwrap();
    assert_eq!((next.serial(), delta.record_count()), (Serial(8), 6));
}

fn any_machine() -> impl Strategy<Value = Machine> {
    let text = |options: &'static [&'static str]| {
        prop::sample::select(options).prop_map(|text: &str| (!text.is_empty()).then(|| text.into()))
    };
    let time = || prop::option::of(0..6_i64);
    const IPS: [&str; 5] = ["10.0.0.1", "10.0.0.2", "10.0.1.1", "2001:db8::1", "192.0.2.1"];
    let address =
        (prop::sample::select(&IPS[..]), time(), time()).prop_map(|(ip, valid_from, valid_until)| MachineAddress {
            ip: ip.parse().unwrap(),
            valid_from,
            valid_until,
        });
    (
        prop::sample::select(&["a", "b", "c", "d", "e"][..]),
        text(&["", "a", "x", "y"]),
        text(&["", "a", "x", "g"]),
        prop::collection::vec(address, 0..3),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(id, name, group, addresses, is_down)| Machine {
            id: id.into(),
            name,
            group,
            addresses,
            is_down,
            ..Machine::default()
        })
}

proptest! {
    /// Whatever happened, the zones that were followed step by step are those that are made of the machines of now.
    #[test]
    fn steps_lead_to_what_is_made_anew(
        steps in prop::collection::vec((prop::collection::vec(any_machine(), 0..3), prop::collection::vec(0..5_usize, 0..2)), 1..24)
    ) {
        let mut producer = Producer::new(naming());
        let mut zones = ALL.map(|which| producer.create(which, Serial(1)).unwrap().zone);
        let mut machines = std::collections::BTreeMap::new();
        for (now, (changed, gone)) in steps.into_iter().enumerate() {
            let gone: Vec<&str> = gone.into_iter().map(|place| ["a", "b", "c", "d", "e"][place]).collect();
            let serial = Serial(now as u32 + 2);
            let now = now as i64 / 3;
            for id in &gone {
                machines.remove(*id);
            }
            machines.extend(changed.iter().map(|machine| (machine.id.clone(), machine.clone())));
            let touched = producer.update(changed, &gone, now);
            let mut anew = Producer::new(naming());
            anew.replace(machines.values().cloned(), now);
            for (zone, which) in zones.iter_mut().zip(ALL) {
                if let Some((next, delta)) = producer.step(which, zone, serial, &touched).unwrap() {
                    prop_assert!(delta.record_count() > 2, "a step of nothing but the serial");
                    *zone = next;
                }
                prop_assert_eq!(records(zone), made(&anew, which));
                prop_assert_eq!(made(&producer, which), made(&anew, which));
            }
        }
    }
}
