//! One request over a connection of its own.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{AskError, Place, Verification};

/// Sends the request and takes the message that comes back.
pub(super) async fn exchange<T>(
    place: &Place,
    request: &[u8],
    verification: &mut Verification,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<T, AskError> {
    let mut stream = connect(place).await?;
    let length = u16::try_from(request.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), request].concat()).await?;
    let mut message = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut message).await?;
    let answer = read(&message).ok_or(AskError::Unexpected)?;
    verification.verify(&message)?;
    Ok(answer)
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
