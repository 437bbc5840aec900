//! PLUGIN.md, "Shrink guard".

use super::*;

/// A machine that knows so many hosts, `h0` and so on, of epoch `e`.
fn knowing(hosts: usize) -> (Machine, Duration) {
    let (mut machine, mut now) = (machine(), Duration::ZERO);
    connect(&mut machine, &mut now);
    hear(&mut machine, now, of("e", 1, 0..hosts));
    (machine, now)
}

/// A snapshot of these hosts.
fn of(epoch: &str, seq: u64, hosts: std::ops::Range<usize>) -> WatchReply {
    WatchReply {
        hosts: hosts.map(|n| wire(&format!("h{n}"), "1")).collect(),
        ..snapshot(epoch, seq, &[])
    }
}

fn gone(hosts: std::ops::Range<usize>) -> Vec<String> {
    hosts.map(|n| format!("h{n}")).collect()
}

#[test]
fn a_snapshot_may_lack_thirty_percent() {
    let (mut machine, now) = knowing(10);
    hear(&mut machine, now, of("e", 2, 0..7));
    assert_eq!((machine.known().len(), machine.held()), (7, None));
    let (mut machine, now) = knowing(10);
    hear(&mut machine, now, of("e", 2, 0..6));
    let held = Held {
        missing: 4,
        unreported: 4,
        of: 10,
    };
    assert_eq!((machine.known().len(), machine.held()), (10, Some(held)));
    // Others that are new make up for none.
    hear(&mut machine, now, of("e", 3, 4..50));
    assert_eq!(machine.known().len(), 10);
}

#[test]
fn fewer_than_ten_hosts_are_not_guarded() {
    let (mut machine, now) = knowing(9);
    hear(&mut machine, now, of("e", 2, 0..0));
    assert_eq!((machine.known().len(), machine.held()), (0, None));
}

#[test]
fn what_is_held_is_used_when_an_administrator_confirms_it() {
    let (mut machine, now) = knowing(20);
    assert!(!machine.confirm());
    hear(&mut machine, now, of("f", 1, 0..2));
    assert_eq!((machine.known().len(), &*machine.position().unwrap().epoch), (20, "e"));
    // What comes after it goes to it.
    hear(&mut machine, now, delta("f", 2, &["new"], &["h1"]));
    assert_eq!(machine.known().len(), 20);
    assert!(machine.confirm());
    assert_eq!(known(&machine), BTreeSet::from(["h0", "new"]));
    assert_eq!(machine.position().map(|at| (&*at.epoch, at.seq)), Some(("f", 2)));
    hear(&mut machine, now, delta("f", 3, &["newer"], &[]));
    assert_eq!(machine.known().len(), 3);
}

#[test]
fn what_is_held_is_used_when_every_missing_host_was_reported() {
    let (mut machine, now) = knowing(20);
    hear(
        &mut machine,
        now,
        WatchReply {
            gone: gone(10..19),
            ..of("f", 1, 0..10)
        },
    );
    assert_eq!(machine.held().unwrap().unreported, 1);
    hear(&mut machine, now, delta("f", 2, &[], &["h19"]));
    assert_eq!((machine.known().len(), machine.held()), (10, None));
    // All reported by the snapshot itself: it is never held.
    let (mut machine, now) = knowing(20);
    hear(
        &mut machine,
        now,
        WatchReply {
            gone: gone(5..20),
            ..of("f", 1, 0..5)
        },
    );
    assert_eq!((machine.known().len(), machine.held()), (5, None));
}

#[test]
fn what_was_reported_is_remembered_over_another_snapshot_unless_it_came_back() {
    let (mut machine, now) = knowing(20);
    hear(
        &mut machine,
        now,
        WatchReply {
            gone: gone(10..15),
            ..of("f", 1, 0..10)
        },
    );
    hear(
        &mut machine,
        now,
        WatchReply {
            gone: gone(15..20),
            ..of("f", 2, 1..10)
        },
    );
    assert_eq!(machine.held().unwrap().unreported, 1);
    hear(&mut machine, now, delta("f", 3, &["h10"], &["h0"]));
    assert_eq!((machine.known().len(), machine.held()), (10, None));
    let (mut machine, now) = knowing(20);
    hear(
        &mut machine,
        now,
        WatchReply {
            gone: gone(10..20),
            ..of("f", 1, 0..0)
        },
    );
    hear(&mut machine, now, of("f", 2, 10..12));
    // h10 and h11 are back; that h0 to h9 are gone nobody has said.
    assert_eq!(machine.held().unwrap().unreported, 10);
    hear(&mut machine, now, of("f", 3, 0..0));
    assert_eq!(machine.held().unwrap().unreported, 12);
}

#[test]
fn an_empty_snapshot_always_needs_confirmation() {
    let (mut machine, now) = knowing(10);
    hear(
        &mut machine,
        now,
        WatchReply {
            gone: gone(0..10),
            ..of("f", 1, 0..0)
        },
    );
    let held = Held {
        missing: 10,
        unreported: 0,
        of: 10,
    };
    assert_eq!((machine.known().len(), machine.held()), (10, Some(held)));
    hear(&mut machine, now, keep_alive("f", 1));
    assert_eq!(machine.known().len(), 10);
    machine.confirm();
    assert_eq!(machine.known().len(), 0);
}

#[test]
fn a_later_snapshot_that_is_fine_takes_its_place() {
    let (mut machine, now) = knowing(20);
    hear(&mut machine, now, of("f", 1, 0..0));
    actions(&mut machine);
    hear(&mut machine, now, of("f", 2, 0..19));
    assert_eq!((machine.known().len(), machine.held()), (19, None));
    assert!(actions(&mut machine).contains(&Action::Notice(Notice::Released)));
}

#[test]
fn what_is_held_is_used_when_the_hosts_have_come_back() {
    let (mut machine, now) = knowing(20);
    hear(&mut machine, now, of("f", 1, 0..0));
    hear(
        &mut machine,
        now,
        WatchReply {
            full: false,
            ..of("f", 2, 0..13)
        },
    );
    assert!(machine.held().is_some());
    hear(
        &mut machine,
        now,
        WatchReply {
            full: false,
            ..of("f", 3, 13..14)
        },
    );
    assert_eq!((machine.known().len(), machine.held()), (14, None));
}

#[test]
fn deltas_pass() {
    let (mut machine, now) = knowing(20);
    let all = gone(0..20);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    hear(&mut machine, now, delta("e", 2, &[], &all));
    assert_eq!((machine.known().len(), machine.held()), (0, None));
}

#[test]
fn what_is_held_is_gone_on_with_after_a_reconnect() {
    let (mut machine, mut now) = knowing(20);
    hear(&mut machine, now, of("f", 1, 0..3));
    machine.handle_closed(now, Trouble::Closed);
    let call = connect(&mut machine, &mut now);
    assert_eq!((call.epoch.as_deref(), call.seq), (Some("f"), Some(1)));
    hear(&mut machine, now, keep_alive("f", 1));
    assert_eq!((machine.state(), machine.held().unwrap().missing), (State::Fresh, 17));
}
