//! What is summed up when `/metrics` is read: the threads' counters, and the zones as they are.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::{Instant, UNIX_EPOCH};

use ballast_shared::plugin::State;
use dnsd_core::answer::Transport;
use dnsd_core::message::Rcode;

use crate::plugins::{Plugins, Shown};
use crate::secondaries::{SecondaryBoard, SecondaryStatus, unix_seconds};
use crate::server::Shared;
use crate::server::counters::{COUNTED_TYPES, HTTP_CODES, TSIG_FAILURES, Totals};
use crate::server::seldom::NotifyFate;
use crate::signatures::{self, SignatureBoard};
use crate::zones::board::{Board, CatalogStatus, ServedFrom, ZoneStatus};
use crate::zones::key::ZoneKey;

/// What carries requests and replies, as the labels have it.
const TRANSPORTS: [(&str, Transport); 5] = [
    ("udp", Transport::Udp),
    ("tcp", Transport::Tcp),
    ("tls", Transport::Tls),
    ("https", Transport::Https),
    ("quic", Transport::Quic),
];

/// One of a transport's sums.
type SumOf = fn(&Totals) -> u64;

/// One of a zone's numbers, as far as it has it.
type ValueOf = fn(&ZoneStatus) -> Option<u64>;

/// One of the numbers of a zone that comes from other servers.
type SecondaryValueOf = fn(&SecondaryStatus) -> Option<u64>;

/// Appends all series, in Prometheus' text format.
pub(super) fn write(shared: &Shared, boards: &Boards, to: &mut String) {
    let Boards {
        zones: board,
        secondaries,
        plugins,
        signatures,
    } = boards;
    // Writing to a String can't fail.
    let _ = write_queries(shared, to);
    let _ = write_connections(shared, to);
    let _ = write_tls(shared, to);
    let _ = write_query_log(shared, to);
    let _ = write_transfers(shared, to);
    let _ = write_zones(board, to);
    let _ = write_catalogs(board, to);
    let _ = write_secondaries(secondaries, to);
    let _ = write_transfers_in(secondaries, to);
    let _ = write_plugins(&plugins.shown(), to);
    let _ = write_signatures(signatures, to);
    let _ = write_seldom(shared, to);
    let _ = write_forwarded(shared, to);
    let _ = write_zone_queries(shared, to);
}

/// Where it is written down how the zones are.
#[derive(Clone)]
pub(super) struct Boards {
    pub(super) zones: Arc<Board>,
    pub(super) secondaries: Arc<SecondaryBoard>,
    pub(super) plugins: Plugins,
    pub(super) signatures: Arc<SignatureBoard>,
}

