//! The life of the daemon, from its configuration to its exit code.
//!
//! The inputs are served by a thread per core with a runtime each (see [`crate::cores`]). Another runtime has the workers of the
//! outputs that aren't files. A third, on the main thread, steers: signals, the control socket, `/metrics`, and who accepts
//! connections. A file system that hangs can take the threads of the first, and a target that hangs those of the second, not the
//! third.

use std::io;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ballast_shared::cli::LogFormat;
use ballast_shared::config::Diagnostics;
use ballast_shared::exit::Exit;
use ballast_shared::metrics::Metrics;
use ballast_shared::plugin::secret::Secrets;
use ballast_shared::signals::{Signal, Signals};
use ballast_shared::supervise::Supervisor;
use ballast_shared::systemd::{self, Inherited};
use ballast_shared::tls::TlsFiles;
use ballast_shared::work_dir::WorkDir;
use ballast_shared::{http, listen, logging, varlink};
use caps::Capability;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::runtime::{self, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::certificates;
use crate::config::{self, Config, HttpAddress, InputKind};
use crate::control::{self, Control, Request};
use crate::cores::{Cores, Serving};
use crate::input::{Drained, Inputs, Prepared, Service};
use crate::metrics_help;
use crate::output::file::{Archivist, Flusher, Store, StoreLimits};
use crate::output::queued::Workers;
use crate::pipeline::Pipeline;
use crate::plugins::{self, Plugins};
use crate::rates::Rates;
use crate::reload::{Asker, Fixed, Handles, ReloadError, Running, Turns, take};
use crate::status::{oldest_unwritten, status};
use crate::viewer::{self, Access};

/// Of `drain-timeout`, how much reading the sockets empty may take; the rest is for the files.
const READING_SHARE: u32 = 2;

/// Of `drain-timeout`, how much those who read may take to end when that time is over. They do at once, unless a write of theirs
/// does not return.
const ENDING_SHARE: u32 = 8;

/// How long the inputs wait for what plugins knew when logd ended: the snapshot of a hundred thousand machines takes less than a
/// second, and a disk that hangs is not waited for.
const SNAPSHOTS_MAX: Duration = Duration::from_secs(5);

/// How long the tasks that only answer questions may take to end.
const STEERING_STOP: Duration = Duration::from_secs(2);

/// Runs until SIGTERM.
pub(crate) fn run(config_path: &Path, log_format: LogFormat) -> Exit {
    match Daemon::start(config_path, log_format) {
        Ok(daemon) => daemon.serve(config_path),
        Err(exit) => exit,
    }
}

/// Whatever can hang has threads of its own.
struct Runtimes {
    serving: Serving,
    cores: Cores,
    delivering: Runtime,
    steering: Runtime,
}

impl Runtimes {
    /// The outputs beside files wait for others most of the time.
    const DELIVERING_THREADS: usize = 2;

    fn start() -> io::Result<Self> {
        let (serving, cores) = Serving::start()?;
        Ok(Self {
            serving,
            cores,
            delivering: runtime::Builder::new_multi_thread()
                .worker_threads(Self::DELIVERING_THREADS)
                .thread_name("deliver")
                .enable_all()
                .build()?,
            steering: runtime::Builder::new_current_thread().enable_all().build()?,
        })
    }
}

/// Everything that had to be there before the first message.
struct Daemon {
    service: Arc<Service>,
    inputs: Inputs,
    prepared: Prepared,
    plugins: plugins::Prepared,
    fixed: Fixed,
    drain_timeout: Duration,
    metrics: Metrics,
    control: UnixListener,
    http: Option<http::Listener>,
    viewer: Option<Access>,
    tls_files: TlsFiles,
    secrets: Secrets,
    /// But for what was taken over from it.
    config: Config,
    work_dir: WorkDir,
}

impl Daemon {
    /// Configuration, sockets, privileges: whatever can fail.
    fn start(config_path: &Path, log_format: LogFormat) -> Result<Self, Exit> {
        // First of all: nothing else may have opened a file.
        let inherited = Inherited::take();
        logging::init(log_format);
        let mut inherited = inherited.map_err(|error| fail(Exit::Os, &"inherited sockets", &error))?;
        let tls_files = TlsFiles::default();
        let secrets = Secrets::default();
        let mut config = read_config(config_path, &tls_files, &secrets)?;

        let work_dir =
            WorkDir::lock(&config.work_dir).map_err(|error| fail(Exit::Unavailable, &"cannot start", &error))?;
        let fixed = Fixed::of(&config);
        let open_files_max = open_files_max(&config);
        let metrics = Metrics::install()
            .expect("this is the first and only time")
            .explained(metrics_help::HELP);
        let store = Store::new(StoreLimits {
            buffer_bytes_max: config.buffer_bytes_max,
            open_files_max,
        });
        let plugins = Plugins::default().prepare(&config.plugins);
        let service = Arc::new(Service::new(&mut config, store, plugins.inventory.clone()));
        let metrics = metrics.with(oldest_unwritten(service.clone()));
        let inputs = Inputs::new(service.clone());
        let prepared = inputs.prepare(&config.inputs, &mut inherited).map_err(|errors| {
            for error in &errors {
                error!("{error}");
            }
            Exit::Unavailable
        })?;
        let control = varlink::bind(&config.control.socket)
            .map_err(|error| fail(Exit::Unavailable, &config.control.socket.display(), &error))?;
        let http = match &config.control.http {
            None => None,
            Some(address) => Some(listen_http(address, &mut inherited)?),
        };
        inherited.report_unclaimed();
        config
            .process
            .assume(&capabilities(&config, &service.pipeline.load()))
            .map_err(|error| fail(Exit::Os, &"cannot drop privileges", &error))?;
        Ok(Self {
            service,
            inputs,
            prepared,
            plugins,
            fixed,
            drain_timeout: config.drain_timeout,
            metrics,
            control,
            http,
            tls_files,
            secrets,
            viewer: config.control.viewer.take(),
            work_dir,
            config,
        })
    }

    fn serve(self, config_path: &Path) -> Exit {
        let runtimes = match Runtimes::start() {
            Ok(runtimes) => runtimes,
            Err(error) => return fail(Exit::Os, &"cannot start threads", &error),
        };
        let handles = Handles {
            cores: &runtimes.cores,
            delivering: runtimes.delivering.handle(),
        };
        let exit = runtimes.steering.block_on(self.live(config_path, handles));
        // None waits for a thread that a hanging file system has.
        drop(runtimes.serving);
        runtimes.delivering.shutdown_background();
        runtimes.steering.shutdown_background();
        exit
    }

    async fn live(mut self, config_path: &Path, handles: Handles<'_>) -> Exit {
        let mut supervisor = Supervisor::new();
        let (flusher, flusher_ended) = match Flusher::start(self.service.store.clone()) {
            Ok(started) => started,
            Err(error) => return fail(Exit::Os, &"cannot start threads", &error),
        };
        let (archivist, archivist_ended) = match Archivist::start(self.service.store.clone()) {
            Ok(started) => started,
            Err(error) => return fail(Exit::Os, &"cannot start threads", &error),
        };
        let files_done = CancellationToken::new();
        supervisor.start(
            "flusher",
            watch(flusher_ended, files_done.clone(), supervisor.stopping()),
        );
        supervisor.start(
            "archivist",
            watch(archivist_ended, files_done.clone(), supervisor.stopping()),
        );
        let mut signals = match Signals::take() {
            Ok(signals) => signals,
            Err(error) => return fail(Exit::Os, &"cannot take signals", &error),
        };
        let (control, mut requests) = Control::new(self.service.pipeline.load().tap().clone());
        let stop = supervisor.stopping();
        supervisor.start(
            "control",
            varlink::serve(
                self.control,
                varlink::Offer::control("logd", control::INTERFACE),
                control,
                stop.clone(),
            ),
        );
        supervisor.start("tls files", self.tls_files.clone().follow(stop.clone()));
        supervisor.start(
            "certificates",
            certificates::publish(self.tls_files.clone(), stop.clone()),
        );
        let rates = Arc::new(Rates::new(self.metrics.clone()));
        {
            let (rates, stop) = (rates.clone(), stop.clone());
            supervisor.start("rates", async move { rates.run(stop).await });
        }
        if let Some(listener) = self.http {
            let mut pages = http::pages(self.metrics, health(self.service.clone()));
            if let Some(access) = self.viewer {
                pages = pages.merge(viewer::pages(self.service.clone(), access, stop.clone()));
            }
            let serve = http::serve(listener, pages, "logd_control_http_closed_total", stop.clone());
            supervisor.start("http", serve);
        }
        plugins::fetch(&self.secrets, &mut self.config, handles.delivering, &supervisor);
        let mut workers = Workers::new(&supervisor);
        {
            let _delivering = handles.delivering.enter();
            workers.apply(self.service.pipeline.load().queued_outputs(), self.drain_timeout);
        }
        for seat in handles.cores.seats() {
            // By each of them: as long as one serves, the daemon lives.
            supervisor.start_on(seat.runtime(), "watchdog", systemd::feed_watchdog(stop.clone()));
        }
        let mut plugins = Plugins::default();
        plugins.apply(self.plugins, handles.delivering, &supervisor);
        if self.service.pipeline.load().inventory().is_some() {
            // Before the first message.
            plugins.settled(SNAPSHOTS_MAX).await;
        }
        self.inputs.apply(self.prepared, &supervisor, handles.cores);
        for input in self.inputs.status() {
            info!(input = %input.name, "listening on {}/{}", input.place, input.transport);
        }
        let started = Instant::now();
        systemd::ready();

        let mut turns = Turns::new(config_path.to_owned(), self.tls_files.clone(), self.secrets.clone());
        let mut failed = false;
        loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    Signal::Stop => break,
                    Signal::Reload => turns.ask(Asker::Signal),
                },
                config = turns.next() => {
                    let done = config.and_then(|config| {
                        take(
                            *config,
                            &self.fixed,
                            Running {
                                inputs: &mut self.inputs,
                                workers: &mut workers,
                                plugins: &mut plugins,
                                secrets: &self.secrets,
                            },
                            &self.service,
                            &supervisor,
                            handles,
                        )
                    });
                    self.drain_timeout = report(&done).unwrap_or(self.drain_timeout);
                    turns.settle(done.map(drop), &self.service);
                }
                Some(request) = requests.recv() => match request {
                    Request::Status(answer) => {
                        // Who asked may have gone.
                        let _ = answer.send(status(&self.inputs, &self.service, &workers, &plugins, &self.tls_files, &rates, started));
                    }
                    Request::Reload(answer) => turns.ask(Asker::Call(answer)),
                    Request::Rotate(output, answer) => rotate(&self.service, output, answer),
                    Request::AcceptInventory(name, answer) => {
                        let _ = answer.send(plugins.accept(&name));
                    }
                },
                _ = supervisor.failed() => {
                    failed = true;
                    break;
                }
            }
        }

        systemd::stopping();
        drop::<mpsc::Receiver<_>>(requests);
        files_done.cancel();
        tokio::select! {
            () = drain(&self.inputs, &self.service, &workers, (flusher, archivist), self.drain_timeout) => {
                supervisor.stop(STEERING_STOP).await;
            }
            () = stop_again(&mut signals) => warn!("told to stop once more: nothing is waited for"),
        }
        let unwritten = self.service.store.unwritten_lines() + workers.unsettled();
        drop(self.work_dir);
        if unwritten > 0 {
            error!(lines = unwritten, "lines that could not be written are lost");
            return Exit::Io;
        }
        if failed { Exit::Os } else { Exit::Ok }
    }
}

