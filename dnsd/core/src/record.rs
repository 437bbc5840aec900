//! One resource record, owned: what a transfer, an update or a tool passes around. Zones keep records in a form of their
//! own; master files are read into borrowed records.

use std::fmt;

use crate::name::Name;
use crate::rdata;
use crate::rrtype::{Class, Type};

/// A resource record (RFC 1035 §3.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The name it belongs to.
    pub owner: Name,
    /// Its class, nearly always IN.
    pub class: Class,
    /// Seconds it may be cached, up to 2^31 − 1 (RFC 2181 §8).
    pub ttl: u32,
    /// Its type.
    pub rtype: Type,
    /// Wire form of at most 65535 octets; names in it are uncompressed and keep their case.
    pub rdata: Box<[u8]>,
}

impl fmt::Display for Record {
    /// One line of a master file, without the line's end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            owner,
            class,
            ttl,
            rtype,
            rdata,
        } = self;
        write!(f, "{owner} {ttl} {class} {rtype} {}", rdata::display(*rtype, rdata))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_prints_as_a_line_of_a_master_file() {
        let owner = Name::parse(b"www.example.", None).unwrap();
        let record = Record {
            owner,
            class: Class::IN,
            ttl: 300,
            rtype: Type::MX,
            rdata: (*b"\x00\x0a\x01m\x00").into(),
        };
        assert_eq!(record.to_string(), "www.example. 300 IN MX 10 m.");
    }
}
