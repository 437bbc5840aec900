//! The daemon's life: configuration → sockets → privileges → zones → ready → serve → drain → exit code.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ballast_shared::config::Diagnostics;
use ballast_shared::exit::Exit;
use ballast_shared::listen;
use ballast_shared::plugin::secret::Secrets;
use ballast_shared::privileges::PrivilegeError;
use ballast_shared::signals::{Signal, Signals};
use ballast_shared::supervise::Supervisor;
use ballast_shared::systemd::{self, Inherited};
use ballast_shared::varlink::Offer;
use ballast_shared::work_dir::WorkDir;
use caps::Capability;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tracing::{error, info, warn};

use crate::config::{self, Config};
use crate::control::{self, Control};
use crate::notify::Notify;
use crate::pages;
use crate::plugins::Plugins;
use crate::query_log::Target;
use crate::reload::{AskedReload, Running};
use crate::secondaries::{Inputs, Secondaries};
use crate::server::bind::{self, ListenError, Sockets, Wanted};
use crate::server::encrypted::{self, EncryptedListeners};
use crate::server::seldom::SeldomCounters;
use crate::server::{self, Handlers, Later, Listeners, Shared};
use crate::signatures::{self, SignatureBoard};
use crate::zones::key::ZoneKey;
use crate::zones::{Plan, Zones, last_good};

/// How long answers that have begun may take when the daemon ends. A TCP client that reads has ten seconds for each batch of
/// them; one that makes several last longer than this is cut off.
const DRAIN_MAX: Duration = Duration::from_secs(15);

/// How soon an address that the machine gets is listened on. A look is a few system calls.
const INTERFACES_LOOK_PERIOD: Duration = Duration::from_secs(5);

/// Reloads that wait for their turn; who asks for one more waits in the socket.
const RELOADS_WAITING_MAX: usize = 16;

/// Octets of a reply without records: its question, EDNS and a signature.
const CODE_BYTES_MAX: usize = 1232;

/// NOTIFYs that wait for their zones to be looked at; of more the senders hear nothing, over a connection SERVFAIL, and tell again.
const NOTIFIES_WAITING_MAX: usize = 1024;

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
    sockets: Sockets,
    encrypted: encrypted::Prepared,
    control: UnixListener,
    http: Option<TcpListener>,
    query_log: Option<Target>,
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
    raise_open_files_max(&config);
    let mut inherited = Inherited::take().map_err(|cause| fail(Exit::Os, &cause))?;
    let work_dir = WorkDir::lock(&config.work_dir).map_err(|cause| fail(Exit::Unavailable, &cause))?;
    let sockets = bind::bind(Wanted::of(&config), &BTreeSet::new(), &mut inherited).map_err(unavailable)?;
    let encrypted = encrypted::prepare(&config, &BTreeSet::new(), &mut inherited).map_err(unavailable)?;
    let http = config.control_http.map(|address| listen::tcp(address, &mut inherited));
    let http = http.transpose().map_err(|cause| fail(Exit::Unavailable, &cause))?;
    let control = ballast_shared::varlink::bind(&config.control_socket).map_err(|cause| {
        error!("{}: {cause}", config.control_socket.display());
        Exit::Unavailable
    })?;
    inherited.report_unclaimed();
    let query_log = open_query_log(&config)?;
    hand_over_work_dir(&config).map_err(|cause| fail(Exit::Io, &cause))?;
    drop_privileges(&config).map_err(|cause| fail(Exit::Os, &cause))?;
    Ok(Prepared {
        config_path: config_path.to_owned(),
        config,
        sockets,
        encrypted,
        control,
        http,
        query_log,
        _work_dir: work_dir,
    })
}

/// Every client over TCP takes a file. What else is open, listeners and zones that are read, has enough with a quarter of what the
/// kernel gives everybody.
fn raise_open_files_max(config: &Config) {
    /// What the kernel gives everybody.
    const USUAL: u64 = 1024;
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(USUAL, |(soft, hard)| {
        match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            Ok(()) => hard,
            Err(_) => soft,
        }
    });
    let clients = config.tcp.clients_max;
    if (clients as u64).saturating_add(USUAL / 4) > limit {
        warn!("no more than {limit} files may be open, which is not enough for {clients} TCP clients");
    }
}

