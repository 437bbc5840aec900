//! One request over UDP. Its port is one that the system picks at random, its socket takes datagrams from the server's
//! address only: with the id that is what keeps others from answering (RFC 5452).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use dnsd_core::tsig::ResponseError;
use tokio::net::UdpSocket;

use super::{AskError, DATAGRAM_BYTES_MAX, Place, Verification};

/// Sends the request and waits for its answer. A datagram that can't be read as one, or that isn't rightly signed, may be
/// anybody's, and the answer may still come (RFC 8945 §5.4).
pub(super) async fn exchange<T>(
    place: &Place,
    request: &[u8],
    verification: &mut Verification,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<T, AskError> {
    let any: IpAddr = match place.address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((place.source().unwrap_or(any), 0)).await?;
    socket.connect(place.address).await?;
    socket.send(request).await?;
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let len = socket.recv(&mut buffer).await?;
        let message = &buffer[..len];
        let Some(answer) = read(message) else { continue };
        match verification.verify(message) {
            Ok(()) => return Ok(answer),
            // The server says that it didn't believe the request. Who forged that has guessed port and id, and gains no more
            // than if the answer were lost.
            Err(refused @ ResponseError::Refused { .. }) => return Err(refused.into()),
            Err(_) => {}
        }
    }
}
