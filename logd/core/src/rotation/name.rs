//! Names of rotated files: `app.log-20261201`, as logrotate's `dateext` has them, and `app.log-20261201-134500` where a date does
//! not tell them apart; `.zst` or `.gz` behind that.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The longest name of a directory's entry.
const NAME_BYTES_MAX: usize = 255;

/// What can stand behind the file's own name at most: date, time, number, compression and the mark of what is not whole yet. A
/// longer name is cut, so that its file can be rotated too.
const SUFFIX_BYTES_MAX: usize = "-20261201-134500-99999.zst.tmp".len();

/// Behind the name of a file whose compression is not done.
pub const TEMPORARY: &[u8] = b".tmp";

/// How a rotated file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard (RFC 8878).
    Zstd,
    /// gzip (RFC 1952).
    Gzip,
}

impl Compression {
    /// What its files' names end with.
    #[must_use]
    pub fn suffix(self) -> &'static [u8] {
        match self {
            Self::Zstd => b".zst",
            Self::Gzip => b".gz",
        }
    }
}

/// The time in a rotated file's name, in the machine's zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    date: Box<str>,
    time: Box<str>,
}

impl When {
    /// This instant.
    #[must_use]
    pub fn at(unix_s: i64, zone: &TimeZone) -> Self {
        let instant = Timestamp::from_second(unix_s).unwrap_or(Timestamp::UNIX_EPOCH);
        let civil = zone.to_datetime(instant);
        Self {
            date: format!("{:04}{:02}{:02}", civil.year(), civil.month(), civil.day()).into(),
            time: format!("{:02}{:02}{:02}", civil.hour(), civil.minute(), civil.second()).into(),
        }
    }
}

/// The name for a file that is rotated now: the `attempt`th, from 0, when those before are taken. `by_date`: a date is enough,
/// unless the name is taken.
#[must_use]
pub fn rotated_name(name: &[u8], when: &When, by_date: bool, attempt: u32) -> Vec<u8> {
    let mut rotated = cut(name, NAME_BYTES_MAX - SUFFIX_BYTES_MAX).to_vec();
    rotated.push(b'-');
    rotated.extend_from_slice(when.date.as_bytes());
    let attempt = attempt + u32::from(!by_date);
    if attempt > 0 {
        rotated.push(b'-');
        rotated.extend_from_slice(when.time.as_bytes());
    }
    if attempt > 1 {
        rotated.extend_from_slice(format!("-{attempt}").as_bytes());
    }
    rotated
}

/// What a name says that a rotated file may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated<'n> {
    /// The name of the file that was rotated, or its beginning where that was too long.
    pub of: &'n [u8],
    /// How it is compressed, if it is.
    pub compression: Option<Compression>,
    /// Its compression is not done.
    pub is_temporary: bool,
}

impl<'n> Rotated<'n> {
    /// Reads a name; `None` if no rotated file is called so.
    #[must_use]
    pub fn parse(name: &'n [u8]) -> Option<Self> {
        let (name, is_temporary) = match name.strip_suffix(TEMPORARY) {
            Some(rest) => (rest, true),
            None => (name, false),
        };
        let compressed = [Compression::Zstd, Compression::Gzip]
            .into_iter()
            .find_map(|compression| Some((name.strip_suffix(compression.suffix())?, Some(compression))));
        let (name, compression) = compressed.unwrap_or((name, None));
        if is_temporary && compression.is_none() {
            return None;
        }
        // From the longest form to the shortest: a number, a time, a date.
        let of = [3, 2, 1].into_iter().find_map(|groups| without_suffix(name, groups))?;
        Some(Self {
            of,
            compression,
            is_temporary,
        })
    }
}

/// The name without so many groups of digits at its end, if they are those of a rotated file.
fn without_suffix(name: &[u8], groups: usize) -> Option<&[u8]> {
    let mut rest = name;
    for group in (0..groups).rev() {
        let dash = rest.iter().rposition(|&byte| byte == b'-')?;
        let digits = &rest[dash + 1..];
        let length_fits = match group {
            0 => digits.len() == 8,
            1 => digits.len() == 6,
            _ => (1..=5).contains(&digits.len()),
        };
        if !length_fits || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        rest = &rest[..dash];
    }
    (!rest.is_empty()).then_some(rest)
}

/// The beginning of a name, of so many bytes at most; no character of UTF-8 is cut through.
fn cut(name: &[u8], bytes_max: usize) -> &[u8] {
    if name.len() <= bytes_max {
        return name;
    }
    let is_continuation = |byte: u8| byte & 0xc0 == 0x80;
    let end = (bytes_max - 3..=bytes_max)
        .rev()
        .find(|&length| !is_continuation(name[length]));
    &name[..end.unwrap_or(bytes_max)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn when() -> When {
        When::at(1_796_132_700, &TimeZone::UTC)
    }

    fn name(by_date: bool, attempt: u32) -> String {
        String::from_utf8(rotated_name(b"app.log", &when(), by_date, attempt)).unwrap()
    }

    #[test]
    fn a_date_where_it_is_enough_and_the_time_where_not() {
        assert_eq!(name(true, 0), "app.log-20261201");
        assert_eq!(name(true, 1), "app.log-20261201-134500");
        assert_eq!(name(true, 2), "app.log-20261201-134500-2");
        assert_eq!(name(false, 0), "app.log-20261201-134500");
        assert_eq!(name(false, 1), "app.log-20261201-134500-2");
    }

    #[test]
    fn what_is_no_rotated_files_name_is_none() {
        for name in [
            "app.log",
            "app.log-2026120",
            "app.log-20261201-1345",
            "app.log-20261201.bz2",
            "app.log-20261201.tmp",
            "-20261201",
            "app.log.zst",
        ] {
            assert_eq!(Rotated::parse(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_is_cut() {
        let long = "é".repeat(127);
        let rotated = rotated_name(long.as_bytes(), &when(), true, 3);
        assert!(rotated.len() + ".zst.tmp".len() <= NAME_BYTES_MAX);
        let of = Rotated::parse(&rotated).unwrap().of;
        assert!(long.as_bytes().starts_with(of) && std::str::from_utf8(of).is_ok());
    }

    proptest! {
        #[test]
        fn what_was_named_is_recognised(
            name in prop::collection::vec(prop_oneof![Just(b'-'), Just(b'0'), 1..=255_u8], 1..200),
            by_date: bool,
            attempt in 0..2_000_u32,
            compression in prop::option::of(prop_oneof![Just(Compression::Zstd), Just(Compression::Gzip)]),
        ) {
            let mut rotated = rotated_name(&name, &when(), by_date, attempt);
            if let Some(compression) = compression {
                rotated.extend_from_slice(compression.suffix());
            }
            let read = Rotated::parse(&rotated).unwrap();
            prop_assert_eq!(read.compression, compression);
            // Names that end like a rotated file's are read as what was rotated twice.
            prop_assert!(name.starts_with(read.of));
        }
    }
}
