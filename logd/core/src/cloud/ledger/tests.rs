//! Machines that come, go and come again, at times that the tests say.

use proptest::prelude::*;

use super::*;
use crate::cloud::Fact;

fn ip(last: u8) -> IpAddr {
    [10, 0, 0, last].into()
}

fn since(last: u8, from: i64) -> Address {
    Address {
        ip: ip(last),
        from: Some(from),
        until: None,
    }
}

fn ever(last: u8) -> Address {
    Address {
        ip: ip(last),
        from: None,
        until: None,
    }
}

fn machine_of(id: &str, group: &str, addresses: &[Address]) -> Machine {
    let fact = |fact| match fact {
        Fact::Id => id,
        Fact::Group => group,
        _ => "",
    };
    Machine {
        host: Host::new(fact, []),
        addresses: addresses.to_vec(),
    }
}

fn machine(id: &str, addresses: &[Address]) -> Machine {
    machine_of(id, "", addresses)
}

fn whose(ledger: &Ledger, last: u8, time: i64) -> Option<String> {
    ledger.map().find(ip(last), time).host.map(|host| host.id().to_owned())
}

fn gone(ledger: &mut Ledger, id: &str, now: i64) {
    ledger.apply([], &[id.into()], false, now);
}

#[test]
fn an_address_that_is_used_again_is_at_each_time_the_right_machines() {
    let mut ledger = Ledger::new();
    ledger.apply([machine("a", &[since(1, 100)])], &[], true, 110);
    gone(&mut ledger, "a", 200);
    ledger.apply([machine("b", &[since(1, 250)])], &[], false, 260);
    let whose = |time| whose(&ledger, 1, time);
    assert_eq!(
        (whose(99), whose(100), whose(199)),
        (None, Some("a".into()), Some("a".into()))
    );
    assert_eq!((whose(200), whose(249)), (None, None));
    assert_eq!((whose(250), whose(1 << 40)), (Some("b".into()), Some("b".into())));
}

#[test]
fn machines_that_do_not_say_since_when_follow_one_another_too() {
    let mut ledger = Ledger::new();
    ledger.apply([machine("a", &[ever(1)])], &[], true, 110);
    // In one update: the address is the new one's from then on.
    ledger.apply([machine("b", &[ever(1)])], &["a".into()], false, 200);
    assert_eq!(whose(&ledger, 1, 199), Some("a".into()));
    assert_eq!(whose(&ledger, 1, 200), Some("b".into()));
}

#[test]
fn a_new_machine_that_is_heard_of_before_the_old_one_is_gone_has_its_own_messages() {
    let mut ledger = Ledger::new();
    ledger.apply([machine("a", &[since(1, 100)])], &[], true, 110);
    ledger.apply([machine("b", &[since(1, 250)])], &[], false, 255);
    gone(&mut ledger, "a", 300);
    assert_eq!(whose(&ledger, 1, 249), Some("a".into()));
    assert_eq!(whose(&ledger, 1, 270), Some("b".into()));
}

#[test]
fn a_full_inventory_ends_what_it_does_not_have() {
    let mut ledger = Ledger::new();
    let both = [machine("a", &[ever(1)]), machine("b", &[ever(2)])];
    assert!(ledger.apply(both.clone(), &[], true, 100));
    assert!(!ledger.apply(both, &[], true, 150), "nothing is other than before");
    assert!(ledger.apply([machine("b", &[ever(2)])], &[], true, 200));
    assert_eq!(
        (whose(&ledger, 1, 199), whose(&ledger, 1, 200)),
        (Some("a".into()), None)
    );
    assert_eq!(whose(&ledger, 2, 200), Some("b".into()));
    assert_eq!((ledger.machines(), ledger.ended()), (1, 1));
}

#[test]
fn an_address_that_a_machine_gives_up_is_its_until_then() {
    let mut ledger = Ledger::new();
    ledger.apply([machine("a", &[ever(1), ever(2)])], &[], true, 100);
    ledger.apply([machine("a", &[ever(2)])], &[], false, 200);
    assert_eq!(
        (whose(&ledger, 1, 199), whose(&ledger, 1, 200)),
        (Some("a".into()), None)
    );
    assert_eq!(whose(&ledger, 2, 200), Some("a".into()));
}

