//! The daemon's life: configuration → sockets → privileges → zones → ready → serve → drain → exit code.

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ballast_shared::config::Diagnostics;
use ballast_shared::exit::Exit;
use ballast_shared::listen;
use ballast_shared::privileges::PrivilegeError;
use ballast_shared::signals::{Signal, Signals};
use ballast_shared::supervise::Supervisor;
use ballast_shared::systemd::{self, Inherited};
use ballast_shared::work_dir::WorkDir;
use caps::Capability;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use crate::config::{self, Config};
use crate::control::{self, Control};
use crate::pages;
use crate::server::bind::{self, Bound, ListenError};
use crate::server::{Listeners, Shared};
use crate::zones::{Plan, Report, Zones, last_good};

/// How long answers that have begun may take when the daemon ends: a TCP client has ten seconds to read one.
const DRAIN_MAX: Duration = Duration::from_secs(15);

/// Reloads that wait for their turn; who asks for one more waits in the socket.
const RELOADS_WAITING_MAX: usize = 16;

/// Runs until SIGTERM.
pub(crate) fn run(config_path: &Path) -> Exit {
    match prepare(config_path).and_then(serve) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

/// All that has to be had before there are threads and while there are privileges.
struct Prepared {
    config_path: PathBuf,
    config: Config,
    sockets: Vec<Bound>,
    control: UnixListener,
    http: Option<TcpListener>,
    /// Held until the end.
    _work_dir: WorkDir,
}

fn prepare(config_path: &Path) -> Result<Prepared, Exit> {
    let diagnostics = Diagnostics::new();
    let config = config::load(config_path, &diagnostics);
    if !diagnostics.is_empty() {
        eprint!("{diagnostics}");
    }
    let config = config.ok_or(Exit::Config)?;
    let mut inherited = Inherited::take().map_err(|cause| fail(Exit::Os, &cause))?;
    let work_dir = WorkDir::lock(&config.work_dir).map_err(|cause| fail(Exit::Unavailable, &cause))?;
    let sockets = bind::bind(&config.listen, config.threads, &|_| false, &mut inherited).map_err(|errors| {
        for cause in &errors {
            error!("{cause}");
        }
        Exit::Unavailable
    })?;
    let http = config.control_http.map(|address| listen::tcp(address, &mut inherited));
    let http = http.transpose().map_err(|cause| fail(Exit::Unavailable, &cause))?;
    let control = ballast_shared::control::bind(&config.control_socket).map_err(|cause| {
        error!("{}: {cause}", config.control_socket.display());
        Exit::Unavailable
    })?;
    inherited.report_unclaimed();
    hand_over_work_dir(&config).map_err(|cause| fail(Exit::Io, &cause))?;
    drop_privileges(&config).map_err(|cause| fail(Exit::Os, &cause))?;
    Ok(Prepared {
        config_path: config_path.to_owned(),
        config,
        sockets,
        control,
        http,
        _work_dir: work_dir,
    })
}

fn fail(exit: Exit, cause: &dyn std::fmt::Display) -> Exit {
    error!("{cause}");
    exit
}

/// The user that the daemon becomes has to write where it keeps its copies.
fn hand_over_work_dir(config: &Config) -> std::io::Result<()> {
    let folder = last_good::folder(&config.work_dir);
    std::fs::create_dir_all(&folder)?;
    let (user, group) = (config.process.uid(), config.process.gid());
    if nix::unistd::geteuid().is_root() && user.is_some() {
        chown(&folder, user.map(Into::into), group.map(Into::into))?;
    }
    Ok(())
}

fn drop_privileges(config: &Config) -> Result<(), PrivilegeError> {
    // A reload may add another port of the kind.
    let low_port = config.listen.iter().any(|address| address.port() < 1024);
    let keep: &[Capability] = if low_port {
        &[Capability::CAP_NET_BIND_SERVICE]
    } else {
        &[]
    };
    config.process.assume(keep)
}

fn serve(prepared: Prepared) -> Result<(), Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(prepared.config.threads)
        .enable_all()
        .build()
        .map_err(|cause| fail(Exit::Os, &cause))?;
    runtime.block_on(serve_until_stopped(prepared))
}

async fn serve_until_stopped(prepared: Prepared) -> Result<(), Exit> {
    let mut signals = Signals::take().map_err(|cause| fail(Exit::Os, &cause))?;
    let mut supervisor = Supervisor::new();
    let (reloads, mut asked_reloads) = mpsc::channel(RELOADS_WAITING_MAX);
    let mut daemon = Daemon::start(prepared, &supervisor, reloads).map_err(|cause| fail(Exit::Os, &cause))?;
    tokio::select! {
        listening = daemon.load_and_listen(&supervisor) => listening?,
        () = stop_signal(&mut signals) => return Ok(()),
    }
    systemd::ready();
    let exit = loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::Stop => break Ok(()),
                Signal::Reload => drop(daemon.reload(false, &supervisor).await),
            },
            Some(asked) = asked_reloads.recv() => {
                let done = daemon.reload(asked.accept, &supervisor).await;
                // Who asked may have hung up.
                let _ = asked.reply.send(done);
            }
            task = supervisor.failed() => {
                error!(task, "the daemon ends: it can't go on without this task");
                break Err(Exit::Os);
            }
        }
    };
    systemd::stopping();
    supervisor.stop(DRAIN_MAX).await;
    exit
}

