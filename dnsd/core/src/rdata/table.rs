//! Which fields each type has.

use super::a6::A6;
use super::address::{IPV4, IPV6};
use super::apl::PREFIXES;
use super::bitmap::{NXT_TYPES, SOME_TYPES, TYPES};
use super::encoded::{
    BASE64_OR_DASH, BASE64_REST, DS_DIGEST, FINGERPRINT, HASH, HEX_REST, OPTIONAL_BASE64_REST, SALT, ZONE_DIGEST,
};
use super::eui::{EUI48, EUI64, LOCATOR64};
use super::field::{Field, NameUse};
use super::gateway::{AMT_RELAY, IPSEC_GATEWAY};
use super::hip::IDENTITY;
use super::location::LOC;
use super::mnemonic::{ALGORITHM, CERT_TYPE, PROTOCOL, SCHEME, TYPE_CODE};
use super::name::{NAMES, name};
use super::number::{FLAGS, PERIOD, U8, U16, U32};
use super::osi::{ATMA, NSAP};
use super::string::{CHAR_STRING, CHAR_STRINGS, DIGITS, OPTIONAL_CHAR_STRING, QUOTED_REST, STRING_REST, TAG};
use super::svcb::PARAMS;
use super::time::TIMESTAMP;
use super::wks::SERVICES;
use crate::rrtype::Type;

const COMPRESSED: Field = name(NameUse::Compressed);
const LOWERCASED: Field = name(NameUse::Lowercased);
const VERBATIM: Field = name(NameUse::Verbatim);

/// The fields of a type in their order; `None` for types that have no presentation form, whose data is opaque. Types
/// that only exist in class IN have that form in every class.
pub(super) fn fields(rtype: Type) -> Option<&'static [Field]> {
    Some(match rtype {
        Type::A => &[IPV4],
        Type::NS | Type::MD | Type::MF | Type::CNAME | Type::MB | Type::MG | Type::MR | Type::PTR => &[COMPRESSED],
        Type::SOA => &[COMPRESSED, COMPRESSED, U32, PERIOD, PERIOD, PERIOD, PERIOD],
        Type::WKS => &[SERVICES],
        Type::HINFO => &[CHAR_STRING, CHAR_STRING],
        Type::MINFO => &[COMPRESSED, COMPRESSED],
        Type::MX => &[U16, COMPRESSED],
        Type::TXT | Type::SPF | Type::NINFO | Type::AVC | Type::RESINFO | Type::WALLET => &[CHAR_STRINGS],
        Type::RP => &[LOWERCASED, LOWERCASED],
        Type::AFSDB | Type::RT | Type::KX => &[U16, LOWERCASED],
        Type::X25 => &[DIGITS],
        Type::ISDN => &[CHAR_STRING, OPTIONAL_CHAR_STRING],
        Type::NSAP => &[NSAP],
        Type::NSAP_PTR => &[VERBATIM],
        Type::SIG | Type::RRSIG => &[
            TYPE_CODE,
            ALGORITHM,
            U8,
            U32,
            TIMESTAMP,
            TIMESTAMP,
            U16,
            LOWERCASED,
            BASE64_REST,
        ],
        Type::KEY => &[FLAGS, PROTOCOL, ALGORITHM, OPTIONAL_BASE64_REST],
        Type::DNSKEY | Type::CDNSKEY | Type::RKEY => &[FLAGS, PROTOCOL, ALGORITHM, BASE64_REST],
        Type::PX => &[U16, LOWERCASED, LOWERCASED],
        Type::GPOS => &[CHAR_STRING, CHAR_STRING, CHAR_STRING],
        Type::AAAA => &[IPV6],
        Type::LOC => &[LOC],
        Type::NXT => &[LOWERCASED, NXT_TYPES],
        Type::EID | Type::NIMLOC => &[HEX_REST],
        Type::SRV => &[U16, U16, U16, LOWERCASED],
        Type::ATMA => &[ATMA],
        Type::NAPTR => &[U16, U16, CHAR_STRING, CHAR_STRING, CHAR_STRING, LOWERCASED],
        Type::CERT => &[CERT_TYPE, U16, ALGORITHM, BASE64_REST],
        Type::A6 => &[A6],
        Type::DNAME => &[LOWERCASED],
        Type::SINK => &[U8, U8, U8, OPTIONAL_BASE64_REST],
        Type::APL => &[PREFIXES],
        Type::DS | Type::CDS | Type::DLV | Type::TA => &[U16, ALGORITHM, DS_DIGEST],
        Type::SSHFP => &[U8, FINGERPRINT],
        Type::IPSECKEY => &[IPSEC_GATEWAY, OPTIONAL_BASE64_REST],
        Type::NSEC => &[VERBATIM, SOME_TYPES],
        Type::DHCID | Type::OPENPGPKEY | Type::HHIT | Type::BRID => &[BASE64_REST],
        Type::NSEC3 => &[U8, U8, U16, SALT, HASH, TYPES],
        Type::NSEC3PARAM => &[U8, U8, U16, SALT],
        Type::TLSA | Type::SMIMEA => &[U8, U8, U8, HEX_REST],
        Type::HIP => &[IDENTITY, NAMES],
        Type::TALINK => &[VERBATIM, VERBATIM],
        Type::CSYNC => &[U32, U16, TYPES],
        Type::ZONEMD => &[U32, U8, ZONE_DIGEST],
        Type::SVCB | Type::HTTPS => &[U16, VERBATIM, PARAMS],
        Type::DSYNC => &[TYPE_CODE, SCHEME, U16, VERBATIM],
        Type::NID | Type::L64 => &[U16, LOCATOR64],
        Type::L32 => &[U16, IPV4],
        Type::LP => &[U16, VERBATIM],
        Type::EUI48 => &[EUI48],
        Type::EUI64 => &[EUI64],
        Type::URI => &[U16, U16, QUOTED_REST],
        Type::CAA => &[U8, TAG, STRING_REST],
        Type::DOA => &[U32, U32, U8, CHAR_STRING, BASE64_OR_DASH],
        Type::AMTRELAY => &[AMT_RELAY],
        _ => return None,
    })
}
