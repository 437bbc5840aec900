//! `dnsd status`: how the running daemon's zones are, and the daemon itself.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use ballast_shared::exit::Exit;
use dnsd_core::name::Name;
use serde_json::{Map, Value, json};

use super::call;

/// `dnsd status [ZONE] [--view VIEW] [--json]`
pub(crate) fn status(config: &Path, zone: Option<&Name>, view: Option<&str>, as_json: bool) -> Exit {
    let parameters = json!({ "zone": zone.map(ToString::to_string), "view": view });
    let answer = call(config, "Status", parameters);
    let answer = match answer {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    if as_json {
        println!("{}", Value::Object(answer));
        return Exit::Ok;
    }
    let zones = answer.get("zones").and_then(Value::as_array);
    for status in zones.into_iter().flatten() {
        print_zone(status, zone.is_some());
    }
    let unlisted = answer
        .get("unlisted")
        .filter(|_| zone.is_none())
        .and_then(Value::as_array);
    for group in unlisted.into_iter().flatten() {
        println!("{}", group.as_str().unwrap_or_default());
    }
    let plugins = answer
        .get("plugins")
        .filter(|_| zone.is_none())
        .and_then(Value::as_array);
    plugins.into_iter().flatten().for_each(print_plugin);
    if let Some(server) = answer.get("server").filter(|_| zone.is_none()) {
        print_server(server);
    }
    Exit::Ok
}

/// What isn't about a zone: transfers, if there were any, forwarding likewise, and when each key was last used.
fn print_server(server: &Value) {
    let counts = [
        (
            "transfers out",
            &server["transfersOut"],
            [
                ("underway", "under way"),
                ("ended", "ended"),
                ("brokenOff", "broken off"),
                ("refused", "refused"),
            ]
            .as_slice(),
        ),
        (
            "transfers in",
            &server["transfersIn"],
            &[
                ("underway", "under way"),
                ("succeeded", "succeeded"),
                ("failed", "failed"),
            ],
        ),
        (
            "forwarded",
            &server["forwarded"],
            &[
                ("underway", "under way"),
                ("cached", "answered from the cache"),
                ("answered", "answered"),
                ("failed", "not answered"),
            ],
        ),
    ];
    for (what, counts, words) in counts {
        if words.iter().any(|(key, _)| counts[*key].as_u64() != Some(0)) {
            let shown: Vec<String> = words
                .iter()
                .map(|(key, word)| format!("{} {word}", counts[*key]))
                .collect();
            println!("{what}: {}", shown.join(", "));
        }
    }
    for key in server["keys"].as_array().into_iter().flatten() {
        let text = |of: &str| key[of].as_str().unwrap_or_default().to_owned();
        let used = match key["lastUsedAt"].as_u64() {
            None => "not used yet".to_owned(),
            Some(at) => {
                let by = key["lastUsedBy"].as_str().map(|by| format!(" by {by}"));
                format!("last used {} s ago{}", now().saturating_sub(at), by.unwrap_or_default())
            }
        };
        println!("key {}\t{}\t{used}", text("name"), text("algorithm"));
    }
}

fn print_plugin(plugin: &Value) {
    let text = |of: &str| plugin[of].as_str().unwrap_or_default().to_owned();
    let heard = match plugin["lastWordSeconds"].as_u64() {
        None => "never heard of".to_owned(),
        Some(age) => format!("last heard of {age} s ago"),
    };
    println!(
        "plugin {}\t{}\t{} machines\t{heard}",
        text("name"),
        text("state"),
        plugin["hosts"]
    );
    if let Some(held) = plugin["held"].as_object() {
        let zone = plugin["zones"][0].as_str().unwrap_or("ZONE");
        println!(
            "\theld: an inventory that lacks {} of {} machines; `dnsd reload {zone} --accept` if that is meant",
            held["missing"], held["of"]
        );
    }
    if let Some(trouble) = plugin["trouble"].as_str() {
        println!("\t{}: {trouble}", text("socket"));
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs()
}

fn print_zone(zone: &Value, in_full: bool) {
    let text = |key: &str| zone[key].as_str().unwrap_or_default().to_owned();
    let serial = zone["serial"].as_u64().map_or("-".into(), |serial| serial.to_string());
    let view = zone["view"].as_str().map(|view| format!(" (view {view})"));
    let view = view.unwrap_or_default();
    println!(
        "{}{view}\t{}\tserial {serial}\t{} records\t{}",
        text("name"),
        text("state"),
        zone["records"],
        text("file")
    );
    if let Some(held) = zone["held"].as_object() {
        println!(
            "\theld: {} → {} records; `dnsd reload {} --accept` if that is meant",
            held["oldRecords"],
            held["newRecords"],
            arguments(zone)
        );
    }
    if zone["isFrozen"] == json!(true) {
        println!("\tfrozen: updates are refused until `dnsd thaw {}`", arguments(zone));
    }
    if zone["fileIsGone"] == json!(true) {
        println!(
            "\tits file is gone; `dnsd reload {} --accept` removes the zone",
            arguments(zone)
        );
    }
    if let Some(secondary) = zone["secondary"].as_object() {
        print_secondary(secondary, in_full);
    }
    if let Some(catalog) = zone["catalog"].as_object() {
        print_catalog(catalog);
    }
    if let Some(at) = zone["signaturesExpireAt"].as_i64() {
        let left = at - i64::try_from(now()).unwrap_or(i64::MAX);
        if left <= 0 {
            println!("\ta signature has expired {} s ago", -left);
        } else if in_full {
            println!("\tthe first signature expires in {left} s");
        }
    }
    for error in zone["errors"].as_array().into_iter().flatten() {
        println!("\terror: {}", error.as_str().unwrap_or_default());
    }
    if in_full {
        for warning in zone["warnings"].as_array().into_iter().flatten() {
            println!("\twarning: {}", warning.as_str().unwrap_or_default());
        }
        if let Some(at) = zone["loadedAt"].as_u64() {
            println!("\tloaded {} s ago", now().saturating_sub(at));
        }
        println!("\tloads refused since the start: {}", zone["loadFailures"]);
    }
}

/// Where a zone stands that comes from other servers.
fn print_secondary(secondary: &Map<String, Value>, in_full: bool) {
    if let Some(problem) = secondary["problem"].as_str() {
        println!("\t{problem}");
    }
    if let Some(conflict) = secondary["conflict"].as_str() {
        println!("\terror: {conflict}");
    }
    if !in_full {
        return;
    }
    let primaries = secondary["primaries"].as_array().into_iter().flatten();
    let primaries: Vec<&str> = primaries.filter_map(Value::as_str).collect();
    println!("\tprimaries: {}", primaries.join(", "));
    let now = now();
    let seconds = |key: &str| secondary[key].as_u64();
    if let Some(confirmed) = seconds("confirmedAt") {
        println!("\tconfirmed by one of them {} s ago", now.saturating_sub(confirmed));
    }
    if let Some(refresh) = seconds("refreshAt") {
        println!("\tasked again in {} s", refresh.saturating_sub(now));
    }
    if let Some(expires) = seconds("expiresAt") {
        println!("\texpires in {} s", expires.saturating_sub(now));
    }
    if let Some(transfer) = secondary["transfer"].as_object() {
        println!(
            "\ttransferred {} s ago from {}, {} bytes in {} ms",
            now.saturating_sub(transfer["at"].as_u64().unwrap_or_default()),
            transfer["from"].as_str().unwrap_or_default(),
            transfer["bytes"],
            transfer["milliseconds"]
        );
    }
    if secondary["refreshing"] == json!(true) {
        println!("\tbeing refreshed now");
    }
    println!("\trefreshes that failed in a row: {}", secondary["failures"]);
}

/// What a zone is as a catalog. Its members are there when it alone was asked for.
fn print_catalog(catalog: &Map<String, Value>) {
    println!("\tcatalog of {} zones", catalog["members"]);
    if let Some(broken) = catalog["broken"].as_str() {
        println!("\terror: broken catalog: {broken}");
    }
    if let Some(held) = catalog["held"].as_str() {
        println!("\theld: {held}");
    }
    for clash in catalog["clashes"].as_array().into_iter().flatten() {
        println!("\terror: member not taken: {}", clash.as_str().unwrap_or_default());
    }
    for zone in catalog["zones"].as_array().into_iter().flatten() {
        println!("\tmember: {}", zone.as_str().unwrap_or_default());
    }
}

/// How a command names a zone of `Status`.
fn arguments(zone: &Value) -> String {
    let name = zone["name"].as_str().unwrap_or_default();
    match zone["view"].as_str() {
        Some(view) => format!("{name} --view {view}"),
        None => name.to_owned(),
    }
}
