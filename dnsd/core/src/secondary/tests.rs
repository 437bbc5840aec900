//! A secondary, step by step. What holds over years is in `simulation`.

use super::*;

mod peers;
mod simulation;

const SECOND: Duration = Duration::from_secs(1);

fn soa(serial: u32) -> Soa {
    Soa {
        serial: Serial(serial),
        refresh: 3600,
        retry: 600,
        expire: 86_400,
        minimum: 60,
    }
}

fn settings(primaries: usize) -> Settings {
    Settings {
        primaries: NonZeroUsize::new(primaries).unwrap(),
        bounds: Bounds::default(),
        role: Role::Secondary,
        transfer_time_max: TRANSFER_TIME_MAX,
        first_within: Duration::ZERO,
        seed: 7,
    }
}

/// A secondary that has version 1, confirmed when it started at zero.
fn with_version_1(primaries: usize) -> Secondary {
    let copy = SavedCopy {
        soa: soa(1),
        confirmed_ago: Duration::ZERO,
    };
    let mut secondary = Secondary::new(Duration::ZERO, settings(primaries), Some(copy));
    let (attempt, ..) = ask(&mut secondary, Duration::ZERO);
    assert_eq!(
        secondary.handle_answer(Duration::ZERO, attempt, SoaAnswer::Soa(soa(1))),
        Verdict::Confirmed
    );
    secondary
}

fn ask(secondary: &mut Secondary, now: Duration) -> (Attempt, usize, Transport) {
    match secondary.next(now) {
        Action::Ask {
            attempt,
            primary,
            transport,
        } => (attempt, primary, transport),
        other => panic!("{other:?}"),
    }
}

fn transfer(secondary: &mut Secondary, now: Duration) -> (Attempt, usize, Option<Serial>) {
    match secondary.next(now) {
        Action::Transfer {
            attempt, primary, from, ..
        } => (attempt, primary, from),
        other => panic!("{other:?}"),
    }
}

