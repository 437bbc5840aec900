//! Asking over HTTPS, with HTTP/2 and HTTP/3, and over QUIC: any request and any octets, sound or not, and what comes back as
//! it came.

use std::collections::HashSet;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use data_encoding::BASE64URL_NOPAD;
use http::{HeaderMap, Request, header};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connecting, ConnectionError, Endpoint, ReadToEndError};
use tokio::net::{TcpStream, UdpSocket};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::message::Message;
use super::question::Query;
use super::server::Configuration;
use crate::address;
use crate::certificates::Authority;
use crate::daemon::Setup;
use crate::wait::DEADLINE;

/// The name that the server's certificate is for.
pub const NAME: &str = "dns.test";

/// The media type of messages (RFC 8484 §6).
pub const MESSAGE: &str = "application/dns-message";

/// The path that clients know.
pub const PATH: &str = "/dns-query";

/// Octets of what is read at most: a message with its length, or a zone in a test.
const READ_MAX: usize = 1 << 20;

/// What a stream is flooded with at a time.
static ZEROS: [u8; 16 << 10] = [0; 16 << 10];

/// Where dnsd takes queries over HTTPS.
#[must_use]
pub fn https() -> SocketAddr {
    (address(0), 5443).into()
}

/// Where dnsd takes queries over QUIC.
#[must_use]
pub fn quic() -> SocketAddr {
    (address(0), 5853).into()
}

/// The tables of a configuration for both, with a path for HTTPS.
#[must_use]
pub fn tables(path: &str) -> String {
    let (https, quic) = (https(), quic());
    format!(
        "[listen.https]\naddress = \"{https}\"\ncertificate = \"dns.pem\"\nkey = \"dns.key\"\npath = \"{path}\"\n\
         [listen.quic]\naddress = \"{quic}\"\ncertificate = \"dns.pem\"\nkey = \"dns.key\"\n"
    )
}

/// A directory with this configuration and both listeners, and who has signed their certificate.
#[must_use]
pub fn setup(configuration: Configuration) -> (Setup, Authority) {
    let setup = configuration.table(&tables(PATH)).setup();
    let authority = Authority::new(setup.path(), "ca");
    renew(&authority);
    (setup, authority)
}

/// Replaces the certificate of both listeners, and gives the new one (DER).
///
/// # Panics
/// When it can't be made.
pub fn renew(authority: &Authority) -> Vec<u8> {
    authority.sign("dns", &format!("DNS:{NAME}"));
    let certificate = CertificateDer::from_pem_file(authority.path("dns.pem")).expect("a certificate");
    certificate.to_vec()
}

/// What an HTTP request got.
#[derive(Debug)]
pub struct Response {
    /// HTTP's code.
    pub status: u16,
    /// The fields of its header.
    pub headers: HeaderMap,
    /// Its content.
    pub content: Vec<u8>,
}

/// Which HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/2.
    Two,
    /// HTTP/3.
    Three,
}

enum Sender {
    Two(h2::client::SendRequest<Bytes>),
    Three(h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>),
}

/// A connection with DNS over HTTPS.
pub struct Https {
    runtime: Runtime,
    sender: Sender,
    authority: String,
    certificate: Vec<u8>,
    closed: tokio::task::JoinHandle<()>,
    _endpoint: Option<Endpoint>,
}

impl Https {
    /// Connects to a server that has a certificate of this authority (a PEM file).
    ///
    /// # Errors
    /// When the connection isn't made.
    ///
    /// # Panics
    /// When the authority can't be read.
    pub fn connect(version: Version, server: SocketAddr, authority: &Path) -> Result<Self, String> {
        let runtime = runtime();
        let connecting = async {
            match version {
                Version::Two => two(server, authority).await,
                Version::Three => three(server, authority).await,
            }
        };
        let connected = runtime.block_on(async { timeout(DEADLINE, connecting).await });
        let (sender, certificate, closed, endpoint) = connected.map_err(|error| error.to_string())??;
        Ok(Self {
            runtime,
            sender,
            authority: format!("{NAME}:{}", server.port()),
            certificate,
            closed,
            _endpoint: endpoint,
        })
    }

