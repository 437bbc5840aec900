//! What is wrong with a zone's files, with its place.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use dnsd_core::master::{MasterError, MasterWarning};
use dnsd_core::transfer::ApplyError;
use dnsd_core::zone::Finding;

/// Why an edit of the file of a zone with updates isn't served.
#[derive(Debug)]
pub(crate) enum Conflict {
    /// Nobody knows what the edit has changed: the copy of the file as it was before is gone.
    NoCopy,
    /// The edit and updates have changed the same records.
    Records(ApplyError),
    /// The edit is right, and so are the updates, but not the zone that both make.
    Zone(Finding),
}

/// One thing. Prints as `file:line:column: message`, as far as the place is known.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The file can't be read.
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The text is no master file.
    Text(MasterError),
    /// The text is odd.
    OddText(MasterWarning),
    /// `serial = "auto"` changes nothing of the zone's serial.
    SignedSerial,
    /// The file is good, but updates don't go with it.
    Updates(Conflict),
    /// The records are no right zone, or an odd one.
    Zone {
        /// The file that the records stand in, if it is known.
        file: Option<Arc<str>>,
        /// What it is.
        finding: Finding,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, cause } => write!(f, "{}: {cause}", path.display()),
            Self::Text(error) => error.fmt(f),
            Self::OddText(warning) => warning.fmt(f),
            Self::SignedSerial => f.write_str(
                "the zone is signed, and its SOA record with it: `serial = \"auto\"` raises no serial here, its signer has to",
            ),
            Self::Updates(conflict) => conflict.fmt(f),
            Self::Zone { file, finding } => {
                if let (Some(file), Some(position)) = (file, finding.position) {
                    write!(f, "{file}:{}: ", position.line)?;
                }
                finding.fmt(f)
            }
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCopy => f.write_str(
                "the file was edited while the daemon was down, and updates in the journal are not in it: restore the file, \
                 or remove the journal to let go of them",
            ),
            Self::Zone(finding) => write!(f, "the file doesn't go together with what updates have changed: {finding}"),
            Self::Records(error) => write!(
                f,
                "the file was edited where updates have changed the zone, too: {error}; `dnsd freeze` before an edit, or \
                 `dnsd sync` to see the zone as it is"
            ),
        }
    }
}
