//! Records outside of a zone, many of them in one piece of memory: what a delta, a journal and a transfer are made of.

use std::fmt;

use crate::name::{NameError, NameRef};
use crate::rdata::{self, RdataError};
use crate::rrtype::{Class, Type};

/// Octets of a record between its owner and its data: type, class, TTL and length (RFC 1035 §3.2.1).
pub(super) const FIXED_BYTES: usize = 10;
/// The longest time a record may be cached, in seconds (RFC 2181 §8).
pub(super) const TTL_MAX: u32 = i32::MAX as u32;

/// Records of class IN, one behind the other in wire form, no name compressed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Records {
    octets: Vec<u8>,
    count: usize,
}

/// One of [`Records`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRef<'r> {
    /// The name it belongs to.
    pub owner: NameRef<'r>,
    /// Its type.
    pub rtype: Type,
    /// Seconds it may be cached.
    pub ttl: u32,
    /// Uncompressed wire form of at most 65535 octets.
    pub rdata: &'r [u8],
}

/// Why octets are not records of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordsError {
    /// An owner is no uncompressed name.
    Owner(NameError),
    /// The octets end inside a record.
    Truncated,
    /// A class other than IN.
    OtherClass(Class),
    /// A type that asks for something or belongs to a message.
    MetaType(Type),
    /// Data that its type can't have.
    Rdata(Type, RdataError),
    /// A TTL of more than 2^31 − 1 (RFC 2181 §8).
    Ttl(u32),
}

impl Records {
    /// No records.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record. `rdata` is uncompressed wire form of at most 65535 octets, and right for its type.
    ///
    /// # Panics
    /// When there are more octets of data than a record can have.
    pub fn push(&mut self, owner: NameRef<'_>, rtype: Type, ttl: u32, rdata: &[u8]) {
        let length = u16::try_from(rdata.len()).expect("a record has at most 65535 octets of data");
        self.octets.reserve(owner.as_wire().len() + FIXED_BYTES + rdata.len());
        self.octets.extend_from_slice(owner.as_wire());
        self.octets.extend_from_slice(&rtype.0.to_be_bytes());
        self.octets.extend_from_slice(&Class::IN.0.to_be_bytes());
        self.octets.extend_from_slice(&ttl.to_be_bytes());
        self.octets.extend_from_slice(&length.to_be_bytes());
        self.octets.extend_from_slice(rdata);
        self.count += 1;
    }

    /// Adds a record.
    pub(super) fn push_record(&mut self, record: RecordRef<'_>) {
        self.push(record.owner, record.rtype, record.ttl, record.rdata);
    }

    /// Takes records in wire form, and looks at every octet of them: they may come from a disk that lies.
    pub fn from_octets(octets: &[u8]) -> Result<Self, RecordsError> {
        let (mut count, mut rest) = (0, octets);
        while !rest.is_empty() {
            rest = check_first(rest)?;
            count += 1;
        }
        Ok(Self {
            octets: octets.to_vec(),
            count,
        })
    }

    /// All records in wire form.
    pub fn as_octets(&self) -> &[u8] {
        &self.octets
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The records, in the order in which they were added.
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.octets }
    }

    /// The record that starts at an octet; `None` behind the last.
    pub(super) fn stored_at(&self, at: usize) -> Option<Stored<'_>> {
        Some(split_first(self.octets.get(at..)?).ok()?.0)
    }
}

impl<'r> IntoIterator for &'r Records {
    type Item = RecordRef<'r>;
    type IntoIter = Iter<'r>;

    fn into_iter(self) -> Iter<'r> {
        self.iter()
    }
}

impl<'r> FromIterator<RecordRef<'r>> for Records {
    fn from_iter<I: IntoIterator<Item = RecordRef<'r>>>(records: I) -> Self {
        let mut all = Self::new();
        for record in records {
            all.push_record(record);
        }
        all
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|record| record.to_string()))
            .finish()
    }
}

