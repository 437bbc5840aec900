//! The question for a zone's SOA record, and what is read of its answer.

use crate::message::{Flags, HEADER_BYTES, Header, Opcode, Question, Rcode, ReceivedRecord};
use crate::name::{NameBuf, NameRef};
use crate::rdata;
use crate::rrtype::{Class, Type};
use crate::zone::Soa;

/// What a primary answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoaAnswer {
    /// Its SOA record.
    Soa(Soa),
    /// That the answer doesn't fit the datagram.
    Truncated,
    /// That it doesn't say. Over a connection it may: Knot takes questions about a catalog zone no other way.
    Refused,
    /// Another error, or something that is no authoritative answer.
    Failed,
}

/// Writes the question for a zone's SOA record to `out` and gives its length; `None` when there is no room: 272 octets
/// are enough for every name. No EDNS: the answer is small.
pub fn write_soa_query(id: u16, origin: NameRef<'_>, out: &mut [u8]) -> Option<usize> {
    let header = Header {
        id,
        flags: Flags::default(),
        questions: 1,
        answers: 0,
        authorities: 0,
        additionals: 0,
    };
    write_with_question(header, origin, out)
}

/// Writes a header and a question for the SOA record of a zone.
pub(crate) fn write_with_question(header: Header, origin: NameRef<'_>, out: &mut [u8]) -> Option<usize> {
    let name = origin.as_wire();
    let (head, rest) = out.split_at_mut_checked(HEADER_BYTES)?;
    let (place, rest) = rest.split_at_mut_checked(name.len())?;
    let fields = rest.first_chunk_mut::<4>()?;
    head.copy_from_slice(&header.to_bytes());
    place.copy_from_slice(name);
    *fields = [0, Type::SOA.0 as u8, 0, Class::IN.0 as u8];
    Some(HEADER_BYTES + name.len() + fields.len())
}

/// Reads what came back on the question with this id for this zone. `None` when it isn't an answer to it at all: it may
/// be somebody else's guess, and the right one may still come.
pub fn read_soa_answer(id: u16, origin: NameRef<'_>, message: &[u8]) -> Option<SoaAnswer> {
    let header = Header::read(message)?;
    let is_ours = header.id == id
        && header.flags.contains(Flags::QR)
        && header.flags.opcode() == Opcode::QUERY
        && header.questions <= 1;
    if !is_ours {
        return None;
    }
    let rcode = header.flags.rcode();
    if header.questions == 0 {
        // Who couldn't read the question can't repeat it.
        return (rcode != Rcode::NOERROR).then_some(SoaAnswer::Failed);
    }
    let question = Question::read(&message[HEADER_BYTES..])?;
    if question.name != origin || (question.qtype, question.class) != (Type::SOA, Class::IN) {
        return None;
    }
    if header.flags.contains(Flags::TC) {
        return Some(SoaAnswer::Truncated);
    }
    if rcode == Rcode::REFUSED {
        return Some(SoaAnswer::Refused);
    }
    if rcode != Rcode::NOERROR || !header.flags.contains(Flags::AA) {
        return Some(SoaAnswer::Failed);
    }
    let at = HEADER_BYTES + question.wire.len();
    let soa = read_soa(message, at, header.answers, origin);
    Some(soa.map_or(SoaAnswer::Failed, SoaAnswer::Soa))
}

