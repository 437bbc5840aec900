//! What is answered from, and what all listeners share.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use dnsd_core::answer::{Chaos, ChaosText, Settings, Transport};
use dnsd_core::zones::Zones;

use super::Responder;
use super::counters::AllCounters;
use super::places::Places;
use crate::config::Config;

/// What queries are answered from: one immutable value, swapped in one step.
#[derive(Debug, Clone)]
pub(crate) struct Serving {
    /// The zones.
    pub(crate) zones: Zones,
    /// How they are answered from.
    pub(crate) settings: Settings,
    /// How long a TCP connection may be without a query.
    pub(crate) tcp_idle_max: Duration,
}

/// What every listener has in its hands.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    /// What is answered from now.
    pub(crate) serving: Arc<ArcSwap<Serving>>,
    /// What was counted.
    pub(crate) counters: Arc<AllCounters>,
    /// The bound on TCP connections.
    pub(crate) places: Places,
}

impl Shared {
    /// For a configuration whose zones are still to be loaded.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            serving: Arc::new(ArcSwap::from_pointee(Serving {
                zones: Zones::default(),
                settings: settings(config),
                tcp_idle_max: config.tcp.idle_max,
            })),
            counters: Arc::default(),
            places: Places::new(config.tcp.clients_max),
        }
    }

    /// Takes over what a reloaded configuration says about answers; the zones stay.
    pub(crate) fn apply(&self, config: &Config) {
        self.serving.rcu(|serving| Serving {
            zones: serving.zones.clone(),
            settings: settings(config),
            tcp_idle_max: config.tcp.idle_max,
        });
        self.places.resize(config.tcp.clients_max);
    }

    /// Swaps the zones.
    pub(crate) fn set_zones(&self, zones: &Zones) {
        self.serving.rcu(|serving| Serving {
            zones: zones.clone(),
            ..Serving::clone(serving)
        });
    }

    /// A responder for one thread or connection, which counts for itself.
    pub(super) fn responder(&self, transport: Transport) -> Responder {
        Responder::new(self.serving.clone(), transport, self.counters.add(transport))
    }
}

fn settings(config: &Config) -> Settings {
    let text = |text: &Option<String>| text.as_deref().map(ChaosText::new);
    Settings {
        udp_payload_bytes_max: config.udp_payload_bytes_max,
        minimal_any: config.minimal_any,
        chaos: Chaos {
            version: text(&config.identity.version),
            hostname: text(&config.identity.hostname),
            server_id: text(&config.identity.server_id),
        },
        ..Settings::default()
    }
}
