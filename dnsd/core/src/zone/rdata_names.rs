//! The domain names inside a record's data, as far as a zone needs them: to compare records and to follow targets.

use std::cmp::Ordering;
use std::ops::Range;

use crate::name::NameRef;
use crate::rdata::{NameUse, has_additional, names};
use crate::rrtype::Type;

/// The octets of `rdata` that are compared in lower case: the names of the types in RFC 4034 §6.2, as RFC 6840 §5.1
/// corrects it. They follow each other without a gap.
fn folded_octets(rtype: Type, rdata: &[u8]) -> Range<usize> {
    let mut folded = 0..0;
    for field in names(rtype, rdata).filter(|field| field.usage != NameUse::Verbatim) {
        let start = if folded.is_empty() { field.offset } else { folded.start };
        folded = start..field.offset + field.name.as_wire().len();
    }
    folded
}

/// The canonical order of two records' data (RFC 4034 §6.3). Equal means that they are the same record (RFC 2181 §5).
pub(crate) fn compare_rdata(rtype: Type, left: &[u8], right: &[u8]) -> Ordering {
    let (left_names, right_names) = (folded_octets(rtype, left), folded_octets(rtype, right));
    if left_names.is_empty() && right_names.is_empty() {
        return left.cmp(right);
    }
    // What both start with is equal in lower case, too, and quickly passed.
    let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    let folded = |rdata: &[u8], names: Range<usize>, at: usize| {
        let octet = rdata[at];
        if names.contains(&at) {
            octet.to_ascii_lowercase()
        } else {
            octet
        }
    };
    (same..left.len())
        .map(|at| folded(left, left_names.clone(), at))
        .cmp((same..right.len()).map(|at| folded(right, right_names.clone(), at)))
}

/// The host that a record's data points to and whose addresses a client will want next; `None` for types that point to
/// none.
pub(crate) fn target_name(rtype: Type, rdata: &[u8]) -> Option<NameRef<'_>> {
    let name = |rdata| names(rtype, rdata).next().map(|field| field.name);
    has_additional(rtype).then_some(rdata).and_then(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4034_6_2_names_in_old_types_compare_without_case() {
        let mx = |name: &[u8]| [&[0, 10], name].concat();
        assert_eq!(
            compare_rdata(Type::MX, &mx(b"\x01A\x00"), &mx(b"\x01a\x00")),
            Ordering::Equal
        );
        assert_eq!(
            compare_rdata(Type::MX, &mx(b"\x01A\x00"), &mx(b"\x01b\x00")),
            Ordering::Less
        );
        assert_eq!(compare_rdata(Type::TXT, b"\x01A", b"\x01a"), Ordering::Less);
        // The serial of an SOA record is no name: 0x41 and 0x61 differ.
        let soa = |serial: u8| [&b"\x01n\x00\x01h\x00\x00\x00\x00"[..], &[serial], &[0; 16]].concat();
        assert_eq!(compare_rdata(Type::SOA, &soa(0x41), &soa(0x61)), Ordering::Less);
    }

    #[test]
    fn rfc3403_4_1_the_replacement_follows_three_strings() {
        let rdata = b"\x00\x01\x00\x02\x01s\x00\x00\x03foo\x00";
        assert_eq!(target_name(Type::NAPTR, rdata).unwrap().to_string(), "foo.");
        assert_eq!(target_name(Type::NAPTR, &rdata[..6]), None);
        assert_eq!(target_name(Type::TXT, rdata), None);
    }
}
