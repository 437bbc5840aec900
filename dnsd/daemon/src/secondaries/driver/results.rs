//! What answers and transfers mean for a zone.

use std::sync::Arc;
use std::time::SystemTime;

use dnsd_core::message::Rcode;
use dnsd_core::secondary::{Attempt, Role, SoaAnswer, TransferEnd, Verdict};
use dnsd_core::serial::Serial;
use dnsd_core::transfer::Received;
use dnsd_core::zone::Zone;
use dnsd_core::zone::difference::is_same;
use tracing::{debug, info, warn};

use super::{Driver, Ended, Event, Tag};
use crate::remotes::{AskError, Place};
use crate::secondaries::LastTransfer;
use crate::secondaries::asking::Asked;
use crate::secondaries::follower::{Follower, Transfer, UnderWay};
use crate::secondaries::keeping::Keeping;
use crate::secondaries::transfer::{Brought, TransferError};
use crate::zones::key::ZoneKey;

impl<K: Keeping> Driver<K> {
    /// Something that was under way for a zone has ended. What nobody waits for any longer is dropped.
    pub(super) fn handle_event(&mut self, event: Event<K::NotTaken>) {
        let Event { zone, attempt, what } = event;
        let follower = self.followers.get_mut(&zone.key);
        let Some(follower) = follower.filter(|follower| follower.id == zone.id) else {
            return;
        };
        if follower.under_way.attempt() != Some(attempt) {
            return;
        }
        match (what, std::mem::replace(&mut follower.under_way, UnderWay::Nothing)) {
            (Ended::Asked(asked), UnderWay::Asking { primary, .. }) => {
                let place = follower.places[primary].clone();
                self.handle_asked(&zone.key, attempt, &place, asked);
            }
            (Ended::Transferred(Ok(brought)), UnderWay::Transferring { transfer, .. }) => {
                return self.handle_brought(zone, transfer, *brought);
            }
            (Ended::Transferred(Err(error)), UnderWay::Transferring { transfer, .. }) => {
                self.handle_transfer_failed(&zone.key, &transfer, &error);
            }
            (Ended::Stored(stored), UnderWay::Storing(transfer, serial)) => {
                self.handle_stored(&zone.key, &transfer, serial, stored);
            }
            (Ended::Compared { with, is_same }, UnderWay::Storing(transfer, serial)) => {
                self.turns.ended(transfer.server());
                // Of a version that was served when it began, it says nothing of the one that is served now.
                let is_of_now = follower.zone.as_ref().is_some_and(|zone| Arc::ptr_eq(zone, &with));
                let end = match is_of_now {
                    true => TransferEnd::Compared { is_same },
                    false => TransferEnd::UpToDate(serial),
                };
                self.finish(&zone.key, &transfer, end);
            }
            (_, other) => {
                follower.under_way = other;
                return;
            }
        }
        self.look_at(&zone.key, self.clock.now());
    }

    fn handle_asked(&mut self, key: &ZoneKey, attempt: Attempt, place: &Place, asked: Result<Asked, AskError>) {
        let now = self.clock.now();
        let Some(follower) = self.followers.get_mut(key) else {
            return;
        };
        let (answer, mut problem) = match asked {
            Ok(asked) => (asked.answer, problem_of(&asked, place)),
            Err(error) => {
                let problem = format!("refresh: failure trying primary {place}: {error}");
                (SoaAnswer::Failed, Some(problem))
            }
        };
        match follower.machine.handle_answer(now, attempt, answer) {
            Verdict::Confirmed => {
                follower.problem = None;
                self.keeper.confirmed(key);
            }
            // Of a zone that has expired nobody says that it is the zone.
            Verdict::HeldBack(_) if follower.machine.serial().is_some() => self.keeper.kept_back(key),
            Verdict::Older(serial) => problem = older(key, follower, place, serial),
            // What the next answer says is told.
            Verdict::Again => problem = None,
            Verdict::Newer(_)
            | Verdict::Replaced
            | Verdict::Conflict(_)
            | Verdict::HeldBack(_)
            | Verdict::Failed
            | Verdict::Late => {}
        }
        tell(key, follower, problem);
    }

