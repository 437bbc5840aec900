//! Listeners: sockets on one side, answers of the core on the other.
//!
//! Both transports hand bytes to a [`Responder`] and send what it returns. What they answer from, [`Serving`], is one
//! immutable value that the zone keeper and reloads swap.

mod addresses;
pub(crate) mod bind;
mod connection;
pub(crate) mod counters;
mod deferred;
pub(crate) mod encrypted;
mod listeners;
mod local_networks;
mod log_gate;
mod path_mtu;
pub(crate) mod places;
mod responder;
mod secrets;
pub(crate) mod seldom;
mod serving;
mod tcp;
mod tls;
mod udp;
pub(crate) mod views;
mod zone_statistics;

pub(crate) use deferred::{Handlers, Later, NotifyReceived};
pub(crate) use listeners::Listeners;
pub(crate) use local_networks::follow as follow_local_networks;
pub(crate) use responder::Responder;
pub(crate) use serving::{Serving, Shared};

/// The longest message, in bytes: TCP's length field has two (RFC 1035 §4.2.2).
pub(crate) const MESSAGE_BYTES_MAX: usize = 65_535;

#[cfg(test)]
mod tests;

/// What listeners share for a configuration of this text, and the folder that it is in.
#[cfg(test)]
pub(crate) fn test_shared(text: &str) -> (tempfile::TempDir, Shared) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dnsd.toml");
    std::fs::write(&file, text).unwrap();
    let config = crate::config::load(&file, &ballast_shared::config::Diagnostics::new()).unwrap();
    let shared = Shared::new(&config).unwrap();
    (dir, shared)
}
