//! What dnsd's answer function is measured with: the zone of the mix, loaded, and the mix's queries, all or one kind of
//! them, as messages.

use std::borrow::Cow;
use std::sync::Arc;

use dnsd_core::master::{Limits, NoSources, Reader, RecordRef, Source};
use dnsd_core::name::Name;
use dnsd_core::rrtype::Class;
use dnsd_core::zone::{Zone, ZoneBuilder};
use dnsd_core::zones::{ZoneState, Zones};

use crate::dns::mix::{Query, QueryType, mix};
use crate::dns::zones::HOSTS;

/// Queries that are made before one comes again: more than processors' caches and branch predictors learn by heart.
const QUERIES: usize = 20_000;

/// Which queries of the mix are asked: a name for reports, and what such a query looks like.
pub type Kind = (&'static str, fn(&Query) -> bool);

/// All of the mix, then each kind of answer alone.
pub const KINDS: [Kind; 10] = [
    ("mix", |_| true),
    ("a", |query| is(query, "h", QueryType::A)),
    ("aaaa", |query| is(query, "h", QueryType::Aaaa)),
    ("nxdomain", |query| {
        is(query, "x", QueryType::A) && !query.name.contains(".w")
    }),
    ("nodata", |query| is(query, "h", QueryType::Txt)),
    ("wildcard", |query| query.name.contains(".w")),
    ("cname", |query| is(query, "c", QueryType::A)),
    ("referral", |query| is(query, "www.", QueryType::A)),
    ("mx", |query| is(query, "m", QueryType::Mx)),
    ("txt", |query| is(query, "t", QueryType::Txt)),
];

fn is(query: &Query, start: &str, qtype: QueryType) -> bool {
    query.name.starts_with(start) && query.qtype == qtype
}

/// How a question is asked, and a name for reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// Neither recursion nor EDNS, as dnsperf does.
    LoadGenerator,
    /// Recursion desired, with EDNS, as stubs do.
    Stub,
    /// Without recursion, with EDNS and DO, as resolvers do.
    Resolver,
}

impl Asker {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::LoadGenerator, Self::Stub, Self::Resolver];

    /// The name in reports and arguments.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LoadGenerator => "load-generator",
            Self::Stub => "stub",
            Self::Resolver => "resolver",
        }
    }

    fn message(self, query: &Query, id: u16) -> Vec<u8> {
        let mut message = query.wire(id);
        let (recursion_desired, dnssec_ok) = match self {
            Self::LoadGenerator => return message,
            Self::Stub => (1, 0),
            Self::Resolver => (0, 0x80),
        };
        message[2] = recursion_desired;
        message[11] = 1;
        message.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, dnssec_ok, 0, 0, 0]);
        message
    }
}

/// The queries of one kind, in the order of the mix.
#[must_use]
pub fn queries((_, is_meant): Kind, asker: Asker) -> Vec<Vec<u8>> {
    mix(&HOSTS, QUERIES)
        .iter()
        .zip((0..=u16::MAX).cycle())
        .filter(|(query, _)| is_meant(query))
        .map(|(query, id)| asker.message(query, id))
        .collect()
}

/// The zone's name.
#[must_use]
pub fn origin() -> Name {
    Name::parse(HOSTS.origin.as_bytes(), Some(&Name::root())).expect("the zone's name is one")
}

/// Reads the zone's text.
pub fn read(text: &str, mut each: impl FnMut(RecordRef<'_>)) {
    let mut sources = NoSources;
    let source = Source {
        name: HOSTS.origin.to_owned(),
        text: Cow::Borrowed(text.as_bytes()),
    };
    let mut reader = Reader::new(&origin(), Class::IN, source, &mut sources, Limits::default());
    while let Some(record) = reader.next_record() {
        each(record.expect("the text is right"));
    }
}

/// Reads and compiles the zone's text.
#[must_use]
pub fn compile(text: &str) -> Zone {
    let mut builder = ZoneBuilder::new(origin());
    read(text, |r| builder.add(r.owner, r.class, r.ttl, r.rtype, r.rdata, None));
    builder.finish().unwrap_or_else(|findings| panic!("{findings:?}")).zone
}

/// A server of the zone.
#[must_use]
pub fn zones() -> Zones {
    Zones::new([(origin(), ZoneState::Loaded(Arc::new(compile(&HOSTS.text(1)))))])
}