    /// What the server has shown (DER).
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Sends a request for a path, with this media type where there is content.
    ///
    /// # Errors
    /// When no response comes.
    pub fn request(&self, method: &str, path: &str, content: Option<(&str, &[u8])>) -> Result<Response, String> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("https://{}{path}", self.authority))
            .header(header::ACCEPT, MESSAGE);
        if let Some((media_type, content)) = content {
            request = request
                .header(header::CONTENT_TYPE, media_type)
                .header(header::CONTENT_LENGTH, content.len());
        }
        let request = request.body(()).map_err(|error| error.to_string())?;
        let content = Bytes::copy_from_slice(content.map_or(&[], |(_, content)| content));
        let response = async {
            match &self.sender {
                Sender::Two(sender) => send_two(sender.clone(), request, content).await,
                Sender::Three(sender) => send_three(sender.clone(), request, content).await,
            }
        };
        let response = self.runtime.block_on(async { timeout(DEADLINE, response).await });
        response.map_err(|error| error.to_string())?
    }

    /// Sends a message by POST.
    ///
    /// # Errors
    /// When no response comes.
    pub fn post(&self, message: &[u8]) -> Result<Response, String> {
        self.request("POST", PATH, Some((MESSAGE, message)))
    }

    /// Sends a message by GET.
    ///
    /// # Errors
    /// When no response comes.
    pub fn get(&self, message: &[u8]) -> Result<Response, String> {
        self.request("GET", &format!("{PATH}?dns={}", BASE64URL_NOPAD.encode(message)), None)
    }

    /// Asks.
    ///
    /// # Panics
    /// When no answer comes, or one that is malformed.
    #[must_use]
    pub fn ask(&self, query: &Query) -> Message {
        let response = self
            .post(&query.to_bytes())
            .unwrap_or_else(|error| panic!("{query}: {error}"));
        assert_eq!(response.status, 200, "{query}");
        Message::decode(&response.content).unwrap_or_else(|error| panic!("{query}: {error:?}"))
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.is_finished()
    }
}

type Connected = (Sender, Vec<u8>, tokio::task::JoinHandle<()>, Option<Endpoint>);

async fn two(server: SocketAddr, authority: &Path) -> Result<Connected, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let stream = TcpStream::connect(server).await.map_err(|error| said(&error))?;
    stream.set_nodelay(true).map_err(|error| said(&error))?;
    let connector = TlsConnector::from(Arc::new(tls(authority, b"h2")));
    let name = ServerName::try_from(NAME).map_err(|error| said(&error))?;
    let stream = connector.connect(name, stream).await.map_err(|error| said(&error))?;
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let certificate = shown.first().map_or_else(Vec::new, |shown| shown.to_vec());
    let (sender, connection) = h2::client::handshake(stream).await.map_err(|error| said(&error))?;
    let driven = tokio::spawn(async move {
        // The error is its end.
        let _ = connection.await;
    });
    Ok((Sender::Two(sender), certificate, driven, None))
}

async fn three(server: SocketAddr, authority: &Path) -> Result<Connected, String> {
    let (endpoint, connection) = connect_quic(server, authority, b"h3")
        .await
        .map_err(|error| error.to_string())?;
    let certificate = certificate_of(&connection);
    let (mut driver, sender) = h3::client::new(h3_quinn::Connection::new(connection))
        .await
        .map_err(|error| error.to_string())?;
    let driven = tokio::spawn(async move {
        poll_fn(|context| driver.poll_close(context)).await;
    });
    Ok((Sender::Three(sender), certificate, driven, Some(endpoint)))
}

