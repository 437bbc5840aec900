//! What can be wrong with a transfer that comes in.

use std::fmt;

use crate::message::{Rcode, ReceivedError};
use crate::name::Name;
use crate::rdata::RdataError;
use crate::rrtype::{Class, Type};
use crate::serial::Serial;
use crate::transfer::DeltaError;
use crate::zone::Finding;

/// Why a transfer is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IncomingError {
    /// Something that isn't the response to a query.
    NotAResponse,
    /// The response to another request.
    OtherId,
    /// The response to another question.
    OtherQuestion,
    /// The primary says no.
    Refused(Rcode),
    /// The response was truncated: it came by UDP, and is to be asked for again by TCP.
    Truncated,
    /// A record can't be read.
    Malformed(ReceivedError),
    /// The data of a record is not what its type has.
    Rdata {
        /// Whose record.
        owner: Name,
        /// Its type.
        rtype: Type,
        /// What is wrong.
        error: RdataError,
    },
    /// A message without records.
    Empty,
    /// A record of a class other than IN.
    OtherClass(Class),
    /// A record of a type that can't be in a zone.
    MetaType(Type),
    /// A record that isn't in the zone.
    OutOfZone(Name),
    /// The first record is not the zone's SOA record.
    NoSoa,
    /// The data of an SOA record is malformed.
    MalformedSoa,
    /// An SOA record of a name inside the zone.
    MisplacedSoa(Name),
    /// The zone is older than ours, or the same.
    NotNewer {
        /// Our version.
        have: Serial,
        /// The version that was offered.
        offered: Serial,
    },
    /// The SOA record at the end is not the one that was announced: the zone changed on the way.
    SoaChanged,
    /// A step that doesn't start where it should.
    Gap {
        /// Where it should start.
        expected: Serial,
        /// Where it starts.
        found: Serial,
    },
    /// A step that leads to no newer version.
    StepBack {
        /// Where it starts.
        from: Serial,
        /// Where it leads.
        to: Serial,
    },
    /// A step whose records don't make one.
    Step(DeltaError),
    /// More octets than the limit.
    TooManyOctets,
    /// More records than the limit.
    TooManyRecords,
    /// Records behind the last one of the transfer.
    TrailingRecords,
    /// A message behind the last one of the transfer, or after an error.
    AfterEnd,
    /// The transfer was cut off.
    Unfinished,
    /// The records make no zone.
    Zone(Vec<Finding>),
}

impl fmt::Display for IncomingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAResponse => f.write_str("not a response"),
            Self::OtherId => f.write_str("the response to another request"),
            Self::OtherQuestion => f.write_str("the response to another question"),
            Self::Refused(rcode) => write!(f, "the primary answered {rcode}"),
            Self::Truncated => f.write_str("the response is truncated"),
            Self::Malformed(ReceivedError::Owner(error)) => write!(f, "bad owner name: {error}"),
            Self::Malformed(ReceivedError::Truncated) => f.write_str("a record is cut off"),
            Self::Rdata { owner, rtype, error } => write!(f, "{owner} {rtype}: {error}"),
            Self::Empty => f.write_str("a message without records"),
            Self::OtherClass(class) => write!(f, "a record of class {class}"),
            Self::MetaType(rtype) => write!(f, "a record of type {rtype}"),
            Self::OutOfZone(owner) => write!(f, "{owner}: out of zone"),
            Self::NoSoa => f.write_str("the first record is not the zone's SOA record"),
            Self::MalformedSoa => f.write_str("the SOA record's data is malformed"),
            Self::MisplacedSoa(owner) => write!(f, "{owner}: an SOA record inside the zone"),
            Self::NotNewer { have, offered } => write!(f, "serial {offered} is not newer than ours, {have}"),
            Self::SoaChanged => f.write_str("the SOA record at the end is not the one at the start"),
            Self::Gap { expected, found } => write!(f, "a step from serial {found} instead of {expected}"),
            Self::StepBack { from, to } => write!(f, "a step from serial {from} back to {to}"),
            Self::Step(error) => error.fmt(f),
            Self::TooManyOctets => f.write_str("more octets than allowed"),
            Self::TooManyRecords => f.write_str("more records than allowed"),
            Self::TrailingRecords => f.write_str("records behind the end of the transfer"),
            Self::AfterEnd => f.write_str("a message behind the end of the transfer"),
            Self::Unfinished => f.write_str("the transfer was cut off"),
            Self::Zone(findings) => match findings.first() {
                Some(finding) => finding.fmt(f),
                None => f.write_str("the records make no zone"),
            },
        }
    }
}

impl std::error::Error for IncomingError {}
