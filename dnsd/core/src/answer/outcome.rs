//! What became of a request: the reply's length, and what counters and the query log want to know.

use std::ops::Range;

use crate::message::{Flags, Rcode};
use crate::rrtype::Type;
use crate::zones::ZoneNumber;

/// What is to be done about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Send the reply that was written.
    Reply(Reply),
    /// Send nothing.
    Drop(DropReason),
    /// Nothing is decided yet: it takes more than zones in memory to answer this.
    Deferred(Deferred),
}

/// What a request needs that isn't a query which these zones answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deferred {
    /// It is signed (RFC 8945), whatever it asks for: without the signature, which begins here and has to be verified first,
    /// it can be looked at again.
    Signed {
        /// The offset of the TSIG record in the request.
        tsig_at: usize,
    },
    /// A transfer: AXFR over a stream (RFC 5936), IXFR over either (RFC 1995).
    Transfer,
    /// A NOTIFY (RFC 1996), for whoever keeps the zone.
    Notify,
    /// A dynamic update (RFC 2136), for whoever keeps the zone.
    Update,
    /// A query that other servers are to be asked: those of a forward zone, or, for names of no zone, those of the server.
    Forward(Option<ZoneNumber>),
}

/// Why a request gets no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// Shorter than a header: there is no id that a reply could carry.
    TooShort,
    /// It says that it is a response.
    Response,
    /// The buffer for the reply is shorter than a header.
    NoRoom,
}

/// A reply, as counters and logs see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its length in octets, from the start of the buffer.
    pub len: usize,
    /// The response code, with the upper bits that an OPT record carries.
    pub rcode: Rcode,
    /// The header's flags; the response code is not among them.
    pub flags: Flags,
    /// The type that was asked for, if the question could be read.
    pub qtype: Option<Type>,
    /// Where in the request the name stands that was asked for, in uncompressed wire form.
    pub qname: Option<Range<usize>>,
    /// The zone that answered, or should have.
    pub zone: Option<ZoneNumber>,
    /// Whether the request had an OPT record.
    pub edns: bool,
    /// Whether DNSSEC records were asked for.
    pub dnssec_ok: bool,
    /// Whether the request had a good cookie of ours: its source address isn't forged.
    pub cookie_valid: bool,
    /// How many octets at the front of the name that was asked for could be any others, and the answer the same: those that
    /// a wildcard or a DNAME stands for, or that are below a delegation. 0: the name itself is there, or no name. An attacker
    /// can make up any number of names that differ in these.
    pub free_bytes: u8,
}
