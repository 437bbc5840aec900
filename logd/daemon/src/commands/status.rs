//! `logd status`

use std::io::{self, Write};
use std::path::Path;

use ballast_shared::control;
use ballast_shared::exit::Exit;
use jiff::Timestamp;
use serde_json::Map;

use crate::control::{INTERFACE_NAME, Status};

/// Asks the running daemon and prints what it says.
pub(super) fn run(config: &Path) -> Exit {
    let socket = match super::read_config(config) {
        Ok(config) => config.control.socket,
        Err(exit) => return exit,
    };
    let answer = match control::call(&socket, &format!("{INTERFACE_NAME}.Status"), Map::new()) {
        Ok(answer) => answer,
        Err(error) => {
            eprintln!("{error}");
            return Exit::Unavailable;
        }
    };
    match serde_json::from_value(answer.into()) {
        // A closed pipe behind `status | head` is no reason to fail.
        Ok(status) => print(&status, &mut io::stdout().lock()).map_or(Exit::Ok, |()| Exit::Ok),
        Err(error) => {
            eprintln!("the daemon's answer could not be read: {error}");
            Exit::Unavailable
        }
    }
}

fn print(status: &Status, to: &mut impl Write) -> io::Result<()> {
    writeln!(to, "logd {}, up {} s", status.version, status.uptime_s)?;
    for input in &status.inputs {
        write!(to, "input   {:16} {}/{}", input.name, input.address, input.transport)?;
        match input.transport.as_str() {
            "tcp" | "tls" | "relp" | "relp+tls" => writeln!(to, "  {} connections", input.connections)?,
            _ => writeln!(to)?,
        }
    }
    for output in &status.outputs {
        write!(to, "output  {:16}", output.name)?;
        match (output.held_up_files, output.queued_bytes) {
            (0, 0) => writeln!(to, " writing")?,
            (0, bytes) => writeln!(to, " {bytes} bytes queued")?,
            (files, _) => writeln!(to, " held up: {files} files")?,
        }
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
    writeln!(
        to,
        "files   {} open, {} bytes buffered",
        status.open_files, status.buffered_bytes
    )
}
