//! Sections that are the same in many answers, prepared as octets: what a zone says of names that aren't there, and its
//! name servers with their addresses.
//!
//! They are made by the general path's own writers, for a question of the zone's name, when a version of a zone is asked
//! for the first time. Every name at the end of another question is the zone's too, so all that a copy needs is that its
//! compression pointers are moved: those into the question by as much as stands in front of the zone's name there, those
//! into the section by as much as the section stands further behind. What may stand in an answer beside a copy is
//! [`Sections::go_with`].

use std::ops::Range;
use std::sync::OnceLock;

use super::additional::Additional;
use super::authority::Authority;
use crate::message::{Flags, HEADER_BYTES, Question, Rcode, Section, TAILS_MAX, Writer, compressed_names};
use crate::name::NameRef;
use crate::rdata::names;
use crate::rrtype::{Class, Type};
use crate::search_name::{SearchName, name_hash};
use crate::zone::{RecordSet, Zone};

/// What is longer isn't prepared: it would not fit most answers beside anything else. Counted with the header and the
/// question that it is made behind.
pub(super) const MESSAGE_BYTES_MAX: usize = 2048;

/// The length of the longest message (RFC 1035 §4.2.2).
const MESSAGE_ROOM: usize = u16::MAX as usize;

/// What is prepared of one version of a zone.
#[derive(Default)]
pub(crate) struct Prepared {
    negative: OnceLock<Option<Sections>>,
    servers: OnceLock<Option<Sections>>,
    signed_servers: OnceLock<Option<Sections>>,
}

impl Prepared {
    /// The SOA record of a negative answer, without signatures.
    pub(super) fn negative<'z>(&'z self, zone: &'z Zone) -> Option<&'z Sections> {
        self.negative.get_or_init(|| Sections::negative(zone)).as_ref()
    }

    /// The zone's name servers and their addresses, with signatures or without.
    pub(super) fn servers<'z>(&'z self, zone: &'z Zone, signed: bool) -> Option<&'z Sections> {
        let place = if signed { &self.signed_servers } else { &self.servers };
        place.get_or_init(|| Sections::servers(zone, signed)).as_ref()
    }
}

/// The authority section of an answer, and what follows in its additional section.
pub(super) struct Sections {
    pub(super) authority: Records,
    pub(super) additional: Records,
    anchor_labels: usize,
    /// Whether one of the names in the data is the zone's own.
    has_anchor: bool,
    /// Whether all names in the data are the zone's or below.
    is_inside: bool,
    /// Of every name in the data that is below the zone's, the tail one label longer than the zone's, as a hash.
    neighbours: Box<[u32]>,
    /// Tails that the names add to those that a message points to, at most.
    tails: usize,
}

/// Records as they stand in a message.
pub(super) struct Records {
    octets: Box<[u8]>,
    pointers: Box<[Pointer]>,
    pub(super) count: u16,
}

/// A compression pointer in [`Records`].
struct Pointer {
    at: u16,
    base: Base,
    /// From the base on.
    offset: u16,
}

/// What a compression pointer points into.
enum Base {
    /// The zone's name at the end of the question's.
    Anchor,
    /// The authority section.
    Authority,
}

impl Sections {
    fn negative(zone: &Zone) -> Option<Self> {
        let soa = zone.soa_set();
        let mut authority = Authority::new();
        authority.require_with_ttl(zone.apex(), soa, soa.ttl().min(zone.soa().minimum));
        Self::write(zone, Some(soa), &authority, Additional::new(), false)
    }

    fn servers(zone: &Zone, signed: bool) -> Option<Self> {
        let mut authority = Authority::new();
        let mut additional = Additional::new();
        let servers = zone.apex().set(Type::NS);
        if let Some(servers) = servers {
            authority.offer(zone.apex(), servers);
            additional.follow(zone.apex(), servers);
        }
        Self::write(zone, servers, &authority, additional, signed)
    }

