//! The output `forward`: messages to another collector, over UDP, TCP, TLS or RELP, with a spool on the disk for the time that
//! none of its targets takes them.
//!
//! Targets are tried in order, and whoever fails is left alone for a while ([`logd_core::failover`]); while another than the first
//! is in use, those before it are tried beside. Records are acknowledged to their [`source`](Source) when they have arrived: with
//! RELP when the server says so, over TCP and TLS when the other end's kernel has them, over UDP when they were sent. What was
//! not acknowledged when a connection ends is sent again over the next.

mod acked;
mod datagrams;
mod link;
mod probe;
mod protocol;
mod refusals;
mod source;
mod spooled;
mod stream;
mod target;

use std::collections::VecDeque;
use std::fmt;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ballast_shared::tls::{Authorities, Identity, PeerName};
use logd_core::failover::{Failed, Failover, Next};
use logd_core::relp::client::Failure;
use logd_core::spool::WhenFull;
use metrics::{Counter, Gauge, counter, gauge};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use self::link::Link;
use self::probe::Probe;
use self::refusals::Refusals;
use self::source::{Memory, Source};
use self::spooled::{Reader, Spooled};
use self::stream::{Broken, Conversation};
use crate::output::file::Sync;
use crate::output::queue::Queue;

pub(crate) use self::target::{Host, NotATarget, Target, Transport};

/// `[output.NAME.forward]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForwardSettings {
    /// In the order of preference; one at least.
    pub(crate) targets: Box<[Target]>,
    /// `None`: what is usual for the target.
    pub(crate) framing: Option<Framing>,
    /// For the targets over TLS, which need it, and those over RELP.
    pub(crate) tls: Option<TlsSettings>,
    pub(crate) spool: Option<SpoolSettings>,
    pub(crate) connect_timeout: Duration,
    /// A target that takes nothing for so long while there is something for it is stuck.
    pub(crate) timeout: Duration,
    /// A target that failed is tried again after so long, or earlier.
    pub(crate) resume_interval: Duration,
}

/// How messages are marked off from each other on a stream (RFC 6587 §3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Newline,
    OctetCounted,
}

/// `tls`: what a target has to show, and what it is shown, as their files are when it is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsSettings {
    pub(crate) authorities: Arc<Authorities>,
    pub(crate) identity: Option<Arc<Identity>>,
    /// `None`: the target's host.
    pub(crate) peer_name: Option<PeerName>,
}

/// `spool`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpoolSettings {
    pub(crate) directory: PathBuf,
    pub(crate) bytes_max: u64,
    pub(crate) when_full: WhenFull,
    /// When it is made to survive a power cut; the end of the process it survives anyway.
    pub(crate) sync: Sync,
}

/// Forwards until the queue is closed and empty: sent, or in the spool. What is left in it then could not be stored, or was
/// refused.
pub(super) async fn run(settings: &ForwardSettings, queue: &Arc<Queue>) {
    // They end with this.
    let mut beside = JoinSet::new();
    let source = match &settings.spool {
        None => Source::Memory(Memory::new(queue.clone())),
        Some(spool) => {
            let Some(spooled) = Spooled::open(spool, queue).await else {
                return;
            };
            beside.spawn(spooled.clone().watch());
            beside.spawn(spooled.clone().store());
            Source::Spool(Reader::new(spooled))
        }
    };
    let sender = Sender {
        settings: Arc::new(settings.clone()),
        source,
        ledger: Ledger {
            records: VecDeque::new(),
            has_arrived: false,
            sent: counter!("logd_output_sent_total", "output" => queue.name().to_owned()),
        },
        metrics: SenderMetrics::new(queue.name(), &settings.targets),
        queue: queue.clone(),
        failover: Failover::new(settings.targets.len(), settings.resume_interval),
        refusals: Refusals::default(),
    };
    let sending = sender.run();
    tokio::pin!(sending);
    loop {
        tokio::select! {
            () = &mut sending => break,
            Some(ended) = beside.join_next() => {
                if let Err(error) = ended && let Ok(panic) = error.try_into_panic() {
                    resume_unwind(panic);
                }
            }
        }
    }
    // They let go of the spool with their end.
    beside.shutdown().await;
}

/// The task that sends.
struct Sender {
    settings: Arc<ForwardSettings>,
    source: Source,
    ledger: Ledger,
    metrics: SenderMetrics,
    queue: Arc<Queue>,
    failover: Failover,
    refusals: Refusals,
}

struct SenderMetrics {
    truncated: Counter,
    /// By target.
    connected: Box<[Gauge]>,
    connections: Box<[Counter]>,
    failures: Box<[Counter]>,
}

/// Records that were sent and have not arrived: their numbers and lengths.
struct Ledger {
    records: VecDeque<(u64, usize)>,
    /// Whether anything has over this connection.
    has_arrived: bool,
    /// Counts them, those that are sent again too.
    sent: Counter,
}

/// Why a connection is not sent to any more.
enum Ended {
    /// The source has no more.
    Done,
    Broken(Broken),
    /// A target that is preferred is connected to.
    Better(usize, Link),
}

