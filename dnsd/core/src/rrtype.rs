//! Record types and classes: numbers, mnemonics and the `TYPEnnn`/`CLASSnnn` forms of RFC 3597 §5.

use std::fmt;

/// A record type, by its number in the IANA registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Type(pub u16);

/// A class, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(pub u16);

macro_rules! numbers {
    ($kind:ident: $($constant:ident = $number:literal $mnemonic:literal,)*) => {
        impl $kind {
            $(
                #[doc = concat!("`", $mnemonic, "`, ", stringify!($number), ".")]
                pub const $constant: Self = Self($number);
            )*

            const ALL: &'static [(Self, &'static str)] = &[$((Self::$constant, $mnemonic),)*];

            /// The name in the registry; `None` for a number that has none here.
            pub fn mnemonic(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($mnemonic),)*
                    _ => None,
                }
            }
        }
    };
}

numbers! { Type:
    A = 1 "A", NS = 2 "NS", MD = 3 "MD", MF = 4 "MF", CNAME = 5 "CNAME", SOA = 6 "SOA", MB = 7 "MB", MG = 8 "MG",
    MR = 9 "MR", NULL = 10 "NULL", WKS = 11 "WKS", PTR = 12 "PTR", HINFO = 13 "HINFO", MINFO = 14 "MINFO", MX = 15 "MX",
    TXT = 16 "TXT", RP = 17 "RP", AFSDB = 18 "AFSDB", X25 = 19 "X25", ISDN = 20 "ISDN", RT = 21 "RT", NSAP = 22 "NSAP",
    NSAP_PTR = 23 "NSAP-PTR", SIG = 24 "SIG", KEY = 25 "KEY", PX = 26 "PX", GPOS = 27 "GPOS", AAAA = 28 "AAAA",
    LOC = 29 "LOC", NXT = 30 "NXT", EID = 31 "EID", NIMLOC = 32 "NIMLOC", SRV = 33 "SRV", ATMA = 34 "ATMA",
    NAPTR = 35 "NAPTR", KX = 36 "KX", CERT = 37 "CERT", A6 = 38 "A6", DNAME = 39 "DNAME", SINK = 40 "SINK",
    OPT = 41 "OPT", APL = 42 "APL", DS = 43 "DS", SSHFP = 44 "SSHFP", IPSECKEY = 45 "IPSECKEY", RRSIG = 46 "RRSIG",
    NSEC = 47 "NSEC", DNSKEY = 48 "DNSKEY", DHCID = 49 "DHCID", NSEC3 = 50 "NSEC3", NSEC3PARAM = 51 "NSEC3PARAM",
    TLSA = 52 "TLSA", SMIMEA = 53 "SMIMEA", HIP = 55 "HIP", NINFO = 56 "NINFO", RKEY = 57 "RKEY", TALINK = 58 "TALINK",
    CDS = 59 "CDS", CDNSKEY = 60 "CDNSKEY", OPENPGPKEY = 61 "OPENPGPKEY", CSYNC = 62 "CSYNC", ZONEMD = 63 "ZONEMD",
    SVCB = 64 "SVCB", HTTPS = 65 "HTTPS", DSYNC = 66 "DSYNC", HHIT = 67 "HHIT", BRID = 68 "BRID", SPF = 99 "SPF", UINFO = 100 "UINFO", UID = 101 "UID",
    GID = 102 "GID", UNSPEC = 103 "UNSPEC", NID = 104 "NID", L32 = 105 "L32", L64 = 106 "L64", LP = 107 "LP",
    EUI48 = 108 "EUI48", EUI64 = 109 "EUI64", TKEY = 249 "TKEY", TSIG = 250 "TSIG", IXFR = 251 "IXFR", AXFR = 252 "AXFR",
    MAILB = 253 "MAILB", MAILA = 254 "MAILA", ANY = 255 "ANY", URI = 256 "URI", CAA = 257 "CAA", AVC = 258 "AVC",
    DOA = 259 "DOA", AMTRELAY = 260 "AMTRELAY", RESINFO = 261 "RESINFO", WALLET = 262 "WALLET", TA = 32768 "TA",
    DLV = 32769 "DLV",
}

