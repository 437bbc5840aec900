//! What became of a load: for the log, the board and whoever asked for it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dnsd_core::zone::Zone;
use tracing::{error, info, warn};

use super::board::{ServedFrom, ZoneStatus};
use super::guard::Loss;
use super::key::ZoneKey;

/// The end of one load.
#[derive(Debug, Clone)]
pub(crate) enum LoadOutcome {
    /// The new version is served.
    Loaded {
        /// It.
        zone: Arc<Zone>,
        /// What deserves a look, a line each.
        warnings: Vec<String>,
        /// How long reading and compiling took.
        took: Duration,
    },
    /// The file has errors, a line each; what was served before is served on.
    Failed(Vec<String>),
    /// The new version has lost most of the zone and waits to be accepted.
    Held {
        /// Which zone.
        zone: ZoneKey,
        /// What it would lose.
        loss: Loss,
    },
    /// The file changes all the time; it is loaded once it is quiet.
    Changing,
    /// A secondary zone or a catalog of ours is read from no file, and no version of it waits.
    NotFromFile,
    /// The zone is no more.
    Removed,
}

impl LoadOutcome {
    /// Writes it onto the zone's status. `served` is what is answered from now.
    pub(super) fn note(&self, status: &mut ZoneStatus, served: Option<&Zone>, now: SystemTime) {
        status.serial = served.map(Zone::serial);
        status.records = served.map_or(0, Zone::record_count);
        match self {
            Self::Loaded { warnings, .. } => {
                status.served_from = ServedFrom::File;
                status.loaded_at = Some(now);
                status.errors.clear();
                status.warnings = shortened(warnings);
                status.held = None;
            }
            Self::Failed(errors) => {
                status.failures += 1;
                status.errors = shortened(errors);
                status.held = None;
            }
            Self::Held { loss, .. } => {
                status.errors.clear();
                status.held = Some(*loss);
            }
            Self::Changing | Self::NotFromFile | Self::Removed => {}
        }
    }

    /// Says it in the log.
    pub(super) fn log(&self, zone: &ZoneKey, status: &ZoneStatus) {
        match self {
            Self::Loaded { warnings, .. } => {
                for warning in warnings {
                    warn!("zone {zone}: {warning}");
                }
                info!("zone {zone}: {self}");
            }
            Self::Failed(errors) => {
                for line in errors {
                    error!("zone {zone}: {line}");
                }
                error!("zone {zone}: not loaded; {}", ServedInstead(status));
            }
            Self::Held { .. } => warn!("zone {zone}: {self}; {}", ServedInstead(status)),
            Self::Changing => info!("zone {zone}: {self}"),
            Self::NotFromFile | Self::Removed => {}
        }
    }

    /// Whether the file's content is served now.
    pub(crate) fn is_served(&self) -> bool {
        matches!(self, Self::Loaded { .. })
    }
}

impl fmt::Display for LoadOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded { zone, took, .. } => write!(
                f,
                "loaded serial {} ({} records, {:.1} ms)",
                zone.serial(),
                zone.record_count(),
                took.as_secs_f64() * 1000.0
            ),
            Self::Failed(errors) => f.write_str(&errors.join("\n")),
            Self::Held { zone, loss } => write!(
                f,
                "held: {} → {} records, of which {} would be lost; `dnsd reload {} --accept` if that is meant",
                loss.old_records,
                loss.new_records,
                loss.removed,
                zone.as_arguments()
            ),
            Self::Changing => f.write_str("its file is being written; it is loaded once that is over"),
            Self::NotFromFile => f.write_str("it is read from no file, and no version of it waits"),
            Self::Removed => f.write_str("removed"),
        }
    }
}

/// As much of a list as `status` shows: the log has all of it.
fn shortened(lines: &[String]) -> Vec<String> {
    /// A zone of a hundred thousand records can have a thousand warnings, and a status is of all zones.
    const LINES_MAX: usize = 20;
    let mut shown: Vec<String> = lines.iter().take(LINES_MAX).cloned().collect();
    if lines.len() > LINES_MAX {
        shown.push(format!("and {} more, which the log has", lines.len() - LINES_MAX));
    }
    shown
}

/// What is served when the file isn't.
struct ServedInstead<'a>(&'a ZoneStatus);

impl fmt::Display for ServedInstead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.served_from, self.0.serial) {
            (ServedFrom::File, Some(serial)) => write!(f, "serial {serial} is served on"),
            (ServedFrom::LastGoodCopy, Some(serial)) => write!(f, "serial {serial} is served from the last good copy"),
            _ => f.write_str("queries for it get SERVFAIL"),
        }
    }
}

/// What became of a whole configuration's zones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    /// How many zones were loaded.
    pub(crate) loaded: usize,
    /// Zones whose file isn't served, and why.
    pub(crate) refused: Vec<(ZoneKey, String)>,
    /// Zones that are no more.
    pub(crate) removed: Vec<ZoneKey>,
    /// Groups whose folder can't be listed, and why, a line each: their zones stay as they are.
    pub(crate) unlisted: Vec<String>,
}

impl Report {
    pub(super) fn new(zones: &[ZoneKey], outcomes: &[LoadOutcome], removed: Vec<ZoneKey>) -> Self {
        let refused = zones
            .iter()
            .zip(outcomes)
            .filter(|(_, outcome)| !outcome.is_served())
            .map(|(zone, outcome)| (zone.clone(), outcome.to_string()))
            .collect();
        Self {
            loaded: outcomes.iter().filter(|outcome| outcome.is_served()).count(),
            refused,
            removed,
            unlisted: Vec::new(),
        }
    }
}
