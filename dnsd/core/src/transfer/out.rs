//! Transfers out: a whole zone (AXFR, RFC 5936) or the steps to its newest version (IXFR, RFC 1995), message by message
//! into a buffer of the caller's, who signs and sends them.
//!
//! A transfer holds on to one version of the zone, whatever becomes of the zone meanwhile. It can be stopped and gone on
//! with between any two messages, so many at once take turns.

mod packer;
mod tails;

use std::fmt;
use std::sync::Arc;

use packer::{Full, Packer};

use super::{Delta, Records};
use crate::message::{Flags, HEADER_BYTES, Header, Opt, Request};
use crate::name::{Name, NameRef};
use crate::rrtype::Type;
use crate::serial::Serial;
use crate::zone::{RECORD_HEAD_BYTES, RecordSet, Zone};
use tails::Tails;

/// How long messages get, in octets, but for one of a single record that is longer: the largest offset that a pointer can
/// say (RFC 1035 §4.1.4). In a longer message names behind it could not be compressed.
pub const MESSAGE_BYTES: usize = 1 << 14;

/// Steps of no more records than this are sent as they are, however small the zone is: it costs nothing.
const STEPS_RECORDS_MIN: usize = 100;

/// What a reply repeats of the request.
#[derive(Debug, Clone)]
pub struct ReplyHead {
    id: u16,
    recursion_desired: bool,
    question: Box<[u8]>,
    name_bytes: usize,
    opt: Option<Opt<'static>>,
}

impl ReplyHead {
    /// The reply to a request for a transfer. `opt` goes into the first message (RFC 5936 §2.2.5); it is for requests that
    /// have an OPT record.
    pub fn new(request: &Request<'_>, opt: Option<Opt<'static>>) -> Self {
        Self {
            id: request.header.id,
            recursion_desired: request.header.flags.contains(Flags::RD),
            question: request.question.wire.into(),
            name_bytes: request.question.name.as_wire().len(),
            opt,
        }
    }
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutgoingKind {
    /// The SOA record alone: the client has this version already (RFC 1995 §2), or is to come back by TCP (§4).
    Soa,
    /// All records.
    Zone,
    /// The steps from the client's version to this one.
    Steps,
}

/// What went out so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutgoingTotals {
    /// Messages.
    pub messages: usize,
    /// Records, the repeated SOA record among them.
    pub records: usize,
    /// Octets of the messages, without signatures and the lengths in front of them.
    pub octets: usize,
}

/// Why a message can't be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutgoingError {
    /// The buffer does not even hold what the reply repeats of the request.
    NoRoom,
    /// A record does not fit into a message of its own.
    RecordTooLarge {
        /// Whose record.
        owner: Name,
        /// Of which type.
        rtype: Type,
    },
}

/// A transfer of a zone to a client.
pub struct Outgoing {
    head: ReplyHead,
    zone: Arc<Zone>,
    steps: Vec<Arc<Delta>>,
    kind: OutgoingKind,
    next: Place,
    tails: Box<Tails>,
    totals: OutgoingTotals,
}

/// Which record is the next to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The SOA record that a transfer starts with.
    FirstSoa,
    /// One of the zone: the node, the set of it, and the octet of the set.
    Zone { position: usize, set: usize, at: usize },
    /// One of a step: of its removed or its added records, and the octet of these.
    Step { step: usize, is_added: bool, at: usize },
    /// The SOA record that a transfer ends with.
    LastSoa,
    /// None.
    End,
}

impl Outgoing {
    /// A transfer of the whole zone: all records, glue and what lies below cuts and DNAMEs included (RFC 5936 §3).
    pub fn axfr(head: ReplyHead, zone: Arc<Zone>) -> Self {
        Self::new(head, zone, OutgoingKind::Zone, Vec::new())
    }

    /// What a client that has version `have` gets. `steps` lead from there to this version; where there are none, or they
    /// have more records than the zone, the whole zone is sent (RFC 1995 §2, §4).
    pub fn ixfr(head: ReplyHead, zone: Arc<Zone>, have: Serial, steps: Option<Vec<Arc<Delta>>>) -> Self {
        if !zone.serial().is_after(have) {
            return Self::new(head, zone, OutgoingKind::Soa, Vec::new());
        }
        let usable = |steps: &Vec<Arc<Delta>>| {
            let records: usize = steps.iter().map(|step| step.record_count()).sum();
            records <= zone.record_count().max(STEPS_RECORDS_MIN) && leads(steps, have, zone.serial())
        };
        match steps.filter(usable) {
            Some(steps) => Self::new(head, zone, OutgoingKind::Steps, steps),
            None => Self::axfr(head, zone),
        }
    }

