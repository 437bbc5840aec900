//! What `status` says of the counters: their values now, and how fast they grew in the last ten seconds and the last minute.
//!
//! It reads them where everybody does, in the text of `/metrics`: so there is one account of everything, and what is counted
//! by a part that is added later needs no second one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ballast_shared::metrics::Metrics;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often the counters are looked at.
const SAMPLE: Duration = Duration::from_secs(2);

/// Over what times rates are told.
const SHORT: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(60);

/// The counters, whose growth is told.
const GROWING: [&str; 2] = ["logd_input_messages_total", "logd_output_lines_total"];

/// The values of a while.
pub(crate) struct Rates {
    metrics: Metrics,
    samples: Mutex<VecDeque<Sample>>,
}

struct Sample {
    at: Instant,
    /// Of the counters in [`GROWING`], by name and label.
    values: HashMap<(String, String), f64>,
}

/// All values at one time.
pub(crate) struct Reading {
    series: Vec<Series>,
    short: Option<Sample>,
    long: Option<Sample>,
    at: Instant,
}

/// One line of the page.
struct Series {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Rates {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            samples: Mutex::default(),
        }
    }

    /// Looks at the counters now and again, until the daemon stops.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        let mut ticks = interval(SAMPLE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.sample(Instant::now()),
                () = stop.cancelled() => return,
            }
        }
    }

    fn sample(&self, now: Instant) {
        let sample = Sample::of(&read(&self.metrics.render()), now);
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.push_back(sample);
        // One that is older than a minute is needed to tell what was a minute ago.
        while samples.get(1).is_some_and(|next| now.duration_since(next.at) >= LONG) {
            samples.pop_front();
        }
    }

    /// What the counters say now.
    pub(crate) fn reading(&self, now: Instant) -> Reading {
        let series = read(&self.metrics.render());
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        // The youngest that is old enough; while the daemon is younger, the oldest there is.
        let before = |span| {
            let old_enough = |sample: &&Sample| now.duration_since(sample.at) >= span;
            let sample = samples.iter().rev().find(old_enough).or(samples.front())?;
            Some(Sample {
                at: sample.at,
                values: sample.values.clone(),
            })
        };
        Reading {
            short: before(SHORT),
            long: before(LONG),
            series,
            at: now,
        }
    }
}

impl Sample {
    fn of(series: &[Series], at: Instant) -> Self {
        let mut values = HashMap::new();
        for series in series.iter().filter(|series| GROWING.contains(&&*series.name)) {
            if let Some((_, of)) = series.labels.first() {
                *values.entry((series.name.clone(), of.clone())).or_insert(0.0) += series.value;
            }
        }
        Self { at, values }
    }
}

impl Reading {
    /// The sum of a metric's values over the series whose `label` is `of`.
    pub(crate) fn value(&self, name: &str, label: &str, of: &str) -> f64 {
        self.of(name, label, of).map(|series| series.value).sum()
    }

    /// The values of a metric by another label, those that are not zero, in the order of their names.
    pub(crate) fn by(&self, name: &str, label: &str, of: &str, other: &str) -> Vec<(String, f64)> {
        let mut sums: Vec<(String, f64)> = Vec::new();
        for series in self.of(name, label, of).filter(|series| series.value != 0.0) {
            let Some(reason) = series.label(other) else { continue };
            match sums.iter_mut().find(|(known, _)| known == reason) {
                Some((_, sum)) => *sum += series.value,
                None => sums.push((reason.to_owned(), series.value)),
            }
        }
        sums.sort_by(|a, b| a.0.cmp(&b.0));
        sums
    }