numbers! { Class:
    IN = 1 "IN", CH = 3 "CH", HS = 4 "HS", NONE = 254 "NONE", ANY = 255 "ANY",
}

impl Type {
    /// Reads a mnemonic or `TYPEnnn`, in any case.
    pub fn parse(text: &[u8]) -> Option<Self> {
        // The types that fill most zones come first; the rest is a walk over a short table.
        match text {
            b"A" => return Some(Self::A),
            b"AAAA" => return Some(Self::AAAA),
            b"CNAME" => return Some(Self::CNAME),
            b"NS" => return Some(Self::NS),
            b"PTR" => return Some(Self::PTR),
            b"MX" => return Some(Self::MX),
            b"TXT" => return Some(Self::TXT),
            _ => {}
        }
        if let Some(&(found, _)) = Self::ALL
            .iter()
            .find(|(_, mnemonic)| text.eq_ignore_ascii_case(mnemonic.as_bytes()))
        {
            return Some(found);
        }
        numbered(text, b"TYPE").map(Self)
    }

    /// Whether the number asks for something or carries a message's own data, and so can't stand in a zone: OPT and the
    /// range of RFC 6895 §3.1 for meta-types and question types, 128 to 255.
    pub fn is_meta(self) -> bool {
        self == Self::OPT || (128..=255).contains(&self.0)
    }
}

impl Class {
    /// Reads a mnemonic or `CLASSnnn`, in any case; `CHAOS` and `HESIOD` too, as BIND does.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if let Some(&(found, _)) = Self::ALL
            .iter()
            .find(|(_, mnemonic)| text.eq_ignore_ascii_case(mnemonic.as_bytes()))
        {
            return Some(found);
        }
        if text.eq_ignore_ascii_case(b"CHAOS") {
            return Some(Self::CH);
        }
        if text.eq_ignore_ascii_case(b"HESIOD") {
            return Some(Self::HS);
        }
        numbered(text, b"CLASS").map(Self)
    }
}

/// Reads `TYPE` or `CLASS` followed by a number of at most five digits that fits 16 bits.
fn numbered(text: &[u8], prefix: &[u8]) -> Option<u16> {
    let (head, digits) = text.split_at_checked(prefix.len())?;
    if !head.eq_ignore_ascii_case(prefix) || digits.is_empty() || digits.len() > 5 {
        return None;
    }
    let mut number = 0_u32;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + u32::from(digit - b'0');
    }
    u16::try_from(number).ok()
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mnemonic() {
            Some(mnemonic) => f.write_str(mnemonic),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mnemonic() {
            Some(mnemonic) => f.write_str(mnemonic),
            None => write!(f, "CLASS{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mnemonic_reads_back_in_any_case() {
        for &(rtype, mnemonic) in Type::ALL {
            assert_eq!(Type::parse(mnemonic.as_bytes()), Some(rtype));
            assert_eq!(Type::parse(mnemonic.to_ascii_lowercase().as_bytes()), Some(rtype));
            assert_eq!(rtype.to_string(), mnemonic);
        }
        for &(class, mnemonic) in Class::ALL {
            assert_eq!(Class::parse(mnemonic.to_ascii_lowercase().as_bytes()), Some(class));
        }
    }

    #[test]
    fn rfc3597_5_unknown_types_and_classes_are_numbers() {
        assert_eq!(Type::parse(b"TYPE65280"), Some(Type(65280)));
        assert_eq!(Type::parse(b"type1"), Some(Type::A));
        assert_eq!(Type(65280).to_string(), "TYPE65280");
        assert_eq!(Class::parse(b"class32"), Some(Class(32)));
        assert_eq!(Class(32).to_string(), "CLASS32");
        for bad in ["TYPE", "TYPE65536", "TYPE1x", "TYPE-1", "TYPE000001", "TYP1"] {
            assert_eq!(Type::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn rfc6895_3_1_meta_types_are_not_data() {
        for rtype in [Type::OPT, Type::TSIG, Type::AXFR, Type::ANY, Type(128)] {
            assert!(rtype.is_meta(), "{rtype}");
        }
        for rtype in [Type::A, Type::URI, Type::EUI64, Type(127), Type(65280)] {
            assert!(!rtype.is_meta(), "{rtype}");
        }
    }
}
