//! Zones that come from elsewhere: their primaries are asked, the zones are transferred, stored by who keeps the zones, and
//! given up when nobody confirms them any more.
//!
//! What is done when is decided by [`dnsd_core::secondary`]. One task, the [`driver`], has the state machines of all zones:
//! it takes what NOTIFYs and the configuration say, asks ([`asking`]), starts transfers ([`transfer`]) and hands what they
//! bring to the keeper of the zones ([`keeping`]).

mod asking;
mod board;
mod driver;
mod followed;
mod follower;
mod keeping;
mod transfer;
mod turns;

use std::sync::Arc;

use ballast_shared::supervise::Supervisor;
use tokio::sync::{mpsc, oneshot};

use crate::config::{Config, TransfersConfig};
use crate::server::NotifyReceived;
use crate::zones::key::ZoneKey;
use crate::zones::{Changed, MembersChanged};

pub(crate) use board::{LastTransfer, SecondaryBoard, SecondaryStatus, TransferInCounts, unix_seconds};
use driver::Driver;
pub(crate) use followed::Followed;
pub(crate) use keeping::Keeping;

/// Commands that wait for the driver; who has one more waits.
const COMMANDS_WAITING_MAX: usize = 16;

/// What the driver is told from outside.
enum Command {
    /// These are the zones from now on.
    Apply {
        followed: Vec<Followed>,
        limits: TransfersConfig,
        threads: usize,
        done: oneshot::Sender<()>,
    },
    /// A zone is to be transferred whatever its serial is; whether there is such a zone.
    Retransfer(ZoneKey, oneshot::Sender<bool>),
    /// A zone's primaries are to be asked now; whether there is such a zone.
    Refresh(ZoneKey, oneshot::Sender<bool>),
}

/// What the driver hears of others.
pub(crate) struct Inputs {
    /// NOTIFYs that were allowed.
    pub(crate) notifies: mpsc::Receiver<NotifyReceived>,
    /// Versions of zones that are served from now on.
    pub(crate) changes: mpsc::UnboundedReceiver<Changed>,
    /// Zones that catalogs bring and take away.
    pub(crate) members: mpsc::UnboundedReceiver<MembersChanged>,
}

/// The driver, from outside.
#[derive(Clone)]
pub(crate) struct Secondaries {
    commands: mpsc::Sender<Command>,
    board: Arc<SecondaryBoard>,
}

impl Secondaries {
    /// Starts the driver, without zones yet.
    pub(crate) fn start<K: Keeping>(
        keeper: K,
        inputs: Inputs,
        limits: TransfersConfig,
        supervisor: &Supervisor,
    ) -> Self {
        let (commands, received) = mpsc::channel(COMMANDS_WAITING_MAX);
        let board = Arc::new(SecondaryBoard::default());
        let (driver, events) = Driver::new(keeper, board.clone(), limits);
        let run = driver.run(received, events, inputs, supervisor.stopping());
        supervisor.start("secondaries", run);
        Self { commands, board }
    }

    /// Takes over the zones of a configuration, which the keeper has already. Without a driver the daemon is ending.
    pub(crate) async fn apply(&self, config: &Config) {
        let (done, applied) = oneshot::channel();
        let command = Command::Apply {
            followed: followed::followed(config),
            limits: config.transfers,
            threads: config.threads,
            done,
        };
        if self.commands.send(command).await.is_ok() {
            let _ = applied.await;
        }
    }

    /// Has a zone transferred whatever its serial is; false when it isn't one that comes from elsewhere.
    pub(crate) async fn retransfer(&self, key: ZoneKey) -> bool {
        self.tell(|reply| Command::Retransfer(key, reply)).await
    }

    /// Has a zone's primaries asked now; false when it isn't one that comes from elsewhere.
    pub(crate) async fn refresh(&self, key: ZoneKey) -> bool {
        self.tell(|reply| Command::Refresh(key, reply)).await
    }

    /// Where the zones stand.
    pub(crate) fn board(&self) -> &Arc<SecondaryBoard> {
        &self.board
    }

    async fn tell(&self, command: impl FnOnce(oneshot::Sender<bool>) -> Command) -> bool {
        let (reply, is_there) = oneshot::channel();
        self.commands.send(command(reply)).await.is_ok() && is_there.await.unwrap_or(false)
    }
}