impl Sender {
    async fn run(mut self) {
        let mut connected = None;
        loop {
            let (target, link) = match connected.take() {
                Some(connected) => connected,
                None => match self.connect().await {
                    Some(connected) => connected,
                    None => return,
                },
            };
            let ended = self.send(target, link).await;
            self.metrics.connected[target].set(0.0);
            match ended {
                Ended::Done => return,
                Ended::Better(better, link) => {
                    info!(output = self.queue.name(), target = %self.settings.targets[better], "the target is there again");
                    connected = Some((better, link));
                }
                Ended::Broken(broken) => {
                    if let Broken::Relp(Failure::RefusedMessages { numbers, .. }) = &broken {
                        self.refused(numbers);
                    }
                    self.failed(target, broken.how(), &broken);
                }
            }
        }
    }

    /// Connects to the first target that can be; `None`: there is nothing more to be sent.
    async fn connect(&mut self) -> Option<(usize, Link)> {
        loop {
            let next = self.failover.next(Instant::now().into_std());
            let settings = self.settings.clone();
            let connecting = async {
                match next {
                    Next::Try(target) => Some((target, link::connect(&settings.targets[target], &settings).await)),
                    Next::Wait(until) => {
                        sleep_until(until.into()).await;
                        None
                    }
                }
            };
            let connected = tokio::select! {
                connected = connecting => connected,
                () = self.source.over() => return None,
            };
            match connected {
                None => {}
                Some((target, Ok(link))) => return Some((target, link)),
                Some((target, Err(error))) => self.failed(target, Failed::Gone, &error),
            }
        }
    }

    /// Sends to a target as long as it takes what comes.
    async fn send(&mut self, target: usize, mut link: Link) -> Ended {
        let settings = self.settings.clone();
        let transport = settings.targets[target].transport;
        info!(output = self.queue.name(), target = %settings.targets[target], "connected");
        self.metrics.connections[target].increment(1);
        self.metrics.connected[target].set(1.0);
        self.begin();
        let began = Instant::now();
        // Those before it may have failed long ago.
        let probe = Probe::new(settings.clone(), target, self.failover.clone());
        let ended = match &mut link {
            Link::Datagrams(socket) => datagrams::run(socket, self, probe).await,
            Link::Stream(stream) => {
                let framing = settings.framing.unwrap_or(match transport {
                    Transport::Tls => Framing::OctetCounted,
                    Transport::Udp | Transport::Tcp | Transport::Relp => Framing::Newline,
                });
                let conversation = Conversation::new(stream, transport == Transport::Relp, framing);
                conversation.run(self, probe).await
            }
        };
        // One that had nothing to take and ends an idle connection has not failed.
        if self.ledger.has_arrived || began.elapsed() >= settings.resume_interval {
            self.failover.works(target);
        }
        ended
    }

    /// Begins with what has not arrived.
    fn begin(&mut self) {
        self.source.rewind();
        self.ledger.records.clear();
        self.ledger.has_arrived = false;
    }

    /// All records before this number have arrived.
    fn acknowledge(&mut self, position: u64) {
        let mut bytes = 0;
        let mut records = 0;
        while let Some((_, length)) = self.ledger.records.front().filter(|(number, _)| *number < position) {
            bytes += length;
            records += 1;
            self.ledger.records.pop_front();
        }
        self.ledger.has_arrived = true;
        self.queue.count_sent(records, bytes);
        let (position, refused) = self.refusals.settle(position);
        if refused > 0 {
            self.queue.count_dropped("refused", refused);
            warn!(
                output = self.queue.name(),
                records = refused,
                "messages are dropped that the target refuses while it takes those behind them"
            );
        }
        self.source.acknowledge(position);
    }

    /// The target has refused these and not all that came behind; it has all before the first of them.
    fn refused(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.refusals.note(*number);
        }
        if let Some(first) = numbers.first()
            && self.refusals.gives_up(*first)
        {
            self.acknowledge(*first);
        }
    }

    fn failed(&mut self, target: usize, how: Failed, why: &dyn fmt::Display) {
        self.queue.count_error();
        self.metrics.failures[target].increment(1);
        warn!(output = self.queue.name(), target = %self.settings.targets[target], "target failed: {why}");
        self.failover.failed(target, how, Instant::now().into_std(), random());
    }
}

impl Ledger {
    fn note(&mut self, number: u64, bytes: usize) {
        self.records.push_back((number, bytes));
        self.sent.increment(1);
    }
}

impl SenderMetrics {
    fn new(output: &str, targets: &[Target]) -> Self {
        let output = || output.to_owned();
        let of_each = targets.iter().map(ToString::to_string);
        Self {
            truncated: counter!("logd_output_truncated_total", "output" => output()),
            connected: of_each
                .clone()
                .map(|target| gauge!("logd_output_connected", "output" => output(), "target" => target))
                .collect(),
            connections: of_each
                .clone()
                .map(|target| counter!("logd_output_connections_total", "output" => output(), "target" => target))
                .collect(),
            failures: of_each
                .map(|target| counter!("logd_output_target_failures_total", "output" => output(), "target" => target))
                .collect(),
        }
    }
}

/// What spreads those who come back; a system without randomness has larger troubles.
fn random() -> u32 {
    getrandom::u32().unwrap_or_default()
}
