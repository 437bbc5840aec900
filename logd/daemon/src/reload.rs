//! A reload: another configuration takes the place of the running one, in full or not at all.
//!
//! Everything that can fail comes first: the files are read and checked, and the sockets that are new are bound. Then the
//! pipeline is exchanged in one step, the sockets after it, and the open files are handed over to the new outputs. What waits
//! for file systems on the way, [`Turns`] keeps off the thread that steers. A message
//! is treated by one configuration or the other, and none that was read is lost.

mod turn;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ballast_shared::config::Diagnostics;
use ballast_shared::plugin::secret::Secrets;
use ballast_shared::supervise::Supervisor;
use ballast_shared::systemd::Inherited;
use ballast_shared::tls::TlsFiles;
use tokio::runtime::Handle;
use tracing::warn;

use crate::config::{self, Config, Control};
use crate::cores::Cores;
use crate::input::{Inputs, PlaceError, Service};
use crate::output::queued::Workers;
use crate::pipeline::Pipeline;
use crate::plugins::{self, Plugins};

pub(crate) use turn::{Asker, Turns};

/// Why a configuration was not taken.
#[derive(Debug)]
pub(crate) enum ReloadError {
    /// It has errors: as `check` prints them.
    Invalid(String),
    /// Addresses and paths that can't be had.
    Bind(Vec<PlaceError>),
    /// A setting that only a start can change: its name.
    NeedsRestart(&'static str),
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(diagnostics) => f.write_str(diagnostics),
            Self::Bind(errors) => {
                for (index, error) in errors.iter().enumerate() {
                    write!(f, "{}{error}", if index == 0 { "" } else { "\n" })?;
                }
                Ok(())
            }
            Self::NeedsRestart(setting) => write!(
                f,
                "`{setting}` has changed, which takes a restart; nothing was reloaded"
            ),
        }
    }
}

impl std::error::Error for ReloadError {}

/// The settings that a running daemon keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fixed {
    work_dir: PathBuf,
    control: Control,
    user: Option<nix::unistd::Uid>,
    group: Option<nix::unistd::Gid>,
    umask: Option<u32>,
    /// It drops its privileges, and keeps that of giving files away.
    gives_away: bool,
    buffer_bytes_max: usize,
    open_files_max: Option<usize>,
}

impl Fixed {
    /// Those of a configuration whose outputs are still there.
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            work_dir: config.work_dir.clone(),
            control: config.control.clone(),
            user: config.process.uid(),
            group: config.process.gid(),
            umask: config.process.umask(),
            gives_away: config.process.uid().is_some() && config.outputs.iter().any(config::Output::gives_away),
            buffer_bytes_max: config.buffer_bytes_max,
            open_files_max: config.open_files_max,
        }
    }

    /// The name of the first one that differs.
    fn changed(&self, new: &Self) -> Option<&'static str> {
        [
            ("work-dir", self.work_dir != new.work_dir),
            ("control.socket", self.control.socket != new.control.socket),
            ("control.http", self.control.http != new.control.http),
            (
                "control.viewer",
                self.control.viewer.is_some() != new.control.viewer.is_some(),
            ),
            (
                "control.http-token-file, control.http-names",
                self.control.viewer != new.control.viewer,
            ),
            ("process.user", self.user != new.user),
            ("process.group", self.group != new.group),
            ("process.umask", self.umask != new.umask),
            // An owner could not be set without the privilege; one that is not wanted any more does no harm.
            ("owner", new.gives_away && !self.gives_away),
            ("buffer-max", self.buffer_bytes_max != new.buffer_bytes_max),
            ("open-files-max", self.open_files_max != new.open_files_max),
        ]
        .into_iter()
        .find_map(|(name, changed)| changed.then_some(name))
    }
}

/// The runtimes that what a configuration starts belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Handles<'h> {
    /// Of the inputs.
    pub(crate) cores: &'h Cores,
    /// Of the workers of outputs.
    pub(crate) delivering: &'h Handle,
}

/// What a reload changes.
pub(crate) struct Running<'r> {
    pub(crate) inputs: &'r mut Inputs,
    pub(crate) workers: &'r mut Workers,
    pub(crate) plugins: &'r mut Plugins,
    pub(crate) secrets: &'r Secrets,
}

/// Reads the configuration. To be called where waiting for file systems and user databases is allowed.
///
/// # Errors
/// What `check` says about it.
fn read(path: &Path, tls_files: &TlsFiles, secrets: &Secrets) -> Result<Config, ReloadError> {
    let diagnostics = Diagnostics::new();
    let config = config::read(path, tls_files, secrets, &diagnostics);
    let said = diagnostics.to_string();
    let config = config.ok_or_else(|| ReloadError::Invalid(said.clone()))?;
    if !said.is_empty() {
        warn!("{}", said.trim_end());
    }
    Ok(config)
}

/// Puts a configuration in the place of the running one, without waiting for anything. Returns its `drain-timeout`.
///
/// # Errors
/// Why it was not taken; nothing has changed then.
pub(crate) fn take(
    mut config: Config,
    fixed: &Fixed,
    running: Running<'_>,
    service: &Service,
    supervisor: &Supervisor,
    handles: Handles<'_>,
) -> Result<Duration, ReloadError> {
    if let Some(setting) = fixed.changed(&Fixed::of(&config)) {
        return Err(ReloadError::NeedsRestart(setting));
    }
    let Running {
        inputs,
        workers,
        plugins,
        secrets,
    } = running;
    let prepared = inputs
        .prepare(&config.inputs, &mut Inherited::default())
        .map_err(ReloadError::Bind)?;

    let before = service.pipeline.load_full();
    let known = plugins.prepare(&config.plugins);
    let pipeline = Pipeline::new(
        &mut config,
        service.store.clone(),
        known.inventory.clone(),
        Some(&before),
    );
    plugins.apply(known, handles.delivering, supervisor);
    plugins::fetch(secrets, &mut config, handles.delivering, supervisor);
    {
        let _delivering = handles.delivering.enter();
        workers.apply(pipeline.queued_outputs(), config.drain_timeout);
    }
    for gone in before.queued_outputs() {
        if pipeline.queued_outputs().all(|output| output.name() != gone.name()) {
            gone.queue().abandon();
        }
    }
    service.pipeline.store(Arc::new(pipeline));
    inputs.apply(prepared, supervisor, handles.cores);
    Ok(config.drain_timeout)
}

/// Hands the open files over to the outputs of the running configuration; with `reopen`, closes all of them. To be called where
/// waiting for file systems is allowed.
fn settle(service: &Service, reopen: bool) {
    let pipeline = service.pipeline.load_full();
    service.store.hand_over(|name| pipeline.file_output(name));
    if reopen {
        service.store.reopen();
    }
}

#[cfg(test)]
mod tests;
