//! One resource record, owned: what a transfer, an update or a tool passes around. Zones keep records in a form of their
//! own; master files are read into borrowed records.

use crate::name::Name;
use crate::rrtype::{Class, Type};

/// A resource record (RFC 1035 §3.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The name it belongs to.
    pub owner: Name,
    /// Its class, nearly always IN.
    pub class: Class,
    /// Seconds it may be cached, up to 2^31 − 1 (RFC 2181 §8).
    pub ttl: u32,
    /// Its type.
    pub rtype: Type,
    /// Wire form of at most 65535 octets; names in it are uncompressed and keep their case.
    pub rdata: Box<[u8]>,
}
