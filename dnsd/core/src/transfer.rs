//! Zone transfers: how versions of a zone go from one server to another, and how the steps between them are kept.
//!
//! A primary sends a version of a zone with [`Outgoing`]; a secondary takes it with [`Incoming`]. Both handle messages, not
//! connections: who has the socket also signs, checks signatures (RFC 8945) and watches the clock.
//!
//! A [`Delta`] is what one version has that the other hasn't. It comes from two versions of a zone, from a dynamic update
//! or from a primary; it makes the next version of a zone, is sent in incremental transfers and kept in a [`Journal`].

mod delta;
mod incoming;
mod journal;
mod out;
mod records;
mod request;

pub use delta::{ApplyError, Delta, DeltaError};
pub use incoming::{Incoming, IncomingError, IncomingLimits, IncomingTotals, Progress, Received};
pub use journal::{Appender, Entry, FileState, Journal, JournalError};
pub use out::{MESSAGE_BYTES, Outgoing, OutgoingError, OutgoingKind, OutgoingTotals, ReplyHead};
pub use records::{RecordRef, Records, RecordsError};
pub use request::{REQUEST_BYTES_MAX, requested_serial, write_axfr_request, write_ixfr_request};
