//! The journal of a zone: the steps between its versions, one behind the other in a file. From it come incremental transfers
//! (RFC 1995), and after a crash the updates that were acknowledged and are not in the zone's file yet.
//!
//! ```text
//! 8  "BALLASTJ"     2  version of the format     1  length of the name     n  the zone's name     8  checksum
//! entries:
//! 4  length of what is between here and the checksum     1  kind     n  content     8  checksum
//! ```
//!
//! Numbers are big-endian. A checksum is over the one before it and all octets in between, so what an interrupted write or
//! a failing disk left is where reading ends, and an entry of an earlier journal in the same place is none of this one's.
//! Entries are only ever appended; [`Journal::shortened`] makes a new journal.
//!
//! | kind | content |
//! |---|---|
//! | 1 | a step: a [`Delta`] in octets |
//! | 2 | 4 octets serial, 16 octets state: the zone's file in this state held the version of this serial |
//! | 3 | 4 octets serial: serials up to this one have been used for different contents |

mod error;

use std::hash::Hasher;

pub use error::JournalError;
use siphasher::sip::SipHasher24;

use super::Delta;
use crate::name::NameRef;
use crate::serial::Serial;

const MAGIC: &[u8; 8] = b"BALLASTJ";
/// Of the format. A later one is a file that this version leaves alone.
const VERSION: u16 = 1;
const CHECKSUM_BYTES: usize = 8;
const LENGTH_BYTES: usize = 4;
const STEP: u8 = 1;
const FILE: u8 = 2;
const REUSED: u8 = 3;
/// What is chained in front of a journal.
const NO_CHECKSUM: u64 = 0;

/// In which state a zone's file was: whatever tells its contents apart, made by who reads it.
pub type FileState = [u8; 16];

/// An entry of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A step from one version of the zone to the next.
    Step(Delta),
    /// The zone's file in this state held this version.
    File {
        /// The version.
        serial: Serial,
        /// The state.
        state: FileState,
    },
    /// Serials up to this one have been used for different contents: nobody who has one of these versions may be given the
    /// steps from there on.
    Reused(Serial),
}

/// What is intact of a journal.
#[derive(Debug)]
pub struct Journal<'j> {
    origin: NameRef<'j>,
    octets: &'j [u8],
    entries: Vec<Placed>,
    end: usize,
    checksum: u64,
}

/// An entry, and how many octets of the journal it takes.
#[derive(Debug)]
struct Placed {
    entry: Entry,
    bytes: usize,
}

/// Makes the octets of entries that are to be appended to a journal.
#[derive(Debug, Clone)]
pub struct Appender {
    checksum: u64,
}

impl Appender {
    /// Starts a journal of a zone: the octets that are in front of its entries go to the end of `out`.
    pub fn create(origin: NameRef<'_>, out: &mut Vec<u8>) -> Self {
        let start = out.len();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.push(origin.as_wire().len() as u8);
        out.extend_from_slice(origin.as_wire());
        let checksum = checksum(NO_CHECKSUM, &out[start..]);
        out.extend_from_slice(&checksum.to_be_bytes());
        Self { checksum }
    }

    /// Appends the octets of an entry to `out`. They count when they have been written behind the last entry; who could not
    /// write them all cuts the file there and goes on with the appender that it had before.
    pub fn append(&mut self, entry: &Entry, out: &mut Vec<u8>) {
        match entry {
            Entry::Step(delta) => self.step(delta, out),
            Entry::File { serial, state } => self.file(*serial, *state, out),
            Entry::Reused(serial) => self.reused(*serial, out),
        }
    }

    /// The same for a step.
    pub fn step(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        self.entry(STEP, out, |out| delta.encode(out));
    }

    /// The same for the state that the zone's file has with this version.
    pub fn file(&mut self, serial: Serial, state: FileState, out: &mut Vec<u8>) {
        self.entry(FILE, out, |out| {
            out.extend_from_slice(&serial.0.to_be_bytes());
            out.extend_from_slice(&state);
        });
    }

