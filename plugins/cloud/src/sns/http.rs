//! The listener that topics deliver to.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use ballast_shared::http::{self, Listener};
use ballast_shared::listen::{self, BindError};
use ballast_shared::systemd::Inherited;
use ballast_shared::tls::server_config;
use http_body_util::LengthLimitError;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::answer::Answer;
use super::config::Config;
use super::endpoint::Endpoint;

/// Octets of a body: a message has 256 KiB at most, and in JSON twice that if all of it are quotes.
const BODY_BYTES_MAX: usize = 640 * 1024;
/// What the body may take after the head.
const BODY: Duration = Duration::from_secs(10);
/// Of TLS (RFC 7301 §6).
const PROTOCOL: &[u8] = b"http/1.1";
/// What SNS says of itself when it was told to deliver raw.
const RAW: &str = "x-amz-sns-rawdelivery";

/// Has the listener of a configuration.
///
/// # Errors
/// When the address can't be had.
pub fn listen(config: &Config, inherited: &mut Inherited) -> Result<Listener, BindError> {
    let listener = listen::tcp(config.listen, inherited)?;
    Ok(match &config.identity {
        Some(identity) => Listener::Tls(listener, Arc::new(server_config(identity.clone(), None, &[PROTOCOL]))),
        None => Listener::Tcp(listener),
    })
}

/// Serves until the daemon stops; what has begun by then is ended.
pub async fn serve(listener: Listener, endpoint: Arc<Endpoint>, stop: CancellationToken) {
    http::serve(listener, pages(endpoint.clone()), "cloudd_sns_closed_total", stop).await;
    endpoint.finish().await;
}

/// At any path: what stands before us, if anything does, may have paths of its own.
fn pages(endpoint: Arc<Endpoint>) -> Router {
    Router::new().fallback(receive).with_state(endpoint)
}

async fn receive(State(endpoint): State<Arc<Endpoint>>, request: Request) -> StatusCode {
    let answer = match body(request).await {
        Ok(body) => endpoint.receive(&body, now()).await,
        Err((answer, why)) => endpoint.refuse(answer, why),
    };
    answer.status()
}

async fn body(request: Request) -> Result<Bytes, (Answer, &'static str)> {
    if request.method() != Method::POST {
        return Err((Answer::Method, "it is no POST"));
    }
    if is_raw(request.headers()) {
        let why = "it is delivered raw, which has no signature: RawMessageDelivery of the subscription is to be off";
        return Err((Answer::Raw, why));
    }
    match timeout(BODY, to_bytes(request.into_body(), BODY_BYTES_MAX)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => match error.into_inner().is::<LengthLimitError>() {
            true => Err((Answer::TooLong, "it is longer than a message can be")),
            false => Err((Answer::Malformed, "it broke off")),
        },
        Err(_) => Err((Answer::Slow, "it did not come to its end in time")),
    }
}

fn is_raw(headers: &HeaderMap) -> bool {
    headers
        .get(RAW)
        .is_some_and(|raw| raw.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::super::trust::Believed;
    use super::*;
    use crate::hosts::Hosts;

    fn served() -> (SocketAddr, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let believed = Believed {
            hosts: Hosts::sns(),
            authorities: None,
        };
        let endpoint = Endpoint::new(Arc::default(), &believed);
        tokio::spawn(serve(listener.into(), Arc::new(endpoint), stop.clone()));
        (address, stop)
    }

    /// The status of the answer to a request.
    async fn ask(address: SocketAddr, method: &str, headers: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let length = body.len();
        let head = format!("{method} / HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // It may be answered before all of it was read.
        let _ = stream.write_all(body).await;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[9..]).into_owned()
    }

    #[tokio::test]
    async fn what_is_no_message_is_refused_before_it_is_looked_at() {
        let (address, stop) = served();
        assert_eq!(ask(address, "GET", "", b"").await, "405");
        assert_eq!(ask(address, "POST", "", b"{}").await, "400");
        assert_eq!(
            ask(address, "POST", "x-amz-sns-rawdelivery: true\r\n", b"{}").await,
            "400"
        );
        assert_eq!(ask(address, "POST", "", &vec![b' '; BODY_BYTES_MAX]).await, "400");
        assert_eq!(ask(address, "POST", "", &vec![b' '; BODY_BYTES_MAX + 1]).await, "413");
        stop.cancel();
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_come_to_an_end_is_not_waited_for() {
        let (address, stop) = served();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{")
            .await
            .unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer[9..], b"503");
        stop.cancel();
    }
}
