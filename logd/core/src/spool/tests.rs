//! A spool on a virtual disk that loses power, or the process, at every point.

use std::collections::BTreeMap;
use std::ops::Range;

use proptest::prelude::*;

use super::*;

const SALT: Salt = *b"\x01\x02\x03\x04\x05\x06\x07\x08";

/// What is refused, and what a process that ended doesn't see any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refused;

/// Files in memory.
#[derive(Debug, Clone, Default)]
struct VirtualDisk {
    segments: BTreeMap<u64, Vec<u8>>,
    /// As far as each was synced.
    synced: BTreeMap<u64, usize>,
    aside: Vec<u64>,
    position: Vec<u8>,
    /// Octets and calls that may change something until the process ends, in the middle of a write.
    left: Option<usize>,
    /// Octets that the segments may have together.
    room: Option<usize>,
    /// What can't be read, of which segments.
    unreadable: Vec<(u64, Range<u64>)>,
}

impl VirtualDisk {
    /// How much of a change is made.
    fn spend(&mut self, cost: usize) -> usize {
        let Some(left) = &mut self.left else { return cost };
        let spent = cost.min(*left);
        *left -= spent;
        spent
    }

    fn change(&mut self) -> Result<(), Refused> {
        match self.spend(1) {
            0 => Err(Refused),
            _ => Ok(()),
        }
    }

    /// What a new process finds.
    fn after_a_kill(&self) -> Self {
        Self {
            left: None,
            ..self.clone()
        }
    }

    /// What is found when the power was cut: of what was not synced a part, and rubbish.
    fn after_a_power_cut(&self, kept: usize, rubbish: &[u8]) -> Self {
        let mut disk = self.after_a_kill();
        for (name, bytes) in &mut disk.segments {
            let synced = self.synced.get(name).copied().unwrap_or(0);
            let end = (synced + kept).min(bytes.len());
            let lost = bytes.len() - end;
            bytes.truncate(end);
            bytes.extend(rubbish.iter().cycle().take(if rubbish.is_empty() { 0 } else { lost }));
        }
        disk
    }
}

impl Disk for VirtualDisk {
    type Error = Refused;

    fn has_no_room(_: &Refused) -> bool {
        true
    }

    fn is_damaged(_: &Refused) -> bool {
        true
    }

    fn segments(&mut self) -> Result<Vec<u64>, Refused> {
        Ok(self.segments.keys().copied().collect())
    }

    fn append(&mut self, segment: u64, at: u64, bytes: &[u8]) -> Result<(), Refused> {
        let room = self.room.map_or(usize::MAX, |room| {
            room.saturating_sub(self.segments.values().map(Vec::len).sum())
        });
        let spent = self.spend(bytes.len()).min(room);
        let file = self.segments.entry(segment).or_default();
        if at == 0 {
            file.clear();
        }
        assert_eq!(file.len() as u64, at, "it is appended to");
        file.extend_from_slice(&bytes[..spent]);
        if spent < bytes.len() { Err(Refused) } else { Ok(()) }
    }

