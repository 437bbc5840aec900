//! Sockets: bound before privileges are dropped, or inherited from systemd, with an error that names who holds the port.

mod holder;
pub mod unix;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;

use nix::sys::socket::SockType;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::systemd::Inherited;

/// Connections that the kernel may hold for us before they are accepted. Capped by `net.core.somaxconn` (4096 by default).
const BACKLOG: i32 = 4096;

/// Which kind of socket an address is listened on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// Connections.
    Tcp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

/// An address could not be listened on.
#[derive(Debug)]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// The kind of socket.
    pub transport: Transport,
    /// What the system said.
    pub cause: io::Error,
    /// Who holds the port, as far as we may see.
    pub holder: Option<Holder>,
}

pub use holder::Holder;

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            address,
            transport,
            cause,
            holder,
        } = self;
        if let Some(holder) = holder {
            return write!(f, "{}/{transport} is held by {holder}", address.port());
        }
        write!(f, "cannot listen on {address}/{transport}: {cause}")?;
        match cause.kind() {
            io::ErrorKind::AddrInUse => write!(f, " (run as root to see by whom)"),
            io::ErrorKind::PermissionDenied if address.port() < 1024 => {
                write!(f, " (a port below 1024 needs root or CAP_NET_BIND_SERVICE)")
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// Listens for connections, non-blocking.
///
/// # Errors
/// When the address can't be had.
pub fn tcp(address: SocketAddr, inherited: &mut Inherited) -> Result<TcpListener, BindError> {
    if let Some(socket) = inherited.claim(address, SockType::Stream) {
        let listener = TcpListener::from(socket);
        return match listener.set_nonblocking(true) {
            Ok(()) => Ok(listener),
            Err(cause) => Err(failure(address, Transport::Tcp, cause)),
        };
    }
    let bind = || {
        let socket = open(address, Type::STREAM, Protocol::TCP)?;
        // A restart need not wait for the connections of the last run to time out.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    bind().map_err(|cause| failure(address, Transport::Tcp, cause))
}

/// What to ask for of a datagram socket beyond its address.
#[derive(Debug, Clone, Copy, Default)]
pub struct UdpOptions {
    /// The kernel's queue, in bytes; beyond `net.core.rmem_max` where we may (SO_RCVBUFFORCE).
    pub receive_buffer_bytes: Option<usize>,
    /// Share the port with other sockets of ours, one per worker (SO_REUSEPORT).
    pub reuse_port: bool,
}

/// Listens for datagrams, non-blocking.
///
/// # Errors
/// When the address can't be had.
pub fn udp(address: SocketAddr, options: UdpOptions, inherited: &mut Inherited) -> Result<UdpSocket, BindError> {
    let inherited = inherited.claim(address, SockType::Datagram).map(Socket::from);
    let bind = || {
        let socket = match inherited {
            Some(socket) => {
                socket.set_nonblocking(true)?;
                socket
            }
            None => {
                let socket = open(address, Type::DGRAM, Protocol::UDP)?;
                if options.reuse_port {
                    socket.set_reuse_port(true)?;
                }
                socket.bind(&address.into())?;
                socket
            }
        };
        if options.receive_buffer_bytes.is_some() {
            set_receive_buffer(&socket, options.receive_buffer_bytes)?;
        }
        Ok(socket.into())
    };
    bind().map_err(|cause| failure(address, Transport::Udp, cause))
}

fn open(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    // `[::]` means all addresses, IPv4 too, whatever net.ipv6.bindv6only says.
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Sets the kernel's queue of a socket; `None` is what the system gives every socket. Asks by force first, which CAP_NET_ADMIN
/// allows beyond the system's limit, then within the limit.
///
/// # Errors
/// When the system refuses any change.
pub fn set_receive_buffer(socket: &impl AsFd, bytes: Option<usize>) -> io::Result<()> {
    use nix::sys::socket::{setsockopt, sockopt};
    let bytes = match bytes {
        Some(bytes) => bytes,
        None => receive_buffer_default()?,
    };
    if setsockopt(socket, sockopt::RcvBufForce, &bytes).is_ok() {
        return Ok(());
    }
    let socket = SockRef::from(socket);
    socket.set_recv_buffer_size(bytes)?;
    // The kernel doubles what was asked for, to have room for its own bookkeeping (socket(7)).
    let granted = socket.recv_buffer_size()? / 2;
    if granted < bytes {
        tracing::warn!(
            asked = bytes,
            granted,
            "the receive buffer is cut to net.core.rmem_max; raise it or give the daemon CAP_NET_ADMIN"
        );
    }
    Ok(())
}

/// What to ask for to get net.core.rmem_default, which has the kernel's bookkeeping in it.
fn receive_buffer_default() -> io::Result<usize> {
    let text = std::fs::read_to_string("/proc/sys/net/core/rmem_default")?;
    let bytes: usize = text.trim().parse().map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(bytes / 2)
}

fn failure(address: SocketAddr, transport: Transport, cause: io::Error) -> BindError {
    let holder = (cause.kind() == io::ErrorKind::AddrInUse)
        .then(|| holder::find(address, transport))
        .flatten();
    BindError {
        address,
        transport,
        cause,
        holder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_port_names_its_holder() {
        let first = tcp("127.0.0.1:0".parse().unwrap(), &mut Inherited::default()).unwrap();
        let address = first.local_addr().unwrap();
        let error = tcp(address, &mut Inherited::default()).unwrap_err().to_string();
        let start = format!("{}/tcp is held by ", address.port());
        assert!(
            error.starts_with(&start) && error.contains(&format!("pid {}", std::process::id())),
            "{error}"
        );
    }

    #[test]
    fn a_receive_buffer_goes_back_to_the_systems() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let size = || SockRef::from(&socket).recv_buffer_size().unwrap();
        let before = size();
        set_receive_buffer(&socket, Some(8192)).unwrap();
        assert_eq!(size(), 2 * 8192);
        set_receive_buffer(&socket, None).unwrap();
        assert_eq!(size(), before);
    }

    #[test]
    fn a_held_port_is_found_behind_a_wildcard_too() {
        let first = udp(
            "[::]:0".parse().unwrap(),
            UdpOptions::default(),
            &mut Inherited::default(),
        )
        .unwrap();
        let port = first.local_addr().unwrap().port();
        let second: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
        let error = udp(second, UdpOptions::default(), &mut Inherited::default()).unwrap_err();
        assert_eq!(error.holder.map(|h| h.pid), Some(std::process::id()));
    }
}
