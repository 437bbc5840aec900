//! Years of a secondary's life with primaries that die, return, lie and lose packets, in virtual time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::secondary::jitter::Jitter;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// Nothing is waited for longer than a transfer.
const PATIENCE_MAX: Duration = Duration::from_secs(7200);

/// What a primary is like for a while.
#[derive(Debug, Clone, Copy)]
enum Mood {
    /// It has the zone.
    Well,
    /// It doesn't answer.
    Dead,
    /// It refuses everything.
    Refusing,
    /// Its serial is an old one.
    Back,
    /// It claims a newer serial than what its transfers bring.
    Boasting,
    /// Its transfers break.
    Broken,
    /// Its changes don't fit; the whole zone does.
    Unfit,
    /// Its transfers don't end.
    Endless,
    /// Its datagrams are truncated.
    Truncating,
}

fn moods() -> impl Strategy<Value = Mood> {
    use Mood::*;
    prop_oneof![
        6 => Just(Well),
        2 => Just(Dead),
        1 => prop::sample::select(vec![Refusing, Back, Boasting, Broken, Unfit, Endless, Truncating]),
    ]
}

/// Two primaries' moods and whether they notify, from one time to the next.
#[derive(Debug, Clone)]
struct Era {
    hours: u64,
    moods: [Mood; 2],
    /// A new version comes so often, if one does.
    change_secs: Option<u64>,
    notifies: bool,
    lost_percent: u64,
}

fn eras() -> impl Strategy<Value = Vec<Era>> {
    let era = (
        prop_oneof![1..48_u64, 100..2000_u64],
        [moods(), moods()],
        prop::option::of(prop_oneof![1..100_u64, 3000..200_000_u64]),
        any::<bool>(),
        prop::sample::select(vec![0_u64, 0, 20, 90]),
    )
        .prop_map(|(hours, moods, change_secs, notifies, lost_percent)| Era {
            hours,
            moods,
            // A change a second over months is but time spent.
            change_secs: change_secs.map(|secs| if hours > 48 { secs.max(3000) } else { secs }),
            notifies,
            lost_percent,
        });
    prop::collection::vec(era, 1..24)
}

#[derive(Clone, Copy)]
enum Reply {
    Answer(SoaAnswer),
    Transfer(TransferEnd),
}