    /// What came is stored before it is served.
    fn handle_brought(&mut self, zone: Tag, mut transfer: Transfer, brought: Brought) {
        let Some(follower) = self.followers.get_mut(&zone.key) else {
            return;
        };
        let (key, place) = (&zone.key, &transfer.place);
        let totals = brought.totals;
        let secs = brought.took.as_secs_f64();
        let serial = brought.serial;
        info!(
            "transfer of '{key}' from {place}: Transfer completed: {} messages, {} records, {} bytes, {secs:.3} secs \
             ({:.0} bytes/sec) (serial {serial})",
            totals.messages,
            totals.records,
            totals.octets,
            totals.octets as f64 / secs.max(0.001),
        );
        let received = match brought.received {
            Received::Zone(theirs) if transfer.is_comparison && follower.is_served(serial) => {
                self.board.transfer_ended(true);
                return self.compare(zone, transfer, Arc::new(theirs.zone));
            }
            received => received,
        };
        let is_news = !matches!(received, Received::UpToDate(_)) && follower.wants(&transfer, serial);
        if !is_news {
            self.turns.ended(transfer.server());
            self.board.transfer_ended(true);
            self.finish(key, &transfer, TransferEnd::UpToDate(serial));
            return self.look_at(&zone.key, self.clock.now());
        }
        let signed = brought.key.map(|key| key.name().to_string());
        match signed.as_deref().map(|name| name.trim_end_matches('.')) {
            Some(name) => info!("zone {key}: transferred serial {serial}: TSIG '{name}'"),
            None => info!("zone {key}: transferred serial {serial}"),
        }
        let (keeper, events, attempt, forced) = (
            self.keeper.clone(),
            self.events.clone(),
            transfer.attempt,
            transfer.forced,
        );
        follower.transferred = Some(LastTransfer {
            at: SystemTime::now(),
            from: transfer.place.to_string(),
            octets: totals.octets as u64,
            took: brought.took,
        });
        follower.machine.handle_transfer_going_on(self.clock.now(), attempt);
        // A newer version than the one that was to be compared is taken like any other.
        transfer.is_comparison = false;
        follower.under_way = UnderWay::Storing(transfer, serial);
        // It is stored to its end even if nobody waits for that any more.
        tokio::spawn(async move {
            let stored = keeper.transferred(&zone.key, received, forced).await;
            let what = Ended::Stored(stored);
            let _ = events.send(Event { zone, attempt, what });
        });
    }

    /// What came has the serial of what is served. To compare large zones takes a while, so it is done beside the driver.
    fn compare(&mut self, zone: Tag, transfer: Transfer, theirs: Arc<Zone>) {
        let Some(follower) = self.followers.get_mut(&zone.key) else {
            return;
        };
        let Some(ours) = follower.zone.clone() else { return };
        let (events, attempt) = (self.events.clone(), transfer.attempt);
        follower.under_way = UnderWay::Storing(transfer, theirs.serial());
        tokio::task::spawn_blocking(move || {
            let is_same = is_same(&ours, &theirs);
            let what = Ended::Compared { with: ours, is_same };
            let _ = events.send(Event { zone, attempt, what });
        });
    }

    fn handle_transfer_failed(&mut self, key: &ZoneKey, transfer: &Transfer, error: &TransferError) {
        self.turns.ended(transfer.server());
        let Some(follower) = self.followers.get_mut(key) else {
            return;
        };
        if let Some(offered) = error.offered_no_newer() {
            self.board.transfer_ended(true);
            return self.finish(key, transfer, TransferEnd::UpToDate(offered));
        }
        self.board.transfer_ended(false);
        let place = &transfer.place;
        let are_steps = transfer.from.is_some() && follower.followed.rules.request_ixfr;
        if are_steps && error.is_of_steps() {
            info!("transfer of '{key}' from {place}: {error}: retrying with AXFR");
            return self.finish(key, transfer, TransferEnd::IncrementUnusable);
        }
        let problem = format!("failed while receiving responses: {error}");
        warn!("transfer of '{key}' from {place}: {problem}");
        follower.problem = Some(problem);
        self.finish(key, transfer, TransferEnd::Failed);
    }

