//! Where messages come from: the network's sockets and those of this machine's programs, its kernel and its journal, read by
//! tasks that hand what they read to the pipeline.
//!
//! [`Inputs`] owns the sockets. A reload that keeps an address keeps its socket and its connections, which from then on
//! belong to the input that has the address now, under whatever name; how a stream is framed is settled when it begins.

mod connections;
mod handshakes;
mod incomplete;
mod journal;
mod kept;
mod kmsg;
mod limits;
mod local;
mod mark;
mod place;
mod plugin;
mod reader;
mod relp;
mod sender;
mod source;
mod stream;
mod tcp;
mod tls;
mod transport;
mod udp;
mod unix;

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ballast_shared::listen::{self, UdpOptions};
use ballast_shared::supervise::Supervisor;
use ballast_shared::systemd::Inherited;
use logd_core::route::InputId;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use connections::Connections;
pub(crate) use incomplete::Incomplete;
pub(crate) use limits::Limiter;
pub(crate) use place::{Place, PlaceError};
pub(crate) use source::Source;

use handshakes::Handshakes;
use local::LocalThread;

use crate::config::{self, Config};
use crate::cores::Cores;
use crate::names::Names;
use crate::output::file::Store;
use crate::pipeline::Pipeline;
use crate::plugins::Inventory;

/// What every input works with.
pub(crate) struct Service {
    /// What is made of messages at the moment. The inputs have it from their [`Source`].
    pub(crate) pipeline: ArcSwap<Pipeline>,
    pub(crate) store: Arc<Store>,
    /// What connections may keep of frames without an end.
    pub(crate) incomplete: Incomplete,
    pub(crate) handshakes: Handshakes,
    /// Read what is there and end.
    pub(crate) drain: CancellationToken,
    /// End.
    pub(crate) abandon: CancellationToken,
    /// The connections.
    pub(crate) tasks: TaskTracker,
    /// Where inputs keep how far they have read.
    work_dir: PathBuf,
}

/// A socket that is bound and not served yet.
enum Bound {
    Tcp(std::net::TcpListener),
    Udp(std::net::UdpSocket, udp::Drops),
    Unix(listen::unix::Bound),
    UnixStream(listen::unix::Bound),
    Kmsg(File, kmsg::Position),
    Mark,
    Journal(kept::Kept),
    Plugin(kept::Kept),
}

/// A socket that is served.
struct Listening {
    source: watch::Sender<Arc<Source>>,
    stop: CancellationToken,
}

/// A configuration's inputs, with sockets that are bound before anything is changed.
pub(crate) struct Prepared {
    /// In the order of the configuration.
    inputs: Vec<PreparedInput>,
}

struct PreparedInput {
    input: config::Input,
    /// Those that are served already are without one.
    sockets: Vec<(Place, Option<Bound>)>,
}

/// The sockets that are served.
pub(crate) struct Inputs {
    service: Arc<Service>,
    listening: HashMap<Place, Listening>,
    /// By the name of the input, so that its limit holds over all of its addresses and over reloads.
    connections: HashMap<Arc<str>, Arc<Connections>>,
    /// Likewise.
    limiters: HashMap<Arc<str>, Arc<Limiter>>,
    /// Those of senders, since there is an input that wants them.
    names: Option<Arc<Names>>,
    /// The tasks that accept and receive.
    listeners: TaskTracker,
    local: LocalThread,
}

impl Service {
    /// What a configuration is made into, without inputs yet.
    pub(crate) fn new(config: &mut Config, store: Store, inventory: Arc<Inventory>) -> Self {
        let store = Arc::new(store);
        Self {
            pipeline: ArcSwap::from_pointee(Pipeline::new(config, store.clone(), inventory, None)),
            store,
            incomplete: Incomplete::new(config.buffer_bytes_max),
            handshakes: Handshakes::new(),
            drain: CancellationToken::new(),
            abandon: CancellationToken::new(),
            tasks: TaskTracker::new(),
            work_dir: config.work_dir.clone(),
        }
    }
}

impl Inputs {
    /// Without sockets yet.
    pub(crate) fn new(service: Arc<Service>) -> Self {
        Self {
            service,
            listening: HashMap::new(),
            connections: HashMap::new(),
            limiters: HashMap::new(),
            names: None,
            listeners: TaskTracker::new(),
            local: LocalThread::default(),
        }
    }