#[test]
fn a_machine_that_was_started_again_is_the_same_all_along() {
    let mut ledger = Ledger::new();
    ledger.apply([machine("a", &[since(1, 100)])], &[], true, 100);
    ledger.apply([machine("a", &[since(1, 500)])], &[], false, 510);
    assert_eq!(whose(&ledger, 1, 300), Some("a".into()));
    assert_eq!(whose(&ledger, 1, 600), Some("a".into()));
    gone(&mut ledger, "a", 700);
    assert_eq!(whose(&ledger, 1, 700), None);
}

#[test]
fn what_the_inventory_says_of_an_end_holds() {
    let mut ledger = Ledger::new();
    let address = Address {
        until: Some(150),
        ..since(1, 100)
    };
    ledger.apply([machine("a", &[address])], &[], true, 100);
    assert_eq!(
        (whose(&ledger, 1, 149), whose(&ledger, 1, 150)),
        (Some("a".into()), None)
    );
    gone(&mut ledger, "a", 200);
    assert_eq!(
        (whose(&ledger, 1, 149), whose(&ledger, 1, 150)),
        (Some("a".into()), None)
    );
}

#[test]
fn other_words_for_a_machine_are_those_for_its_past_too() {
    let mut ledger = Ledger::new();
    ledger.apply([machine_of("a", "old", &[since(1, 100)])], &[], true, 100);
    let before = ledger.map();
    assert!(ledger.apply([machine_of("a", "new", &[since(1, 100)])], &[], false, 200));
    let group = |map: &Map| map.find(ip(1), 150).host.unwrap().fact(Fact::Group).to_owned();
    assert_eq!((group(&before), group(&ledger.map())), ("old".into(), "new".into()));
}

#[test]
fn what_is_over_is_remembered_for_an_hour_and_not_longer() {
    let mut ledger = Ledger::new();
    ledger.apply([machine("a", &[since(1, 100)])], &[], true, 100);
    gone(&mut ledger, "a", 200);
    ledger.forget(200 + KEPT_S - 1);
    assert_eq!(whose(&ledger, 1, 150), Some("a".into()));
    ledger.forget(200 + KEPT_S);
    assert_eq!((whose(&ledger, 1, 150), ledger.ended()), (None, 0));
    assert!(ledger.claims.is_empty());
}

#[test]
fn what_is_over_is_bounded() {
    let mut ledger = Ledger::new();
    let address = |nth: u32| Address {
        ip: std::net::Ipv4Addr::from_bits(nth).into(),
        from: None,
        until: None,
    };
    let more = ENDED_MAX as u32 + 10;
    let machines = (0..more).map(|nth| machine(&format!("h{nth}"), &[address(nth)]));
    ledger.apply(machines, &[], true, 100);
    ledger.apply([], &[], true, 200);
    assert_eq!((ledger.ended(), ledger.machines()), (ENDED_MAX, 0));
    assert_eq!(ledger.claims.len(), ENDED_MAX);
}

#[test]
fn an_address_has_so_many_machines_and_the_last_past_ones_stay() {
    let mut ledger = Ledger::new();
    for nth in 0..100 {
        let id = format!("h{nth}");
        ledger.apply([machine(&id, &[since(1, nth * 10)])], &[], false, nth * 10);
        gone(&mut ledger, &id, nth * 10 + 5);
    }
    assert_eq!(ledger.claims[&ip(1)].len(), TENANCIES_MAX);
    assert_eq!(whose(&ledger, 1, 990), Some("h99".into()));
    assert_eq!(whose(&ledger, 1, 0), None);
    let many = (0..100).map(|nth| machine(&format!("l{nth}"), &[since(2, nth)]));
    ledger.apply(many, &[], false, 1000);
    assert_eq!(ledger.claims[&ip(2)].len(), TENANCIES_MAX);
    assert_eq!(ledger.refused(), 100 - TENANCIES_MAX as u64);
}

