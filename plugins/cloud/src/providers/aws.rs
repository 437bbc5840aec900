//! The machines of EC2, and of what speaks its API.
//!
//! Each minute all of them are listed (`listing`). In between, events in a queue say that something happened to one, and it is
//! looked at (`queue`): events come late, twice, in any order or not at all, so they say where to look and nothing more. What
//! is found goes to the inventory through `told`, which keeps the two apart: a listing that took long does not undo what an
//! event has shown meanwhile.

mod config;
pub(crate) mod event;
mod host;
mod listing;
mod queue;
mod resources;
mod seen;
mod told;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use self::config::{Config, Spec};
use self::told::Told;
use super::Report;
use crate::aws::Client;
use crate::resources::Kind;

/// A provider that is not running yet.
pub struct Aws {
    name: Arc<str>,
    client: Client,
    config: Arc<Config>,
}

impl Aws {
    /// Of this name in the configuration.
    #[must_use]
    pub fn new(name: &str, config: Config) -> Self {
        Self {
            name: name.into(),
            client: Client::new(config.settings.clone(), &config.parts()),
            config: Arc::new(config),
        }
    }

    /// What it asks with: for others who need to know something of the same cloud.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Tells what machines there are until it is stopped, or nobody listens any more.
    pub async fn run(self, reports: mpsc::Sender<Report>, stop: CancellationToken) {
        let told = Told::new(self.name.clone(), reports);
        let listing = listing::run(&self.client, &self.config, &told);
        let queue = async {
            match &self.config.queue {
                Some(url) => queue::run(&self.client, &self.config, url, &told).await,
                None => std::future::pending().await,
            }
        };
        let Config {
            networks_interval,
            volumes_interval,
            ..
        } = *self.config;
        let networks = resources::run(&self.client, &self.config, Kind::Networks, networks_interval, &told);
        let volumes = resources::run(&self.client, &self.config, Kind::Volumes, volumes_interval, &told);
        // They end only when nobody listens.
        tokio::select! {
            () = stop.cancelled() => {}
            () = listing => {}
            () = queue => {}
            () = networks => {}
            () = volumes => {}
        }
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
