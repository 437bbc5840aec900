//! Transfers in: takes the messages of a stream, checked for their signatures and without them, and makes of them a zone, or
//! steps to apply, or an error. Nothing is believed: a primary may be broken, or not ours.
//!
//! What is asked for as steps may come as a whole zone (RFC 1995 §4). Records of a zone go straight into a [`ZoneBuilder`],
//! which nobody sees before the last record has come.

mod error;
mod steps;

pub use error::IncomingError;

use crate::message::{Flags, Header, Opcode, Question, Rcode, ReceivedRecord, skip_questions};
use crate::name::{Name, NameBuf};
use crate::rdata;
use crate::rrtype::{Class, Type};
use crate::serial::Serial;
use crate::zone::{Compiled, Soa, ZoneBuilder, compare_rdata};

use super::Delta;
use super::records::{FIXED_BYTES, TTL_MAX};
use steps::Steps;

/// How much a primary may send. Each message has a record, so this bounds the messages too; how long it may take is for
/// who has a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncomingLimits {
    /// Octets of all records with their names written out: compressed, a record may be a twentieth of what it takes here.
    pub octets_max: usize,
    /// Records.
    pub records_max: usize,
}

/// What came in so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IncomingTotals {
    /// Messages.
    pub messages: usize,
    /// Records, the repeated SOA record among them.
    pub records: usize,
    /// Octets of the messages.
    pub octets: usize,
}

/// Whether there are more messages to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There are. After the only message of an answer by UDP it means that the rest is to be had by TCP (RFC 1995 §4).
    More,
    /// That was the last.
    Finished,
}

/// What a transfer brought.
pub enum Received {
    /// We have the newest version, or one that is newer than the primary's, which is this.
    UpToDate(Serial),
    /// The zone as it is now.
    Zone(Box<Compiled>),
    /// The steps from our version to the newest.
    Steps(Vec<Delta>),
}

/// A transfer that is coming in.
pub struct Incoming {
    origin: Name,
    id: u16,
    qtype: Type,
    have: Option<Serial>,
    limits: IncomingLimits,
    totals: IncomingTotals,
    /// Octets of the records with their names written out.
    expanded: usize,
    /// The SOA record that the transfer starts with: the zone's version, and what it ends with.
    soa: Option<FirstSoa>,
    stage: Stage,
    owner: NameBuf,
    rdata: Vec<u8>,
}

struct FirstSoa {
    /// In the primary's case, which is kept (RFC 5936 §3.4).
    owner: Name,
    serial: Serial,
    rdata: Box<[u8]>,
    ttl: u32,
}

/// What the records so far make.
enum Stage {
    /// Nothing: the first record has to come.
    Start,
    /// The second record says what the rest is.
    FirstSoa,
    Zone(Box<ZoneBuilder>),
    Steps(Steps),
    UpToDate(Serial),
    ZoneEnd(Box<ZoneBuilder>),
    StepsEnd(Vec<Delta>),
    /// It has failed.
    Failed,
}

/// A record whose owner and data stand in the transfer's buffers.
struct Fields {
    rtype: Type,
    ttl: u32,
}

impl Incoming {
    /// What a request for the whole zone brings. A zone that isn't newer than `newer_than` is an error: it is seen with
    /// the first record, and the rest need not come.
    pub fn axfr(origin: Name, id: u16, newer_than: Option<Serial>, limits: IncomingLimits) -> Self {
        Self::new(origin, id, Type::AXFR, newer_than, limits)
    }

    /// What a request for the steps from version `have` on brings.
    pub fn ixfr(origin: Name, id: u16, have: Serial, limits: IncomingLimits) -> Self {
        Self::new(origin, id, Type::IXFR, Some(have), limits)
    }

    fn new(origin: Name, id: u16, qtype: Type, have: Option<Serial>, limits: IncomingLimits) -> Self {
        Self {
            origin,
            id,
            qtype,
            have,
            limits,
            totals: IncomingTotals::default(),
            expanded: 0,
            soa: None,
            stage: Stage::Start,
            owner: NameBuf::root(),
            rdata: Vec::new(),
        }
    }

    /// What came in so far.
    pub fn totals(&self) -> IncomingTotals {
        self.totals
    }

