//! The daemon's side of the control socket.

use std::fs;
use std::future::Future;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use super::frame::{MESSAGE_BYTES_MAX, Reply, Request, encode};

/// Administrators and their scripts, not a service: a few at a time.
const CONNECTIONS_MAX: usize = 32;

/// How long to wait when the system has no descriptor for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The interface that every Varlink service has.
const SERVICE_DESCRIPTION: &str = include_str!("org.varlink.service.varlink");

/// What a daemon can be asked, in Varlink's interface language.
#[derive(Debug, Clone, Copy)]
pub struct Interface {
    /// Its name: `io.ballast.dnsd`.
    pub name: &'static str,
    /// The text of its `.varlink` file.
    pub description: &'static str,
    /// The daemon's name, for `GetInfo`.
    pub product: &'static str,
}

/// Why a call was refused.
#[derive(Debug, Clone)]
pub enum CallError {
    /// The interface has no such method.
    MethodNotFound,
    /// There is no such interface: its name.
    InterfaceNotFound(String),
    /// A parameter is missing or of the wrong type: its name.
    InvalidParameter(&'static str),
    /// The method has several replies, and the caller takes one.
    ExpectedMore,
    /// An error of the interface itself: its name without the interface, and its parameters.
    Failed(&'static str, Map<String, Value>),
}

/// One of several replies to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it says.
    pub parameters: Map<String, Value>,
    /// Whether there are more to come.
    pub continues: bool,
}

/// Answers calls to the methods of one interface.
pub trait Service: Send + Sync + 'static {
    /// Answers one. `method` comes without the interface's name.
    fn call(
        &self,
        method: &str,
        parameters: Map<String, Value>,
    ) -> impl Future<Output = Result<Map<String, Value>, CallError>> + Send;

    /// Answers one whose caller takes several replies (`more`), if the method has several. They go out one by one as the caller
    /// takes them: who makes them waits for room in the channel, and ends when there is nobody at its other end. When they end
    /// before one that says that it is the last, the conversation is broken off.
    ///
    /// # Errors
    /// When the call is refused.
    fn call_more(
        &self,
        _method: &str,
        _parameters: &Map<String, Value>,
    ) -> Result<Option<mpsc::Receiver<Part>>, CallError> {
        Ok(None)
    }
}

/// Binds the control socket: mode 0660, in place of one that a daemon which was killed has left there. Call it while
/// `work-dir` is locked, so that no living daemon's socket is taken away.
///
/// # Errors
/// When the path can't be bound, or has something else there than a socket: that is somebody's, and stays.
pub fn bind(path: &Path) -> io::Result<StdListener> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::symlink_metadata(path) {
        Ok(left) if left.file_type().is_socket() => fs::remove_file(path)?,
        Ok(_) => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "is there and is no socket",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = StdListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Answers callers until the daemon stops, and takes the socket away.
pub async fn serve<S: Service>(listener: StdListener, interface: Interface, service: Arc<S>, stop: CancellationToken) {
    let address = listener.local_addr();
    answer_callers(listener, interface, service, stop).await;
    // Where the directory is another user's, the socket stays for the next start to replace.
    if let Ok(address) = address
        && let Some(path) = address.as_pathname()
        && let Err(error) = fs::remove_file(path)
    {
        debug!(%error, "the control socket is left behind");
    }
}

async fn answer_callers<S: Service>(
    listener: StdListener,
    interface: Interface,
    service: Arc<S>,
    stop: CancellationToken,
) {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return error!(%error, "cannot serve the control socket"),
    };
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => return,
            place = places.clone().acquire_owned() => place.expect("the semaphore is never closed"),
        };
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    debug!(%error, "control socket");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let service = service.clone();
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                ended = converse(stream, interface, &*service) => if let Err(error) = ended {
                    debug!(%error, "control connection");
                }
            }
            drop(place);
        });
    }
}

