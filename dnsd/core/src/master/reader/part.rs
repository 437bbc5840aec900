//! Parts of a large file that several threads read side by side.
//!
//! What a line means depends on those before it: whether it is a line of its own, what the origin and `$TTL` are, and whose
//! record it is. A part is read on assumptions: that it starts with a record that names its owner, and that origin and
//! `$TTL` are still what they were when the file was cut. The reader, which reads what stands in front of it, sees whether
//! that is so, and then [takes the part over](Reader::take_over) as if it had read it. Otherwise, and when there is anything
//! in the part that is said of a file or counted for it (errors, warnings, `$INCLUDE`, `$GENERATE`), it reads those lines
//! itself: what comes out never tells how a file was read.

use std::borrow::Cow;

use super::{OpenFile, Reader, RecordRef};
use crate::lexer::{Cursor, next_line_of_words};
use crate::master::limits::Limits;
use crate::master::owner::Owner;
use crate::master::source::{NoSources, Source};
use crate::master::ttls::Ttls;
use crate::name::NameBuf;
use crate::rrtype::Class;

/// A part of a file, to be read on any thread.
pub struct Part<'s> {
    /// The file up to the part's end.
    text: &'s [u8],
    start: usize,
    class: Class,
    origin: NameBuf,
    ttls: Ttls,
}

/// What the reader of the file has to know of a part that has been read.
pub struct PartRead<'s> {
    part: Part<'s>,
    /// `None` when the part has to be read in its place.
    end: Option<PartEnd>,
}

/// How things stand behind a part.
struct PartEnd {
    cursor: Cursor,
    origin: NameBuf,
    owner: Owner,
    ttls: Ttls,
}

impl<'s> Part<'s> {
    /// Octets of its text.
    #[allow(clippy::len_without_is_empty, reason = "a part has a record at least")]
    pub fn len(&self) -> usize {
        self.text.len() - self.start
    }

    /// Reads the part; `each` gets its records, with line numbers counted from the part's first. They are the file's only
    /// if the reader takes over what is returned.
    pub fn read(self, mut each: impl FnMut(RecordRef<'_>)) -> PartRead<'s> {
        let file = Source {
            name: String::new(),
            text: Cow::Borrowed(self.text),
        };
        let mut sources = NoSources;
        let origin = self.origin.to_name();
        let mut reader = Reader::new(&origin, self.class, file, &mut sources, Limits::default());
        reader.open[0].cursor = Cursor::at_line(self.start);
        reader.ttls = self.ttls.clone();
        // It stops in front of the end of the text, which the file's reader has a word to say about.
        reader.parts.push_back(self.text.len());
        let mut is_usable = true;
        while is_usable && let Some(read) = reader.next_record() {
            match read {
                Ok(record) => each(record),
                Err(_) => is_usable = false,
            }
            is_usable &= reader.generating.is_none();
        }
        is_usable &= reader.warnings.is_empty() && reader.generated == 0;
        let Reader {
            mut open, owner, ttls, ..
        } = reader;
        let end = open.pop().filter(|_| is_usable).map(|file| PartEnd {
            cursor: file.cursor,
            origin: file.origin,
            owner,
            ttls,
        });
        PartRead { part: self, end }
    }
}

impl<'s> Reader<'s, '_> {
    /// Cuts what is left of the file into so many pieces of about the same length, and gives all but the first as parts to
    /// be read ahead. From now on the reader stops where each starts, to [take it over](Self::take_over).
    ///
    /// There are none while an included file is read, or of a text that the reader owns.
    pub fn cut(&mut self, pieces: usize) -> Vec<Part<'s>> {
        let [
            OpenFile {
                text: Cow::Borrowed(text),
                cursor,
                origin,
                ..
            },
        ] = &self.open[..]
        else {
            return Vec::new();
        };
        let left = text.len() - cursor.at();
        let mut starts: Vec<usize> = (1..pieces)
            .filter_map(|piece| next_line_of_words(text, cursor.at() + left / pieces * piece))
            .collect();
        starts.dedup();
        let ends = starts.iter().skip(1).copied().chain([text.len()]);
        let parts = starts.iter().zip(ends).map(|(&start, end)| Part {
            text: &text[..end],
            start,
            class: self.class,
            origin: origin.clone(),
            ttls: self.ttls.without_last(),
        });
        let parts = parts.collect();
        self.parts = starts.into();
        parts
    }

    /// Goes on behind a part, the next of those that the file was cut into, if the reader stands at its start and all that
    /// was assumed is so, and gives how many lines stand in front of it. With `None` the reader goes on where it stands.
    pub fn take_over(&mut self, read: PartRead<'_>) -> Option<u32> {
        self.parts.pop_front();
        let PartRead { part, end } = read;
        let end = end?;
        let [file] = &mut self.open[..] else { return None };
        let is_as_assumed = file.cursor.at() == part.start
            && file.origin.as_wire() == part.origin.as_wire()
            && self.ttls.of_directive() == part.ttls.of_directive()
            && self.generating.is_none();
        if !is_as_assumed {
            return None;
        }
        let lines = file.cursor.line() - 1;
        file.cursor = end.cursor.behind_lines(lines);
        file.origin = end.origin;
        self.owner.go_on(end.owner);
        self.ttls.go_on(&end.ttls);
        Some(lines)
    }

