//! The commands that don't run the daemon.

mod dump;
mod explain;
mod status;

use std::path::Path;

use ballast_shared::config::Diagnostics;
use ballast_shared::exit::Exit;
use ballast_shared::varlink::{self, ClientError};
use dnsd_core::name::Name;
use serde_json::{Map, Value, json};

use crate::config;
use crate::control::INTERFACE;
use crate::zones::key::ZoneKey;
use crate::zones::{LoadOutcome, load};

pub(crate) use dump::{dump, flush};
pub(crate) use explain::{explain, explain_files};
pub(crate) use status::status;

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

/// `dnsd sync`, `freeze` and `thaw` without a zone, by the name of their method
pub(crate) fn steer_all(config: &Path, method: &str) -> Exit {
    let answer = match call(config, method, json!({})) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let zones = answer
        .get("zones")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let is_done = |zone: &&Value| zone["failed"] != json!(true);
    for zone in &zones {
        println!("zone {}: {}", shown(zone), zone["message"].as_str().unwrap_or_default());
    }
    let done = zones.iter().filter(is_done).count();
    let plural = if done == 1 { "" } else { "s" };
    println!("{done} zone{plural} done");
    if done == zones.len() { Exit::Ok } else { Exit::Config }
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
    varlink::call(&socket, &self::method(method), parameters).map_err(|error| exit_of(&error))
}

/// The full name of one of the daemon's methods.
fn method(name: &str) -> String {
    format!("{}.{name}", INTERFACE.name)
}

/// Prints why the daemon could not be asked, or what it refused.
fn exit_of(error: &ClientError) -> Exit {
    eprintln!("{error}");
    match error {
        ClientError::Connect { .. } | ClientError::Garbled => Exit::Unavailable,
        ClientError::Io(_) => Exit::Io,
        ClientError::Refused(name, _) => refusal_exit(name),
    }
}

/// What a refusal means for the command.
fn refusal_exit(error: &str) -> Exit {
    match error.rsplit('.').next() {
        Some("NoSuchZone" | "SeveralZones" | "NotSecondary" | "InvalidParameter") => Exit::Usage,
        Some("ConfigHasErrors" | "ZoneHasErrors" | "ZoneIsHeld" | "SyncFailed") => Exit::Config,
        _ => Exit::Unavailable,
    }
}