fn fail(exit: Exit, what: &dyn std::fmt::Display, error: &dyn std::error::Error) -> Exit {
    error!("{what}: {error}");
    exit
}

fn listen_http(address: &HttpAddress, inherited: &mut Inherited) -> Result<http::Listener, Exit> {
    match address {
        HttpAddress::Tcp(address) => listen::tcp(*address, inherited)
            .map(http::Listener::Tcp)
            .map_err(|error| fail(Exit::Unavailable, &"cannot start", &error)),
        HttpAddress::Unix(path) => varlink::bind(path)
            .map(http::Listener::Unix)
            .map_err(|error| fail(Exit::Unavailable, &path.display(), &error)),
    }
}

fn read_config(path: &Path, tls_files: &TlsFiles, secrets: &Secrets) -> Result<Config, Exit> {
    let diagnostics = Diagnostics::new();
    let config = config::read(path, tls_files, secrets, &diagnostics);
    if config.is_none() {
        // As `check` prints it, with its lines and carets.
        eprint!("{diagnostics}");
    } else if !diagnostics.is_empty() {
        warn!("{}", diagnostics.to_string().trim_end());
    }
    config.ok_or(Exit::Config)
}

/// Raises the limit of open files as far as it goes, and takes three quarters of it for logs: the rest is for connections.
fn open_files_max(config: &Config) -> usize {
    /// What the kernel gives everybody.
    const USUAL: u64 = 1024;
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(USUAL, |(soft, hard)| {
        match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            Ok(()) => hard,
            Err(_) => soft,
        }
    });
    config
        .open_files_max
        .unwrap_or_else(|| usize::try_from(limit / 4 * 3).unwrap_or(usize::MAX))
}

