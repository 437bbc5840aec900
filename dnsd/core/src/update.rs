//! Dynamic updates (RFC 2136): a message that changes a zone if the zone is as its sender believes.
//!
//! [`Update::read`] takes a request of opcode UPDATE apart. Who may update which zone is decided by the caller, before
//! [`Update::apply`]: already the prerequisites tell what a zone holds. It gives a new version of the zone, made by
//! [`Zone::changed`] with work in proportion to the sets that are touched, and its [`Delta`](crate::transfer::Delta) for the
//! journal.
//!
//! A zone that is signed takes no updates, since nobody here would sign what has changed.

mod apply;
mod draft;
mod error;
mod prerequisites;
mod prescan;
mod version;

pub use error::{UpdateError, UpdateErrorKind};
pub use version::Changed;

use crate::message::{Flags, HEADER_BYTES, Header, Opcode, Opt, Question, Rcode, ReceivedRecord, Request, Writer};
use crate::name::{NameBuf, NameRef};
use crate::rdata;
use crate::record::Record;
use crate::rrtype::{Class, Type};
use crate::zone::Zone;

use draft::Draft;

/// The longest time that a record may be cached; a larger number counts as zero (RFC 2181 §8).
const TTL_MAX: u32 = i32::MAX as u32;

/// An update request. Its size is bounded by the message's: a record takes eleven octets there, and what it is expanded
/// to at most some hundreds.
#[derive(Debug)]
pub struct Update<'m> {
    header: Header,
    question: Question<'m>,
    prerequisites: Vec<Record>,
    updates: Vec<Record>,
}

impl<'m> Update<'m> {
    /// Reads `request`, of opcode UPDATE, which was read of `message` (RFC 2136 §2 and §3.1).
    pub fn read(request: &Request<'m>, message: &[u8]) -> Result<Self, UpdateError> {
        let Request { header, question, .. } = *request;
        let error = |kind| UpdateError::new(kind, question.name, question.qtype);
        if question.qtype != Type::SOA {
            return Err(error(UpdateErrorKind::ZoneType));
        }
        if question.class != Class::IN {
            return Err(error(UpdateErrorKind::ZoneClass));
        }
        let mut at = HEADER_BYTES + question.wire.len();
        let unreadable = |rtype| UpdateError::new(UpdateErrorKind::Unreadable, question.name, rtype);
        Ok(Self {
            header,
            question,
            prerequisites: read_records(message, &mut at, header.answers, &[Class::ANY, Class::NONE])
                .map_err(unreadable)?,
            updates: read_records(message, &mut at, header.authorities, &[Class::ANY]).map_err(unreadable)?,
        })
    }

    /// The zone that is to be updated.
    pub fn zone(&self) -> NameRef<'m> {
        self.question.name
    }

    /// The changes that are asked for, in their order: records of class IN are added, those of ANY and NONE delete.
    pub fn updates(&self) -> &[Record] {
        &self.updates
    }

    /// Applies the update to this version of its zone; `None` when it leaves everything as it is.
    ///
    /// Nothing is changed unless all prerequisites hold and all of the update can be done (RFC 2136 §3.7).
    pub fn apply(&self, zone: &Zone) -> Result<Option<Changed>, UpdateError> {
        prerequisites::check(&self.prerequisites, zone)?;
        prescan::check(&self.updates, zone)?;
        if zone.has_dnssec() {
            return Err(UpdateError::new(UpdateErrorKind::ZoneSigned, zone.origin(), Type::SOA));
        }
        let mut draft = Draft::new(zone);
        for update in &self.updates {
            apply::apply(&mut draft, update);
        }
        version::make(&draft)
    }

    /// Writes the response (RFC 2136 §3.8): the request's id and zone section, and an OPT record if there was one. Gives
    /// the length; `None` when there is no room for so much.
    pub fn write_response(&self, rcode: Rcode, opt: Option<&Opt<'_>>, out: &mut [u8]) -> Option<usize> {
        let mut writer = Writer::new(out)?;
        if let Some(opt) = opt {
            writer.hold_back_opt(opt);
        }
        writer.question(&self.question).ok()?;
        let flags = Flags::QR.with_opcode(Opcode::UPDATE);
        Some(writer.finish(self.header.id, flags, rcode, opt))
    }
}

/// Reads the records of a section; an error is the type of the one that can't be read. What asks for or deletes a whole
/// set has no data, of whatever type it is: its classes are `bare` (RFC 2136 §2.4, §2.5).
fn read_records(message: &[u8], at: &mut usize, count: u16, bare: &[Class]) -> Result<Vec<Record>, Type> {
    let mut records = Vec::new();
    let mut owner = NameBuf::root();
    for _ in 0..count {
        let received = ReceivedRecord::read(message, *at, &mut owner).map_err(|_| Type(0))?;
        let ReceivedRecord { rtype, class, ttl, .. } = received;
        *at = received.rdata.end;
        let mut rdata = Vec::new();
        let is_bare = received.rdata.is_empty() && bare.contains(&class);
        if !is_bare {
            rdata::expand(rtype, message, received.rdata, &mut rdata).map_err(|_| rtype)?;
        }
        records.push(Record {
            owner: owner.to_name(),
            class,
            ttl,
            rtype,
            rdata: rdata.into(),
        });
    }
    Ok(records)
}

#[cfg(test)]
mod tests;
