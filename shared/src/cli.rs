//! What the command lines of the daemons have in common.

use std::io::IsTerminal;

use clap::{Parser, ValueEnum};

use crate::exit::Exit;

/// How the daemon's own log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line of words.
    Text,
    /// A JSON object a line.
    Json,
}

/// Reads the command line. `--help` and `--version` are answered here; a wrong line is explained and ends in [`Exit::Usage`].
///
/// # Errors
/// How to end, when there is nothing to run.
pub fn parse<C: Parser>() -> Result<C, Exit> {
    C::try_parse().map_err(|error| {
        // A closed pipe behind `--help | head` is no reason to fail.
        let _ = error.print();
        if error.use_stderr() { Exit::Usage } else { Exit::Ok }
    })
}

/// Whether to colour what goes to stderr.
#[must_use]
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