async fn send_two(
    sender: h2::client::SendRequest<Bytes>,
    request: Request<()>,
    mut content: Bytes,
) -> Result<Response, String> {
    let exchange = async {
        let mut sender = sender.ready().await?;
        let (response, mut stream) = sender.send_request(request, content.is_empty())?;
        while !content.is_empty() {
            stream.reserve_capacity(content.len());
            // A response may come before all of the request is sent.
            let Some(room) = poll_fn(|context| stream.poll_capacity(context)).await else {
                break;
            };
            let Ok(room) = room else { break };
            let piece = content.split_to(room.min(content.len()));
            if stream.send_data(piece, content.is_empty()).is_err() {
                break;
            }
        }
        let (head, mut received) = response.await?.into_parts();
        let mut content = Vec::new();
        while let Some(piece) = received.data().await {
            let piece = piece?;
            received.flow_control().release_capacity(piece.len())?;
            content.extend_from_slice(&piece);
        }
        Ok::<_, h2::Error>(Response {
            status: head.status.as_u16(),
            headers: head.headers,
            content,
        })
    };
    exchange.await.map_err(|error| error.to_string())
}

async fn send_three(
    mut sender: h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>,
    request: Request<()>,
    content: Bytes,
) -> Result<Response, String> {
    let exchange = async {
        let mut stream = sender.send_request(request).await?;
        // A response may come before all of the request is sent.
        let is_sent = content.is_empty() || stream.send_data(content).await.is_ok();
        if is_sent {
            let _ = stream.finish().await;
        }
        let head = stream.recv_response().await?.into_parts().0;
        let mut content = Vec::new();
        while let Some(mut piece) = stream.recv_data().await? {
            while piece.has_remaining() {
                content.extend_from_slice(piece.chunk());
                piece.advance(piece.chunk().len());
            }
        }
        Ok::<_, h3::error::StreamError>(Response {
            status: head.status.as_u16(),
            headers: head.headers,
            content,
        })
    };
    exchange.await.map_err(|error| error.to_string())
}

/// A connection with DNS over QUIC.
pub struct Quic {
    runtime: Runtime,
    connection: quinn::Connection,
    endpoint: Endpoint,
}

/// Why a stream has brought nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The server has closed the connection, with this code of RFC 9250 §4.3.
    Connection(u64),
    /// The server has reset the stream.
    Stream(u64),
    /// Neither.
    Otherwise,
}

impl Quic {
    /// Connects to a server that has a certificate of this authority (a PEM file).
    ///
    /// # Errors
    /// When the connection isn't made.
    ///
    /// # Panics
    /// When the authority can't be read.
    pub fn connect(server: SocketAddr, authority: &Path) -> Result<Self, String> {
        Self::connect_for(b"doq", server, authority)
    }

    /// Connects for another application protocol, of which nothing is spoken.
    ///
    /// # Errors
    /// When the connection isn't made.
    ///
    /// # Panics
    /// When the authority can't be read.
    pub fn connect_for(protocol: &[u8], server: SocketAddr, authority: &Path) -> Result<Self, String> {
        let runtime = runtime();
        let connected = runtime.block_on(async { timeout(DEADLINE, connect_quic(server, authority, protocol)).await });
        let (endpoint, connection) = connected
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        Ok(Self {
            runtime,
            connection,
            endpoint,
        })
    }

    /// What the server has shown (DER).
    #[must_use]
    pub fn certificate(&self) -> Vec<u8> {
        certificate_of(&self.connection)
    }

