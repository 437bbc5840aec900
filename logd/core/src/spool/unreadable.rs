//! Places that the disk can't read: what stands around a bad sector is read all the same, and what stands in it is given up when
//! the caller has tried for long enough.

use super::record::SEGMENT_BYTES;
use super::{Disk, Spool};

/// A file system reads this much or nothing of it.
const BLOCK_BYTES: u64 = 4096;

/// A place that was given up: from here to there.
#[derive(Debug, Clone, Copy)]
pub(super) struct PassedOver {
    pub(super) segment: u64,
    from: u64,
    to: u64,
}

impl<D: Disk> Spool<D> {
    /// Gives up the place that the last [`Spool::read`] was refused. The next one goes on behind it, and counts what is missing.
    ///
    /// # Errors
    /// When the disk takes nothing either: it is not damaged in a place then, but gone, and may come back with all of it.
    pub fn pass_over(&mut self) -> Result<(), D::Error> {
        self.write_position()?;
        let Some((kept, _)) = self.segment_at(self.cursor.segment) else {
            return Ok(());
        };
        if kept.first != self.cursor.segment {
            // It was given up as a whole meanwhile, to make room.
            return Ok(());
        }
        let from = self.cursor.at;
        let to = if from < SEGMENT_BYTES as u64 {
            // Without what is in front nothing of it is a record.
            kept.bytes
        } else {
            self.behind_unreadable(kept.first, from, kept.bytes)
        };
        if to > from {
            self.cursor.at = to;
            let segment = kept.first;
            self.passed_over.push(PassedOver { segment, from, to });
        }
        Ok(())
    }

    /// Where reading goes on that has come to a place which was given up.
    pub(super) fn passed_over(&self, segment: u64, at: u64) -> Option<u64> {
        let is_here = |passed: &&PassedOver| passed.segment == segment && passed.from == at && passed.to > at;
        self.passed_over.iter().find(is_here).map(|passed| passed.to)
    }

    /// Fills the buffer from a place on, or as much of it as can be read from there; it is as long as that then. The error comes
    /// with what was read before the place that it is about.
    pub(super) fn read_readable(
        &mut self,
        segment: u64,
        at: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<D::Error>, D::Error> {
        let block = (block_end(at) - at) as usize;
        let mut refused = None;
        loop {
            match self.disk.read(segment, at, buffer) {
                Ok(length) => {
                    buffer.truncate(length);
                    return Ok(refused);
                }
                Err(error) if buffer.len() > block && D::is_damaged(&error) => {
                    buffer.truncate((buffer.len() / 2).max(block));
                    refused = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Where behind the first place from here on that can't be read there is one that can: the segment's end, if there is none.
    /// This place, if all can be read now.
    pub(super) fn behind_unreadable(&mut self, segment: u64, from: u64, end: u64) -> u64 {
        let mut block = [0; BLOCK_BYTES as usize];
        let mut is_readable = |at: u64| {
            let length = (block_end(at) - at) as usize;
            self.disk.read(segment, at, &mut block[..length]).is_ok()
        };
        let mut at = from;
        while is_readable(at) {
            at = block_end(at);
            if at >= end {
                return from;
            }
        }
        // A disk may take seconds to say no, so the farther it goes on, the less often it is asked.
        let mut blocks = 1;
        while at < end && !is_readable(at) {
            at = block_end(at) + (blocks - 1) * BLOCK_BYTES;
            blocks *= 2;
        }
        at.min(end)
    }
}

fn block_end(at: u64) -> u64 {
    (at / BLOCK_BYTES + 1) * BLOCK_BYTES
}
