//! A reload: the configuration, the sockets and the zones as they are now, or all as it was.

use std::io;
use std::path::PathBuf;

use ballast_shared::config::Diagnostics;
use ballast_shared::plugin::secret::Secrets;
use ballast_shared::supervise::Supervisor;
use ballast_shared::systemd::{self, Inherited};
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use crate::config::{self, Config, QueryLogTarget};
use crate::notify::Notify;
use crate::plugins::Plugins;
use crate::query_log::Target;
use crate::secondaries::Secondaries;
use crate::server::bind::{self, Bound, ListenError, Wanted};
use crate::server::encrypted::{self, EncryptedListeners};
use crate::server::{Listeners, Shared};
use crate::zones::{Plan, Report, Zones};

/// A reload that somebody asks for.
pub(crate) struct AskedReload {
    /// Lost records and deleted files are meant.
    pub(crate) accept: bool,
    /// Where the result goes.
    pub(crate) reply: oneshot::Sender<Result<Report, ReloadError>>,
}

impl AskedReload {
    /// By SIGHUP, which has no answer.
    pub(crate) fn by_signal() -> Self {
        let (reply, _) = oneshot::channel();
        Self { accept: false, reply }
    }
}

/// Why a reload changed nothing.
#[derive(Debug)]
pub(crate) enum ReloadError {
    /// The configuration has errors: the text to show.
    Config(String),
    /// Addresses that can't be listened on.
    Listen(Vec<ListenError>),
    /// Where queries are to be logged can't be written to.
    QueryLog(QueryLogTarget, io::Error),
    /// There is no thread or descriptor left, or the daemon is ending.
    Os,
}

/// What a reload changes.
pub(crate) struct Running {
    /// Where the configuration is read from.
    pub(crate) config_path: PathBuf,
    /// The one that is in effect, but for its zones.
    pub(crate) config: Config,
    /// What is answered from.
    pub(crate) shared: Shared,
    /// Who keeps the zones.
    pub(crate) zones: Zones,
    /// Who follows the zones that come from elsewhere.
    pub(crate) secondaries: Secondaries,
    /// Who makes zones of what plugins know.
    pub(crate) plugins: Plugins,
    /// The secrets that plugins have.
    pub(crate) secrets: Secrets,
    /// Who tells others of changes.
    pub(crate) notify: Notify,
    /// What is listened on.
    pub(crate) listeners: Listeners,
    /// The same, encrypted.
    pub(crate) encrypted: EncryptedListeners,
}

impl Running {
    /// Takes over the configuration as it is now, or changes nothing.
    pub(crate) async fn reload(&mut self, accept: bool, supervisor: &Supervisor) -> Result<Report, ReloadError> {
        systemd::reloading();
        let done = self.try_reload(accept, supervisor).await;
        match &done {
            Ok(report) => info!(
                "reloaded; zones loaded: {}, removed: {}, not as their files say: {}",
                report.loaded,
                report.removed.len(),
                report.refused.len()
            ),
            Err(ReloadError::Config(diagnostics)) => {
                error!("the configuration has errors, nothing changed:\n{diagnostics}");
            }
            Err(ReloadError::Listen(errors)) => {
                for cause in errors {
                    error!("nothing changed: {cause}");
                }
            }
            Err(ReloadError::QueryLog(target, cause)) => error!("nothing changed: {target}: {cause}"),
            Err(ReloadError::Os) => error!("the reload could not be finished"),
        }
        systemd::ready();
        done
    }