    fn new(head: ReplyHead, zone: Arc<Zone>, kind: OutgoingKind, steps: Vec<Arc<Delta>>) -> Self {
        Self {
            head,
            zone,
            steps,
            kind,
            next: Place::FirstSoa,
            tails: Box::new(Tails::new()),
            totals: OutgoingTotals::default(),
        }
    }

    /// What is sent.
    pub fn kind(&self) -> OutgoingKind {
        self.kind
    }

    /// The version that is sent.
    pub fn zone(&self) -> &Arc<Zone> {
        &self.zone
    }

    /// What went out so far.
    pub fn totals(&self) -> OutgoingTotals {
        self.totals
    }

    /// Whether the last message has been made.
    pub fn is_finished(&self) -> bool {
        self.next == Place::End
    }

    /// Writes the next message to the front of `buffer` and gives its length; `None` when there are no more. The buffer's
    /// length is the message's limit, so who signs leaves room behind it; records may take nearly 65535 octets.
    pub fn next_message(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, OutgoingError> {
        if self.is_finished() {
            return Ok(None);
        }
        let is_first = self.totals.messages == 0;
        let question: &[u8] = if is_first { &self.head.question } else { &[] };
        let opt = self.head.opt.filter(|_| is_first);
        let opt_bytes = opt.map_or(0, |opt| opt.wire_bytes());
        let start = HEADER_BYTES + question.len();
        let Some(end) = buffer.len().checked_sub(opt_bytes).filter(|&end| end >= start) else {
            self.next = Place::End;
            return Err(OutgoingError::NoRoom);
        };
        buffer[HEADER_BYTES..start].copy_from_slice(question);
        self.tails.clear();
        if is_first {
            self.tails.set_question(&question[..self.head.name_bytes]);
        }
        let mut packer = Packer::new(&mut buffer[..end], start, &mut self.tails);
        let filled = fill(&mut packer, &self.zone, &self.steps, self.kind, &mut self.next);
        let (mut len, records) = packer.finish();
        if records == 0
            && let Err(Stopped { owner, rtype, .. }) = filled
        {
            self.next = Place::End;
            return Err(OutgoingError::RecordTooLarge { owner, rtype });
        }
        if let Some(opt) = &opt {
            opt.write(0, &mut buffer[len..]);
            len += opt_bytes;
        }
        let rd = if self.head.recursion_desired {
            Flags::RD
        } else {
            Flags(0)
        };
        let header = Header {
            id: self.head.id,
            flags: Flags::QR.with(Flags::AA).with(rd),
            questions: u16::from(is_first),
            answers: records,
            authorities: 0,
            additionals: u16::from(opt.is_some()),
        };
        buffer[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
        self.totals.messages += 1;
        self.totals.records += usize::from(records);
        self.totals.octets += len;
        Ok(Some(len))
    }

    /// Writes the one message of an answer by UDP: the steps if all of them fit, else the SOA record, with which the client
    /// comes back by TCP (RFC 1995 §4). The transfer is finished then.
    pub fn only_message(&mut self, buffer: &mut [u8]) -> Result<usize, OutgoingError> {
        if self.kind == OutgoingKind::Steps {
            let steps = self.next_message(buffer);
            if let (Ok(Some(len)), true) = (&steps, self.is_finished()) {
                return Ok(*len);
            }
        }
        self.kind = OutgoingKind::Soa;
        self.next = Place::FirstSoa;
        self.totals = OutgoingTotals::default();
        let soa = self.next_message(buffer)?;
        soa.ok_or(OutgoingError::NoRoom)
    }
}

/// Whether these steps follow each other from one version to another.
fn leads(steps: &[Arc<Delta>], from: Serial, to: Serial) -> bool {
    let end = steps
        .iter()
        .try_fold(from, |at, step| (step.from() == at).then(|| step.to()));
    end == Some(to) && !steps.is_empty()
}

/// A message is full, with this record left.
struct Stopped {
    owner: Name,
    rtype: Type,
}

/// Packs records until the message is full or there are no more. `next` is the place of the first that isn't in it.
fn fill(
    packer: &mut Packer<'_>,
    zone: &Zone,
    steps: &[Arc<Delta>],
    kind: OutgoingKind,
    next: &mut Place,
) -> Result<(), Stopped> {
    loop {
        *next = match *next {
            Place::FirstSoa => {
                pack_soa(packer, zone)?;
                match kind {
                    OutgoingKind::Soa => Place::End,
                    OutgoingKind::Zone => Place::Zone {
                        position: 0,
                        set: 0,
                        at: 0,
                    },
                    OutgoingKind::Steps => Place::Step {
                        step: 0,
                        is_added: false,
                        at: 0,
                    },
                }
            }
            Place::Zone { position, set, at } => {
                pack_zone(packer, zone, (position, set, at)).map_err(|((position, set, at), stopped)| {
                    *next = Place::Zone { position, set, at };
                    stopped
                })?;
                Place::LastSoa
            }
            Place::Step { step, is_added, at } => {
                let records = if is_added {
                    steps[step].added()
                } else {
                    steps[step].removed()
                };
                pack_records(packer, records, at).map_err(|(at, stopped)| {
                    *next = Place::Step { step, is_added, at };
                    stopped
                })?;
                match (is_added, step + 1 < steps.len()) {
                    (false, _) => Place::Step {
                        step,
                        is_added: true,
                        at: 0,
                    },
                    (true, true) => Place::Step {
                        step: step + 1,
                        is_added: false,
                        at: 0,
                    },
                    (true, false) => Place::LastSoa,
                }
            }
            Place::LastSoa => {
                pack_soa(packer, zone)?;
                Place::End
            }
            Place::End => return Ok(()),
        }
    }
}

fn pack_soa(packer: &mut Packer<'_>, zone: &Zone) -> Result<(), Stopped> {
    match pack_set(packer, zone.origin(), zone.soa_set(), 0) {
        Ok(()) => Ok(()),
        Err((_, stopped)) => Err(stopped),
    }
}

/// Packs the records of a zone from a node, a set and an octet of it on, but for the SOA record. An error says where it
/// stopped.
fn pack_zone(
    packer: &mut Packer<'_>,
    zone: &Zone,
    (first, first_set, first_at): (usize, usize, usize),
) -> Result<(), ((usize, usize, usize), Stopped)> {
    let (mut skipped, mut start) = (first_set, first_at);
    for (position, node) in (first..).zip(zone.nodes_from(first)) {
        for (number, set) in node.sets().enumerate().skip(skipped) {
            if set.rtype() == Type::SOA {
                continue;
            }
            pack_set(packer, node.name(), set, start).map_err(|(at, stopped)| ((position, number, at), stopped))?;
            start = 0;
        }
        skipped = 0;
    }
    Ok(())
}

/// Packs the records of a set from an octet of it on. An error says at which it stopped.
fn pack_set(
    packer: &mut Packer<'_>,
    owner: NameRef<'_>,
    set: RecordSet<'_>,
    start: usize,
) -> Result<(), (usize, Stopped)> {
    let (wire, rtype) = (set.wire(), set.rtype());
    let mut at = start;
    while let Some(record) = wire.get(at..).filter(|rest| rest.len() >= RECORD_HEAD_BYTES) {
        let length = usize::from(u16::from_be_bytes([record[10], record[11]]));
        // The stored owner is a pointer to a question that isn't here.
        let record = &record[2..RECORD_HEAD_BYTES + length];
        packer
            .record(owner, rtype, record)
            .map_err(|Full| (at, stopped(owner, rtype)))?;
        at += 2 + record.len();
    }
    Ok(())
}

/// Packs records from an octet of them on. An error says at which it stopped.
fn pack_records(packer: &mut Packer<'_>, records: &Records, start: usize) -> Result<(), (usize, Stopped)> {
    let mut at = start;
    while let Some(record) = records.stored_at(at) {
        packer
            .record(record.owner, record.rtype, record.body)
            .map_err(|Full| (at, stopped(record.owner, record.rtype)))?;
        at += record.wire_bytes();
    }
    Ok(())
}

fn stopped(owner: NameRef<'_>, rtype: Type) -> Stopped {
    Stopped {
        owner: owner.to_name(),
        rtype,
    }
}

impl fmt::Display for OutgoingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom => f.write_str("no room for a reply"),
            Self::RecordTooLarge { owner, rtype } => {
                write!(f, "{owner} {rtype}: the record does not fit into a message")
            }
        }
    }
}

impl std::error::Error for OutgoingError {}

#[cfg(test)]
pub(super) mod tests;
