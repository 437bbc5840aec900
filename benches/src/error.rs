//! Why a measurement could not be made.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use ballast_shared::listen::BindError;

use crate::dns::client::AnswerCounts;

/// What went wrong, and where. A comparison ends with the first one: a table with a hole in it would be read as if it had none.
#[derive(Debug)]
pub enum BenchError {
    /// A file or a process of ours.
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file or program.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Something else has the port: with SO_REUSEPORT it would take a part of the queries, unseen.
    PortTaken(BindError),
    /// The machine has one core: a server and its load would take it from each other.
    OneCore,
    /// A program ended when it was to run.
    Ended {
        /// Which.
        program: &'static str,
        /// How.
        status: ExitStatus,
        /// The end of what it printed.
        log: String,
    },
    /// A program did not do in time what it was started for.
    Late {
        /// Which.
        program: &'static str,
        /// What was waited for.
        event: &'static str,
        /// How long.
        limit: Duration,
        /// The end of what it printed.
        log: String,
    },
    /// A program printed something else than it always does.
    Output {
        /// Which.
        program: &'static str,
        /// What was looked for.
        wanted: &'static str,
        /// What it printed.
        log: String,
    },
    /// A server's answers differ from those of the first server, so its figures would be those of another work.
    WrongAnswers {
        /// Which.
        program: &'static str,
        /// What the first server answered.
        expected: AnswerCounts,
        /// What this one did.
        counts: AnswerCounts,
    },
    /// A server's response codes under load are not those of the mix.
    WrongRcodes {
        /// Which.
        program: &'static str,
        /// How many of each.
        rcodes: Vec<(String, u64)>,
    },
    /// The run was asked to end.
    Interrupted,
}

impl BenchError {
    /// For `map_err`.
    pub fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Io { doing, path, cause }
    }
}

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, path, cause } => write!(f, "cannot {doing} {}: {cause}", path.display()),
            Self::PortTaken(error) => write!(f, "{error}: end it, or choose another port with --port"),
            Self::OneCore => f.write_str("a comparison takes two cores: one for the server and one for the load"),
            Self::Ended { program, status, log } => write!(f, "{program} ended ({status}):\n{log}"),
            Self::Late {
                program,
                event,
                limit,
                log,
            } => write!(f, "{program}: no {event} within {limit:?}:\n{log}"),
            Self::Output { program, wanted, log } => write!(f, "{program} printed no {wanted}:\n{log}"),
            Self::WrongAnswers {
                program,
                expected,
                counts,
            } => write!(
                f,
                "{program} answers otherwise than the first server: {counts} in place of {expected}"
            ),
            Self::WrongRcodes { program, rcodes } => {
                write!(f, "{program} answers the load otherwise than the mix has it:")?;
                for (rcode, count) in rcodes {
                    write!(f, " {rcode} {count}")?;
                }
                Ok(())
            }
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for BenchError {}
