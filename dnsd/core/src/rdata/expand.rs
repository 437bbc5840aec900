//! Record data as received messages have it: checked, and its names written out.

use std::ops::Range;

use super::{NameUse, RDATA_BYTES_MAX, RdataError, fields};
use crate::name::NameBuf;
use crate::rrtype::Type;

/// Appends the data of a record that stands at `rdata` of `message` to `out`, in uncompressed wire form. After an error
/// `out` is as it was.
///
/// Names are expanded in the types of RFC 1035 and in those that RFC 3597 §4 names beside them because they were once
/// sent so; a pointer in a later type is an error. Types that the table doesn't know are copied.
pub fn expand(rtype: Type, message: &[u8], rdata: Range<usize>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let start = out.len();
    let result = append(rtype, message, rdata, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn append(rtype: Type, message: &[u8], rdata: Range<usize>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let start = out.len();
    // What stands behind the data is no part of it; what pointers lead to stands in front.
    let message = message.get(..rdata.end).ok_or(RdataError::Truncated)?;
    let mut at = rdata.start;
    let Some(fields) = fields(rtype) else {
        out.extend_from_slice(message.get(at..).ok_or(RdataError::Truncated)?);
        return Ok(());
    };
    for field in fields {
        if let Some(NameUse::Compressed | NameUse::Lowercased) = field.name {
            let mut name = NameBuf::root();
            at = name.set_compressed(message, at)?;
            out.extend_from_slice(name.as_wire());
        } else {
            let rest = message.get(at..).ok_or(RdataError::Truncated)?;
            let length = (field.measure)(rest)?;
            out.extend_from_slice(&rest[..length]);
            at += length;
        }
    }
    if at != message.len() {
        Err(RdataError::TrailingBytes)
    } else if out.len() - start > RDATA_BYTES_MAX {
        Err(RdataError::TooLong)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::NameError;

    fn expanded(rtype: Type, message: &[u8], rdata: Range<usize>) -> Result<Vec<u8>, RdataError> {
        let mut out = b"before".to_vec();
        let result = expand(rtype, message, rdata, &mut out);
        assert!(result.is_ok() || out == b"before");
        result.map(|()| out.split_off(6))
    }

    #[test]
    fn rfc3597_4_names_of_old_types_are_expanded() {
        let message = b"\x07example\x00\x00\x0A\x01m\xC0\x00";
        for rtype in [Type::MX, Type::KX, Type::AFSDB] {
            assert_eq!(
                expanded(rtype, message, 9..15).unwrap(),
                b"\x00\x0A\x01m\x07example\x00"
            );
        }
        let srv = b"\x07example\x00\x00\x01\x00\x02\x00\x03\x01s\xC0\x00";
        assert_eq!(
            expanded(Type::SRV, srv, 9..19).unwrap(),
            b"\x00\x01\x00\x02\x00\x03\x01s\x07example\x00"
        );
        let soa = [&b"\x07example\x00\xC0\x00\x01h\xC0\x00"[..], &[7; 20]].concat();
        let expected = [&b"\x07example\x00\x01h\x07example\x00"[..], &[7; 20]].concat();
        assert_eq!(expanded(Type::SOA, &soa, 9..35).unwrap(), expected);
    }

    #[test]
    fn rfc3597_4_names_of_later_types_are_not() {
        let message = b"\x07example\x00\xC0\x00\x00\x01\x40";
        assert_eq!(
            expanded(Type::NSEC, message, 9..14),
            Err(RdataError::BadName(NameError::NotALabel))
        );
        assert_eq!(expanded(Type(65_280), message, 9..11).unwrap(), b"\xC0\x00");
    }

    #[test]
    fn data_ends_where_its_length_says() {
        let message = b"\x07example\x00\x01m\xC0\x00";
        assert_eq!(
            expanded(Type::NS, message, 9..12),
            Err(RdataError::BadName(NameError::Truncated))
        );
        assert_eq!(expanded(Type::NS, message, 0..10), Err(RdataError::TrailingBytes));
        assert_eq!(expanded(Type::A, message, 9..12), Err(RdataError::Truncated));
        assert_eq!(expanded(Type::A, message, 9..90), Err(RdataError::Truncated));
        assert_eq!(
            expanded(Type::NS, message, 9..9),
            Err(RdataError::BadName(NameError::Truncated))
        );
        assert_eq!(
            expanded(Type::A, b"\xC0\x00\x02\x01", 0..4).unwrap(),
            b"\xC0\x00\x02\x01"
        );
    }
}
