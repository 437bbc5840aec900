//! The shape that nearly every line of a large zone has: owner, TTL, class, type and data on one line, without
//! parentheses, escapes or comments, of one of the types that fill zones.
//!
//! It is read here in one pass over its bytes. Whatever is of another shape, or wrong, is left to the general way as if
//! nobody had looked at it, so that errors and warnings are said in one place. Words become names, numbers and addresses
//! by the same functions there and here.

use super::owner::Owner;
use crate::lexer::PlainLine;
use crate::name::NameRef;
use crate::rdata::{self, parse_period};
use crate::rrtype::{Class, Type};

/// A record of a plain line; its data and its owner's name are where the caller wanted them.
pub(super) struct PlainRecord {
    pub(super) ttl: Option<u32>,
    pub(super) rtype: Type,
    /// Whether the line leaves its owner out: it is that of the record before.
    pub(super) inherits_owner: bool,
}

/// Reads a line. `None` leaves the line untaken; `rdata` then holds nothing of use, and `owner` nothing that the general
/// way doesn't write anew from the same word.
pub(super) fn read(
    line: &mut PlainLine<'_>,
    origin: NameRef<'_>,
    class: Class,
    owner: &mut Owner,
    rdata: &mut Vec<u8>,
) -> Option<PlainRecord> {
    let inherits_owner = line.starts_blank();
    if !inherits_owner {
        let word = line.word()?;
        // `$` starts a directive, and 0xEF may start a byte order mark.
        if matches!(word.first(), None | Some(b'$' | 0xEF)) {
            return None;
        }
        owner.read(word, origin).ok()?;
    }
    let mut word = line.word()?;
    let mut ttl = None;
    if word.first().is_some_and(u8::is_ascii_digit) {
        ttl = Some(parse_period(word).ok()?);
        word = line.word()?;
    }
    if word == b"IN" && class == Class::IN {
        word = line.word()?;
    }
    let rtype = rdata::read_plain(word, line, origin, rdata)?;
    line.is_over().then_some(PlainRecord {
        ttl,
        rtype,
        inherits_owner,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::super::{Limits, MasterWarning, NoSources, Reader, Source};
    use crate::name::Name;
    use crate::rrtype::Class;

    /// All that a reader says of a text; records with the lines that they stand on.
    fn read_all(text: &str, is_general_only: bool) -> (Vec<String>, Vec<MasterWarning>) {
        let file = Source {
            name: "zone".into(),
            text: Cow::Borrowed(text.as_bytes()),
        };
        let origin: Name = "example".parse().unwrap();
        let mut sources = NoSources;
        let mut reader = Reader::new(&origin, Class::IN, file, &mut sources, Limits::default());
        reader.is_general_only = is_general_only;
        let mut read = Vec::new();
        while let Some(record) = reader.next_record() {
            read.push(format!("{record:?}"));
        }
        let warnings = reader.warnings().to_vec();
        (read, warnings)
    }

    /// How many of a text's lines are read the short way.
    fn plain_lines(text: &str) -> usize {
        let origin: Name = "example".parse().unwrap();
        let mut cursor = crate::lexer::Cursor::START;
        let mut owner = super::Owner::unknown();
        let mut rdata = Vec::new();
        let mut count = 0;
        while let mut line = super::PlainLine::at(text.as_bytes(), &cursor)
            && super::read(&mut line, origin.as_name_ref(), Class::IN, &mut owner, &mut rdata).is_some()
        {
            line.take(&mut cursor);
            count += 1;
        }
        count
    }

    /// Words that stand in records, in their places and out of them.
    fn word() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-c@*.]{1,6}",
            "[a-z]{60,66}(\\.[a-z]{60,63}){0,4}",
            "[0-9]{1,11}[hs]?",
            "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}",
            "[0-9a-f:]{1,12}",
            "\"[ a-z;()\r]{0,5}\"",
            "\"(a|\\\\\"|\\\\065|\n){0,3}\"",
            "x{250,260}",
            "[\"();\\\\$é\u{feff}]",
            "\\\\[#1a.]",
            Just("IN".into()),
            Just("in".into()),
            Just("CH".into()),
            Just("SOA".into()),
        ]
    }

    fn rtype_and_data() -> impl Strategy<Value = String> {
        prop_oneof![
            "A [0-9]{1,2}\\.0\\.2\\.[0-9]{1,3}",
            "AAAA [0-9a-f]{0,3}::[0-9a-f]{1,4}",
            "(NS|CNAME|PTR|ns|DNAME) [a-c@.]{1,5}",
            "MX [0-9]{1,2} [a-c.]{1,5}",
            "SRV 1 2 [0-9]{1,5} [a-c.]{1,5}",
            "TXT( \"?[a-z;]{0,3}\"?){1,3}",
            "SOA n h 1 2 3 4 5",
            "TYPE1 \\\\# 4 01020304",
        ]
    }

    /// A line as they stand in zones, in many ways, and often wrong.
    pub(in crate::master) fn line() -> impl Strategy<Value = String> {
        let blanks = || "[ \t]{1,2}";
        let end = || "[ \t]{0,2}(\n|\r\n|\r|;x\n)";
        let head = (
            "([a-c@*]{1,3}(\\.x\\.)?)?",
            blanks(),
            "([0-9]{1,4} )?(IN )?([0-9]{1,2}[mx] )?",
        );
        prop_oneof![
            8 => (head, rtype_and_data(), end()).prop_map(|((a, b, c), d, e)| format!("{a}{b}{c}{d}{e}")),
            2 => (head, rtype_and_data(), word(), end()).prop_map(|((a, b, c), d, w, e)| format!("{a}{b}{c}{d} {w}{e}")),
            2 => proptest::collection::vec((word(), blanks()), 1..7)
                .prop_map(|words| words.into_iter().flat_map(|(word, blanks)| [word, blanks]).collect::<String>() + "\n"),
            1 => "\\$(TTL [0-9]{1,11}|ORIGIN [a-c.]{1,3}|GENERATE 1-3 a\\$ A 192\\.0\\.2\\.\\$)\n",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_line_reads_the_same_in_both_ways(lines in proptest::collection::vec(line(), 1..8)) {
            let text = lines.concat();
            prop_assert_eq!(read_all(&text, false), read_all(&text, true), "{:?}", text);
        }

        #[test]
        fn any_text_reads_the_same_in_both_ways(text in "([abA1.@: \t\n\r\"\\\\();$\u{feff}]|IN|TXT|AAAA|NS|MX){0,60}") {
            prop_assert_eq!(read_all(&text, false), read_all(&text, true));
        }
    }

    #[test]
    fn the_lines_that_fill_zones_are_plain() {
        let text = "a.example. 300 IN A 192.0.2.1\n\
                    a 300 AAAA 2001:db8::1\r\n\
                    \t60\tMX 10 mail.example.net. \n\
                    * CNAME a\n\
                    @ 1h IN NS ns1\n\
                    1.2.0.192.in-addr.arpa. PTR a\n\
                    _sip._tcp 60 IN SRV 1 2 5060 a\n\
                    a TXT \"v=spf1 mx; -all\" plain\n";
        assert_eq!(plain_lines(text), 8);
    }
}
