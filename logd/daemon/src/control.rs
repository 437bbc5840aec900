//! The control socket's interface, `io.ballast.logd`. Calls are handed to the daemon's main loop, which owns what they are
//! about.

mod tail;

use std::sync::Arc;

use ballast_shared::varlink::{Call, CallError, Interface, Part, Service};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};

pub(crate) use tail::{Tail, Tailed};

use crate::live::Tap;
use crate::plugins::NotAccepted;
use crate::reload::ReloadError;

/// The interface's name.
pub(crate) const INTERFACE_NAME: &str = "io.ballast.logd";

/// The error of a configuration that `check` refuses.
pub(crate) const INVALID_CONFIGURATION: &str = "InvalidConfiguration";

/// The error of an output that is not there or does not rotate.
pub(crate) const NO_SUCH_OUTPUT: &str = "NoSuchOutput";

/// The error of a plugin that is not there.
pub(crate) const NO_SUCH_PLUGIN: &str = "NoSuchPlugin";

/// The interface.
pub(crate) const INTERFACE: Interface = Interface {
    name: INTERFACE_NAME,
    description: include_str!("control/io.ballast.logd.varlink"),
};

/// Callers wait in line for the main loop; more than a few at a time are a mistake of theirs.
const WAITING_MAX: usize = 16;

/// What is asked of the main loop.
pub(crate) enum Request {
    Status(oneshot::Sender<Status>),
    Reload(oneshot::Sender<Result<(), ReloadError>>),
    /// The files of the output of this name, or of all that rotate. How many there were; `None`: there is no such output.
    Rotate(Option<String>, oneshot::Sender<Option<u64>>),
    /// The inventory that is held back of the plugin of this name.
    AcceptInventory(String, oneshot::Sender<Result<(), NotAccepted>>),
}

/// `Status`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) version: String,
    pub(crate) uptime_s: u64,
    pub(crate) inputs: Vec<Input>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) draining: Vec<Draining>,
    pub(crate) plugins: Vec<Plugin>,
    pub(crate) certificates: Vec<Certificate>,
    /// Messages that no output got, by reason.
    pub(crate) dropped: Vec<Count>,
    pub(crate) open_files: usize,
    pub(crate) buffered_bytes: usize,
}

/// `Input`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) transport: String,
    pub(crate) address: String,
    pub(crate) connections: usize,
    pub(crate) messages: Flow,
    /// What was not taken, by reason.
    pub(crate) dropped: Vec<Count>,
}

/// `Certificate`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Certificate {
    pub(crate) file: String,
    pub(crate) expires_s: u64,
}

/// `Output`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) lines: Flow,
    /// What was not written or sent, by reason.
    pub(crate) dropped: Vec<Count>,
    /// Lines that went to the file of a sender that makes too many.
    pub(crate) diverted: u64,
    pub(crate) held_up_files: usize,
    pub(crate) queued_bytes: usize,
    pub(crate) spooled_bytes: u64,
    /// Since when its oldest line waits to be written or sent; `None`: none does.
    pub(crate) oldest_unwritten_s: Option<f64>,
    /// Of an output that forwards, the target that it is connected to.
    pub(crate) target: Option<String>,
}

/// `Draining`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Draining {
    pub(crate) output: String,
    pub(crate) records: u64,
    pub(crate) queued_bytes: usize,
    pub(crate) given_up_in_s: f64,
}

/// `Plugin`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Plugin {
    pub(crate) name: String,
    pub(crate) socket: String,
    pub(crate) state: String,
    pub(crate) hosts: u64,
    /// Addresses that were a host's and are not any more.
    pub(crate) remembered: u64,
    /// How long ago something was heard of it; `None`: never.
    pub(crate) last_word_s: Option<f64>,
    pub(crate) reconnects: u64,
    /// Hosts whose description was not right.
    pub(crate) rejected: u64,
    /// Why there is no connection.
    pub(crate) trouble: Option<String>,
    /// An inventory that is not taken before somebody has looked.
    pub(crate) held: Option<Held>,
}