fn write_queries(shared: &Shared, to: &mut String) -> fmt::Result {
    let totals = TRANSPORTS.map(|(label, transport)| (label, shared.counters.totals(transport)));
    head(
        to,
        "dnsd_queries_total",
        "counter",
        "Requests that were answered, by the type they asked for.",
    )?;
    for (transport, sums) in &totals {
        for (n, count) in sums.by_type.iter().enumerate().filter(|(_, count)| **count > 0) {
            let label = COUNTED_TYPES.get(n).and_then(|t| t.mnemonic()).unwrap_or("other");
            writeln!(
                to,
                "dnsd_queries_total{{transport=\"{transport}\",type=\"{label}\"}} {count}"
            )?;
        }
        // What has no question that could be read has no type either.
        writeln!(
            to,
            "dnsd_queries_total{{transport=\"{transport}\",type=\"none\"}} {}",
            sums.unreadable
        )?;
    }
    head(to, "dnsd_responses_total", "counter", "Answers, by response code.")?;
    for (transport, sums) in &totals {
        for (n, count) in sums.by_rcode.iter().enumerate().filter(|(_, count)| **count > 0) {
            let rcode = Rcode(n as u16);
            writeln!(
                to,
                "dnsd_responses_total{{transport=\"{transport}\",rcode=\"{rcode}\"}} {count}"
            )?;
        }
    }
    let single: [(&str, &str, SumOf); 3] = [
        (
            "dnsd_responses_truncated_total",
            "Answers that were cut off, with TC set.",
            |sums| sums.truncated,
        ),
        (
            "dnsd_requests_ignored_total",
            "Messages that get no answer: too short, or answers themselves.",
            |sums| sums.ignored,
        ),
        (
            "dnsd_responses_unsent_total",
            "Answers that the system or the client didn't take.",
            |sums| sums.unsent,
        ),
    ];
    for (name, help, sum) in single {
        head(to, name, "counter", help)?;
        for (transport, sums) in &totals {
            writeln!(to, "{name}{{transport=\"{transport}\"}} {}", sum(sums))?;
        }
    }
    head(
        to,
        "dnsd_rate_limited_total",
        "counter",
        "Answers over UDP that were over the rate, by what became of them.",
    )?;
    // Over connections nothing is limited.
    let [(_, udp), ..] = &totals;
    for (action, count) in [("dropped", udp.dropped), ("slipped", udp.slipped)] {
        writeln!(to, "dnsd_rate_limited_total{{action=\"{action}\"}} {count}")?;
    }
    head(
        to,
        "dnsd_tsig_failures_total",
        "counter",
        "Requests whose signature is not to be believed, by the error that was answered.",
    )?;
    for (transport, sums) in &totals {
        for ((_, error), count) in TSIG_FAILURES.iter().zip(&sums.tsig_failures) {
            writeln!(
                to,
                "dnsd_tsig_failures_total{{transport=\"{transport}\",error=\"{error}\"}} {count}"
            )?;
        }
    }
    head(
        to,
        "dnsd_http_responses_total",
        "counter",
        "Responses to DNS over HTTPS, by HTTP's code.",
    )?;
    let https = shared.counters.totals(Transport::Https);
    for (code, count) in HTTP_CODES.iter().zip(&https.by_http_code) {
        writeln!(to, "dnsd_http_responses_total{{code=\"{code}\"}} {count}")?;
    }
    Ok(())
}

fn write_transfers(shared: &Shared, to: &mut String) -> fmt::Result {
    let counts = shared.transfers.counts();
    head(to, "dnsd_transfers_out", "gauge", "Transfers out under way.")?;
    writeln!(to, "dnsd_transfers_out {}", counts.running)?;
    head(
        to,
        "dnsd_transfers_out_total",
        "counter",
        "Transfers out, by how they fared.",
    )?;
    for (fate, count) in [
        ("ended", counts.ended),
        ("broken-off", counts.broken_off),
        ("refused", counts.refused),
    ] {
        writeln!(to, "dnsd_transfers_out_total{{fate=\"{fate}\"}} {count}")?;
    }
    head(
        to,
        "dnsd_tsig_key_used_timestamp_seconds",
        "gauge",
        "When a request last came that was rightly signed with the key; 0: not yet.",
    )?;
    for key in shared.serving.load().keys.iter() {
        let used_at = key.last_used().unwrap_or(0);
        writeln!(
            to,
            "dnsd_tsig_key_used_timestamp_seconds{{key=\"{}\"}} {used_at}",
            Escaped(&key.name().to_string())
        )?;
    }
    head(
        to,
        "dnsd_tsig_keys_without_secret",
        "gauge",
        "Keys whose secret a plugin has and has not given yet: nothing is signed with them.",
    )?;
    let unknown = shared.serving.load().keys.iter().filter(|key| !key.is_known()).count();
    writeln!(to, "dnsd_tsig_keys_without_secret {unknown}")
}

fn write_connections(shared: &Shared, to: &mut String) -> fmt::Result {
    let usage = shared.places.usage();
    head(to, "dnsd_tcp_connections", "gauge", "Open TCP connections.")?;
    writeln!(to, "dnsd_tcp_connections {}", usage.open)?;
    head(
        to,
        "dnsd_tcp_connections_total",
        "counter",
        "TCP connections, by how they fared.",
    )?;
    for (fate, count) in [
        ("accepted", usage.accepted),
        ("evicted", usage.evicted),
        ("refused", usage.refused),
    ] {
        writeln!(to, "dnsd_tcp_connections_total{{fate=\"{fate}\"}} {count}")?;
    }
    Ok(())
}

fn write_query_log(shared: &Shared, to: &mut String) -> fmt::Result {
    let counts = shared.query_log.counts();
    head(
        to,
        "dnsd_query_log_total",
        "counter",
        "Queries that were to be logged, by what became of them.",
    )?;
    for (fate, count) in [("written", counts.written), ("dropped", counts.dropped)] {
        writeln!(to, "dnsd_query_log_total{{fate=\"{fate}\"}} {count}")?;
    }
    Ok(())
}

