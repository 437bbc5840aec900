//! PLUGIN.md's table of states, and when a connection is made.

use super::*;

fn kept(age: Duration) -> Kept {
    let host = super::super::super::host::Host::try_from(wire("a", "1")).unwrap();
    Kept {
        inventory: [Arc::new(host)].into_iter().collect(),
        position: Some(Position {
            epoch: "e".into(),
            seq: 7,
        }),
        age,
    }
}

/// Lets time pass, nobody being there to connect to; the states with their times.
fn pass(machine: &mut Machine, until: Duration) -> Vec<(Duration, State)> {
    let (mut states, mut now) = (Vec::new(), Duration::ZERO);
    loop {
        while let Some(action) = machine.next_action() {
            match action {
                Action::State(state) => states.push((now, state)),
                Action::Connect => machine.handle_closed(now, Trouble::Connect(std::io::ErrorKind::NotFound)),
                Action::Disconnect | Action::Update(_) | Action::Notice(_) => {}
            }
        }
        let next = machine.poll_timeout().unwrap().max(now);
        if next > until {
            return states;
        }
        now = next;
        machine.handle_timeout(now);
    }
}

#[test]
fn fresh_stale_expired() {
    let mut machine = machine();
    machine.handle_connected(Duration::ZERO);
    hear(&mut machine, Duration::ZERO, snapshot("e", 1, &["a"]));
    let states = pass(&mut machine, DAY * 2);
    let expected = [
        (Duration::ZERO, State::Cold),
        (Duration::ZERO, State::Fresh),
        (secs(30), State::Stale),
        (DAY, State::Expired),
    ];
    assert_eq!(states, expected);
    assert_eq!(known(&machine), BTreeSet::from(["a"]));
}

#[test]
fn what_was_kept_expires_by_its_age() {
    let mut machine = Machine::new(Limits::default(), DAY, Some(kept(secs(3_600))), 1);
    assert!(matches!(&machine.actions[0], Action::Update(update) if update.full && update.changed.len() == 1));
    assert_eq!(machine.actions[1], Action::State(State::Cold));
    let states = pass(&mut machine, DAY * 2);
    assert_eq!(
        states,
        [(Duration::ZERO, State::Cold), (DAY - secs(3_600), State::Expired)]
    );
    let mut old = Machine::new(Limits::default(), DAY, Some(kept(DAY * 3)), 1);
    assert_eq!(pass(&mut old, DAY), [(Duration::ZERO, State::Expired)]);
    // Its word makes it fresh.
    let mut now = DAY;
    connect(&mut old, &mut now);
    hear(&mut old, now, keep_alive("e", 7));
    assert_eq!(old.state(), State::Fresh);
}

#[test]
fn with_nothing_kept_there_is_nothing_to_expire() {
    let mut machine = machine();
    assert_eq!(pass(&mut machine, DAY * 3), [(Duration::ZERO, State::Cold)]);
}

#[test]
fn a_part_is_a_sign_of_life_but_makes_nothing_fresh() {
    let (mut machine, mut now) = (machine(), Duration::ZERO);
    connect(&mut machine, &mut now);
    for n in 0..20 {
        now += secs(20);
        machine.handle_timeout(now);
        hear(&mut machine, now, part(snapshot("e", 1, &[&format!("h{n}")])));
    }
    assert_eq!((lost(&mut machine), machine.state()), (None, State::Cold));
    hear(&mut machine, now, snapshot("e", 1, &[]));
    assert_eq!((machine.known().len(), machine.state()), (20, State::Fresh));
}

#[test]
fn one_that_hangs_is_connected_to_anew_and_asked_to_go_on() {
    let (mut machine, mut now) = (machine(), Duration::ZERO);
    connect(&mut machine, &mut now);
    hear(&mut machine, now, snapshot("e", 1, &["a"]));
    actions(&mut machine);
    machine.handle_timeout(secs(29));
    assert_eq!(actions(&mut machine), []);
    machine.handle_timeout(secs(30));
    let expected = [
        Action::Disconnect,
        Action::Notice(Notice::Lost(Trouble::Silent)),
        Action::State(State::Stale),
    ];
    assert_eq!(actions(&mut machine), expected);
    let call = connect(&mut machine, &mut now);
    assert_eq!((call.epoch.as_deref(), call.seq), (Some("e"), Some(1)));
    assert!(now >= secs(30) + Duration::from_millis(100) && now <= secs(31));
}

#[test]
fn one_that_cannot_be_connected_to_is_tried_again_and_named_once() {
    let mut machine = machine();
    let mut now = Duration::ZERO;
    let (mut attempts, mut notices) = (Vec::new(), 0);
    while now < secs(3_600) {
        for action in actions(&mut machine) {
            match action {
                Action::Connect => attempts.push(now),
                Action::Notice(_) => notices += 1,
                _ => {}
            }
        }
        // The first hangs, and is given up after ten seconds.
        if attempts.len() > 1 {
            machine.handle_closed(now, Trouble::Connect(std::io::ErrorKind::TimedOut));
        }
        now = machine.poll_timeout().unwrap();
        machine.handle_timeout(now);
    }
    assert_eq!(notices, 1);
    let waits: Vec<Duration> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(waits[0] >= CONNECT_MAX && waits[0] <= CONNECT_MAX + secs(1));
    assert!(
        waits[1..]
            .iter()
            .all(|wait| *wait >= Duration::from_millis(100) && *wait <= secs(30))
    );
    assert!(attempts.len() > 120);
}

#[test]
fn one_that_breaks_off_after_each_snapshot_is_not_asked_at_short_intervals() {
    let (mut machine, mut now) = (machine(), Duration::ZERO);
    let mut connections = 0;
    while now < secs(3_600) {
        connect(&mut machine, &mut now);
        connections += 1;
        hear(&mut machine, now, snapshot(&format!("e{connections}"), 1, &["a"]));
        machine.handle_closed(now, Trouble::Closed);
    }
    assert!(connections < 400, "{connections}");
    // One that has been in order for a while is looked for at once.
    connect(&mut machine, &mut now);
    hear(&mut machine, now, snapshot("x", 1, &["a"]));
    for _ in 0..4 {
        now += secs(10);
        hear(&mut machine, now, keep_alive("x", 1));
    }
    let before = now;
    machine.handle_closed(now, Trouble::Closed);
    connect(&mut machine, &mut now);
    assert!(now - before <= Duration::from_millis(200));
}
