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
    /// Octets of the last segment that the disk can't read. What stood in them is lost, and how much that was is not known where
    /// nothing stands behind them.
    pub unreadable_bytes: u64,
}

/// Read at a time. Not less than the longest record with what is around it: one step is decided in one reading.
const READ_BYTES: usize = super::RECORD_BYTES_MAX + (64 << 10);

impl<D: Disk> Spool<D> {
    /// Opens a spool that holds so many octets at most.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn open(disk: D, bytes_max: u64, when_full: WhenFull) -> Result<(Self, Found), D::Error> {
        Self::open_as(disk, bytes_max, when_full, false)
    }

    /// The same where the disk can't read all that there is: that is given up, or set aside.
    ///
    /// # Errors
    /// When the disk refuses for another reason.
    pub fn open_damaged(disk: D, bytes_max: u64, when_full: WhenFull) -> Result<(Self, Found), D::Error> {
        Self::open_as(disk, bytes_max, when_full, true)
    }

    fn open_as(disk: D, bytes_max: u64, when_full: WhenFull, passes_over: bool) -> Result<(Self, Found), D::Error> {
        let gives_up = |error: &D::Error| passes_over && D::is_damaged(error);
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
            passed_over: Vec::new(),
            oldest_ms: None,
            buffer: Vec::new(),
        };
        spool.limit(bytes_max, when_full);
        let mut found = Found::default();
        let position = spool.find_position(gives_up, &mut found)?;
        spool.find_segments(gives_up, &mut found)?;
        spool.find_end(gives_up, &mut found)?;
        // A segment that is missing behind a known position counts as lost when it is come to.
        let oldest = spool.segments.front().map(|segment| segment.first);
        spool.position = position.or(oldest).unwrap_or(spool.next);
        spool.next = spool.next.max(spool.position);
        spool.forget_acknowledged()?;
        spool.cursor = spool.start_of(spool.position);
        spool.find_oldest();
        Ok((spool, found))
    }

    fn find_position(
        &mut self,
        gives_up: impl Fn(&D::Error) -> bool,
        found: &mut Found,
    ) -> Result<Option<u64>, D::Error> {
        let file = match self.disk.position() {
            Err(error) if gives_up(&error) => {
                found.is_position_lost = true;
                return Ok(None);
            }
            file => file?,
        };
        let newest = Position::newest(&file);
        match newest {
            Some(newest) => self.generation = newest.generation,
            None => found.is_position_lost = !file.is_empty(),
        }
        Ok(newest.map(|newest| newest.position))
    }

    /// Looks at the first record for its time. One that can't be read is for who reads the records.
    fn find_oldest(&mut self) {
        let cursor = self.cursor;
        let mut batch = Batch::default();
        let mut buffer = Vec::new();
        let mut ahead = cursor;
        if self.read_on(&mut ahead, 1, 1, &mut buffer, &mut batch).is_ok() {
            self.oldest_ms = ahead.since_ms;
        }
    }

    fn find_segments(&mut self, gives_up: impl Fn(&D::Error) -> bool, found: &mut Found) -> Result<(), D::Error> {
        let mut names = self.disk.segments()?;
        names.sort_unstable();
        let last = names.last().copied();
        for name in names {
            let bytes = self.disk.length(name)?;
            let segment = match self.segment(name) {
                Err(error) if gives_up(&error) => Err(SegmentError::Unreadable),
                segment => segment?,
            };
            match segment {
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
    fn find_end(&mut self, gives_up: impl Fn(&D::Error) -> bool, found: &mut Found) -> Result<(), D::Error> {
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
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(READ_BYTES);
            buffer.resize(wanted, 0);
            let mut refused = match self.read_readable(last.first, at, &mut buffer) {
                Ok(refused) => refused,
                Err(error) => {
                    buffer.clear();
                    Some(error)
                }
            };
            let length = buffer.len();
            let is_end = refused.is_none() && (length as u64 == left || length < wanted);
            let mut rest = buffer.as_slice();
            while !rest.is_empty() {
                match step(segment.salt, rest, expected, is_end) {
                    Step::Record(record, bytes) => {
                        expected = record.number + 1;
                        rest = &rest[bytes..];
                        end = at + (length - rest.len()) as u64;
                    }
                    Step::Skip(bytes) => rest = &rest[bytes..],
                    Step::Needs(_) => break,
                }
            }
            let taken = (length - rest.len()) as u64;
            at += taken;
            if let Some(error) = refused.take_if(|_| taken == 0) {
                let behind = match gives_up(&error) {
                    true => self.behind_unreadable(last.first, at, last.bytes),
                    false => at,
                };
                if behind == at {
                    return Err(error);
                }
                found.unreadable_bytes += behind - at;
                at = behind;
            } else if length == 0 {
                break;
            }
        }
        found.torn_bytes += (last.bytes - end).saturating_sub(found.unreadable_bytes);
        self.next = self.next.max(expected);
        if end == SEGMENT_BYTES as u64 {
            if found.unreadable_bytes > 0 {
                found.set_aside.push((last.first, SegmentError::Unreadable));
                self.disk.set_aside(last.first)?;
            } else {
                self.disk.remove(last.first)?;
            }
            self.segments.pop_back();
            return Ok(());
        }
        // What can't be read may be an administrator's to save.
        if end < last.bytes && found.unreadable_bytes == 0 {
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
