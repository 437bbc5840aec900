//! While a target is sent to that is not the first of the list: looking whether one before it is there again.

use std::future::pending;
use std::sync::Arc;

use logd_core::failover::{Failed, Failover};
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::link::{Link, connect};
use super::{ForwardSettings, random};

/// Tries those that are preferred to the one in use, when they may be tried.
pub(super) struct Probe {
    settings: Arc<ForwardSettings>,
    than: usize,
    failover: Failover,
}

impl Probe {
    pub(super) fn new(settings: Arc<ForwardSettings>, than: usize, failover: Failover) -> Self {
        Self {
            settings,
            than,
            failover,
        }
    }

    /// Waits until one of them can be connected to.
    pub(super) async fn found(mut self) -> (usize, Link) {
        loop {
            let Some((target, at)) = self.failover.better(self.than, Instant::now().into_std()) else {
                return pending().await;
            };
            sleep_until(at.into()).await;
            match connect(&self.settings.targets[target], &self.settings).await {
                Ok(link) => return (target, link),
                Err(error) => {
                    debug!(target = %self.settings.targets[target], %error, "not there yet");
                    self.failover
                        .failed(target, Failed::Gone, Instant::now().into_std(), random());
                }
            }
        }
    }
}