fn unavailable(errors: Vec<ListenError>) -> Exit {
    for cause in errors {
        error!("{cause}");
    }
    Exit::Unavailable
}

/// While whoever starts the daemon may make a file where the daemon's user may not.
fn open_query_log(config: &Config) -> Result<Option<Target>, Exit> {
    let Some(log) = &config.query_log else {
        return Ok(None);
    };
    let opened = Target::open(log, &config.process);
    opened.map(Some).map_err(|cause| {
        error!("{}: {cause}", log.target);
        Exit::Io
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
    if let Some(user) = user.filter(|_| nix::unistd::geteuid().is_root()) {
        last_good::hand_over(&folder, user.as_raw(), group.map(Into::into))?;
    }
    Ok(())
}

fn drop_privileges(config: &Config) -> Result<(), PrivilegeError> {
    // A reload may add another port of the kind.
    let plain = config.listen.iter().map(|address| address.port());
    let encrypted = config.encrypted.addresses().map(|address| address.port());
    let low_port = plain.chain(encrypted).any(|port| port < 1024);
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
    let ended = runtime.block_on(serve_until_stopped(prepared));
    // A reload that was broken off may still be reading files.
    runtime.shutdown_background();
    ended
}

async fn serve_until_stopped(prepared: Prepared) -> Result<(), Exit> {
    let mut signals = Signals::take().map_err(|cause| fail(Exit::Os, &cause))?;
    let mut supervisor = Supervisor::new();
    let (reloads, mut asked_reloads) = mpsc::channel(RELOADS_WAITING_MAX);
    let mut daemon = Daemon::start(prepared, &supervisor, reloads).map_err(|cause| fail(Exit::Os, &cause))?;
    let mut hung_up = false;
    let mut look = tokio::time::interval(INTERFACES_LOOK_PERIOD);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::select! {
        listening = daemon.load_and_listen(&supervisor) => listening?,
        () = stop_signal(&mut signals, &mut hung_up) => return Ok(()),
    }
    systemd::ready();
    let exit = loop {
        let asked = tokio::select! {
            signal = next_signal(&mut signals, &mut hung_up) => match signal {
                Signal::Stop => break Ok(()),
                Signal::Reload => AskedReload::by_signal(),
            },
            Some(asked) = asked_reloads.recv() => asked,
            _ = look.tick() => {
                daemon.running.follow_interfaces(&supervisor);
                continue;
            }
            task = supervisor.failed() => {
                error!(task, "the daemon ends: it can't go on without this task");
                break Err(Exit::Os);
            }
        };
        tokio::select! {
            done = daemon.running.reload(asked.accept, &supervisor) => {
                // Who asked may have hung up.
                let _ = asked.reply.send(done);
            }
            // A reload of many zones may take longer than a service manager waits.
            () = stop_signal(&mut signals, &mut hung_up) => break Ok(()),
        }
    };
    systemd::stopping();
    supervisor.stop(DRAIN_MAX).await;
    daemon.running.shared.query_log.finish();
    exit
}

/// The next signal; first the SIGHUP that came while there was something else to do.
async fn next_signal(signals: &mut Signals, hung_up: &mut bool) -> Signal {
    if std::mem::take(hung_up) {
        return Signal::Reload;
    }
    signals.next().await
}

/// Waits for the signal to stop. A SIGHUP is remembered: what it is about may have changed after it was read.
async fn stop_signal(signals: &mut Signals, hung_up: &mut bool) {
    while signals.next().await != Signal::Stop {
        *hung_up = true;
    }
}

/// Hands updates to the keeper of the zones, whose verdict is the reply.
fn updates_to(zones: Zones, counters: Arc<SeldomCounters>) -> Arc<dyn Fn(ZoneKey, Later) + Send + Sync> {
    Arc::new(move |zone, later| {
        let request = later.request().into();
        let counters = counters.clone();
        let reply = move |rcode| {
            counters.update(rcode);
            later.send_code(rcode, &mut [0; CODE_BYTES_MAX]);
        };
        zones.update(zone, request, Box::new(reply));
    })
}

/// What runs.
struct Daemon {
    running: Running,
    /// Until they listen.
    sockets: Option<Sockets>,
    /// The same.
    encrypted: Option<encrypted::Prepared>,
    _work_dir: WorkDir,
}

impl Daemon {
    /// Starts everything but the listeners: status and metrics can be had while the zones are loaded.
    fn start(prepared: Prepared, supervisor: &Supervisor, reloads: mpsc::Sender<AskedReload>) -> std::io::Result<Self> {
        let shared = Shared::new(&prepared.config)?;
        if let (Some(target), Some(config)) = (prepared.query_log, &prepared.config.query_log) {
            shared.query_log.turn_on(target, config)?;
        }
        let zones = Zones::start(&prepared.config.work_dir, shared.clone(), supervisor)?;
        let (notifies, notified) = mpsc::channel(NOTIFIES_WAITING_MAX);
        shared.connect(Handlers {
            notifies,
            update: updates_to(zones.clone(), shared.seldom.clone()),
        });
        let inputs = Inputs {
            notifies: notified,
            changes: zones.changes(),
            members: zones.members(),
        };
        let secondaries = Secondaries::start(zones.clone(), inputs, prepared.config.transfers, supervisor);
        let notify = Notify::start(shared.clone(), zones.changes(), &prepared.config, supervisor);
        let plugins = Plugins::default();
        let secrets = Secrets::default();
        let signatures = Arc::new(SignatureBoard::default());
        let service = Arc::new(Control::new(
            shared.clone(),
            zones.clone(),
            secondaries.clone(),
            notify.clone(),
            plugins.clone(),
            signatures.clone(),
            reloads,
        ));
        let stop = supervisor.stopping();
        let control = ballast_shared::varlink::serve(
            prepared.control,
            Offer::control("dnsd", control::INTERFACE),
            service,
            stop.clone(),
        );
        supervisor.start("control", control);
        if let Some(listener) = prepared.http {
            let pages = pages::pages(&shared, zones.board(), secondaries.board(), &plugins, &signatures);
            let serve = ballast_shared::http::serve(listener, pages, "dnsd_control_http_closed_total", stop.clone());
            supervisor.start("http", serve);
        }
        supervisor.start("tls files", shared.tls_files.clone().follow(stop.clone()));
        supervisor.start("watchdog", systemd::feed_watchdog(stop.clone()));
        let follow = signatures::follow(shared.clone(), signatures, stop.clone());
        supervisor.start("signatures", follow);
        supervisor.start("local networks", server::follow_local_networks(shared.clone(), stop));
        Ok(Self {
            running: Running {
                config_path: prepared.config_path,
                config: prepared.config,
                listeners: Listeners::new(shared.clone()),
                encrypted: EncryptedListeners::new(shared.clone()),
                shared,
                zones,
                secondaries,
                plugins,
                secrets,
                notify,
            },
            sockets: Some(prepared.sockets),
            encrypted: Some(prepared.encrypted),
            _work_dir: prepared._work_dir,
        })
    }

    /// Queries that come before the zones are there wait in the sockets.
    async fn load_and_listen(&mut self, supervisor: &Supervisor) -> Result<(), Exit> {
        let Running {
            config,
            zones,
            listeners,
            encrypted,
            secondaries,
            plugins,
            secrets,
            ..
        } = &mut self.running;
        let pending = std::mem::take(&mut config.pending);
        let stop = supervisor.stopping();
        let (report, ()) = tokio::join!(
            zones.apply(Plan::new(config, false)),
            secrets.settle(pending, &config.plugins, &stop),
        );
        let report = report.ok_or(Exit::Os)?;
        if let Some(Sockets { bound, missing, .. }) = self.sockets.take() {
            listeners
                .start(bound, supervisor)
                .map_err(|cause| fail(Exit::Os, &cause))?;
            listeners.tell_missing(missing);
        }
        if let Some(prepared) = self.encrypted.take() {
            let started = encrypted.start(prepared, supervisor);
            let wanted = started.map_err(|cause| fail(Exit::Os, &cause))?;
            encrypted.settle(wanted);
        }
        secondaries.apply(config).await;
        plugins.apply(config, zones, supervisor);
        config.drop_zones();
        info!(
            "serving; zones as their files say: {}, not so: {}",
            report.loaded,
            report.refused.len()
        );
        Ok(())
    }
}