    /// The version that is coming, as soon as the first record has come.
    pub fn serial(&self) -> Option<Serial> {
        self.soa.as_ref().map(|soa| soa.serial)
    }

    /// Takes the next message. After an error there is nothing more to be had.
    pub fn feed(&mut self, message: &[u8]) -> Result<Progress, IncomingError> {
        let result = self.read(message);
        if result.is_err() {
            self.stage = Stage::Failed;
        }
        result
    }

    /// What the transfer brought, when it is finished. A large zone is compiled on so many threads.
    pub fn finish(self, threads: usize) -> Result<Received, IncomingError> {
        match self.stage {
            Stage::UpToDate(serial) => Ok(Received::UpToDate(serial)),
            Stage::StepsEnd(steps) => Ok(Received::Steps(steps)),
            Stage::ZoneEnd(builder) => match builder.finish_on(threads) {
                Ok(compiled) => Ok(Received::Zone(Box::new(compiled))),
                Err(findings) => Err(IncomingError::Zone(findings)),
            },
            Stage::Start | Stage::FirstSoa | Stage::Zone(_) | Stage::Steps(_) | Stage::Failed => {
                Err(IncomingError::Unfinished)
            }
        }
    }

    fn is_finished(&self) -> bool {
        matches!(self.stage, Stage::UpToDate(_) | Stage::ZoneEnd(_) | Stage::StepsEnd(_))
    }

    fn read(&mut self, message: &[u8]) -> Result<Progress, IncomingError> {
        if self.is_finished() || matches!(self.stage, Stage::Failed) {
            return Err(IncomingError::AfterEnd);
        }
        let header = Header::read(message).ok_or(IncomingError::NotAResponse)?;
        let mut at = self.check_head(header, message)?;
        self.totals.messages += 1;
        self.totals.octets += message.len();
        for _ in 0..header.answers {
            if self.is_finished() {
                return Err(IncomingError::TrailingRecords);
            }
            at = self.read_record(message, at)?;
            if let Stage::UpToDate(_) = self.stage {
                // What follows is a zone that isn't wanted.
                break;
            }
        }
        if self.is_finished() {
            Ok(Progress::Finished)
        } else {
            Ok(Progress::More)
        }
    }