/// What an unprivileged daemon needs beyond its user's rights.
fn capabilities(config: &Config, pipeline: &Pipeline) -> Vec<Capability> {
    let mut keep = Vec::new();
    if pipeline.file_outputs().any(|output| output.settings().gives_away()) {
        keep.push(Capability::CAP_CHOWN);
    }
    // A reload may add another.
    if config
        .inputs
        .iter()
        .flat_map(|input| &input.listen)
        .any(|address| address.port() < 1024)
    {
        keep.push(Capability::CAP_NET_BIND_SERVICE);
    }
    // Likewise, where the kernel's log is not for everybody (kernel.dmesg_restrict).
    if config
        .inputs
        .iter()
        .any(|input| matches!(input.kind, InputKind::Kmsg(_)))
    {
        keep.push(Capability::CAP_SYSLOG);
    }
    keep
}

/// Ends when the thread of the flusher does before its time.
async fn watch(ended: oneshot::Receiver<()>, done: CancellationToken, stop: CancellationToken) {
    tokio::select! {
        // Looked at first: the thread may have ended by the time that its end is in order.
        biased;
        () = done.cancelled() => stop.cancelled().await,
        _ = ended => {}
    }
}

/// What `/healthz` says: an output that holds its senders back is not well.
fn health(service: Arc<Service>) -> impl Fn() -> Result<(), String> + Clone + Send + Sync + 'static {
    move || match service.store.holding_back() {
        Some(output) => Err(format!("output {} is full and holds its senders back", output.name())),
        None => Ok(()),
    }
}

