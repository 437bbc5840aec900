//! The zones: read from their files, guarded, watched, and swapped into what is served.
//!
//! [`keeper`] is the thread that does it; everybody else has a [`Zones`] handle to ask it, and the [`board`] to see how the
//! zones are.

pub(crate) mod board;
pub(crate) mod files;
mod guard;
mod journal;
mod keeper;
pub(crate) mod key;
pub(crate) mod last_good;
pub(crate) mod load;
mod members_file;
mod outcome;
mod plan;
pub(crate) mod priority;
mod problem;
mod source;
mod stamp;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;

use ballast_shared::supervise::Supervisor;
use dnsd_core::message::Rcode;
use dnsd_core::transfer::Received;
use dnsd_core::zone::Zone;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;

use board::Board;
use keeper::{Input, Keeper};
use key::ZoneKey;
use last_good::LastGood;

use crate::server::{Serving, Shared};

pub(crate) use keeper::{Changed, MembersChanged, NotTaken, Steer, Stored, SyncError, UpdateReply, serial_after};
pub(crate) use outcome::{LoadOutcome, Report};
pub(crate) use plan::Plan;

/// The keeper, from outside.
#[derive(Clone)]
pub(crate) struct Zones {
    inbox: Sender<Input>,
    board: Arc<Board>,
    updates_waiting: Arc<AtomicUsize>,
}

/// Updates that wait for the keeper: at 64 KiB each, 64 MiB. Who is told SERVFAIL tries again.
const UPDATES_WAITING_MAX: usize = 1024;

impl Zones {
    /// Starts the keeper. Last good copies are below `work_dir`.
    ///
    /// # Errors
    /// When there is no thread to be had, or the copies' folder can't be made.
    pub(crate) fn start(work_dir: &Path, shared: Shared, supervisor: &Supervisor) -> io::Result<Self> {
        let (inbox, inputs) = mpsc::channel();
        let board = Arc::new(Board::default());
        let last_good = LastGood::start(work_dir)?;
        let (events, kept_board) = (inbox.clone(), board.clone());
        // Dropped when the thread ends, by a panic too.
        let (alive, mut ended) = oneshot::channel::<()>();
        thread::Builder::new().name("zones".into()).spawn(move || {
            let _alive = alive;
            Keeper::new(inputs, events, shared, kept_board, last_good).run();
        })?;
        let (stop, stopping) = (inbox.clone(), supervisor.stopping());
        supervisor.start("zones", async move {
            tokio::select! {
                _ = &mut ended => return,
                () = stopping.cancelled() => {}
            }
            // If it is gone already, it has ended.
            let _ = stop.send(Input::Stop);
            let _ = ended.await;
        });
        Ok(Self {
            inbox,
            board,
            updates_waiting: Arc::default(),
        })
    }

    /// Takes over the zones of a configuration; done when all of them are loaded. `None` when the keeper is gone.
    pub(crate) async fn apply(&self, plan: Plan) -> Option<Report> {
        let (reply, report) = oneshot::channel();
        self.inbox.send(Input::Apply(plan, reply)).ok()?;
        report.await.ok()
    }

    /// Loads one zone; `None` when there is no such zone.
    pub(crate) async fn reload(&self, zone: ZoneKey, accept: bool) -> Option<LoadOutcome> {
        let (reply, outcome) = oneshot::channel();
        self.inbox.send(Input::Reload { zone, accept, reply }).ok()?;
        outcome.await.ok()?
    }

    /// Has it freed what is answered from no more, once nobody has it. Without a keeper the daemon is ending.
    pub(crate) fn retire(&self, serving: Arc<Serving>) {
        drop(self.inbox.send(Input::Retire(serving)));
    }

    /// What is there of a secondary zone, expired or not; `None` when nothing is, or there is no such zone.
    pub(crate) async fn stored(&self, zone: &ZoneKey) -> Option<Stored> {
        let (reply, stored) = oneshot::channel();
        let zone = zone.clone();
        self.inbox.send(Input::Stored { zone, reply }).ok()?;
        stored.await.ok()?
    }

