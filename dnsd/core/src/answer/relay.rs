//! The reply to a query that another server has answered: its records, under our header and with our EDNS.

use super::resolve::Resolution;
use super::{Client, DropReason, Outcome, PendingReply, Settings, answer_code, readable};
use crate::message::{Header, Rcode, ReceivedRecord, Request, Section, SetHead, Writer, skip_questions};
use crate::name::NameBuf;
use crate::rdata::expand;
use crate::rrtype::Type;

/// Replies to `request` with what `response`, which was asked for the same, says: its response code and its records, in
/// their order. It is not authoritative, recursion is available, and what the response's header and EDNS say beside that is
/// for us alone. A response that can't be read is SERVFAIL.
///
/// What doesn't fit is left out record by record, with TC set unless it is of the additional section (RFC 2181 §9).
pub fn relay(settings: &Settings, client: &Client, request: &[u8], response: &[u8], out: &mut [u8]) -> Outcome {
    let header = match readable(request) {
        Ok(header) => header,
        Err(reason) => return Outcome::Drop(reason),
    };
    let parsed = Request::parse(header, request);
    let Ok(asked) = parsed else {
        return answer_code(settings, client, request, Rcode::FORMERR, out);
    };
    let Some((mut reply, _)) = PendingReply::begin(settings, client, header, &parsed, out) else {
        return Outcome::Drop(DropReason::NoRoom);
    };
    reply.recursion_available = true;
    let has_room = reply.question(asked.question);
    let before = reply.writer.mark();
    let resolution = match copy_records(response, &mut reply.writer) {
        Some((rcode, is_whole)) => Resolution {
            truncated: !(has_room && is_whole),
            ..Resolution::bare(rcode)
        },
        None => {
            reply.writer.rollback(before);
            Resolution::bare(Rcode::SERVFAIL)
        }
    };
    reply.finish(resolution)
}

/// Writes the records of a response; gives its response code, and whether there was room. `None` when it can't be read.
fn copy_records(response: &[u8], to: &mut Writer<'_>) -> Option<(Rcode, bool)> {
    let header = Header::read(response)?;
    let rcode = header.flags.rcode();
    let mut at = skip_questions(response, header.questions).ok()?;
    let mut owner = NameBuf::root();
    let mut rdata = Vec::new();
    for (section, count) in [
        (Section::Answer, header.answers),
        (Section::Authority, header.authorities),
        (Section::Additional, header.additionals),
    ] {
        for _ in 0..count {
            let record = ReceivedRecord::read(response, at, &mut owner).ok()?;
            at = record.rdata.end;
            // They are about the message that they came in, not about names.
            if matches!(record.rtype, Type::OPT | Type::TSIG) {
                continue;
            }
            rdata.clear();
            expand(record.rtype, response, record.rdata, &mut rdata).ok()?;
            let head = SetHead {
                owner: owner.as_name_ref(),
                rtype: record.rtype,
                class: record.class,
                ttl: record.ttl,
            };
            if to.record_set(section, head, [&rdata[..]]).is_err() {
                return Some((rcode, section == Section::Additional));
            }
        }
    }
    Some((rcode, true))
}
