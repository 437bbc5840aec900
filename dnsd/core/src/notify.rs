//! Telling secondaries that a zone has changed, and being told (RFC 1996).
//!
//! A NOTIFY names the zone in its question and, in its answer section, may say its SOA record: a hint of the serial,
//! which whoever is told can compare with its own at once. [`Notification`] reads one, [`write_notify`] and
//! [`write_response`] write them and their responses, and [`Notifier`] decides who of a zone's secondaries is told when.

mod notifier;

pub use notifier::{Notifier, Send, Target, TargetState};

use crate::message::{Flags, HEADER_BYTES, Header, Opcode, Opt, Question, Rcode, Request, Section, SetHead, Writer};
use crate::name::{NAME_BYTES_MAX, NameRef};
use crate::rrtype::{Class, Type};
use crate::secondary::{read_soa, write_with_question};
use crate::serial::Serial;
use crate::zone::Zone;

/// What a NOTIFY request says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notification<'m> {
    /// The request's header, for its response.
    pub header: Header,
    /// Its question: the zone, and SOA for the type.
    pub question: Question<'m>,
    /// The serial that the zone has now, if the message says it.
    pub serial: Option<Serial>,
}

impl<'m> Notification<'m> {
    /// Reads `request`, of opcode NOTIFY, which was read of `message`. An error is the code of the response.
    ///
    /// A hint that can't be read is none: RFC 1996 §3.7 lets it be missing.
    pub fn read(request: &Request<'m>, message: &[u8]) -> Result<Self, Rcode> {
        let Request { header, question, .. } = *request;
        // RFC 1996 §3.7 leaves room for other types; nobody has defined any.
        if question.qtype != Type::SOA {
            return Err(Rcode::NOTIMP);
        }
        if question.class != Class::IN {
            return Err(Rcode::NOTAUTH);
        }
        let at = HEADER_BYTES + question.wire.len();
        let soa = read_soa(message, at, header.answers, question.name);
        Ok(Self {
            header,
            question,
            serial: soa.map(|soa| soa.serial),
        })
    }
}

/// Writes the response to a NOTIFY request: its header and question (RFC 1996 §4.7), and an OPT record if there was one.
/// Gives the length; `None` when there is no room for so much.
pub fn write_response(
    notification: &Notification<'_>,
    rcode: Rcode,
    opt: Option<&Opt<'_>>,
    out: &mut [u8],
) -> Option<usize> {
    let mut writer = Writer::new(out)?;
    if let Some(opt) = opt {
        writer.hold_back_opt(opt);
    }
    writer.question(&notification.question).ok()?;
    let flags = Flags::QR.with(Flags::AA).with_opcode(Opcode::NOTIFY);
    Some(writer.finish(notification.header.id, flags, rcode, opt))
}

/// Writes the message that tells of this version of the zone and gives its length; `None` when there is no room, of which
/// 512 octets are always enough: a record that doesn't fit is left out.
pub fn write_notify(id: u16, zone: &Zone, out: &mut [u8]) -> Option<usize> {
    let flags = Flags::AA.with_opcode(Opcode::NOTIFY);
    let header = Header {
        id,
        flags,
        questions: 1,
        answers: 0,
        authorities: 0,
        additionals: 0,
    };
    let origin = zone.origin();
    let mut bare = [0; HEADER_BYTES + NAME_BYTES_MAX + 4];
    let len = write_with_question(header, origin, &mut bare)?;
    let question = Question::read(&bare[HEADER_BYTES..len])?;
    let mut writer = Writer::new(out)?;
    writer.question(&question).ok()?;
    let soa = zone.soa_set();
    let head = SetHead {
        owner: origin,
        rtype: Type::SOA,
        class: Class::IN,
        ttl: soa.ttl(),
    };
    // Full: the hint is left out, the notification stands.
    let _ = writer.record_set(Section::Answer, head, soa.rdatas());
    Some(writer.finish(id, flags, Rcode::NOERROR, None))
}

/// Reads the response to the NOTIFY with this id about this zone; `None` when it is something else.
///
/// Any response means that the message has arrived, whatever its code says (RFC 1996 §3.6): there is nothing to gain by
/// telling again who can't or won't listen.
pub fn read_response(id: u16, origin: NameRef<'_>, message: &[u8]) -> Option<Rcode> {
    let header = Header::read(message)?;
    let is_response = header.id == id && header.flags.contains(Flags::QR) && header.flags.opcode() == Opcode::NOTIFY;
    if !is_response || header.questions > 1 {
        return None;
    }
    if header.questions == 1 {
        let question = Question::read(&message[HEADER_BYTES..])?;
        if question.name != origin || question.qtype != Type::SOA {
            return None;
        }
    }
    Some(header.flags.rcode())
}

#[cfg(test)]
mod tests;