    /// The same for serials that have been used for different contents.
    pub fn reused(&mut self, serial: Serial, out: &mut Vec<u8>) {
        self.entry(REUSED, out, |out| out.extend_from_slice(&serial.0.to_be_bytes()));
    }

    fn entry(&mut self, kind: u8, out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        out.extend_from_slice(&[0; LENGTH_BYTES]);
        out.push(kind);
        content(out);
        let length = (out.len() - start - LENGTH_BYTES) as u32;
        out[start..start + LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        self.checksum = checksum(self.checksum, &out[start..]);
        out.extend_from_slice(&self.checksum.to_be_bytes());
    }
}

impl<'j> Journal<'j> {
    /// Reads a journal of the zone: all of it that is intact. An error says that it is none of this zone and this format,
    /// so that nothing of it may be used or written over unasked. So is one with an entry that is intact and not understood.
    pub fn scan(octets: &'j [u8], zone: NameRef<'_>) -> Result<Self, JournalError> {
        let (origin, end, checksum) = read_header(octets)?;
        if origin != zone {
            return Err(JournalError::OtherZone(origin.to_name()));
        }
        let mut journal = Self {
            origin,
            octets,
            entries: Vec::new(),
            end,
            checksum,
        };
        while let Some((placed, checksum)) = journal.read_entry()? {
            journal.end += placed.bytes;
            journal.checksum = checksum;
            journal.entries.push(placed);
        }
        Ok(journal)
    }

    /// The entry behind the last one, if it is intact.
    fn read_entry(&self) -> Result<Option<(Placed, u64)>, JournalError> {
        let Some((content, bytes, checksum)) = self.intact_content() else {
            return Ok(None);
        };
        let entry = read_content(content).filter(|entry| match entry {
            Entry::Step(step) => step.origin() == self.origin,
            Entry::File { .. } | Entry::Reused(_) => true,
        });
        let entry = entry.ok_or(JournalError::UnknownEntry { at: self.end })?;
        Ok(Some((Placed { entry, bytes }, checksum)))
    }

    /// What stands between the length and the checksum of the entry behind the last one, how many octets that takes, and its
    /// checksum.
    fn intact_content(&self) -> Option<(&'j [u8], usize, u64)> {
        let rest = &self.octets[self.end..];
        let (length, content) = rest.split_first_chunk::<LENGTH_BYTES>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let (content, behind) = content.split_at_checked(length)?;
        let stored = behind.first_chunk::<CHECKSUM_BYTES>()?;
        let checksum = checksum(self.checksum, &rest[..LENGTH_BYTES + length]);
        if u64::from_be_bytes(*stored) != checksum {
            return None;
        }
        Some((content, LENGTH_BYTES + length + CHECKSUM_BYTES, checksum))
    }

    /// How many octets are intact. The file is to be cut there before an entry is appended.
    pub fn intact_bytes(&self) -> usize {
        self.end
    }

    /// Whether octets follow that are not intact: a write was interrupted, or the disk is failing.
    pub fn is_torn(&self) -> bool {
        self.end < self.octets.len()
    }

    /// Makes the entries that are to follow.
    pub fn appender(&self) -> Appender {
        Appender {
            checksum: self.checksum,
        }
    }

    /// The entries, the oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter().map(|placed| &placed.entry)
    }

    /// The steps, the oldest first.
    pub fn steps(&self) -> impl DoubleEndedIterator<Item = &Delta> {
        self.entries().filter_map(|entry| match entry {
            Entry::Step(delta) => Some(delta),
            Entry::File { .. } | Entry::Reused(_) => None,
        })
    }

    /// Which version the zone's file held in the state that was noted last.
    pub fn file_state(&self) -> Option<(Serial, FileState)> {
        self.entries().rev().find_map(|entry| match entry {
            Entry::File { serial, state } => Some((*serial, *state)),
            Entry::Step(_) | Entry::Reused(_) => None,
        })
    }

    /// Up to which serial they have been used for different contents.
    pub fn reused(&self) -> Option<Serial> {
        self.entries().rev().find_map(|entry| match entry {
            Entry::Reused(serial) => Some(*serial),
            Entry::Step(_) | Entry::File { .. } => None,
        })
    }

