//! Random valid record data, in one of the encodings that reading its text gives back.

use proptest::prelude::*;

use super::any_name;
use crate::rrtype::Type;

type Octets = BoxedStrategy<Vec<u8>>;

fn octets(lengths: impl Into<prop::collection::SizeRange>) -> Octets {
    prop::collection::vec(any::<u8>(), lengths).boxed()
}

fn name() -> Octets {
    any_name().prop_map(|name| name.as_wire().to_vec()).boxed()
}

fn counted(octets: Octets) -> Octets {
    octets
        .prop_map(|octets| [vec![octets.len() as u8], octets].concat())
        .boxed()
}

fn string() -> Octets {
    counted(octets(0..40))
}

fn fixed(value: &'static [u8]) -> Octets {
    Just(value.to_vec()).boxed()
}

fn joined(parts: Vec<Octets>) -> Octets {
    parts.prop_map(|parts| parts.concat()).boxed()
}

fn repeated(part: Octets, times: impl Into<prop::collection::SizeRange>) -> Octets {
    prop::collection::vec(part, times)
        .prop_map(|parts| parts.concat())
        .boxed()
}

fn one_of(parts: Vec<Octets>) -> Octets {
    prop::strategy::Union::new(parts).boxed()
}

fn digits(lengths: std::ops::Range<usize>) -> Octets {
    prop::collection::vec(b'0'..=b'9', lengths).boxed()
}

/// Blocks of a type bitmap.
fn bitmap() -> Octets {
    prop::collection::btree_map(any::<u8>(), (prop::collection::vec(any::<u8>(), 0..32), 1_u8..), 1..3)
        .prop_map(|blocks| {
            let mut wire = Vec::new();
            for (block, (mut bits, last)) in blocks {
                bits.push(last);
                wire.extend([block, bits.len() as u8]);
                wire.extend(bits);
            }
            wire
        })
        .boxed()
}

fn without_trailing_zeros(octets: Octets) -> Octets {
    octets
        .prop_map(|mut octets| {
            octets.truncate(octets.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1));
            octets
        })
        .boxed()
}

fn prefix(family: u8, address_bytes: usize) -> Octets {
    (
        0..=address_bytes as u8 * 8,
        any::<bool>(),
        without_trailing_zeros(octets(0..=address_bytes)),
    )
        .prop_map(move |(prefix, negated, address)| {
            [
                vec![0, family, prefix, u8::from(negated) << 7 | address.len() as u8],
                address,
            ]
            .concat()
        })
        .boxed()
}

fn a6() -> Octets {
    (0_u8..=128, octets(16), any_name())
        .prop_map(|(prefix, address, prefix_name)| {
            let mut suffix = address[usize::from(prefix / 8)..].to_vec();
            if let Some(first) = suffix.first_mut() {
                *first &= 0xff >> (prefix % 8);
            }
            let prefix_name = if prefix == 0 { &[][..] } else { prefix_name.as_wire() };
            [&[prefix], &suffix[..], prefix_name].concat()
        })
        .boxed()
}

fn location() -> Octets {
    let size = || (1_u8..=9, 0_u8..=9).prop_map(|(mantissa, exponent)| mantissa << 4 | exponent);
    let zero = 1_u32 << 31;
    let latitude = zero - 324_000_000..=zero + 324_000_000;
    let longitude = zero - 648_000_000..=zero + 648_000_000;
    (size(), size(), size(), latitude, longitude, any::<u32>())
        .prop_map(|(size, horizontal, vertical, latitude, longitude, altitude)| {
            let head = [0, size, horizontal, vertical];
            [
                head,
                latitude.to_be_bytes(),
                longitude.to_be_bytes(),
                altitude.to_be_bytes(),
            ]
            .concat()
        })
        .boxed()
}

fn hip() -> Octets {
    (octets(1..20), any::<u8>(), octets(1..40), repeated(name(), 0..3))
        .prop_map(|(tag, algorithm, key, servers)| {
            [vec![tag.len() as u8, algorithm, 0, key.len() as u8], tag, key, servers].concat()
        })
        .boxed()
}

