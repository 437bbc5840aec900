//! What `[control] http` shows: `/metrics` and `/healthz`.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use ballast_shared::http;
use ballast_shared::metrics::Metrics;

use crate::hub::{Hub, ProviderStatus};
use crate::scaling::{self, Scalings};

/// How many follow what there is.
#[derive(Debug)]
pub(crate) struct Watching {
    pub(crate) inventory: Arc<AtomicUsize>,
    pub(crate) events: Arc<AtomicUsize>,
}

/// What series mean that others count.
const COUNTED: [(&str, &str); 14] = [
    (
        "cloudd_control_http_closed_total",
        "connections to the pages that were closed on their client, by reason",
    ),
    (
        "cloudd_queue_failures_total",
        "how often a queue could not be asked, by the table of the configuration that it is for",
    ),
    (
        "cloudd_sns_closed_total",
        "connections for topics that were closed on their client, by reason",
    ),
    (
        "cloudd_sns_requests_total",
        "what came to the listener for topics, by what became of it",
    ),
    (
        "cloudd_secrets_asked_total",
        "secrets that were asked for over the plugin's socket, by outcome",
    ),
    ("cloudd_archive_files_total", "files that were stored"),
    ("cloudd_archive_bytes_total", "their octets"),
    (
        "cloudd_archive_failures_total",
        "how often a file was not stored, by reason: it is tried again, unless it is a mismatch",
    ),
    (
        "cloudd_archive_parts_resumed_total",
        "parts of files that were not sent again, because they were there",
    ),
    ("cloudd_events_total", "events that were told, by kind"),
    (
        "cloudd_events_repeated_total",
        "events that were told again, and taken once",
    ),
    (
        "cloudd_events_missed_total",
        "events that were forgotten before somebody who follows them had come to them",
    ),
    (
        "cloudd_secrets_resource_answers_total",
        "requests of CloudFormation that were answered, by kind and outcome",
    ),
    (
        "cloudd_secrets_resource_unanswered_total",
        "requests that could not be answered, each time that they came, by reason",
    ),
];

/// What the series mean.
const HELP: [(&str, &str); 8] = [
    ("cloudd_hosts", "hosts in the inventory"),
    (
        "cloudd_inventory_version",
        "the number of the inventory's newest version; it begins anew with each start",
    ),
    ("cloudd_watchers", "daemons that follow the inventory"),
    ("cloudd_events_followers", "daemons and people that follow the events"),
    ("cloudd_events_remembered", "events that can still be asked for"),
    ("cloudd_provider_hosts", "hosts in a provider's last whole listing"),
    (
        "cloudd_provider_listed_timestamp_seconds",
        "when a provider last had a whole listing that differed from the one before, or was its first",
    ),
    (
        "cloudd_provider_up",
        "whether what a provider says is what it knows now: 0 while it can't be listed",
    ),
];

/// The pages.
pub(crate) fn pages(metrics: Metrics, hub: Arc<Hub>, watching: Watching, scalings: Arc<Scalings>) -> Router {
    let metrics = metrics
        .explained(&COUNTED)
        .explained(&scaling::metrics::COUNTED)
        .with(move |text| scalings.write_metrics(text))
        .with(move |text| write(&hub, &watching, text));
    // A provider that can't be listed is no reason to take the daemon away from those who follow it.
    http::pages(metrics, || Ok(()))
}

fn write(hub: &Hub, watching: &Watching, text: &mut String) {
    let (_, seq, hosts, _) = hub.version();
    let count = |of: &AtomicUsize| of.load(Ordering::Relaxed) as u64;
    let providers = hub.providers();
    let of_providers = |value: fn(&ProviderStatus) -> Option<u64>| -> Vec<(String, u64)> {
        let label = |name: &str| name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let series = providers
            .iter()
            .filter_map(|provider| Some((label(&provider.name), value(provider)?)));
        series.collect()
    };
    for (name, help) in HELP {
        let series: Vec<(String, u64)> = match name {
            "cloudd_hosts" => vec![(String::new(), hosts as u64)],
            "cloudd_inventory_version" => vec![(String::new(), seq)],
            "cloudd_watchers" => vec![(String::new(), count(&watching.inventory))],
            "cloudd_events_followers" => vec![(String::new(), count(&watching.events))],
            "cloudd_events_remembered" => vec![(String::new(), hub.events().remembered() as u64)],
            "cloudd_provider_hosts" => of_providers(|provider| provider.hosts.map(|hosts| hosts as u64)),
            "cloudd_provider_listed_timestamp_seconds" => of_providers(|provider| provider.listed_at),
            _ => of_providers(|provider| Some(u64::from(provider.hosts.is_some() && provider.problem.is_none()))),
        };
        // Writing into a string does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (provider, value) in series {
            let _ = match provider.is_empty() {
                true => writeln!(text, "{name} {value}"),
                false => writeln!(text, "{name}{{provider=\"{provider}\"}} {value}"),
            };
        }
    }
    let failures = "cloudd_provider_failures_total";
    let _ = writeln!(
        text,
        "# HELP {failures} how often a provider could not be listed\n# TYPE {failures} counter"
    );
    for (provider, count) in of_providers(|provider| Some(provider.failures)) {
        let _ = writeln!(text, "{failures}{{provider=\"{provider}\"}} {count}");
    }
}
