//! All machines, each minute.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::told::{NobodyListens, Told};
use super::{Config, now};
use crate::aws::Client;

/// A listing that takes longer than this is given up: the answers of its first pages are old.
const LISTING: Duration = Duration::from_secs(5 * 60);

/// Lists all machines again and again, until nobody listens any more.
pub(super) async fn run(client: &Client, config: &Config, told: &Told) {
    loop {
        let next = Instant::now() + apart(config.interval);
        if let Err(NobodyListens) = list(client, config, told).await {
            return;
        }
        // One that took longer than the interval is followed by the next after a while, not at once.
        sleep_until(next.max(Instant::now() + config.interval / 10)).await;
    }
}

/// Lists all machines once and tells what there are, or that it is not known.
async fn list(client: &Client, config: &Config, told: &Told) -> Result<(), NobodyListens> {
    let began = now();
    match client.until(Instant::now() + LISTING).instances(&config.filters).await {
        Ok(instances) => told.listing(&instances, &config.labels, began, now()).await,
        Err(error) => told.failing(&error).await,
    }
}

/// The interval, and up to a tenth less: several who were started together don't ask together for ever.
pub(super) fn apart(interval: Duration) -> Duration {
    let mut octets = [0; 2];
    // Without randomness they do.
    let _ = getrandom::fill(&mut octets);
    interval - interval / 10 * u32::from(u16::from_be_bytes(octets)) / u32::from(u16::MAX)
}
