//! A request, read in place: its question and what stands in its additional section.

use super::{Edns, HEADER_BYTES, Header};
use crate::name::NameRef;
use crate::rrtype::{Class, Type};

/// The question of a request (RFC 1035 §4.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question<'m> {
    /// The name that is asked for, in the case it was asked in.
    pub name: NameRef<'m>,
    /// The type that is asked for, question types like ANY included.
    pub qtype: Type,
    /// The class.
    pub class: Class,
    /// The whole question in wire form; in the message it stands right after the header.
    pub wire: &'m [u8],
}

/// A message of one question whose sections are where its header says.
#[derive(Debug, Clone, Copy)]
pub struct Request<'m> {
    /// The header.
    pub header: Header,
    /// The one question.
    pub question: Question<'m>,
    /// The OPT record, if there is one.
    pub edns: Option<Edns<'m>>,
    /// Where the TSIG record starts (RFC 8945 §5.1): a signature is over the message up to here. The last record of the
    /// message, if there is one.
    pub tsig_at: Option<usize>,
}

/// Why a message with a header is no request that can be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestError<'m> {
    /// No question can be read, or the header announces more than one: a reply can only repeat the header.
    Question,
    /// The header announces no question, and the records are good: who asks for nothing but a cookie does so (RFC 7873
    /// §5.4). With the OPT record, if there is one.
    NoQuestion(Option<Edns<'m>>),
    /// The question is good, but a record behind it is cut off or malformed, or an OPT or TSIG record is where none may be.
    Records(Question<'m>),
}

impl<'m> Request<'m> {
    /// Reads `message`, of which `header` was read before.
    ///
    /// A question's name may not be compressed: nothing stands in front of it that a pointer could refer to. Records
    /// that aren't OPT or TSIG are stepped over unread, and so is whatever follows the last one: BIND does the same.
    pub fn parse(header: Header, message: &'m [u8]) -> Result<Self, RequestError<'m>> {
        let body = message.get(HEADER_BYTES..).ok_or(RequestError::Question)?;
        if header.questions == 0 {
            let records = Records::read(header, message, HEADER_BYTES).ok_or(RequestError::Question)?;
            return Err(RequestError::NoQuestion(records.edns));
        }
        if header.questions > 1 {
            return Err(RequestError::Question);
        }
        let question = Question::read(body).ok_or(RequestError::Question)?;
        let records = Records::read(header, message, HEADER_BYTES + question.wire.len());
        let Records { edns, tsig_at } = records.ok_or(RequestError::Records(question))?;
        Ok(Self {
            header,
            question,
            edns,
            tsig_at,
        })
    }
}

/// What is wanted of the records behind the question.
#[derive(Default)]
struct Records<'m> {
    edns: Option<Edns<'m>>,
    tsig_at: Option<usize>,
}

impl<'m> Records<'m> {
    /// Steps over every record that the header announces. A record takes at least eleven octets of a message that is
    /// there, so the header's counts can't make this longer than the message.
    fn read(header: Header, message: &'m [u8], mut at: usize) -> Option<Self> {
        let mut found = Self::default();
        let before_additional = usize::from(header.answers) + usize::from(header.authorities);
        let records = before_additional + usize::from(header.additionals);
        for n in 0..records {
            let record = RawRecord::read(message, at)?;
            match record.rtype {
                // RFC 6891 §6.1.1: in the additional section, at most one, owned by the root.
                Type::OPT => {
                    if n < before_additional || found.edns.is_some() || !record.owned_by_root {
                        return None;
                    }
                    found.edns = Some(Edns::read(record.class, record.ttl, record.rdata)?);
                }
                // RFC 8945 §5.1: the last record of the additional section.
                Type::TSIG => {
                    if n < before_additional || n + 1 != records {
                        return None;
                    }
                    found.tsig_at = Some(at);
                }
                _ => {}
            }
            at = record.end;
        }
        Some(found)
    }
}

impl<'m> Question<'m> {
    /// Reads the first question of a message; `None` when there is no whole one.
    pub(crate) fn of_message(message: &'m [u8]) -> Option<Self> {
        Self::read(message.get(HEADER_BYTES..)?)
    }

    /// Reads what stands behind a header.
    pub(crate) fn read(body: &'m [u8]) -> Option<Self> {
        let name = NameRef::prefix_of(body).ok()?;
        let end = name.as_wire().len();
        let fields = body.get(end..)?.first_chunk::<4>()?;
        Some(Self {
            name,
            qtype: Type(u16::from_be_bytes([fields[0], fields[1]])),
            class: Class(u16::from_be_bytes([fields[2], fields[3]])),
            wire: &body[..end + 4],
        })
    }
}

/// A record's fixed fields; its owner is stepped over, not read.
pub(super) struct RawRecord<'m> {
    owned_by_root: bool,
    pub(super) rtype: Type,
    class: u16,
    pub(super) ttl: u32,
    pub(super) rdata: &'m [u8],
    pub(super) end: usize,
}

impl<'m> RawRecord<'m> {
    pub(super) fn read(message: &'m [u8], at: usize) -> Option<Self> {
        let owner_end = step_over_name(message, at)?;
        let (fields, rest) = message.get(owner_end..)?.split_first_chunk::<10>()?;
        let rdata = rest.get(..usize::from(u16::from_be_bytes([fields[8], fields[9]])))?;
        Some(Self {
            owned_by_root: message[at] == 0,
            rtype: Type(u16::from_be_bytes([fields[0], fields[1]])),
            class: u16::from_be_bytes([fields[2], fields[3]]),
            ttl: u32::from_be_bytes([fields[4], fields[5], fields[6], fields[7]]),
            rdata,
            end: owner_end + 10 + rdata.len(),
        })
    }
}

