//! What the reader promises: by RFC section, and against what BIND made of the same file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;

use proptest::prelude::*;

use super::*;
use crate::name::Name;
use crate::rrtype::Class;

/// Files by name. Names that aren't there are not found.
#[derive(Default)]
struct Files(HashMap<&'static str, &'static [u8]>);

impl Sources<'static> for Files {
    fn open(&mut self, name: &[u8], _including: &str) -> Result<Source<'static>, io::ErrorKind> {
        let name = String::from_utf8(name.to_vec()).map_err(|_| io::ErrorKind::InvalidFilename)?;
        let text = self.0.get(&*name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Source {
            name,
            text: Cow::Borrowed(text),
        })
    }
}

/// Every file is the same one.
struct Mirror<'s>(&'s [u8]);

impl<'s> Sources<'s> for Mirror<'s> {
    fn open(&mut self, _name: &[u8], _including: &str) -> Result<Source<'s>, io::ErrorKind> {
        Ok(Source {
            name: "again".into(),
            text: Cow::Borrowed(self.0),
        })
    }
}

/// What came out of a file, as text.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    records: Vec<String>,
    errors: Vec<String>,
    warnings: Vec<String>,
}

fn read_all<'s>(text: &'s [u8], sources: &mut dyn Sources<'s>, limits: Limits) -> Outcome {
    let file = Source {
        name: "zone".into(),
        text: Cow::Borrowed(text),
    };
    let origin = Name::parse(b"example.", None).unwrap();
    let mut reader = Reader::new(&origin, Class::IN, file, sources, limits);
    let mut outcome = Outcome::default();
    while let Some(record) = reader.next_record() {
        match record {
            Ok(record) => outcome.records.push(record.to_record().to_string()),
            Err(error) => outcome.errors.push(error.to_string()),
        }
    }
    outcome.warnings = reader.warnings().iter().map(ToString::to_string).collect();
    outcome
}

/// The records of a text that must have no errors, without the `$TTL` line that stands before it.
#[track_caller]
fn records(text: &str) -> Vec<String> {
    let outcome = read_all(format!("$TTL 60\n{text}").as_bytes(), &mut NoSources, Limits::default());
    assert_eq!(outcome.errors, [""; 0]);
    outcome.records
}

/// The errors of a text; the lines count from the `$TTL` line that stands before it.
fn errors(text: &str) -> Vec<String> {
    read_all(format!("$TTL 60\n{text}").as_bytes(), &mut NoSources, Limits::default()).errors
}

#[test]
fn rfc1035_5_1_owners_origins_and_blank_owners() {
    let text =
        "a A 192.0.2.1\n\tA 192.0.2.2\nb.test. A 192.0.2.3\n$ORIGIN sub\n@ A 192.0.2.4\n$ORIGIN sub2\nc A 192.0.2.5\n";
    assert_eq!(
        records(text),
        [
            "a.example. 60 IN A 192.0.2.1",
            "a.example. 60 IN A 192.0.2.2",
            "b.test. 60 IN A 192.0.2.3",
            "sub.example. 60 IN A 192.0.2.4",
            "c.sub2.sub.example. 60 IN A 192.0.2.5",
        ]
    );
    assert_eq!(
        errors(" A 192.0.2.1\n"),
        ["zone:2:2: no owner name here or on a line before near 'A'"]
    );
}

#[test]
fn rfc1035_5_1_class_and_ttl_in_any_order() {
    for line in [
        "a 5 IN A 192.0.2.1",
        "a IN 5 A 192.0.2.1",
        "a 5s CLASS1 TYPE1 192.0.2.1",
        "a in ( 5 ) a\t192.0.2.1 ; x",
    ] {
        assert_eq!(records(line), ["a.example. 5 IN A 192.0.2.1"], "{line}");
    }
    assert_eq!(
        records("A A 192.0.2.1\nIN A 192.0.2.1\n5 A 192.0.2.1")[2],
        "5.example. 60 IN A 192.0.2.1"
    );
    assert_eq!(
        errors("a CH A 192.0.2.1"),
        ["zone:2:3: class differs from the zone's near 'CH'"]
    );
    assert_eq!(
        errors("a 5 6 A 192.0.2.1"),
        ["zone:2:5: unknown class or type near '6'"]
    );
    assert_eq!(
        errors("a IN IN A 192.0.2.1"),
        ["zone:2:6: unknown class or type near 'IN'"]
    );
    assert_eq!(errors("a 1hh A 192.0.2.1"), ["zone:2:3: not a number near '1hh'"]);
}

