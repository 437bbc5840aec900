//! Primaries that follow each other.

use proptest::prelude::*;

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

fn peer(now: Duration, peers: usize, serial: u32) -> Secondary {
    let settings = Settings {
        role: Role::Peer,
        seed: u64::from(serial),
        ..settings(peers)
    };
    let copy = SavedCopy {
        soa: soa(serial),
        confirmed_ago: SECOND * 1_000_000,
    };
    Secondary::new(now, settings, Some(copy))
}

/// Answers the question for the SOA record, which is to go to this peer.
fn answer(secondary: &mut Secondary, now: Duration, of: usize, serial: u32) -> Verdict {
    let (attempt, primary, _) = ask(secondary, now);
    assert_eq!(primary, of);
    secondary.handle_answer(now, attempt, SoaAnswer::Soa(soa(serial)))
}

fn compare(secondary: &mut Secondary, now: Duration, is_same: bool) -> Verdict {
    let Action::Compare { attempt, .. } = secondary.next(now) else {
        panic!("nothing is compared");
    };
    secondary.handle_transfer(now, attempt, TransferEnd::Compared { is_same })
}

#[test]
fn a_peers_zone_does_not_expire() {
    let mut secondary = peer(SECOND, 1, 1);
    let mut now = SECOND;
    while now < SECOND * 1_000_000 {
        match secondary.next(now) {
            Action::Wait(until) => now = until,
            Action::Expire => panic!("expired"),
            _ => {}
        }
    }
    assert_eq!(secondary.serial(), Some(Serial(1)));
}

#[test]
fn a_newer_version_is_taken_whole_from_a_peer_that_may_have_had_other_data_and_in_steps_from_there_on() {
    let mut secondary = peer(SECOND, 1, 5);
    for (serial, from) in [(6, None), (7, Some(Serial(6)))] {
        secondary.handle_notify(0, Some(Serial(serial)));
        assert_eq!(
            answer(&mut secondary, SECOND * serial, 0, serial),
            Verdict::Newer(Serial(serial))
        );
        let (attempt, _, wanted) = transfer(&mut secondary, SECOND * serial);
        assert_eq!(wanted, from);
        let end = TransferEnd::Complete(soa(serial));
        assert_eq!(
            secondary.handle_transfer(SECOND * serial, attempt, end),
            Verdict::Replaced
        );
    }
    // It says itself that it has it, which is known.
    assert!(!secondary.handle_notify(0, Some(Serial(7))));
}

#[test]
fn a_peer_with_an_older_version_is_no_failure() {
    let mut secondary = peer(SECOND, 1, 5);
    assert_eq!(answer(&mut secondary, SECOND, 0, 4), Verdict::Older(Serial(4)));
    let status = secondary.status();
    assert_eq!((status.failures, status.confirmed_at), (0, Some(SECOND)));
    assert!(wait(&mut secondary, SECOND) > SECOND * 2000);
}

#[test]
fn all_peers_are_asked_and_one_that_is_there_is_enough() {
    let mut secondary = peer(SECOND, 3, 5);
    assert_eq!(answer(&mut secondary, SECOND, 0, 4), Verdict::Older(Serial(4)));
    let (attempt, primary, _) = ask(&mut secondary, SECOND);
    assert_eq!(primary, 1);
    secondary.handle_answer(SECOND, attempt, SoaAnswer::Failed);
    assert_eq!(answer(&mut secondary, SECOND, 2, 6), Verdict::Newer(Serial(6)));
    let (attempt, ..) = transfer(&mut secondary, SECOND);
    secondary.handle_transfer(SECOND, attempt, TransferEnd::Failed);
    assert_eq!(secondary.status().failures, 0);
}

#[test]
fn data_under_an_equal_serial_are_compared_once_and_again_at_a_refresh_while_they_differ() {
    let mut secondary = peer(SECOND, 1, 5);
    assert_eq!(answer(&mut secondary, SECOND, 0, 5), Verdict::Again);
    let Action::Compare { attempt, .. } = secondary.next(SECOND) else {
        panic!("nothing is compared");
    };
    assert_eq!(
        secondary.handle_transfer(SECOND * 2, attempt, TransferEnd::Compared { is_same: false }),
        Verdict::Conflict(Serial(5))
    );
    assert_eq!(secondary.status().conflict_with, Some(0));
    // Not for each notification.
    assert!(secondary.handle_notify(0, Some(Serial(5))));
    assert_eq!(answer(&mut secondary, SECOND * 2, 0, 5), Verdict::Confirmed);
    let now = wait(&mut secondary, SECOND * 2);
    assert!(now > SECOND * 2000, "{now:?}");
    assert_eq!(answer(&mut secondary, now, 0, 5), Verdict::Again);
    assert_eq!(compare(&mut secondary, now, true), Verdict::Confirmed);
    assert_eq!(secondary.status().conflict_with, None);
    let now = wait(&mut secondary, now);
    assert_eq!(answer(&mut secondary, now, 0, 5), Verdict::Confirmed);
    assert!(!secondary.handle_notify(0, Some(Serial(5))));
}

