//! Names of networks that everybody has for himself: what they mean elsewhere is nobody's business, and servers outside are
//! not to be bothered with them (RFC 6303).

use std::sync::{Arc, LazyLock};

use dnsd_core::name::{Name, NameRef};
use dnsd_core::rdata;
use dnsd_core::rrtype::{Class, Type};
use dnsd_core::search_name::SearchName;
use dnsd_core::zone::ZoneBuilder;
use dnsd_core::zones::{ZoneState, Zones};

/// RFC 6303 §4, RFC 7793 §4 and RFC 8375 §4, but for the networks that have a zone for each of their second octets, and the
/// addresses of no host.
const NAMES: &[&str] = &[
    "10.in-addr.arpa",
    "168.192.in-addr.arpa",
    "0.in-addr.arpa",
    "127.in-addr.arpa",
    "254.169.in-addr.arpa",
    "2.0.192.in-addr.arpa",
    "100.51.198.in-addr.arpa",
    "113.0.203.in-addr.arpa",
    "255.255.255.255.in-addr.arpa",
    "d.f.ip6.arpa",
    "8.e.f.ip6.arpa",
    "9.e.f.ip6.arpa",
    "a.e.f.ip6.arpa",
    "b.e.f.ip6.arpa",
    "8.b.d.0.1.0.0.2.ip6.arpa",
    "home.arpa",
];

/// What there is in each (RFC 6303 §3): who hears that a name isn't there keeps that for as long as the SOA record says.
const SOA: &[u8] = b"@ nobody.invalid. 1 3600 1200 604800 10800";
const TTL_SECS: u32 = 10_800;

static ZONES: LazyLock<Zones> = LazyLock::new(|| {
    let others = NAMES.iter().map(ToString::to_string);
    let names = others.chain(split_networks()).chain(no_hosts());
    Zones::new(names.map(|name| {
        let origin: Name = name.parse().expect("a name");
        let zone = empty_zone(&origin);
        (origin, zone)
    }))
});

/// 172.16.0.0/12 and 100.64.0.0/10.
fn split_networks() -> impl Iterator<Item = String> {
    let of_172 = (16..=31).map(|second| format!("{second}.172.in-addr.arpa"));
    of_172.chain((64..=127).map(|second| format!("{second}.100.in-addr.arpa")))
}

/// The unspecified address of IPv6, and the loopback address: 31 labels of zeros, and one before them.
fn no_hosts() -> impl Iterator<Item = String> {
    ["0", "1"]
        .into_iter()
        .map(|last| format!("{last}.{}ip6.arpa", "0.".repeat(31)))
}

fn empty_zone(origin: &Name) -> ZoneState {
    let mut builder = ZoneBuilder::new(origin.clone());
    for (rtype, text) in [(Type::SOA, SOA), (Type::NS, b"@")] {
        let rdata = rdata::parse(rtype, text, Some(origin)).expect("data of its type");
        builder.add(origin.as_name_ref(), Class::IN, TTL_SECS, rtype, &rdata, None);
    }
    let compiled = builder.finish();
    compiled.map_or(ZoneState::Failed, |compiled| ZoneState::Loaded(Arc::new(compiled.zone)))
}

/// A zone for each of these networks, without names.
pub(crate) fn empty_zones() -> &'static Zones {
    &ZONES
}

/// Whether a name is in one of these networks.
pub(super) fn is_private(name: NameRef<'_>) -> bool {
    ZONES.find(&SearchName::new(name), Type::ANY).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6303_4_names_of_private_networks_and_no_others() {
        let zeros = "0.".repeat(31);
        let (unspecified, loopback) = (format!("0.{zeros}ip6.arpa"), format!("1.{zeros}IP6.arpa"));
        for (name, expected) in [
            ("1.2.3.10.in-addr.arpa", true),
            ("10.IN-ADDR.ARPA", true),
            ("1.110.in-addr.arpa", false),
            ("1.0.16.172.in-addr.arpa", true),
            ("31.172.in-addr.arpa", true),
            ("32.172.in-addr.arpa", false),
            ("172.in-addr.arpa", false),
            ("127.100.in-addr.arpa", true),
            ("63.100.in-addr.arpa", false),
            ("1.168.192.in-addr.arpa", true),
            ("c.f.ip6.arpa", false),
            ("0.d.f.ip6.arpa", true),
            ("printer.home.arpa", true),
            ("arpa", false),
            (".", false),
            ("www.example.net", false),
            (&unspecified, true),
            (&loopback, true),
            (&unspecified[2..], false),
        ] {
            let parsed: Name = name.parse().unwrap();
            assert_eq!(is_private(parsed.as_name_ref()), expected, "{name}");
        }
    }
    #[test]
    fn rfc6303_3_the_zones_of_these_networks_are_there_and_empty() {
        assert_eq!(empty_zones().len(), NAMES.len() + 16 + 64 + 2);
        for (origin, state) in empty_zones().iter() {
            let ZoneState::Loaded(zone) = state else {
                panic!("{origin}");
            };
            assert_eq!((zone.record_count(), zone.soa().minimum), (2, TTL_SECS), "{origin}");
        }
    }
}