struct World {
    secondary: Secondary,
    jitter: Jitter,
    now: Duration,
    version: u32,
    /// What is on its way: by arrival, then by number.
    replies: BTreeMap<(Duration, u64), (Attempt, Reply)>,
    sent: u64,
    waited_for: Option<Attempt>,
    /// When somebody last confirmed the version that is served.
    confirmed_at: Option<Duration>,
    /// When a request was last made or done with.
    last_exchange_at: Duration,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            secondary: Secondary::new(Duration::ZERO, settings(2), None),
            jitter: Jitter::new(seed),
            now: Duration::ZERO,
            version: 1,
            replies: BTreeMap::new(),
            sent: 0,
            waited_for: None,
            confirmed_at: None,
            last_exchange_at: Duration::ZERO,
        }
    }

    fn lost(&mut self, percent: u64) -> bool {
        self.jitter.up_to(Duration::from_millis(99)).as_millis() < u128::from(percent)
    }

    fn live(&mut self, era: &Era) -> Result<(), TestCaseError> {
        let end = self.now + HOUR * era.hours as u32;
        let mut changes_at = era
            .change_secs
            .map_or(Duration::MAX, |secs| self.now + SECOND * secs as u32);
        while self.now < end {
            let wake = self.act(era)?;
            let arrives = self.replies.first_key_value().map_or(Duration::MAX, |((at, _), _)| *at);
            let next = wake.min(arrives).min(changes_at).min(end);
            prop_assert!(next >= self.now);
            self.now = next;
            if changes_at <= self.now {
                self.version += 1;
                changes_at += SECOND * era.change_secs.unwrap_or(1) as u32;
                for primary in 0..2 {
                    if era.notifies && !matches!(era.moods[primary], Mood::Dead) && !self.lost(era.lost_percent) {
                        let hint = (!self.version.is_multiple_of(3)).then_some(Serial(self.version));
                        self.secondary.handle_notify(primary, hint);
                    }
                }
            }
            while let Some(entry) = self.replies.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (attempt, reply) = entry.remove();
                self.deliver(attempt, reply)?;
            }
        }
        Ok(())
    }

    /// Does all that is to be done now, and gives when it goes on.
    fn act(&mut self, era: &Era) -> Result<Duration, TestCaseError> {
        for _ in 0..20 {
            match self.secondary.next(self.now) {
                Action::Wait(until) => {
                    prop_assert!(until > self.now);
                    self.check(until)?;
                    return Ok(until);
                }
                Action::Expire => {
                    let confirmed_at = self.confirmed_at.take();
                    prop_assert!(confirmed_at.is_some_and(|at| self.now >= at + DAY), "too early");
                    prop_assert_eq!(self.secondary.serial(), None);
                }
                Action::Abandon(attempt) => {
                    prop_assert_eq!(self.waited_for.take(), Some(attempt));
                    self.last_exchange_at = self.now;
                }
                Action::Ask {
                    attempt,
                    primary,
                    transport,
                } => {
                    self.note_request(attempt, primary)?;
                    let answer = self.answer(era.moods[primary], transport);
                    let lost =
                        transport == Transport::Udp && (self.lost(era.lost_percent) || self.lost(era.lost_percent));
                    if let Some(answer) = answer.filter(|_| !lost) {
                        self.send(attempt, Reply::Answer(answer), SECOND * 8);
                    }
                }
                Action::Compare { .. } => return Err(TestCaseError::fail("a secondary compares nothing")),
                Action::Transfer {
                    attempt, primary, from, ..
                } => {
                    self.note_request(attempt, primary)?;
                    self.secondary.handle_transfer_going_on(self.now, attempt);
                    prop_assert_eq!(from.is_some_and(|from| Some(from) != self.secondary.serial()), false);
                    if let Some(end) = self.transfer(era.moods[primary], from) {
                        self.send(attempt, Reply::Transfer(end), HOUR * 3);
                    }
                }
            }
        }
        Err(TestCaseError::fail("it never waits"))
    }

    /// One request at a time, of a primary that there is.
    fn note_request(&mut self, attempt: Attempt, primary: usize) -> Result<(), TestCaseError> {
        prop_assert!(primary < 2);
        prop_assert_eq!(self.waited_for.replace(attempt), None);
        self.last_exchange_at = self.now;
        Ok(())
    }

    fn check(&self, until: Duration) -> Result<(), TestCaseError> {
        let status = self.secondary.status();
        prop_assert_eq!(status.serial.is_some(), self.confirmed_at.is_some());
        if let Some(confirmed_at) = self.confirmed_at {
            prop_assert!(self.now < confirmed_at + DAY, "served past expire");
            prop_assert!(until <= confirmed_at + DAY, "sleeps past expire");
        }
        if !status.refreshing {
            // Refresh is the longest of the timers in use here.
            prop_assert!(self.now - self.last_exchange_at <= HOUR, "asks too rarely");
            prop_assert!(status.refresh_at <= self.now + HOUR);
        } else {
            prop_assert!(until - self.last_exchange_at <= PATIENCE_MAX);
        }
        Ok(())
    }

    fn send(&mut self, attempt: Attempt, reply: Reply, delay_max: Duration) {
        // Most are quick, some come when nobody waits for them any longer.
        let delay = if self.lost(95) {
            SECOND / 20
        } else {
            self.jitter.up_to(delay_max)
        };
        self.sent += 1;
        self.replies.insert((self.now + delay, self.sent), (attempt, reply));
    }

    fn answer(&self, mood: Mood, transport: Transport) -> Option<SoaAnswer> {
        Some(match mood {
            Mood::Dead => return None,
            Mood::Refusing => SoaAnswer::Failed,
            Mood::Back => SoaAnswer::Soa(soa(self.version.wrapping_sub(1000))),
            Mood::Boasting => SoaAnswer::Soa(soa(self.version + 1_000_000)),
            Mood::Truncating if transport == Transport::Udp => SoaAnswer::Truncated,
            _ => SoaAnswer::Soa(soa(self.version)),
        })
    }

    fn transfer(&self, mood: Mood, from: Option<Serial>) -> Option<TransferEnd> {
        Some(match mood {
            Mood::Dead | Mood::Endless => return None,
            Mood::Refusing | Mood::Broken => TransferEnd::Failed,
            Mood::Back => TransferEnd::UpToDate(Serial(self.version.wrapping_sub(1000))),
            Mood::Unfit if from.is_some() => TransferEnd::IncrementUnusable,
            _ => TransferEnd::Complete(soa(self.version)),
        })
    }

    fn deliver(&mut self, attempt: Attempt, reply: Reply) -> Result<(), TestCaseError> {
        let before = self.secondary.serial();
        let expected = self.waited_for == Some(attempt);
        let verdict = match reply {
            Reply::Answer(answer) => self.secondary.handle_answer(self.now, attempt, answer),
            Reply::Transfer(end) => self.secondary.handle_transfer(self.now, attempt, end),
        };
        prop_assert_eq!(verdict == Verdict::Late, !expected);
        if expected {
            self.last_exchange_at = self.now;
            self.waited_for = None;
        }
        match verdict {
            Verdict::Confirmed => self.confirmed_at = Some(self.now),
            Verdict::Replaced => {
                let here = self.secondary.serial().expect("what replaced it");
                prop_assert!(before.is_none_or(|before| here.is_after(before)));
                self.confirmed_at = Some(self.now);
            }
            _ => prop_assert_eq!(self.secondary.serial(), before),
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn over_years_a_zone_is_asked_for_in_time_and_never_served_too_long(eras in eras(), seed in any::<u64>()) {
        let mut world = World::new(seed);
        for era in &eras {
            world.live(era)?;
        }
        // Two primaries that are well again have the zone here again by the next retry.
        let well = Era {
            hours: 6,
            moods: [Mood::Well; 2],
            change_secs: None,
            notifies: false,
            lost_percent: 0,
        };
        world.live(&well)?;
        prop_assert_eq!(world.secondary.serial(), Some(Serial(world.version)));
    }

    #[test]
    fn whatever_is_going_on_a_notify_of_a_version_that_is_there_brings_it(
        eras in eras(),
        seed in any::<u64>(),
        notifier in 0..2_usize,
        hinted in any::<bool>(),
        late in prop::option::of(1..3_u32),
    ) {
        let mut world = World::new(seed);
        for era in &eras {
            world.live(era)?;
        }
        // From here the notifier is well. Whatever refresh runs may have an answer of before, or wait for one.
        world.version += 1;
        let mut moods = [Mood::Dead; 2];
        moods[notifier] = Mood::Well;
        world.secondary.handle_notify(notifier, hinted.then_some(Serial(world.version)));
        if let Some(before) = late {
            // One of an older version was overtaken.
            world.secondary.handle_notify(notifier, Some(Serial(world.version.wrapping_sub(before))));
        }
        let was_refreshing = world.secondary.status().refreshing;
        let well = Era { hours: if was_refreshing { 13 } else { 1 }, moods, change_secs: None, notifies: false, lost_percent: 0 };
        // The timers are out of the play.
        world.secondary.refresh_at = Duration::MAX / 2;
        let settled = world.live_by_notify(&well)?;
        prop_assert!(settled, "{:?}", world.secondary.status());
    }
}

impl World {
    /// Lives on until the version is here; false when the time is over, or when a timer was needed.
    fn live_by_notify(&mut self, era: &Era) -> Result<bool, TestCaseError> {
        let end = self.now + HOUR * era.hours as u32;
        while self.secondary.serial() != Some(Serial(self.version)) {
            let wake = loop {
                match self.secondary.next(self.now) {
                    Action::Wait(until) => break until,
                    Action::Ask {
                        attempt,
                        primary,
                        transport,
                    } => {
                        if let Some(answer) = self.answer(era.moods[primary], transport) {
                            self.sent += 1;
                            let at = (self.now + SECOND / 20, self.sent);
                            self.replies.insert(at, (attempt, Reply::Answer(answer)));
                        }
                    }
                    Action::Transfer {
                        attempt, primary, from, ..
                    } => {
                        self.secondary.handle_transfer_going_on(self.now, attempt);
                        if let Some(end) = self.transfer(era.moods[primary], from) {
                            self.sent += 1;
                            let at = (self.now + SECOND / 20, self.sent);
                            self.replies.insert(at, (attempt, Reply::Transfer(end)));
                        }
                    }
                    Action::Expire | Action::Abandon(_) | Action::Compare { .. } => {}
                }
            };
            let arrives = self.replies.first_key_value().map_or(Duration::MAX, |((at, _), _)| *at);
            self.now = wake.min(arrives);
            if self.now > end {
                return Ok(false);
            }
            while let Some(entry) = self.replies.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (attempt, reply) = entry.remove();
                match reply {
                    Reply::Answer(answer) => self.secondary.handle_answer(self.now, attempt, answer),
                    Reply::Transfer(end) => self.secondary.handle_transfer(self.now, attempt, end),
                };
            }
        }
        Ok(true)
    }
}
