//! A parameter's value, by its key (RFC 9460 §7, 9461 §5, 9540 §4).

use std::fmt::{self, Write};

use super::{key, params};
use crate::rdata::RdataError;
use crate::rdata::address::{parse_ipv4, parse_ipv6, print_ipv4, print_ipv6};
use crate::rdata::encoded::{parse_base64, print_base64};
use crate::rdata::number::parse_u16;
use crate::rdata::string::print_quoted;

/// Makes the wire form from `text`, whose character escapes are resolved; `None` when there was no `=`. Whether the
/// value is one that the key takes, [`check`] says.
pub(super) fn parse(key: u16, text: Option<&[u8]>) -> Result<Vec<u8>, RdataError> {
    let mut value = Vec::new();
    let given = || text.filter(|text| !text.is_empty()).ok_or(RdataError::BadParameter);
    match key {
        key::MANDATORY => {
            let mut keys = Vec::new();
            for name in given()?.split(|&byte| byte == b',') {
                keys.push(params::parse_key(name)?);
            }
            keys.sort_unstable();
            value.extend(keys.into_iter().flat_map(u16::to_be_bytes));
        }
        key::ALPN => push_protocols(given()?, &mut value)?,
        key::PORT => value.extend(parse_u16(given()?)?.to_be_bytes()),
        key::IPV4HINT => {
            for address in given()?.split(|&byte| byte == b',') {
                value.extend(parse_ipv4(address)?);
            }
        }
        key::ECH => {
            let digits: Vec<u8> = given()?
                .iter()
                .copied()
                .filter(|digit| !digit.is_ascii_whitespace())
                .collect();
            value = parse_base64(&digits)?;
        }
        key::IPV6HINT => {
            for address in given()?.split(|&byte| byte == b',') {
                value.extend(parse_ipv6(address)?);
            }
        }
        _ => value.extend(text.unwrap_or_default()),
    }
    Ok(value)
}

/// Reads a comma-separated list in which a backslash keeps a comma or a backslash in its item (RFC 9460 appendix A.1).
/// The character escapes were resolved before: `\\,` in a zone file comes here as `\,`.
fn push_protocols(list: &[u8], value: &mut Vec<u8>) -> Result<(), RdataError> {
    let mut length_at = value.len();
    value.push(0);
    let mut escaped = false;
    for &byte in list.iter().chain(b",") {
        match byte {
            b'\\' if !escaped => {
                escaped = true;
                continue;
            }
            b',' if !escaped => {
                let length = value.len() - length_at - 1;
                value[length_at] = u8::try_from(length).map_err(|_| RdataError::StringTooLong)?;
                length_at = value.len();
                value.push(0);
            }
            _ => value.push(byte),
        }
        escaped = false;
    }
    // The comma that closed the last item has begun one more.
    value.pop();
    if escaped || value.len() != length_at {
        Err(RdataError::BadEscape)
    } else {
        Ok(())
    }
}

/// Checks a value's wire form.
pub(super) fn check(key: u16, value: &[u8]) -> Result<(), RdataError> {
    let valid = match key {
        key::MANDATORY => {
            let mut keys = value
                .chunks_exact(2)
                .map(|octets| u16::from_be_bytes([octets[0], octets[1]]));
            // Ascending from above zero: neither twice the same nor `mandatory` itself (§8).
            let mut last = key::MANDATORY;
            let ascending = keys.all(|key| std::mem::replace(&mut last, key) < key);
            !value.is_empty() && value.len().is_multiple_of(2) && ascending
        }
        key::ALPN => !value.is_empty() && protocols_are_whole(value),
        key::NO_DEFAULT_ALPN | key::OHTTP => value.is_empty(),
        key::PORT => value.len() == 2,
        key::IPV4HINT => !value.is_empty() && value.len().is_multiple_of(4),
        key::ECH => !value.is_empty(),
        key::IPV6HINT => !value.is_empty() && value.len().is_multiple_of(16),
        key::DOHPATH => is_doh_template(value),
        _ => true,
    };
    if valid { Ok(()) } else { Err(RdataError::BadParameter) }
}

fn protocols_are_whole(value: &[u8]) -> bool {
    let mut rest = value;
    while let Some((&length, after)) = rest.split_first() {
        match after.get(usize::from(length)..) {
            Some(after) if length > 0 => rest = after,
            _ => return false,
        }
    }
    true
}

/// A relative URI template with the variable `dns` (RFC 9461 §5).
fn is_doh_template(value: &[u8]) -> bool {
    let Ok(template) = str::from_utf8(value) else {
        return false;
    };
    let mut expressions = template.split('{').skip(1).filter_map(|part| part.split_once('}'));
    template.starts_with('/')
        && expressions.any(|(expression, _)| {
            expression
                .trim_start_matches(['?', '&'])
                .split(',')
                .any(|name| name == "dns")
        })
}

/// Prints `=value`, or nothing when there is none.
pub(super) fn print(key: u16, value: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if value.is_empty() {
        return Ok(());
    }
    f.write_char('=')?;
    match key {
        key::MANDATORY => separated(value.chunks_exact(2), f, |octets, f| {
            params::print_key(u16::from_be_bytes([octets[0], octets[1]]), f)
        }),
        key::ALPN => print_protocols(value, f),
        key::PORT => fmt::Display::fmt(&u16::from_be_bytes([value[0], value[1]]), f),
        key::IPV4HINT => separated(value.chunks_exact(4), f, print_ipv4),
        key::ECH => print_base64(value, f),
        key::IPV6HINT => separated(value.chunks_exact(16), f, print_ipv6),
        _ => print_quoted(value, f),
    }
}

fn separated<'a>(
    items: impl Iterator<Item = &'a [u8]>,
    f: &mut fmt::Formatter<'_>,
    print: fn(&[u8], &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    for (n, item) in items.enumerate() {
        if n > 0 {
            f.write_char(',')?;
        }
        print(item, f)?;
    }
    Ok(())
}

fn print_protocols(value: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut list = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&length, after)) = rest.split_first() {
        let (protocol, after) = after.split_at_checked(usize::from(length)).ok_or(fmt::Error)?;
        if !list.is_empty() {
            list.push(b',');
        }
        for &byte in protocol {
            if matches!(byte, b',' | b'\\') {
                list.push(b'\\');
            }
            list.push(byte);
        }
        rest = after;
    }
    print_quoted(&list, f)
}