    /// How much a counter of [`GROWING`] grew in a second, over the last ten seconds and the last minute.
    pub(crate) fn rates(&self, name: &str, of: &str) -> (f64, f64) {
        let key = (name.to_owned(), of.to_owned());
        let now = Sample::of(&self.series, self.at).values.get(&key).copied();
        let rate = |before: &Option<Sample>| {
            let (Some(now), Some(before)) = (now, before) else {
                return 0.0;
            };
            let span = self.at.duration_since(before.at).as_secs_f64();
            // What has come since then began at nothing.
            let grown = now - before.values.get(&key).copied().unwrap_or_default();
            if span > 0.0 { (grown / span).max(0.0) } else { 0.0 }
        };
        (rate(&self.short), rate(&self.long))
    }

    fn of(&self, name: &str, label: &str, of: &str) -> impl Iterator<Item = &Series> {
        let meant = move |series: &&Series| series.name == name && series.label(label) == Some(of);
        self.series.iter().filter(meant)
    }
}

impl Series {
    fn label(&self, name: &str) -> Option<&str> {
        let (_, value) = self.labels.iter().find(|(label, _)| label == name)?;
        Some(value)
    }

    /// Reads a line of Prometheus' text format; `None` for a comment.
    fn parse(line: &str) -> Option<Self> {
        let (name, rest) = match line.find(['{', ' ']) {
            _ if line.starts_with('#') => return None,
            Some(end) => line.split_at(end),
            None => return None,
        };
        let (labels, value) = match rest.strip_prefix('{') {
            Some(labels) => parse_labels(labels)?,
            None => (Vec::new(), rest),
        };
        Some(Self {
            name: name.to_owned(),
            labels,
            value: value.trim().parse().ok()?,
        })
    }
}

/// The labels up to the closing brace, and what follows.
fn parse_labels(text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    let mut rest = text;
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        let end = loop {
            match characters.next()? {
                (at, '"') => break at,
                (_, '\\') => match characters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.push((name.to_owned(), value));
        rest = &quoted[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

fn read(page: &str) -> Vec<Series> {
    page.lines().filter_map(Series::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# TYPE logd_output_dropped_total counter\n\
        logd_output_dropped_total{output=\"a \\\"b\\\" \\\\ c\",reason=\"full\"} 3\n\
        logd_output_dropped_total{output=\"a \\\"b\\\" \\\\ c\",reason=\"refused\"} 0\n\
        logd_output_dropped_total{output=\"other\",reason=\"full\"} 5\n\
        logd_buffered_bytes 4096\n\
        logd_output_lines_total{output=\"other\"} 700\n";

    fn reading(before: &[(Duration, f64)], now: Instant) -> Reading {
        let sample = |(ago, value): &(Duration, f64)| Sample {
            at: now - *ago,
            values: HashMap::from([(("logd_output_lines_total".to_owned(), "other".to_owned()), *value)]),
        };
        Reading {
            series: read(PAGE),
            short: before.first().map(sample),
            long: before.last().map(sample),
            at: now,
        }
    }

    #[test]
    fn values_are_found_by_their_labels_whatever_is_in_them() {
        let reading = reading(&[], Instant::now());
        let dropped = reading.by("logd_output_dropped_total", "output", "a \"b\" \\ c", "reason");
        assert_eq!(dropped, [("full".to_owned(), 3.0)]);
        assert_eq!(reading.value("logd_output_dropped_total", "output", "other"), 5.0);
        assert_eq!(reading.value("logd_buffered_bytes", "output", "other"), 0.0);
    }

    #[test]
    fn rates_are_growth_over_the_time_between() {
        let samples = [(Duration::from_secs(10), 600.0), (Duration::from_secs(60), 100.0)];
        let reading = reading(&samples, Instant::now());
        assert_eq!(reading.rates("logd_output_lines_total", "other"), (10.0, 10.0));
        assert_eq!(reading.rates("logd_output_lines_total", "not there"), (0.0, 0.0));
    }

    #[test]
    fn what_is_younger_than_a_minute_is_told_of_since_its_beginning() {
        let reading = reading(&[(Duration::from_secs(2), 500.0)], Instant::now());
        assert_eq!(reading.rates("logd_output_lines_total", "other"), (100.0, 100.0));
    }
}
