//! Takes the records out of a reply that was written already.

use super::request::RawRecord;
use super::{Flags, HEADER_BYTES, Header, Question};
use crate::rrtype::Type;

/// Leaves of a reply the header, the question and the OPT record, sets the TC bit (RFC 1035 §4.1.1) and gives the new length.
/// `None`, with nothing changed, when it isn't a whole message.
pub fn truncate(message: &mut [u8]) -> Option<usize> {
    let header = Header::read(message)?;
    let mut end = HEADER_BYTES;
    if header.questions > 0 {
        end += Question::read(&message[HEADER_BYTES..])?.wire.len();
    }
    let opt = find_opt(&header, message, end)?;
    let truncated = Header {
        flags: header.flags.with(Flags::TC),
        answers: 0,
        authorities: 0,
        additionals: opt.is_some().into(),
        ..header
    };
    message[..HEADER_BYTES].copy_from_slice(&truncated.to_bytes());
    if let Some(opt) = opt {
        let length = opt.len();
        message.copy_within(opt, end);
        end += length;
    }
    Some(end)
}

/// Where the OPT record stands, if there is one; `None` when a record is cut off.
fn find_opt(header: &Header, message: &[u8], records_at: usize) -> Option<Option<std::ops::Range<usize>>> {
    let records = [header.answers, header.authorities, header.additionals];
    let mut at = records_at;
    let mut opt = None;
    for _ in 0..records.into_iter().map(usize::from).sum() {
        let record = RawRecord::read(message, at)?;
        if record.rtype == Type::OPT {
            opt = Some(at..record.end);
        }
        at = record.end;
    }
    Some(opt)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = &[0x12, 0x34, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 1];
    const QUESTION: &[u8] = b"\x03www\x07example\x00\x00\x01\x00\x01";
    const RECORD: &[u8] = b"\xC0\x0C\x00\x01\x00\x01\x00\x00\x00\x3C\x00\x04\xC0\x00\x02\x01";
    const OPT: &[u8] = b"\x00\x00\x29\x04\xD0\x00\x00\x00\x00\x00\x05\x00\x03\x00\x01x";

    #[test]
    fn rfc6891_7_question_and_opt_record_are_left() {
        let mut message = [HEAD, QUESTION, RECORD, OPT].concat();
        let length = truncate(&mut message).unwrap();
        let head = [0x12, 0x34, 0x86, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        assert_eq!(message[..length], [&head[..], QUESTION, OPT].concat());
    }

    #[test]
    fn a_message_without_an_opt_record_is_left_with_its_question() {
        let mut message = [&HEAD[..11], &[0], QUESTION, RECORD].concat();
        assert_eq!(truncate(&mut message), Some(HEADER_BYTES + QUESTION.len()));
    }

    #[test]
    fn what_is_no_whole_message_is_left_alone() {
        let whole = [HEAD, QUESTION, RECORD, OPT].concat();
        for cut in 0..whole.len() {
            let mut message = whole[..cut].to_vec();
            assert_eq!(truncate(&mut message), None);
            assert_eq!(message, whole[..cut]);
        }
    }
}