fn write_zones(board: &Board, to: &mut String) -> fmt::Result {
    head(to, "dnsd_zones", "gauge", "Zones, by what is served of them.")?;
    for (from, count) in ServedFrom::ALL.iter().zip(board.counts()) {
        writeln!(to, "dnsd_zones{{state=\"{}\"}} {count}", from.label())?;
    }
    let series: [(&str, &str, &str, ValueOf); 5] = [
        ("dnsd_zone_serial", "gauge", "The serial that is served.", |zone| {
            Some(zone.serial?.0.into())
        }),
        ("dnsd_zone_records", "gauge", "How many records are served.", |zone| {
            Some(zone.records as u64)
        }),
        (
            "dnsd_zone_loaded_timestamp_seconds",
            "gauge",
            "When the zone was last loaded from its file.",
            |zone| Some(zone.loaded_at?.duration_since(UNIX_EPOCH).ok()?.as_secs()),
        ),
        (
            "dnsd_zone_load_failures_total",
            "counter",
            "Loads that were refused.",
            |zone| Some(zone.failures),
        ),
        (
            "dnsd_zone_held",
            "gauge",
            "1 while a version waits for `dnsd reload --accept`.",
            |zone| Some(zone.held.is_some().into()),
        ),
    ];
    for (name, kind, help, value) in series {
        head(to, name, kind, help)?;
        let mut written = Ok(());
        board.for_each(|zone, status| {
            if let Some(value) = value(status) {
                let labels = ZoneLabels(zone);
                written = written.and(writeln!(to, "{name}{{{labels}}} {value}"));
            }
        });
        written?;
    }
    Ok(())
}

fn write_secondaries(board: &SecondaryBoard, to: &mut String) -> fmt::Result {
    let series: [(&str, &str, SecondaryValueOf); 8] = [
        (
            "dnsd_zone_confirmed_timestamp_seconds",
            "When a primary last said that what is served is the zone.",
            |zone| unix_seconds(zone.confirmed_at),
        ),
        (
            "dnsd_zone_expires_timestamp_seconds",
            "When the zone is served no more unless a primary confirms it.",
            |zone| unix_seconds(zone.expires_at),
        ),
        ("dnsd_zone_expires_in_seconds", "How long that is from now.", |zone| {
            // Whatever the wall clock has been set to since.
            let left = zone.expires?.checked_duration_since(Instant::now());
            Some(left.unwrap_or_default().as_secs())
        }),
        (
            "dnsd_zone_refresh_failures",
            "How often in a row no primary had the zone.",
            |zone| Some(zone.failures.into()),
        ),
        (
            "dnsd_zone_conflict",
            "1 while another primary has other data under the same serial.",
            |zone| zone.is_peer.then_some(zone.conflict.is_some().into()),
        ),
        (
            "dnsd_zone_transferred_timestamp_seconds",
            "When the last transfer ended that brought something.",
            |zone| unix_seconds(Some(zone.transferred.as_ref()?.at)),
        ),
        ("dnsd_zone_transferred_bytes", "Octets of that transfer.", |zone| {
            Some(zone.transferred.as_ref()?.octets)
        }),
        (
            "dnsd_zone_transferred_milliseconds",
            "How long that transfer took.",
            |zone| Some(zone.transferred.as_ref()?.took.as_millis() as u64),
        ),
    ];
    for (name, help, value) in series {
        head(to, name, "gauge", help)?;
        let mut written = Ok(());
        board.for_each(|zone, status| {
            if let Some(value) = value(status) {
                let labels = ZoneLabels(zone);
                written = written.and(writeln!(to, "{name}{{{labels}}} {value}"));
            }
        });
        written?;
    }
    Ok(())
}

/// What a series says of a catalog.
type CatalogValueOf = fn(&CatalogStatus) -> u64;