    fn handle_stored(
        &mut self,
        key: &ZoneKey,
        transfer: &Transfer,
        serial: Serial,
        stored: Result<Arc<Zone>, K::NotTaken>,
    ) {
        self.turns.ended(transfer.server());
        let Some(follower) = self.followers.get_mut(key) else {
            return;
        };
        self.board.transfer_ended(stored.is_ok());
        let end = match stored {
            Ok(zone) => {
                info!("transfer of '{key}' from {}: Transfer status: success", transfer.place);
                let soa = zone.soa();
                follower.zone = Some(zone);
                TransferEnd::Complete(soa)
            }
            Err(error) if K::is_misfit(&error) => {
                info!("zone {key}: the changes from {} don't fit: {error}", transfer.place);
                TransferEnd::IncrementUnusable
            }
            Err(error) => {
                let problem = format!("what was transferred from {} is not served: {error}", transfer.place);
                tell(key, follower, Some(problem));
                match K::is_held(&error) {
                    true => TransferEnd::HeldBack(serial),
                    false => TransferEnd::Failed,
                }
            }
        };
        // A version of the same serial that came another way meanwhile was taken for this one.
        let other = follower.zone.as_ref().filter(|zone| zone.serial() == serial);
        if let Some(other) = other.filter(|_| !matches!(end, TransferEnd::Complete(_)))
            && follower.machine.serial() != Some(serial)
        {
            follower.machine.handle_change(self.clock.now(), other.soa());
        }
        self.finish(key, transfer, end);
    }

    /// Tells the zone's state machine how a transfer ended.
    fn finish(&mut self, key: &ZoneKey, transfer: &Transfer, end: TransferEnd) {
        let now = self.clock.now();
        let Some(follower) = self.followers.get_mut(key) else {
            return;
        };
        match follower.machine.handle_transfer(now, transfer.attempt, end) {
            Verdict::Replaced => follower.problem = None,
            Verdict::Confirmed => {
                follower.problem = None;
                self.keeper.confirmed(key);
            }
            Verdict::HeldBack(_) if follower.machine.serial().is_some() => self.keeper.kept_back(key),
            Verdict::Older(serial) => {
                let problem = older(key, follower, &transfer.place, serial);
                tell(key, follower, problem);
            }
            Verdict::Newer(_)
            | Verdict::Conflict(_)
            | Verdict::HeldBack(_)
            | Verdict::Again
            | Verdict::Failed
            | Verdict::Late => {}
        }
    }
}

fn tell(key: &ZoneKey, follower: &mut Follower, problem: Option<String>) {
    if let Some(problem) = problem {
        warn!("zone {key}: {problem}");
        follower.problem = Some(problem);
    }
}

/// What is wrong with a primary that has an older version; nothing with a peer, which will take ours.
fn older(key: &ZoneKey, follower: &Follower, place: &Place, serial: Serial) -> Option<String> {
    if follower.followed.role == Role::Peer {
        debug!("zone {key}: {place} has serial {serial}, which is older");
        return None;
    }
    Some(match follower.machine.serial() {
        Some(ours) => format!("serial number ({serial}) received from primary {place} < ours ({ours})"),
        None => format!("serial number ({serial}) received from primary {place} is not the one asked for"),
    })
}

/// What is wrong with an answer, in BIND's words.
fn problem_of(asked: &Asked, place: &Place) -> Option<String> {
    if !matches!(asked.answer, SoaAnswer::Failed | SoaAnswer::Refused) {
        return None;
    }
    Some(match asked.rcode {
        Rcode::NOERROR if !asked.is_authoritative => format!("refresh: non-authoritative answer from primary {place}"),
        Rcode::NOERROR => format!("refresh: no SOA record in the answer from primary {place}"),
        rcode => format!("refresh: unexpected rcode ({rcode}) from primary {place}"),
    })
}
