//! The commands that don't run the daemon.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use ballast_shared::config::Diagnostics;
use ballast_shared::control::{self, ClientError};
use ballast_shared::exit::Exit;
use dnsd_core::name::Name;
use serde_json::{Map, Value, json};

use crate::config;
use crate::control::INTERFACE;
use crate::zones::key::ZoneKey;
use crate::zones::{LoadOutcome, load};

/// `dnsd check`
pub(crate) fn check(config: &Path) -> Exit {
    let diagnostics = Diagnostics::new();
    let checked = config::check(config, &diagnostics);
    if !diagnostics.is_empty() {
        eprint!("{diagnostics}");
    }
    if checked.is_some() { Exit::Ok } else { Exit::Config }
}

/// `dnsd check-zone ORIGIN FILE`
pub(crate) fn check_zone(origin: &Name, file: &Path) -> Exit {
    // A relative $INCLUDE is looked for beside its file, then where the command was called, as named-checkzone does.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let attempt = load::load(origin, file, Path::new(""), load::Standard::Sound, threads);
    match attempt.result {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                println!("{warning}");
            }
            let outcome = LoadOutcome::Loaded {
                zone: loaded.zone,
                warnings: Vec::new(),
                took: attempt.took,
            };
            println!("zone {}: {outcome}\nOK", ZoneKey::outside(origin.clone()));
            Exit::Ok
        }
        Err(problems) => {
            for problem in &problems {
                println!("{problem}");
            }
            println!(
                "zone {}: not loaded because of errors",
                ZoneKey::outside(origin.clone())
            );
            Exit::Config
        }
    }
}

/// `dnsd status [ZONE] [--view VIEW]`
pub(crate) fn status(config: &Path, zone: Option<&Name>, view: Option<&str>) -> Exit {
    let parameters = json!({ "zone": zone.map(ToString::to_string), "view": view });
    let answer = call(config, "Status", parameters);
    let answer = match answer {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
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
    Exit::Ok
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
    for error in zone["errors"].as_array().into_iter().flatten() {
        println!("\terror: {}", error.as_str().unwrap_or_default());
    }
    if in_full {
        for warning in zone["warnings"].as_array().into_iter().flatten() {
            println!("\twarning: {}", warning.as_str().unwrap_or_default());
        }
        println!("\tloads refused since the start: {}", zone["loadFailures"]);
    }
}

/// `dnsd sync`, `freeze`, `thaw`, `retransfer`, `refresh` and `notify ZONE`, by the name of their method
pub(crate) fn steer(config: &Path, method: &str, zone: &Name, view: Option<&str>) -> Exit {
    match call(config, method, json!({ "zone": zone.to_string(), "view": view })) {
        Ok(answer) => {
            if let Some(message) = answer.get("message").and_then(Value::as_str) {
                let zone = ZoneKey::new(view.map(Into::into), zone.clone());
                println!("zone {zone}: {message}");
            }
            Exit::Ok
        }
        Err(exit) => exit,
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
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
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

/// `dnsd reload [ZONE [--view VIEW]] [--accept]`
pub(crate) fn reload(config: &Path, zone: Option<&Name>, view: Option<&str>, accept: bool) -> Exit {
    match zone {
        Some(zone) => {
            let parameters = json!({ "zone": zone.to_string(), "view": view, "accept": accept });
            match call(config, "ReloadZone", parameters) {
                Ok(answer) => {
                    let message = answer.get("message").and_then(Value::as_str).unwrap_or_default();
                    let zone = ZoneKey::new(view.map(Into::into), zone.clone());
                    println!("zone {zone}: {message}");
                    Exit::Ok
                }
                Err(exit) => exit,
            }
        }
        None => match call(config, "Reload", json!({ "accept": accept })) {
            Ok(answer) => print_report(&answer),
            Err(exit) => exit,
        },
    }
}

fn print_report(report: &Map<String, Value>) -> Exit {
    let list = |key: &str| report.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    println!("{} zones loaded", report.get("loaded").unwrap_or(&json!(0)));
    for zone in list("removed") {
        println!("zone {}: removed", shown(&zone));
    }
    let unlisted = list("unlisted");
    for group in &unlisted {
        println!("{}", group.as_str().unwrap_or_default());
    }
    let refused = list("refused");
    for zone in &refused {
        println!("zone {}: {}", shown(zone), zone["message"].as_str().unwrap_or_default());
    }
    let all_is_served = refused.is_empty() && unlisted.is_empty();
    if all_is_served { Exit::Ok } else { Exit::Config }
}

/// A zone of a report.
fn shown(zone: &Value) -> String {
    let name = zone["zone"].as_str().unwrap_or_default();
    match zone["view"].as_str() {
        Some(view) => format!("{name} (view {view})"),
        None => name.to_owned(),
    }
}

/// Asks the daemon that runs with this configuration; what it refuses is printed.
fn call(config: &Path, method: &str, parameters: Value) -> Result<Map<String, Value>, Exit> {
    let socket = config::control_socket(config);
    let parameters = match parameters {
        Value::Object(parameters) => parameters,
        _ => Map::new(),
    };
    let method = format!("{}.{method}", INTERFACE.name);
    control::call(&socket, &method, parameters).map_err(|error| {
        eprintln!("{error}");
        match error {
            ClientError::Connect { .. } | ClientError::Garbled => Exit::Unavailable,
            ClientError::Io(_) => Exit::Io,
            ClientError::Refused(name, _) => refusal_exit(&name),
        }
    })
}

/// What a refusal means for the command.
fn refusal_exit(error: &str) -> Exit {
    match error.rsplit('.').next() {
        Some("NoSuchZone" | "SeveralZones" | "NotSecondary" | "InvalidParameter") => Exit::Usage,
        Some("ConfigHasErrors" | "ZoneHasErrors" | "ZoneIsHeld" | "SyncFailed") => Exit::Config,
        _ => Exit::Unavailable,
    }
}