fn write_catalogs(board: &Board, to: &mut String) -> fmt::Result {
    let series: [(&str, &str, CatalogValueOf); 3] = [
        (
            "dnsd_catalog_members",
            "How many zones the catalog lists, or of others' has brought.",
            |catalog| catalog.members.len() as u64,
        ),
        (
            "dnsd_catalog_broken",
            "1 while nothing of the catalog's newest version is taken.",
            |catalog| catalog.broken.is_some().into(),
        ),
        (
            "dnsd_catalog_held",
            "1 while what the catalog would take away waits for `dnsd reload --accept`.",
            |catalog| catalog.held.is_some().into(),
        ),
    ];
    for (name, help, value) in series {
        head(to, name, "gauge", help)?;
        let mut written = Ok(());
        board.for_each_catalog(|zone, catalog| {
            let labels = ZoneLabels(zone);
            written = written.and(writeln!(to, "{name}{{{labels}}} {}", value(catalog)));
        });
        written?;
    }
    Ok(())
}

/// The names are logd's, but for the daemon's.
fn write_plugins(plugins: &[Shown], to: &mut String) -> fmt::Result {
    let name = "dnsd_plugin_state";
    head(
        to,
        name,
        "gauge",
        "1 for how much can be given for what is known of the plugin's inventory.",
    )?;
    for plugin in plugins {
        for state in State::ALL {
            let value = u8::from(plugin.state() == state);
            writeln!(to, "{name}{{plugin=\"{}\",state=\"{state}\"}} {value}", plugin.name)?;
        }
    }
    let name = "dnsd_plugin_hosts";
    head(to, name, "gauge", "Machines that are known of the plugin.")?;
    for plugin in plugins {
        let hosts = plugin.status.as_ref().map_or(0, |status| status.hosts);
        writeln!(to, "{name}{{plugin=\"{}\"}} {hosts}", plugin.name)?;
    }
    let name = "dnsd_plugin_inventory_held";
    let help = "1 while an inventory that lacks much of what is known waits for `dnsd reload ZONE --accept`.";
    head(to, name, "gauge", help)?;
    for plugin in plugins {
        let is_held = plugin.status.as_ref().is_some_and(|status| status.held.is_some());
        writeln!(to, "{name}{{plugin=\"{}\"}} {}", plugin.name, u8::from(is_held))?;
    }
    Ok(())
}

fn write_tls(shared: &Shared, to: &mut String) -> fmt::Result {
    let name = "dnsd_tls_handshakes_total";
    head(
        to,
        name,
        "counter",
        "TLS handshakes of clients, by what became of them.",
    )?;
    let (completed, failed) = shared.handshakes.counts();
    for (fate, count) in [("completed", completed), ("failed", failed)] {
        writeln!(to, "{name}{{fate=\"{fate}\"}} {count}")?;
    }
    let name = "dnsd_tls_certificate_expires_timestamp_seconds";
    head(to, name, "gauge", "When a certificate of ours expires, by its file.")?;
    for expiry in shared.tls_files.expiries() {
        let file = expiry.certificate.to_string_lossy();
        writeln!(to, "{name}{{certificate=\"{}\"}} {}", Escaped(&file), expiry.ends_at)?;
    }
    Ok(())
}

fn write_transfers_in(board: &SecondaryBoard, to: &mut String) -> fmt::Result {
    let counts = board.transfers();
    head(to, "dnsd_transfers_in", "gauge", "Transfers in under way.")?;
    writeln!(to, "dnsd_transfers_in {}", counts.underway)?;
    head(
        to,
        "dnsd_transfers_in_total",
        "counter",
        "Transfers in, by how they fared.",
    )?;
    for (fate, count) in [("succeeded", counts.succeeded), ("failed", counts.failed)] {
        writeln!(to, "dnsd_transfers_in_total{{fate=\"{fate}\"}} {count}")?;
    }
    Ok(())
}

fn write_signatures(board: &SignatureBoard, to: &mut String) -> fmt::Result {
    let now = signatures::now();
    type ExpiryOf = fn(i64, i64) -> i64;
    let series: [(&str, &str, ExpiryOf); 2] = [
        (
            "dnsd_zone_signatures_expire_timestamp_seconds",
            "When the first of the zone's signatures expires, or has.",
            |at, _| at,
        ),
        (
            "dnsd_zone_signatures_expire_in_seconds",
            "How long that is from now; less than 0 when one has expired.",
            |at, now| at - now,
        ),
    ];
    for (name, help, value) in series {
        head(to, name, "gauge", help)?;
        let mut written = Ok(());
        board.for_each(|zone, first| {
            let labels = ZoneLabels(zone);
            written = written.and(writeln!(to, "{name}{{{labels}}} {}", value(first.at, now)));
        });
        written?;
    }
    Ok(())
}

