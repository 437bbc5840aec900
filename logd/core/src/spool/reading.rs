//! Reading a spool in order, and from where it was acknowledged again.

use std::ops::Range;

use super::record::{SEGMENT_BYTES, Salt, Step, step};
use super::{Disk, Kept, Spool};

/// Where reading goes on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor {
    pub(super) segment: u64,
    /// In the segment; before its first record, its front is read first.
    pub(super) at: u64,
    pub(super) salt: Salt,
    /// The number of the next record, unless some are missing.
    pub(super) expected: u64,
    /// When a batch from here on was appended, as far as that is known.
    pub(super) since_ms: Option<u64>,
}

/// Records that were read.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    records: Vec<(u64, Range<usize>)>,
    lost: u64,
}

impl Batch {
    /// Numbers and contents, in order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = (u64, &[u8])> {
        self.records
            .iter()
            .map(|(number, range)| (*number, &self.bytes[range.clone()]))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many records were damaged on the disk and can't be read any more, in front of these and among them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.lost = 0;
    }
}

impl<D: Disk> Spool<D> {
    /// Reads the next records into a batch, in order: so many octets of them, or one that is longer, and so many at most. They are read
    /// again after [`Spool::rewind`], until they are acknowledged. The batch is empty when all were read.
    ///
    /// # Errors
    /// When the disk refuses, with an empty batch, which says how many records are lost all the same. The next time is begun at the
    /// place that was refused, and behind it after [`Spool::pass_over`].
    pub fn read(&mut self, bytes_max: usize, records_max: usize, batch: &mut Batch) -> Result<(), D::Error> {
        batch.clear();
        let is_all_acknowledged = self.cursor.expected <= self.position;
        let mut cursor = self.cursor;
        let mut buffer = std::mem::take(&mut self.buffer);
        let done = self.read_on(&mut cursor, bytes_max, records_max, &mut buffer, batch);
        self.buffer = buffer;
        self.seen = self.seen.max(cursor.expected);
        if batch.is_empty() {
            self.cursor = cursor;
            if is_all_acknowledged {
                // What is missing there is nothing that a target could still acknowledge.
                self.acknowledge(cursor.expected)?;
            }
            return done;
        }
        // A place that was refused behind these records comes first the next time.
        if self.read.is_empty() {
            self.oldest_ms = cursor.since_ms;
        }
        let since_ms = cursor.since_ms;
        self.read.push_back(Cursor {
            since_ms,
            ..self.cursor
        });
        self.cursor = cursor;
        Ok(())
    }

    /// Reads from the first record that is not acknowledged again.
    pub fn rewind(&mut self) {
        let start = self.read.front().copied();
        self.read.clear();
        self.cursor = match start {
            // Those of the batch that are acknowledged are passed over.
            Some(start) => Cursor {
                expected: start.expected.max(self.position),
                ..start
            },
            None if self.cursor.expected > self.position => self.start_of(self.position),
            None => self.cursor,
        };
    }

    pub(super) fn read_on(
        &mut self,
        cursor: &mut Cursor,
        bytes_max: usize,
        records_max: usize,
        buffer: &mut Vec<u8>,
        batch: &mut Batch,
    ) -> Result<(), D::Error> {
        let mut wanted = bytes_max.max(1);
        while batch.records.len() < records_max && batch.bytes.len() < bytes_max {
            let Some((kept, behind)) = self.segment_at(cursor.segment) else {
                // None that is left: they end where the numbers do.
                if self.segments.is_empty() {
                    self.miss(cursor, self.next, batch);
                }
                return Ok(());
            };
            if kept.first != cursor.segment {
                // Its own is gone.
                self.miss(cursor, kept.first, batch);
                enter(cursor, kept.first);
            }
            if let Some(behind) = self.passed_over(kept.first, cursor.at) {
                cursor.at = behind;
            }
            if cursor.at < SEGMENT_BYTES as u64 {
                if let Ok(segment) = self.segment(kept.first)? {
                    cursor.salt = segment.salt;
                    cursor.at = SEGMENT_BYTES as u64;
                } else {
                    // It was intact when it was opened.
                    cursor.at = kept.bytes;
                }
            }
            let left = kept.bytes.saturating_sub(cursor.at);
            if left == 0 || cursor.expected >= behind.unwrap_or(u64::MAX) {
                match behind {
                    Some(behind) => {
                        self.miss(cursor, behind, batch);
                        enter(cursor, behind);
                        continue;
                    }
                    None => {
                        // All that were appended have been seen, or can't be.
                        self.miss(cursor, self.next, batch);
                        return Ok(());
                    }
                }
            }
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(wanted);
            buffer.resize(length, 0);
            let mut refused = self.read_readable(kept.first, cursor.at, buffer)?;
            // A file that has become shorter ends where it ends.
            let is_end = refused.is_none() && (buffer.len() as u64 == left || buffer.len() < length);
            let length = buffer.len();
            let mut rest = buffer.as_slice();
            while !rest.is_empty() && batch.records.len() < records_max && batch.bytes.len() < bytes_max {
                // Those before the position are passed over here, not searched for behind what is damaged.
                match step(cursor.salt, rest, kept.first, is_end) {
                    Step::Record(record, bytes) => {
                        rest = &rest[bytes..];
                        if record.number >= cursor.expected && record.number < behind.unwrap_or(self.next) {
                            batch.lost += self.unseen(cursor.expected, record.number);
                            cursor.expected = record.number + 1;
                            if batch.is_empty() {
                                cursor.since_ms = Some(record.time_ms);
                            }
                            let start = batch.bytes.len();
                            batch.bytes.extend_from_slice(record.content);
                            batch.records.push((record.number, start..batch.bytes.len()));
                        }
                    }
                    Step::Skip(bytes) => rest = &rest[bytes..],
                    Step::Needs(bytes) => {
                        if rest.len() == length
                            && let Some(error) = refused.take()
                        {
                            return Err(error);
                        }
                        wanted = wanted.max(bytes);
                        break;
                    }
                }
            }
            let taken = length - rest.len();
            cursor.at = if is_end && length == 0 {
                kept.bytes
            } else {
                cursor.at + taken as u64
            };
        }
        Ok(())
    }

    /// The segment of a name, or the next one; and the number of the first record behind it, if there is another segment.
    pub(super) fn segment_at(&self, name: u64) -> Option<(Kept, Option<u64>)> {
        let index = self.segments.partition_point(|segment| segment.first < name);
        let kept = self.segments.get(index).copied()?;
        Some((kept, self.segments.get(index + 1).map(|next| next.first)))
    }

    /// Records before this number that were not seen are lost.
    fn miss(&self, cursor: &mut Cursor, number: u64, batch: &mut Batch) {
        if cursor.expected < number {
            batch.lost += self.unseen(cursor.expected, number);
            cursor.expected = number;
        }
    }

    /// How many of these numbers no reading has come to before.
    fn unseen(&self, from: u64, to: u64) -> u64 {
        to.saturating_sub(from.max(self.seen))
    }
}

fn enter(cursor: &mut Cursor, segment: u64) {
    cursor.segment = segment;
    cursor.at = 0;
}
