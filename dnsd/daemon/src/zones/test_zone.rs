//! Zones for tests, from master-file text.

use std::borrow::Cow;

use dnsd_core::master::{Limits, NoSources, Reader, Source};
use dnsd_core::name::Name;
use dnsd_core::rrtype::Class;
use dnsd_core::zone::{Compiled, Zone, ZoneBuilder};

/// Compiles a zone; the text has no errors.
pub(crate) fn zone(origin: &str, text: &str) -> Zone {
    compiled(origin, text).zone
}

/// The same, as a transfer brings it.
pub(crate) fn compiled(origin: &str, text: &str) -> Compiled {
    let origin: Name = origin.parse().unwrap();
    let source = Source {
        name: "test".into(),
        text: Cow::Borrowed(text.as_bytes()),
    };
    let mut sources = NoSources;
    let mut reader = Reader::new(&origin, Class::IN, source, &mut sources, Limits::default());
    let mut builder = ZoneBuilder::new(origin.clone());
    while let Some(record) = reader.next_record() {
        let record = record.unwrap();
        builder.add(record.owner, record.class, record.ttl, record.rtype, record.rdata, None);
    }
    builder.finish().unwrap_or_else(|findings| panic!("{findings:?}"))
}
