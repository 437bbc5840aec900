use proptest::prelude::*;

use super::*;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn sends(notifier: &mut Notifier, now: Duration) -> Vec<(usize, u32, u32)> {
    std::iter::from_fn(|| notifier.next_send(now))
        .map(|send| (send.target.0, send.serial.0, send.retry))
        .collect()
}

#[test]
fn rfc1996_3_6_a_target_is_told_until_it_answers() {
    let mut notifier = Notifier::new(2);
    assert_eq!(notifier.wakes_at(), None);
    notifier.handle_change(secs(1), Serial(7));
    assert_eq!(notifier.wakes_at(), Some(secs(1)));
    assert_eq!(sends(&mut notifier, secs(1)), [(0, 7, 0), (1, 7, 0)]);
    assert!(notifier.handle_response(Target(0), Serial(7), Rcode::NOERROR));
    assert!(!notifier.handle_response(Target(0), Serial(7), Rcode::NOERROR));
    assert_eq!(notifier.wakes_at(), Some(secs(6)));
    assert_eq!(sends(&mut notifier, secs(6)), [(1, 7, 1)]);
    assert!(notifier.handle_response(Target(1), Serial(7), Rcode::REFUSED));
    assert_eq!(notifier.wakes_at(), None);
    assert!(notifier.states().eq([
        TargetState::Answered(Serial(7), Rcode::NOERROR),
        TargetState::Answered(Serial(7), Rcode::REFUSED)
    ]));
}

#[test]
fn rfc1996_3_6_a_target_that_never_answers_is_given_up() {
    let mut notifier = Notifier::new(1);
    notifier.handle_change(secs(0), Serial(7));
    let mut sent_at = Vec::new();
    while let Some(now) = notifier.wakes_at() {
        sent_at.extend(sends(&mut notifier, now).iter().map(|_| now.as_secs()));
        assert!(now <= secs(75));
    }
    assert_eq!(sent_at, [0, 5, 15, 35]);
    assert!(notifier.states().eq([TargetState::GivenUp(Serial(7))]));
}

#[test]
fn who_is_due_for_the_longest_is_told_first() {
    let mut notifier = Notifier::new(100);
    notifier.handle_change(secs(0), Serial(7));
    // One a second: retries of the first targets are due before the last ones are told at all.
    let told: Vec<usize> = (0..100)
        .map(|now| notifier.next_send(secs(now)).unwrap().target.0)
        .collect();
    assert!(told.iter().copied().eq(0..100));
}

#[test]
fn a_newer_serial_takes_the_place_of_the_one_that_is_being_told() {
    let mut notifier = Notifier::new(1);
    notifier.handle_change(secs(0), Serial(7));
    assert_eq!(sends(&mut notifier, secs(0)), [(0, 7, 0)]);
    notifier.handle_change(secs(1), Serial(8));
    assert!(
        !notifier.handle_response(Target(0), Serial(8), Rcode::NOERROR),
        "not sent yet"
    );
    assert_eq!(sends(&mut notifier, secs(1)), [(0, 8, 0)]);
    assert!(!notifier.handle_response(Target(0), Serial(7), Rcode::NOERROR));
    assert!(!notifier.handle_response(Target(1), Serial(8), Rcode::NOERROR));
    assert!(notifier.handle_response(Target(0), Serial(8), Rcode::NOERROR));
}

proptest! {
    /// Whatever is lost and whenever versions come, everybody's last word is about the last version, after four messages
    /// at most for each version.
    #[test]
    fn every_target_hears_of_the_last_version_or_is_given_up(
        events in prop::collection::vec((0..40_u64, any::<bool>(), any::<[bool; 3]>()), 1..40),
    ) {
        let mut notifier = Notifier::new(3);
        let (mut now, mut serial) = (secs(0), 0);
        let mut sent = [0; 3];
        notifier.handle_change(now, Serial(serial));
        for (wait, change, heard) in events {
            now += secs(wait);
            if change {
                serial += 1;
                sent = [0; 3];
                notifier.handle_change(now, Serial(serial));
            }
            while let Some(send) = notifier.next_send(now) {
                let target = send.target.0;
                prop_assert_eq!((send.serial, send.retry), (Serial(serial), sent[target]));
                sent[target] += 1;
                prop_assert!(sent[target] <= SENDS_MAX);
                if heard[target] {
                    prop_assert!(notifier.handle_response(send.target, send.serial, Rcode::NOERROR));
                }
            }
            prop_assert!(notifier.wakes_at().is_none_or(|at| at > now));
        }
        while let Some(at) = notifier.wakes_at() {
            sends(&mut notifier, at);
        }
        for state in notifier.states() {
            prop_assert!(matches!(state, TargetState::Answered(told, _) | TargetState::GivenUp(told) if told == Serial(serial)));
        }
    }
}
