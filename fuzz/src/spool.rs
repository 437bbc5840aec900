//! Spools: what is on a disk may be anything.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use logd_core::spool::{Batch, Disk, RECORD_BYTES_MAX, SPOOL_BYTES_MIN, Salt, Segment, Spool, WhenFull};

/// Known to who makes up what is on the disk.
const SALT: Salt = *b"saltsalt";

/// Files in memory, which refuse nothing.
#[derive(Default)]
struct Memory {
    segments: BTreeMap<u64, Vec<u8>>,
    position: Vec<u8>,
}

/// Whatever is in its files, a spool opens, comes to an end when it is read, and holds what is appended then. What was appended
/// is there again as far as the files were left as they were; what was changed costs those records, which are counted.
///
/// The first octet chooses: the rest is a segment's records and a position, or records, each behind an octet of length, and
/// behind the first two octets what is changed of their segment: where, and by what.
pub fn spool(data: &[u8]) {
    match data {
        [0, rest @ ..] => {
            let (records, position) = rest.split_at(rest.len() / 2);
            let mut disk = Memory {
                position: position.to_vec(),
                ..Memory::default()
            };
            let mut segment = Vec::new();
            Segment { first: 1, salt: SALT }.encode(&mut segment);
            segment.extend_from_slice(records);
            disk.segments.insert(1, segment);
            // As a file that isn't even a segment, too.
            disk.segments.insert(9, records.to_vec());
            go_on(disk);
        }
        [_, place, change, rest @ ..] => write_and_read(*place, *change, rest),
        _ => {}
    }
}

fn open(disk: Memory) -> Spool<Memory> {
    let Ok((spool, _)) = Spool::open(disk, SPOOL_BYTES_MIN, WhenFull::Block);
    spool
}

/// One that who wrote the messages can't have put into records of their own making: it follows from the messages.
fn unknown_salt(messages: &[u8]) -> Salt {
    let mut hasher = DefaultHasher::new();
    messages.hash(&mut hasher);
    hasher.finish().to_be_bytes()
}

fn write_and_read(place: u8, change: u8, messages: &[u8]) {
    let mut records = Vec::new();
    let mut rest = messages;
    while let Some((length, behind)) = rest.split_first() {
        let (record, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        records.push(record);
        rest = behind;
    }
    let mut spool = open(Memory::default());
    let Ok(_) = spool.append(records.iter().copied(), 1, unknown_salt(messages));
    let mut disk = std::mem::take(spool.disk());
    if let Some(segment) = disk.segments.get_mut(&1) {
        let at = segment.len() * usize::from(place) / 256;
        segment[at] ^= change;
    }
    let mut spool = open(disk);
    let (read, lost) = read_all(&mut spool);
    if change == 0 {
        assert_eq!(lost, 0);
        assert!(read.iter().map(|(_, content)| content.as_slice()).eq(records));
        return;
    }
    // A checksum of 32 bits finds any change within an octet; what a segment begins with makes it one of ours.
    let is_of_ours = !read.is_empty() || records.len() == 1;
    assert!(lost <= 1 && (!is_of_ours || read.len() + 1 >= records.len()));
    for (number, content) in read {
        assert_eq!(content, records[number as usize - 1]);
    }
}

fn go_on(disk: Memory) {
    let mut spool = open(disk);
    read_all(&mut spool);
    let next = spool.next();
    let Ok(_) = spool.append([b"one".as_slice(), b"", b"three"], 7, SALT);
    let (read, lost) = read_all(&mut spool);
    let wanted: Vec<(u64, Vec<u8>)> = [(next, &b"one"[..]), (next + 1, b""), (next + 2, b"three")]
        .map(|(number, content)| (number, content.to_vec()))
        .into();
    assert_eq!((read, lost), (wanted, 0));
    let Ok(()) = spool.acknowledge(next + 3);
    assert_eq!(spool.records(), 0);
}

fn read_all(spool: &mut Spool<Memory>) -> (Vec<(u64, Vec<u8>)>, u64) {
    let mut batch = Batch::default();
    let (mut read, mut lost) = (Vec::new(), 0);
    loop {
        let Ok(()) = spool.read(300, 5, &mut batch);
        lost += batch.lost();
        if batch.is_empty() {
            assert!(read.is_sorted_by(|(one, _): &(u64, Vec<u8>), (other, _)| one < other));
            return (read, lost);
        }
        read.extend(batch.records().map(|(number, content)| (number, content.to_vec())));
        assert!(read.iter().all(|(_, content)| content.len() <= RECORD_BYTES_MAX));
    }
}

impl Disk for Memory {
    type Error = Infallible;

    fn has_no_room(error: &Infallible) -> bool {
        match *error {}
    }

    fn is_damaged(error: &Infallible) -> bool {
        match *error {}
    }

    fn segments(&mut self) -> Result<Vec<u64>, Infallible> {
        Ok(self.segments.keys().copied().collect())
    }

    fn append(&mut self, segment: u64, at: u64, bytes: &[u8]) -> Result<(), Infallible> {
        let file = self.segments.entry(segment).or_default();
        file.truncate(at as usize);
        assert_eq!(file.len() as u64, at);
        file.extend_from_slice(bytes);
        Ok(())
    }

    fn read(&mut self, segment: u64, at: u64, into: &mut [u8]) -> Result<usize, Infallible> {
        let rest = self.segments[&segment].get(at as usize..).unwrap_or_default();
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn length(&mut self, segment: u64) -> Result<u64, Infallible> {
        Ok(self.segments[&segment].len() as u64)
    }

    fn cut(&mut self, segment: u64, length: u64) -> Result<(), Infallible> {
        self.segments.entry(segment).or_default().truncate(length as usize);
        Ok(())
    }

    fn sync(&mut self, _segment: u64) -> Result<(), Infallible> {
        Ok(())
    }

    fn remove(&mut self, segment: u64) -> Result<(), Infallible> {
        self.segments.remove(&segment);
        Ok(())
    }

    fn set_aside(&mut self, segment: u64) -> Result<(), Infallible> {
        self.remove(segment)
    }

    fn position(&mut self) -> Result<Vec<u8>, Infallible> {
        Ok(self.position.clone())
    }

    fn write_position(&mut self, at: u64, bytes: &[u8]) -> Result<(), Infallible> {
        let end = at as usize + bytes.len();
        if self.position.len() < end {
            self.position.resize(end, 0);
        }
        self.position[at as usize..end].copy_from_slice(bytes);
        Ok(())
    }
}