    /// Stores and serves what a primary sent. `accept`: the loss of most of its records is meant.
    ///
    /// # Errors
    /// When it isn't served; what was served before is served on.
    pub(crate) async fn transferred(
        &self,
        zone: &ZoneKey,
        received: Received,
        accept: bool,
    ) -> Result<Arc<Zone>, NotTaken> {
        let (reply, taken) = oneshot::channel();
        let input = Input::Transferred {
            zone: zone.clone(),
            received: Box::new(received),
            accept,
            reply,
        };
        // Without a keeper the daemon is ending.
        self.inbox.send(input).map_err(|_| NotTaken::NoSuchZone)?;
        taken.await.unwrap_or(Err(NotTaken::NoSuchZone))
    }

    /// Stores and serves a version of a zone that is made of what a plugin knows.
    ///
    /// # Errors
    /// When it isn't served; what was served before is served on.
    pub(crate) async fn made(&self, zone: &ZoneKey, version: Received) -> Result<Arc<Zone>, NotTaken> {
        let (reply, taken) = oneshot::channel();
        let input = Input::Made {
            zone: zone.clone(),
            version: Box::new(version),
            reply,
        };
        // Without a keeper the daemon is ending.
        self.inbox.send(input).map_err(|_| NotTaken::NoSuchZone)?;
        taken.await.unwrap_or(Err(NotTaken::NoSuchZone))
    }

    /// A primary said now that what is there is the zone.
    pub(crate) fn confirmed(&self, zone: &ZoneKey) {
        drop(self.inbox.send(Input::Confirmed(zone.clone())));
    }

    /// A primary has now another version, which waits to be accepted: until then what is there is the zone.
    pub(crate) fn kept_back(&self, zone: &ZoneKey) {
        drop(self.inbox.send(Input::KeptBack(zone.clone())));
    }

    /// No primary has said so for too long: the zone is served no more.
    pub(crate) fn expire(&self, zone: &ZoneKey) {
        drop(self.inbox.send(Input::Expire(zone.clone())));
    }

    /// Applies an update (RFC 2136) to a zone that its sender may change; `request` is the message without its signature. The
    /// reply's code comes when the update is on disk and served.
    pub(crate) fn update(&self, zone: ZoneKey, request: Box<[u8]>, reply: UpdateReply) {
        if self.updates_waiting.fetch_add(1, Ordering::Relaxed) >= UPDATES_WAITING_MAX {
            self.updates_waiting.fetch_sub(1, Ordering::Relaxed);
            return reply(Rcode::SERVFAIL);
        }
        let waiting = self.updates_waiting.clone();
        let reply = Box::new(move |rcode| {
            waiting.fetch_sub(1, Ordering::Relaxed);
            reply(rcode);
        });
        // Without a keeper the daemon is ending, and nobody answers.
        drop(self.inbox.send(Input::Update { zone, request, reply }));
    }

    /// Writes a zone's updates into its file, holds them up, or takes them again.
    ///
    /// # Errors
    /// When that can't be done; nothing has changed.
    pub(crate) async fn steer(&self, zone: &ZoneKey, what: Steer) -> Result<(), SyncError> {
        let (reply, done) = oneshot::channel();
        let zone = zone.clone();
        // Without a keeper the daemon is ending.
        let sent = self.inbox.send(Input::Steer { zone, what, reply });
        sent.map_err(|_| SyncError::NoSuchZone)?;
        done.await.unwrap_or(Err(SyncError::NoSuchZone))
    }

    /// Each version that is served from now on, as soon as it is. Of who doesn't take them they wait in memory, and each keeps
    /// the version alive that it tells of.
    pub(crate) fn changes(&self) -> UnboundedReceiver<Changed> {
        let (listener, changes) = unbounded_channel();
        drop(self.inbox.send(Input::Listen(listener)));
        changes
    }

    /// Which zones catalogs bring and take away from now on.
    pub(crate) fn members(&self) -> UnboundedReceiver<MembersChanged> {
        let (listener, changes) = unbounded_channel();
        drop(self.inbox.send(Input::ListenForMembers(listener)));
        changes
    }

    /// How the zones are.
    pub(crate) fn board(&self) -> &Arc<Board> {
        &self.board
    }
}

#[cfg(test)]
pub(crate) mod test_zone;