    /// Writes the sections behind a question for the zone's name, and takes them from there. `named` is the set whose data
    /// has all the names. `None` when they are too long.
    fn write<'z>(
        zone: &'z Zone,
        named: Option<RecordSet<'z>>,
        authority: &Authority<'z>,
        additional: Additional<'z>,
        signed: bool,
    ) -> Option<Self> {
        let origin = zone.origin();
        let question_wire = [origin.as_wire(), &Type::A.0.to_be_bytes(), &Class::IN.0.to_be_bytes()].concat();
        // With room for all, as the general path leaves out in silence what doesn't fit of the additional section.
        let mut buffer = vec![0; MESSAGE_ROOM];
        let mut writer = Writer::new(&mut buffer)?;
        let question = Question {
            name: origin,
            qtype: Type::A,
            class: Class::IN,
            wire: &question_wire,
        };
        writer.question(&question).ok()?;
        let authority_at = writer.position();
        if !authority.write(signed, &mut writer).ok()? {
            return None;
        }
        let additional_at = writer.position();
        additional.write(zone, signed, &mut writer).ok()?;
        let counts = [Section::Authority, Section::Additional].map(|section| writer.count(section));
        let len = writer.finish(0, Flags::QR, Rcode::NOERROR, None);
        if len > MESSAGE_BYTES_MAX {
            return None;
        }
        let layout = Layout {
            message: &buffer[..len],
            anchor: HEADER_BYTES..HEADER_BYTES + origin.as_wire().len(),
            authority: authority_at..additional_at,
        };
        let mut tails = 0;
        let authority = layout.records(authority_at..additional_at, counts[0], &mut tails)?;
        let additional = layout.records(additional_at..len, counts[1], &mut tails)?;
        let mut sections = Self {
            authority,
            additional,
            anchor_labels: origin.label_count(),
            has_anchor: false,
            is_inside: true,
            neighbours: Box::default(),
            tails,
        };
        sections.neighbours = named
            .into_iter()
            .flat_map(|set| set.rdatas().map(move |rdata| (set.rtype(), rdata)))
            .flat_map(|(rtype, rdata)| names(rtype, rdata))
            .filter_map(|field| sections.neighbour(origin, field.name))
            .collect();
        Some(sections)
    }

    /// Notes where one of the names is.
    fn neighbour(&mut self, origin: NameRef<'_>, name: NameRef<'_>) -> Option<u32> {
        if !name.is_subdomain_of(origin) {
            self.is_inside = false;
            return None;
        }
        let below = name.label_count() - self.anchor_labels;
        self.has_anchor |= below == 0;
        name.suffix(below.checked_sub(1)?).map(name_hash)
    }

    /// Whether a copy is what the general path would write beside another name that the message has: the question's, or
    /// one that `inside` says whether it is at or below the zone's name. It is not when one of our names would point
    /// further to the left in that name than to the zone's, or when an address may be in the answer already.
    pub(super) fn go_with(&self, name: &SearchName, inside: bool) -> bool {
        if !inside {
            return self.is_inside;
        }
        match name.label_count().saturating_sub(self.anchor_labels).checked_sub(1) {
            None => !self.has_anchor,
            Some(skipped) => !self.neighbours.contains(&name.hash(skipped)),
        }
    }

    /// Whether every tail that can be pointed to is remembered, if the rest of the message has so many.
    pub(super) fn are_remembered_behind(&self, tails: usize) -> bool {
        self.tails + tails <= TAILS_MAX
    }
}

impl Records {
    /// Copies the records to `at` of a message in which the zone's name stands at `anchor_at` and the authority section
    /// starts at `authority_at`. Gives where they end; `None` when they don't fit.
    pub(super) fn copy(&self, message: &mut [u8], at: usize, anchor_at: usize, authority_at: usize) -> Option<usize> {
        let end = at + self.octets.len();
        let place = message.get_mut(at..end)?;
        place.copy_from_slice(&self.octets);
        for pointer in &self.pointers {
            let base = match pointer.base {
                Base::Anchor => anchor_at,
                Base::Authority => authority_at,
            };
            let [high, low] = (0xC000 | (base as u16 + pointer.offset)).to_be_bytes();
            let at = usize::from(pointer.at);
            if let Some(octets) = place.get_mut(at..at + 2) {
                octets.copy_from_slice(&[high, low]);
            }
        }
        Some(end)
    }
}

/// A message that sections are taken from.
struct Layout<'m> {
    message: &'m [u8],
    anchor: Range<usize>,
    authority: Range<usize>,
}

impl Layout<'_> {
    /// Takes the records of a range; adds the labels that aren't pointed to to `tails`.
    fn records(&self, range: Range<usize>, count: u16, tails: &mut usize) -> Option<Records> {
        let mut pointers = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let fields_at = self.name(at, &range, &mut pointers, tails)?;
            let fields = self.message.get(fields_at..)?.first_chunk::<10>()?;
            let data_at = fields_at + fields.len();
            let (fixed, name_count) = compressed_names(Type(u16::from_be_bytes([fields[0], fields[1]])));
            let mut name_at = data_at + fixed;
            for _ in 0..name_count {
                name_at = self.name(name_at, &range, &mut pointers, tails)?;
            }
            at = data_at + usize::from(u16::from_be_bytes([fields[8], fields[9]]));
        }
        Some(Records {
            octets: self.message.get(range)?.into(),
            pointers: pointers.into(),
            count,
        })
    }

    /// Steps over the name at `at` and gives where it ends.
    fn name(
        &self,
        mut at: usize,
        range: &Range<usize>,
        pointers: &mut Vec<Pointer>,
        tails: &mut usize,
    ) -> Option<usize> {
        loop {
            match *self.message.get(at)? {
                0 => return Some(at + 1),
                length @ 1..=63 => {
                    *tails += 1;
                    at += 1 + usize::from(length);
                }
                high => {
                    let target = usize::from(high & 0x3F) << 8 | usize::from(*self.message.get(at + 1)?);
                    let (base, start) = if self.anchor.contains(&target) {
                        (Base::Anchor, self.anchor.start)
                    } else if self.authority.contains(&target) {
                        (Base::Authority, self.authority.start)
                    } else {
                        return None;
                    };
                    pointers.push(Pointer {
                        at: (at - range.start) as u16,
                        base,
                        offset: (target - start) as u16,
                    });
                    return Some(at + 2);
                }
            }
        }
    }
}