    /// Binds what a configuration's inputs need beyond what is served already.
    ///
    /// # Errors
    /// All addresses that can't be had.
    pub(crate) fn prepare(
        &self,
        inputs: &[config::Input],
        inherited: &mut Inherited,
    ) -> Result<Prepared, Vec<PlaceError>> {
        let mut prepared = Vec::new();
        let mut errors = Vec::new();
        for input in inputs {
            let mut sockets = Vec::new();
            for place in Place::of(input) {
                if self.listening.contains_key(&place) {
                    sockets.push((place, None));
                    continue;
                }
                match self.bind(input, &place, inherited) {
                    Ok(bound) => sockets.push((place, Some(bound))),
                    Err(error) => errors.push(error),
                }
            }
            prepared.push(PreparedInput {
                input: input.clone(),
                sockets,
            });
        }
        if errors.is_empty() {
            Ok(Prepared { inputs: prepared })
        } else {
            Err(errors)
        }
    }

    /// Serves what was prepared, and nothing else any more, with the pipeline that the service has now, which is to be of the
    /// same configuration. Connections are accepted by the runtime at hand, and served by the cores.
    pub(crate) fn apply(&mut self, prepared: Prepared, supervisor: &Supervisor, cores: &Cores) {
        let mut before = std::mem::take(&mut self.listening);
        let pipeline = self.service.pipeline.load_full();
        for (id, PreparedInput { input, sockets }) in (0..).map(InputId).zip(prepared.inputs) {
            let connections = self
                .connections
                .entry(input.name.clone())
                .or_insert_with(|| Arc::new(Connections::of(&input)))
                .clone();
            let limiter = self.limiter(&input);
            let names = self.names(&input);
            let source = Arc::new(Source::new(input, id, pipeline.clone(), connections, limiter, names));
            for (place, bound) in sockets {
                let kept = before.remove(&place);
                let listening = match (kept, bound) {
                    (Some(kept), _) => {
                        kept.source.send_replace(source.clone());
                        kept
                    }
                    (None, Some(bound)) => self.serve(bound, source.clone(), supervisor, cores),
                    (None, None) => continue,
                };
                self.listening.insert(place, listening);
            }
        }
        for gone in before.into_values() {
            gone.stop.cancel();
        }
        let listening = &self.listening;
        let is_used = |name: &Arc<str>| listening.values().any(|l| l.source.borrow().input.name == *name);
        self.connections
            .retain(|name, connections| connections.count() > 0 || is_used(name));
        self.limiters.retain(|name, _| is_used(name));
    }

    /// The limit of an input, which goes on over a reload that does not change it.
    fn limiter(&mut self, input: &config::Input) -> Option<Arc<Limiter>> {
        let Some(settings) = input.rate_limit else {
            self.limiters.remove(&input.name);
            return None;
        };
        let known = self.limiters.get(&input.name).filter(|limiter| limiter.is_of(settings));
        if let Some(known) = known {
            return Some(known.clone());
        }
        let limiter = Arc::new(Limiter::new(&input.name, settings));
        tokio::spawn(Limiter::watch(Arc::downgrade(&limiter)));
        self.limiters.insert(input.name.clone(), limiter.clone());
        Some(limiter)
    }

    /// The names of an input's senders, which are kept over a reload that asks the same servers.
    fn names(&mut self, input: &config::Input) -> Option<Arc<Names>> {
        let servers = input.resolve.as_ref()?;
        let known = self.names.take().filter(|names| names.asks(servers));
        let names = known.unwrap_or_else(|| Names::new(servers.clone()));
        self.names = Some(names.clone());
        Some(names)
    }

    fn bind(&self, input: &config::Input, place: &Place, inherited: &mut Inherited) -> Result<Bound, PlaceError> {
        match place {
            Place::Tcp(address) => listen::tcp(*address, inherited)
                .map(Bound::Tcp)
                .map_err(PlaceError::Address),
            Place::Udp(address) => {
                let options = UdpOptions {
                    receive_buffer_bytes: input.receive_buffer_bytes,
                    reuse_port: false,
                };
                let socket = listen::udp(*address, options, inherited).map_err(PlaceError::Address)?;
                // Now: what is dropped before it is served counts.
                let drops = udp::Drops::of(&socket, &input.name);
                Ok(Bound::Udp(socket, drops))
            }
            Place::Unix(..) => unix::listen(input, inherited).map_err(PlaceError::Unix),
            Place::Kmsg(path) => {
                let device = kmsg::open(path).map_err(|cause| PlaceError::Kmsg {
                    path: path.clone(),
                    cause,
                })?;
                Ok(Bound::Kmsg(device, kmsg::Position::load(&self.service.work_dir, path)))
            }
            Place::Mark(_) => Ok(Bound::Mark),
            Place::Journal(name, _) => Ok(Bound::Journal(journal::cursor(&self.service.work_dir, name))),
            Place::Plugin(name, _) => Ok(Bound::Plugin(plugin::last(&self.service.work_dir, name))),
        }
    }

