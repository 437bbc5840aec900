//! What becomes of replies.

use std::collections::BTreeSet;

use super::*;

#[test]
fn parts_count_when_the_last_has_come() {
    let (mut machine, mut now) = (machine(), Duration::ZERO);
    assert_eq!(connect(&mut machine, &mut now), WatchCall::default());
    hear(&mut machine, now, part(snapshot("e", 5, &["a"])));
    hear(&mut machine, now, part(snapshot("e", 5, &["b"])));
    assert!(machine.known().is_empty() && actions(&mut machine).is_empty());
    hear(&mut machine, now, snapshot("e", 5, &[]));
    assert_eq!(known(&machine), BTreeSet::from(["a", "b"]));
    hear(&mut machine, now, part(delta("e", 6, &["c"], &["a"])));
    assert_eq!(known(&machine), BTreeSet::from(["a", "b"]));
    hear(&mut machine, now, delta("e", 6, &[], &["b"]));
    assert_eq!(known(&machine), BTreeSet::from(["c"]));
    assert_eq!(machine.position().unwrap().seq, 6);
}

#[test]
fn a_snapshot_that_is_cut_off_changes_nothing() {
    let (mut machine, mut now) = (machine(), Duration::ZERO);
    connect(&mut machine, &mut now);
    hear(&mut machine, now, snapshot("e", 1, &["a"]));
    machine.handle_closed(now, Trouble::Closed);
    let call = connect(&mut machine, &mut now);
    assert_eq!((call.epoch.as_deref(), call.seq), (Some("e"), Some(1)));
    hear(&mut machine, now, part(snapshot("f", 1, &["b"])));
    machine.handle_closed(now, Trouble::Closed);
    assert_eq!(known(&machine), BTreeSet::from(["a"]));
    // And of its parts nothing is left.
    let call = connect(&mut machine, &mut now);
    assert_eq!((call.epoch.as_deref(), call.seq), (Some("e"), Some(1)));
    hear(&mut machine, now, snapshot("f", 2, &["c"]));
    assert_eq!(known(&machine), BTreeSet::from(["c"]));
}

#[test]
fn what_does_not_fit_has_a_new_snapshot_asked_for() {
    let faults: [(WatchReply, Trouble); 8] = [
        (delta("e", 7, &["b"], &[]), Trouble::Gap { came: 7, after: 5 }),
        (delta("e", 5, &["b"], &[]), Trouble::Gap { came: 5, after: 5 }),
        (keep_alive("e", 6), Trouble::Gap { came: 6, after: 5 }),
        (keep_alive("e", 4), Trouble::Gap { came: 4, after: 5 }),
        (delta("f", 6, &["b"], &[]), Trouble::OtherEpoch),
        (keep_alive("f", 5), Trouble::OtherEpoch),
        (snapshot("e", 5, &["b"]), Trouble::Gap { came: 5, after: 5 }),
        (snapshot("e", 4, &["b"]), Trouble::Gap { came: 4, after: 5 }),
    ];
    for (fault, why) in faults {
        let (mut machine, mut now) = (machine(), Duration::ZERO);
        connect(&mut machine, &mut now);
        hear(&mut machine, now, snapshot("e", 5, &["a"]));
        actions(&mut machine);
        hear(&mut machine, now, fault);
        assert_eq!(lost(&mut machine), Some(why.clone()));
        assert_eq!(known(&machine), BTreeSet::from(["a"]), "{why:?}");
        assert_eq!(connect(&mut machine, &mut now), WatchCall::default(), "{why:?}");
        // Until it has come: a connection that breaks before has not helped.
        machine.handle_closed(now, Trouble::Closed);
        assert_eq!(connect(&mut machine, &mut now), WatchCall::default(), "{why:?}");
        hear(&mut machine, now, snapshot("e", 1, &["b"]));
        assert_eq!(known(&machine), BTreeSet::from(["b"]), "{why:?}");
    }
}

#[test]
fn parts_of_two_things_are_not_mixed() {
    for other in [
        part(snapshot("e", 2, &["b"])),
        part(snapshot("f", 1, &["b"])),
        delta("e", 1, &["b"], &[]),
    ] {
        let (mut machine, mut now) = (machine(), Duration::ZERO);
        connect(&mut machine, &mut now);
        hear(&mut machine, now, part(snapshot("e", 1, &["a"])));
        hear(&mut machine, now, other);
        assert_eq!(lost(&mut machine), Some(Trouble::Incomplete));
        assert!(machine.known().is_empty());
    }
}

