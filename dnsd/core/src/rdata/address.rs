//! IPv4 and IPv6 addresses.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::RdataError;
use super::field::{Field, take};

pub(super) const IPV4: Field = Field::new(
    |wire| take::<4>(wire).map(|_| 4),
    |words, out| {
        out.extend_from_slice(&parse_ipv4(words.word()?)?);
        Ok(())
    },
    print_ipv4,
);

pub(super) const IPV6: Field = Field::new(
    |wire| take::<16>(wire).map(|_| 16),
    |words, out| {
        out.extend_from_slice(&parse_ipv6(words.word()?)?);
        Ok(())
    },
    print_ipv6,
);

/// Four decimal numbers without leading zeros.
pub(super) fn parse_ipv4(text: &[u8]) -> Result<[u8; 4], RdataError> {
    let mut octets = [0; 4];
    let mut rest = text;
    for (n, octet) in octets.iter_mut().enumerate() {
        let end = if n == 3 {
            rest.len()
        } else {
            rest.iter().position(|&b| b == b'.').ok_or(RdataError::BadIpv4)?
        };
        *octet = parse_octet(&rest[..end]).ok_or(RdataError::BadIpv4)?;
        rest = rest.get(end + 1..).unwrap_or(&[]);
    }
    Ok(octets)
}

fn parse_octet(digits: &[u8]) -> Option<u8> {
    if digits.is_empty() || digits.len() > 3 || (digits.len() > 1 && digits[0] == b'0') {
        return None;
    }
    let mut value = 0_u16;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u16::from(digit - b'0');
    }
    u8::try_from(value).ok()
}

pub(super) fn parse_ipv6(text: &[u8]) -> Result<[u8; 16], RdataError> {
    let text = str::from_utf8(text).map_err(|_| RdataError::BadIpv6)?;
    text.parse::<Ipv6Addr>()
        .map(|address| address.octets())
        .map_err(|_| RdataError::BadIpv6)
}

pub(super) fn print_ipv4(wire: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let octets: [u8; 4] = take(wire).map_err(|_| fmt::Error)?;
    fmt::Display::fmt(&Ipv4Addr::from(octets), f)
}

pub(super) fn print_ipv6(wire: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let octets: [u8; 16] = take(wire).map_err(|_| fmt::Error)?;
    fmt::Display::fmt(&Ipv6Addr::from(octets), f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc1035_3_4_1_ipv4_is_four_numbers() {
        assert_eq!(parse_ipv4(b"192.0.2.255"), Ok([192, 0, 2, 255]));
        for bad in [
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "01.2.3.4",
            "1.2.3.",
            ".1.2.3",
            "1..2.3",
            "1.2.3.4x",
            "",
            "-1.2.3.4",
        ] {
            assert_eq!(parse_ipv4(bad.as_bytes()), Err(RdataError::BadIpv4), "{bad}");
        }
    }
}
