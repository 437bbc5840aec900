//! One zone that comes from elsewhere: its state machine, what it is served as, and what is under way for it.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dnsd_core::secondary::{Attempt, SavedCopy, Secondary, Settings, Transport};
use dnsd_core::serial::Serial;
use dnsd_core::transfer::IncomingLimits;
use dnsd_core::zone::Zone;
use tokio::task::AbortHandle;
use tracing::{error, info};

use super::board::LastTransfer;
use super::followed::Followed;
use super::transfer::{HangUp, Order, Wanted};
use crate::remotes::Place;
use crate::zones::Stored;

/// Lines of the log about the NOTIFYs of one zone are this far apart at least.
const NOTIFY_LINES_GAP: Duration = Duration::from_secs(1);

/// One zone.
pub(super) struct Follower {
    /// Tells it from one of the same name in a configuration before: what was asked for that one is not told to this one.
    pub(super) id: u64,
    pub(super) followed: Followed,
    /// The primaries by their numbers.
    pub(super) places: Vec<Place>,
    pub(super) machine: Secondary,
    /// The version that is served, as the keeper of the zones says.
    pub(super) zone: Option<Arc<Zone>>,
    pub(super) under_way: UnderWay,
    /// When it is to be looked at; what stands in the driver's timers.
    pub(super) wakes_at: Option<Duration>,
    /// Whether it waits to be looked at.
    pub(super) is_ready: bool,
    /// What went wrong last, until something goes well.
    pub(super) problem: Option<String>,
    /// The last transfer that brought something.
    pub(super) transferred: Option<LastTransfer>,
    /// That a peer has other data under the same serial, until it hasn't.
    pub(super) conflict: Option<String>,
    /// No NOTIFY is told of in the log before this.
    quiet_until: Duration,
}

/// What is under way for a zone: one thing at a time.
pub(super) enum UnderWay {
    Nothing,
    /// A primary is asked for its SOA record.
    Asking {
        attempt: Attempt,
        primary: usize,
        transport: Transport,
        task: AbortHandle,
    },
    /// A transfer waits for its turn.
    Waiting(Transfer),
    /// A transfer.
    Transferring {
        transfer: Transfer,
        hang_up: HangUp,
    },
    /// What was transferred, which has this serial, is being stored, or compared with what is served.
    Storing(Transfer, Serial),
}

/// A transfer that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Transfer {
    pub(super) attempt: Attempt,
    pub(super) place: Place,
    /// The version whose steps are wanted.
    pub(super) from: Option<Serial>,
    /// Whether what comes is taken whatever its serial is.
    pub(super) forced: bool,
    /// Whether it is to tell whether the zone here is the peer's.
    pub(super) is_comparison: bool,
}

impl Transfer {
    /// Who it is counted for.
    pub(super) fn server(&self) -> IpAddr {
        self.place.address.ip()
    }
}

impl UnderWay {
    /// Whether a version of this serial that was transferred is being stored.
    pub(super) fn stores(&self, serial: Serial) -> bool {
        matches!(self, Self::Storing(transfer, stored) if !transfer.is_comparison && *stored == serial)
    }

    /// Which request it is for.
    pub(super) fn attempt(&self) -> Option<Attempt> {
        match self {
            Self::Nothing => None,
            Self::Asking { attempt, .. } => Some(*attempt),
            Self::Waiting(transfer) | Self::Transferring { transfer, .. } | Self::Storing(transfer, _) => {
                Some(transfer.attempt)
            }
        }
    }
}

