//! DNS messages over bytes (RFC 1035 §4): what is read of a request, in place, and how a reply is written.
//!
//! Requests come from the network as they are; [`Request::parse`] takes what the answer path needs and names what is
//! wrong with the rest. Replies go through [`Writer`] into a buffer that the caller made.

mod code;
mod compression;
mod edns;
mod freshness;
mod header;
mod received;
mod request;
mod truncate;
mod writer;

pub(crate) use compression::TAILS_MAX;
pub(crate) use edns::OPT_BYTES;
pub(crate) use writer::compressed_names;

pub use code::{Opcode, Rcode};
pub use edns::{Edns, ExtendedError, Opt, ReplyOptions, option};
pub use freshness::fresh_seconds;
pub use header::{Flags, HEADER_BYTES, Header};
pub use received::{ReceivedError, ReceivedRecord, skip_questions};
pub use request::{Question, Request, RequestError};
pub use truncate::truncate;
pub use writer::{Full, Mark, Section, SetHead, Writer};
