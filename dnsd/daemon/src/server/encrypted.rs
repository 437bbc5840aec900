//! The listeners for DNS over HTTPS (RFC 8484), with HTTP/2 and HTTP/3, and for DNS over QUIC (RFC 9250).
//!
//! Requests go to the same [`Responder`](super::Responder) as those of other transports, as octets, and its replies come back as
//! octets: views, lists, signatures, updates and forward zones are what they are over TCP, and the content of an answer is the
//! same, octet by octet. Two things differ with reason: a transfer isn't to be had over HTTPS, which carries one message, and
//! there is no word on idle connections over HTTPS (RFC 7828 §3.2.2) and QUIC (RFC 9250 §5.5.2).
//!
//! The protocols are done by h2, h3 and quinn, not by hickory-server, which stands on the same three (0.26.3): it decodes each
//! request and makes the reply of records of its own, so that neither signatures nor what it doesn't know get through; it has no
//! bound on connections and none on a client's requests at once over HTTP/2; a handshake over QUIC holds up all that come
//! behind it; HTTP/3 looks neither at path nor method, and GET can't be had; what is no good request gets no code of HTTP's but
//! a warning in the log; and when it ends, it drops what it is answering.
//!
//! Connections share their places with those of TCP ([`Places`](super::places::Places)) and may be idle as long
//! (`tcp-idle-timeout`); what else bounds them stands in [`requests`] and [`quic`].

mod doq;
mod exchange;
mod http;
mod http2;
mod http3;
mod https;
mod quic;
mod requests;
mod terms;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use arc_swap::ArcSwap;
use ballast_shared::listen::{self, BindError, UdpOptions};
use ballast_shared::supervise::Supervisor;
use ballast_shared::systemd::Inherited;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::Shared;
use super::bind::{Endpoint, ListenError, Service, either_family, explain};
use super::listeners::{at, until_the_daemon_stops};
use crate::config::{Config, EncryptedConfig, EncryptedListener};
use quic::QuicListener;
use terms::{CurrentTerms, Speaks, Terms};

/// The kernel's queue of a socket with QUIC: some 700 full packets, what a burst of handshakes and a few transfers take until a
/// thread comes to it.
const UDP_QUEUE_BYTES: usize = 1 << 20;

/// Those that run.
pub(crate) struct EncryptedListeners {
    shared: Shared,
    running: BTreeMap<Endpoint, Running>,
}

struct Running {
    local: SocketAddr,
    terms: CurrentTerms,
    stop: CancellationToken,
}

/// What a configuration takes that isn't there yet.
pub(crate) struct Prepared {
    opened: Vec<Opened>,
    /// New terms for those that run.
    kept: BTreeMap<Endpoint, Terms>,
}

/// Sockets that nobody serves yet.
struct Opened {
    wanted: Endpoint,
    local: SocketAddr,
    /// For HTTP/2.
    tcp: Option<TcpListener>,
    /// For HTTP/3 or DNS over QUIC.
    udp: UdpSocket,
    terms: Terms,
}

/// Binds the listeners of a configuration that aren't among the `running`.
///
/// # Errors
/// Everything that went wrong; what was bound is given back.
pub(crate) fn prepare(
    config: &Config,
    running: &BTreeSet<Endpoint>,
    inherited: &mut Inherited,
) -> Result<Prepared, Vec<ListenError>> {
    let mut prepared = Prepared {
        opened: Vec::new(),
        kept: BTreeMap::new(),
    };
    let mut errors = Vec::new();
    for (endpoint, configured, speaks) in listeners(&config.encrypted) {
        let terms = Terms::new(configured, speaks, config.tcp.idle_max);
        if running.contains(&endpoint) {
            prepared.kept.insert(endpoint, terms);
            continue;
        }
        match open(endpoint, terms, inherited) {
            Ok(opened) => prepared.opened.push(opened),
            Err(error) => errors.push(explain(error, endpoint.address, running)),
        }
    }
    if errors.is_empty() { Ok(prepared) } else { Err(errors) }
}

/// The listeners of a configuration.
fn listeners(config: &EncryptedConfig) -> impl Iterator<Item = (Endpoint, &EncryptedListener, Speaks)> {
    let https = config.https.iter().flat_map(|(https, path)| {
        let path = path.as_str().into();
        each(Service::Https, https, Speaks::Https { path })
    });
    let quic = config.quic.iter();
    https.chain(quic.flat_map(|quic| each(Service::Quic, quic, Speaks::Quic)))
}