fn gateway(kind: u8) -> Octets {
    match kind {
        0 => fixed(b""),
        1 => octets(4),
        2 => octets(16),
        _ => name(),
    }
}

fn ipsec_key() -> Octets {
    (any::<u8>(), 0_u8..=3, any::<u8>())
        .prop_flat_map(|(precedence, kind, algorithm)| {
            joined(vec![
                Just(vec![precedence, kind, algorithm]).boxed(),
                gateway(kind),
                octets(0..30),
            ])
        })
        .boxed()
}

fn amt_relay() -> Octets {
    (any::<u8>(), any::<bool>(), 0_u8..=3)
        .prop_flat_map(|(precedence, discovery, kind)| {
            joined(vec![
                Just(vec![precedence, u8::from(discovery) << 7 | kind]).boxed(),
                gateway(kind),
            ])
        })
        .boxed()
}

/// Service parameters; `mandatory` names the port, which is always there then.
fn parameters() -> Octets {
    let optional = |key: u8, value: Octets| prop::option::of(value.prop_map(move |value| (u16::from(key), value)));
    let unknown = prop::option::of((9_u16.., octets(0..20)));
    (
        optional(0, fixed(&[0, 3])),
        optional(1, repeated(counted(octets(1..10)), 1..4)),
        octets(2),
        optional(4, repeated(octets(4), 1..3)),
        optional(5, octets(1..20)),
        optional(6, repeated(octets(16), 1..3)),
        optional(7, fixed(b"/dns-query{?dns}")),
        optional(8, fixed(b"")),
        unknown,
    )
        .prop_map(|(mandatory, alpn, port, ipv4, ech, ipv6, path, ohttp, unknown)| {
            let no_default = alpn
                .as_ref()
                .filter(|(_, list)| list.len() > 4)
                .map(|_| (2, Vec::new()));
            let mut wire = Vec::new();
            for (key, value) in [
                mandatory,
                alpn,
                no_default,
                Some((3, port)),
                ipv4,
                ech,
                ipv6,
                path,
                ohttp,
                unknown,
            ]
            .into_iter()
            .flatten()
            {
                wire.extend(key.to_be_bytes());
                wire.extend((value.len() as u16).to_be_bytes());
                wire.extend(value);
            }
            wire
        })
        .boxed()
}