async fn stop_signal(signals: &mut Signals) {
    while signals.next().await != Signal::Stop {}
}

/// A reload that the control socket asks for.
pub(crate) struct AskedReload {
    /// Lost records and deleted files are meant.
    pub(crate) accept: bool,
    /// Where the result goes.
    pub(crate) reply: oneshot::Sender<Result<Report, ReloadError>>,
}

/// Why a reload changed nothing.
#[derive(Debug)]
pub(crate) enum ReloadError {
    /// The configuration has errors: the text to show.
    Config(String),
    /// Addresses that can't be listened on.
    Listen(Vec<ListenError>),
    /// There is no thread or descriptor left, or the daemon is ending.
    Os,
}

/// What runs.
struct Daemon {
    config_path: PathBuf,
    config: Config,
    shared: Shared,
    zones: Zones,
    listeners: Listeners,
    /// Until they listen.
    sockets: Vec<Bound>,
    _work_dir: WorkDir,
}

impl Daemon {
    /// Starts everything but the listeners: status and metrics can be had while the zones are loaded.
    fn start(prepared: Prepared, supervisor: &Supervisor, reloads: mpsc::Sender<AskedReload>) -> std::io::Result<Self> {
        let shared = Shared::new(&prepared.config);
        let zones = Zones::start(&prepared.config.work_dir, shared.clone(), supervisor)?;
        let service = Arc::new(Control::new(zones.clone(), reloads));
        let stop = supervisor.stopping();
        let control = ballast_shared::control::serve(prepared.control, control::INTERFACE, service, stop.clone());
        supervisor.start("control", control);
        if let Some(listener) = prepared.http {
            let pages = pages::pages(&shared, zones.board());
            supervisor.start("http", ballast_shared::http::serve(listener, pages, stop.clone()));
        }
        supervisor.start("watchdog", systemd::feed_watchdog(stop));
        Ok(Self {
            config_path: prepared.config_path,
            config: prepared.config,
            listeners: Listeners::new(shared.clone()),
            shared,
            zones,
            sockets: prepared.sockets,
            _work_dir: prepared._work_dir,
        })
    }

    /// Queries that come before the zones are there wait in the sockets.
    async fn load_and_listen(&mut self, supervisor: &Supervisor) -> Result<(), Exit> {
        let report = self.zones.apply(plan(&self.config, false)).await.ok_or(Exit::Os)?;
        let sockets = std::mem::take(&mut self.sockets);
        self.listeners
            .start(sockets, supervisor)
            .map_err(|cause| fail(Exit::Os, &cause))?;
        info!(
            "serving; zones as their files say: {}, not so: {}",
            report.loaded,
            report.refused.len()
        );
        Ok(())
    }

    /// Takes over the configuration as it is now, or changes nothing.
    async fn reload(&mut self, accept: bool, supervisor: &Supervisor) -> Result<Report, ReloadError> {
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
            Err(ReloadError::Os) => error!("the reload could not be finished"),
        }
        systemd::ready();
        done
    }

    async fn try_reload(&mut self, accept: bool, supervisor: &Supervisor) -> Result<Report, ReloadError> {
        let path = self.config_path.clone();
        let loaded = tokio::task::spawn_blocking(move || {
            let diagnostics = Diagnostics::new();
            let config = config::load(&path, &diagnostics);
            (config, diagnostics.to_string())
        });
        let (config, diagnostics) = loaded.await.map_err(|_| ReloadError::Os)?;
        let config = config.ok_or_else(|| ReloadError::Config(diagnostics.clone()))?;
        if !diagnostics.is_empty() {
            warn!("{diagnostics}");
        }
        let listening = |address| self.listeners.has(address);
        let sockets = bind::bind(&config.listen, config.threads, &listening, &mut Inherited::default())
            .map_err(ReloadError::Listen)?;
        let wanted = bind::wanted(&config.listen).map_err(|error| ReloadError::Listen(vec![error]))?;
        // From here on nothing can go wrong any more that would leave half of the old configuration.
        let report = self.zones.apply(plan(&config, accept)).await.ok_or(ReloadError::Os)?;
        self.shared.apply(&config);
        self.listeners.start(sockets, supervisor).map_err(|_| ReloadError::Os)?;
        self.listeners.keep_only(&wanted);
        warn_of_restart(&self.config, &config);
        self.config = config;
        Ok(report)
    }
}

fn plan(config: &Config, accept: bool) -> Plan {
    Plan {
        zones: config.zones.clone(),
        groups: config.groups.clone(),
        base_dir: config.base_dir.clone(),
        threads: config.threads,
        accept,
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
