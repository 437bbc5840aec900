//! Segments and records as octets.

use std::fmt;

use super::RECORD_BYTES_MAX;

const MAGIC: &[u8; 8] = b"BALLASTQ";
/// Of the format. A later one is a file that this version leaves alone.
const VERSION: u16 = 1;

/// What is in front of a segment's records.
pub(super) const SEGMENT_BYTES: usize = 32;

/// What is in front of a record's content.
pub(super) const HEAD_BYTES: usize = 24;

/// The checksum behind it.
const TAIL_BYTES: usize = 4;

/// Octets of a segment's salt.
pub const SALT_BYTES: usize = 8;

/// Random octets that only the records of one segment are made with: none of another one, of an earlier file in the same
/// blocks, or out of a message is taken for one of its own.
pub type Salt = [u8; SALT_BYTES];

/// What stands in front of a segment's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The number of its first record.
    pub first: u64,
    /// What its records' checksums begin with.
    pub salt: Salt,
}

/// A file that is no segment that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentError {
    /// What should be in front is not there, or damaged.
    Damaged,
    /// It is of a later version of the format.
    Version(u16),
    /// The disk can't read what is in front.
    Unreadable,
}

impl fmt::Display for SegmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("its beginning is damaged"),
            Self::Version(version) => write!(f, "it is of version {version}, later than what this logd knows"),
            Self::Unreadable => f.write_str("its beginning can't be read"),
        }
    }
}

impl std::error::Error for SegmentError {}

impl Segment {
    /// Appends its octets.
    pub fn encode(self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.first.to_be_bytes());
        out.extend_from_slice(&self.salt);
        let checksum = crc32fast::hash(&out[start..]);
        out.extend_from_slice(&checksum.to_be_bytes());
    }

    /// Reads what is in front of a segment's records.
    ///
    /// # Errors
    /// When its records can't be read.
    pub fn decode(bytes: &[u8]) -> Result<Self, SegmentError> {
        let head: &[u8; SEGMENT_BYTES] = bytes.first_chunk().ok_or(SegmentError::Damaged)?;
        if !head.starts_with(MAGIC) {
            return Err(SegmentError::Damaged);
        }
        // Before the checksum, which a later version may have elsewhere.
        let version = u16::from_be_bytes([head[8], head[9]]);
        if version > VERSION {
            return Err(SegmentError::Version(version));
        }
        let (content, checksum) = head.split_last_chunk::<4>().ok_or(SegmentError::Damaged)?;
        if version != VERSION || crc32fast::hash(content) != u32::from_be_bytes(*checksum) {
            return Err(SegmentError::Damaged);
        }
        let part = |at: usize| head[at..].first_chunk::<8>().copied().unwrap_or_default();
        Ok(Self {
            first: u64::from_be_bytes(part(12)),
            salt: part(20),
        })
    }
}

/// A record, as it stands in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'b> {
    /// Its number.
    pub number: u64,
    /// When it was appended, in ms since 1970.
    pub time_ms: u64,
    /// What was appended.
    pub content: &'b [u8],
}

/// What the octets at a place of a segment are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'b> {
    /// A record of so many octets.
    Record(Record<'b>, usize),
    /// So many octets that are none, or damaged.
    Skip(usize),
    /// It takes this many octets to say.
    Needs(usize),
}

/// How many octets a record of this content takes.
pub(super) fn bytes(content: &[u8]) -> u64 {
    (HEAD_BYTES + content.len() + TAIL_BYTES) as u64
}

/// Appends the octets of a record.
///
/// # Panics
/// When it is too long.
pub(super) fn encode(salt: Salt, number: u64, time_ms: u64, content: &[u8], out: &mut Vec<u8>) {
    assert!(content.len() <= RECORD_BYTES_MAX, "a record that could not be read");
    let start = out.len();
    out.extend_from_slice(&(content.len() as u32).to_be_bytes());
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(&time_ms.to_be_bytes());
    let head = checksum_of_head(salt, &out[start..]);
    out.extend_from_slice(&head.to_be_bytes());
    out.extend_from_slice(content);
    out.extend_from_slice(&checksum_of_content(head, content).to_be_bytes());
}

/// What the octets at a place are. Records have this number at least; `is_end`: nothing comes behind these octets.
#[must_use]
pub fn step(salt: Salt, bytes: &[u8], number_min: u64, is_end: bool) -> Step<'_> {
    let whole = HEAD_BYTES + TAIL_BYTES;
    if bytes.len() < whole {
        return if is_end {
            Step::Skip(bytes.len())
        } else {
            Step::Needs(whole)
        };
    }
    let Some(head) = Head::decode(salt, bytes, number_min) else {
        return Step::Skip(resume(salt, bytes, number_min, is_end));
    };
    let length = whole + head.length;
    if bytes.len() < length {
        // A torn write, or a record that lost its end and has none behind it.
        return if is_end {
            Step::Skip(bytes.len())
        } else {
            Step::Needs(length)
        };
    }
    let content = &bytes[HEAD_BYTES..HEAD_BYTES + head.length];
    let checksum = bytes[HEAD_BYTES + head.length..].first_chunk().copied();
    if checksum.map(u32::from_be_bytes) != Some(checksum_of_content(head.checksum, content)) {
        return Step::Skip(length);
    }
    let record = Record {
        number: head.number,
        time_ms: head.time_ms,
        content,
    };
    Step::Record(record, length)
}

/// How many octets there are to the next record, as far as one can be seen.
fn resume(salt: Salt, bytes: &[u8], number_min: u64, is_end: bool) -> usize {
    let last = bytes.len() - HEAD_BYTES;
    let next = (1..=last).find(|at| Head::decode(salt, &bytes[*at..], number_min).is_some());
    match next {
        Some(at) => at,
        None if is_end => bytes.len(),
        // One may begin in the last octets.
        None => last + 1,
    }
}

struct Head {
    length: usize,
    number: u64,
    time_ms: u64,
    checksum: u32,
}

impl Head {
    fn decode(salt: Salt, bytes: &[u8], number_min: u64) -> Option<Self> {
        let head: &[u8; HEAD_BYTES] = bytes.first_chunk()?;
        let length = u32::from_be_bytes(*head.first_chunk()?) as usize;
        let number = u64::from_be_bytes(*head[4..].first_chunk()?);
        // Nearly all that is no head ends here.
        if length > RECORD_BYTES_MAX || number < number_min {
            return None;
        }
        let (content, checksum) = head.split_last_chunk::<4>()?;
        let checksum = u32::from_be_bytes(*checksum);
        (checksum_of_head(salt, content) == checksum).then_some(())?;
        Some(Self {
            length,
            number,
            time_ms: u64::from_be_bytes(*head[12..].first_chunk()?),
            checksum,
        })
    }
}

fn checksum_of_head(salt: Salt, head: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt);
    hasher.update(head);
    hasher.finalize()
}

fn checksum_of_content(head: u32, content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(head);
    hasher.update(content);
    hasher.finalize()
}
