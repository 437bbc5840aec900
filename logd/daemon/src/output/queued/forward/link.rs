//! Connections to targets: made with names looked up anew and TLS files as they are now.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ballast_shared::tls::{PeerCheck, client_config};
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::acked::acked_bytes;
use super::target::{Host, Target, Transport};
use super::{ForwardSettings, TlsSettings};

/// A connection that nothing goes over is asked whether it is still there. Firewalls forget idle ones after some minutes.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// How a target is sent to.
pub(super) enum Link {
    Stream(Box<Stream>),
    Datagrams(UdpSocket),
}

/// Why a target can't be connected to.
#[derive(Debug)]
pub(super) enum ConnectError {
    LookUp(io::Error),
    NoAddress,
    Connect(SocketAddr, io::Error),
    Tls(io::Error),
    TimedOut,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LookUp(error) => write!(f, "its name can't be looked up: {error}"),
            Self::NoAddress => f.write_str("its name has no address"),
            Self::Connect(address, error) => write!(f, "{address}: {error}"),
            Self::Tls(error) => write!(f, "TLS: {error}"),
            Self::TimedOut => f.write_str("it does not answer in time"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// Connects to a target.
pub(super) async fn connect(target: &Target, settings: &ForwardSettings) -> Result<Link, ConnectError> {
    let connecting = async {
        let addresses = addresses(target).await?;
        let mut error = ConnectError::NoAddress;
        for address in addresses {
            match connect_to(address, target, settings).await {
                Ok(link) => return Ok(link),
                Err(failed) => error = failed,
            }
        }
        Err(error)
    };
    timeout(settings.connect_timeout, connecting)
        .await
        .unwrap_or(Err(ConnectError::TimedOut))
}

async fn addresses(target: &Target) -> Result<Vec<SocketAddr>, ConnectError> {
    match &target.host {
        Host::Address(address) => Ok(vec![SocketAddr::new(*address, target.port)]),
        Host::Name(name) => {
            let found = lookup_host((&**name, target.port)).await;
            Ok(found.map_err(ConnectError::LookUp)?.collect())
        }
    }
}

async fn connect_to(address: SocketAddr, target: &Target, settings: &ForwardSettings) -> Result<Link, ConnectError> {
    let failed = |error| ConnectError::Connect(address, error);
    if target.transport == Transport::Udp {
        let from: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(from).await.map_err(failed)?;
        socket.connect(address).await.map_err(failed)?;
        return Ok(Link::Datagrams(socket));
    }
    let tcp = TcpStream::connect(address).await.map_err(failed)?;
    // What is to be sent together is written together.
    let _ = tcp.set_nodelay(true);
    let _ = SockRef::from(&tcp).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
    let base = acked_bytes(&tcp).ok();
    let tcp = Counted { tcp, written: 0 };
    let io = match (&settings.tls, target.transport) {
        (Some(tls), Transport::Tls | Transport::Relp) => {
            Io::Tls(Box::new(encrypt(tcp, target, tls).await.map_err(ConnectError::Tls)?))
        }
        _ => Io::Tcp(tcp),
    };
    Ok(Link::Stream(Box::new(Stream { io, base })))
}

async fn encrypt(tcp: Counted, target: &Target, tls: &TlsSettings) -> io::Result<TlsStream<Counted>> {
    let check = match &tls.peer_name {
        Some(name) => PeerCheck::Named(tls.authorities.clone(), name.clone()),
        None => PeerCheck::Authorities(tls.authorities.clone()),
    };
    let config = client_config(check, tls.identity.clone(), rustls::ALL_VERSIONS, &[]);
    let name = match &target.host {
        Host::Address(address) => ServerName::from(*address),
        Host::Name(name) => ServerName::try_from(name.to_string()).map_err(io::Error::other)?,
    };
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

/// A connection, which knows what of it the other end's kernel has.
pub(super) struct Stream {
    io: Io,
    /// What was acknowledged before anything was written; `None` where the kernel can't say.
    base: Option<u64>,
}

enum Io {
    Tcp(Counted),
    Tls(Box<TlsStream<Counted>>),
}

/// A TCP connection that counts what is written to it.
struct Counted {
    tcp: TcpStream,
    written: u64,
}

impl Stream {
    /// Bytes that were written to the connection: of TLS, its records.
    pub(super) fn written(&self) -> u64 {
        self.counted().written
    }

    /// How many of them the other end's kernel has.
    pub(super) fn acked(&self) -> u64 {
        let acked = self.base.and_then(|base| {
            let acked = acked_bytes(&self.counted().tcp).ok()?;
            Some(acked.saturating_sub(base))
        });
        acked.unwrap_or_else(|| self.written())
    }

    fn counted(&self) -> &Counted {
        match &self.io {
            Io::Tcp(tcp) => tcp,
            Io::Tls(tls) => tls.get_ref().0,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Tcp(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Io::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Tcp(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Io::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Tcp(tcp) => Pin::new(tcp).poll_flush(cx),
            Io::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Io::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.tcp).poll_write(cx, bytes))?;
        self.written += written as u64;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
