//! What the command line asks of the running daemon.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballast_shared::varlink::{Call, CallError, Interface, Limits, Offer, Part, Service};
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::archive::Archive;
use crate::hub::Hub;
use crate::resources::Kind;
use crate::scaling::Scalings;
use crate::scaling::actions::{self, Actions};
use crate::secrets::resource;

/// What it speaks.
pub const INTERFACE: Interface = Interface {
    name: "io.ballast.cloudd",
    description: include_str!("io.ballast.cloudd.varlink"),
};

/// What is behind the control socket.
#[must_use]
pub fn offer() -> Offer {
    Offer {
        product: "cloudd",
        interfaces: vec![INTERFACE, actions::INTERFACE],
        limits: Limits::default(),
    }
}

/// A reload that somebody asks for, and where its outcome goes: the text to show when the configuration has errors.
pub type AskedReload = oneshot::Sender<Result<(), String>>;

/// Answers it.
#[derive(Debug)]
pub struct Control {
    /// What there is.
    pub hub: Arc<Hub>,
    /// Where files are kept.
    pub archive: Arc<Archive>,
    /// What is scaled.
    pub scalings: Arc<Scalings>,
    /// What an administrator does with it.
    pub actions: Actions,
    /// How many follow it.
    pub watchers: Arc<AtomicUsize>,
    /// How CloudFormation is answered.
    pub resource: Arc<resource::Status>,
    /// Who reloads.
    pub reloads: mpsc::Sender<AskedReload>,
}

impl Service for Control {
    async fn call(&self, call: Call) -> Result<Map<String, Value>, CallError> {
        if call.interface == actions::INTERFACE.name {
            return self.actions.call(call).await;
        }
        if let Some(answer) = self.scalings.call(&call).await {
            return answer;
        }
        match call.method.as_str() {
            "Status" => Ok(self.status()),
            "Reload" => self.reload().await,
            "Resources" => Err(CallError::ExpectedMore),
            _ => Err(CallError::MethodNotFound),
        }
    }

    fn call_more(&self, call: &Call) -> Result<Option<mpsc::Receiver<Part>>, CallError> {
        match (call.interface == INTERFACE.name, call.method.as_str()) {
            (true, "Resources") => self.resources(call).map(Some),
            (true, "ScaleHistory") => self.scalings.history(&call.parameters).map(Some),
            _ => Ok(None),
        }
    }
}

/// Resources of one reply: some hundred octets each.
const CHUNK_RESOURCES_MAX: usize = 1_000;
/// Replies that wait for a caller who is slow to take them.
const REPLIES_AHEAD: usize = 4;

impl Control {
    /// All that there is of a kind, as it is now, in as many replies as it takes; each has the listing that its resources are of.
    fn resources(&self, call: &Call) -> Result<mpsc::Receiver<Part>, CallError> {
        let kind = call
            .parameters
            .get("kind")
            .and_then(Value::as_str)
            .and_then(Kind::named);
        let seen = self
            .hub
            .resources()
            .of(kind.ok_or(CallError::InvalidParameter("kind"))?);
        let (replies, receiver) = mpsc::channel(REPLIES_AHEAD);
        tokio::spawn(async move {
            for (listing, resources) in seen {
                // One without any has a reply, too.
                let chunks = resources.len().div_ceil(CHUNK_RESOURCES_MAX).max(1);
                for chunk in 0..chunks {
                    let from = chunk * CHUNK_RESOURCES_MAX;
                    let until = resources.len().min(from + CHUNK_RESOURCES_MAX);
                    let reply = Map::from_iter([
                        ("listing".to_owned(), json!(listing)),
                        ("resources".to_owned(), json!(resources[from..until])),
                    ]);
                    if replies.send(Part::new(reply, true)).await.is_err() {
                        // Who asked has gone.
                        return;
                    }
                }
            }
            let end = Map::from_iter([("listing".to_owned(), Value::Null), ("resources".to_owned(), json!([]))]);
            // Who has gone by now has had all.
            let _ = replies.send(Part::new(end, false)).await;
        });
        Ok(receiver)
    }

    fn status(&self) -> Map<String, Value> {
        let (epoch, seq, hosts, complete) = self.hub.version();
        let providers = self.hub.providers().into_iter().map(|provider| {
            json!({
                "name": provider.name,
                "hosts": provider.hosts,
                "listedAt": provider.listed_at,
                "problem": provider.problem,
                "failures": provider.failures,
            })
        });
        let archive = self.archive.status().map(|archive| {
            json!({
                "store": archive.store,
                "files": archive.files,
                "bytes": archive.bytes,
                "failures": archive.failures,
                "problem": archive.problem,
            })
        });
        Map::from_iter([
            ("version".to_owned(), json!(env!("CARGO_PKG_VERSION"))),
            ("epoch".to_owned(), json!(epoch)),
            ("seq".to_owned(), json!(seq)),
            ("hosts".to_owned(), json!(hosts)),
            ("complete".to_owned(), json!(complete)),
            ("watchers".to_owned(), json!(self.watchers.load(Ordering::Relaxed))),
            ("providers".to_owned(), providers.collect()),
            ("archive".to_owned(), archive.into()),
            ("stackSecrets".to_owned(), self.resource.shown()),
        ])
    }

    async fn reload(&self) -> Result<Map<String, Value>, CallError> {
        let ending = || CallError::Failed("Ending", Map::new());
        let (outcome, told) = oneshot::channel();
        self.reloads.send(outcome).await.map_err(|_| ending())?;
        match told.await {
            Ok(Ok(())) => Ok(Map::new()),
            Ok(Err(message)) => {
                let parameters = Map::from_iter([("message".to_owned(), json!(message))]);
                Err(CallError::Failed("ConfigInvalid", parameters))
            }
            Err(_) => Err(ending()),
        }
    }
}