    /// Sends octets on a stream of their own, ends it, and gives all that comes back on it.
    ///
    /// # Errors
    /// When it brings no end.
    pub fn exchange(&self, octets: &[u8]) -> Result<Vec<u8>, Ended> {
        let exchange = async {
            let (mut send, mut receive) = self.connection.open_bi().await.map_err(|error| ended(&error))?;
            send.write_all(octets).await.map_err(|error| unwritten(&error))?;
            send.finish().map_err(|_| Ended::Otherwise)?;
            receive.read_to_end(READ_MAX).await.map_err(|error| match error {
                ReadToEndError::Read(quinn::ReadError::ConnectionLost(error)) => ended(&error),
                ReadToEndError::Read(quinn::ReadError::Reset(code)) => Ended::Stream(code.into_inner()),
                _ => Ended::Otherwise,
            })
        };
        let exchanged = self.runtime.block_on(async { timeout(DEADLINE, exchange).await });
        exchanged.unwrap_or(Err(Ended::Otherwise))
    }

    /// Sends a message, and gives the one that comes back.
    ///
    /// # Errors
    /// When none does.
    ///
    /// # Panics
    /// When something else comes back than one message.
    pub fn ask(&self, message: &[u8]) -> Result<Vec<u8>, Ended> {
        let reply = self.exchange(&super::client::framed([message]))?;
        let (length, reply) = reply.split_first_chunk::<2>().expect("a length");
        assert_eq!(usize::from(u16::from_be_bytes(*length)), reply.len());
        Ok(reply.to_vec())
    }

    /// Sends octets and so many zeros behind them, on a stream in both directions or in one, and gives how the server ended the
    /// connection; `None` when it took them all.
    #[must_use]
    pub fn flood(&self, octets: &[u8], zeros: usize, both_ways: bool) -> Option<Ended> {
        let flood = async {
            let opened = if both_ways {
                self.connection.open_bi().await.map(|(send, _)| send)
            } else {
                self.connection.open_uni().await
            };
            let mut send = opened.map_err(|error| ended(&error))?;
            let written = async {
                send.write_all(octets).await?;
                for _ in 0..zeros.div_ceil(ZEROS.len()) {
                    send.write_all(&ZEROS).await?;
                }
                Ok::<_, quinn::WriteError>(())
            };
            written.await.map_err(|error| unwritten(&error))
        };
        let flooded = self.runtime.block_on(async { timeout(DEADLINE, flood).await });
        flooded.unwrap_or(Err(Ended::Otherwise)).err()
    }

    /// Opens a stream for octets, which the server is not to get from any client (RFC 9250 §4.2), and tells what it does.
    #[must_use]
    pub fn open_unidirectional(&self) -> Ended {
        let opened = self
            .runtime
            .block_on(async { timeout(DEADLINE / 20, self.connection.open_uni()).await });
        match opened {
            Ok(Err(error)) => ended(&error),
            Ok(Ok(_)) => Ended::Stream(0),
            // There is none to be had.
            Err(_) => Ended::Otherwise,
        }
    }

    /// Waits until the server closes the connection, and gives the code.
    ///
    /// # Panics
    /// When it doesn't.
    #[must_use]
    pub fn wait_for_close(&self) -> Ended {
        let closed = self
            .runtime
            .block_on(async { timeout(DEADLINE, self.connection.closed()).await });
        ended(&closed.expect("the connection is closed"))
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.connection.close_reason().is_some()
    }
}

/// The server is told.
impl Drop for Quic {
    fn drop(&mut self) {
        self.connection.close(0u32.into(), b"");
        // A server that is gone hears nothing.
        let _ = self
            .runtime
            .block_on(async { timeout(DEADLINE / 20, self.endpoint.wait_idle()).await });
    }
}

fn ended(error: &ConnectionError) -> Ended {
    match error {
        ConnectionError::ApplicationClosed(close) => Ended::Connection(close.error_code.into_inner()),
        _ => Ended::Otherwise,
    }
}

fn unwritten(error: &quinn::WriteError) -> Ended {
    match error {
        quinn::WriteError::ConnectionLost(error) => ended(error),
        _ => Ended::Otherwise,
    }
}