/// `Held`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) missing: u64,
    pub(crate) of: u64,
}

/// `Flow`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Flow {
    pub(crate) total: u64,
    pub(crate) per_second_10s: f64,
    pub(crate) per_second_1m: f64,
}

/// `Count`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) reason: String,
    pub(crate) count: u64,
}

/// Answers calls by asking the main loop; what comes in it has from the tap.
pub(crate) struct Control {
    main_loop: mpsc::Sender<Request>,
    tap: Arc<Tap>,
}

impl Control {
    /// The service, and where the main loop gets its requests from.
    pub(crate) fn new(tap: Arc<Tap>) -> (Arc<Self>, mpsc::Receiver<Request>) {
        let (main_loop, requests) = mpsc::channel(WAITING_MAX);
        (Arc::new(Self { main_loop, tap }), requests)
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, CallError> {
        let stopping = || CallError::Failed("Stopping", message("the daemon is stopping"));
        let (answer, answered) = oneshot::channel();
        self.main_loop.send(request(answer)).await.map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())
    }
}

impl Service for Control {
    async fn call(&self, call: Call) -> Result<Map<String, Value>, CallError> {
        let parameters = call.parameters;
        match call.method.as_str() {
            "Status" => {
                let status = self.ask(Request::Status).await?;
                match serde_json::to_value(status) {
                    Ok(Value::Object(status)) => Ok(status),
                    _ => unreachable!("a struct is a JSON object"),
                }
            }
            "Reload" => match self.ask(Request::Reload).await? {
                Ok(()) => Ok(Map::new()),
                Err(error) => {
                    let name = match error {
                        ReloadError::Invalid(_) => INVALID_CONFIGURATION,
                        ReloadError::Bind(_) | ReloadError::NeedsRestart(_) => "NotTaken",
                    };
                    Err(CallError::Failed(name, message(&error.to_string())))
                }
            },
            "Rotate" => {
                let output = parameters.get("output").and_then(Value::as_str).map(str::to_owned);
                let name = output.clone().unwrap_or_default();
                match self.ask(|answer| Request::Rotate(output, answer)).await? {
                    Some(files) => Ok(Map::from_iter([("files".to_owned(), files.into())])),
                    None => {
                        let text = format!("no output \"{name}\" has `rotate`");
                        Err(CallError::Failed(NO_SUCH_OUTPUT, message(&text)))
                    }
                }
            }
            "AcceptInventory" => {
                let Some(plugin) = parameters.get("plugin").and_then(Value::as_str).map(str::to_owned) else {
                    return Err(CallError::InvalidParameter("plugin"));
                };
                let name = plugin.clone();
                match self.ask(|answer| Request::AcceptInventory(plugin, answer)).await? {
                    Ok(()) => Ok(Map::new()),
                    Err(NotAccepted::NoSuchPlugin) => {
                        let text = format!("no plugin \"{name}\" is configured");
                        Err(CallError::Failed(NO_SUCH_PLUGIN, message(&text)))
                    }
                    Err(NotAccepted::NothingHeld) => {
                        let text = format!("no inventory of plugin \"{name}\" is held back");
                        Err(CallError::Failed("NothingHeld", message(&text)))
                    }
                }
            }
            "Tail" => Err(CallError::ExpectedMore),
            _ => Err(CallError::MethodNotFound),
        }
    }

    fn call_more(&self, call: &Call) -> Result<Option<mpsc::Receiver<Part>>, CallError> {
        match call.method.as_str() {
            "Tail" => tail::start(&self.tap, &call.parameters).map(Some),
            _ => Ok(None),
        }
    }
}

fn message(text: &str) -> Map<String, Value> {
    Map::from_iter([("message".to_owned(), text.into())])
}