/// Where the name at `at` ends. A compression pointer ends it here (RFC 1035 §4.1.4) and isn't followed: only OPT and
/// TSIG matter, and OPT's owner is the root.
fn step_over_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = *message.get(at)?;
        match length {
            0 => return Some(at + 1),
            1..=63 => at += 1 + usize::from(length),
            0xC0.. => return (at + 2 <= message.len()).then_some(at + 2),
            // RFC 6891 §5 retired the other label types.
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A query for www.example. IN A with the given counts for questions and additional records, and bytes behind it.
    fn message(questions: u8, additionals: u8, behind: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x12, 0x34, 1, 0, 0, questions, 0, 0, 0, 0, 0, additionals];
        bytes.extend_from_slice(b"\x03www\x07example\x00\x00\x01\x00\x01");
        bytes.extend_from_slice(behind);
        bytes
    }

    fn parse(message: &[u8]) -> Result<Request<'_>, RequestError<'_>> {
        Request::parse(Header::read(message).unwrap(), message)
    }

    const OPT: &[u8] = b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00";

    #[test]
    fn rfc1035_4_1_2_a_question_is_read_in_place() {
        let bytes = message(1, 0, b"");
        let request = parse(&bytes).unwrap();
        assert_eq!(request.question.name.to_string(), "www.example.");
        assert_eq!((request.question.qtype, request.question.class), (Type::A, Class::IN));
        assert_eq!(request.question.wire, &bytes[12..]);
        assert_eq!((request.edns, request.tsig_at), (None, None));
    }

    #[test]
    fn more_questions_than_one_leave_only_the_header() {
        assert_eq!(parse(&message(2, 0, b"")).unwrap_err(), RequestError::Question);
    }

    #[test]
    fn rfc7873_5_4_a_request_without_a_question_has_its_opt_record_read() {
        let header = [0x12, 0x34, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let bytes = [&header[..], OPT].concat();
        let Err(RequestError::NoQuestion(Some(edns))) = parse(&bytes) else {
            panic!("no OPT record was read");
        };
        assert_eq!(edns.payload_bytes, 1232);
        assert_eq!(parse(&bytes[..20]).unwrap_err(), RequestError::Question);
    }

    #[test]
    fn a_compressed_or_cut_question_leaves_only_the_header() {
        let header = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for body in [
            &b"\xC0\x0C\x00\x01\x00\x01"[..],
            b"\x03www\xC0\x0C\x00\x01\x00\x01",
            b"\x41a\x00\x00\x01\x00\x01",
            b"\x03ww",
            b"\x00\x00\x01\x00",
            b"",
        ] {
            assert_eq!(
                parse(&[&header[..], body].concat()).unwrap_err(),
                RequestError::Question
            );
        }
    }

    #[test]
    fn rfc6891_6_1_2_the_opt_record_is_read() {
        let behind = [
            b"\x00\x00\x29\x10\x00\x07\x02\x80\x00\x00\x05".as_slice(),
            b"\x00\x03\x00\x01x",
        ]
        .concat();
        let bytes = message(1, 1, &behind);
        let edns = parse(&bytes).unwrap().edns.unwrap();
        assert_eq!((edns.payload_bytes, edns.version, edns.dnssec_ok), (4096, 2, true));
        assert_eq!(edns.options().collect::<Vec<_>>(), [(3, &b"x"[..])]);
    }

    #[test]
    fn rfc6891_6_1_1_a_second_or_misplaced_or_malformed_opt_is_refused() {
        let twice = [OPT, OPT].concat();
        let owned = [b"\x01a", OPT].concat();
        let bad_option = [&OPT[..9], b"\x00\x05\x00\x03\x00\x09x"].concat();
        for (count, behind) in [(2, &twice), (1, &owned), (1, &bad_option)] {
            let bytes = message(1, count, behind);
            assert!(matches!(parse(&bytes), Err(RequestError::Records(_))));
        }
        let mut in_answers = message(1, 0, OPT);
        in_answers[7] = 1;
        assert!(matches!(parse(&in_answers), Err(RequestError::Records(_))));
    }

    #[test]
    fn rfc8945_5_1_tsig_is_found_where_it_stands_and_only_at_the_end() {
        let tsig = b"\x01k\x00\x00\xFA\x00\xFF\x00\x00\x00\x00\x00\x00";
        let bytes = message(1, 2, &[OPT, &tsig[..]].concat());
        assert_eq!(parse(&bytes).unwrap().tsig_at, Some(12 + 17 + OPT.len()));
        let bytes = message(1, 2, &[&tsig[..], OPT].concat());
        assert!(matches!(parse(&bytes), Err(RequestError::Records(_))));
    }

    #[test]
    fn a_record_that_the_message_does_not_hold_is_an_error_with_the_question() {
        for cut in 0..OPT.len() {
            let bytes = message(1, 1, &OPT[..cut]);
            assert!(matches!(parse(&bytes), Err(RequestError::Records(_))), "{cut}");
        }
    }

    #[test]
    fn octets_behind_the_last_record_are_ignored() {
        assert!(parse(&message(1, 0, b"xyz")).is_ok());
    }
}
