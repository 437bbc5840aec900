//! `logd tail`

use std::io::{self, Write};
use std::path::Path;

use ballast_shared::exit::Exit;
use ballast_shared::varlink::{self, ClientError};
use clap::Args;
use serde_json::{Map, Value};

use crate::control::{INTERFACE_NAME, Tail, Tailed};
use crate::live::{Entry, severity};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Messages of this host only; `*` stands for any part of a name.
    #[arg(long)]
    host: Option<String>,
    /// Messages of this program only; `*` stands for any part of a name.
    #[arg(long)]
    program: Option<String>,
    /// Messages of this severity and of those that are more severe: emerg, alert, crit, err, warning, notice, info, debug.
    #[arg(long, value_parser = severity_name)]
    severity: Option<String>,
    /// Go on with what comes in.
    #[arg(long, short)]
    follow: bool,
    /// How many of the last messages.
    #[arg(long, short = 'n', value_name = "NUMBER", default_value = "10")]
    lines: usize,
    /// Print a JSON object a line, with all that is known of a message.
    #[arg(long)]
    json: bool,
}

fn severity_name(name: &str) -> Result<String, String> {
    match severity(name) {
        Some(_) => Ok(name.to_owned()),
        None => Err("emerg, alert, crit, err, warning, notice, info or debug".to_owned()),
    }
}

/// Asks the running daemon and prints what it says.
pub(super) fn run(config: &Path, options: &Options) -> Exit {
    let socket = match super::read_config(config) {
        Ok(config) => config.control.socket,
        Err(exit) => return exit,
    };
    let asked = Tail {
        host: options.host.clone(),
        program: options.program.clone(),
        severity: options.severity.clone(),
        lines: options.lines,
        follow: options.follow,
    };
    let Ok(Value::Object(parameters)) = serde_json::to_value(asked) else {
        unreachable!("a struct is a JSON object");
    };
    let mut out = io::stdout().lock();
    let take = |reply: Map<String, Value>| {
        let tailed = serde_json::from_value(reply.into()).map_err(io::Error::from)?;
        print(&tailed, options.json, &mut out)
    };
    match varlink::call_more(&socket, &format!("{INTERFACE_NAME}.Tail"), parameters, take) {
        Ok(()) => Exit::Ok,
        // A closed pipe behind `tail --follow | head` is no reason to fail.
        Err(ClientError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
        Err(error) => {
            eprintln!("{error}");
            Exit::Unavailable
        }
    }
}

fn print(tailed: &Tailed, as_json: bool, to: &mut impl Write) -> io::Result<()> {
    if tailed.passed_over > 0 {
        eprintln!(
            "({} messages among these were not kept to be shown)",
            tailed.passed_over
        );
    }
    if tailed.lost > 0 {
        eprintln!(
            "({} messages were lost here: they came faster than they were taken)",
            tailed.lost
        );
    }
    for entry in &tailed.messages {
        match as_json {
            true => writeln!(to, "{}", serde_json::to_string(entry).map_err(io::Error::from)?)?,
            false => writeln!(to, "{}", shown(entry))?,
        }
    }
    to.flush()
}

/// A message as a line for a terminal.
fn shown(entry: &Entry) -> String {
    let Entry {
        reported,
        host,
        program,
        severity,
        msg,
        ..
    } = entry;
    let procid = entry
        .procid
        .as_ref()
        .map(|procid| format!("[{procid}]"))
        .unwrap_or_default();
    let cut = if entry.cut { " …" } else { "" };
    for_terminal(&format!("{reported} {host} {program}{procid} {severity}: {msg}{cut}"))
}

/// A text without what steers a terminal: the parser has escaped the control characters of ASCII below 32, but not DEL and those
/// of Unicode's second range, which some terminals heed.
fn for_terminal(text: &str) -> String {
    let steers = |c: char| c.is_control();
    if !text.contains(steers) {
        return text.to_owned();
    }
    let shown = |c: char| match steers(c) {
        true => c.escape_unicode().to_string(),
        false => c.to_string(),
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(for_terminal("a\u{9b}31mb\u{7f}ü"), "a\\u{9b}31mb\\u{7f}ü");
    }
}
