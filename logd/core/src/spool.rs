//! The spool of an output: records that wait on a disk until their target has them, in the order in which they came.
//!
//! A spool is a row of segments, files that are only ever appended to, and a file with the position: which record is the first that
//! no target has yet. Every record has a sequence number, one greater than that of the one before it; a segment is named
//! for the number of its first record.
//!
//! ```text
//! segment:  8  "BALLASTQ"    2  version    2  zero    8  number of the first record    8  salt    4  checksum
//! records:  4  length    8  number    8  time, ms since 1970    4  checksum    n  content    4  checksum
//! position: two slots of 4  "BLQP"    2  version    2  zero    8  generation    8  position    4  checksum
//! ```
//!
//! Numbers are big-endian. The first checksum of a record is over the segment's salt and what stands before it, the second goes on
//! from there over the content: what a failing disk or an interrupted write left is told from a record, and so is a record that
//! somebody sent us in a message. What is damaged is skipped up to the next record that is intact, and by the numbers it is
//! known exactly how many are missing. What the disk can't read it may be able to in a moment: how often that is tried is the
//! caller's to decide, and then it is as if it were damaged. What follows the last intact record of the last segment is a torn
//! write that nobody was told of, and is cut.
//!
//! [`Spool`] decides; a [`Disk`] does as it says. A spool of a later version than this one is left alone: its segments are set
//! aside, not removed.

mod disk;
mod open;
mod position;
mod reading;
mod record;
#[cfg(test)]
mod tests;
mod unreadable;

use std::collections::VecDeque;

pub use disk::Disk;
pub use open::Found;
pub use position::{POSITION_BYTES, Position};
pub use reading::Batch;
use reading::Cursor;
pub use record::{Record, SALT_BYTES, Salt, Segment, SegmentError, Step, step};
use unreadable::PassedOver;

/// The longest record: more than the longest message that an input takes becomes of any sensible template.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// A segment is that part of the spool that goes at once: when all of it was sent, or to make room for newer records.
const SEGMENTS: u64 = 16;

/// A recovery reads one segment at most, and this much takes a moment.
const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// The least that a spool may be told to hold: room for the longest record beside what is sent and not removed yet.
pub const SPOOL_BYTES_MIN: u64 = 4 * RECORD_BYTES_MAX as u64;

/// What a spool does with records that it has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// Takes them when there is room again: the caller waits.
    Block,
    /// Gives up the oldest, a segment at a time.
    DropOldest,
    /// Does not take them.
    DropNewest,
}

/// A spool that was opened.
#[derive(Debug)]
pub struct Spool<D> {
    disk: D,
    bytes_max: u64,
    segment_bytes_max: u64,
    when_full: WhenFull,
    /// From the oldest on.
    segments: VecDeque<Kept>,
    /// The salt of the last segment, while records are appended to it.
    appending: Option<Salt>,
    /// The number of the next record that is appended.
    next: u64,
    /// The number of the first record that no target has yet.
    position: u64,
    /// Of the position's file.
    generation: u64,
    cursor: Cursor,
    /// Where batches that were read and are not acknowledged begin.
    read: VecDeque<Cursor>,
    /// As far as records have been read, before the last rewind too.
    seen: u64,
    /// Places that the disk can't read, in segments that are there.
    passed_over: Vec<PassedOver>,
    /// When the first record that no target has was appended, as far as that is known.
    oldest_ms: Option<u64>,
    /// Room for what is written or read.
    buffer: Vec<u8>,
}

/// A segment of this spool.
#[derive(Debug, Clone, Copy)]
struct Kept {
    first: u64,
    /// As far as it is intact, or was found.
    bytes: u64,
}

/// What became of records that were to be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// They are in the spool. Of the oldest, so many were dropped for them.
    Stored {
        /// Records that no target will get.
        dropped: u64,
    },
    /// There is no room; what is to be done says the spool's [`WhenFull`].
    Full,
}

