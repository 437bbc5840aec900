//! Records of the kernel's log as `/dev/kmsg` gives them (the kernel's Documentation/ABI/testing/dev-kmsg):
//! `PRI,SEQUENCE,MICROSECONDS,FLAGS[,…];TEXT`, and lines of ` KEY=VALUE` after it that name the device.
//!
//! One read(2) gives one record. The sequence numbers go on by one from the start of the machine on: a [`Follower`] knows by
//! them which records are new after a restart of ours, and how many the kernel has overwritten before they were read.

use std::borrow::Cow;

use crate::pri::Pri;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Facility and severity. The facility is `kern` but for what programs have written to the device.
    pub pri: Pri,
    /// One more than that of the record before.
    pub sequence: u64,
    /// When it was made, after the start of the machine.
    pub monotonic_us: u64,
    /// The text, in which unprintable bytes are `\xNN`: see [`unescape`].
    pub text: &'a [u8],
}

/// The records in what was read: one from the device itself, perhaps more from what stands in for it.
pub fn records(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let ends = memchr::memchr_iter(b'\n', bytes).map(|newline| newline + 1);
        // A line that begins with a space belongs to the record before it.
        let end = ends.into_iter().find(|end| bytes.get(*end) != Some(&b' '));
        let (record, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        bytes = rest;
        Some(record)
    })
}

/// Reads a record; `None` if it is none.
#[must_use]
pub fn parse(record: &[u8]) -> Option<Record<'_>> {
    let semicolon = memchr::memchr(b';', record)?;
    let (prefix, text) = (
        std::str::from_utf8(&record[..semicolon]).ok()?,
        &record[semicolon + 1..],
    );
    let mut fields = prefix.split(',');
    let mut field = || fields.next()?.parse::<u64>().ok();
    let (pri, sequence, monotonic_us) = (field()?, field()?, field()?);
    let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
    Some(Record {
        pri: Pri::new(u8::try_from(pri).ok()?)?,
        sequence,
        monotonic_us,
        text: &text[..end],
    })
}

/// The text as it was written: the kernel gives bytes below 32, above 126 and the backslash as `\xNN`.
#[must_use]
pub fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut unescaped = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        match rest {
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                unescaped.push(digit(*high) << 4 | digit(*low));
                rest = after;
            }
            _ => {
                unescaped.push(*first);
                rest = after;
            }
        }
    }
    Cow::Owned(unescaped)
}

fn digit(hexadecimal: u8) -> u8 {
    match hexadecimal {
        b'0'..=b'9' => hexadecimal - b'0',
        _ => (hexadecimal | 0x20) - b'a' + 10,
    }
}

/// What a record is to who has read others before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// It was read already.
    Known,
    /// It is new, and so many before it were overwritten unread.
    New {
        /// How many.
        lost: u64,
    },
}

/// Knows which records of one run of the machine were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Follower {
    last: Option<u64>,
}

impl Follower {
    /// After the record of this number; `None`: before the first that there is.
    #[must_use]
    pub const fn after(last: Option<u64>) -> Self {
        Self { last }
    }

    /// The record that was read last.
    #[must_use]
    pub const fn last(&self) -> Option<u64> {
        self.last
    }

    /// Takes note of a record.
    pub fn follow(&mut self, sequence: u64) -> Followed {
        let lost = match self.last {
            Some(last) if sequence <= last => return Followed::Known,
            Some(last) => sequence - last - 1,
            // What was overwritten before the first of our runs was nobody's to read.
            None => 0,
        };
        self.last = Some(sequence);
        Followed::New { lost }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_record_has_its_fields() {
        let record = parse(b"6,339,5140900,-,caller=T1;NET: Registered; protocol family 10\n SUBSYSTEM=net\n").unwrap();
        assert_eq!(
            (record.pri.number(), record.sequence, record.monotonic_us, record.text),
            (6, 339, 5_140_900, &b"NET: Registered; protocol family 10"[..])
        );
        assert_eq!(parse(b"30,1,2,-;systemd[1]: x").unwrap().pri.facility(), 3);
    }

    #[test]
    fn what_is_no_record_is_none() {
        for bytes in [
            &b""[..],
            b"\n",
            b"text",
            b"6,1;x",
            b"6,1,x,-;y",
            b"192,1,2,-;y",
            b"-1,1,2,-;y",
        ] {
            assert_eq!(parse(bytes), None, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn several_records_are_told_apart_by_what_is_indented() {
        let bytes = b"6,1,0,-;a\n SUBSYSTEM=x\n DEVICE=y\n6,2,0,-;b\n6,3,0,-;c";
        let records: Vec<_> = records(bytes).collect();
        assert_eq!(
            records,
            [
                &b"6,1,0,-;a\n SUBSYSTEM=x\n DEVICE=y\n"[..],
                b"6,2,0,-;b\n",
                b"6,3,0,-;c"
            ]
        );
    }

    #[test]
    fn escapes_are_the_bytes_that_they_stand_for() {
        assert_eq!(*unescape(br"Gr\xc3\xbc\xC3\x9fe\x0a\x5c"), *"Grüße\n\\".as_bytes());
        assert_eq!(*unescape(br"\x \xg0 \"), *br"\x \xg0 \");
    }

    #[test]
    fn restart_neither_loses_nor_doubles() {
        use Followed::{Known, New};
        let mut follower = Follower::after(None);
        let told: Vec<_> = [5, 6, 7].map(|sequence| follower.follow(sequence)).into();
        assert_eq!(told, [New { lost: 0 }; 3]);
        let mut again = Follower::after(follower.last());
        let told = [5, 6, 7, 8, 12].map(|sequence| again.follow(sequence));
        assert_eq!(told, [Known, Known, Known, New { lost: 0 }, New { lost: 3 }]);
    }

    proptest! {
        #[test]
        fn each_number_is_new_once_or_counted_as_lost(steps in prop::collection::vec(0_u64..4, 1..100), cut in any::<prop::sample::Index>()) {
            let sequences: Vec<u64> = steps.iter().scan(0, |at, step| { *at += step; Some(*at) }).collect();
            let cut = cut.index(sequences.len());
            let mut follower = Follower::after(Some(0));
            let (mut new, mut lost) = (0, 0);
            for (n, sequence) in sequences.iter().enumerate() {
                if n == cut {
                    follower = Follower::after(follower.last());
                }
                if let Followed::New { lost: more } = follower.follow(*sequence) {
                    new += 1;
                    lost += more;
                }
            }
            prop_assert_eq!(new + lost, *sequences.last().unwrap());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let whole: usize = records(&bytes).map(<[u8]>::len).sum();
            prop_assert_eq!(whole, bytes.len());
            for record in records(&bytes) {
                if let Some(record) = parse(record) {
                    prop_assert!(unescape(record.text).len() <= record.text.len());
                }
            }
        }
    }
}
