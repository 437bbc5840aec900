//! Master files (RFC 1035 §5, 2308 §4, 3597 §5): zone text in, records out one by one, in the dialect that BIND reads.
//!
//! The text comes from the caller, and so does that of every `$INCLUDE`: [`Sources`] opens them. Records are borrowed
//! from the reader's own buffers, so that reading a record of a common type allocates nothing. After an error the reader
//! goes on with the next record; all errors of a file come out, each with its file, line and column.

mod directive;
mod error;
mod generate;
mod head;
mod limits;
mod owner;
mod plain;
mod reader;
mod source;
mod ttls;

pub use error::{MasterError, MasterErrorKind, MasterWarning, MasterWarningKind};
pub use limits::Limits;
pub use reader::{FileId, Part, PartRead, Reader, RecordRef};
pub use source::{NoSources, Source, Sources};

#[cfg(test)]
mod tests;
