//! The control socket: what the command line asks of the running daemon.
//!
//! It speaks Varlink (JSON objects, each ended by a NUL, over a unix socket), so that `varlinkctl` and any script can use it
//! too. Who may connect is decided by the permissions of the socket: its user and group (mode 0660).

mod client;
mod frame;
mod server;

pub use client::{ClientError, call, call_more};
pub use server::{CallError, Interface, Part, Service, bind, serve};