    /// Whether the next part starts here, or has been run over.
    pub(super) fn has_come_to_part(&self) -> bool {
        let Some(&start) = self.parts.front() else { return false };
        matches!(&self.open[..], [file] if file.cursor.at() >= start)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::master::plain::tests::line;
    use crate::master::{FileId, Sources};
    use crate::name::Name;
    use crate::record::Record;

    /// What every `$INCLUDE` gets.
    struct Included;

    impl<'s> Sources<'s> for Included {
        fn open(&mut self, _name: &[u8], _including: &str) -> Result<Source<'s>, std::io::ErrorKind> {
            Ok(Source {
                name: "included".into(),
                text: Cow::Borrowed(b"$TTL 9\n i A 192.0.2.9\n$ORIGIN i\n"),
            })
        }
    }

    fn shown(file: FileId, line: u32, record: &Record) -> String {
        format!("{file:?} {line} {record}")
    }

    /// All that comes out of a text, in order, however it is read cut into pieces behind its first records, and how many parts
    /// were taken over.
    fn read_in_pieces(text: &str, pieces: usize, records_ahead: usize) -> (Vec<String>, usize) {
        let file = Source {
            name: "zone".into(),
            text: Cow::Borrowed(text.as_bytes()),
        };
        let origin: Name = "example".parse().unwrap();
        let mut sources = Included;
        let mut reader = Reader::new(&origin, Class::IN, file, &mut sources, Limits::default());
        let mut out = Vec::new();
        let read = |reader: &mut Reader<'_, '_>, out: &mut Vec<String>, records_max| {
            for _ in 0..records_max {
                match reader.next_record() {
                    Some(Ok(record)) => out.push(shown(record.file, record.line, &record.to_record())),
                    Some(Err(error)) => out.push(format!("{error:?}")),
                    None => return,
                }
            }
        };
        read(&mut reader, &mut out, records_ahead);
        let mut taken_over = 0;
        for part in reader.cut(pieces) {
            let mut ahead = Vec::new();
            let part_read = part.read(|record| ahead.push((record.file, record.line, record.to_record())));
            read(&mut reader, &mut out, usize::MAX);
            if let Some(lines) = reader.take_over(part_read) {
                out.extend(
                    ahead
                        .iter()
                        .map(|(file, line, record)| shown(*file, line + lines, record)),
                );
                taken_over += 1;
            }
        }
        read(&mut reader, &mut out, usize::MAX);
        out.extend(reader.warnings().iter().map(|warning| format!("{warning:?}")));
        (out, taken_over)
    }

    /// What stands in more than one line, or changes what the lines behind it mean.
    fn lines() -> impl Strategy<Value = String> {
        prop_oneof![
            12 => line(),
            2 => "[a-c]{0,1} (60 )?TXT \\((\n| |[a-c]|;x\n|\"y\\\\\nz\"){1,6}\\)\n",
            1 => "a TXT \"x\\\\\nb A 192.0.2.1\n\"\n",
            1 => "\\$INCLUDE x [a-c]?\n",
            1 => "\n|;x\n| \n|\\$TTL 5\n",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_file_reads_the_same_in_pieces(
            lines in proptest::collection::vec(lines(), 1..20),
            has_ttl in any::<bool>(),
            pieces in 2..8_usize,
            records_ahead in 0..3_usize,
        ) {
            let text = (if has_ttl { "$TTL 60\n" } else { "" }).to_owned() + &lines.concat();
            let whole = read_in_pieces(&text, 1, records_ahead).0;
            prop_assert_eq!(read_in_pieces(&text, pieces, records_ahead).0, whole, "{:?}", text);
        }
    }

    #[test]
    fn the_parts_of_an_ordinary_file_are_taken_over() {
        let mut text = String::from("$ORIGIN x.example.\n$TTL 60\n@ SOA n h (1 2\n 3 4 5) ; a comment\n");
        for number in 0..50 {
            text += &format!("h{number} A 192.0.2.{number}\n   AAAA 2001:db8::{number}\n  TXT ( a\n\tb )\n");
        }
        assert_eq!(read_in_pieces(&text, 5, 1).1, 4);
        assert_eq!(read_in_pieces(&text, 5, 1).0, read_in_pieces(&text, 1, 1).0);
        // Behind the second of four parts `$TTL` isn't what it was when the file was cut.
        let with_ttl = text.replace("h30 A", "$TTL 70\nh30 A");
        assert_eq!(read_in_pieces(&with_ttl, 5, 1).1, 2);
        assert_eq!(read_in_pieces(&with_ttl, 5, 1).0, read_in_pieces(&with_ttl, 1, 1).0);
    }
}
