//! `cloudd userdata --role NAME [--gzip]`

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use ballast_shared::config::{Diagnostics, nearest};
use ballast_shared::exit::Exit;

use super::document::{BYTES_MAX, compressed, document};
use crate::config;

/// Prints the user data of a role of this configuration.
#[must_use]
pub fn run(path: &Path, role: &str, gzip: bool) -> Exit {
    let diagnostics = Diagnostics::new();
    let config = config::load(path, &diagnostics);
    if !diagnostics.is_empty() {
        eprint!("{diagnostics}");
    }
    let Some(config) = config else { return Exit::Config };
    let Some(role) = config.roles.iter().find(|known| known.name == role) else {
        let known = config.roles.iter().map(|known| known.name.as_str());
        let help = nearest(role, known).unwrap_or_default();
        eprintln!("no role `{role}` is called: {help}");
        return Exit::Usage;
    };
    let text = document(role);
    let zipped = match compressed(&text) {
        Ok(zipped) => zipped,
        Err(error) => {
            eprintln!("can't compress it: {error}");
            return Exit::Io;
        }
    };
    if !gzip && text.len() > BYTES_MAX {
        let (length, short) = (text.len(), zipped.len());
        eprintln!("these are {length} octets, and EC2 takes {BYTES_MAX}: with --gzip they are {short}");
        return Exit::Config;
    }
    if gzip && zipped.len() > BYTES_MAX {
        let length = zipped.len();
        eprintln!("these are {length} octets, compressed, and EC2 takes {BYTES_MAX}");
        return Exit::Config;
    }
    let mut out = io::stdout();
    if gzip && out.is_terminal() {
        eprintln!("--gzip makes what no terminal can show: redirect it to a file");
        return Exit::Usage;
    }
    let octets = if gzip { &zipped } else { text.as_bytes() };
    match out.write_all(octets).and_then(|()| out.flush()) {
        Ok(()) => Exit::Ok,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
        Err(error) => {
            eprintln!("can't write: {error}");
            Exit::Io
        }
    }
}
