//! Metrics: counted with the `metrics` crate's handles, shown as Prometheus text.

use std::sync::Arc;

use metrics::{describe_counter, describe_gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Renders what was counted so far.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    collectors: Vec<Collector>,
}

/// Appends series to the text of `/metrics`.
type Collector = Arc<dyn Fn(&mut String) + Send + Sync>;

impl Metrics {
    /// Makes every counter and gauge of the process count from now on. `None` if that was done before.
    #[must_use]
    pub fn install() -> Option<Self> {
        let handle = PrometheusBuilder::new().install_recorder().ok()?;
        Some(Self {
            handle,
            collectors: Vec::new(),
        })
    }

    /// Explains metrics by their names: the lines `# HELP` of the page. What ends in `_total` is a counter, all else a gauge.
    #[must_use]
    pub fn explained(self, help: &[(&'static str, &'static str)]) -> Self {
        for &(name, text) in help {
            if name.ends_with("_total") {
                describe_counter!(name, text);
            } else {
                describe_gauge!(name, text);
            }
        }
        self
    }

    /// Adds series that are summed up when somebody asks, in Prometheus' text format: what threads count for themselves, or
    /// what comes and goes, such as zones.
    #[must_use]
    pub fn with(mut self, collect: impl Fn(&mut String) + Send + Sync + 'static) -> Self {
        self.collectors.push(Arc::new(collect));
        self
    }

    /// The text of `/metrics`.
    #[must_use]
    pub fn render(&self) -> String {
        // Histograms keep single observations until they are summed up, which happens here too.
        self.handle.run_upkeep();
        let mut text = self.handle.render();
        for collect in &self.collectors {
            collect(&mut text);
        }
        text
    }
}
