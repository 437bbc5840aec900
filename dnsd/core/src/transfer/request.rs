//! Requests for transfers (RFC 5936 §2.1, RFC 1995 §3): written by who wants one, and read by who is asked.

use crate::message::{Flags, Full, HEADER_BYTES, Question, Rcode, ReceivedRecord, Request, Section, SetHead, Writer};
use crate::name::{NameBuf, NameRef};
use crate::rrtype::{Class, Type};
use crate::serial::Serial;
use crate::zone::{Soa, Zone};

/// Octets of the longest request without its signature: header, question, and an SOA record with two names.
pub const REQUEST_BYTES_MAX: usize = 1024;

/// Writes a request for a whole zone to the front of `buffer` and gives its length.
pub fn write_axfr_request(id: u16, origin: NameRef<'_>, buffer: &mut [u8]) -> Result<usize, Full> {
    let writer = with_question(origin, Type::AXFR, buffer)?;
    Ok(writer.finish(id, Flags(0), Rcode::NOERROR, None))
}

/// Writes a request for the steps from this version of a zone to the newest.
pub fn write_ixfr_request(id: u16, zone: &Zone, buffer: &mut [u8]) -> Result<usize, Full> {
    let mut writer = with_question(zone.origin(), Type::IXFR, buffer)?;
    let soa = zone.soa_set();
    let head = SetHead {
        owner: zone.origin(),
        rtype: Type::SOA,
        class: Class::IN,
        ttl: soa.ttl(),
    };
    writer.record_set(Section::Authority, head, soa.rdatas())?;
    Ok(writer.finish(id, Flags(0), Rcode::NOERROR, None))
}

fn with_question<'b>(origin: NameRef<'_>, qtype: Type, buffer: &'b mut [u8]) -> Result<Writer<'b>, Full> {
    let [t0, t1] = qtype.0.to_be_bytes();
    let [c0, c1] = Class::IN.0.to_be_bytes();
    let wire = [origin.as_wire(), &[t0, t1, c0, c1]].concat();
    let question = Question {
        name: origin,
        qtype,
        class: Class::IN,
        wire: &wire,
    };
    let mut writer = Writer::new(buffer).ok_or(Full)?;
    writer.question(&question)?;
    Ok(writer)
}

/// The version that who sent an IXFR request has: the serial of the SOA record in its authority section. `None` when it
/// has none there, which is a format error (RFC 1995 §3).
pub fn requested_serial(request: &Request<'_>, message: &[u8]) -> Option<Serial> {
    let mut owner = NameBuf::root();
    let mut at = HEADER_BYTES + request.question.wire.len();
    for _ in 0..request.header.answers {
        at = ReceivedRecord::read(message, at, &mut owner).ok()?.rdata.end;
    }
    for _ in 0..request.header.authorities {
        let record = ReceivedRecord::read(message, at, &mut owner).ok()?;
        if record.rtype == Type::SOA && owner.as_name_ref() == request.question.name {
            let mut rdata = Vec::new();
            crate::rdata::expand(Type::SOA, message, record.rdata, &mut rdata).ok()?;
            return Soa::read(&rdata).map(|soa| soa.serial);
        }
        at = record.rdata.end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Header;
    use crate::zone::tests::zone;

    fn parse(message: &[u8]) -> Request<'_> {
        Request::parse(Header::read(message).unwrap(), message).unwrap()
    }

    #[test]
    fn rfc1995_3_a_request_for_steps_says_which_version_the_client_has() {
        let zone = zone("example", "@ SOA ns.example. host.example. 77 2 3 4 5\n@ NS ns\n");
        let mut buffer = [0; REQUEST_BYTES_MAX];
        let len = write_ixfr_request(9, &zone, &mut buffer).unwrap();
        let request = parse(&buffer[..len]);
        assert_eq!((request.header.id, request.question.qtype), (9, Type::IXFR));
        assert_eq!(request.question.name, zone.origin());
        assert_eq!(requested_serial(&request, &buffer[..len]), Some(Serial(77)));
        assert_eq!(write_ixfr_request(9, &zone, &mut buffer[..len - 1]), Err(Full));
    }

    #[test]
    fn rfc5936_2_1_a_request_for_the_zone_is_a_question() {
        let origin = "example".parse::<crate::name::Name>().unwrap();
        let mut buffer = [0; REQUEST_BYTES_MAX];
        let len = write_axfr_request(9, origin.as_name_ref(), &mut buffer).unwrap();
        let request = parse(&buffer[..len]);
        assert_eq!((len, request.question.qtype), (HEADER_BYTES + 9 + 4, Type::AXFR));
        assert_eq!(requested_serial(&request, &buffer[..len]), None);
    }
}