impl Follower {
    /// A zone, with what is there of it from before. `None` when it has no primary.
    pub(super) fn new(
        id: u64,
        followed: Followed,
        stored: Option<Stored>,
        first_within: Duration,
        seed: u64,
        now: Duration,
    ) -> Option<Self> {
        let places = Place::all_of(&followed.primaries);
        let settings = Settings {
            primaries: NonZeroUsize::new(places.len())?,
            bounds: followed.rules.timer_bounds(),
            role: followed.role,
            transfer_time_max: followed.rules.transfer_in.total_max,
            // What isn't there is asked for as soon as its turn comes.
            first_within: stored.as_ref().map_or(Duration::ZERO, |_| first_within),
            seed,
        };
        let saved = stored.as_ref().map(|stored| SavedCopy {
            soa: stored.zone.soa(),
            // A clock that was set back says nothing of how old the copy is.
            confirmed_ago: SystemTime::now()
                .duration_since(stored.confirmed_at)
                .unwrap_or_default(),
        });
        Some(Self {
            id,
            places,
            machine: Secondary::new(now, settings, saved),
            zone: stored.map(|stored| stored.zone),
            followed,
            under_way: UnderWay::Nothing,
            transferred: None,
            wakes_at: None,
            is_ready: false,
            problem: None,
            conflict: None,
            quiet_until: now,
        })
    }

    /// Takes over a configuration in which the zone comes from the same places, in the same times; false when it doesn't.
    pub(super) fn adopt(&mut self, followed: &Followed) -> bool {
        let places = Place::all_of(&followed.primaries);
        let rules = &followed.rules;
        let is_same = places
            .iter()
            .map(|place| place.address)
            .eq(self.places.iter().map(|place| place.address))
            && followed.role == self.followed.role
            && rules.timer_bounds() == self.followed.rules.timer_bounds()
            && rules.transfer_in.total_max == self.followed.rules.transfer_in.total_max;
        if is_same {
            self.places = places;
            self.followed = followed.clone();
        }
        is_same
    }

    /// The number of the primary that has this address; the first one's, if somebody else tells of a change.
    pub(super) fn primary_at(&self, address: IpAddr) -> usize {
        let found = self
            .places
            .iter()
            .position(|place| place.address.ip() == address.to_canonical());
        found.unwrap_or(0)
    }

    /// Whether the log may have a line about a NOTIFY now: one a second tells what goes on.
    pub(super) fn may_tell_of_notify(&mut self, now: Duration) -> bool {
        let may = now >= self.quiet_until;
        if may {
            self.quiet_until = now + NOTIFY_LINES_GAP;
        }
        may
    }

    /// A transfer, as whoever runs it needs to know it.
    pub(super) fn order(&self, transfer: &Transfer, threads: usize) -> Order {
        let rules = &self.followed.rules;
        let steps_from = self
            .zone
            .as_ref()
            .filter(|zone| rules.request_ixfr && transfer.from == Some(zone.serial()));
        let wanted = match steps_from {
            Some(zone) => Wanted::Steps(zone.clone()),
            None => Wanted::Zone {
                newer_than: self
                    .machine
                    .serial()
                    .filter(|_| !transfer.forced && !transfer.is_comparison),
            },
        };
        Order {
            origin: self.followed.key.name.clone(),
            place: transfer.place.clone(),
            wanted,
            limits: IncomingLimits {
                octets_max: usize::try_from(rules.zone_bytes_max).unwrap_or(usize::MAX),
                records_max: rules
                    .records_max
                    .map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX)),
            },
            times: rules.transfer_in,
            threads,
        }
    }

    /// Notes, and says once, that a peer has other data under the serial of what is served.
    pub(super) fn note_conflict(&mut self, with: Option<usize>) {
        let conflict = with.zip(self.machine.serial()).map(|(peer, serial)| {
            format!(
                "{} has other data under the same serial ({serial}): raise the serial where the right ones are",
                self.places[peer]
            )
        });
        if conflict == self.conflict {
            return;
        }
        let key = &self.followed.key;
        match &conflict {
            Some(conflict) => error!("zone {key}: {conflict}"),
            None => info!("zone {key}: no peer is known to have other data under the same serial any more"),
        }
        self.conflict = conflict;
    }

    /// Whether the version that is served has this serial.
    pub(super) fn is_served(&self, serial: Serial) -> bool {
        self.machine.serial() == Some(serial) && self.zone.as_ref().is_some_and(|zone| zone.serial() == serial)
    }

    /// Whether a version that was transferred is to be served.
    pub(super) fn wants(&self, transfer: &Transfer, serial: Serial) -> bool {
        transfer.forced || self.machine.serial().is_none_or(|have| serial.is_after(have))
    }
}
