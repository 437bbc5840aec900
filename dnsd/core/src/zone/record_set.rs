//! The records of one name and type, as a view of the octets that they are stored and sent as.

use super::block::SET_HEAD_BYTES;
use super::runs::TTL_DIFFERED;
use crate::rrtype::Type;

/// Octets of a record in front of its data: the pointer to its owner, type, class, TTL and length.
pub(crate) const RECORD_HEAD_BYTES: usize = 12;

/// The records of one name and type.
#[derive(Clone, Copy)]
pub struct RecordSet<'z> {
    wire: &'z [u8],
    count: u16,
}

impl<'z> RecordSet<'z> {
    /// The set in stored form at the start of `octets`, and how many octets that is.
    pub(super) fn at(octets: &'z [u8]) -> (Self, usize) {
        let ([c0, c1, l0, l1], rest) = octets
            .split_first_chunk::<SET_HEAD_BYTES>()
            .expect("a block holds as many sets as its head says");
        let bytes = usize::from(u16::from_le_bytes([*l0, *l1]));
        let set = Self {
            wire: &rest[..bytes],
            count: u16::from_le_bytes([*c0, *c1]),
        };
        (set, SET_HEAD_BYTES + bytes)
    }

    /// Appends the set in stored form.
    pub(super) fn append_stored(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&(self.wire.len() as u16).to_le_bytes());
        out.extend_from_slice(self.wire);
    }

    /// All records, ready to be copied into a message whose first question asks for their owner: each `C0 0C`, type,
    /// class, TTL, length and uncompressed data.
    pub fn wire(self) -> &'z [u8] {
        self.wire
    }

    /// The records' type.
    pub fn rtype(self) -> Type {
        Type(self.number_at(2))
    }

    /// The type that these signatures cover, their first two octets (RFC 4034 §3.1.1); type 0 for anything but RRSIG.
    pub fn covers(self) -> Type {
        // Data that is too short for a type covers none.
        match self.rtype() {
            Type::RRSIG if self.number_at(10) >= 2 => Type(self.number_at(RECORD_HEAD_BYTES)),
            _ => Type(0),
        }
    }

    /// Seconds that the records may be cached.
    pub fn ttl(self) -> u32 {
        u32::from(self.number_at(6)) << 16 | u32::from(self.number_at(8))
    }

    /// How many records there are, at least one.
    pub fn count(self) -> usize {
        usize::from(self.count & !TTL_DIFFERED)
    }

    /// The number as it is stored: a builder marks with its highest bit that TTLs differed.
    pub(super) fn stored_count(self) -> u16 {
        self.count
    }

    /// Each record's data in uncompressed wire form, in canonical order (RFC 4034 §6.3).
    pub fn rdatas(self) -> Rdatas<'z> {
        Rdatas {
            rest: self.wire,
            count: self.count(),
        }
    }

    fn number_at(self, at: usize) -> u16 {
        self.wire
            .get(at..at + 2)
            .map_or(0, |octets| u16::from_be_bytes([octets[0], octets[1]]))
    }
}

impl std::fmt::Debug for RecordSet<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordSet({}, {} records)", self.rtype(), self.count())
    }
}

/// The data of a set's records.
#[derive(Debug, Clone)]
pub struct Rdatas<'z> {
    rest: &'z [u8],
    count: usize,
}

impl<'z> Iterator for Rdatas<'z> {
    type Item = &'z [u8];

    fn next(&mut self) -> Option<&'z [u8]> {
        self.count = self.count.checked_sub(1)?;
        let ([.., l0, l1], rest) = self.rest.split_first_chunk::<RECORD_HEAD_BYTES>()?;
        let (rdata, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*l0, *l1])))?;
        self.rest = rest;
        Some(rdata)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Rdatas<'_> {}

/// Appends a record, as it is stored, to a set's.
pub(super) fn append_record(out: &mut Vec<u8>, rtype: Type, ttl: u32, rdata: &[u8]) {
    let [t0, t1] = rtype.0.to_be_bytes();
    let [s0, s1, s2, s3] = ttl.to_be_bytes();
    let [l0, l1] = (rdata.len() as u16).to_be_bytes();
    out.extend_from_slice(&[0xC0, 0x0C, t0, t1, 0, 1, s0, s1, s2, s3, l0, l1]);
    out.extend_from_slice(rdata);
}