#[test]
fn a_delta_before_any_snapshot_is_none() {
    let (mut machine, mut now) = (machine(), Duration::ZERO);
    connect(&mut machine, &mut now);
    hear(&mut machine, now, delta("e", 1, &["a"], &[]));
    assert_eq!(lost(&mut machine), Some(Trouble::OtherEpoch));
}

#[test]
fn a_host_in_which_something_is_wrong_stays_as_it_was_and_is_named_once() {
    let (mut machine, mut now) = (machine(), Duration::ZERO);
    connect(&mut machine, &mut now);
    hear(&mut machine, now, snapshot("e", 1, &["a", "b"]));
    actions(&mut machine);
    let wrong = || vec![wire("a", "new\n"), wire("../c", "1"), wire("b", "2")];
    let bad = |full: bool, seq| WatchReply {
        hosts: wrong(),
        full,
        ..snapshot("e", seq, &[])
    };
    for (seq, full) in [(2, false), (3, false), (4, true)] {
        hear(&mut machine, now, bad(full, seq));
        assert_eq!(known(&machine), BTreeSet::from(["a", "b"]));
        assert_eq!(machine.known().host("a").unwrap().name.as_deref(), Some("1"));
        assert_eq!(machine.known().host("b").unwrap().name.as_deref(), Some("2"));
    }
    assert_eq!(machine.rejected_hosts(), 6);
    let named = actions(&mut machine);
    let named = named
        .iter()
        .filter(|action| matches!(action, Action::Notice(Notice::Rejected(_))));
    assert_eq!(named.count(), 2);
}

#[test]
fn an_update_has_what_is_other_and_no_more() {
    let (mut machine, mut now) = (machine(), Duration::ZERO);
    connect(&mut machine, &mut now);
    hear(&mut machine, now, snapshot("e", 1, &["a", "b"]));
    machine.handle_closed(now, Trouble::Closed);
    connect(&mut machine, &mut now);
    actions(&mut machine);
    let mut next = snapshot("f", 1, &["b", "c"]);
    next.hosts[0] = wire("b", "2");
    hear(&mut machine, now, next.clone());
    let updates = |machine: &mut Machine| -> Vec<Update> {
        let updates = actions(machine).into_iter().filter_map(|action| match action {
            Action::Update(update) => Some(update),
            _ => None,
        });
        updates.collect()
    };
    let [update] = &updates(&mut machine)[..] else { panic!() };
    let changed: BTreeSet<&str> = update.changed.iter().map(|host| &*host.id).collect();
    assert_eq!(
        (update.full, changed, &*update.gone),
        (false, BTreeSet::from(["b", "c"]), &["a".into()][..])
    );
    // The same again is no news.
    next.seq = 2;
    hear(&mut machine, now, next);
    hear(&mut machine, now, delta("f", 3, &["c"], &["x"]));
    assert_eq!(updates(&mut machine), []);
    assert_eq!(machine.position().unwrap().seq, 3);
}

#[test]
fn no_more_is_taken_than_the_limits_say() {
    let limits = Limits {
        hosts_max: 2,
        pending_bytes_max: 1_000,
    };
    let start = || {
        let mut machine = Machine::new(limits, DAY, None, 1);
        let mut now = Duration::ZERO;
        connect(&mut machine, &mut now);
        (machine, now)
    };
    let (mut machine, now) = start();
    hear(&mut machine, now, snapshot("e", 1, &["a", "b", "c"]));
    assert_eq!(lost(&mut machine), Some(Trouble::TooManyHosts(2)));
    let (mut machine, now) = start();
    hear(&mut machine, now, snapshot("e", 1, &["a", "b"]));
    hear(&mut machine, now, delta("e", 2, &["c"], &["a"]));
    assert_eq!(lost(&mut machine), None);
    hear(&mut machine, now, delta("e", 3, &["a"], &[]));
    assert_eq!(lost(&mut machine), Some(Trouble::TooManyHosts(2)));
    assert_eq!(known(&machine), BTreeSet::from(["b", "c"]));
    let (mut machine, now) = start();
    machine.handle_reply(now, part(snapshot("e", 1, &["a"])), 1_000);
    assert_eq!(lost(&mut machine), None);
    machine.handle_reply(now, snapshot("e", 1, &["b"]), 1);
    assert_eq!(lost(&mut machine), Some(Trouble::TooManyBytes(1_000)));
}
