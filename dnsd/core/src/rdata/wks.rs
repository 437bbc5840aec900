//! WKS: the services of a host (RFC 1035 §3.4.2): an address, a protocol, and a bit per port.

use std::fmt;

use super::address::{parse_ipv4, print_ipv4};
use super::field::Field;
use super::number::{parse_u8, parse_u16};
use super::{RdataError, Words};

/// The address and the protocol.
const HEAD_BYTES: usize = 5;
/// A bit for each port.
const BITMAP_BYTES_MAX: usize = 65_536 / 8;

/// All of a WKS record.
pub(super) const SERVICES: Field = Field::new(
    |wire| {
        if wire.len() < HEAD_BYTES {
            return Err(RdataError::Truncated);
        }
        if wire.len() > HEAD_BYTES + BITMAP_BYTES_MAX {
            Err(RdataError::BadBitmap)
        } else {
            Ok(wire.len())
        }
    },
    read,
    |wire, f| {
        let (address, rest) = wire.split_at_checked(4).ok_or(fmt::Error)?;
        let (protocol, ports) = rest.split_first().ok_or(fmt::Error)?;
        print_ipv4(address, f)?;
        write!(f, " {protocol}")?;
        for (n, octet) in ports.iter().enumerate() {
            for bit in (0..8).filter(|bit| octet & (0x80 >> bit) != 0) {
                write!(f, " {}", n * 8 + bit)?;
            }
        }
        Ok(())
    },
);

fn read(words: &mut Words<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    out.extend_from_slice(&parse_ipv4(words.word()?)?);
    out.push(parse_protocol(words.word()?)?);
    let mut ports = Vec::new();
    while let Some(word) = words.optional_word()? {
        let port = usize::from(parse_port(word)?);
        if ports.len() <= port / 8 {
            ports.resize(port / 8 + 1, 0);
        }
        ports[port / 8] |= 0x80 >> (port % 8);
    }
    out.append(&mut ports);
    Ok(())
}

fn parse_protocol(word: &[u8]) -> Result<u8, RdataError> {
    match find(word, PROTOCOLS) {
        Some(number) => Ok(number as u8),
        None => parse_u8(word).map_err(|_| RdataError::UnknownWord),
    }
}

fn parse_port(word: &[u8]) -> Result<u16, RdataError> {
    match find(word, PORTS) {
        Some(number) => Ok(number),
        None => parse_u16(word).map_err(|_| RdataError::UnknownWord),
    }
}

fn find(word: &[u8], table: &[(&str, u16)]) -> Option<u16> {
    table
        .iter()
        .find(|(known, _)| word.eq_ignore_ascii_case(known.as_bytes()))
        .map(|(_, number)| *number)
}

/// Names that stand in zones of WKS's time (RFC 1010). They are in this table and not looked up in the system's
/// `/etc/protocols` and `/etc/services`, so that a zone means the same on every machine.
const PROTOCOLS: &[(&str, u16)] = &[
    ("icmp", 1),
    ("ggp", 3),
    ("tcp", 6),
    ("egp", 8),
    ("pup", 12),
    ("udp", 17),
    ("rdp", 27),
];

const PORTS: &[(&str, u16)] = &[
    ("echo", 7),
    ("discard", 9),
    ("systat", 11),
    ("users", 11),
    ("daytime", 13),
    ("netstat", 15),
    ("qotd", 17),
    ("quote", 17),
    ("chargen", 19),
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("time", 37),
    ("nameserver", 42),
    ("nicname", 43),
    ("whois", 43),
    ("domain", 53),
    ("bootps", 67),
    ("bootpc", 68),
    ("tftp", 69),
    ("gopher", 70),
    ("finger", 79),
    ("http", 80),
    ("www", 80),
    ("kerberos", 88),
    ("hostname", 101),
    ("hostnames", 101),
    ("iso-tsap", 102),
    ("rtelnet", 107),
    ("pop2", 109),
    ("pop3", 110),
    ("sunrpc", 111),
    ("auth", 113),
    ("sftp", 115),
    ("uucp-path", 117),
    ("nntp", 119),
    ("ntp", 123),
    ("netbios-ns", 137),
    ("netbios-dgm", 138),
    ("netbios-ssn", 139),
    ("imap2", 143),
    ("imap", 143),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("bgp", 179),
    ("irc", 194),
    ("imap3", 220),
    ("ldap", 389),
    ("https", 443),
    ("syslog", 514),
    ("imaps", 993),
    ("pop3s", 995),
];
