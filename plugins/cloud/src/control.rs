//! What the command line asks of the running daemon.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballast_shared::varlink::{Call, CallError, Interface, Limits, Offer, Part, Service};
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::archive::Archive;
use crate::hub::Hub;
use crate::scaling::Scalings;
use crate::scaling::actions::{self, Actions};

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
            _ => Err(CallError::MethodNotFound),
        }
    }

    fn call_more(&self, call: &Call) -> Result<Option<mpsc::Receiver<Part>>, CallError> {
        match (call.interface == INTERFACE.name, call.method.as_str()) {
            (true, "ScaleHistory") => self.scalings.history(&call.parameters).map(Some),
            _ => Ok(None),
        }
    }
}

impl Control {
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
