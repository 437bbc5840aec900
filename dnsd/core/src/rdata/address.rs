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

/// Any form of RFC 4291 §2.2.
pub(super) fn parse_ipv6(text: &[u8]) -> Result<[u8; 16], RdataError> {
    if let Some(octets) = parse_groups(text) {
        return Ok(octets);
    }
    let text = str::from_utf8(text).map_err(|_| RdataError::BadIpv6)?;
    text.parse::<Ipv6Addr>()
        .map(|address| address.octets())
        .map_err(|_| RdataError::BadIpv6)
}

/// Groups of hexadecimal digits, of which `::` may stand for some. `None` for text that is wrong or has an IPv4 address at
/// its end. The library's parser, which is tried then, takes several times as long.
fn parse_groups(text: &[u8]) -> Option<[u8; 16]> {
    let mut octets = [0; 16];
    let mut filled = 0;
    let mut gap = None;
    let mut rest = text;
    if let [b':', b':', after @ ..] = text {
        gap = Some(0);
        rest = after;
    }
    while !rest.is_empty() {
        let mut group = 0_u32;
        let mut digits = 0;
        while let Some(digit) = rest.get(digits).and_then(|&byte| char::from(byte).to_digit(16)) {
            group = group << 4 | digit;
            digits += 1;
            if digits > 4 {
                return None;
            }
        }
        if digits == 0 {
            return None;
        }
        octets
            .get_mut(filled..filled + 2)?
            .copy_from_slice(&(group as u16).to_be_bytes());
        filled += 2;
        rest = match &rest[digits..] {
            [] => break,
            [b':', b':', after @ ..] if gap.is_none() => {
                gap = Some(filled);
                after
            }
            [b':', after @ ..] if !after.is_empty() => after,
            _ => return None,
        };
    }
    match gap {
        None => (filled == 16).then_some(octets),
        // It stands for one group at least.
        Some(gap) if filled < 16 => {
            octets.copy_within(gap..filled, 16 - (filled - gap));
            octets[gap..16 - (filled - gap)].fill(0);
            Some(octets)
        }
        Some(_) => None,
    }
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
    use proptest::prelude::*;

    use super::*;

    /// What the library makes of it.
    fn by_library(text: &str) -> Option<[u8; 16]> {
        text.parse::<Ipv6Addr>().ok().map(|address| address.octets())
    }

    proptest! {
        #[test]
        fn rfc4291_2_2_groups_read_as_the_library_reads_them(text in "[0-9a-fA-F:]{0,20}|([0-9a-f]{0,5}:){0,9}[0-9a-f]{0,5}|([0-9A-F]{1,2}:){0,4}(:[0-9a-f]{1,4}){0,5}") {
            let read = parse_groups(text.as_bytes());
            prop_assert_eq!(read, by_library(&text));
        }
    }

    #[test]
    fn rfc4291_2_2_every_form_of_ipv6_is_read() {
        for good in [
            "::",
            "::1",
            "1::",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "2001:DB8::a",
        ] {
            assert_eq!(parse_groups(good.as_bytes()), by_library(good), "{good}");
            assert!(by_library(good).is_some(), "{good}");
        }
        assert_eq!(parse_ipv6(b"::ffff:192.0.2.1").ok(), by_library("::ffff:192.0.2.1"));
        for bad in [
            "",
            ":",
            ":::",
            "1:",
            ":1",
            "1::2::3",
            "12345::",
            "1:2:3:4:5:6:7:8::",
            "1:2:3:4:5:6:7:8:9",
            "x::",
        ] {
            assert_eq!(parse_ipv6(bad.as_bytes()), Err(RdataError::BadIpv6), "{bad}");
            assert_eq!(by_library(bad), None, "{bad}");
        }
    }

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