    /// A journal with the newest of these entries that take no more than so many octets; and what appends to it. Steps are
    /// dropped whole, the oldest first. Kept however much they take are the steps from `needed` on, the newest version that
    /// something else on disk has, and the last notes about the zone's file and about serials.
    pub fn shortened(&self, bytes_max: usize, needed: Option<Serial>) -> (Vec<u8>, Appender) {
        let mut out = Vec::new();
        let mut appender = Appender::create(self.origin, &mut out);
        let last_of = |is_such: fn(&Entry) -> bool| self.entries.iter().rposition(|placed| is_such(&placed.entry));
        let notes = [
            last_of(|entry| matches!(entry, Entry::File { .. })),
            last_of(|entry| matches!(entry, Entry::Reused(_))),
        ];
        let is_note = |at: usize| notes.contains(&Some(at));
        let notes_bytes: usize = notes.iter().flatten().map(|&at| self.entries[at].bytes).sum();
        let mut left = bytes_max.saturating_sub(out.len() + notes_bytes);
        let fits = |&at: &usize| {
            let bytes = if is_note(at) { 0 } else { self.entries[at].bytes };
            let fits = bytes <= left;
            left = left.saturating_sub(bytes);
            fits
        };
        let kept = (0..self.entries.len()).rev().take_while(fits).count();
        let is_needed = |placed: &Placed| matches!(&placed.entry, Entry::Step(step) if Some(step.from()) == needed);
        let first_needed = self.entries.iter().rposition(is_needed).unwrap_or(self.entries.len());
        let first = (self.entries.len() - kept).min(first_needed);
        for (at, placed) in self.entries.iter().enumerate() {
            if at >= first || is_note(at) {
                appender.append(&placed.entry, &mut out);
            }
        }
        (out, appender)
    }
}

/// The entry that these octets are, its kind first; `None` when they are none that is known here.
fn read_content(content: &[u8]) -> Option<Entry> {
    let (&kind, content) = content.split_first()?;
    match kind {
        STEP => Delta::decode(content).ok().map(Entry::Step),
        FILE => {
            let (serial, state) = content.split_first_chunk::<4>()?;
            Some(Entry::File {
                serial: Serial(u32::from_be_bytes(*serial)),
                state: state.try_into().ok()?,
            })
        }
        REUSED => Some(Entry::Reused(Serial(u32::from_be_bytes(content.try_into().ok()?)))),
        _ => None,
    }
}

/// The zone's name, where the entries start, and the checksum in front of them.
fn read_header(octets: &[u8]) -> Result<(NameRef<'_>, usize, u64), JournalError> {
    let rest = octets.strip_prefix(MAGIC).ok_or(JournalError::NotAJournal)?;
    let ([v0, v1, length], rest) = rest.split_first_chunk().ok_or(JournalError::NotAJournal)?;
    let version = u16::from_be_bytes([*v0, *v1]);
    if version != VERSION {
        return Err(JournalError::OtherVersion(version));
    }
    let (name, rest) = rest
        .split_at_checked(usize::from(*length))
        .ok_or(JournalError::NotAJournal)?;
    let stored = rest.first_chunk::<CHECKSUM_BYTES>().ok_or(JournalError::NotAJournal)?;
    let front = octets.len() - rest.len();
    let checksum = checksum(NO_CHECKSUM, &octets[..front]);
    let origin = NameRef::from_wire(name).map_err(|_| JournalError::NotAJournal)?;
    if u64::from_be_bytes(*stored) != checksum {
        return Err(JournalError::NotAJournal);
    }
    Ok((origin, front + CHECKSUM_BYTES, checksum))
}

/// Nobody forges a journal, so the key may be known: it is the checksum that it is chained to.
fn checksum(before: u64, octets: &[u8]) -> u64 {
    let mut hasher = SipHasher24::new_with_keys(before, u64::from_be_bytes(*MAGIC));
    hasher.write(octets);
    hasher.finish()
}

#[cfg(test)]
mod tests;
