//! Who of a zone's secondaries is told when: each until it answers, or until it has been told often enough.

use std::time::Duration;

use crate::message::Rcode;
use crate::serial::Serial;

/// How often a secondary is told of a version before it is given up: it asks by itself when its refresh time is over.
/// RFC 1996 §3.6 suggests five retries; BIND sends three messages.
const SENDS_MAX: u32 = 4;
/// How long the first response is waited for; each further one twice as long, so that a secondary that starts anew is
/// reached by one of them. BIND waits 15 seconds each time.
const FIRST_PATIENCE: Duration = Duration::from_secs(5);

/// Something to notify: the caller's number of it, in the order that it gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target(pub usize);

/// A message to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Send {
    /// To whom.
    pub target: Target,
    /// Of which version; the current one, which is newer if another has come since, is as good.
    pub serial: Serial,
    /// How often this version has been sent there before: from the second time on, the port and the id of before may be
    /// used again, so that a late response still counts.
    pub retry: u32,
}

/// How far a target has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetState {
    /// There was nothing to tell it since the start.
    Idle,
    /// It has been told of the version and has not answered yet.
    Waiting(Serial),
    /// It answered, with this code.
    Answered(Serial, Rcode),
    /// It never answered.
    GivenUp(Serial),
}

/// The notifications of one zone. A time is how long after a moment of the caller's choice, the same for all calls.
#[derive(Debug)]
pub struct Notifier {
    targets: Vec<Telling>,
}

#[derive(Debug, Clone, Copy)]
struct Telling {
    state: TargetState,
    sent: u32,
    /// When the next message is due, or the last one is given up; of a target that is waited for.
    due_at: Duration,
}

impl Notifier {
    /// A notifier of so many targets, who are told of nothing yet.
    pub fn new(targets: usize) -> Self {
        let idle = Telling {
            state: TargetState::Idle,
            sent: 0,
            due_at: Duration::ZERO,
        };
        Self {
            targets: vec![idle; targets],
        }
    }

    /// The zone has this serial now: every target is to be told. What was being told of older versions is told no more;
    /// a newer one starts with its own count of messages.
    pub fn handle_change(&mut self, now: Duration, serial: Serial) {
        for telling in &mut self.targets {
            *telling = Telling {
                state: TargetState::Waiting(serial),
                sent: 0,
                due_at: now,
            };
        }
    }

    /// A message to send now. Called until it gives none: when a version has come, and when [`Notifier::wakes_at`] says.
    /// Whoever has waited for the longest comes first: with less sends than targets are due nobody is left for later for good.
    pub fn next_send(&mut self, now: Duration) -> Option<Send> {
        loop {
            let waiting = self.targets.iter_mut().enumerate();
            let waiting = waiting.filter_map(|(number, telling)| match telling.state {
                TargetState::Waiting(serial) if telling.due_at <= now => Some((number, serial, telling)),
                _ => None,
            });
            let (number, serial, telling) = waiting.min_by_key(|(_, _, telling)| telling.due_at)?;
            if telling.sent == SENDS_MAX {
                telling.state = TargetState::GivenUp(serial);
                continue;
            }
            let retry = telling.sent;
            telling.due_at = now + FIRST_PATIENCE * (1 << retry);
            telling.sent += 1;
            return Some(Send {
                target: Target(number),
                serial,
                retry,
            });
        }
    }

    /// When there is something to do next; `None` when everybody has answered or has been given up.
    pub fn wakes_at(&self) -> Option<Duration> {
        let waiting = |telling: &&Telling| matches!(telling.state, TargetState::Waiting(_));
        self.targets.iter().filter(waiting).map(|telling| telling.due_at).min()
    }

    /// A target answered what was sent of this version. A response to an older version's message says nothing of the
    /// one that is being told. Gives whether it counted.
    pub fn handle_response(&mut self, target: Target, serial: Serial, rcode: Rcode) -> bool {
        match self.targets.get_mut(target.0) {
            Some(telling) if telling.state == TargetState::Waiting(serial) && telling.sent > 0 => {
                telling.state = TargetState::Answered(serial, rcode);
                true
            }
            _ => false,
        }
    }

    /// How far each target has been told, in the order of their numbers.
    pub fn states(&self) -> impl ExactSizeIterator<Item = TargetState> {
        self.targets.iter().map(|telling| telling.state)
    }
}

#[cfg(test)]
mod tests;