#[test]
fn a_change_here_asks_the_peers_and_what_can_t_be_compared_yet_is_when_it_can() {
    let mut secondary = peer(SECOND, 1, 5);
    answer(&mut secondary, SECOND, 0, 5);
    let Action::Compare { attempt, .. } = secondary.next(SECOND) else {
        panic!("nothing is compared");
    };
    let now = SECOND * 3;
    secondary.handle_transfer(now, attempt, TransferEnd::Compared { is_same: true });
    let now = SECOND * 10;
    secondary.handle_change(now, soa(6));
    assert_eq!(answer(&mut secondary, now, 0, 6), Verdict::Confirmed);
    // It took two seconds.
    let now = wait(&mut secondary, now);
    assert_eq!(now, SECOND * 103);
    assert_eq!(answer(&mut secondary, now, 0, 6), Verdict::Again);
    assert_eq!(compare(&mut secondary, now, false), Verdict::Conflict(Serial(6)));
    // Who raises the serial decides.
    secondary.handle_change(now + SECOND, soa(7));
    assert_eq!(secondary.status().conflict_with, None);
}

/// Two primaries that follow each other, each with a version: a serial and what stands for the data.
struct Pair {
    machines: [Secondary; 2],
    versions: [(u32, u32); 2],
    now: Duration,
    transfers: usize,
}

impl Pair {
    fn edit(&mut self, at: usize, raises_by: u32, data: u32) {
        self.versions[at] = (self.versions[at].0 + raises_by, data);
        self.machines[at].handle_change(self.now, soa(self.versions[at].0));
    }

    fn notify(&mut self, to: usize) {
        self.machines[to].handle_notify(0, Some(Serial(self.versions[1 - to].0)));
    }

    /// Everything that is to be done at one of them before it waits; gives until when, and whether it took a version.
    fn act(&mut self, at: usize) -> (Duration, bool) {
        let mut has_taken = false;
        loop {
            let theirs = self.versions[1 - at];
            let machine = &mut self.machines[at];
            match machine.next(self.now) {
                Action::Wait(until) => return (until, has_taken),
                Action::Ask { attempt, .. } => {
                    machine.handle_answer(self.now, attempt, SoaAnswer::Soa(soa(theirs.0)));
                }
                Action::Transfer { attempt, from, .. } => {
                    self.transfers += 1;
                    assert!(from.is_none_or(|from| from == Serial(self.versions[at].0)));
                    let end = TransferEnd::Complete(soa(theirs.0));
                    if machine.handle_transfer(self.now, attempt, end) == Verdict::Replaced {
                        self.versions[at] = theirs;
                        has_taken = true;
                    }
                }
                Action::Compare { attempt, .. } => {
                    self.transfers += 1;
                    let is_same = theirs == self.versions[at];
                    machine.handle_transfer(self.now, attempt, TransferEnd::Compared { is_same });
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Lets time pass. Whoever has another version notifies, unless that gets lost.
    fn live(&mut self, time: Duration, is_lossy: bool) {
        let end = self.now + time;
        while self.now < end {
            let mut next = end;
            for at in [0, 1] {
                let (until, has_taken) = self.act(at);
                next = next.min(until);
                if has_taken && !is_lossy {
                    self.notify(1 - at);
                    next = self.now + Duration::from_millis(1);
                }
            }
            self.now = next;
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_edited_where_two_peers_end_up_with_the_same_or_say_both_that_they_don_t(
        edits in prop::collection::vec((0..2_usize, 1..3_u32, 0..400_u64, any::<bool>()), 1..20),
    ) {
        let mut pair = Pair {
            machines: [1, 1].map(|serial| peer(SECOND, 1, serial)),
            versions: [(1, 0); 2],
            now: SECOND,
            transfers: 0,
        };
        for (n, (at, raises_by, pause, is_lossy)) in edits.iter().enumerate() {
            pair.edit(*at, *raises_by, n as u32 + 1);
            if !is_lossy {
                pair.notify(1 - at);
            }
            pair.live(SECOND * u32::try_from(*pause).unwrap(), *is_lossy);
        }
        pair.live(DAY, false);
        let conflicts = pair.machines.each_ref().map(|machine| machine.status().conflict_with.is_some());
        let is_same = pair.versions[0] == pair.versions[1];
        prop_assert_eq!(pair.versions[0].0, pair.versions[1].0);
        prop_assert_eq!(conflicts, [!is_same; 2]);
        // No version goes round: per edit one is taken and each side compares once; then a comparison a refresh at most.
        prop_assert!(pair.transfers <= 3 * edits.len() + 2 + 2 * 32 * usize::from(!is_same), "{}", pair.transfers);
        let before = pair.transfers;
        pair.live(DAY, false);
        prop_assert!(!is_same || pair.transfers == before);
    }
}
