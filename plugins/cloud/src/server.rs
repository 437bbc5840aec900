//! The plugin's socket: which interfaces there are, and who answers their calls.

mod events;
mod inventory;
mod secrets;
mod watching;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use ballast_shared::plugin::event::EVENTS;
use ballast_shared::plugin::secret::SECRETS;
use ballast_shared::plugin::wire::INVENTORY;
use ballast_shared::varlink::{Call, CallError, Limits, MESSAGE_BYTES_MAX, Offer, Part, Service};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

pub use self::secrets::Keeper;
use crate::archive::{self, Archive};
use crate::hub::Hub;

/// logd and dnsd, twice each when one is started while another ends, each for several things, and administrators who look.
const CONNECTIONS_MAX: usize = 64;

/// A watcher that takes nothing for so long has hung up, or hangs.
const STALL_MAX: Duration = Duration::from_secs(30);

/// What it speaks.
#[must_use]
pub fn offer() -> Offer {
    Offer {
        product: "cloudd",
        interfaces: vec![INVENTORY, EVENTS, archive::INTERFACE, SECRETS],
        limits: Limits {
            connections_max: CONNECTIONS_MAX,
            message_bytes_max: MESSAGE_BYTES_MAX,
            stalled_max: Some(STALL_MAX),
            takes_descriptors: true,
        },
    }
}

/// Answers the daemons.
#[derive(Debug)]
pub struct Plugin {
    inventory: inventory::Watchers,
    events: events::Followers,
    secrets: Keeper,
    archive: Arc<Archive>,
}

impl Plugin {
    /// For those who follow this inventory and its events, hand over files, and may have secrets.
    #[must_use]
    pub fn new(hub: Arc<Hub>, archive: Arc<Archive>, secrets: Keeper) -> Self {
        Self {
            secrets,
            events: events::Followers::new(hub.events().clone()),
            inventory: inventory::Watchers::new(hub),
            archive,
        }
    }

    /// How many follow the inventory, whatever comes of them.
    #[must_use]
    pub fn watchers(&self) -> Arc<AtomicUsize> {
        self.inventory.count()
    }

    /// Likewise the events.
    #[must_use]
    pub fn followers(&self) -> Arc<AtomicUsize> {
        self.events.count()
    }
}

impl Service for Plugin {
    async fn call(&self, call: Call) -> Result<Map<String, Value>, CallError> {
        if call.interface == EVENTS.name {
            return self.events.call(call);
        }
        if call.interface == SECRETS.name {
            return self.secrets.call(&call).await;
        }
        if call.interface == archive::INTERFACE.name {
            return self.archive.call(call).await;
        }
        match call.method.as_str() {
            "Watch" => Err(CallError::ExpectedMore),
            _ => Err(CallError::MethodNotFound),
        }
    }

    fn call_more(&self, call: &Call) -> Result<Option<mpsc::Receiver<Part>>, CallError> {
        match (call.interface, call.method.as_str()) {
            (interface, "Watch") if interface == INVENTORY.name => self.inventory.watch(&call.parameters).map(Some),
            (interface, "Watch") if interface == EVENTS.name => self.events.watch(&call.parameters).map(Some),
            _ => Ok(None),
        }
    }
}