fn report(done: &Result<Duration, ReloadError>) -> Option<Duration> {
    match done {
        Ok(drain_timeout) => {
            info!("reloaded");
            Some(*drain_timeout)
        }
        Err(error) => {
            error!(
                "the configuration was not taken, the running one stays:\n{}",
                error.to_string().trim_end()
            );
            None
        }
    }
}

/// Reads the sockets empty and writes everything out, within this time.
async fn drain(
    inputs: &Inputs,
    service: &Service,
    workers: &Workers,
    threads: (Flusher, Archivist),
    at_most: Duration,
) {
    let deadline = Instant::now() + at_most;
    let (flusher, archivist) = threads;
    let drained = inputs.drain(at_most / READING_SHARE, at_most / ENDING_SHARE);
    let (drained, ()) = tokio::join!(drained, archivist.stop(STEERING_STOP));
    match drained {
        Drained::Empty => {}
        Drained::Abandoned => warn!("senders went on sending: what they sent last was not read"),
        Drained::Stuck => error!("a file system does not answer: what is sent to its files was not all read"),
    }
    flusher.stop();
    let store = service.store.clone();
    let files = spawn_blocking(move || store.drain(deadline));
    let (files, ()) = tokio::join!(files, workers.drain(deadline.saturating_duration_since(Instant::now())));
    files.expect("writing files out does not panic");
}

/// Waits until the daemon is told to stop.
async fn stop_again(signals: &mut Signals) {
    while signals.next().await != Signal::Stop {}
}

/// Rotates the files of an output, or of all, beside the main loop, which waits for no file system.
fn rotate(service: &Service, output: Option<String>, answer: oneshot::Sender<Option<u64>>) {
    let store = service.store.clone();
    spawn_blocking(move || {
        // Who asked may have gone.
        let _ = answer.send(store.archive().rotate_now(&store, output.as_deref()));
    });
}