#[test]
fn an_expired_plugin_knows_nobody_until_it_is_back() {
    let mut ledger = Ledger::new();
    ledger.apply([machine("a", &[ever(1)])], &[], true, 100);
    assert!(ledger.set_state(State::Fresh));
    assert!(!ledger.set_state(State::Fresh));
    assert_eq!(whose(&ledger, 1, 100), Some("a".into()));
    ledger.set_state(State::Expired);
    assert_eq!((whose(&ledger, 1, 100), ledger.map().state()), (None, State::Expired));
    ledger.set_state(State::Stale);
    assert_eq!(whose(&ledger, 1, 100), Some("a".into()));
}

#[test]
fn an_address_of_ipv6_that_stands_for_one_of_ipv4_is_that_one() {
    let mut ledger = Ledger::new();
    let address = |text: &str| Address {
        ip: text.parse().unwrap(),
        from: None,
        until: None,
    };
    ledger.apply(
        [machine("a", &[address("::ffff:10.0.0.1"), address("2001:db8::1")])],
        &[],
        true,
        100,
    );
    let map = ledger.map();
    for text in ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"] {
        assert_eq!(map.find(text.parse().unwrap(), 5).host.unwrap().id(), "a", "{text}");
    }
    assert!(map.find("2001:db8::2".parse().unwrap(), 5).host.is_none());
}

#[test]
fn an_answer_says_until_when_it_holds() {
    let mut ledger = Ledger::new();
    let address = Address {
        until: Some(300),
        ..since(1, 200)
    };
    ledger.apply([machine("a", &[address, since(1, 400)])], &[], true, 100);
    let map = ledger.map();
    let until = |time| map.find(ip(1), time).until;
    assert_eq!(
        [until(0), until(200), until(300), until(400)],
        [200, 300, 400, i64::MAX]
    );
    assert_eq!(map.find(ip(2), 0).until, i64::MAX);
}

/// What happens to a machine, out of eight, and on which of four addresses.
#[derive(Debug, Clone, Copy)]
enum Event {
    Appears(usize, u8),
    Goes(usize),
    Moves(usize, u8),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..8_usize, 0..4_u8).prop_map(|(machine, ip)| Event::Appears(machine, ip)),
        (0..8_usize).prop_map(Event::Goes),
        (0..8_usize, 0..4_u8).prop_map(|(machine, ip)| Event::Moves(machine, ip)),
    ]
}

proptest! {
    /// A cloud in which no address is two machines' at a time, followed by an inventory that says when: whoever asks later hears
    /// what was so then.
    #[test]
    fn what_was_so_is_found_later(events in prop::collection::vec((event(), 1..20_i64), 1..33)) {
        let mut ledger = Ledger::new();
        let mut now = 1000;
        let mut at: [Option<(u8, i64)>; 8] = [None; 8];
        let mut generations = [0; 8];
        // Times with whose the four addresses were.
        let mut history: Vec<(i64, [Option<String>; 4])> = Vec::new();
        for (event, later) in events {
            now += later;
            let is_free = |at: &[Option<(u8, i64)>; 8], ip: u8| at.iter().flatten().all(|(taken, _)| *taken != ip);
            let id = |generations: &[i32; 8], nth: usize| format!("m{nth}-{}", generations[nth]);
            match event {
                Event::Appears(nth, ip) if at[nth].is_none() && is_free(&at, ip) => {
                    generations[nth] += 1;
                    at[nth] = Some((ip, now));
                    ledger.apply([machine(&id(&generations, nth), &[since(ip, now)])], &[], false, now);
                }
                Event::Goes(nth) if at[nth].is_some() => {
                    at[nth] = None;
                    gone(&mut ledger, &id(&generations, nth), now);
                }
                Event::Moves(nth, ip) if at[nth].is_some() && is_free(&at, ip) => {
                    at[nth] = Some((ip, now));
                    ledger.apply([machine(&id(&generations, nth), &[since(ip, now)])], &[], false, now);
                }
                _ => continue,
            }
            let mut whose_now = [const { None }; 4];
            for (nth, taken) in at.iter().enumerate() {
                if let Some((ip, _)) = taken {
                    whose_now[usize::from(*ip)] = Some(id(&generations, nth));
                }
            }
            history.push((now, whose_now));
            for (time, expected) in &history {
                for (last, expected) in (0..).zip(expected) {
                    prop_assert_eq!(&whose(&ledger, last, *time), expected, "address {} at {}", last, time);
                }
            }
        }
    }
}
