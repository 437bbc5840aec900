//! Master files.

use std::borrow::Cow;

use dnsd_core::master::{Limits, NoSources, Reader, Source};
use dnsd_core::name::Name;
use dnsd_core::rdata;
use dnsd_core::rrtype::Class;
use dnsd_core::zone::ZoneBuilder;
use dnsd_core::zone::check::check;

fn source(text: &[u8]) -> Source<'_> {
    Source {
        name: "fuzz".to_owned(),
        text: Cow::Borrowed(text),
    }
}

/// A master file is read to its end with bounded work; what is read from it is valid, prints as text that reads the same, and
/// compiles or is refused.
pub fn master_file(data: &[u8]) {
    // Small, because the fuzzer likes nothing better than a $GENERATE of a million records.
    let limits = Limits {
        generated_max: 256,
        ..Limits::default()
    };
    let origin = Name::parse(b"example.net.", None).expect("a name");
    let mut builder = ZoneBuilder::new(origin.clone());
    let mut sources = NoSources;
    let mut reader = Reader::new(&origin, Class::IN, source(data), &mut sources, limits);
    while let Some(read) = reader.next_record() {
        let record = match read {
            Ok(record) => record,
            Err(error) => {
                let _ = error.to_string();
                continue;
            }
        };
        assert_eq!(rdata::check(record.rtype, record.rdata), Ok(()));
        let printed = format!("{}\n", record.to_record());
        let mut sources = NoSources;
        let mut again = Reader::new(&origin, Class::IN, source(printed.as_bytes()), &mut sources, limits);
        let same = again
            .next_record()
            .expect("one record")
            .unwrap_or_else(|error| panic!("{error}: {printed}"));
        assert_eq!(same.to_record(), record.to_record(), "{printed}");
        builder.add(record.owner, record.class, record.ttl, record.rtype, record.rdata, None);
    }
    if let Ok(compiled) = builder.finish() {
        for finding in check(&compiled) {
            let _ = finding.to_string();
        }
    }
}
