//! The command line's side of the control socket.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::frame::{MESSAGE_BYTES_MAX, Reply, Request, encode};

/// Why a running daemon could not be asked, or what it answered instead.
#[derive(Debug)]
pub enum ClientError {
    /// There is nobody at the socket, or we may not connect.
    Connect {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The conversation broke off.
    Io(io::Error),
    /// What came back is not an answer.
    Garbled,
    /// The daemon refused: the error's full name and its parameters.
    Refused(String, Map<String, Value>),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { socket, cause } => match cause.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    write!(f, "no daemon is running at {}", socket.display())
                }
                _ => write!(f, "{}: {cause}", socket.display()),
            },
            Self::Io(cause) => write!(f, "the daemon broke off: {cause}"),
            Self::Garbled => write!(f, "the daemon's answer could not be read"),
            Self::Refused(error, parameters) => match parameters.get("message").and_then(Value::as_str) {
                Some(message) => f.write_str(message),
                None => write!(f, "refused: {error} {}", Value::Object(parameters.clone())),
            },
        }
    }
}

impl std::error::Error for ClientError {}

/// Calls a method, given by its full name, and waits for its one answer.
///
/// # Errors
/// When there is no daemon, or it refuses.
pub fn call(socket: &Path, method: &str, parameters: Map<String, Value>) -> Result<Map<String, Value>, ClientError> {
    let mut replies = send(socket, method, parameters, false)?;
    Ok(next_reply(&mut replies)?.parameters)
}

/// Calls a method that has several answers, and hands over one after the other.
///
/// # Errors
/// When there is no daemon, it refuses or breaks off, or `take` fails.
pub fn call_more(
    socket: &Path,
    method: &str,
    parameters: Map<String, Value>,
    mut take: impl FnMut(Map<String, Value>) -> io::Result<()>,
) -> Result<(), ClientError> {
    let mut replies = send(socket, method, parameters, true)?;
    loop {
        let reply = next_reply(&mut replies)?;
        take(reply.parameters).map_err(ClientError::Io)?;
        if !reply.continues {
            return Ok(());
        }
    }
}

/// Sends a call, and gives what its replies are read from.
fn send(
    socket: &Path,
    method: &str,
    parameters: Map<String, Value>,
    more: bool,
) -> Result<BufReader<UnixStream>, ClientError> {
    let mut stream = UnixStream::connect(socket).map_err(|cause| ClientError::Connect {
        socket: socket.to_owned(),
        cause,
    })?;
    let request = Request {
        method: method.to_owned(),
        parameters,
        oneway: false,
        more,
    };
    stream.write_all(&encode(&request)).map_err(ClientError::Io)?;
    Ok(BufReader::new(stream))
}

