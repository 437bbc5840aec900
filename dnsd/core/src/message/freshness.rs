//! How long a reply may be kept: what DNS over HTTPS tells HTTP's caches, which don't look into it (RFC 8484 §5.1).

use super::request::RawRecord;
use super::{HEADER_BYTES, Header, Question, Rcode};
use crate::rrtype::Type;

/// The octets of an SOA record's last field, the MINIMUM (RFC 1035 §3.3.13).
const MINIMUM_BYTES: usize = 4;

/// The seconds for which a reply is good: as long as every record of its answer is; without one, as long as that may be
/// remembered (RFC 2308 §5); for a referral, as long as what it names. 0 where there is nothing to keep: an error, a truncated
/// reply, or none that can be read.
pub fn fresh_seconds(reply: &[u8]) -> u32 {
    read(reply).unwrap_or(0)
}

fn read(reply: &[u8]) -> Option<u32> {
    let header = Header::read(reply)?;
    let is_kept = matches!(header.flags.rcode(), Rcode::NOERROR | Rcode::NXDOMAIN);
    if !is_kept || header.flags.contains(super::Flags::TC) {
        return None;
    }
    let mut at = HEADER_BYTES;
    if header.questions > 0 {
        at += Question::read(reply.get(at..)?)?.wire.len();
    }
    let mut least: Option<u32> = None;
    for place in 0..header.answers.saturating_add(header.authorities) {
        if place == header.answers && least.is_some() {
            break;
        }
        let record = RawRecord::read(reply, at)?;
        at = record.end;
        let seconds = match record.rtype {
            Type::SOA if place >= header.answers => record.ttl.min(minimum(record.rdata)?),
            _ => record.ttl,
        };
        least = Some(least.map_or(seconds, |least| least.min(seconds)));
    }
    least
}

fn minimum(soa: &[u8]) -> Option<u32> {
    soa.last_chunk::<MINIMUM_BYTES>()
        .map(|octets| u32::from_be_bytes(*octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records of the root's, each with its type, TTL and data.
    fn reply(flags: u16, answers: &[(Type, u32, &[u8])], authorities: &[(Type, u32, &[u8])]) -> Vec<u8> {
        let mut message = vec![0, 7];
        message.extend(flags.to_be_bytes());
        for count in [1, answers.len(), authorities.len(), 0] {
            message.extend((count as u16).to_be_bytes());
        }
        message.extend(b"\0\0\x01\0\x01");
        for (rtype, ttl, data) in answers.iter().chain(authorities) {
            message.push(0);
            message.extend([rtype.0.to_be_bytes(), [0, 1]].concat());
            message.extend(ttl.to_be_bytes());
            message.extend((data.len() as u16).to_be_bytes());
            message.extend_from_slice(data);
        }
        message
    }

    const OK: u16 = 0x8400;
    const NXDOMAIN: u16 = 0x8403;
    const SOA: &[u8] = b"\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x3C";

    #[test]
    fn rfc8484_5_1_an_answer_is_good_as_long_as_its_shortest_ttl() {
        let records: &[(Type, u32, &[u8])] =
            &[(Type::A, 300, b"\x01\x02\x03\x04"), (Type::A, 100, b"\x01\x02\x03\x05")];
        assert_eq!(fresh_seconds(&reply(OK, records, &[])), 100);
        // What stands beside it says nothing about it.
        assert_eq!(fresh_seconds(&reply(OK, records, &[(Type::NS, 7, b"\0")])), 100);
    }

    #[test]
    fn rfc2308_5_nothing_is_remembered_as_long_as_the_soa_record_says() {
        for flags in [OK, NXDOMAIN] {
            assert_eq!(fresh_seconds(&reply(flags, &[], &[(Type::SOA, 3600, SOA)])), 60);
            assert_eq!(fresh_seconds(&reply(flags, &[], &[(Type::SOA, 30, SOA)])), 30);
        }
        // Who asks for the record itself gets its TTL.
        assert_eq!(fresh_seconds(&reply(OK, &[(Type::SOA, 3600, SOA)], &[])), 3600);
    }

    #[test]
    fn a_referral_is_good_as_long_as_it_names_servers() {
        let servers: &[(Type, u32, &[u8])] = &[(Type::NS, 900, b"\0"), (Type::DS, 600, b"\0\x01\x0D\x02x")];
        assert_eq!(fresh_seconds(&reply(0x8000, &[], servers)), 600);
    }

    #[test]
    fn errors_and_what_is_no_reply_are_not_kept() {
        let records: &[(Type, u32, &[u8])] = &[(Type::A, 300, b"\x01\x02\x03\x04")];
        for flags in [0x8002, 0x8005, 0x8600] {
            assert_eq!(fresh_seconds(&reply(flags, records, &[])), 0, "{flags:#x}");
        }
        assert_eq!(fresh_seconds(&reply(OK, &[], &[])), 0);
        let whole = reply(OK, records, &[]);
        for end in 0..whole.len() {
            assert_eq!(fresh_seconds(&whole[..end]), 0);
        }
    }
}
