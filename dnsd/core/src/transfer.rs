//! Zone transfers: how versions of a zone go from one server to another, and how the steps between them are kept.
//!
//! A [`Delta`] is what one version has that the other hasn't. It comes from two versions of a zone, from a dynamic update
//! or from a primary; it makes the next version of a zone, is sent in incremental transfers and kept in journals.

mod delta;
mod incoming;
mod out;
mod records;
mod request;

pub use delta::{ApplyError, Delta, DeltaError};
pub use incoming::{Incoming, IncomingError, IncomingLimits, IncomingTotals, Progress, Received};
pub use out::{MESSAGE_BYTES, Outgoing, OutgoingError, OutgoingKind, OutgoingTotals, ReplyHead};
pub use records::{RecordRef, Records, RecordsError};
pub use request::{REQUEST_BYTES_MAX, requested_serial, write_axfr_request, write_ixfr_request};