impl<D: Disk> Spool<D> {
    /// Appends records with one write, or none of them.
    ///
    /// `salt` is random, and used if these begin a segment.
    ///
    /// # Errors
    /// When the disk refuses: nothing was appended then. A spool that drops its oldest records has done so as long as that
    /// could help.
    ///
    /// # Panics
    /// When one is longer than [`RECORD_BYTES_MAX`].
    pub fn append<'r, I>(&mut self, records: I, now_ms: u64, salt: Salt) -> Result<Appended, D::Error>
    where
        I: IntoIterator<Item = &'r [u8]>,
        I::IntoIter: Clone,
    {
        let records = records.into_iter();
        let bytes: u64 = records.clone().map(record::bytes).sum();
        let mut dropped = 0;
        loop {
            if self.bytes() + bytes + record::SEGMENT_BYTES as u64 > self.bytes_max {
                match self.when_full {
                    WhenFull::DropOldest if !self.segments.is_empty() => {
                        dropped += self.drop_oldest()?;
                        continue;
                    }
                    _ => return Ok(Appended::Full),
                }
            }
            match self.write(records.clone(), now_ms, salt) {
                Ok(()) => return Ok(Appended::Stored { dropped }),
                // The disk is full, as a rule: what is dropped there makes room.
                Err(_) if self.position == self.next && !self.segments.is_empty() => {
                    // Nobody needs what is there any more.
                    self.forget_acknowledged()?;
                }
                Err(error)
                    if D::has_no_room(&error)
                        && self.when_full == WhenFull::DropOldest
                        && !self.segments.is_empty() =>
                {
                    dropped += self.drop_oldest()?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn write<'r>(&mut self, records: impl Iterator<Item = &'r [u8]>, now_ms: u64, salt: Salt) -> Result<(), D::Error> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let last = self.segments.back().copied();
        let (salt, kept) = match (self.appending, last) {
            (Some(salt), Some(last)) if last.bytes < self.segment_bytes_max => (salt, last),
            _ => {
                let segment = Segment { first: self.next, salt };
                segment.encode(&mut buffer);
                let first = self.next;
                (salt, Kept { first, bytes: 0 })
            }
        };
        let mut next = self.next;
        for content in records {
            record::encode(salt, next, now_ms, content, &mut buffer);
            next += 1;
        }
        let written = self.disk.append(kept.first, kept.bytes, &buffer);
        let bytes = buffer.len() as u64;
        self.buffer = buffer;
        if let Err(error) = written {
            if kept.bytes == 0 {
                // Whether there is a file now or not: none that recovery would take for a segment with records.
                let _ = self.disk.remove(kept.first);
            } else {
                // What can't be cut is not read, as the next segment begins with the same number.
                let _ = self.disk.cut(kept.first, kept.bytes);
            }
            // A segment that is not appended to makes room as soon as all of it was sent.
            self.appending = None;
            return Err(error);
        }
        if kept.bytes == 0 {
            self.segments.push_back(kept);
        }
        self.appending = Some(salt);
        if self.records() == 0 {
            self.oldest_ms = Some(now_ms);
        }
        self.next = next;
        if let Some(last) = self.segments.back_mut() {
            last.bytes += bytes;
        }
        Ok(())
    }

    /// Gives up the oldest segment; how many records of it no target has had.
    fn drop_oldest(&mut self) -> Result<u64, D::Error> {
        let behind = self.segments.get(1).map_or(self.next, |segment| segment.first);
        let dropped = behind.saturating_sub(self.position);
        if self.segments.len() == 1 {
            self.appending = None;
        }
        self.advance(behind)?;
        if self.cursor.expected < self.position {
            self.cursor = self.start_of(self.position);
        }
        Ok(dropped)
    }

    /// A target has all records before this number: they are forgotten. A position that can't be written costs no more than
    /// that records are sent twice after a crash, and is written with the next.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn acknowledge(&mut self, position: u64) -> Result<(), D::Error> {
        // What was not read nobody can have.
        let position = position.min(self.cursor.expected);
        if position <= self.position {
            return Ok(());
        }
        self.advance(position)
    }

    fn advance(&mut self, position: u64) -> Result<(), D::Error> {
        self.position = self.position.max(position);
        if self.cursor.expected <= self.position {
            self.read.clear();
        }
        while self.read.get(1).is_some_and(|later| later.expected <= self.position) {
            self.read.pop_front();
        }
        if self.position == self.next {
            self.oldest_ms = None;
        } else if let Some(oldest) = self.read.front() {
            self.oldest_ms = oldest.since_ms.or(self.oldest_ms);
        }
        self.forget_acknowledged()
    }

    /// Writes the position and removes the segments before it.
    fn forget_acknowledged(&mut self) -> Result<(), D::Error> {
        // First: a segment that is missing without it would count as lost.
        let written = self.write_position();
        while let Some(oldest) = self.segments.front().copied() {
            let behind = match self.segments.get(1) {
                Some(segment) => segment.first,
                // The one that is appended to goes when it is full, or takes the room of others.
                None if oldest.bytes >= self.segment_bytes_max || self.appending.is_none() => self.next,
                None if oldest.bytes > self.bytes_max / 2 => self.next,
                None => break,
            };
            if behind > self.position {
                break;
            }
            self.disk.remove(oldest.first)?;
            self.segments.pop_front();
            self.passed_over.retain(|passed| passed.segment != oldest.first);
            if self.segments.is_empty() {
                self.appending = None;
            }
        }
        // Where a full disk refused it there is room now.
        written.or_else(|_| self.write_position())
    }

    fn write_position(&mut self) -> Result<(), D::Error> {
        let position = Position {
            generation: self.generation + 1,
            position: self.position,
        };
        self.disk.write_position(position.place(), &position.encode())?;
        self.generation += 1;
        Ok(())
    }

    /// Makes what was appended survive a power cut.
    ///
    /// # Errors
    /// When the disk can't.
    pub fn sync(&mut self) -> Result<(), D::Error> {
        match self.segments.back() {
            Some(last) => self.disk.sync(last.first),
            None => Ok(()),
        }
    }

    /// Records that no target has yet.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.next - self.position
    }

    /// Octets on the disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// The number of the next record that is appended.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The number of the first record that no target has yet.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// When the oldest of the records that no target has was appended, in ms since 1970; or one a little older, if those before
    /// it have just been acknowledged.
    #[must_use]
    pub fn oldest_ms(&self) -> Option<u64> {
        self.oldest_ms
    }

    /// The disk.
    pub fn disk(&mut self) -> &mut D {
        &mut self.disk
    }

    /// Takes more than its limit from now on: what is left in a queue that nobody adds to is better there than lost.
    pub fn lift_limit(&mut self) {
        self.bytes_max = u64::MAX;
    }

    /// Has another limit, and does something else when it is reached, from now on.
    pub fn limit(&mut self, bytes_max: u64, when_full: WhenFull) {
        self.bytes_max = bytes_max.max(SPOOL_BYTES_MIN);
        self.segment_bytes_max = (self.bytes_max / SEGMENTS).min(SEGMENT_BYTES_MAX);
        self.when_full = when_full;
    }
}
