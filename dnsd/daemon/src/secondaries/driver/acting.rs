//! What a zone's state machine wants done is done.

use std::time::Duration;

use dnsd_core::secondary::{Action, Attempt, Transport};
use tracing::{debug, info, warn};

use super::{Driver, Ended, Event, Tag};
use crate::secondaries::asking;
use crate::secondaries::follower::{Follower, Transfer, UnderWay};
use crate::secondaries::keeping::Keeping;
use crate::secondaries::transfer;
use crate::secondaries::turns::Turns;
use crate::zones::key::ZoneKey;

impl<K: Keeping> Driver<K> {
    /// Does what is to be done for a zone now.
    pub(super) fn look_at(&mut self, key: &ZoneKey, now: Duration) {
        loop {
            let Some(follower) = self.followers.get_mut(key) else {
                return;
            };
            match follower.machine.next(now) {
                Action::Ask {
                    attempt,
                    primary,
                    transport,
                } => {
                    self.pace.spend(now);
                    self.ask(key, attempt, primary, transport);
                }
                Action::Transfer {
                    attempt,
                    primary,
                    from,
                    forced,
                } => {
                    let transfer = Transfer {
                        attempt,
                        place: follower.places[primary].clone(),
                        from,
                        forced,
                        is_comparison: false,
                    };
                    self.turns.wait(transfer.server(), tag_of(key, follower));
                    follower.under_way = UnderWay::Waiting(transfer);
                }
                Action::Compare { attempt, primary } => {
                    let place = follower.places[primary].clone();
                    debug!("zone {key}: comparing with {place}, which has the same serial");
                    let transfer = Transfer {
                        attempt,
                        place,
                        from: None,
                        forced: false,
                        is_comparison: true,
                    };
                    self.turns.wait(transfer.server(), tag_of(key, follower));
                    follower.under_way = UnderWay::Waiting(transfer);
                }
                Action::Abandon(_) => {
                    tell_of_silence(key, follower);
                    if let UnderWay::Transferring { .. } | UnderWay::Storing(..) = follower.under_way {
                        self.board.transfer_ended(false);
                    }
                    end(follower, &mut self.turns);
                }
                Action::Expire => {
                    warn!("zone {key}: expired");
                    follower.zone = None;
                    self.keeper.expire(key);
                }
                Action::Wait(until) => {
                    if let Some(before) = follower.wakes_at.replace(until) {
                        self.timers.remove(&(before, key.clone()));
                    }
                    self.timers.insert((until, key.clone()));
                    break;
                }
            }
        }
        self.tell_board(key);
    }

    fn ask(&mut self, key: &ZoneKey, attempt: Attempt, primary: usize, transport: Transport) {
        let Some(follower) = self.followers.get_mut(key) else {
            return;
        };
        let (place, zone) = (follower.places[primary].clone(), tag_of(key, follower));
        let events = self.events.clone();
        let task = tokio::spawn(async move {
            let asked = asking::ask(&place, &zone.key.name, transport).await;
            let what = Ended::Asked(asked);
            // Without a driver nobody wants to know.
            let _ = events.send(Event { zone, attempt, what });
        });
        follower.under_way = UnderWay::Asking {
            attempt,
            primary,
            transport,
            task: task.abort_handle(),
        };
    }

    /// Starts the transfers whose turn it is.
    pub(super) fn start_transfers(&mut self) {
        while let Some(zone) = self.turns.next() {
            let Some(follower) = self.followers.get_mut(&zone.key) else {
                continue;
            };
            let UnderWay::Waiting(transfer) = std::mem::replace(&mut follower.under_way, UnderWay::Nothing) else {
                continue;
            };
            follower
                .machine
                .handle_transfer_going_on(self.clock.now(), transfer.attempt);
            let order = follower.order(&transfer, self.threads);
            let (events, attempt, key) = (self.events.clone(), transfer.attempt, zone.key.clone());
            info!("zone {key}: Transfer started.");
            let failed = (events.clone(), zone.clone());
            let running = transfer::start(order, move |ended| {
                let what = Ended::Transferred(ended.map(Box::new));
                let _ = events.send(Event { zone, attempt, what });
            });
            let hang_up = match running {
                Ok(hang_up) => hang_up,
                Err(error) => {
                    let (events, zone) = failed;
                    let what = Ended::Transferred(Err(error.into()));
                    let _ = events.send(Event { zone, attempt, what });
                    transfer::HangUp::default()
                }
            };
            follower.under_way = UnderWay::Transferring { transfer, hang_up };
            // Its time has begun.
            self.look_at(&key, self.clock.now());
        }
        self.board.set_transfers_underway(self.turns.running());
    }
}

fn tag_of(key: &ZoneKey, follower: &Follower) -> Tag {
    Tag {
        key: key.clone(),
        id: follower.id,
    }
}

/// Ends what is under way for a zone.
pub(super) fn end(follower: &mut Follower, turns: &mut Turns<Tag>) {
    match std::mem::replace(&mut follower.under_way, UnderWay::Nothing) {
        UnderWay::Nothing => {}
        UnderWay::Asking { task, .. } => task.abort(),
        UnderWay::Waiting(transfer) => turns.leave(transfer.server(), &tag_of(&follower.followed.key, follower)),
        UnderWay::Transferring { transfer, hang_up } => {
            hang_up.hang_up();
            turns.ended(transfer.server());
        }
        UnderWay::Storing(transfer, _) => turns.ended(transfer.server()),
    }
}

/// Nothing came in time.
fn tell_of_silence(key: &ZoneKey, follower: &mut Follower) {
    let problem = match &follower.under_way {
        UnderWay::Nothing => return,
        UnderWay::Asking {
            primary,
            transport: Transport::Udp,
            ..
        } => {
            // It is asked again, over TCP in the end.
            debug!(
                "zone {key}: refresh: no answer from primary {}",
                follower.places[*primary]
            );
            return;
        }
        UnderWay::Asking { primary, .. } => {
            let place = &follower.places[*primary];
            format!("refresh: retry limit for primary {place} exceeded")
        }
        UnderWay::Waiting(transfer) | UnderWay::Transferring { transfer, .. } | UnderWay::Storing(transfer, _) => {
            format!(
                "the transfer from {} took longer than max-transfer-time-in",
                transfer.place
            )
        }
    };
    warn!("zone {key}: {problem}");
    follower.problem = Some(problem);
}
