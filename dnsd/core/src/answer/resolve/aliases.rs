//! Names that stand for others: CNAME records, and those that a DNAME makes (RFC 6672).

use super::{Found, Resolver, Step};
use crate::answer::head;
use crate::message::{Full, Rcode, Section, SetHead, Writer};
use crate::name::{NAME_BYTES_MAX, NameRef};
use crate::rrtype::Type;
use crate::zone::{Node, RecordSet};

/// How many aliases are followed, as many as BIND does (`max-query-restarts`): real chains have two or three, and each
/// costs as much as a query.
pub(in crate::answer) const ALIASES_MAX: usize = 11;

/// The aliases that were followed.
pub(super) struct Aliases {
    /// Where in the message their owners stand.
    places: [usize; ALIASES_MAX + 1],
    count: usize,
}

impl Aliases {
    pub(super) fn new() -> Self {
        Self {
            places: [0; ALIASES_MAX + 1],
            count: 0,
        }
    }

    /// Remembers that the record that comes next makes its owner an alias.
    fn remember(&mut self, writer: &Writer<'_>) {
        if let Some(place) = self.places.get_mut(self.count) {
            *place = writer.position();
        }
        self.count += 1;
    }

    pub(super) fn are_none(&self) -> bool {
        self.count == 0
    }

    pub(super) fn are_too_many(&self) -> bool {
        self.count > ALIASES_MAX
    }

    /// Whether the message already says what `name` is an alias of.
    pub(super) fn lead_back_to(&self, name: NameRef<'_>, writer: &Writer<'_>) -> bool {
        let known = self.count.min(self.places.len());
        self.places[..known].iter().any(|&offset| writer.holds_at(offset, name))
    }
}

impl<'a> Resolver<'a, '_, '_> {
    /// Writes a CNAME record; its target is looked at next (RFC 1034 §3.6.2).
    pub(super) fn alias(&mut self, found: Found<'a, '_>, cname: RecordSet<'a>) -> Result<Step, Full> {
        self.aliases.remember(self.writer);
        self.write(found.name, found.node, cname)?;
        self.prove_wildcard(found);
        let target = cname.rdatas().next().map(NameRef::from_wire);
        let Some(Ok(target)) = target else {
            return Ok(Step::Done(Rcode::SERVFAIL));
        };
        self.next_name.set(target);
        Ok(Step::Alias)
    }

    /// Writes the DNAME and the CNAME that it makes of the name (RFC 6672 §3.1), which nobody signs (§5.3.1).
    pub(super) fn redirect(&mut self, owner: Node<'a>, name: NameRef<'_>) -> Result<Step, Full> {
        let target = owner.set(Type::DNAME).and_then(|set| Some((set, set.rdatas().next()?)));
        let Some((dname, target)) = target else {
            return Ok(Step::Done(Rcode::SERVFAIL));
        };
        if !self.additional.is_answered(owner, owner.name(), Type::DNAME) {
            self.write(owner.name(), owner, dname)?;
            self.additional.answered(owner, owner.name(), Type::DNAME);
        }
        let mut wire = [0; NAME_BYTES_MAX];
        let Some(alias) = substituted(name, owner.name(), target, &mut wire) else {
            return Ok(Step::Done(Rcode::YXDOMAIN));
        };
        self.aliases.remember(self.writer);
        let head = SetHead {
            rtype: Type::CNAME,
            ..head(name, dname)
        };
        self.writer.record_set(Section::Answer, head, [alias.as_wire()])?;
        if matches!(self.question.qtype, Type::CNAME | Type::ANY) {
            // The alias itself is what was asked for, as with a CNAME of the zone's own.
            if !self.is_minimal() {
                self.name_servers(owner.zone());
            }
            return Ok(Step::Done(Rcode::NOERROR));
        }
        self.next_name.set(alias);
        Ok(Step::Alias)
    }
}

/// `name` with `target` in the place of `owner` (RFC 6672 §2.2); `None` when that is too long for a name.
fn substituted<'w>(
    name: NameRef<'_>,
    owner: NameRef<'_>,
    target: &[u8],
    wire: &'w mut [u8; NAME_BYTES_MAX],
) -> Option<NameRef<'w>> {
    let front = name.strip_suffix(owner)?;
    let length = front.len() + target.len();
    wire[..front.len()].copy_from_slice(front);
    wire.get_mut(front.len()..length)?.copy_from_slice(target);
    NameRef::from_wire(&wire[..length]).ok()
}