async fn converse<S: Service>(stream: UnixStream, interface: Interface, service: &S) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut message = Vec::new();
    loop {
        message.clear();
        (&mut reader)
            .take(MESSAGE_BYTES_MAX as u64)
            .read_until(0, &mut message)
            .await?;
        if message.pop() != Some(0) {
            // The end, or a message that is cut off or too long: there is nothing to answer.
            return Ok(());
        }
        let Ok(request) = serde_json::from_slice::<Request>(&message) else {
            return Ok(());
        };
        let oneway = request.oneway;
        match answer(request, interface, service).await {
            Answer::One(_) if oneway => {}
            Answer::One(reply) => writer.write_all(&encode(&reply)).await?,
            Answer::Several(parts) => {
                let is_complete = tokio::select! {
                    sent = send_parts(parts, &mut writer) => sent?,
                    // Who has gone wants no more replies, and there may be none to notice it by for long.
                    () = hung_up(&mut reader) => false,
                };
                if !is_complete {
                    return Ok(());
                }
            }
        }
    }
}

/// What becomes of a call.
enum Answer {
    One(Reply),
    Several(mpsc::Receiver<Part>),
}

/// Waits until the caller closes the connection; for ever, if it has sent another call already.
async fn hung_up(reader: &mut BufReader<OwnedReadHalf>) {
    match reader.fill_buf().await {
        Ok([]) | Err(_) => {}
        Ok(_) => std::future::pending().await,
    }
}

/// Sends replies as they are made; `false` when the last of them never came, which the caller is to notice.
async fn send_parts(mut parts: mpsc::Receiver<Part>, writer: &mut OwnedWriteHalf) -> io::Result<bool> {
    while let Some(Part { parameters, continues }) = parts.recv().await {
        let reply = Reply {
            error: None,
            parameters,
            continues,
        };
        writer.write_all(&encode(&reply)).await?;
        if !continues {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn answer<S: Service>(request: Request, interface: Interface, service: &S) -> Answer {
    let (name, method) = request.method.rsplit_once('.').unwrap_or(("", &request.method));
    let result = match name {
        "org.varlink.service" => describe(method, &request.parameters, interface),
        _ if name == interface.name => {
            // Who wants no reply wants not several either.
            let several = match request.more && !request.oneway {
                true => service.call_more(method, &request.parameters),
                false => Ok(None),
            };
            match several {
                Ok(Some(parts)) => return Answer::Several(parts),
                Ok(None) => service.call(method, request.parameters).await,
                Err(error) => Err(error),
            }
        }
        _ => return Answer::One(refusal("InterfaceNotFound", json!({ "interface": name }))),
    };
    Answer::One(reply(result, method, interface))
}

fn reply(result: Result<Map<String, Value>, CallError>, method: &str, interface: Interface) -> Reply {
    match result {
        Ok(parameters) => Reply {
            parameters,
            ..Reply::default()
        },
        Err(CallError::MethodNotFound) => refusal("MethodNotFound", json!({ "method": method })),
        Err(CallError::InvalidParameter(parameter)) => refusal("InvalidParameter", json!({ "parameter": parameter })),
        Err(CallError::InterfaceNotFound(name)) => refusal("InterfaceNotFound", json!({ "interface": name })),
        Err(CallError::ExpectedMore) => refusal("ExpectedMore", json!({})),
        Err(CallError::Failed(error, parameters)) => Reply {
            error: Some(format!("{}.{error}", interface.name)),
            parameters,
            continues: false,
        },
    }
}

fn refusal(error: &str, parameters: Value) -> Reply {
    Reply {
        error: Some(format!("org.varlink.service.{error}")),
        parameters: object(parameters),
        continues: false,
    }
}

/// The interface that every Varlink service has, by which it describes itself.
fn describe(
    method: &str,
    parameters: &Map<String, Value>,
    interface: Interface,
) -> Result<Map<String, Value>, CallError> {
    match method {
        "GetInfo" => Ok(object(json!({
            "vendor": "Ballast",
            "product": interface.product,
            "version": env!("CARGO_PKG_VERSION"),
            "url": "",
            "interfaces": ["org.varlink.service", interface.name],
        }))),
        "GetInterfaceDescription" => match parameters.get("interface").and_then(Value::as_str) {
            Some(name) if name == interface.name => Ok(object(json!({ "description": interface.description }))),
            Some("org.varlink.service") => Ok(object(json!({ "description": SERVICE_DESCRIPTION }))),
            Some(name) => Err(CallError::InterfaceNotFound(name.to_owned())),
            None => Err(CallError::InvalidParameter("interface")),
        },
        _ => Err(CallError::MethodNotFound),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
