//! DNS as the tests speak it: questions made byte by byte, answers taken apart by a decoder that shares nothing with dnsd,
//! and two servers asked the same.
//!
//! A program such as dig can't ask ten thousand questions in a test, nor send what no sound program sends.

pub mod client;
pub mod compare;
pub mod encrypted;
pub mod generate;
pub mod message;
pub mod name;
pub mod primary;
pub mod question;
pub mod server;
pub mod side_by_side;
pub mod sign;
pub mod signed_zone;
pub mod way;

/// Record types by number, and their names for reading.
pub mod rtype {
    /// Numbers and mnemonics that stand in the messages of failing tests; other types are `TYPEnnn`.
    const MNEMONICS: [(u16, &str); 22] = [
        (A, "A"),
        (NS, "NS"),
        (CNAME, "CNAME"),
        (SOA, "SOA"),
        (PTR, "PTR"),
        (HINFO, "HINFO"),
        (MX, "MX"),
        (TXT, "TXT"),
        (AAAA, "AAAA"),
        (SRV, "SRV"),
        (NAPTR, "NAPTR"),
        (DNAME, "DNAME"),
        (DS, "DS"),
        (RRSIG, "RRSIG"),
        (NSEC, "NSEC"),
        (DNSKEY, "DNSKEY"),
        (SVCB, "SVCB"),
        (HTTPS, "HTTPS"),
        (IXFR, "IXFR"),
        (AXFR, "AXFR"),
        (ANY, "ANY"),
        (CAA, "CAA"),
    ];

    /// `A`.
    pub const A: u16 = 1;
    /// `NS`.
    pub const NS: u16 = 2;
    /// `CNAME`.
    pub const CNAME: u16 = 5;
    /// `SOA`.
    pub const SOA: u16 = 6;
    /// `PTR`.
    pub const PTR: u16 = 12;
    /// `HINFO`.
    pub const HINFO: u16 = 13;
    /// `MX`.
    pub const MX: u16 = 15;
    /// `TXT`.
    pub const TXT: u16 = 16;
    /// `SIG`, which RRSIG has replaced (RFC 3755).
    pub const SIG: u16 = 24;
    /// `AAAA`.
    pub const AAAA: u16 = 28;
    /// `SRV`.
    pub const SRV: u16 = 33;
    /// `NAPTR`.
    pub const NAPTR: u16 = 35;
    /// `DNAME`.
    pub const DNAME: u16 = 39;
    /// `OPT`.
    pub const OPT: u16 = 41;
    /// `DS`.
    pub const DS: u16 = 43;
    /// `RRSIG`.
    pub const RRSIG: u16 = 46;
    /// `NSEC`.
    pub const NSEC: u16 = 47;
    /// `DNSKEY`.
    pub const DNSKEY: u16 = 48;
    /// `NSEC3`.
    pub const NSEC3: u16 = 50;
    /// `NSEC3PARAM`.
    pub const NSEC3PARAM: u16 = 51;
    /// `SVCB`.
    pub const SVCB: u16 = 64;
    /// `HTTPS`.
    pub const HTTPS: u16 = 65;
    /// `IXFR`.
    pub const IXFR: u16 = 251;
    /// `AXFR`.
    pub const AXFR: u16 = 252;
    /// `ANY`.
    pub const ANY: u16 = 255;
    /// `CAA`.
    pub const CAA: u16 = 257;
    /// A number for private use, which no registry gives a meaning (RFC 6895 §3.1).
    pub const PRIVATE: u16 = 65280;

    /// The type as dig takes it.
    #[must_use]
    pub fn name(number: u16) -> String {
        MNEMONICS
            .iter()
            .find(|(known, _)| *known == number)
            .map_or_else(|| format!("TYPE{number}"), |(_, mnemonic)| (*mnemonic).to_owned())
    }
}
