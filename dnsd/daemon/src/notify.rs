//! Other servers are told that a zone has changed (RFC 1996): those of `also-notify`, and the zone's own name servers.
//!
//! One task, the [`driver`], hears of every version that is served, finds out who is to be told ([`targets`]), and lets
//! [`dnsd_core::notify::Notifier`] decide when each is told again.

mod addresses;
mod driver;
mod targets;

use ballast_shared::supervise::Supervisor;
use tokio::sync::{mpsc, oneshot};

use crate::config::{Config, ListenAddress};
use crate::server::Shared;
use crate::zones::Changed;
use crate::zones::key::ZoneKey;

use driver::Driver;

/// Commands that wait for the driver; who has one more waits.
const COMMANDS_WAITING_MAX: usize = 16;

/// What the driver is told from outside.
enum Command {
    /// The configuration is another one.
    Apply(Settings),
    /// A zone's secondaries are to be told now; whether there is such a zone.
    Notify(ZoneKey, oneshot::Sender<bool>),
}

/// What all zones have in common.
#[derive(Debug, Clone)]
struct Settings {
    /// Where we are asked ourselves.
    listen: Vec<ListenAddress>,
    /// Messages a second.
    per_second: usize,
}

impl Settings {
    fn of(config: &Config) -> Self {
        Self {
            listen: config.listen.clone(),
            per_second: config.transfers.serial_queries_per_second,
        }
    }
}

/// The driver, from outside.
#[derive(Clone)]
pub(crate) struct Notify {
    commands: mpsc::Sender<Command>,
}

impl Notify {
    /// Starts the driver. What zones there are, and whom each is told to, is what is served.
    pub(crate) fn start(
        shared: Shared,
        changes: mpsc::UnboundedReceiver<Changed>,
        config: &Config,
        supervisor: &Supervisor,
    ) -> Self {
        let (commands, received) = mpsc::channel(COMMANDS_WAITING_MAX);
        let (driver, events) = Driver::new(shared, Settings::of(config));
        let run = driver.run(received, events, changes, supervisor.stopping());
        supervisor.start("notify", run);
        Self { commands }
    }

    /// Takes over a configuration. Without a driver the daemon is ending.
    pub(crate) async fn apply(&self, config: &Config) {
        let _ = self.commands.send(Command::Apply(Settings::of(config))).await;
    }

    /// Has a zone's secondaries told of its version now; false when it has none.
    pub(crate) async fn notify(&self, key: ZoneKey) -> bool {
        let (reply, is_there) = oneshot::channel();
        self.commands.send(Command::Notify(key, reply)).await.is_ok() && is_there.await.unwrap_or(false)
    }
}