/// The zone's SOA record among the `count` records at `at`.
pub(crate) fn read_soa(message: &[u8], mut at: usize, count: u16, origin: NameRef<'_>) -> Option<Soa> {
    let mut owner = NameBuf::root();
    let mut data = Vec::new();
    for _ in 0..count {
        let record = ReceivedRecord::read(message, at, &mut owner).ok()?;
        at = record.rdata.end;
        if (record.rtype, record.class) == (Type::SOA, Class::IN) && owner.as_name_ref() == origin {
            rdata::expand(Type::SOA, message, record.rdata, &mut data).ok()?;
            return Soa::read(&data);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Section, SetHead, Writer};
    use crate::name::Name;
    use crate::serial::Serial;

    fn origin() -> Name {
        "zone.test".parse().unwrap()
    }

    /// An answer to the question for a name's SOA record, with the record of `owner`.
    fn answer(id: u16, name: &str, owner: &str, flags: Flags, rcode: Rcode) -> Vec<u8> {
        let (name, owner): (Name, Name) = (name.parse().unwrap(), owner.parse().unwrap());
        let mut query = [0; 272];
        let len = write_soa_query(id, name.as_name_ref(), &mut query).unwrap();
        let mut out = vec![0; 512];
        let mut writer = Writer::new(&mut out).unwrap();
        writer
            .question(&Question::read(&query[HEADER_BYTES..len]).unwrap())
            .unwrap();
        let head = SetHead {
            owner: owner.as_name_ref(),
            rtype: Type::SOA,
            class: Class::IN,
            ttl: 60,
        };
        let soa = rdata::parse(Type::SOA, b"ns.zone.test. h.zone.test. 7 2 3 4 5", None).unwrap();
        writer.record_set(Section::Answer, head, [&soa[..]]).unwrap();
        let len = writer.finish(id, flags, rcode, None);
        out.truncate(len);
        out
    }

    #[test]
    fn rfc1035_4_1_the_question_is_one_for_the_soa_record() {
        let mut out = [0; 27];
        assert_eq!(write_soa_query(0x1234, origin().as_name_ref(), &mut out), Some(27));
        assert_eq!(
            &out[..],
            b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\x04zone\x04test\0\0\x06\0\x01"
        );
        assert_eq!(write_soa_query(1, origin().as_name_ref(), &mut out[..26]), None);
        assert_eq!(write_soa_query(1, origin().as_name_ref(), &mut []), None);
    }

    #[test]
    fn an_answer_is_read_when_it_is_one_to_the_question() {
        let (ours, other) = ("zone.test", "other.test");
        let yes = Flags::QR.with(Flags::AA);
        let read = |message: &[u8]| read_soa_answer(9, origin().as_name_ref(), message);
        let Some(SoaAnswer::Soa(soa)) = read(&answer(9, ours, "ZONE.test", yes, Rcode::NOERROR)) else {
            panic!("an answer");
        };
        assert_eq!((soa.serial, soa.refresh, soa.expire), (Serial(7), 2, 4));
        for (message, expected) in [
            (answer(8, ours, ours, yes, Rcode::NOERROR), None),
            (answer(9, other, ours, yes, Rcode::NOERROR), None),
            (answer(9, ours, ours, Flags::AA, Rcode::NOERROR), None),
            (
                answer(9, ours, ours, yes.with_opcode(Opcode::NOTIFY), Rcode::NOERROR),
                None,
            ),
            (answer(9, ours, other, yes, Rcode::NOERROR), Some(SoaAnswer::Failed)),
            (
                answer(9, ours, ours, Flags::QR, Rcode::NOERROR),
                Some(SoaAnswer::Failed),
            ),
            (answer(9, ours, ours, yes, Rcode::NOTAUTH), Some(SoaAnswer::Failed)),
            (
                answer(9, ours, ours, Flags::QR, Rcode::REFUSED),
                Some(SoaAnswer::Refused),
            ),
            (
                answer(9, ours, ours, yes.with(Flags::TC), Rcode::NOERROR),
                Some(SoaAnswer::Truncated),
            ),
            (b"\0\x09\x80\x01\0\0\0\0\0\0\0\0".to_vec(), Some(SoaAnswer::Failed)),
            (b"\0\x09\x80\0\0\0\0\0\0\0\0\0".to_vec(), None),
        ] {
            assert_eq!(read(&message), expected, "{message:02x?}");
        }
    }

    #[test]
    fn an_answer_that_was_cut_off_brings_no_serial() {
        let whole = answer(9, "zone.test", "zone.test", Flags::QR.with(Flags::AA), Rcode::NOERROR);
        for end in 0..whole.len() {
            let read = read_soa_answer(9, origin().as_name_ref(), &whole[..end]);
            assert!(matches!(read, None | Some(SoaAnswer::Failed)), "{end}");
        }
    }
}