    /// Reads every socket until it is empty, for this time at most; then waits for those who read to end, as long as `ending`.
    pub(crate) async fn drain(&self, at_most: Duration, ending: Duration) -> Drained {
        self.service.drain.cancel();
        self.listeners.close();
        let emptied = async {
            // The listeners first: they start the connections that were waiting to be accepted.
            self.listeners.wait().await;
            self.service.tasks.close();
            self.service.tasks.wait().await;
        };
        tokio::pin!(emptied);
        let all = timeout(at_most, &mut emptied).await.is_ok();
        self.service.abandon.cancel();
        if all {
            return Drained::Empty;
        }
        match timeout(ending, emptied).await {
            Ok(()) => Drained::Abandoned,
            Err(_) => Drained::Stuck,
        }
    }

    /// The inputs with their addresses and their numbers of connections.
    pub(crate) fn status(&self) -> Vec<InputStatus> {
        let mut status: Vec<_> = self
            .listening
            .iter()
            .map(|(place, listening)| {
                let source = listening.source.borrow();
                InputStatus {
                    name: source.input.name.to_string(),
                    transport: source.input.kind.spoken().unwrap_or(place.transport()),
                    place: place.clone(),
                    connections: source.connections.count(),
                }
            })
            .collect();
        status.sort_by(|a, b| (&a.name, &a.place).cmp(&(&b.name, &b.place)));
        status
    }

    fn serve(&mut self, bound: Bound, source: Arc<Source>, supervisor: &Supervisor, cores: &Cores) -> Listening {
        let (sender, source) = watch::channel(source);
        let stop = self.service.drain.child_token();
        let listening = Listening {
            source: sender,
            stop: stop.clone(),
        };
        let service = self.service.clone();
        let place = self.listeners.token();
        let stopping = supervisor.stopping();
        match bound {
            Bound::Tcp(listener) => {
                let cores = cores.clone();
                supervisor.start("tcp listener", async move {
                    stream::accept(listener, source, service, cores, stop).await;
                    drop(place);
                    // A listener that a reload took away has ended as it should.
                    stopping.cancelled().await;
                });
            }
            Bound::Udp(socket, drops) => {
                let end = udp::start(socket, drops, source, service, stop);
                supervisor.start("udp listener", async move {
                    let ended = end.await;
                    drop(place);
                    if ended.is_ok() {
                        stopping.cancelled().await;
                    }
                });
            }
            Bound::Journal(cursor) => {
                let seat = cores.seat();
                let runtime = seat.runtime().clone();
                supervisor.start_on(&runtime, "journal", async move {
                    journal::follow(source, cursor, service, stop).await;
                    drop((place, seat));
                    stopping.cancelled().await;
                });
            }
            Bound::Plugin(last) => {
                let seat = cores.seat();
                let runtime = seat.runtime().clone();
                supervisor.start_on(&runtime, "events", async move {
                    plugin::follow(source, last, service, stop).await;
                    drop((place, seat));
                    stopping.cancelled().await;
                });
            }
            Bound::Unix(bound) => supervisor.start_on(self.local.runtime(), "unix input", async move {
                unix::receive(bound, source, service, stop).await;
                drop(place);
                stopping.cancelled().await;
            }),
            Bound::UnixStream(bound) => supervisor.start_on(self.local.runtime(), "unix input", async move {
                unix::accept(bound, source, service, stop).await;
                drop(place);
                stopping.cancelled().await;
            }),
            Bound::Kmsg(device, position) => supervisor.start_on(self.local.runtime(), "kmsg", async move {
                kmsg::follow(device, source, position, service, stop).await;
                drop(place);
                stopping.cancelled().await;
            }),
            Bound::Mark => supervisor.start_on(self.local.runtime(), "mark", async move {
                mark::run(source, stop).await;
                drop(place);
                stopping.cancelled().await;
            }),
        }
        listening
    }
}

/// How far draining came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drained {
    /// Every socket was read until it was empty.
    Empty,
    /// What was sent last was not read.
    Abandoned,
    /// A task that reads hangs in a write to a file.
    Stuck,
}

/// A place of an input, for `status`.
pub(crate) struct InputStatus {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) transport: &'static str,
    pub(crate) connections: usize,
}
