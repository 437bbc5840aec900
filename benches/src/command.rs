//! What the programs of the comparisons do before and after they measure: where they stand, what they need of the system, and where
//! the table goes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::Value;

use crate::document::{ReplaceError, replace_section};
use crate::error::BenchError;
use crate::interrupt;

/// sysexits.h, as the daemons have it.
const EX_USAGE: u8 = 64;
const EX_SOFTWARE: u8 = 70;
const EX_IOERR: u8 = 74;

/// Why there is no table.
#[derive(Debug)]
pub enum Failure {
    /// It could not be measured.
    Bench(BenchError),
    /// The program doesn't stand where the build puts it.
    NotBuilt,
    /// This document has no place for it.
    Document(PathBuf, ReplaceError),
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        Self::Bench(error)
    }
}

/// A comparison, by its name in `scripts/bench`.
#[derive(Debug)]
pub struct Command {
    name: &'static str,
    /// The folder of the build: all that it starts is here.
    pub programs: PathBuf,
    /// The folder for whatever it writes.
    pub work: PathBuf,
}

impl Command {
    /// Finds the folders, and makes ready what the process needs.
    ///
    /// # Errors
    /// When it was not started out of the folder of the build, or the system has no signals for it.
    pub fn begin(name: &'static str) -> Result<Self, Failure> {
        let own = std::env::current_exe().map_err(BenchError::io("find", name))?;
        // target/release/bench-dns writes below target/bench/dns.
        let programs = own.parent().ok_or(Failure::NotBuilt)?;
        let work = programs.parent().ok_or(Failure::NotBuilt)?.join("bench").join(name);
        interrupt::catch().map_err(|error| BenchError::io("catch signals of", name)(error))?;
        raise_open_files();
        Ok(Self {
            name,
            programs: programs.to_owned(),
            work,
        })
    }

    /// Writes the figures and the table below the folder of the build, prints the table, and puts it into this document.
    ///
    /// # Errors
    /// When something can't be written, or the document has no place for the table.
    pub fn publish(&self, results: &Value, table: &str, document: Option<&Path>) -> Result<(), Failure> {
        for (name, content) in [("results.json", results.to_string().as_str()), ("table.md", table)] {
            let file = self.work.join(name);
            fs::write(&file, content).map_err(BenchError::io("write", &file))?;
            eprintln!("{}", file.display());
        }
        println!("{table}");
        if let Some(path) = document {
            let content = fs::read_to_string(path).map_err(BenchError::io("read", path))?;
            let content = replace_section(&content, self.name, table)
                .map_err(|reason| Failure::Document(path.to_owned(), reason))?;
            fs::write(path, content).map_err(BenchError::io("write", path))?;
        }
        Ok(())
    }
}

/// Says what went wrong with the comparison of this name, if something did, and how the program ends.
#[must_use]
pub fn exit(name: &str, done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Bench(error)) => {
            eprintln!("{error}");
            ExitCode::from(EX_SOFTWARE)
        }
        Err(Failure::NotBuilt) => {
            eprintln!("bench-{name} has to stand in the folder of the build: scripts/bench {name} starts it");
            ExitCode::from(EX_USAGE)
        }
        Err(Failure::Document(path, reason)) => {
            eprintln!("{}: {reason}", path.display());
            ExitCode::from(EX_IOERR)
        }
    }
}

/// A number that no run before had, for what is to be random.
#[must_use]
pub fn seed() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64)
}

/// Who is measured takes as many descriptors as it is allowed, and services allow more than a shell does; ten thousand connections
/// are as many descriptors here.
fn raise_open_files() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Whoever needs more says so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}