fn write_seldom(shared: &Shared, to: &mut String) -> fmt::Result {
    head(
        to,
        "dnsd_notifies_total",
        "counter",
        "NOTIFYs, by the way they went and what became of them.",
    )?;
    for fate in NotifyFate::ALL {
        let (direction, label) = fate.labels();
        let count = shared.seldom.notifies(fate);
        writeln!(
            to,
            "dnsd_notifies_total{{direction=\"{direction}\",fate=\"{label}\"}} {count}"
        )?;
    }
    head(
        to,
        "dnsd_updates_total",
        "counter",
        "Dynamic updates, by the response code.",
    )?;
    for (rcode, count) in shared.seldom.updates() {
        writeln!(to, "dnsd_updates_total{{rcode=\"{rcode}\"}} {count}")?;
    }
    Ok(())
}

/// Of zones with `zone-statistics`.
fn write_zone_queries(shared: &Shared, to: &mut String) -> fmt::Result {
    head(
        to,
        "dnsd_zone_queries_total",
        "counter",
        "Questions about the zone, by the response code.",
    )?;
    let serving = shared.serving.load();
    for view in serving.views.iter() {
        // A view that isn't strict has zones from outside, too.
        for info in view.infos().filter(|info| info.key.view.as_ref() == view.name()) {
            let counts = info.statistics.iter().flat_map(|statistics| statistics.counts());
            for (rcode, count) in counts {
                let labels = ZoneLabels(&info.key);
                writeln!(to, "dnsd_zone_queries_total{{{labels},rcode=\"{rcode}\"}} {count}")?;
            }
        }
    }
    Ok(())
}

fn write_forwarded(shared: &Shared, to: &mut String) -> fmt::Result {
    let counts = shared.serving.load().forwarder.counts();
    head(
        to,
        "dnsd_forwarding",
        "gauge",
        "Questions that other servers are asked now.",
    )?;
    writeln!(to, "dnsd_forwarding {}", counts.underway)?;
    head(
        to,
        "dnsd_forwarded_total",
        "counter",
        "Questions for other servers, by who answered them.",
    )?;
    for (outcome, count) in [
        ("cached", counts.cached),
        ("answered", counts.answered),
        ("failed", counts.failed),
    ] {
        writeln!(to, "dnsd_forwarded_total{{outcome=\"{outcome}\"}} {count}")?;
    }
    Ok(())
}

fn head(to: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(to, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

/// The labels of a zone's series: its name, and its view if it is in one.
struct ZoneLabels<'z>(&'z ZoneKey);

impl fmt::Display for ZoneLabels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "zone=\"{}\"", Escaped(&self.0.name.to_string()))?;
        match &self.0.view {
            // A view's name has nothing to be escaped.
            Some(view) => write!(f, ",view=\"{view}\""),
            None => Ok(()),
        }
    }
}

