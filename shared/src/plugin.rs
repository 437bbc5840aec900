//! Plugins: processes of their own that know what the daemons don't, such as what machines exist. They are Varlink servers;
//! logd and dnsd are their clients. What they say is pushed and kept in memory, so that no query or message waits for them.
//!
//! [`client`] holds the connection and the file, and hands on [`News`]; what is decided in between is [`machine`]'s, which has
//! no clock and no socket.

pub mod client;
pub mod config;
pub mod event;
pub mod host;
pub mod machine;
pub mod news;
pub mod secret;
mod snapshot;
pub mod wire;

pub use client::{Client, Settings};
pub use news::{Held, News, State, Status, Update};

/// A plugin that has been silent for so long hangs: it says something every ten seconds (PLUGIN.md).
const SILENCE_MAX: std::time::Duration = std::time::Duration::from_secs(30);