    /// Looks at all that stands in front of the records (RFC 5936 §2.2); says where they start.
    fn check_head(&self, header: Header, message: &[u8]) -> Result<usize, IncomingError> {
        let flags = header.flags;
        if !flags.contains(Flags::QR) || flags.opcode() != Opcode::QUERY {
            return Err(IncomingError::NotAResponse);
        }
        if header.id != self.id {
            return Err(IncomingError::OtherId);
        }
        if flags.rcode() != Rcode::NOERROR {
            return Err(IncomingError::Refused(flags.rcode()));
        }
        if flags.contains(Flags::TC) {
            return Err(IncomingError::Truncated);
        }
        let is_ours = |question: Question<'_>| {
            question.name == self.origin && question.qtype == self.qtype && question.class == Class::IN
        };
        let fits = match header.questions {
            // RFC 5936 §2.2.2: messages but the first may leave it out.
            0 => self.totals.messages > 0,
            1 => Question::of_message(message).is_some_and(is_ours),
            _ => false,
        };
        if !fits {
            return Err(IncomingError::OtherQuestion);
        }
        if header.answers == 0 {
            return Err(IncomingError::Empty);
        }
        skip_questions(message, header.questions).map_err(IncomingError::Malformed)
    }

    /// Reads the record at `at`; says where the next one starts.
    fn read_record(&mut self, message: &[u8], at: usize) -> Result<usize, IncomingError> {
        let record = ReceivedRecord::read(message, at, &mut self.owner).map_err(IncomingError::Malformed)?;
        let ReceivedRecord { rtype, class, .. } = record;
        if class != Class::IN {
            return Err(IncomingError::OtherClass(class));
        }
        if rtype.is_meta() {
            return Err(IncomingError::MetaType(rtype));
        }
        let owner = self.owner.as_name_ref();
        if !owner.is_subdomain_of(self.origin.as_name_ref()) {
            return Err(IncomingError::OutOfZone(owner.to_name()));
        }
        let end = record.rdata.end;
        self.rdata.clear();
        rdata::expand(rtype, message, record.rdata, &mut self.rdata).map_err(|error| IncomingError::Rdata {
            owner: owner.to_name(),
            rtype,
            error,
        })?;
        self.totals.records += 1;
        self.expanded += owner.as_wire().len() + FIXED_BYTES + self.rdata.len();
        if self.totals.records > self.limits.records_max {
            return Err(IncomingError::TooManyRecords);
        }
        if self.expanded > self.limits.octets_max {
            return Err(IncomingError::TooManyOctets);
        }
        // RFC 2181 §8: what is larger means nothing.
        let ttl = if record.ttl > TTL_MAX { 0 } else { record.ttl };
        let fields = Fields { rtype, ttl };
        if rtype == Type::SOA {
            self.take_soa(&fields)?;
        } else {
            self.take_other(&fields)?;
        }
        Ok(end)
    }

    fn take_soa(&mut self, fields: &Fields) -> Result<(), IncomingError> {
        let owner = self.owner.as_name_ref();
        if owner != self.origin {
            return Err(IncomingError::MisplacedSoa(owner.to_name()));
        }
        let serial = Soa::read(&self.rdata).ok_or(IncomingError::MalformedSoa)?.serial;
        let Some(first) = &self.soa else {
            return self.start(serial, fields.ttl);
        };
        let is_last = serial == first.serial && compare_rdata(Type::SOA, &self.rdata, &first.rdata).is_eq();
        self.stage = match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::FirstSoa if self.qtype == Type::IXFR && self.have == Some(serial) => {
                let mut steps = Steps::new();
                steps.start(serial, fields.ttl, owner, &self.rdata);
                Stage::Steps(steps)
            }
            // A zone without any other record.
            Stage::FirstSoa if is_last => Stage::ZoneEnd(self.builder(first)),
            Stage::FirstSoa if self.qtype == Type::IXFR && serial != first.serial => {
                return Err(IncomingError::Gap {
                    expected: self.have.unwrap_or(first.serial),
                    found: serial,
                });
            }
            Stage::Zone(builder) if is_last => Stage::ZoneEnd(builder),
            Stage::FirstSoa | Stage::Zone(_) => return Err(IncomingError::SoaChanged),
            Stage::Steps(mut steps) => {
                let is_end = steps.take_soa(serial, fields.ttl, owner, &self.rdata, first.serial)?;
                match is_end {
                    true if !is_last || !steps.ends_with(&self.rdata) => return Err(IncomingError::SoaChanged),
                    true => Stage::StepsEnd(steps.finished),
                    false => Stage::Steps(steps),
                }
            }
            ended => ended,
        };
        Ok(())
    }

    /// Takes the first record.
    fn start(&mut self, serial: Serial, ttl: u32) -> Result<(), IncomingError> {
        self.soa = Some(FirstSoa {
            owner: self.owner.to_name(),
            serial,
            rdata: self.rdata.as_slice().into(),
            ttl,
        });
        self.stage = match self.have {
            Some(have) if !serial.is_after(have) => {
                if self.qtype == Type::AXFR {
                    return Err(IncomingError::NotNewer { have, offered: serial });
                }
                Stage::UpToDate(serial)
            }
            _ => Stage::FirstSoa,
        };
        Ok(())
    }

    fn take_other(&mut self, fields: &Fields) -> Result<(), IncomingError> {
        if let (Stage::FirstSoa, Some(first)) = (&self.stage, &self.soa) {
            self.stage = Stage::Zone(self.builder(first));
        }
        let (owner, &Fields { rtype, ttl }) = (self.owner.as_name_ref(), fields);
        match &mut self.stage {
            Stage::Zone(builder) => builder.add(owner, Class::IN, ttl, rtype, &self.rdata, None),
            Stage::Steps(steps) => steps.take(owner, rtype, ttl, &self.rdata),
            _ => return Err(IncomingError::NoSoa),
        }
        Ok(())
    }

    /// A builder that has the SOA record.
    fn builder(&self, soa: &FirstSoa) -> Box<ZoneBuilder> {
        let mut builder = Box::new(ZoneBuilder::new(self.origin.clone()));
        builder.add(soa.owner.as_name_ref(), Class::IN, soa.ttl, Type::SOA, &soa.rdata, None);
        builder
    }
}

#[cfg(test)]
mod captured;
#[cfg(test)]
mod tests;