fn wait(secondary: &mut Secondary, now: Duration) -> Duration {
    match secondary.next(now) {
        Action::Wait(until) => until,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_zone_that_isnt_here_is_transferred_whole() {
    let mut secondary = Secondary::new(SECOND, settings(1), None);
    let (attempt, primary, transport) = ask(&mut secondary, SECOND);
    assert_eq!((primary, transport), (0, Transport::Udp));
    assert_eq!(wait(&mut secondary, SECOND), SECOND * 6);
    assert_eq!(
        secondary.handle_answer(SECOND, attempt, SoaAnswer::Soa(soa(5))),
        Verdict::Newer(Serial(5))
    );
    let (attempt, primary, from) = transfer(&mut secondary, SECOND);
    assert_eq!((primary, from), (0, None));
    assert_eq!(
        secondary.handle_transfer(SECOND, attempt, TransferEnd::Complete(soa(5))),
        Verdict::Replaced
    );
    assert_eq!(secondary.serial(), Some(Serial(5)));
    let until = wait(&mut secondary, SECOND);
    assert!((SECOND * 2701..=SECOND * 3601).contains(&until), "{until:?}");
    assert_eq!(secondary.status().expires_at, Some(SECOND * 86_401));
}

#[test]
fn rfc1035_4_2_a_primary_that_doesnt_answer_datagrams_is_asked_over_tcp_then_the_next() {
    let mut secondary = with_version_1(2);
    let mut now = wait(&mut secondary, SECOND);
    let mut asked = Vec::new();
    for _ in 0..8 {
        let (attempt, primary, transport) = ask(&mut secondary, now);
        asked.push((primary, transport));
        now = wait(&mut secondary, now);
        assert_eq!(secondary.next(now), Action::Abandon(attempt));
        assert_eq!(
            secondary.handle_answer(now, attempt, SoaAnswer::Soa(soa(9))),
            Verdict::Late
        );
    }
    use Transport::{Tcp, Udp};
    assert_eq!(
        asked,
        [
            (0, Udp),
            (0, Udp),
            (0, Udp),
            (0, Tcp),
            (1, Udp),
            (1, Udp),
            (1, Udp),
            (1, Tcp)
        ]
    );
    let until = wait(&mut secondary, now) - now;
    assert!((SECOND * 450..=SECOND * 600).contains(&until), "{until:?}");
    assert_eq!(secondary.status().failures, 1);
}

#[test]
fn who_says_less_in_a_datagram_is_asked_again_over_tcp() {
    for answer in [SoaAnswer::Truncated, SoaAnswer::Refused] {
        let mut secondary = with_version_1(1);
        let now = wait(&mut secondary, SECOND);
        let (attempt, ..) = ask(&mut secondary, now);
        assert_eq!(secondary.handle_answer(now, attempt, answer), Verdict::Again);
        let (attempt, _, transport) = ask(&mut secondary, now);
        assert_eq!(transport, Transport::Tcp);
        assert_eq!(secondary.handle_answer(now, attempt, answer), Verdict::Failed);
    }
}

#[test]
fn rfc1982_a_serial_that_went_back_brings_nothing_and_confirms_nothing() {
    let mut secondary = with_version_1(2);
    let confirmed_at = secondary.status().confirmed_at;
    let now = wait(&mut secondary, SECOND);
    let (attempt, ..) = ask(&mut secondary, now);
    assert_eq!(
        secondary.handle_answer(now, attempt, SoaAnswer::Soa(soa(0))),
        Verdict::Older(Serial(0))
    );
    let (attempt, primary, _) = ask(&mut secondary, now);
    assert_eq!(primary, 1);
    assert_eq!(
        secondary.handle_answer(now, attempt, SoaAnswer::Soa(soa(2))),
        Verdict::Newer(Serial(2))
    );
    let (attempt, _, from) = transfer(&mut secondary, now);
    assert_eq!(from, Some(Serial(1)));
    assert_eq!(
        secondary.handle_transfer(now, attempt, TransferEnd::Complete(soa(0x8000_0001))),
        Verdict::Older(Serial(0x8000_0001))
    );
    assert_eq!(secondary.serial(), Some(Serial(1)));
    assert_eq!(secondary.status().confirmed_at, confirmed_at);
}

#[test]
fn rfc1995_4_changes_that_dont_fit_are_followed_by_the_whole_zone() {
    let mut secondary = with_version_1(1);
    let now = wait(&mut secondary, SECOND);
    let (attempt, ..) = ask(&mut secondary, now);
    secondary.handle_answer(now, attempt, SoaAnswer::Soa(soa(2)));
    let (attempt, ..) = transfer(&mut secondary, now);
    assert_eq!(
        secondary.handle_transfer(now, attempt, TransferEnd::IncrementUnusable),
        Verdict::Again
    );
    let (attempt, primary, from) = transfer(&mut secondary, now);
    assert_eq!((primary, from), (0, None));
    assert_eq!(
        secondary.handle_transfer(now, attempt, TransferEnd::IncrementUnusable),
        Verdict::Failed
    );
}

#[test]
fn rfc1996_3_11_a_notify_of_what_is_here_asks_nobody() {
    let mut secondary = with_version_1(2);
    let before = wait(&mut secondary, SECOND);
    assert!(!secondary.handle_notify(0, Some(Serial(1))));
    assert!(!secondary.handle_notify(0, Some(Serial(0))));
    assert_eq!(wait(&mut secondary, SECOND), before);
    assert!(secondary.handle_notify(1, Some(Serial(2))));
    let (_, primary, _) = ask(&mut secondary, SECOND);
    assert_eq!(primary, 1, "who notified is asked first");
}

#[test]
fn rfc1996_4_3_a_notify_during_a_transfer_starts_a_refresh_behind_it() {
    let mut secondary = with_version_1(2);
    secondary.handle_notify(0, Some(Serial(2)));
    let (attempt, ..) = ask(&mut secondary, SECOND);
    secondary.handle_answer(SECOND, attempt, SoaAnswer::Soa(soa(2)));
    let (attempt, ..) = transfer(&mut secondary, SECOND);
    secondary.handle_notify(0, Some(Serial(2)));
    secondary.handle_notify(1, Some(Serial(3)));
    secondary.handle_transfer(SECOND * 2, attempt, TransferEnd::Complete(soa(2)));
    let (attempt, primary, _) = ask(&mut secondary, SECOND * 2);
    assert_eq!(primary, 1, "version 2 is here, version 3 is not");
    secondary.handle_answer(SECOND * 2, attempt, SoaAnswer::Soa(soa(2)));
    assert!(wait(&mut secondary, SECOND * 2) > SECOND * 3);
}

#[test]
fn a_notify_that_was_overtaken_doesnt_hide_the_newer_one() {
    let mut secondary = with_version_1(1);
    secondary.handle_notify(0, Some(Serial(2)));
    let (attempt, ..) = ask(&mut secondary, SECOND);
    secondary.handle_answer(SECOND, attempt, SoaAnswer::Soa(soa(2)));
    let (attempt, ..) = transfer(&mut secondary, SECOND);
    secondary.handle_notify(0, Some(Serial(3)));
    secondary.handle_notify(0, Some(Serial(2)));
    secondary.handle_transfer(SECOND * 2, attempt, TransferEnd::Complete(soa(2)));
    let (attempt, ..) = ask(&mut secondary, SECOND * 2);
    assert_eq!(
        secondary.handle_answer(SECOND * 2, attempt, SoaAnswer::Soa(soa(3))),
        Verdict::Newer(Serial(3))
    );
}

#[test]
fn an_expired_zone_is_asked_for_as_one_that_never_came() {
    let lasting = Soa {
        retry: 1_209_600,
        expire: 90_000,
        ..soa(1)
    };
    let copy = SavedCopy {
        soa: lasting,
        confirmed_ago: Duration::ZERO,
    };
    let mut secondary = Secondary::new(Duration::ZERO, settings(1), Some(copy));
    let mut now = Duration::ZERO;
    let expired_at = loop {
        match secondary.next(now) {
            Action::Wait(until) => now = until,
            Action::Expire => break now,
            _ => {}
        }
    };
    loop {
        match secondary.next(now) {
            Action::Wait(until) => now = until,
            Action::Ask { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(now - expired_at <= SECOND * 3600, "{:?}", now - expired_at);
}

#[test]
fn notifications_without_end_ask_five_times_a_second() {
    let mut secondary = with_version_1(1);
    let (mut now, mut asked) = (SECOND, 0);
    while now < SECOND * 11 {
        secondary.handle_notify(0, None);
        match secondary.next(now) {
            Action::Ask { attempt, .. } => {
                asked += 1;
                secondary.handle_answer(now, attempt, SoaAnswer::Soa(soa(1)));
            }
            Action::Wait(until) => now = until,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(asked, 50);
}

#[test]
fn rfc1034_4_3_5_a_zone_that_nobody_confirms_expires() {
    let mut secondary = with_version_1(1);
    let mut now = SECOND;
    let expired_at = loop {
        match secondary.next(now) {
            Action::Wait(until) => now = until,
            Action::Expire => break now,
            _ => {}
        }
    };
    assert_eq!(expired_at, SECOND * 86_400);
    assert_eq!(secondary.serial(), None);
    secondary.handle_notify(0, Some(Serial(1)));
    let attempt = loop {
        match secondary.next(now) {
            Action::Ask { attempt, .. } => break attempt,
            Action::Wait(until) => now = until,
            _ => {}
        }
    };
    secondary.handle_answer(now, attempt, SoaAnswer::Soa(soa(1)));
    let (attempt, _, from) = transfer(&mut secondary, now);
    assert_eq!(from, None, "what is gone can't be changed");
    assert_eq!(
        secondary.handle_transfer(now, attempt, TransferEnd::Complete(soa(1))),
        Verdict::Replaced
    );
}

#[test]
fn a_copy_that_expired_while_the_server_was_down_is_never_served() {
    let copy = SavedCopy {
        soa: soa(1),
        confirmed_ago: SECOND * 86_400,
    };
    let mut secondary = Secondary::new(SECOND, settings(1), Some(copy));
    assert_eq!(secondary.next(SECOND), Action::Expire);
    let (_, primary, _) = ask(&mut secondary, SECOND);
    assert_eq!(primary, 0);
}

#[test]
fn a_transfer_waits_for_its_turn_for_as_long_as_it_takes() {
    let mut secondary = Secondary::new(Duration::ZERO, settings(2), None);
    let (asked, _, _) = ask(&mut secondary, Duration::ZERO);
    secondary.handle_answer(Duration::ZERO, asked, SoaAnswer::Soa(soa(5)));
    let (attempt, ..) = transfer(&mut secondary, Duration::ZERO);
    let late = TRANSFER_TIME_MAX * 10;
    assert!(wait(&mut secondary, late) > late);
    secondary.handle_transfer_going_on(late, asked);
    secondary.handle_transfer_going_on(late, attempt);
    assert_eq!(wait(&mut secondary, late), late + TRANSFER_TIME_MAX);
    // It has come and is stored.
    let stored = late + TRANSFER_TIME_MAX - SECOND;
    secondary.handle_transfer_going_on(stored, attempt);
    assert_eq!(wait(&mut secondary, stored), stored + TRANSFER_TIME_MAX);
    let over = stored + TRANSFER_TIME_MAX;
    assert_eq!(secondary.next(over), Action::Abandon(attempt));
    assert_eq!(ask(&mut secondary, over).1, 1);
}

#[test]
fn a_retransfer_takes_the_zone_whatever_its_serial_is() {
    let mut secondary = with_version_1(2);
    secondary.handle_retransfer();
    let Action::Transfer {
        attempt,
        primary: 0,
        from: None,
        forced: true,
    } = secondary.next(SECOND)
    else {
        panic!()
    };
    secondary.handle_transfer(SECOND, attempt, TransferEnd::Failed);
    let (attempt, primary, from) = transfer(&mut secondary, SECOND);
    assert_eq!((primary, from), (1, None));
    assert_eq!(
        secondary.handle_transfer(SECOND, attempt, TransferEnd::Complete(soa(0))),
        Verdict::Replaced
    );
    assert_eq!(secondary.serial(), Some(Serial(0)));
}

#[test]
fn ten_thousand_zones_started_at_once_spread_their_first_refresh() {
    let within = first_refresh_within(10_000, 20);
    assert_eq!((within, first_refresh_within(1, 20)), (SECOND * 500, Duration::ZERO));
    assert_eq!(first_refresh_within(10_000, 1000), SECOND * 10);
    let mut by_ten_seconds = [0_usize; 51];
    for seed in 0..10_000 {
        let settings = Settings {
            first_within: within,
            seed,
            ..settings(1)
        };
        let first = wait_or_now(&mut Secondary::new(Duration::ZERO, settings, None));
        by_ten_seconds[(first.as_secs() / 10) as usize] += 1;
    }
    // 200 on the average; a random spread has five standard deviations of 14 around it.
    assert!(
        by_ten_seconds[..50].iter().all(|count| (130..=270).contains(count)),
        "{by_ten_seconds:?}"
    );
    assert!(by_ten_seconds[50] <= 2);
}

fn wait_or_now(secondary: &mut Secondary) -> Duration {
    match secondary.next(Duration::ZERO) {
        Action::Wait(until) => until,
        _ => Duration::ZERO,
    }
}

#[test]
fn a_version_that_waits_to_be_accepted_is_transferred_once_and_its_primary_keeps_the_zone_alive() {
    let mut secondary = with_version_1(1);
    let mut now = Duration::ZERO;
    let mut transfers = 0;
    // Longer than the zone lasts without a primary.
    while now < SECOND * 200_000 {
        match secondary.next(now) {
            Action::Wait(until) => now = until,
            Action::Ask { attempt, .. } => {
                secondary.handle_answer(now, attempt, SoaAnswer::Soa(soa(2)));
            }
            Action::Transfer { attempt, .. } => {
                transfers += 1;
                let verdict = secondary.handle_transfer(now, attempt, TransferEnd::HeldBack(Serial(2)));
                assert_eq!(verdict, Verdict::HeldBack(Serial(2)));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((transfers, secondary.serial()), (1, Some(Serial(1))));
    // Another one is another matter, and so is the same one after the primary had the version that is here.
    for offered in [3, 1, 2] {
        secondary.handle_notify(0, None);
        let (attempt, ..) = ask(&mut secondary, now);
        secondary.handle_answer(now, attempt, SoaAnswer::Soa(soa(offered)));
        now += SECOND;
        if offered > 1 {
            let (attempt, ..) = transfer(&mut secondary, now);
            secondary.handle_transfer(now, attempt, TransferEnd::HeldBack(Serial(offered)));
        }
    }
}

#[test]
fn a_version_that_waits_does_not_bring_an_expired_zone_back() {
    let mut secondary = Secondary::new(Duration::ZERO, settings(1), None);
    let (attempt, ..) = ask(&mut secondary, Duration::ZERO);
    secondary.handle_answer(Duration::ZERO, attempt, SoaAnswer::Soa(soa(2)));
    let (attempt, ..) = transfer(&mut secondary, Duration::ZERO);
    secondary.handle_transfer(Duration::ZERO, attempt, TransferEnd::HeldBack(Serial(2)));
    assert_eq!((secondary.serial(), secondary.status().failures), (None, 1));
    // Nor is it transferred at each try.
    let now = wait(&mut secondary, Duration::ZERO);
    let (attempt, ..) = ask(&mut secondary, now);
    assert_eq!(
        secondary.handle_answer(now, attempt, SoaAnswer::Soa(soa(2))),
        Verdict::HeldBack(Serial(2))
    );
    assert_eq!((secondary.serial(), secondary.status().failures), (None, 2));
}