    fn read(&mut self, segment: u64, at: u64, into: &mut [u8]) -> Result<usize, Refused> {
        let end = at + into.len() as u64;
        let is_here = |(of, range): &(u64, Range<u64>)| *of == segment && at < range.end && range.start < end;
        if self.unreadable.iter().any(is_here) {
            return Err(Refused);
        }
        let file = self.segments.get(&segment).ok_or(Refused)?;
        let rest = file.get(at as usize..).unwrap_or_default();
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn length(&mut self, segment: u64) -> Result<u64, Refused> {
        Ok(self.segments.get(&segment).ok_or(Refused)?.len() as u64)
    }

    fn cut(&mut self, segment: u64, length: u64) -> Result<(), Refused> {
        self.change()?;
        self.segments
            .get_mut(&segment)
            .ok_or(Refused)?
            .truncate(length as usize);
        Ok(())
    }

    fn sync(&mut self, segment: u64) -> Result<(), Refused> {
        self.change()?;
        let length = self.segments.get(&segment).ok_or(Refused)?.len();
        self.synced.insert(segment, length);
        Ok(())
    }

    fn remove(&mut self, segment: u64) -> Result<(), Refused> {
        self.change()?;
        self.segments.remove(&segment);
        self.synced.remove(&segment);
        Ok(())
    }

    fn set_aside(&mut self, segment: u64) -> Result<(), Refused> {
        self.change()?;
        self.segments.remove(&segment);
        self.aside.push(segment);
        Ok(())
    }

    fn position(&mut self) -> Result<Vec<u8>, Refused> {
        Ok(self.position.clone())
    }

    fn write_position(&mut self, at: u64, bytes: &[u8]) -> Result<(), Refused> {
        let spent = self.spend(bytes.len());
        let (at, end) = (at as usize, at as usize + spent);
        if self.position.len() < end {
            self.position.resize(end, 0);
        }
        self.position[at..end].copy_from_slice(&bytes[..spent]);
        if spent < bytes.len() { Err(Refused) } else { Ok(()) }
    }
}

/// The content of the record of a number, of different lengths.
fn content(number: u64) -> Vec<u8> {
    let length = number * 37 % 900;
    let mut content = format!("record {number} ").into_bytes();
    content.extend((0..length).map(|n| (n ^ number) as u8));
    content
}

fn open(disk: VirtualDisk) -> (Spool<VirtualDisk>, Found) {
    let (mut spool, found) = Spool::open(disk, SPOOL_BYTES_MIN, WhenFull::Block).expect("the disk is well");
    // Segments of a few records.
    spool.segment_bytes_max = 2_000;
    (spool, found)
}

fn append(spool: &mut Spool<VirtualDisk>, count: u64) -> Result<Appended, Refused> {
    let contents: Vec<Vec<u8>> = (0..count).map(|n| content(spool.next() + n)).collect();
    spool.append(contents.iter().map(Vec::as_slice), spool.next() * 10, SALT)
}

/// Reads to the end: the numbers, and how many were lost.
fn read_all(spool: &mut Spool<VirtualDisk>) -> (Vec<u64>, u64) {
    let mut batch = Batch::default();
    let (mut numbers, mut lost) = (Vec::new(), 0);
    loop {
        spool.read(1_500, 100, &mut batch).expect("the disk is well");
        lost += batch.lost();
        if batch.is_empty() {
            return (numbers, lost);
        }
        for (number, bytes) in batch.records() {
            assert_eq!(bytes, content(number), "record {number}");
            numbers.push(number);
        }
    }
}

#[test]
fn what_was_appended_is_read_in_order_and_gone_when_acknowledged() {
    let (mut spool, _) = open(VirtualDisk::default());
    for count in [1, 7, 3, 40, 2] {
        append(&mut spool, count).unwrap();
    }
    assert_eq!(spool.records(), 53);
    assert_eq!(spool.oldest_ms(), Some(10));
    assert_eq!(read_all(&mut spool), ((1..=53).collect(), 0));
    spool.acknowledge(20).unwrap();
    spool.rewind();
    assert_eq!(read_all(&mut spool), ((20..=53).collect(), 0));
    spool.acknowledge(54).unwrap();
    assert_eq!((spool.records(), spool.oldest_ms()), (0, None));
    assert!(spool.segments.len() <= 1);
    append(&mut spool, 1).unwrap();
    assert_eq!(read_all(&mut spool), (vec![54], 0));
}

#[test]
fn what_was_not_read_is_not_acknowledged() {
    let (mut spool, _) = open(VirtualDisk::default());
    append(&mut spool, 5).unwrap();
    spool.acknowledge(6).unwrap();
    assert_eq!(read_all(&mut spool).0, [1, 2, 3, 4, 5]);
}

#[test]
fn a_spool_goes_on_where_it_was_closed() {
    let (mut spool, _) = open(VirtualDisk::default());
    append(&mut spool, 30).unwrap();
    read_all(&mut spool);
    spool.acknowledge(12).unwrap();
    let (mut spool, found) = open(spool.disk.after_a_kill());
    assert_eq!(found, Found::default());
    assert_eq!(spool.oldest_ms(), Some(10));
    append(&mut spool, 3).unwrap();
    assert_eq!(read_all(&mut spool), ((12..=33).collect(), 0));
}

/// Appends, reads and acknowledges until the process ends; what was stored, and what was acknowledged, by number.
fn work(spool: &mut Spool<VirtualDisk>, is_synced: bool) -> (u64, u64) {
    let (mut stored, mut acknowledged) = (spool.next() - 1, spool.position());
    let mut batch = Batch::default();
    for turn in 0..12 {
        if append(spool, 1 + turn % 4).is_err() || is_synced && spool.sync().is_err() {
            break;
        }
        stored = spool.next() - 1;
        if turn % 3 == 2 {
            spool.read(900, 3, &mut batch).expect("reading changes nothing");
            let last = batch.records().last().map_or(0, |(number, _)| number);
            // The target has them, whatever becomes of our writing that down.
            acknowledged = last + 1;
            if spool.acknowledge(last + 1).is_err() {
                break;
            }
        }
    }
    (stored, acknowledged)
}

#[test]
fn killed_at_every_octet_it_loses_nothing_and_tears_nothing() {
    let mut ends = 0;
    for left in 0.. {
        let disk = VirtualDisk {
            left: Some(left),
            ..VirtualDisk::default()
        };
        let Ok((mut spool, _)) = Spool::open(disk, SPOOL_BYTES_MIN, WhenFull::Block) else {
            continue;
        };
        spool.segment_bytes_max = 2_000;
        let (stored, acknowledged) = work(&mut spool, false);
        let is_done = spool.disk.left.is_some_and(|left| left > 0);
        // Killed while it recovers, too.
        let mut disk = spool.disk.after_a_kill();
        disk.left = Some(left % 40);
        let disk = match Spool::open(disk.clone(), SPOOL_BYTES_MIN, WhenFull::Block) {
            Ok((spool, _)) => spool.disk,
            Err(Refused) => disk,
        };
        let (mut spool, found) = open(disk.after_a_kill());
        assert_eq!(found.set_aside, [], "after {left}");
        let (numbers, lost) = read_all(&mut spool);
        let first = numbers.first().copied().unwrap_or(spool.next());
        assert_eq!(lost, 0, "after {left}");
        assert!(first <= acknowledged.max(1), "after {left}: {first} > {acknowledged}");
        assert!(numbers.iter().copied().eq(first..spool.next()), "after {left}");
        assert!(spool.next() > stored, "after {left}: {stored} were stored");
        ends += 1;
        if is_done {
            break;
        }
    }
    assert!(ends > 1_000, "the work is more than that");
}

#[test]
fn a_full_disk_leaves_the_spool_as_it_was() {
    let (mut spool, _) = open(VirtualDisk::default());
    append(&mut spool, 5).unwrap();
    let used: usize = spool.disk.segments.values().map(Vec::len).sum();
    for room in used..used + 200 {
        spool.disk.room = Some(room);
        assert_eq!(append(&mut spool, 9), Err(Refused));
        assert_eq!(spool.records(), 5);
    }
    spool.disk.room = None;
    append(&mut spool, 2).unwrap();
    assert_eq!(read_all(&mut spool), ((1..=7).collect(), 0));
    let (mut spool, found) = open(spool.disk.after_a_kill());
    assert_eq!(found, Found::default());
    assert_eq!(read_all(&mut spool), ((1..=7).collect(), 0));
}

#[test]
fn a_full_disk_has_room_again_when_all_was_sent() {
    for when_full in [WhenFull::Block, WhenFull::DropNewest, WhenFull::DropOldest] {
        let (mut spool, _) = open(VirtualDisk::default());
        // One segment, which is the whole disk.
        spool.segment_bytes_max = 1 << 20;
        spool.when_full = when_full;
        append(&mut spool, 5).unwrap();
        let used: usize = spool.disk.segments.values().map(Vec::len).sum();
        spool.disk.room = Some(used + 10);
        read_all(&mut spool);
        spool.acknowledge(6).unwrap();
        assert_eq!(append(&mut spool, 1), Ok(Appended::Stored { dropped: 0 }));
        assert_eq!(read_all(&mut spool).0, [6]);
        spool.acknowledge(7).unwrap();
        if when_full != WhenFull::DropOldest {
            append(&mut spool, 1).unwrap();
            assert_eq!(append(&mut spool, 9), Err(Refused));
            read_all(&mut spool);
            spool.acknowledge(8).unwrap();
            assert!(spool.segments.is_empty(), "what was sent takes no room");
        }
    }
}

#[test]
fn a_disk_that_neither_takes_nor_cuts_doubles_nothing() {
    let (mut spool, _) = open(VirtualDisk::default());
    append(&mut spool, 2).unwrap();
    // Room for some whole records, and no change after that.
    spool.disk.left = Some(700);
    assert_eq!(append(&mut spool, 20), Err(Refused));
    spool.disk.left = None;
    append(&mut spool, 20).unwrap();
    assert_eq!(read_all(&mut spool), ((1..=22).collect(), 0));
    spool.rewind();
    assert_eq!(read_all(&mut spool), ((1..=22).collect(), 0));
}

#[test]
fn a_full_spool_blocks_drops_the_newest_or_drops_the_oldest() {
    let full = |when_full| {
        let (mut spool, _) = open(VirtualDisk::default());
        spool.when_full = when_full;
        spool.bytes_max = 10_000;
        let mut outcomes = Vec::new();
        while outcomes.len() < 40 {
            outcomes.push(append(&mut spool, 1).unwrap());
        }
        (spool, outcomes)
    };
    for when_full in [WhenFull::Block, WhenFull::DropNewest] {
        let (mut spool, outcomes) = full(when_full);
        let stored = outcomes.iter().filter(|outcome| **outcome != Appended::Full).count() as u64;
        assert!((10..40).contains(&stored), "{stored}");
        assert!(spool.bytes() <= 10_000);
        assert_eq!(read_all(&mut spool), ((1..=stored).collect(), 0));
        spool.acknowledge(stored + 1).unwrap();
        assert_eq!(
            append(&mut spool, 1),
            Ok(Appended::Stored { dropped: 0 }),
            "there is room again"
        );
    }
    let (mut spool, outcomes) = full(WhenFull::DropOldest);
    let dropped: u64 = outcomes
        .iter()
        .map(|outcome| match outcome {
            Appended::Stored { dropped } => *dropped,
            Appended::Full => panic!("it made room"),
        })
        .sum();
    assert!(dropped > 0 && spool.bytes() <= 10_000);
    assert_eq!(spool.records(), 40 - dropped);
    assert_eq!(read_all(&mut spool), ((dropped + 1..=40).collect(), 0));
}

#[test]
fn the_oldest_are_dropped_under_a_reader_and_for_a_full_disk() {
    let (mut spool, _) = open(VirtualDisk::default());
    spool.when_full = WhenFull::DropOldest;
    append(&mut spool, 30).unwrap();
    let mut batch = Batch::default();
    spool.read(600, 100, &mut batch).unwrap();
    for _ in 0..30 {
        append(&mut spool, 1).unwrap();
    }
    spool.read(600, 100, &mut batch).unwrap();
    let used: usize = spool.disk.segments.values().map(Vec::len).sum();
    spool.disk.room = Some(used);
    let Ok(Appended::Stored { dropped }) = append(&mut spool, 3) else {
        panic!("there was something to drop");
    };
    assert!(dropped > 0);
    spool.rewind();
    let (numbers, lost) = read_all(&mut spool);
    assert_eq!((numbers, lost), ((dropped + 1..=63).collect(), 0));
}

#[test]
fn a_damaged_record_is_skipped_and_counted() {
    let (mut spool, _) = open(VirtualDisk::default());
    append(&mut spool, 6).unwrap();
    append(&mut spool, 6).unwrap();
    let whole = spool.disk.after_a_kill();
    let lengths: Vec<(u64, usize)> = whole
        .segments
        .iter()
        .map(|(name, bytes)| (*name, bytes.len()))
        .collect();
    for (name, length) in lengths {
        for at in record::SEGMENT_BYTES..length {
            let mut disk = whole.clone();
            disk.segments.get_mut(&name).unwrap()[at] ^= 0x10;
            let (mut spool, _) = open(disk);
            let (numbers, lost) = read_all(&mut spool);
            // The last record of all is as if it had never been written.
            let end = spool.next() - 1;
            assert!(end >= 11, "octet {at} of {name}");
            assert_eq!(
                (numbers.len() as u64 + lost, lost.max(12 - end)),
                (end, 1),
                "octet {at} of {name}"
            );
            spool.rewind();
            assert_eq!(read_all(&mut spool).1, 0, "counted once");
        }
    }
}

/// A spool of four segments, each of some blocks, with 54 records.
fn of_some_blocks() -> (Spool<VirtualDisk>, Vec<u64>) {
    let (mut spool, _) = open(VirtualDisk::default());
    for _ in 0..54 {
        append_to(&mut spool, 20_000);
    }
    let names: Vec<u64> = spool.segments.iter().map(|segment| segment.first).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    (spool, names)
}

/// Appends a record of some 1,500 octets to segments of this size.
fn append_to(spool: &mut Spool<VirtualDisk>, segment_bytes_max: u64) {
    spool.segment_bytes_max = segment_bytes_max;
    let mut long = content(spool.next());
    long.resize(1_500, b'x');
    spool.append([long.as_slice()], spool.next(), SALT).unwrap();
}

/// Reads to the end, and passes over what is refused a second time: the numbers, how many were lost, how often it was refused.
fn read_all_that_can_be(spool: &mut Spool<VirtualDisk>) -> (Vec<u64>, u64, usize) {
    let mut batch = Batch::default();
    let (mut numbers, mut lost, mut refused) = (Vec::new(), 0, 0);
    loop {
        let done = spool.read(7_000, 100, &mut batch);
        lost += batch.lost();
        match done {
            Err(Refused) => {
                assert!(batch.is_empty(), "what was read before was handed out");
                refused += 1;
                assert!(refused < 100, "it never ends");
                if refused % 2 == 0 {
                    spool.pass_over().unwrap();
                }
            }
            Ok(()) if batch.is_empty() => return (numbers, lost, refused),
            Ok(()) => numbers.extend(batch.records().map(|(number, _)| number)),
        }
    }
}

#[test]
fn a_place_that_can_not_be_read_costs_the_records_in_it_and_nothing_twice() {
    let (spool, names) = of_some_blocks();
    for (segment, place, lost_max) in [
        (names[0], 4096..8192, 5),
        (names[1], 12_288..16_384, 5),
        (names[1], 0..4096, names[2] - names[1]),
        // To its end.
        (names[1], 8192..1 << 20, names[2] - names[1]),
        (names[3], 16_384..1 << 20, 55 - names[3]),
    ] {
        let mut disk = spool.disk.after_a_kill();
        let (mut spool, _) = open(std::mem::take(&mut disk));
        spool.disk.unreadable = vec![(segment, place.clone())];
        let (numbers, lost, refused) = read_all_that_can_be(&mut spool);
        assert_eq!(refused, 2, "{segment} {place:?}");
        assert!((1..=lost_max).contains(&lost), "{lost} lost of {segment} {place:?}");
        assert!(numbers.is_sorted_by(|one, other| one < other), "{numbers:?}");
        assert_eq!(numbers.len() as u64 + lost, 54, "each was read or is counted");
        // From the start of what is not acknowledged again, and without asking the disk for that place again.
        spool.rewind();
        assert_eq!(read_all_that_can_be(&mut spool), (numbers.clone(), 0, 0));
        append_to(&mut spool, 20_000);
        assert_eq!(read_all_that_can_be(&mut spool).0, [55]);
        spool.acknowledge(56).unwrap();
        assert_eq!((spool.records(), spool.passed_over.len()), (0, 0));
    }
}

#[test]
fn a_disk_that_takes_nothing_either_is_not_passed_over() {
    let (mut spool, names) = of_some_blocks();
    spool.disk.unreadable = names.iter().map(|name| (*name, 0..1 << 20)).collect();
    spool.disk.left = Some(0);
    let mut batch = Batch::default();
    for _ in 0..5 {
        assert_eq!(spool.read(1_000, 10, &mut batch), Err(Refused));
        assert_eq!(spool.pass_over(), Err(Refused));
    }
    // It comes back.
    spool.disk.unreadable.clear();
    spool.disk.left = None;
    assert_eq!(read_all_that_can_be(&mut spool), ((1..=54).collect(), 0, 0));
}

#[test]
fn a_spool_opens_whatever_of_it_can_not_be_read() {
    let (spool, names) = of_some_blocks();
    for (segment, place, set_aside) in [
        (names[0], 4096..8192, false),
        (names[1], 0..4096, true),
        (names[3], 0..4096, true),
        (names[3], 4096..8192, false),
        (names[3], 8192..1 << 20, false),
    ] {
        let mut disk = spool.disk.after_a_kill();
        disk.unreadable = vec![(segment, place.clone())];
        let is_met = set_aside || segment == names[3];
        let refused = Spool::open(disk.clone(), SPOOL_BYTES_MIN, WhenFull::Block).is_err();
        assert_eq!(refused, is_met, "{segment} {place:?}");
        let (mut spool, found) = Spool::open_damaged(disk, SPOOL_BYTES_MIN, WhenFull::Block).unwrap();
        assert_eq!(!found.set_aside.is_empty(), set_aside, "{segment} {place:?}");
        assert_eq!(found.unreadable_bytes > 0, is_met && !set_aside, "{segment} {place:?}");
        append_to(&mut spool, 20_000);
        let (numbers, lost, _) = read_all_that_can_be(&mut spool);
        assert!(numbers.is_sorted_by(|one, other| one < other), "{numbers:?}");
        assert!(numbers.len() > 30, "{} of {segment} {place:?}", numbers.len());
        assert_eq!(numbers.len() as u64 + lost + 1, spool.next());
    }
}

#[test]
fn a_spool_whose_limit_is_lifted_takes_what_is_left() {
    let (mut spool, _) = open(VirtualDisk::default());
    spool.bytes_max = 10_000;
    while append(&mut spool, 1).unwrap() != Appended::Full {}
    let before = spool.records();
    spool.lift_limit();
    assert_eq!(append(&mut spool, 100), Ok(Appended::Stored { dropped: 0 }));
    assert_eq!(read_all(&mut spool), ((1..=before + 100).collect(), 0));
}

#[test]
fn a_segment_that_is_none_of_ours_is_set_aside_and_what_is_missing_counted() {
    let (mut spool, _) = open(VirtualDisk::default());
    for _ in 0..20 {
        append(&mut spool, 1).unwrap();
    }
    let names: Vec<u64> = spool.segments.iter().map(|segment| segment.first).collect();
    assert!(names.len() > 3);
    for (index, change) in [(0, 3), (1, 9), (2, 20)] {
        let mut disk = spool.disk.after_a_kill();
        disk.segments.get_mut(&names[index]).unwrap()[change] ^= 0xff;
        let (mut spool, found) = open(disk);
        assert_eq!(found.set_aside.len(), 1);
        assert_eq!(spool.disk.aside, [names[index]]);
        let (numbers, lost) = read_all(&mut spool);
        let missing = names[index + 1] - names[index];
        // Without a position it is not known that there was anything before the first.
        let is_known = index > 0 || !spool.disk.position.is_empty();
        assert_eq!(lost, if is_known { missing } else { 0 });
        assert_eq!(numbers.len() as u64, 20 - missing);
    }
}

#[test]
fn a_message_that_looks_like_a_record_is_none() {
    let (mut spool, _) = open(VirtualDisk::default());
    let mut forged = Vec::new();
    record::encode(*b"a guess!", 3, 1, b"never sent", &mut forged);
    spool.append([b"one".as_slice(), &forged, b"three"], 1, SALT).unwrap();
    let mut disk = spool.disk.after_a_kill();
    // The record that holds it is damaged in its head.
    let second = record::SEGMENT_BYTES + record::HEAD_BYTES + 3 + 4;
    disk.segments.get_mut(&1).unwrap()[second] ^= 1;
    let (mut spool, _) = open(disk);
    let mut batch = Batch::default();
    spool.read(10_000, 10, &mut batch).unwrap();
    let contents: Vec<&[u8]> = batch.records().map(|(_, content)| content).collect();
    assert_eq!(contents, [b"one".as_slice(), b"three"]);
    assert_eq!(batch.lost(), 1);
}

#[test]
fn a_position_that_is_torn_is_the_one_before() {
    let (mut spool, _) = open(VirtualDisk::default());
    append(&mut spool, 20).unwrap();
    read_all(&mut spool);
    spool.acknowledge(5).unwrap();
    spool.acknowledge(9).unwrap();
    let mut disk = spool.disk.after_a_kill();
    let newest = Position::newest(&disk.position).unwrap();
    disk.position[newest.place() as usize + 20] ^= 1;
    let (mut spool, found) = open(disk.clone());
    assert!(!found.is_position_lost);
    assert_eq!(read_all(&mut spool).0.first(), Some(&5));
    disk.position.fill(7);
    let (mut spool, found) = open(disk);
    assert!(found.is_position_lost);
    assert_eq!(read_all(&mut spool).1, 0);
}

proptest! {
    #[test]
    fn a_power_cut_loses_nothing_that_was_synced(
        left in 0_usize..20_000, kept in 0_usize..600, rubbish in proptest::collection::vec(any::<u8>(), 0..4)
    ) {
        let (mut spool, _) = open(VirtualDisk::default());
        spool.disk.left = Some(left);
        let (stored, acknowledged) = work(&mut spool, true);
        let (mut spool, _) = open(spool.disk.after_a_power_cut(kept, &rubbish));
        let (numbers, lost) = read_all(&mut spool);
        prop_assert_eq!(lost, 0);
        let first = numbers.first().copied().unwrap_or(spool.next());
        prop_assert!(first <= acknowledged.max(1));
        prop_assert!(numbers.iter().copied().eq(first..spool.next()));
        prop_assert!(spool.next() > stored);
    }

    #[test]
    fn without_syncs_a_power_cut_loses_whole_records_and_counts_those_that_are_missed(
        left in 0_usize..20_000, kept in 0_usize..600, rubbish in proptest::collection::vec(any::<u8>(), 0..4)
    ) {
        let (mut spool, _) = open(VirtualDisk::default());
        spool.disk.left = Some(left);
        work(&mut spool, false);
        let (mut spool, _) = open(spool.disk.after_a_power_cut(kept, &rubbish));
        let position = spool.position();
        // Their contents are looked at on the way.
        let (numbers, lost) = read_all(&mut spool);
        prop_assert!(numbers.is_sorted_by(|a, b| a < b));
        prop_assert_eq!(position + numbers.len() as u64 + lost, spool.next());
        append(&mut spool, 3).unwrap();
        prop_assert_eq!(read_all(&mut spool).0.len(), 3);
    }

    #[test]
    fn any_files_are_a_spool_that_goes_on(
        files in proptest::collection::btree_map(1_u64..50, proptest::collection::vec(any::<u8>(), 0..300), 0..4),
        position in proptest::collection::vec(any::<u8>(), 0..600),
        starts in any::<bool>(),
    ) {
        let mut disk = VirtualDisk { position, ..VirtualDisk::default() };
        for (first, bytes) in files {
            let mut file = Vec::new();
            if starts {
                Segment { first, salt: SALT }.encode(&mut file);
            }
            file.extend(bytes);
            disk.segments.insert(first, file);
        }
        let (mut spool, _) = open(disk);
        let mut batch = Batch::default();
        loop {
            spool.read(1_000, 10, &mut batch).unwrap();
            if batch.is_empty() {
                break;
            }
        }
        append(&mut spool, 4).unwrap();
        prop_assert_eq!(read_all(&mut spool).0.len(), 4);
    }
}