fn next_reply(replies: &mut BufReader<UnixStream>) -> Result<Reply, ClientError> {
    let mut message = Vec::new();
    replies
        .take(MESSAGE_BYTES_MAX as u64)
        .read_until(0, &mut message)
        .map_err(ClientError::Io)?;
    if message.pop() != Some(0) {
        return Err(ClientError::Garbled);
    }
    let mut reply: Reply = serde_json::from_slice(&message).map_err(|_| ClientError::Garbled)?;
    match reply.error.take() {
        None => Ok(reply),
        Some(error) => Err(ClientError::Refused(error, reply.parameters)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use tokio::sync::mpsc;
    use tokio_util::sync::CancellationToken;

    use super::super::server::{CallError, Interface, Part, Service, bind, serve};
    use super::*;

    /// The token is cancelled when the caller of `Silent` has gone.
    #[derive(Default)]
    struct Echo(CancellationToken);

    impl Service for Echo {
        async fn call(&self, method: &str, parameters: Map<String, Value>) -> Result<Map<String, Value>, CallError> {
            match method {
                "Echo" => Ok(parameters),
                "Fail" => Err(CallError::Failed(
                    "Broken",
                    Map::from_iter([("message".into(), json!("it is broken"))]),
                )),
                "Count" | "Break" => Err(CallError::ExpectedMore),
                _ => Err(CallError::MethodNotFound),
            }
        }

        fn call_more(&self, method: &str, _: &Map<String, Value>) -> Result<Option<mpsc::Receiver<Part>>, CallError> {
            let last = match method {
                "Count" => 3,
                // Never comes.
                "Break" => 4,
                "Silent" => {
                    let (parts, receiver) = mpsc::channel(1);
                    let gone = self.0.clone();
                    tokio::spawn(async move {
                        parts.closed().await;
                        gone.cancel();
                    });
                    return Ok(Some(receiver));
                }
                _ => return Ok(None),
            };
            let (parts, receiver) = mpsc::channel(1);
            tokio::spawn(async move {
                for n in 1..=3 {
                    let part = Part {
                        parameters: Map::from_iter([("n".into(), json!(n))]),
                        continues: n < last,
                    };
                    parts.send(part).await.unwrap();
                }
            });
            Ok(Some(receiver))
        }
    }

    const INTERFACE: Interface = Interface {
        name: "io.ballast.echo",
        description: "interface io.ballast.echo",
        product: "echo",
    };

    fn with_server(check: impl FnOnce(&Path) + Send + 'static) {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("control.sock");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let stop = CancellationToken::new();
        runtime.block_on(async {
            let server = tokio::spawn(serve(
                bind(&socket).unwrap(),
                INTERFACE,
                Arc::new(Echo::default()),
                stop.clone(),
            ));
            let checked = socket.clone();
            tokio::task::spawn_blocking(move || check(&checked)).await.unwrap();
            stop.cancel();
            server.await.unwrap();
            assert!(!socket.exists(), "a server that has ended takes its socket with it");
        });
    }

    #[test]
    fn a_call_comes_back() {
        with_server(|socket| {
            let sent = Map::from_iter([("zone".into(), json!("example.net"))]);
            assert_eq!(call(socket, "io.ballast.echo.Echo", sent.clone()).unwrap(), sent);
        });
    }

    #[test]
    fn refusals_come_by_name() {
        with_server(|socket| {
            let refused = |method: &str| match call(socket, method, Map::new()) {
                Err(ClientError::Refused(error, _)) => error,
                other => panic!("{other:?}"),
            };
            assert_eq!(refused("io.ballast.echo.Nothing"), "org.varlink.service.MethodNotFound");
            assert_eq!(
                refused("io.ballast.other.Echo"),
                "org.varlink.service.InterfaceNotFound"
            );
            assert_eq!(refused("io.ballast.echo.Fail"), "io.ballast.echo.Broken");
            assert_eq!(
                call(socket, "io.ballast.echo.Fail", Map::new())
                    .unwrap_err()
                    .to_string(),
                "it is broken"
            );
        });
    }

    #[test]
    fn several_replies_come_one_after_the_other() {
        with_server(|socket| {
            let mut counted = Vec::new();
            let mut count = |reply: Map<String, Value>| {
                counted.push(reply["n"].as_u64().unwrap());
                Ok(())
            };
            call_more(socket, "io.ballast.echo.Count", Map::new(), &mut count).unwrap();
            assert_eq!(counted, [1, 2, 3]);
            // A method with one reply gives it to who would take several.
            let mut replies = 0;
            call_more(socket, "io.ballast.echo.Echo", Map::new(), |_| {
                replies += 1;
                Ok(())
            })
            .unwrap();
            assert_eq!(replies, 1);
        });
    }

    #[test]
    fn replies_that_end_early_are_no_whole_answer() {
        with_server(|socket| {
            let broken = call_more(socket, "io.ballast.echo.Break", Map::new(), |_| Ok(()));
            assert!(matches!(broken, Err(ClientError::Garbled)), "{broken:?}");
        });
    }

    #[test]
    fn who_has_gone_is_noticed_although_there_is_no_reply_to_send() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("control.sock");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (stop, gone) = (CancellationToken::new(), CancellationToken::new());
            let service = Arc::new(Echo(gone.clone()));
            let server = tokio::spawn(serve(bind(&socket).unwrap(), INTERFACE, service, stop.clone()));
            drop(send(&socket, "io.ballast.echo.Silent", Map::new(), true).unwrap());
            gone.cancelled().await;
            stop.cancel();
            server.await.unwrap();
        });
    }

    #[test]
    fn who_takes_one_reply_is_told_that_there_are_several() {
        with_server(|socket| match call(socket, "io.ballast.echo.Count", Map::new()) {
            Err(ClientError::Refused(error, _)) => assert_eq!(error, "org.varlink.service.ExpectedMore"),
            other => panic!("{other:?}"),
        });
    }

    #[test]
    fn the_service_describes_itself() {
        with_server(|socket| {
            let info = call(socket, "org.varlink.service.GetInfo", Map::new()).unwrap();
            assert_eq!(info["interfaces"], json!(["org.varlink.service", "io.ballast.echo"]));
            let which = Map::from_iter([("interface".into(), json!("io.ballast.echo"))]);
            let text = call(socket, "org.varlink.service.GetInterfaceDescription", which).unwrap();
            assert_eq!(text["description"], json!("interface io.ballast.echo"));
            let described = |interface: &str| {
                let which = Map::from_iter([("interface".into(), json!(interface))]);
                call(socket, "org.varlink.service.GetInterfaceDescription", which)
            };
            let service = described("org.varlink.service").unwrap();
            assert!(service["description"].as_str().unwrap().contains("method GetInfo()"));
            let unknown = described("io.ballast.other").unwrap_err().to_string();
            assert!(unknown.contains("org.varlink.service.InterfaceNotFound"), "{unknown}");
        });
    }

    #[test]
    fn only_a_socket_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        drop(bind(&path).unwrap());
        assert!(path.exists(), "as one that was killed leaves it");
        drop(bind(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        assert_eq!(bind(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn nobody_at_home_is_said_plainly() {
        let error = call(Path::new("/nonexistent/control.sock"), "x.y", Map::new()).unwrap_err();
        assert_eq!(error.to_string(), "no daemon is running at /nonexistent/control.sock");
    }
}
