//! Binds the sockets of an address: one for TCP, and for DNS in the clear one for each UDP thread.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, UdpSocket};

use ballast_shared::listen::{self, BindError, UdpOptions};
use ballast_shared::systemd::Inherited;
use nix::errno::Errno;
use nix::sys::socket::{SockType, setsockopt, sockopt};
use socket2::SockRef;

use super::udp::UdpListener;
use super::{addresses, path_mtu};
use crate::config::{Config, ListenAddress};

/// A port of the kernel's choice must be free for both transports; that the second one is taken is rare.
const ANY_PORT_TRIES: usize = 16;

/// The kernel's queue of a UDP socket, as NSD asks for it: a burst of 1,300 queries or, as the kernel doubles it, of twice
/// that many, which a core answers in some 10 ms. What most systems have by default is a fifth, and their limit for those who
/// may not go beyond it (net.core.rmem_max) is often no more: then it stays at that.
const UDP_QUEUE_BYTES: usize = 1 << 20;

/// What is spoken at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    /// DNS over UDP and TCP.
    Dns,
    /// DNS over TLS.
    Tls,
    /// DNS over HTTPS, with HTTP/2 and HTTP/3.
    Https,
    /// DNS over QUIC.
    Quic,
}

/// Somewhere to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Endpoint {
    /// For what.
    pub(crate) service: Service,
    /// Where.
    pub(crate) address: SocketAddr,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        match self.service {
            Service::Dns => Ok(()),
            Service::Tls => f.write_str(" for TLS"),
            Service::Https => f.write_str(" for HTTPS"),
            Service::Quic => f.write_str(" for QUIC"),
        }
    }
}

/// Where a configuration wants to listen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'c> {
    /// For DNS over UDP and TCP.
    pub(crate) dns: &'c [ListenAddress],
    /// UDP threads.
    pub(crate) threads: usize,
    /// For DNS over TLS.
    pub(crate) tls: &'c [SocketAddr],
}

impl<'c> Wanted<'c> {
    /// As a configuration has it.
    pub(crate) fn of(config: &'c Config) -> Self {
        let tls = config.encrypted.tls.as_ref();
        Self {
            dns: &config.listen,
            threads: config.threads,
            tls: tls.map_or(&[], |listener| &listener.addresses),
        }
    }

    /// The addresses that this means on this machine, now.
    pub(super) fn endpoints(&self) -> Result<BTreeSet<Endpoint>, Errno> {
        let at = |service| move |address| Endpoint { service, address };
        let dns = addresses::expand(self.dns)?.into_iter().map(at(Service::Dns));
        Ok(dns.chain(self.tls.iter().copied().map(at(Service::Tls))).collect())
    }
}

/// The sockets of one address.
#[derive(Debug)]
pub(crate) struct Bound {
    /// As it was asked for: what a reload compares.
    pub(crate) wanted: Endpoint,
    /// As it is: another where IPv6 is off or the port was left to the kernel.
    pub(crate) local: SocketAddr,
    pub(super) tcp: TcpListener,
    /// One for each thread; none where all is encrypted.
    pub(super) udp: Vec<UdpListener>,
}

/// Why the daemon can't listen.
#[derive(Debug)]
pub(crate) enum ListenError {
    /// The machine's addresses can't be listed.
    Interfaces(Errno),
    /// An address can't be had.
    Bind(BindError),
    /// One of our own listeners has the port of an address, because one of the two means all addresses. It could be closed
    /// first, but then there might be nothing to go back to.
    Overlaps {
        /// The address that is asked for.
        wanted: SocketAddr,
        /// The one that is listened on.
        running: SocketAddr,
    },
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interfaces(errno) => write!(f, "cannot list the machine's addresses: {}", errno.desc()),
            Self::Bind(error) => error.fmt(f),
            Self::Overlaps { wanted, running } => {
                write!(
                    f,
                    "dnsd itself listens on {running}: to listen on {wanted} takes a restart"
                )
            }
        }
    }
}

/// The addresses that a configuration means now, and the sockets that were missing for them.
#[derive(Debug)]
pub(crate) struct Sockets {
    /// All of the addresses.
    pub(crate) wanted: BTreeSet<Endpoint>,
    /// Those that weren't listened on.
    pub(crate) bound: Vec<Bound>,
    /// Those of `"interfaces:PORT"` that can't be had yet.
    pub(crate) missing: Vec<ListenError>,
}

/// Binds every address that isn't among the `running` ones already.
///
/// An address of an interface may not be ready: an IPv6 one isn't before the kernel is certain that nobody else in the network
/// has it (RFC 4862 §5.4), which at a boot takes a second or two. Who follows the interfaces tries it again.
///
/// # Errors
/// Everything else that went wrong, not only the first; what was bound is given back.
pub(crate) fn bind(
    wanted: Wanted<'_>,
    running: &BTreeSet<Endpoint>,
    inherited: &mut Inherited,
) -> Result<Sockets, Vec<ListenError>> {
    let endpoints = wanted
        .endpoints()
        .map_err(|errno| vec![ListenError::Interfaces(errno)])?;
    let mut sockets = bind_all(endpoints, wanted.threads, running, inherited);
    let is_of_interface = |error: &ListenError| match error {
        ListenError::Bind(error) => {
            let is_named = wanted.dns.contains(&ListenAddress::Address(error.address));
            let is_named = is_named || wanted.tls.contains(&error.address);
            !is_named && error.cause.kind() == ErrorKind::AddrNotAvailable
        }
        ListenError::Interfaces(_) | ListenError::Overlaps { .. } => false,
    };
    let (missing, errors): (Vec<_>, Vec<_>) = sockets.missing.into_iter().partition(is_of_interface);
    if errors.is_empty() {
        sockets.missing = missing;
        Ok(sockets)
    } else {
        Err(errors)
    }
}

