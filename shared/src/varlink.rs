//! Varlink (<https://varlink.org>): JSON objects, each ended by a NUL, over a unix socket. The daemons' control sockets speak it,
//! so that `varlinkctl` and any script can use them, and so do plugins.
//!
//! A socket may have several interfaces. Who may connect is decided by its permissions, its user and group (mode 0660), and
//! either side learns from the system who the other is ([`Peer`]). A connection has a task of its own: a caller that does not
//! take its replies holds up nobody else.

mod client;
mod connection;
mod describe;
mod frame;
mod incoming;
mod peer;
mod server;
mod service;
#[cfg(test)]
mod tests;

pub use client::{ClientError, call, call_more};
pub use connection::Connection;
pub use frame::{MESSAGE_BYTES_MAX, read_reply};
pub use peer::Peer;
pub use server::{Limits, bind, serve};
pub use service::{Call, CallError, Interface, Offer, Part, Service, parameters};