fn each(
    service: Service,
    configured: &EncryptedListener,
    speaks: Speaks,
) -> impl Iterator<Item = (Endpoint, &EncryptedListener, Speaks)> {
    let addresses = configured.addresses.iter().collect::<BTreeSet<_>>().into_iter();
    addresses.map(move |&address| (Endpoint { service, address }, configured, speaks.clone()))
}

fn open(endpoint: Endpoint, terms: Terms, inherited: &mut Inherited) -> Result<Opened, BindError> {
    let wanted = endpoint.address;
    let failed = |transport| {
        move |cause| BindError {
            address: wanted,
            transport,
            cause,
            holder: None,
        }
    };
    let (tcp, at) = if endpoint.service == Service::Https {
        let tcp = either_family(wanted, |address| listen::tcp(address, inherited))?;
        let local = tcp.local_addr().map_err(failed(listen::Transport::Tcp))?;
        (Some(tcp), local)
    } else {
        (None, wanted)
    };
    let options = UdpOptions {
        receive_buffer_bytes: Some(UDP_QUEUE_BYTES),
        reuse_port: false,
    };
    let udp = either_family(at, |address| listen::udp(address, options, inherited))?;
    Ok(Opened {
        wanted: endpoint,
        local: udp.local_addr().map_err(failed(listen::Transport::Udp))?,
        tcp,
        udp,
        terms,
    })
}

impl EncryptedListeners {
    /// None yet.
    pub(crate) fn new(shared: Shared) -> Self {
        Self {
            shared,
            running: BTreeMap::new(),
        }
    }

    /// Those that run.
    pub(crate) fn running(&self) -> BTreeSet<Endpoint> {
        self.running.keys().copied().collect()
    }

    /// Starts listening on what was opened: on all of it, or on none. Gives back what those that ran already are to have.
    ///
    /// # Errors
    /// When the system doesn't give what it takes.
    pub(crate) fn start(&mut self, prepared: Prepared, supervisor: &Supervisor) -> io::Result<Wanted> {
        let mut wanted = Wanted {
            kept: prepared.kept,
            new: BTreeSet::new(),
        };
        let mut started = Vec::with_capacity(prepared.opened.len());
        for opened in prepared.opened {
            let stop = supervisor.stopping().child_token();
            // Whatever is started here stops when it is dropped without being taken over below.
            let guard = stop.clone().drop_guard();
            let terms = Arc::new(ArcSwap::from_pointee(opened.terms));
            let quic = QuicListener::new(opened.udp, self.shared.clone(), terms.clone())?;
            let quic = quic.run(stop.clone());
            supervisor.start(
                "quic",
                until_the_daemon_stops(quic, stop.clone(), supervisor.stopping()),
            );
            if let Some(tcp) = opened.tcp {
                let https = https::run(tcp, self.shared.clone(), terms.clone(), stop.clone());
                supervisor.start(
                    "https",
                    until_the_daemon_stops(https, stop.clone(), supervisor.stopping()),
                );
            }
            started.push((opened.wanted, opened.local, terms, guard));
        }
        for (endpoint, local, terms, guard) in started {
            info!("listening on {}", at(endpoint, local));
            let stop = guard.disarm();
            wanted.new.insert(endpoint);
            self.running.insert(endpoint, Running { local, terms, stop });
        }
        Ok(wanted)
    }

    /// Closes all but these.
    pub(crate) fn keep_only(&mut self, wanted: BTreeSet<Endpoint>) {
        self.settle(Wanted {
            kept: BTreeMap::new(),
            new: wanted,
        });
    }

    /// Gives those that ran already their new terms, and closes what isn't wanted any more.
    pub(crate) fn settle(&mut self, mut wanted: Wanted) {
        self.running.retain(|endpoint, running| {
            if let Some(terms) = wanted.kept.remove(endpoint) {
                running.terms.store(Arc::new(terms));
                return true;
            }
            let keep = wanted.new.contains(endpoint);
            if !keep {
                info!("no longer listening on {}", at(*endpoint, running.local));
                running.stop.cancel();
            }
            keep
        });
    }
}

/// What is to run after a reload.
pub(crate) struct Wanted {
    kept: BTreeMap<Endpoint, Terms>,
    new: BTreeSet<Endpoint>,
}

/// One connection with HTTP/2, for tests.
#[cfg(test)]
pub(super) async fn serve_http2(
    stream: tokio::io::DuplexStream,
    peer: super::responder::Peer<'static>,
    responder: Arc<super::Responder>,
    path: Arc<str>,
    place: super::places::Place,
    idle_max: std::time::Duration,
    stop: &CancellationToken,
) {
    let requests = requests::Requests::new(place, idle_max);
    // The error is the end of the connection.
    let _ = http2::serve(stream, peer, responder, path, requests, stop).await;
}
