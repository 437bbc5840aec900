//! The commands that don't run the daemon.

mod events;
mod scale;

use std::io::{self, BufWriter, Write};
use std::path::Path;

use ballast_shared::config::Diagnostics;
use ballast_shared::exit::Exit;
use ballast_shared::plugin::host::WireHost;
use ballast_shared::varlink::{self, ClientError};
use serde_json::{Map, Value};

pub use events::events;
pub use scale::{Ask, Scale, scale};

use crate::config::{self, ProviderKind};
use crate::control::INTERFACE;
use crate::providers::static_file;
use crate::secrets::Store;

/// `cloudd check`
#[must_use]
pub fn check(path: &Path) -> Exit {
    let diagnostics = Diagnostics::new();
    let config = config::load(path, &diagnostics);
    if !diagnostics.is_empty() {
        eprint!("{diagnostics}");
    }
    let Some(config) = config else { return Exit::Config };
    let mut exit = Exit::Ok;
    if let Err(error) = Store::new(&config.secrets).check() {
        eprintln!("secrets: {error}");
        exit = Exit::Config;
    }
    for provider in config.providers {
        if let ProviderKind::Static { file } = provider.kind
            && let Err((said, _)) = static_file::read(&file)
        {
            eprint!("{said}");
            exit = Exit::Config;
        }
    }
    exit
}

/// `cloudd inventory [--json]`
#[must_use]
pub fn inventory(path: &Path, json: bool) -> Exit {
    let socket = config::load(path, &Diagnostics::new()).map(|config| config.plugin_socket);
    let Some(socket) = socket else {
        return check(path);
    };
    let mut hosts: Vec<WireHost> = Vec::new();
    let mut is_complete = false;
    let watched = varlink::call_more(&socket, "io.ballast.Inventory1.Watch", Map::new(), |mut reply| {
        let chunk = reply.remove("hosts").unwrap_or_default();
        hosts.extend(serde_json::from_value::<Vec<WireHost>>(chunk).map_err(io::Error::other)?);
        match reply.get("complete") {
            Some(Value::Bool(true)) => {
                is_complete = true;
                Err(io::ErrorKind::Other.into())
            }
            _ => Ok(()),
        }
    });
    match watched {
        // It is a stream without an end, and this was all of it that is asked for.
        Err(ClientError::Io(_)) if is_complete => {}
        Err(error) => return exit_of(&error),
        Ok(()) => return exit_of(&ClientError::Garbled),
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = print_hosts(&mut out, &hosts, json).and_then(|()| out.flush());
    match printed {
        Ok(()) => Exit::Ok,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
        Err(error) => {
            eprintln!("can't write: {error}");
            Exit::Io
        }
    }
}

/// A line of JSON for each, or a table.
fn print_hosts(out: &mut impl Write, hosts: &[WireHost], json: bool) -> io::Result<()> {
    if json {
        for host in hosts {
            serde_json::to_writer(&mut *out, host)?;
            writeln!(out)?;
        }
        return Ok(());
    }
    let columns = ["ID", "NAME", "ADDRESSES", "GROUP", "ZONE", "TYPE", "LIFECYCLE", "STATE"];
    let rows = hosts.iter().map(|host| {
        let addresses: Vec<&str> = host.addresses.iter().map(|one| one.address.as_str()).collect();
        let texts = [&host.group, &host.zone, &host.kind, &host.lifecycle, &host.state];
        let [group, zone, kind, lifecycle, state] = texts.map(|text| text.clone().unwrap_or_else(|| "-".into()));
        let name = host.name.clone().unwrap_or_else(|| "-".into());
        let addresses = if addresses.is_empty() {
            "-".into()
        } else {
            addresses.join(",")
        };
        [host.id.clone(), name, addresses, group, zone, kind, lifecycle, state]
    });
    print_table(out, columns, rows)
}

/// Rows below the names of their columns, each column as wide as it has to be.
pub(crate) fn print_table<const N: usize>(
    out: &mut impl Write,
    columns: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> io::Result<()> {
    let rows: Vec<[String; N]> = std::iter::once(columns.map(str::to_owned)).chain(rows).collect();
    let widths: Vec<usize> = (0..N)
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// `cloudd status [--json]`
#[must_use]
pub fn status(path: &Path, json: bool) -> Exit {
    let status = match call(path, "Status") {
        Ok(status) => status,
        Err(exit) => return exit,
    };
    if json {
        println!("{}", Value::Object(status));
        return Exit::Ok;
    }
    let number = |key: &str| status.get(key).and_then(Value::as_u64).unwrap_or_default();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    println!(
        "cloudd {}: {} hosts, version {} of epoch {}, {} watching",
        text(status.get("version")),
        number("hosts"),
        number("seq"),
        text(status.get("epoch")),
        number("watchers")
    );
    if status.get("complete") != Some(&Value::Bool(true)) {
        println!("not all providers have listed their hosts yet: watchers are told nothing new");
    }
    let providers = status.get("providers").and_then(Value::as_array);
    for provider in providers.into_iter().flatten() {
        let name = text(provider.get("name"));
        match provider.get("hosts").and_then(Value::as_u64) {
            Some(hosts) => println!("provider {name}: {hosts} hosts"),
            None => println!("provider {name}: not listed yet"),
        }
        if let Some(problem) = provider.get("problem").and_then(Value::as_str) {
            println!("    {}", problem.trim_end().replace('\n', "\n    "));
        }
    }
    if let Some(archive) = status.get("archive").and_then(Value::as_object) {
        let number = |key: &str| archive.get(key).and_then(Value::as_u64).unwrap_or_default();
        println!(
            "archive {}: {} files, {} bytes since the start",
            text(archive.get("store")),
            number("files"),
            number("bytes")
        );
        if let Some(problem) = archive.get("problem").and_then(Value::as_str) {
            println!("    {problem}");
        }
    }
    Exit::Ok
}

/// `cloudd reload`
#[must_use]
pub fn reload(path: &Path) -> Exit {
    let socket = config::control_socket(path);
    match varlink::call(&socket, &format!("{}.Reload", INTERFACE.name), Map::new()) {
        Ok(_) => Exit::Ok,
        Err(ClientError::Refused(error, parameters)) if error.ends_with(".ConfigInvalid") => {
            let message = parameters.get("message").and_then(Value::as_str).unwrap_or_default();
            eprint!("{message}");
            Exit::Config
        }
        Err(error) => exit_of(&error),
    }
}

fn call(path: &Path, method: &str) -> Result<Map<String, Value>, Exit> {
    let socket = config::control_socket(path);
    varlink::call(&socket, &format!("{}.{method}", INTERFACE.name), Map::new()).map_err(|error| exit_of(&error))
}

/// Says why, and how to end.
pub(crate) fn exit_of(error: &ClientError) -> Exit {
    eprintln!("{error}");
    match error {
        ClientError::Connect { .. } | ClientError::Refused(..) => Exit::Unavailable,
        ClientError::Io(_) | ClientError::Garbled => Exit::Io,
    }
}