    async fn try_reload(&mut self, accept: bool, supervisor: &Supervisor) -> Result<Report, ReloadError> {
        let path = self.config_path.clone();
        let tls_files = self.config.tls_files.clone();
        let loaded = tokio::task::spawn_blocking(move || {
            let diagnostics = Diagnostics::new();
            let config = config::load_anew(&path, &tls_files, &diagnostics);
            (config, diagnostics.to_string())
        });
        let (config, diagnostics) = loaded.await.map_err(|_| ReloadError::Os)?;
        let mut config = config.ok_or_else(|| ReloadError::Config(diagnostics.clone()))?;
        if !diagnostics.is_empty() {
            warn!("{diagnostics}");
        }
        let query_log = self.open_query_log(&config)?;
        let listening = self.listeners.endpoints();
        let sockets =
            bind::bind(Wanted::of(&config), &listening, &mut Inherited::default()).map_err(ReloadError::Listen)?;
        let listening_encrypted = self.encrypted.running();
        let encrypted = encrypted::prepare(&config, &listening_encrypted, &mut Inherited::default())
            .map_err(ReloadError::Listen)?;
        self.listeners.tell_missing(&sockets.missing);
        let plan = Plan::new(&config, accept);
        let Some((encrypted, report)) = self.begin(sockets.bound, encrypted, plan, supervisor).await else {
            self.listeners.keep_only(&listening);
            self.encrypted.keep_only(listening_encrypted);
            return Err(ReloadError::Os);
        };
        let pending = std::mem::take(&mut config.pending);
        self.secrets
            .settle(pending, &config.plugins, &supervisor.stopping())
            .await;
        // From here on nothing can go wrong any more that would leave half of the old configuration.
        self.zones.retire(self.shared.apply(&config));
        match (query_log, &config.query_log) {
            // Without a thread for it queries aren't logged.
            (Some(target), Some(log)) => self
                .shared
                .query_log
                .turn_on(target, log)
                .map_err(|_| ReloadError::Os)?,
            (None, Some(_)) => {}
            (_, None) => self.shared.query_log.turn_off(),
        }
        self.listeners.keep_only(&sockets.wanted);
        self.encrypted.settle(encrypted);
        self.secondaries.apply(&config).await;
        self.plugins.apply(&config, &self.zones, supervisor);
        self.notify.apply(&config).await;
        warn_of_restart(&self.config, &config);
        config.drop_zones();
        self.config = config;
        Ok(report)
    }
}

impl Running {
    /// Begins to listen on what was bound, and to serve the zones; `None` when there is no thread left for it, or nobody to load
    /// zones. Until they are loaded, those of before are answered from.
    async fn begin(
        &mut self,
        bound: Vec<Bound>,
        encrypted: encrypted::Prepared,
        plan: Plan,
        supervisor: &Supervisor,
    ) -> Option<(encrypted::Wanted, Report)> {
        self.listeners.start(bound, supervisor).ok()?;
        let encrypted = self.encrypted.start(encrypted, supervisor).ok()?;
        let report = self.zones.apply(plan).await?;
        Some((encrypted, report))
    }

    /// Listens where the machine's addresses are now, if the configuration says so.
    pub(crate) fn follow_interfaces(&mut self, supervisor: &Supervisor) {
        if self.listeners.follow_interfaces(Wanted::of(&self.config), supervisor) {
            self.shared.refresh_local_networks();
        }
    }

    /// Where queries are logged from now on, if that is to be another place or another form. A file that was only rotated is
    /// followed without this.
    fn open_query_log(&self, config: &Config) -> Result<Option<Target>, ReloadError> {
        match &config.query_log {
            Some(log) if self.config.query_log.as_ref() != Some(log) => {
                let opened = Target::open(log, &config.process);
                let opened = opened.map_err(|cause| ReloadError::QueryLog(log.target.clone(), cause))?;
                Ok(Some(opened))
            }
            _ => Ok(None),
        }
    }
}

/// What was settled before privileges were dropped stays until the next start.
fn warn_of_restart(old: &Config, new: &Config) {
    let changed = [
        ("work-dir", old.work_dir != new.work_dir),
        ("[control] socket", old.control_socket != new.control_socket),
        ("[control] http", old.control_http != new.control_http),
        (
            "[process]",
            (old.process.uid(), old.process.gid()) != (new.process.uid(), new.process.gid()),
        ),
        ("[listen] threads", old.threads != new.threads),
    ];
    for (key, _) in changed.iter().filter(|(_, changed)| *changed) {
        warn!("a change of {key} takes a restart");
    }
}
