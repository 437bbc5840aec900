//! The types that fill most zones, read from a line of plain words.

use super::address::{parse_ipv4, parse_ipv6};
use super::number::parse_u16;
use crate::lexer::PlainLine;
use crate::name::{NameBuf, NameRef};
use crate::rrtype::Type;

/// Reads the data of a record whose type is called `mnemonic` into `rdata`, which is emptied first. `None` for a type
/// that isn't read here, and for data that isn't plain or isn't right: [`super::read`] says what it is then.
pub(crate) fn read_plain(
    mnemonic: &[u8],
    line: &mut PlainLine<'_>,
    origin: NameRef<'_>,
    rdata: &mut Vec<u8>,
) -> Option<Type> {
    rdata.clear();
    let rtype = match mnemonic {
        b"A" => {
            rdata.extend_from_slice(&parse_ipv4(line.word()?).ok()?);
            Type::A
        }
        b"AAAA" => {
            rdata.extend_from_slice(&parse_ipv6(line.word()?).ok()?);
            Type::AAAA
        }
        b"CNAME" => {
            push_name(line, origin, rdata)?;
            Type::CNAME
        }
        b"NS" => {
            push_name(line, origin, rdata)?;
            Type::NS
        }
        b"PTR" => {
            push_name(line, origin, rdata)?;
            Type::PTR
        }
        b"MX" => {
            push_u16(line, rdata)?;
            push_name(line, origin, rdata)?;
            Type::MX
        }
        b"SRV" => {
            for _ in 0..3 {
                push_u16(line, rdata)?;
            }
            push_name(line, origin, rdata)?;
            Type::SRV
        }
        b"TXT" => {
            push_strings(line, rdata)?;
            Type::TXT
        }
        _ => return None,
    };
    Some(rtype)
}

fn push_u16(line: &mut PlainLine<'_>, rdata: &mut Vec<u8>) -> Option<()> {
    rdata.extend_from_slice(&parse_u16(line.word()?).ok()?.to_be_bytes());
    Some(())
}

fn push_name(line: &mut PlainLine<'_>, origin: NameRef<'_>, rdata: &mut Vec<u8>) -> Option<()> {
    let mut name = NameBuf::root();
    name.set_text(line.word()?, Some(origin)).ok()?;
    rdata.extend_from_slice(name.as_wire());
    Some(())
}

/// One or more character strings (RFC 1035 §3.3.14).
fn push_strings(line: &mut PlainLine<'_>, rdata: &mut Vec<u8>) -> Option<()> {
    loop {
        let string = line.string()?;
        rdata.push(u8::try_from(string.len()).ok()?);
        rdata.extend_from_slice(string);
        if line.is_over() {
            return (rdata.len() <= super::RDATA_BYTES_MAX).then_some(());
        }
    }
}
