//! The daemon's life: configuration → sockets → privileges → providers → ready → serve → exit code.

mod running;

use std::fmt::Display;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ballast_shared::config::Diagnostics;
use ballast_shared::exit::Exit;
use ballast_shared::http;
use ballast_shared::listen;
use ballast_shared::metrics::Metrics;
use ballast_shared::signals::{Signal, Signals};
use ballast_shared::supervise::Supervisor;
use ballast_shared::systemd::{self, Inherited};
use ballast_shared::varlink;
use ballast_shared::work_dir::WorkDir;
use tokio::sync::mpsc;
use tracing::{error, info};

use crate::archive::Archive;
use crate::config::{self, Config};
use crate::control::{self, Control};
use crate::hub::Hub;
use crate::pages;
use crate::scaling::Scalings;
use crate::scaling::actions::Actions;
use crate::secrets::{Store, resource};
use crate::server::{self, Keeper, Plugin};
use crate::sns::{self, Endpoint, Topics};
use running::{Running, Shared};

/// How long what has begun may take when the daemon ends.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Reloads that wait for their turn; who asks for one more waits in the socket.
const RELOADS_WAITING_MAX: usize = 16;

/// Runs until SIGTERM.
#[must_use]
pub fn run(config_path: &Path) -> Exit {
    match prepare(config_path).and_then(serve) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

/// All that has to be had before there are threads and while there are privileges.
struct Prepared {
    config_path: PathBuf,
    config: Config,
    control: UnixListener,
    plugin: UnixListener,
    http: Option<TcpListener>,
    sns: Option<http::Listener>,
    /// Held until the end.
    _work_dir: WorkDir,
}

fn fail(exit: Exit, cause: &dyn Display) -> Exit {
    error!("{cause}");
    exit
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
    let http = config.control_http.map(|address| listen::tcp(address, &mut inherited));
    let http = http.transpose().map_err(|cause| fail(Exit::Unavailable, &cause))?;
    let sns = config.sns.as_ref().map(|sns| sns::http::listen(sns, &mut inherited));
    let sns = sns.transpose().map_err(|cause| fail(Exit::Unavailable, &cause))?;
    let bind = |path: &Path| {
        varlink::bind(path).map_err(|cause| fail(Exit::Unavailable, &format_args!("{}: {cause}", path.display())))
    };
    let control = bind(&config.control_socket)?;
    let plugin = bind(&config.plugin_socket)?;
    inherited.report_unclaimed();
    // What secrets are kept by is no reason to take the inventory away from those who follow it.
    if let Err(error) = Store::new(&config.secrets).prepare() {
        error!("secrets can't be had: {error}");
    }
    config.process.assume(&[]).map_err(|cause| fail(Exit::Os, &cause))?;
    Ok(Prepared {
        config_path: config_path.to_owned(),
        config,
        control,
        plugin,
        http,
        sns,
        _work_dir: work_dir,
    })
}

fn serve(prepared: Prepared) -> Result<(), Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| fail(Exit::Os, &cause))?;
    let ended = runtime.block_on(serve_until_stopped(prepared));
    runtime.shutdown_background();
    ended
}

async fn serve_until_stopped(prepared: Prepared) -> Result<(), Exit> {
    let mut signals = Signals::take().map_err(|cause| fail(Exit::Os, &cause))?;
    let epoch = new_epoch().map_err(|cause| fail(Exit::Os, &cause))?;
    let mut supervisor = Supervisor::new();
    let (reloads, mut asked_reloads) = mpsc::channel(RELOADS_WAITING_MAX);
    let names: Vec<String> = prepared.config.providers.iter().map(|one| one.name.clone()).collect();
    let hub = Arc::new(Hub::new(epoch, &names));
    let secrets = Keeper::new(&prepared.config.secrets);
    let resource = Arc::new(resource::Status::default());
    let archive = Arc::new(Archive::new());
    let scalings = Arc::new(Scalings::new(&prepared.config.work_dir, hub.events().clone()));
    let topics = Arc::new(Topics::default());
    let endpoint = prepared
        .config
        .sns
        .as_ref()
        .map(|sns| Arc::new(Endpoint::new(topics.clone(), &sns.believed)));
    let tls_files = prepared.config.sns.as_ref().map(|sns| sns.files.clone());
    let shared = Shared {
        hub: hub.clone(),
        archive: archive.clone(),
        scalings: scalings.clone(),
        secrets: secrets.clone(),
        resource: resource.clone(),
        topics,
        endpoint: endpoint.clone(),
    };
    let mut running = Running::start(prepared.config_path, prepared.config, shared, &supervisor);
    let plugin = Plugin::new(hub.clone(), archive.clone(), secrets);
    let watching = pages::Watching {
        inventory: plugin.watchers(),
        events: plugin.followers(),
    };
    let stop = supervisor.stopping();
    let plugin = varlink::serve(prepared.plugin, server::offer(), Arc::new(plugin), stop.clone());
    supervisor.start("plugin", plugin);
    let service = Control {
        hub: hub.clone(),
        archive: archive.clone(),
        actions: Actions::new(scalings.clone()),
        scalings: scalings.clone(),
        watchers: watching.inventory.clone(),
        resource,
        reloads,
    };
    let control = varlink::serve(prepared.control, control::offer(), Arc::new(service), stop.clone());
    supervisor.start("control", control);
    if let Some(listener) = prepared.http
        && let Some(metrics) = Metrics::install()
    {
        let pages = pages::pages(metrics, hub, watching, scalings);
        supervisor.start(
            "http",
            http::serve(listener, pages, "cloudd_control_http_closed_total", stop.clone()),
        );
    }
    if let (Some(listener), Some(endpoint)) = (prepared.sns, endpoint) {
        supervisor.start("sns", sns::http::serve(listener, endpoint, stop.clone()));
    }
    if let Some(files) = tls_files {
        supervisor.start("tls files", files.follow(stop.clone()));
    }
    supervisor.start("archive", archive.tend(stop.clone()));
    supervisor.start("watchdog", systemd::feed_watchdog(stop));
    info!("serving {} providers", names.len());
    systemd::ready();
    let exit = loop {
        let asked = tokio::select! {
            signal = signals.next() => match signal {
                Signal::Stop => break Ok(()),
                Signal::Reload => None,
            },
            Some(asked) = asked_reloads.recv() => Some(asked),
            task = supervisor.failed() => {
                error!(task, "the daemon ends: it can't go on without this task");
                break Err(Exit::Os);
            }
        };
        systemd::reloading();
        let outcome = running.reload(&supervisor).await;
        systemd::ready();
        if let Some(asked) = asked {
            // Who asked may have hung up.
            let _ = asked.send(outcome);
        }
    };
    systemd::stopping();
    supervisor.stop(DRAIN_MAX).await;
    exit
}

/// What no other start has.
fn new_epoch() -> Result<String, getrandom::Error> {
    Ok(format!("{:016x}", getrandom::u64()?))
}
