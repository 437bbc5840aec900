//! Opening a spool as it was left, by a crash too.

use std::collections::VecDeque;

use super::reading::{Batch, Cursor};
use super::record::{self, SEGMENT_BYTES, Segment, SegmentError, Step, step};
use super::{Disk, Kept, Position, Spool, WhenFull};

/// What a spool was found to be when it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Octets behind the last intact record, which were cut.
    pub torn_bytes: u64,
    /// Segments that were set aside, and why.
    pub set_aside: Vec<(u64, SegmentError)>,
    /// The position could not be read: records may be sent twice.
    pub is_position_lost: bool,
}

/// Read at a time. Not less than the longest record with what is around it: one step is decided in one reading.
const READ_BYTES: usize = super::RECORD_BYTES_MAX + (64 << 10);

impl<D: Disk> Spool<D> {
    /// Opens a spool that holds so many octets at most.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn open(disk: D, bytes_max: u64, when_full: WhenFull) -> Result<(Self, Found), D::Error> {
        let mut spool = Self {
            disk,
            bytes_max: 0,
            segment_bytes_max: 0,
            when_full,
            segments: VecDeque::new(),
            appending: None,
            next: 1,
            position: 1,
            generation: 0,
            cursor: Cursor::default(),
            read: VecDeque::new(),
            seen: 0,
            oldest_ms: None,
            buffer: Vec::new(),
        };
        spool.limit(bytes_max, when_full);
        let mut found = Found::default();
        let position = spool.find_position(&mut found)?;
        spool.find_segments(&mut found)?;
        spool.find_end(&mut found)?;
        // A segment that is missing behind a known position counts as lost when it is come to.
        let oldest = spool.segments.front().map(|segment| segment.first);
        spool.position = position.or(oldest).unwrap_or(spool.next);
        spool.next = spool.next.max(spool.position);
        spool.forget_acknowledged()?;
        spool.cursor = spool.start_of(spool.position);
        spool.find_oldest()?;
        Ok((spool, found))
    }

    fn find_position(&mut self, found: &mut Found) -> Result<Option<u64>, D::Error> {
        let file = self.disk.position()?;
        let newest = Position::newest(&file);
        match newest {
            Some(newest) => self.generation = newest.generation,
            None => found.is_position_lost = !file.is_empty(),
        }
        Ok(newest.map(|newest| newest.position))
    }

    /// Looks at the first record for its time.
    fn find_oldest(&mut self) -> Result<(), D::Error> {
        let cursor = self.cursor;
        let mut batch = Batch::default();
        let mut buffer = Vec::new();
        let mut ahead = cursor;
        self.read_on(&mut ahead, 1, 1, &mut buffer, &mut batch)?;
        self.oldest_ms = ahead.since_ms;
        Ok(())
    }

    fn find_segments(&mut self, found: &mut Found) -> Result<(), D::Error> {
        let mut names = self.disk.segments()?;
        names.sort_unstable();
        let last = names.last().copied();
        for name in names {
            let bytes = self.disk.length(name)?;
            match self.segment(name)? {
                Ok(_) => self.segments.push_back(Kept { first: name, bytes }),
                // A write that made a segment and got no further than its first octets.
                Err(SegmentError::Damaged) if Some(name) == last && bytes < SEGMENT_BYTES as u64 => {
                    found.torn_bytes += bytes;
                    self.disk.remove(name)?;
                }
                Err(error) => {
                    found.set_aside.push((name, error));
                    self.disk.set_aside(name)?;
                    // Behind the last segment it is not known how many records are missing: those numbers are used again.
                    self.next = self.next.max(name);
                }
            }
        }
        Ok(())
    }

    /// What is in front of a segment's records.
    pub(super) fn segment(&mut self, name: u64) -> Result<Result<Segment, SegmentError>, D::Error> {
        let mut head = [0; SEGMENT_BYTES];
        let length = self.disk.read(name, 0, &mut head)?;
        let segment = Segment::decode(&head[..length]);
        Ok(segment.and_then(|segment| {
            // A file that was renamed by somebody would bring the numbers into disorder.
            (segment.first == name).then_some(segment).ok_or(SegmentError::Damaged)
        }))
    }

    /// Finds the last intact record and cuts what is behind it.
    fn find_end(&mut self, found: &mut Found) -> Result<(), D::Error> {
        let Some(last) = self.segments.back().copied() else {
            return Ok(());
        };
        let Ok(segment) = self.segment(last.first)? else {
            return Ok(());
        };
        let mut buffer = Vec::new();
        let mut at = SEGMENT_BYTES as u64;
        let mut end = at;
        let mut expected = last.first;
        while at < last.bytes {
            let left = last.bytes - at;
            buffer.resize(usize::try_from(left).unwrap_or(usize::MAX).min(READ_BYTES), 0);
            let length = self.disk.read(last.first, at, &mut buffer)?;
            let is_end = length as u64 == left || length == 0;
            let mut rest = &buffer[..length];
            loop {
                match step(segment.salt, rest, expected, is_end) {
                    Step::Record(record, bytes) => {
                        expected = record.number + 1;
                        rest = &rest[bytes..];
                        end = at + (length - rest.len()) as u64;
                    }
                    Step::Skip(bytes) => rest = &rest[bytes..],
                    Step::Needs(_) => break,
                }
                if rest.is_empty() {
                    break;
                }
            }
            if length == 0 {
                break;
            }
            at += (length - rest.len()) as u64;
        }
        found.torn_bytes += last.bytes - end;
        self.next = self.next.max(expected);
        if end == SEGMENT_BYTES as u64 {
            self.disk.remove(last.first)?;
            self.segments.pop_back();
            return Ok(());
        }
        if end < last.bytes {
            self.disk.cut(last.first, end)?;
        }
        if let Some(last) = self.segments.back_mut() {
            last.bytes = end;
        }
        Ok(())
    }

    /// The place to read from to get the record of this number: the start of its segment, whose records before it are passed
    /// over.
    pub(super) fn start_of(&self, number: u64) -> Cursor {
        let of_number = |segment: &&Kept| segment.first <= number;
        let segment = self.segments.iter().rfind(of_number).or(self.segments.front());
        Cursor {
            segment: segment.map_or(number, |segment| segment.first),
            at: 0,
            salt: record::Salt::default(),
            expected: number,
            since_ms: None,
        }
    }
}
