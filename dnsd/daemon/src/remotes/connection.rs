//! One request over a connection of its own, in TLS if the server is spoken with so.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{AskError, HANDSHAKE_MAX, Place, Verification};
use crate::config::{RemoteTls, TLS_PROTOCOL};

/// Sends the request and takes the message that comes back.
pub(super) async fn exchange<T>(
    place: &Place,
    request: &[u8],
    verification: &mut Verification,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<T, AskError> {
    let stream = connect(place).await?;
    match &place.remote.tls {
        None => exchange_over(stream, request, verification, read).await,
        Some(tls) => {
            let stream = shake_hands(stream, place, tls).await?;
            exchange_over(stream, request, verification, read).await
        }
    }
}

async fn exchange_over<T>(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
    verification: &mut Verification,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<T, AskError> {
    let length = u16::try_from(request.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), request].concat()).await?;
    stream.flush().await?;
    let mut message = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut message).await?;
    let answer = read(&message).ok_or(AskError::Unexpected)?;
    verification.verify(&message)?;
    Ok(answer)
}

async fn shake_hands(stream: TcpStream, place: &Place, tls: &RemoteTls) -> Result<TlsStream<TcpStream>, AskError> {
    let name = tls.name_at(place.address.ip());
    let handshake = TlsConnector::from(tls.config.clone()).connect(name, stream);
    let stream = timeout(HANDSHAKE_MAX, handshake)
        .await
        .map_err(|_| AskError::SlowHandshake)?
        .map_err(|error| AskError::Io(io::Error::other(format!("TLS: {error}"))))?;
    let (_, connection) = stream.get_ref();
    if connection.alpn_protocol() != Some(TLS_PROTOCOL) {
        return Err(AskError::NotDot);
    }
    Ok(stream)
}

async fn connect(place: &Place) -> io::Result<TcpStream> {
    let socket = if place.address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if let Some(source) = place.source() {
        socket.bind((source, 0).into())?;
    }
    let stream = socket.connect(place.address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
