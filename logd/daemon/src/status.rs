//! What the daemon says of itself: for `status`, and the gauges of `/metrics` that are looked up when somebody asks.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use ballast_shared::tls::TlsFiles;

use crate::certificates;
use crate::control::{Count, Draining, Flow, Input, Output, Status};
use crate::input::{InputStatus, Inputs, Service};
use crate::metrics_help;
use crate::output::queued::Workers;
use crate::plugins::Plugins;
use crate::rates::{Rates, Reading};

/// All of it, for the control socket.
pub(crate) fn status(
    inputs: &Inputs,
    service: &Service,
    workers: &Workers,
    plugins: &Plugins,
    tls_files: &TlsFiles,
    rates: &Rates,
    started: Instant,
) -> Status {
    let now = Instant::now();
    let reading = rates.reading(now);
    let pipeline = service.pipeline.load();
    let unwritten = service.store.unwritten_since();
    let files = pipeline.file_outputs().map(|output| Output {
        held_up_files: output.held_up_files(),
        oldest_unwritten_s: age_s(unwritten.get(output.name()).copied(), now),
        ..of_output(output.name(), &reading)
    });
    let queued = pipeline.queued_outputs().map(|output| Output {
        queued_bytes: output.queue().held_bytes(),
        oldest_unwritten_s: age_s(output.queue().unsettled_since(), now),
        ..of_output(output.name(), &reading)
    });
    let outputs = files.chain(queued).collect();
    let draining = workers.leaving().map(|leaving| Draining {
        output: leaving.queue.name().to_owned(),
        records: leaving.queue.unsettled(),
        queued_bytes: leaving.queue.held_bytes(),
        given_up_in_s: leaving.until.saturating_duration_since(now).as_secs_f64(),
    });
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_s: started.elapsed().as_secs(),
        inputs: inputs
            .status()
            .into_iter()
            .map(|input| of_input(input, &reading))
            .collect(),
        outputs,
        draining: draining.collect(),
        plugins: plugins.status(),
        certificates: certificates::all(tls_files),
        dropped: ["rule", "no-rule"]
            .map(|reason| Count {
                reason: reason.to_owned(),
                count: count(reading.value("logd_messages_dropped_total", "reason", reason)),
            })
            .into(),
        open_files: service.store.open_files(),
        buffered_bytes: service.store.buffered_bytes(),
    }
}

/// For `/metrics`: for how long the oldest line of each output has been waiting. An output without such lines has 0.
pub(crate) fn oldest_unwritten(service: Arc<Service>) -> impl Fn(&mut String) + Send + Sync + 'static {
    move |page| {
        let now = Instant::now();
        let pipeline = service.pipeline.load();
        let unwritten = service.store.unwritten_since();
        let files = pipeline
            .file_outputs()
            .map(|output| (output.name(), unwritten.get(output.name()).copied()));
        let queued = pipeline
            .queued_outputs()
            .map(|output| (output.name(), output.queue().unsettled_since()));
        let help = metrics_help::of("logd_output_oldest_unwritten_seconds");
        // A string takes all.
        let _ = writeln!(
            page,
            "# HELP logd_output_oldest_unwritten_seconds {help}\n# TYPE logd_output_oldest_unwritten_seconds gauge"
        );
        for (name, since) in files.chain(queued) {
            let age_s = age_s(since, now).unwrap_or_default();
            let name = escaped(name);
            let _ = writeln!(
                page,
                "logd_output_oldest_unwritten_seconds{{output=\"{name}\"}} {age_s:.3}"
            );
        }
    }
}

fn of_input(input: InputStatus, reading: &Reading) -> Input {
    let mut dropped = counts(reading.by("logd_input_refused_total", "input", &input.name, "reason"));
    dropped.extend(counts(reading.by(
        "logd_input_dropped_total",
        "input",
        &input.name,
        "reason",
    )));
    let kernel = count(reading.value("logd_input_kernel_drops_total", "input", &input.name));
    if kernel > 0 {
        dropped.push(Count {
            reason: "kernel".to_owned(),
            count: kernel,
        });
    }
    Input {
        transport: input.transport.to_owned(),
        address: input.place.to_string(),
        connections: input.connections,
        messages: flow("logd_input_messages_total", "input", &input.name, reading),
        dropped,
        name: input.name,
    }
}

/// What the counters say of an output of any kind.
fn of_output(name: &str, reading: &Reading) -> Output {
    Output {
        name: name.to_owned(),
        lines: flow("logd_output_lines_total", "output", name, reading),
        dropped: counts(reading.by("logd_output_dropped_total", "output", name, "reason")),
        diverted: count(reading.value("logd_output_diverted_total", "output", name)),
        held_up_files: 0,
        queued_bytes: 0,
        spooled_bytes: count(reading.value("logd_output_spool_bytes", "output", name)),
        oldest_unwritten_s: None,
        target: target(name, reading),
    }
}

/// The target that an output is connected to.
fn target(output: &str, reading: &Reading) -> Option<String> {
    let targets = reading.by("logd_output_connected", "output", output, "target");
    let connected = targets.into_iter().find(|(_, value)| *value > 0.0);
    connected.map(|(target, _)| target)
}

fn flow(metric: &str, label: &str, of: &str, reading: &Reading) -> Flow {
    let (per_second_10s, per_second_1m) = reading.rates(metric, of);
    Flow {
        total: count(reading.value(metric, label, of)),
        per_second_10s,
        per_second_1m,
    }
}

fn counts(values: Vec<(String, f64)>) -> Vec<Count> {
    let of = |(reason, value)| Count {
        reason,
        count: count(value),
    };
    values.into_iter().map(of).collect()
}

/// A counter's value; the page has them as whole numbers.
fn count(value: f64) -> u64 {
    value as u64
}

fn age_s(since: Option<Instant>, now: Instant) -> Option<f64> {
    since.map(|since| now.saturating_duration_since(since).as_secs_f64())
}

/// A label's value in Prometheus' text format.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_quotes_stays_inside_its_label() {
        assert_eq!(escaped("/a\\b\"c"), "/a\\\\b\\\"c");
    }
}