async fn connect_quic(
    server: SocketAddr,
    authority: &Path,
    protocol: &[u8],
) -> Result<(Endpoint, quinn::Connection), Box<dyn std::error::Error + Send + Sync>> {
    let mut endpoint = Endpoint::client((Ipv4Addr::UNSPECIFIED, 0).into())?;
    let crypto = QuicClientConfig::try_from(tls(authority, protocol))?;
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(crypto)));
    let connection = endpoint.connect(server, NAME)?.await?;
    Ok((endpoint, connection))
}

/// Handshakes that the server waits for, until this is dropped.
pub struct HalfOpen {
    _runtime: Runtime,
    _connecting: Vec<Connecting>,
}

impl HalfOpen {
    /// Begins so many handshakes over QUIC, from an address that shows to be the one it says to be, and goes on with none.
    ///
    /// # Errors
    /// When they aren't begun.
    ///
    /// # Panics
    /// When the authority can't be read.
    pub fn begin(count: usize, protocol: &[u8], server: SocketAddr, authority: &Path) -> Result<Self, String> {
        let runtime = runtime();
        let begin = async { timeout(DEADLINE, half_open(count, protocol, server, authority)).await };
        let connecting = runtime.block_on(begin).map_err(|error| error.to_string())?;
        Ok(Self {
            _connecting: connecting.map_err(|error| error.to_string())?,
            _runtime: runtime,
        })
    }
}

/// All go through a socket that lets only what asks for the address come back. Ends when the server has said something else to
/// each of them.
async fn half_open(
    count: usize,
    protocol: &[u8],
    server: SocketAddr,
    authority: &Path,
) -> Result<Vec<Connecting>, Box<dyn std::error::Error + Send + Sync>> {
    let relay = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into())?;
    let crypto = QuicClientConfig::try_from(tls(authority, protocol))?;
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(crypto)));
    let (client, through) = (endpoint.local_addr()?, relay.local_addr()?);
    let (heard_by_all, all) = oneshot::channel();
    tokio::spawn(async move {
        let (mut answered, mut whole) = (HashSet::new(), Some(heard_by_all));
        let mut packet = vec![0; 1 << 16];
        while let Ok((length, from)) = relay.recv_from(&mut packet).await {
            let packet = &packet[..length];
            let to = match packet {
                _ if from == client => server,
                // A short header says nothing of whom it is for.
                [first, ..] if first & 0x80 == 0 => continue,
                // RFC 9000 §17.2.5.
                [first, ..] if first & 0xF0 == 0xF0 => client,
                // Whom it is for (RFC 9000 §17.2).
                [_, _, _, _, _, id_length, rest @ ..] => {
                    answered.extend(rest.get(..usize::from(*id_length)).map(<[u8]>::to_vec));
                    if answered.len() == count {
                        let _ = whole.take().map(|whole| whole.send(()));
                    }
                    continue;
                }
                _ => continue,
            };
            if relay.send_to(packet, to).await.is_err() {
                break;
            }
        }
    });
    let begun = (0..count).map(|_| endpoint.connect(through, NAME));
    let begun = begun.collect::<Result<Vec<_>, _>>()?;
    all.await?;
    Ok(begun)
}

fn certificate_of(connection: &quinn::Connection) -> Vec<u8> {
    let shown = connection.peer_identity();
    let shown = shown.and_then(|shown| shown.downcast::<Vec<CertificateDer<'static>>>().ok());
    shown
        .and_then(|shown| shown.first().map(|first| first.to_vec()))
        .unwrap_or_default()
}

fn tls(authority: &Path, protocol: &[u8]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(authority).expect("the authority's certificate");
    roots.add(certificate).expect("an authority");
    let mut config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of both versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    config
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// DoQ's codes (RFC 9250 §4.3) that tests expect.
pub mod doq {
    /// All is well.
    pub const NO_ERROR: u64 = 0;
    /// The client doesn't keep to the protocol.
    pub const PROTOCOL_ERROR: u64 = 2;
    /// There is no place.
    pub const EXCESSIVE_LOAD: u64 = 4;
}
