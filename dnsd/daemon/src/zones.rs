//! The zones: read from their files, guarded, watched, and swapped into what is served.
//!
//! [`keeper`] is the thread that does it; everybody else has a [`Zones`] handle to ask it, and the [`board`] to see how the
//! zones are.

pub(crate) mod board;
mod debounce;
mod guard;
mod keeper;
pub(crate) mod key;
pub(crate) mod last_good;
pub(crate) mod load;
mod outcome;
mod plan;
mod points;
mod priority;
mod problem;
mod source;
mod stamp;
mod watcher;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use ballast_shared::supervise::Supervisor;
use tokio::sync::oneshot;

use board::Board;
use keeper::{Input, Keeper};
use key::ZoneKey;
use last_good::LastGood;

use crate::server::{Serving, Shared};

pub(crate) use outcome::{LoadOutcome, Report};
pub(crate) use plan::Plan;

/// The keeper, from outside.
#[derive(Clone)]
pub(crate) struct Zones {
    inbox: Sender<Input>,
    board: Arc<Board>,
}

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
        Ok(Self { inbox, board })
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

    /// How the zones are.
    pub(crate) fn board(&self) -> &Arc<Board> {
        &self.board
    }
}

#[cfg(test)]
pub(crate) mod test_zone;
