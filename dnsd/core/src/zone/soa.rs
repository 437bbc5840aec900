//! The numbers of an SOA record (RFC 1035 §3.3.13).

use super::{FindingKind, RecordSet};
use crate::name::NameRef;
use crate::serial::Serial;

/// What an SOA record says beside its two names. Times are seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Soa {
    /// The version of the zone.
    pub serial: Serial,
    /// How often a secondary asks for a newer version.
    pub refresh: u32,
    /// How soon it asks again after a failure.
    pub retry: u32,
    /// How long it serves the zone without an answer.
    pub expire: u32,
    /// How long a negative answer may be cached (RFC 2308 §4).
    pub minimum: u32,
}

impl Soa {
    /// Reads the SOA set of a zone's apex, which has to be one record (RFC 1035 §5.2).
    pub(super) fn of_apex(set: Option<RecordSet<'_>>) -> Result<Self, FindingKind> {
        let set = set.ok_or(FindingKind::NoSoa)?;
        if set.count() > 1 {
            return Err(FindingKind::SeveralSoas);
        }
        let soa = set.rdatas().next().and_then(Self::read);
        soa.ok_or(FindingKind::MalformedSoa)
    }

    /// Reads an SOA record's data in uncompressed wire form; `None` when it isn't two names and five numbers.
    pub fn read(rdata: &[u8]) -> Option<Self> {
        let mname = NameRef::prefix_of(rdata).ok()?;
        let rest = &rdata[mname.as_wire().len()..];
        let rname = NameRef::prefix_of(rest).ok()?;
        let numbers: &[u8; 20] = rest[rname.as_wire().len()..].try_into().ok()?;
        let number = |n: usize| {
            u32::from_be_bytes([
                numbers[4 * n],
                numbers[4 * n + 1],
                numbers[4 * n + 2],
                numbers[4 * n + 3],
            ])
        };
        Some(Self {
            serial: Serial(number(0)),
            refresh: number(1),
            retry: number(2),
            expire: number(3),
            minimum: number(4),
        })
    }
}
