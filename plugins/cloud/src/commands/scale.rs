//! `cloudd scale …`

use std::io::{self, Write};
use std::path::Path;

use ballast_shared::exit::Exit;
use ballast_shared::varlink::{self, ClientError, parameters};
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::exit_of;
use crate::config;
use crate::control::INTERFACE;
use crate::scaling::actions;
use crate::scaling::decision::Decision;
use crate::scaling::{Entry, Outcome};

/// What is asked about the scaling, or of it.
#[derive(Debug, Subcommand)]
pub enum Scale {
    /// Show what was decided, why, and what came of it; the newest last
    History {
        /// Of this one only
        name: Option<String>,
        /// So many, the newest
        #[arg(long, default_value_t = 50)]
        limit: u64,
        /// A JSON object a line, with all inputs of each decision
        #[arg(long)]
        json: bool,
    },
    /// Show what would be decided now, and do nothing
    Plan {
        /// Of which
        name: String,
        /// If there were no more jobs, rather than jobs
        #[arg(long)]
        down: bool,
        /// As one JSON object, with all inputs
        #[arg(long)]
        json: bool,
    },
    /// Show how each is
    Status {
        /// As one JSON object: what the control socket says, see io.ballast.cloudd
        #[arg(long)]
        json: bool,
    },
    /// Do what is done when there are jobs
    Up(Ask),
    /// Do what is done when there are no more jobs
    Down(Ask),
}

/// What an administrator asks for.
#[derive(Debug, clap::Args)]
pub struct Ask {
    /// Of which
    name: String,
    /// What is asked twice with one key is done once
    #[arg(long)]
    key: Option<String>,
}

/// Runs it.
#[must_use]
pub fn scale(path: &Path, scale: Scale) -> Exit {
    let socket = config::control_socket(path);
    let done = match scale {
        Scale::History { name, limit, json } => return history(&socket, name.as_deref(), limit, json),
        Scale::Plan { name, down, json } => plan(&socket, &name, down, json),
        Scale::Status { json } => status(&socket, json),
        Scale::Up(ask) => act(&socket, "scale-up", ask),
        Scale::Down(ask) => act(&socket, "scale-down", ask),
    };
    match done {
        Ok(()) => Exit::Ok,
        Err(error) => exit_of(&error),
    }
}

fn call(socket: &Path, method: &str, of: &Value) -> Result<Map<String, Value>, ClientError> {
    varlink::call(socket, &format!("{}.{method}", INTERFACE.name), parameters(of))
}

fn history(socket: &Path, name: Option<&str>, limit: u64, json: bool) -> Exit {
    let method = format!("{}.ScaleHistory", INTERFACE.name);
    let mut out = io::stdout().lock();
    let mut failed_to_write = None;
    let shown = varlink::call_more(
        socket,
        &method,
        parameters(&json!({"name": name, "limit": limit})),
        |mut reply| {
            let Some(entry) = reply.remove("entry").filter(|entry| !entry.is_null()) else {
                return Ok(());
            };
            let scaling = reply.get("scaling").and_then(Value::as_str).unwrap_or_default();
            let printed = match json {
                true => writeln!(out, "{}", json!({"scaling": scaling, "entry": entry})),
                false => serde_json::from_value(entry)
                    .map_err(io::Error::other)
                    .and_then(|entry| print(&mut out, scaling, &entry)),
            };
            printed.inspect_err(|error| failed_to_write = Some(error.kind()))
        },
    );
    match (failed_to_write, shown) {
        (Some(io::ErrorKind::BrokenPipe), _) | (_, Ok(())) => Exit::Ok,
        (Some(error), _) => {
            eprintln!("can't write: {error}");
            Exit::Io
        }
        (None, Err(error)) => exit_of(&error),
    }
}

