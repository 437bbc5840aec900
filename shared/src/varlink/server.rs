//! A server: a task for each connection.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use super::describe::{SERVICE, describe};
use super::frame::{MESSAGE_BYTES_MAX, Reply, Request, encode_and_wipe};
use super::incoming::Incoming;
use super::peer::Peer;
use super::service::{Call, CallError, Offer, Part, Service};

/// How long to wait when the system has no descriptor for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What callers may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time; more wait to be accepted.
    pub connections_max: usize,
    /// Octets of a call.
    pub message_bytes_max: usize,
    /// A caller that takes nothing of what is sent to it for so long is dropped; `None`: it is waited for.
    pub stalled_max: Option<Duration>,
    /// A call may come with open descriptors (SCM_RIGHTS), at most eight; else they are closed.
    pub takes_descriptors: bool,
}

impl Default for Limits {
    /// Those of a control socket: administrators and their scripts, a few at a time, who may look at what they are sent for as
    /// long as they like.
    fn default() -> Self {
        Self {
            connections_max: 32,
            message_bytes_max: MESSAGE_BYTES_MAX,
            stalled_max: None,
            takes_descriptors: false,
        }
    }
}

/// Binds a socket: mode 0660, in place of one that a daemon which was killed has left there. Call it while
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
pub async fn serve<S: Service>(listener: StdListener, offer: Offer, service: Arc<S>, stop: CancellationToken) {
    let address = listener.local_addr();
    answer_callers(listener, offer, service, stop).await;
    // Where the directory is another user's, the socket stays for the next start to replace.
    if let Ok(address) = address
        && let Some(path) = address.as_pathname()
        && let Err(error) = fs::remove_file(path)
    {
        debug!(%error, "the socket is left behind");
    }
}

async fn answer_callers<S: Service>(listener: StdListener, offer: Offer, service: Arc<S>, stop: CancellationToken) {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return error!(%error, "cannot serve the socket of {}", offer.product),
    };
    let places = Arc::new(Semaphore::new(offer.limits.connections_max));
    let offer = Arc::new(offer);
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
                    debug!(%error, "socket of {}", offer.product);
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let (service, offer) = (service.clone(), offer.clone());
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                ended = converse(&stream, &offer, &*service) => if let Err(error) = ended {
                    debug!(%error, "connection to the socket of {}", offer.product);
                }
            }
            drop(place);
        });
    }
}

async fn converse<S: Service>(stream: &UnixStream, offer: &Offer, service: &S) -> io::Result<()> {
    let caller = Peer::of(stream)?;
    let mut incoming = Incoming::new(offer.limits.message_bytes_max, offer.limits.takes_descriptors);
    let out = Outgoing {
        stream,
        stalled_max: offer.limits.stalled_max,
    };
    while let Some(message) = incoming.next(stream).await? {
        // What isn't a call has no answer.
        let Ok(request) = serde_json::from_slice::<Request>(&message.bytes) else {
            return Ok(());
        };
        let oneway = request.oneway;
        match answer(request, message.descriptors, caller, offer, service).await {
            Answer::One(_) if oneway => {}
            Answer::One(reply) => out.send(&encode_and_wipe(reply)).await?,
            Answer::Several(parts, method, interface) => {
                let is_complete = tokio::select! {
                    sent = out.send_parts(parts, &method, interface) => sent?,
                    // Who has gone wants no more replies, and there may be none to notice it by for long.
                    () = incoming.hung_up(stream) => false,
                };
                if !is_complete {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// What becomes of a call.
enum Answer {
    One(Reply),
    /// By which method of which interface.
    Several(mpsc::Receiver<Part>, String, &'static str),
}

async fn answer<S: Service>(
    request: Request,
    descriptors: Vec<OwnedFd>,
    caller: Peer,
    offer: &Offer,
    service: &S,
) -> Answer {
    let (name, method) = request.method.rsplit_once('.').unwrap_or(("", &request.method));
    let parameters = request.parameters.unwrap_or_default();
    let reply = |result: Result<Map<String, Value>, CallError>, method: &str, interface: &str| match result {
        Ok(parameters) => Reply {
            parameters,
            ..Reply::default()
        },
        Err(error) => error.into_reply(method, interface),
    };
    if name == SERVICE {
        return Answer::One(reply(describe(method, &parameters, offer), method, SERVICE));
    }
    let Some(interface) = offer.interfaces.iter().find(|interface| interface.name == name) else {
        let unknown = CallError::InterfaceNotFound(name.to_owned());
        return Answer::One(unknown.into_reply(method, name));
    };
    let call = Call {
        interface: interface.name,
        method: method.to_owned(),
        parameters,
        descriptors,
        caller,
    };
    // Who wants no reply wants not several either.
    let several = match request.more && !request.oneway {
        true => service.call_more(&call),
        false => Ok(None),
    };
    let result = match several {
        Ok(Some(parts)) => return Answer::Several(parts, method.to_owned(), interface.name),
        Ok(None) => service.call(call).await,
        Err(error) => Err(error),
    };
    Answer::One(reply(result, method, interface.name))
}

/// Sends on a connection, as fast as the caller takes it.
struct Outgoing<'a> {
    stream: &'a UnixStream,
    stalled_max: Option<Duration>,
}

impl Outgoing<'_> {
    /// Sends replies as they are made; `false` when the last of them never came, which the caller is to notice.
    async fn send_parts(&self, mut parts: mpsc::Receiver<Part>, method: &str, interface: &str) -> io::Result<bool> {
        while let Some(part) = parts.recv().await {
            let continues = part.continues();
            self.send(&part.encode(method, interface)).await?;
            if !continues {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn send(&self, mut message: &[u8]) -> io::Result<()> {
        while !message.is_empty() {
            let writable = match self.stalled_max {
                Some(stalled_max) => timeout(stalled_max, self.stream.writable())
                    .await
                    .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the caller takes nothing"))?,
                None => self.stream.writable().await,
            };
            writable?;
            match self.stream.try_write(message) {
                Ok(sent) => message = &message[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
