//! The commands that don't run the daemon.

use std::path::Path;

use ballast_shared::config::Diagnostics;
use ballast_shared::control::{self, ClientError};
use ballast_shared::exit::Exit;
use dnsd_core::name::Name;
use serde_json::{Map, Value, json};

use crate::config;
use crate::control::INTERFACE;
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
    let attempt = load::load(origin, file, Path::new(""), threads);
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
            println!("zone {}: {outcome}\nOK", crate::zones::shown(origin));
            Exit::Ok
        }
        Err(problems) => {
            for problem in &problems {
                println!("{problem}");
            }
            println!("zone {}: not loaded because of errors", crate::zones::shown(origin));
            Exit::Config
        }
    }
}

/// `dnsd status [ZONE]`
pub(crate) fn status(config: &Path, zone: Option<&Name>) -> Exit {
    let answer = call(config, "Status", json!({ "zone": zone.map(ToString::to_string) }));
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
    println!(
        "{}\t{}\tserial {serial}\t{} records\t{}",
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
            text("name")
        );
    }
    if zone["fileIsGone"] == json!(true) {
        println!(
            "\tits file is gone; `dnsd reload {} --accept` removes the zone",
            text("name")
        );
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

/// `dnsd reload [ZONE] [--accept]`
pub(crate) fn reload(config: &Path, zone: Option<&Name>, accept: bool) -> Exit {
    match zone {
        Some(zone) => {
            let parameters = json!({ "zone": zone.to_string(), "accept": accept });
            match call(config, "ReloadZone", parameters) {
                Ok(answer) => {
                    let message = answer.get("message").and_then(Value::as_str).unwrap_or_default();
                    println!("zone {}: {message}", crate::zones::shown(zone));
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
        println!("zone {}: removed", zone.as_str().unwrap_or_default());
    }
    let unlisted = list("unlisted");
    for group in &unlisted {
        println!("{}", group.as_str().unwrap_or_default());
    }
    let refused = list("refused");
    for zone in &refused {
        let text = |key: &str| zone[key].as_str().unwrap_or_default().to_owned();
        println!("zone {}: {}", text("zone"), text("message"));
    }
    let all_is_served = refused.is_empty() && unlisted.is_empty();
    if all_is_served { Exit::Ok } else { Exit::Config }
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
        Some("NoSuchZone" | "InvalidParameter") => Exit::Usage,
        Some("ConfigHasErrors" | "ZoneHasErrors" | "ZoneIsHeld") => Exit::Config,
        _ => Exit::Unavailable,
    }
}