fn print(out: &mut impl Write, scaling: &str, entry: &Entry) -> io::Result<()> {
    let Entry { decision, .. } = entry;
    let came_up = entry
        .came_up_at
        .map(|at| format!(", in service at {}", time(at)))
        .unwrap_or_default();
    let outcome = match &entry.outcome {
        None => "not known how it ended".to_owned(),
        Some(Outcome::Done) => "done".to_owned(),
        Some(Outcome::Again { why }) => format!("not done: {why}"),
        Some(Outcome::SpotRefused { why }) => format!("refused: {why}"),
    };
    writeln!(
        out,
        "{} {scaling} {}: {}",
        time(decision.inputs.at),
        decision.action,
        decision.text
    )?;
    for (step, result) in decision.steps.iter().zip(&entry.results) {
        writeln!(out, "    {step}: {}", result.text)?;
    }
    let follows = entry
        .follows
        .as_ref()
        .map(|id| format!(", instead of {id}"))
        .unwrap_or_default();
    writeln!(out, "    {} for {}{follows}: {outcome}{came_up}", entry.id, entry.cause)
}

fn plan(socket: &Path, name: &str, down: bool, json: bool) -> Result<(), ClientError> {
    let mut reply = call(socket, "ScalePlan", &json!({"name": name, "down": down}))?;
    let decision = reply.remove("decision").unwrap_or_default();
    if json {
        println!("{decision}");
        return Ok(());
    }
    let decision: Decision = serde_json::from_value(decision).map_err(|_| ClientError::Garbled)?;
    println!("{}: {}", decision.action, decision.text);
    for step in &decision.steps {
        println!("    {step}");
    }
    for (side, group) in [
        ("spot", &decision.inputs.spot),
        ("on-demand", &decision.inputs.on_demand),
    ] {
        println!(
            "{side} group {}: {} machines, {} wanted, {} to {}",
            group.name,
            group.present(),
            group.desired,
            group.min,
            group.max
        );
    }
    if let Some(limit) = decision.limit {
        println!("at most {limit} dollars an hour");
    }
    for zone in &decision.zones {
        println!("    {} has cost {} over {} s", zone.zone, zone.mean, zone.seconds);
    }
    Ok(())
}

fn status(socket: &Path, json: bool) -> Result<(), ClientError> {
    let status = call(socket, "ScaleStatus", &json!({}))?;
    if json {
        println!("{}", Value::Object(status));
        return Ok(());
    }
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let at = |value: Option<&Value>| value.and_then(Value::as_i64).map(time);
    for scaling in status.get("scalings").and_then(Value::as_array).into_iter().flatten() {
        let heard = at(scaling.get("heardAt")).unwrap_or_else(|| "never since the start".to_owned());
        println!("scaling {}: heard {heard}", text(scaling.get("name")));
        if let Some(last) = scaling.get("last").filter(|last| last.is_object()) {
            let when = at(last.get("at")).unwrap_or_default();
            println!("    {when} {}: {}", text(last.get("action")), text(last.get("text")));
        }
        if let Some(since) = at(scaling.get("waitsSince")) {
            println!("    waits for a spot machine since {since}");
        }
        if let Some(problem) = scaling.get("problem").and_then(Value::as_str) {
            println!("    {problem}");
        }
    }
    Ok(())
}

fn act(socket: &Path, action: &str, ask: Ask) -> Result<(), ClientError> {
    let call = |method: &str, of: &Value| {
        varlink::call(socket, &format!("{}.{method}", actions::INTERFACE.name), parameters(of))
    };
    let planned = call("Plan", &json!({"action": action, "arguments": {"name": ask.name}}))?;
    println!("{}", planned.get("reason").and_then(Value::as_str).unwrap_or_default());
    let plan = planned.get("plan").ok_or(ClientError::Garbled)?;
    // No other plan has that text, so it is a key that nobody else has used.
    let key = ask.key.map_or_else(|| plan.clone(), Value::String);
    let done = call("Execute", &json!({"plan": plan, "idempotencyKey": key}))?;
    for result in done.get("results").and_then(Value::as_array).into_iter().flatten() {
        println!("    {}", result.as_str().unwrap_or_default());
    }
    Ok(())
}

/// Seconds since 1970 as a date and a time.
fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}