/// Binds as many of these addresses as are to be had.
pub(super) fn bind_all(
    wanted: BTreeSet<Endpoint>,
    threads: usize,
    running: &BTreeSet<Endpoint>,
    inherited: &mut Inherited,
) -> Sockets {
    let (mut bound, mut missing) = (Vec::new(), Vec::new());
    for &endpoint in wanted.difference(running) {
        match either_family(endpoint.address, |local| {
            bind_address(endpoint, local, threads, inherited)
        }) {
            Ok(sockets) => bound.push(sockets),
            Err(error) => missing.push(explain(error, endpoint.address, running)),
        }
    }
    Sockets { wanted, bound, missing }
}

/// Who holds the port, when it is we ourselves.
pub(super) fn explain(error: BindError, wanted: SocketAddr, running: &BTreeSet<Endpoint>) -> ListenError {
    let overlaps = |running: &SocketAddr| {
        let is_everywhere = running.ip().is_unspecified() || wanted.ip().is_unspecified();
        running.port() == wanted.port() && (is_everywhere || running.ip() == wanted.ip())
    };
    match running.iter().map(|endpoint| endpoint.address).find(overlaps) {
        Some(running) if error.cause.kind() == ErrorKind::AddrInUse => ListenError::Overlaps { wanted, running },
        _ => ListenError::Bind(error),
    }
}

/// Binds all IPv4 addresses instead of all addresses where the machine has no IPv6.
pub(super) fn either_family<T>(
    wanted: SocketAddr,
    mut bind: impl FnMut(SocketAddr) -> Result<T, BindError>,
) -> Result<T, BindError> {
    let first = bind(wanted);
    let Err(error) = &first else { return first };
    let no_ipv6 = matches!(
        error.cause.raw_os_error().map(Errno::from_raw),
        Some(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL)
    );
    match addresses::without_ipv6(wanted) {
        Some(fallback) if no_ipv6 => bind(fallback),
        _ => first,
    }
}

fn bind_address(
    wanted: Endpoint,
    address: SocketAddr,
    threads: usize,
    inherited: &mut Inherited,
) -> Result<Bound, BindError> {
    let mut tries = if address.port() == 0 { ANY_PORT_TRIES } else { 1 };
    loop {
        // TCP comes first: its port is never shared, so that a daemon whose UDP port is shareable is noticed.
        let tcp = listen::tcp(address, inherited)?;
        let local = tcp.local_addr().map_err(|cause| BindError {
            address,
            transport: listen::Transport::Tcp,
            cause,
            holder: None,
        })?;
        if wanted.service == Service::Tls {
            let udp = Vec::new();
            return Ok(Bound {
                wanted,
                local,
                tcp,
                udp,
            });
        }
        tries -= 1;
        match bind_udp(SocketAddr::new(address.ip(), local.port()), address, threads, inherited) {
            Ok(udp) => {
                return Ok(Bound {
                    wanted,
                    local,
                    tcp,
                    udp,
                });
            }
            Err(error) if tries > 0 && error.cause.kind() == ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
}

fn bind_udp(
    local: SocketAddr,
    address: SocketAddr,
    threads: usize,
    inherited: &mut Inherited,
) -> Result<Vec<UdpListener>, BindError> {
    // A link-local address keeps its interface.
    let mut local_scoped = address;
    local_scoped.set_port(local.port());
    let failed = |cause| BindError {
        address: local_scoped,
        transport: listen::Transport::Udp,
        cause,
        holder: None,
    };
    let mut listeners = Vec::with_capacity(threads);
    // A unit may have several sockets of one address (ReusePort=). Each is served, also where that takes more threads than were
    // asked for: the kernel gives it its part of the clients.
    while let Some(socket) = inherited.claim(local_scoped, SockType::Datagram).map(UdpSocket::from) {
        path_mtu::ignore_path_mtu(&socket).map_err(|errno| failed(errno.into()))?;
        // Unless the unit says so nobody can share the port of its socket: the threads share the socket then.
        let shares_port = SockRef::from(&socket).reuse_port().map_err(failed)?;
        let sharing = if shares_port { 1 } else { threads };
        for _ in 1..sharing {
            let shared = socket.try_clone().map_err(failed)?;
            listeners.push(UdpListener::inherited(shared).map_err(failed)?);
        }
        listeners.push(UdpListener::inherited(socket).map_err(failed)?);
    }
    let options = UdpOptions {
        receive_buffer_bytes: None,
        reuse_port: true,
    };
    while listeners.len() < threads {
        let socket = listen::udp(local_scoped, options, &mut Inherited::default())?;
        lengthen_queue(&socket).map_err(failed)?;
        path_mtu::ignore_path_mtu(&socket).map_err(|errno| failed(errno.into()))?;
        listeners.push(UdpListener::own(socket).map_err(failed)?);
    }
    Ok(listeners)
}

/// Asks for a longer queue, by force first, which CAP_NET_ADMIN allows beyond the system's limit. A queue that is longer
/// already stays.
fn lengthen_queue(socket: &UdpSocket) -> io::Result<()> {
    let socket_ref = SockRef::from(socket);
    // The kernel says twice what it was asked for (socket(7)).
    if socket_ref.recv_buffer_size()? / 2 >= UDP_QUEUE_BYTES {
        return Ok(());
    }
    if setsockopt(socket, sockopt::RcvBufForce, &UDP_QUEUE_BYTES).is_ok() {
        return Ok(());
    }
    socket_ref.set_recv_buffer_size(UDP_QUEUE_BYTES)
}
