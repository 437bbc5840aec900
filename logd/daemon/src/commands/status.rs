//! `logd status`

use std::io::{self, Write};
use std::path::Path;

use ballast_shared::exit::Exit;
use ballast_shared::varlink;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::control::{Count, Flow, INTERFACE_NAME, Input, Output, Plugin, Status};

/// How it is shown.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// As JSON, as the control socket has it.
    #[arg(long)]
    json: bool,
}

/// Asks the running daemon and prints what it says.
pub(super) fn run(config: &Path, options: &Options) -> Exit {
    let socket = match super::read_config(config) {
        Ok(config) => config.control.socket,
        Err(exit) => return exit,
    };
    let answer = match varlink::call(&socket, &format!("{INTERFACE_NAME}.Status"), Map::new()) {
        Ok(answer) => Value::from(answer),
        Err(error) => {
            eprintln!("{error}");
            return Exit::Unavailable;
        }
    };
    let to = &mut io::stdout().lock();
    // A closed pipe behind `status | head` is no reason to fail; so too below.
    if options.json {
        return writeln!(to, "{answer:#}").map_or(Exit::Ok, |()| Exit::Ok);
    }
    match serde_json::from_value(answer) {
        Ok(status) => print(&status, to).map_or(Exit::Ok, |()| Exit::Ok),
        Err(error) => {
            eprintln!("the daemon's answer could not be read: {error}");
            Exit::Unavailable
        }
    }
}

fn print(status: &Status, to: &mut impl Write) -> io::Result<()> {
    writeln!(to, "logd {}, up {} s", status.version, status.uptime_s)?;
    for input in &status.inputs {
        print_input(input, to)?;
    }
    for output in &status.outputs {
        print_output(output, to)?;
    }
    for draining in &status.draining {
        writeln!(
            to,
            "draining {:15} as it was before a reload: {} records, {} bytes queued, given up in {:.1} s",
            draining.output, draining.records, draining.queued_bytes, draining.given_up_in_s
        )?;
    }
    for plugin in &status.plugins {
        print_plugin(plugin, to)?;
    }
    for certificate in &status.certificates {
        let expires = i64::try_from(certificate.expires_s)
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok());
        match expires {
            Some(expires) => writeln!(to, "tls     {} expires {expires}", certificate.file)?,
            None => writeln!(to, "tls     {} expires in the far future", certificate.file)?,
        }
    }
    print_counts("dropped", &status.dropped, to)?;
    writeln!(
        to,
        "files   {} open, {} bytes buffered",
        status.open_files, status.buffered_bytes
    )
}

fn print_input(input: &Input, to: &mut impl Write) -> io::Result<()> {
    write!(to, "input   {:16} {}/{}", input.name, input.address, input.transport)?;
    if matches!(input.transport.as_str(), "tcp" | "tls" | "relp" | "relp+tls") {
        write!(to, "  {} connections", input.connections)?;
    }
    writeln!(to, "  {}", Shown(&input.messages, "messages"))?;
    print_counts("        dropped:", &input.dropped, to)
}

fn print_output(output: &Output, to: &mut impl Write) -> io::Result<()> {
    write!(to, "output  {:16} ", output.name)?;
    match output.held_up_files {
        0 => write!(to, "writing")?,
        files => write!(to, "held up: {files} files")?,
    }
    if let Some(target) = &output.target {
        write!(to, " to {target}")?;
    }
    write!(to, "  {}", Shown(&output.lines, "lines"))?;
    for (name, bytes) in [
        ("queued", output.queued_bytes as u64),
        ("spooled", output.spooled_bytes),
    ] {
        if bytes > 0 {
            write!(to, "  {bytes} bytes {name}")?;
        }
    }
    if let Some(age_s) = output.oldest_unwritten_s {
        write!(to, "  oldest unwritten {age_s:.1} s")?;
    }
    if output.diverted > 0 {
        write!(to, "  {} diverted by new-files-max", output.diverted)?;
    }
    writeln!(to)?;
    print_counts("        dropped:", &output.dropped, to)
}

fn print_plugin(plugin: &Plugin, to: &mut impl Write) -> io::Result<()> {
    write!(
        to,
        "plugin  {:16} {}  {} hosts, {} past addresses",
        plugin.name, plugin.state, plugin.hosts, plugin.remembered
    )?;
    match plugin.last_word_s {
        Some(age_s) => write!(to, ", heard of {age_s:.0} s ago")?,
        None => write!(to, ", never heard of")?,
    }
    for (name, count) in [("reconnects", plugin.reconnects), ("hosts rejected", plugin.rejected)] {
        if count > 0 {
            write!(to, ", {count} {name}")?;
        }
    }
    writeln!(to)?;
    if let Some(trouble) = &plugin.trouble {
        writeln!(to, "        {}: {trouble}", plugin.socket)?;
    }
    match &plugin.held {
        Some(held) => writeln!(
            to,
            "        held back: an inventory without {} of {} hosts; logd plugin accept {}",
            held.missing, held.of, plugin.name
        ),
        None => Ok(()),
    }
}

/// Nothing where there is nothing to tell.
fn print_counts(what: &str, counts: &[Count], to: &mut impl Write) -> io::Result<()> {
    let counts: Vec<_> = counts.iter().filter(|count| count.count > 0).collect();
    if counts.is_empty() {
        return Ok(());
    }
    write!(to, "{what}")?;
    for count in counts {
        write!(to, " {} {}", count.reason, count.count)?;
    }
    writeln!(to)
}

/// A flow, as one reads it.
struct Shown<'f>(&'f Flow, &'static str);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(flow, what) = self;
        write!(
            f,
            "{:.1}/s (10 s)  {:.1}/s (1 min)  {} {what}",
            flow.per_second_10s, flow.per_second_1m, flow.total
        )
    }
}
