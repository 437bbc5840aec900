//! What `/metrics` has of the scaling.

use std::fmt::Write;
use std::sync::Arc;

use super::scaler::Scaler;
use super::service::Scalings;

/// What series mean that are counted where things happen.
pub(crate) const COUNTED: [(&str, &str); 4] = [
    (
        "cloudd_scaling_decisions_total",
        "decisions, by scaling and by what was to be done",
    ),
    (
        "cloudd_scaling_failures_total",
        "how often something could not be decided or done: it is tried again",
    ),
    (
        "cloudd_scaling_messages_total",
        "messages of the queue by what became of them: done, kept, repeated, stale, ignored or foreign",
    ),
    (
        "cloudd_scaling_record_failures_total",
        "how often a decision could not be written down",
    ),
];

type Gauge = (&'static str, &'static str, fn(&Scaler) -> Option<i64>);

const GAUGES: [Gauge; 3] = [
    (
        "cloudd_scaling_up",
        "whether the last that was to be decided and done was, and the queue can be asked: 0 while it is tried again",
        |scaler| {
            let health = scaler.health();
            Some(i64::from(health.problem.is_none() && health.deaf.is_none()))
        },
    ),
    (
        "cloudd_scaling_heard_timestamp_seconds",
        "when a message last came",
        |scaler| scaler.health().heard_at,
    ),
    (
        "cloudd_scaling_waits",
        "whether a spot machine has been asked for that is not there yet",
        |scaler| Some(i64::from(scaler.waits_since().is_some())),
    ),
];

impl Scalings {
    /// Appends the gauges of each scaling.
    pub(crate) fn write_metrics(&self, text: &mut String) {
        let scalers: Vec<Arc<Scaler>> = self.all();
        if scalers.is_empty() {
            return;
        }
        for (name, help, value) in GAUGES {
            // Writing into a string does not fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
            for scaler in &scalers {
                // A name needs no escapes: it is letters, digits, `-` and `_`.
                if let Some(value) = value(scaler) {
                    let _ = writeln!(text, "{name}{{scaling=\"{}\"}} {value}", scaler.config().name);
                }
            }
        }
    }
}