#[test]
fn rfc1035_5_1_strings_over_lines_stand_in_parentheses() {
    assert_eq!(
        records("a TXT ( \"b\" ; c\n\n  \"d;\"\ne)\r\nf TXT g"),
        [r#"a.example. 60 IN TXT "b" "d;" "e""#, r#"f.example. 60 IN TXT "g""#,]
    );
    assert_eq!(records("a TXT \"b\\\nc\"\n"), [r#"a.example. 60 IN TXT "b\010c""#]);
    assert_eq!(
        errors("a TXT \"b\nc\"\nd TXT e\n"),
        [
            "zone:2:7: unbalanced quotes near '\\\"b'",
            "zone:3:2: unbalanced quotes near '\\\"'",
        ]
    );
}

#[test]
fn rfc2308_4_ttl_directive_and_its_absence() {
    let read = |text: &str| read_all(text.as_bytes(), &mut NoSources, Limits::default());
    let outcome = read("$TTL 1h\na A 192.0.2.1\na 5 A 192.0.2.2\na A 192.0.2.3\n");
    assert_eq!(
        outcome.records,
        [
            "a.example. 3600 IN A 192.0.2.1",
            "a.example. 5 IN A 192.0.2.2",
            "a.example. 3600 IN A 192.0.2.3"
        ]
    );
    let outcome = read("a 5 A 192.0.2.2\na A 192.0.2.3\na A 192.0.2.4\n");
    assert_eq!(outcome.records[2], "a.example. 5 IN A 192.0.2.4");
    assert_eq!(
        outcome.warnings,
        ["zone:2: no TTL specified and no $TTL; using the TTL of the record before"]
    );
    let outcome = read("@ SOA a b 1 2 3 4 7\na A 192.0.2.1\nb 9 A 192.0.2.2\nc A 192.0.2.3\n");
    assert_eq!(outcome.records[0], "example. 7 IN SOA a.example. b.example. 1 2 3 4 7");
    assert_eq!(outcome.records[1], "a.example. 7 IN A 192.0.2.1");
    assert_eq!(outcome.records[3], "c.example. 7 IN A 192.0.2.3");
    assert_eq!(
        outcome.warnings,
        ["zone:1: no TTL specified; using the SOA's minimum instead"]
    );
    assert_eq!(
        read("a A 192.0.2.1\n").errors,
        ["zone:1:3: no TTL here, none before, and no $TTL near 'A'"]
    );
}

#[test]
fn rfc2181_8_ttls_above_31_bits_are_zero() {
    let outcome = read_all(b"a 2147483648 A 192.0.2.1\n", &mut NoSources, Limits::default());
    assert_eq!(outcome.records, ["a.example. 0 IN A 192.0.2.1"]);
    assert_eq!(outcome.warnings, ["zone:1: TTL above 2147483647 is taken for 0"]);
    assert_eq!(
        errors("a 4294967296 A 192.0.2.1"),
        ["zone:2:3: out of range near '4294967296'"]
    );
}

#[test]
fn what_is_odd_about_a_directive_is_told_at_its_line() {
    let text = b"$TTL 4294967295\n\n@ 5 A 192.0.2.1\n$TTL (\n4294967294 )\n$GENERATE 1-2 h$ 4294967293 A 192.0.2.$\n$TTL 4294967292\n";
    let outcome = read_all(text, &mut NoSources, Limits::default());
    assert_eq!(outcome.errors, [""; 0]);
    assert_eq!(outcome.records.len(), 3);
    assert_eq!(
        outcome.warnings,
        [1, 4, 6, 7].map(|line| format!("zone:{line}: TTL above 2147483647 is taken for 0"))
    );
}

#[test]
fn rfc3597_5_unknown_types_and_meta_types() {
    assert_eq!(
        records(r"a TYPE65280 \# 2 ab cd"),
        [r"a.example. 60 IN TYPE65280 \# 2 ABCD"]
    );
    for rtype in ["ANY", "AXFR", "OPT", "TYPE128", "TYPE0", "TSIG"] {
        let found = errors(&format!(r"a 1 IN {rtype} \# 0"));
        assert!(found[0].contains("can't stand in a zone"), "{found:?}");
    }
    assert_eq!(errors("a MD b"), ["zone:2:3: obsolete type, use MX near 'MD'"]);
    assert_eq!(errors("a FOO b"), ["zone:2:3: unknown class or type near 'FOO'"]);
}

#[test]
fn every_error_of_a_file_is_reported_with_its_place() {
    let text = "a A 192.0.2\nb A 192.0.2.2\nc..d A 192.0.2.1\nd MX ( 10\n  x\n  y ) ; z\ne A\nf TXT )\ng A 192.0.2.7\n$FOO x\n\"h A 192.0.2.8\ni TXT x\\\n";
    assert_eq!(
        errors(text),
        [
            "zone:2:5: not an IPv4 address near '192.0.2'",
            "zone:4:1: empty label near 'c..d'",
            "zone:7:3: extra text at the end of the record near 'y'",
            "zone:8:4: unexpected end of line",
            "zone:9:7: unbalanced parentheses near ')'",
            "zone:11:1: unknown $ directive near '$FOO'",
            "zone:12:1: unbalanced quotes near '\\\"h A 192.0.2.8'",
            "zone:13:7: bad escape near 'x\\\\'",
        ]
    );
    let outcome = read_all(format!("$TTL 60\n{text}").as_bytes(), &mut NoSources, Limits::default());
    assert_eq!(
        outcome.records,
        ["b.example. 60 IN A 192.0.2.2", "g.example. 60 IN A 192.0.2.7"]
    );
    assert_eq!(
        errors("a A 192.0.2.1\nb TXT (c\nd A 192.0.2.1\n"),
        ["zone:3:7: unbalanced parentheses"]
    );
    assert_eq!(
        read_all("\u{feff}$TTL 5\n".as_bytes(), &mut NoSources, Limits::default()).errors,
        ["zone:1:1: byte order mark: save the file as UTF-8 without it near '\\xef\\xbb\\xbf$TTL'"]
    );
}

#[test]
fn a_file_without_a_final_newline_is_read_and_warned_of() {
    let outcome = read_all(b"a 5 A 192.0.2.1", &mut NoSources, Limits::default());
    assert_eq!(outcome.records, ["a.example. 5 IN A 192.0.2.1"]);
    assert_eq!(outcome.warnings, ["zone:1: file does not end with a newline"]);
}

#[test]
fn rfc1035_5_1_include_keeps_origin_and_owner_of_the_including_file() {
    let mut files = Files::default();
    files.0.insert(
        "one",
        b" A 192.0.2.2\nx A 192.0.2.3\n$ORIGIN deep\n$INCLUDE two other.test.\nx A 192.0.2.5\n$TTL 9\n",
    );
    files.0.insert("two", b"y A 192.0.2.4\n");
    let outcome = read_all(
        b"$TTL 60\na A 192.0.2.1\n$INCLUDE \"one\" ; c\n A 192.0.2.6\nb A 192.0.2.7\n",
        &mut files,
        Limits::default(),
    );
    assert_eq!(outcome.errors, [""; 0]);
    assert_eq!(
        outcome.records,
        [
            "a.example. 60 IN A 192.0.2.1",
            "a.example. 60 IN A 192.0.2.2",
            "x.example. 60 IN A 192.0.2.3",
            "y.other.test. 60 IN A 192.0.2.4",
            "x.deep.example. 60 IN A 192.0.2.5",
            "a.example. 9 IN A 192.0.2.6",
            "b.example. 9 IN A 192.0.2.7",
        ]
    );
}

#[test]
fn errors_of_included_files_name_the_file_and_missing_ones_the_directive() {
    let mut files = Files::default();
    files.0.insert("one", b"a 5 A x\n");
    let outcome = read_all(
        b"$INCLUDE one\n$INCLUDE nowhere\n$INCLUDE one o x\n$INCLUDE\na 5 A 192.0.2.1\n",
        &mut files,
        Limits::default(),
    );
    assert_eq!(
        outcome.errors,
        [
            "one:1:7: not an IPv4 address near 'x'",
            "zone:2:10: can't include the file: entity not found near 'nowhere'",
            "zone:3:16: extra text at the end of the record near 'x'",
            "zone:4:9: unexpected end of line",
        ]
    );
    assert_eq!(outcome.records.len(), 1);
}

#[test]
fn a_file_that_includes_itself_ends() {
    let text = b"a 5 A 192.0.2.1\n$INCLUDE me\n";
    let outcome = read_all(text, &mut Mirror(text), Limits::default());
    assert_eq!(outcome.records.len(), Limits::default().open_files_max);
    assert_eq!(
        outcome.errors,
        ["again:2:10: too many files open: does a file include itself? near 'me'"]
    );
    // Two includes each would open 2^16 files.
    let text = b"$INCLUDE me\n$INCLUDE me\n";
    let limits = Limits {
        includes_max: 50,
        ..Limits::default()
    };
    let outcome = read_all(text, &mut Mirror(text), limits);
    assert!(
        outcome.errors.iter().any(|error| error.contains("too many $INCLUDE")),
        "{:?}",
        outcome.errors
    );
}

#[test]
fn generate_makes_what_bind_makes() {
    assert_eq!(
        records("$GENERATE 1-2 h$ A 10.0.0.$\n"),
        ["h1.example. 60 IN A 10.0.0.1", "h2.example. 60 IN A 10.0.0.2"]
    );
    assert_eq!(
        records("$GENERATE 1-3/2 ${0,3,d}.x$$y\\$z.${0,4,x}.${16,0,X}.${-1} 300 IN CNAME t$\n"),
        [
            r"001.x\$y\$z.0001.11.0.example. 300 IN CNAME t1.example.",
            r"003.x\$y\$z.0003.13.2.example. 300 IN CNAME t3.example.",
        ]
    );
    assert_eq!(
        records("$GENERATE 1-1 a${-5}-${-5,0,x} A 192.0.2.1")[0],
        "a-4-fffffffc.example. 60 IN A 192.0.2.1"
    );
    assert_eq!(
        records("$GENERATE 254-254 ${0,7,n}.a${0,0,N}.b TXT \"a $ \\\"b $\\\"\"")[0],
        r#"e.f.0.0.aE.F.b.example. 60 IN TXT "a" "254" "b 254""#
    );
    assert_eq!(records("$GENERATE 2147483646-2147483647 $ A 192.0.2.1").len(), 2);
    assert_eq!(
        records("a A 192.0.2.1\n$GENERATE 1-1 b$ A 192.0.2.2\n A 192.0.2.3\n")[2],
        "a.example. 60 IN A 192.0.2.3"
    );
    for (bad, error) in [
        (
            "3-1 a$ A 1.1.1.1",
            "zone:2:11: not a range of the form start-stop[/step] near '3-1'",
        ),
        (
            "1-1/0 a$ A 1.1.1.1",
            "zone:2:11: not a range of the form start-stop[/step] near '1-1/0'",
        ),
        (
            "1-+2 a$ A 1.1.1.1",
            "zone:2:11: not a range of the form start-stop[/step] near '1-+2'",
        ),
        ("1-1 a${} A 1.1.1.1", "zone:2:11: bad ${offset,width,base}"),
        ("1-1 a${0,0,z} A 1.1.1.1", "zone:2:11: bad ${offset,width,base}"),
        ("1-1 a${0 A 1.1.1.1", "zone:2:11: bad ${offset,width,base}"),
        (
            "2147483647-2147483647 a${1} A 1.1.1.1",
            "zone:2:11: bad ${offset,width,base}",
        ),
        ("255-257 a$ A 1.1.1.$", "zone:2:11: not an IPv4 address"),
        (
            "1-1 a$ MX 10 m$",
            "zone:2:24: extra text at the end of the record near 'm$'",
        ),
    ] {
        assert_eq!(errors(&format!("$GENERATE {bad}\n")), [error], "{bad}");
    }
}

#[test]
fn what_one_file_may_ask_for_is_bounded() {
    let limits = Limits {
        generated_max: 5,
        errors_max: 3,
        warnings_max: 1,
        ..Limits::default()
    };
    let outcome = read_all(
        b"$TTL 1\n$GENERATE 0-2147483647 a$ A 192.0.2.1\nb A 192.0.2.1\n",
        &mut NoSources,
        limits,
    );
    assert_eq!(outcome.records.len(), 6);
    assert_eq!(outcome.errors, ["zone:2:11: $GENERATE makes too many records"]);
    let outcome = read_all(b"a\nb\nc\nd\ne 5 A 192.0.2.1\n", &mut NoSources, limits);
    assert_eq!(outcome.errors.len(), 3);
    assert_eq!(outcome.errors[2], "zone:3:2: too many errors");
    assert_eq!(outcome.records.len(), 0);
    let outcome = read_all(
        b"a 2147483648 A 192.0.2.1\na 2147483648 A 192.0.2.1\n",
        &mut NoSources,
        limits,
    );
    assert_eq!(outcome.warnings.len(), 1);
}

const EVERYTHING: &[u8] = include_bytes!("../../../../tests/data/dns/everything.zone");
const INCLUDED: &[u8] = include_bytes!("../../../../tests/data/dns/everything.included");
/// What `named-compilezone -F text` of BIND 9.18 made of it.
const COMPILED: &[u8] = include_bytes!("../../../../tests/data/dns/everything.compiled");

fn read_everything(text: &[u8]) -> Outcome {
    let mut files = Files::default();
    files.0.insert("everything.included", INCLUDED);
    // The zone stands below its own origin, whatever the tests' origin is.
    read_all(
        &[b"$ORIGIN everything.example.\n", text].concat(),
        &mut ByName(files),
        Limits::default(),
    )
}

/// Hands out the files of [`Files`] to a reader of shorter-lived text.
struct ByName(Files);

impl<'s> Sources<'s> for ByName {
    fn open(&mut self, name: &[u8], including: &str) -> Result<Source<'s>, io::ErrorKind> {
        self.0.open(name, including)
    }
}

#[test]
fn the_zone_with_everything_has_the_records_that_bind_reads() {
    let ours = read_everything(EVERYTHING);
    let binds = read_everything(COMPILED);
    assert_eq!(ours.errors, [""; 0]);
    assert_eq!(binds.errors, [""; 0]);
    let sorted = |mut records: Vec<String>| {
        records.sort();
        records
    };
    assert_eq!(sorted(ours.records), sorted(binds.records));
}

#[test]
fn what_the_zone_with_everything_prints_reads_back_equal() {
    let read = read_everything(EVERYTHING);
    let printed = read.records.join("\n");
    assert_eq!(read_everything(printed.as_bytes()).records, read.records);
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_their_end(text in prop::collection::vec(any::<u8>(), 0..400)) {
        let limits = Limits { generated_max: 100, includes_max: 20, ..Limits::default() };
        read_all(&text, &mut Mirror(&text), limits);
    }

    /// Words that mean something to the reader, in any order.
    #[test]
    fn any_words_are_read_to_their_end(words in prop::collection::vec(prop::sample::select(WORDS), 0..60)) {
        let text = words.concat();
        let limits = Limits { generated_max: 100, includes_max: 20, ..Limits::default() };
        read_all(text.as_bytes(), &mut Mirror(text.as_bytes()), limits);
    }

    /// A zone file with one byte changed.
    #[test]
    fn a_damaged_zone_is_read_to_its_end(at in 0..EVERYTHING.len(), byte in any::<u8>()) {
        let mut text = EVERYTHING.to_vec();
        text[at] = byte;
        let outcome = read_everything(&text);
        prop_assert!(outcome.records.len() + outcome.errors.len() > 0);
    }
}

const WORDS: &[&str] = &[
    "\n",
    "\n",
    "\n",
    " ",
    " ",
    "\t",
    "\r\n",
    "(",
    ")",
    "\"",
    "\\",
    ";",
    "a ",
    "@ ",
    "$",
    "$ORIGIN ",
    "$TTL ",
    "$INCLUDE ",
    "$GENERATE ",
    "1-3 ",
    "0-9/2 ",
    "${0,3,n} ",
    "IN ",
    "CH ",
    "5 ",
    "1h ",
    "A ",
    "TXT ",
    "MX ",
    "SOA ",
    "LOC ",
    "APL ",
    "SVCB ",
    "HIP ",
    "NSEC ",
    "TYPE65280 ",
    "\\# ",
    "192.0.2.1 ",
    "alpn=h2 ",
    "alpn=\"",
    "key1=",
    ". ",
    "a.. ",
    "\\300",
];
