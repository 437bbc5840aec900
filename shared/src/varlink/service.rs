//! What a server offers, and who answers.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::frame::{Reply, encode};
use super::{Limits, Peer};

/// What can be asked, in Varlink's interface language.
#[derive(Debug, Clone, Copy)]
pub struct Interface {
    /// Its name: `io.ballast.dnsd`.
    pub name: &'static str,
    /// The text of its `.varlink` file.
    pub description: &'static str,
}

/// What is behind a socket.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The program's name, for `GetInfo`.
    pub product: &'static str,
    /// Its interfaces, but for the one that every service has.
    pub interfaces: Vec<Interface>,
    /// What a caller may take.
    pub limits: Limits,
}

impl Offer {
    /// Of one interface, to administrators.
    #[must_use]
    pub fn control(product: &'static str, interface: Interface) -> Self {
        Self {
            product,
            interfaces: vec![interface],
            limits: Limits::default(),
        }
    }
}

/// A call, as the service has it.
#[derive(Debug)]
pub struct Call {
    /// Which of the offer's interfaces.
    pub interface: &'static str,
    /// The method, without the interface's name.
    pub method: String,
    /// Its parameters.
    pub parameters: Map<String, Value>,
    /// What came with it, if the offer takes descriptors; parameters name them by their index.
    pub descriptors: Vec<OwnedFd>,
    /// Who calls.
    pub caller: Peer,
}

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// The interface has no such method.
    MethodNotFound,
    /// There is no such interface: its name.
    InterfaceNotFound(String),
    /// A parameter is missing or of the wrong type: its name.
    InvalidParameter(&'static str),
    /// The method has several replies, and the caller takes one.
    ExpectedMore,
    /// The caller may not do that.
    PermissionDenied,
    /// An error of the interface itself: its name without the interface, and its parameters.
    Failed(&'static str, Map<String, Value>),
}

/// One of several replies to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    body: Body,
    continues: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    Parameters(Map<String, Value>),
    Text(Arc<str>),
    Error(CallError),
}

impl Part {
    /// A reply with more to come, or the last one.
    #[must_use]
    pub fn new(parameters: Map<String, Value>, continues: bool) -> Self {
        Self {
            body: Body::Parameters(parameters),
            continues,
        }
    }

    /// The same of parameters that are the text of a JSON object already: what goes to many callers is written once.
    #[must_use]
    pub fn written(parameters: Arc<str>, continues: bool) -> Self {
        Self {
            body: Body::Text(parameters),
            continues,
        }
    }

    /// The call fails after all. It is the last reply.
    #[must_use]
    pub fn error(error: CallError) -> Self {
        Self {
            body: Body::Error(error),
            continues: false,
        }
    }

    /// Whether there are more to come.
    #[must_use]
    pub fn continues(&self) -> bool {
        self.continues
    }

    /// What it says, unless it is an error or was written already.
    #[must_use]
    pub fn parameters(&self) -> Option<&Map<String, Value>> {
        match &self.body {
            Body::Parameters(parameters) => Some(parameters),
            Body::Text(_) | Body::Error(_) => None,
        }
    }

    /// The same if it was written already.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.body {
            Body::Text(text) => Some(text),
            Body::Parameters(_) | Body::Error(_) => None,
        }
    }

    /// As it goes out, its end mark included.
    pub(super) fn encode(self, method: &str, interface: &str) -> Vec<u8> {
        match self.body {
            Body::Parameters(parameters) => encode(&Reply {
                error: None,
                parameters,
                continues: self.continues,
            }),
            Body::Text(text) => {
                let continues = if self.continues { r#","continues":true"# } else { "" };
                format!("{{\"parameters\":{text}{continues}}}\0").into_bytes()
            }
            Body::Error(error) => encode(&error.into_reply(method, interface)),
        }
    }
}

/// Parameters that are a struct's fields.
///
/// # Panics
/// When it is something else than a struct or a map with string keys.
pub fn parameters<T: Serialize>(of: &T) -> Map<String, Value> {
    match serde_json::to_value(of) {
        Ok(Value::Object(map)) => map,
        _ => unreachable!("a struct is a JSON object"),
    }
}

/// Answers calls to the methods of an offer's interfaces.
pub trait Service: Send + Sync + 'static {
    /// Answers one.
    fn call(&self, call: Call) -> impl Future<Output = Result<Map<String, Value>, CallError>> + Send;

    /// Answers one whose caller takes several replies (`more`), if the method has several. They go out one by one as the caller
    /// takes them: who makes them waits for room in the channel, or drops the channel of a caller that is too slow for it, and
    /// ends when there is nobody at its other end. When they end before one that says that it is the last, the conversation is
    /// broken off.
    ///
    /// # Errors
    /// When the call is refused.
    fn call_more(&self, _call: &Call) -> Result<Option<mpsc::Receiver<Part>>, CallError> {
        Ok(None)
    }
}