impl RecordRef<'_> {
    /// The type that a signature covers (RFC 4034 §3.1.1); zero for everything else.
    pub fn covers(&self) -> Type {
        match (self.rtype, self.rdata.first_chunk::<2>()) {
            (Type::RRSIG, Some(covered)) => Type(u16::from_be_bytes(*covered)),
            _ => Type(0),
        }
    }
}

impl fmt::Display for RecordRef<'_> {
    /// One line of a master file, without the line's end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            owner,
            rtype,
            ttl,
            rdata,
        } = self;
        write!(f, "{owner} {ttl} IN {rtype} {}", rdata::display(*rtype, rdata))
    }
}

/// Reads [`Records`] one by one.
#[derive(Debug, Clone)]
pub struct Iter<'r> {
    rest: &'r [u8],
}

impl<'r> Iterator for Iter<'r> {
    type Item = RecordRef<'r>;

    fn next(&mut self) -> Option<RecordRef<'r>> {
        let (record, rest) = split_first(self.rest).ok()?;
        self.rest = rest;
        Some(RecordRef {
            owner: record.owner,
            rtype: record.rtype,
            ttl: record.ttl,
            rdata: record.rdata,
        })
    }
}

/// A record as it stands in octets.
pub(super) struct Stored<'r> {
    pub(super) owner: NameRef<'r>,
    pub(super) rtype: Type,
    /// All that follows the owner: type, class, TTL, length and data.
    pub(super) body: &'r [u8],
    class: Class,
    ttl: u32,
    rdata: &'r [u8],
}

impl Stored<'_> {
    /// How many octets the record takes.
    pub(super) fn wire_bytes(&self) -> usize {
        self.owner.as_wire().len() + self.body.len()
    }
}

fn split_first(octets: &[u8]) -> Result<(Stored<'_>, &[u8]), RecordsError> {
    let owner = NameRef::prefix_of(octets).map_err(RecordsError::Owner)?;
    let behind = &octets[owner.as_wire().len()..];
    let (fixed, rest) = behind
        .split_first_chunk::<FIXED_BYTES>()
        .ok_or(RecordsError::Truncated)?;
    let [t0, t1, c0, c1, s0, s1, s2, s3, l0, l1] = *fixed;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let (rdata, rest) = rest.split_at_checked(length).ok_or(RecordsError::Truncated)?;
    let record = Stored {
        owner,
        rtype: Type(u16::from_be_bytes([t0, t1])),
        body: &behind[..FIXED_BYTES + length],
        class: Class(u16::from_be_bytes([c0, c1])),
        ttl: u32::from_be_bytes([s0, s1, s2, s3]),
        rdata,
    };
    Ok((record, rest))
}

/// Looks at the first record; gives what is behind it.
fn check_first(octets: &[u8]) -> Result<&[u8], RecordsError> {
    let (record, rest) = split_first(octets)?;
    if record.class != Class::IN {
        return Err(RecordsError::OtherClass(record.class));
    }
    if record.rtype.is_meta() {
        return Err(RecordsError::MetaType(record.rtype));
    }
    if record.ttl > TTL_MAX {
        return Err(RecordsError::Ttl(record.ttl));
    }
    rdata::check(record.rtype, record.rdata).map_err(|error| RecordsError::Rdata(record.rtype, error))?;
    Ok(rest)
}

impl fmt::Display for RecordsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(error) => write!(f, "bad owner name: {error}"),
            Self::Truncated => f.write_str("a record is cut off"),
            Self::OtherClass(class) => write!(f, "a record of class {class}"),
            Self::MetaType(rtype) => write!(f, "a record of type {rtype}, which can't be in a zone"),
            Self::Rdata(rtype, error) => write!(f, "bad {rtype} record: {error}"),
            Self::Ttl(ttl) => write!(f, "a TTL of {ttl} seconds"),
        }
    }
}

impl std::error::Error for RecordsError {}