/// A type that has a presentation form, and data of it.
pub(super) fn typed_rdata() -> impl Strategy<Value = (Type, Vec<u8>)> {
    let digest = |lengths: &[(u8, usize)]| {
        one_of(
            lengths
                .iter()
                .map(|&(kind, length)| joined(vec![Just(vec![kind]).boxed(), octets(length)]))
                .collect(),
        )
    };
    let text = || repeated(string(), 1..4);
    let key = || joined(vec![octets(4), octets(1..60)]);
    let signature = || joined(vec![octets(18), name(), octets(1..60)]);
    let ds = || joined(vec![octets(3), digest(&[(1, 20), (2, 32), (4, 48), (99, 7)])]);
    let tag = counted(prop::collection::vec(prop::sample::select(b"azAZ09".to_vec()), 1..20).boxed());
    let types = vec![
        (Type::A, octets(4)),
        (Type::NS, name()),
        (Type::MD, name()),
        (Type::MF, name()),
        (Type::CNAME, name()),
        (Type::SOA, joined(vec![name(), name(), octets(20)])),
        (Type::MB, name()),
        (Type::MG, name()),
        (Type::MR, name()),
        (
            Type::WKS,
            joined(vec![octets(5), without_trailing_zeros(octets(0..300))]),
        ),
        (Type::PTR, name()),
        (Type::HINFO, joined(vec![string(), string()])),
        (Type::MINFO, joined(vec![name(), name()])),
        (Type::MX, joined(vec![octets(2), name()])),
        (Type::TXT, text()),
        (Type::RP, joined(vec![name(), name()])),
        (Type::AFSDB, joined(vec![octets(2), name()])),
        (Type::X25, counted(digits(4..20))),
        (Type::ISDN, one_of(vec![string(), joined(vec![string(), string()])])),
        (Type::RT, joined(vec![octets(2), name()])),
        (Type::NSAP, octets(1..30)),
        (Type::NSAP_PTR, name()),
        (Type::SIG, signature()),
        (Type::KEY, joined(vec![octets(4), octets(0..60)])),
        (Type::PX, joined(vec![octets(2), name(), name()])),
        (Type::GPOS, joined(vec![string(), string(), string()])),
        (Type::AAAA, octets(16)),
        (Type::LOC, location()),
        (Type::NXT, joined(vec![name(), fixed(b"\x62\x01\x80\x08")])),
        (Type::EID, octets(1..30)),
        (Type::NIMLOC, octets(1..30)),
        (Type::SRV, joined(vec![octets(6), name()])),
        (
            Type::ATMA,
            one_of(vec![
                joined(vec![fixed(&[0]), octets(1..30)]),
                joined(vec![fixed(&[1]), digits(1..20)]),
            ]),
        ),
        (
            Type::NAPTR,
            joined(vec![octets(4), string(), string(), string(), name()]),
        ),
        (Type::KX, joined(vec![octets(2), name()])),
        (Type::CERT, joined(vec![octets(5), octets(1..60)])),
        (Type::A6, a6()),
        (Type::DNAME, name()),
        (Type::SINK, octets(3..40)),
        (Type::APL, repeated(one_of(vec![prefix(1, 4), prefix(2, 16)]), 0..4)),
        (Type::DS, ds()),
        (
            Type::SSHFP,
            joined(vec![octets(1), digest(&[(1, 20), (2, 32), (77, 3)])]),
        ),
        (Type::IPSECKEY, ipsec_key()),
        (Type::RRSIG, signature()),
        (Type::NSEC, joined(vec![name(), bitmap()])),
        (Type::DNSKEY, key()),
        (Type::DHCID, octets(1..60)),
        (
            Type::NSEC3,
            joined(vec![
                octets(4),
                string(),
                counted(octets(1..30)),
                one_of(vec![bitmap(), fixed(b"")]),
            ]),
        ),
        (Type::NSEC3PARAM, joined(vec![octets(4), string()])),
        (Type::TLSA, octets(4..60)),
        (Type::SMIMEA, octets(4..60)),
        (Type::HIP, hip()),
        (Type::NINFO, text()),
        (Type::RKEY, key()),
        (Type::TALINK, joined(vec![name(), name()])),
        (Type::CDS, ds()),
        (Type::CDNSKEY, key()),
        (Type::OPENPGPKEY, octets(1..60)),
        (Type::CSYNC, joined(vec![octets(6), bitmap()])),
        (
            Type::ZONEMD,
            joined(vec![octets(5), digest(&[(1, 48), (2, 64), (240, 12)])]),
        ),
        (Type::SVCB, joined(vec![octets(2), name(), parameters()])),
        (Type::HTTPS, joined(vec![octets(2), name(), parameters()])),
        (Type::DSYNC, joined(vec![octets(5), name()])),
        (Type::HHIT, octets(1..60)),
        (Type::BRID, octets(1..60)),
        (Type::SPF, text()),
        (Type::NID, octets(10)),
        (Type::L32, octets(6)),
        (Type::L64, octets(10)),
        (Type::LP, joined(vec![octets(2), name()])),
        (Type::EUI48, octets(6)),
        (Type::EUI64, octets(8)),
        (Type::URI, joined(vec![octets(4), octets(0..60)])),
        (Type::CAA, joined(vec![octets(1), tag, octets(0..60)])),
        (Type::AVC, text()),
        (Type::DOA, joined(vec![octets(9), string(), octets(0..60)])),
        (Type::AMTRELAY, amt_relay()),
        (Type::RESINFO, text()),
        (Type::WALLET, text()),
        (Type::TA, ds()),
        (Type::DLV, ds()),
    ];
    prop::strategy::Union::new(
        types
            .into_iter()
            .map(|(rtype, rdata)| rdata.prop_map(move |rdata| (rtype, rdata)).boxed()),
    )
}
