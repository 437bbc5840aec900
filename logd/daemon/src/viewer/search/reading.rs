//! Reading a file for a search: decompressed where it is compressed, from about the right place where it is not, and no further
//! than the search may go.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::MultiGzDecoder;

use crate::viewer::tree::{Found, Until, has_extension};

/// How far the lines of a file may be from the order of their stamps, which are their senders', for the search of the place that
/// it is read from: an hour.
const DISORDER_S: i64 = 3_600;

/// A part of a file this long is read rather than halved again.
const SCAN_BYTES: u64 = 256 << 10;

/// A line that is looked at for its time; a longer one has none.
const STAMPED_LINE_BYTES_MAX: u64 = 64 << 10;

/// Opens a file's content. With `from_s`, lines of before that time at its beginning may be left out; `time` reads a line's.
///
/// # Errors
/// What the system says.
pub(super) fn open(
    mut file: File,
    found: &Found,
    from_s: Option<i64>,
    time: impl FnMut(&[u8]) -> Option<i64>,
) -> io::Result<Box<dyn Read>> {
    let name = found.names.last().map(std::ffi::CString::as_c_str).unwrap_or_default();
    if has_extension(name, ".gz") {
        return Ok(Box::new(MultiGzDecoder::new(BufReader::new(file))));
    }
    if has_extension(name, ".zst") {
        return Ok(Box::new(zstd::stream::read::Decoder::new(file)?));
    }
    if let Some(from_s) = from_s {
        let start = start(&mut file, found.bytes, from_s.saturating_sub(DISORDER_S), time)?;
        file.seek(SeekFrom::Start(start))?;
    }
    Ok(Box::new(file))
}

/// Where the lines of this time and later begin, about: at the beginning of a line, before which the lines are older.
fn start(file: &mut File, length: u64, from_s: i64, mut time: impl FnMut(&[u8]) -> Option<i64>) -> io::Result<u64> {
    let (mut start, mut end) = (0, length);
    while end - start > SCAN_BYTES {
        let middle = start + (end - start) / 2;
        match line_after(file, middle, end, &mut time)? {
            Some((line, written_s)) if written_s < from_s => start = line,
            Some(_) | None => end = middle,
        }
    }
    Ok(start)
}

/// The first line with a time that begins between two places: where, and its time. Up to [`SCAN_BYTES`] are looked at.
fn line_after(
    file: &mut File,
    from: u64,
    to: u64,
    time: &mut impl FnMut(&[u8]) -> Option<i64>,
) -> io::Result<Option<(u64, i64)>> {
    file.seek(SeekFrom::Start(from))?;
    let mut reader = BufReader::new(&mut *file).take(SCAN_BYTES.min(to - from));
    let mut at = from + skip_line(&mut reader)?;
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = (&mut reader)
            .take(STAMPED_LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)? as u64;
        if line.pop() != Some(b'\n') {
            return Ok(None);
        }
        if let Some(written_s) = time(&line) {
            return Ok(Some((at, written_s)));
        }
        at += length;
    }
}

/// Reads to the end of the line that it is in the middle of.
fn skip_line(reader: &mut impl BufRead) -> io::Result<u64> {
    reader.skip_until(b'\n').map(|length| length as u64)
}

/// A reader that ends early when the search is over.
pub(super) struct Bounded<R> {
    inner: R,
    until: Until,
    bytes_max: u64,
    read: u64,
}

impl<R> Bounded<R> {
    /// Of which so many bytes are read at most.
    pub(super) fn new(inner: R, until: Until, bytes_max: u64) -> Self {
        Self {
            inner,
            until,
            bytes_max,
            read: 0,
        }
    }

    /// How many have been read.
    pub(super) fn read_bytes(&self) -> u64 {
        self.read
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Each time, which is once for some ten thousands of bytes: what is done with them may take long.
        if self.until.is_over() {
            return Ok(0);
        }
        let left = usize::try_from(self.bytes_max - self.read).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let read = self.inner.read(&mut buffer[..length])?;
        self.read += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::{Duration, Instant};

    use tokio_util::sync::CancellationToken;

    use super::*;

    fn until() -> Until {
        Until {
            deadline: Instant::now() + Duration::from_secs(60),
            gone: CancellationToken::new(),
        }
    }

    fn number(line: &[u8]) -> Option<i64> {
        std::str::from_utf8(line).ok()?.split(' ').next()?.parse().ok()
    }

    #[test]
    fn a_long_file_is_read_from_about_the_time_that_is_asked_for() {
        let mut file = tempfile::tempfile().unwrap();
        let mut content = Vec::new();
        for second in 0..100_000 {
            // Now and then a line without a stamp.
            let line = if second % 7 == 0 {
                format!("- {second:060}\n")
            } else {
                format!("{second} {second:060}\n")
            };
            content.extend_from_slice(line.as_bytes());
        }
        file.write_all(&content).unwrap();
        for from in [0, 1, 50_000, 99_999, 200_000] {
            let start = start(&mut file, content.len() as u64, from, number).unwrap();
            let before = &content[..usize::try_from(start).unwrap()];
            assert!(before.is_empty() || before.ends_with(b"\n"));
            assert!(
                before
                    .split(|b| *b == b'\n')
                    .filter_map(number)
                    .all(|second| second < from),
                "{from}"
            );
            let reached = content[before.len()..].split(|b| *b == b'\n').find_map(number).unwrap();
            assert!(
                from - reached < 10_000 || from > 100_000,
                "{from} is reached from {reached}"
            );
        }
    }

    #[test]
    fn a_file_without_stamps_or_lines_is_read_from_its_beginning() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![b'x'; 2 << 20]).unwrap();
        assert_eq!(start(&mut file, 2 << 20, 5, number).unwrap(), 0);
    }

    #[test]
    fn reading_ends_with_its_bytes_or_when_nobody_waits() {
        let mut reader = Bounded::new(io::repeat(b'x'), until(), 10);
        assert_eq!(io::copy(&mut reader, &mut io::sink()).unwrap(), 10);
        assert_eq!(reader.read_bytes(), 10);
        let gone = until();
        let mut reader = Bounded::new(io::repeat(b'x'), gone.clone(), u64::MAX);
        assert_eq!(reader.read(&mut [0; 5]).unwrap(), 5);
        gone.gone.cancel();
        assert_eq!(io::copy(&mut reader, &mut io::sink()).unwrap(), 0);
    }
}