/// A label's value: backslashes and quotes get a backslash, and a line end, which a file's name may have, is written as one.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\n' => f.write_str("\\n")?,
                '\\' | '"' => write!(f, "\\{character}")?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use ballast_shared::config::Diagnostics;
    use dnsd_core::serial::Serial;

    use super::*;
    use crate::config;

    #[test]
    fn series_have_a_head_and_a_value() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("dnsd.toml");
        std::fs::write(&file, "").unwrap();
        let shared = Shared::new(&config::load(&file, &Diagnostics::new()).unwrap()).unwrap();
        let udp = shared.counters.add(Transport::Udp);
        udp.asked(Some(dnsd_core::rrtype::Type::MX));
        udp.replied(Rcode::NXDOMAIN, true);
        udp.ignored();
        let boards = Boards {
            zones: Arc::default(),
            secondaries: Arc::default(),
            plugins: Plugins::default(),
            signatures: Arc::default(),
        };
        let board = &boards.zones;
        shared.seldom.update(Rcode::NXRRSET);
        shared.seldom.notify(NotifyFate::Received);
        let mut status = ZoneStatus::new("db".into(), None);
        status.served_from = ServedFrom::File;
        status.serial = Some(Serial(7));
        status.loaded_at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1000));
        let name: dnsd_core::name::Name = "example.net".parse().unwrap();
        board.set(&ZoneKey::new(Some("cloud".into()), name.clone()), status.clone());
        board.set(&ZoneKey::outside(name.clone()), status);
        let catalog = CatalogStatus {
            members: [name.clone(), name].into(),
            broken: Some("no version property".into()),
            ..CatalogStatus::default()
        };
        board.set_catalog(&ZoneKey::outside("catz".parse().unwrap()), Some(catalog));
        let mut text = String::new();
        let secondary = SecondaryStatus {
            confirmed_at: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(2000)),
            expires_at: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(3000)),
            expires: Some(Instant::now() + Duration::from_millis(4500)),
            failures: 3,
            ..SecondaryStatus::default()
        };
        boards
            .secondaries
            .set(&ZoneKey::outside("example.org".parse().unwrap()), secondary);
        write(&shared, &boards, &mut text);
        for line in [
            "# TYPE dnsd_queries_total counter",
            "dnsd_queries_total{transport=\"udp\",type=\"MX\"} 1",
            "dnsd_responses_total{transport=\"udp\",rcode=\"NXDOMAIN\"} 1",
            "dnsd_responses_truncated_total{transport=\"udp\"} 1",
            "dnsd_requests_ignored_total{transport=\"udp\"} 1",
            "dnsd_responses_unsent_total{transport=\"tcp\"} 0",
            "dnsd_rate_limited_total{action=\"slipped\"} 0",
            "dnsd_tcp_connections 0",
            "dnsd_tls_handshakes_total{fate=\"failed\"} 0",
            "dnsd_queries_total{transport=\"tls\",type=\"none\"} 0",
            "dnsd_zones{state=\"loaded\"} 2",
            "dnsd_zone_serial{zone=\"example.net.\",view=\"cloud\"} 7",
            "dnsd_zone_serial{zone=\"example.net.\"} 7",
            "dnsd_zone_loaded_timestamp_seconds{zone=\"example.net.\"} 1000",
            "dnsd_zone_held{zone=\"example.net.\"} 0",
            "dnsd_catalog_members{zone=\"catz.\"} 2",
            "dnsd_catalog_broken{zone=\"catz.\"} 1",
            "dnsd_catalog_held{zone=\"catz.\"} 0",
            "dnsd_zone_confirmed_timestamp_seconds{zone=\"example.org.\"} 2000",
            "dnsd_zone_expires_timestamp_seconds{zone=\"example.org.\"} 3000",
            "dnsd_zone_expires_in_seconds{zone=\"example.org.\"} 4",
            "dnsd_zone_refresh_failures{zone=\"example.org.\"} 3",
            "dnsd_transfers_in_total{fate=\"failed\"} 0",
            "dnsd_notifies_total{direction=\"in\",fate=\"received\"} 1",
            "dnsd_updates_total{rcode=\"NXRRSET\"} 1",
            "dnsd_forwarded_total{outcome=\"cached\"} 0",
        ] {
            assert!(
                text.lines().any(|written| written == line),
                "{line} is missing in\n{text}"
            );
        }
    }

    /// All that can be written.
    fn names() -> Vec<String> {
        let (_dir, shared) = crate::server::test_shared("");
        let boards = Boards {
            zones: Arc::default(),
            secondaries: Arc::default(),
            plugins: Plugins::default(),
            signatures: Arc::default(),
        };
        let mut text = String::new();
        write(&shared, &boards, &mut text);
        let heads = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        heads.map(|head| head.split(' ').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_metric_is_in_the_manual() {
        let manual = include_str!("../../../../docs/dnsd.md");
        for name in names() {
            assert!(manual.contains(&format!("`{name}`")), "{name} is not in docs/dnsd.md");
        }
    }

    #[test]
    fn alerts_are_about_metrics_that_there_are() {
        let (names, alerts) = (names(), include_str!("../../../../docs/prometheus-alerts.yml"));
        let is_part = |character: char| character.is_ascii_lowercase() || character == '_';
        let words = alerts.split(|character| !is_part(character));
        let meant: Vec<&str> = words.filter(|word| word.starts_with("dnsd_")).collect();
        assert!(meant.len() > 10);
        for name in meant {
            assert!(names.iter().any(|known| known == name), "{name} is no metric");
        }
    }

    #[test]
    fn a_name_with_quotes_stays_inside_its_label() {
        assert_eq!(Escaped("a\\.b\"c.").to_string(), "a\\\\.b\\\"c.");
    }
}
