//! Metrics: counted with the `metrics` crate's handles, shown as Prometheus text.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Renders what was counted so far.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Makes every counter and gauge of the process count from now on. `None` if that was done before.
    #[must_use]
    pub fn install() -> Option<Self> {
        PrometheusBuilder::new()
            .install_recorder()
            .ok()
            .map(|handle| Self { handle })
    }

    /// The text of `/metrics`.
    #[must_use]
    pub fn render(&self) -> String {
        // Histograms keep single observations until they are summed up, which happens here too.
        self.handle.run_upkeep();
        self.handle.render()
    }
}
