//! Which zones a server has because catalogs list them, and what a new version of a catalog means for them.
//!
//! A zone belongs to the catalog that brought it: another that lists it too changes nothing, unless the one that has it
//! hands it over (RFC 9432 §4.4.1, §5.2). It goes when that catalog lists it no more (§5.3), and begins anew when its node
//! has another label (§5.4). Nothing here is done to zones: who has them carries out the [`Change`]s.

use std::collections::BTreeMap;
use std::fmt;

use super::{Catalog, Member, MemberId};
use crate::name::Name;

/// Fewer members than this may all go at once: who has few zones knows them.
const GUARDED_FROM: usize = 100;

/// The catalogs that are read together, and the zones that they have brought.
#[derive(Debug, Clone, Default)]
pub struct Consumer {
    /// The newest right version of each.
    catalogs: BTreeMap<Name, Catalog>,
    /// Newer ones that are there and not taken over yet.
    noted: BTreeMap<Name, Catalog>,
    owned: BTreeMap<Name, Owned>,
}

/// A zone that is there because a catalog lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The catalog that it belongs to.
    pub catalog: Name,
    /// Its node there.
    pub id: MemberId,
    /// How it is to be treated.
    pub groups: Vec<Box<[u8]>>,
}

/// What becomes of one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The zone.
    pub zone: Name,
    /// What becomes of it.
    pub what: What,
    /// The catalog that it belonged to before, if that is another.
    pub from: Option<Name>,
}

/// What becomes of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It is new.
    Added,
    /// It is no more, nor is anything that is stored of it.
    Removed,
    /// What is stored of it is of no use any more; it is to be had anew.
    Reset,
    /// It stays, and is to be treated otherwise.
    Kept,
}

/// What a new version of a catalog comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// What becomes of zones, in canonical order of their names.
    pub changes: Vec<Change>,
    /// Members that are other zones already.
    pub clashes: Vec<Clash>,
}

/// A member that is not taken, as there is a zone of its name already (RFC 9432 §5.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Clash {
    /// The name.
    pub zone: Name,
    /// The catalog that the zone belongs to; `None`: the configuration.
    pub owner: Option<Name>,
}

/// How much of a catalog a new version would take away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// Zones that it has brought.
    pub members: usize,
    /// Those that would go.
    pub removed: usize,
    /// Those that would begin anew.
    pub reset: usize,
}

impl Consumer {
    /// Enters a zone that a catalog has brought in an earlier run.
    pub fn restore(&mut self, zone: Name, owned: Owned) {
        self.owned.insert(zone, owned);
    }

    /// The zone, if a catalog has brought it.
    pub fn owned(&self, zone: &Name) -> Option<&Owned> {
        self.owned.get(zone)
    }

    /// The zones that a catalog has brought.
    pub fn owned_by<'c>(&'c self, catalog: &'c Name) -> impl Iterator<Item = (&'c Name, &'c Owned)> {
        self.owned.iter().filter(move |(_, owned)| owned.catalog == *catalog)
    }

    /// Notes the version of a catalog that is there, without acting on it: others that come at the same moment may have zones
    /// handed over by it, whichever is taken over first.
    pub fn note(&mut self, catalog: &Name, version: &Catalog) {
        self.noted.insert(catalog.clone(), version.clone());
    }

    /// Takes over a new version of a catalog. `accept`: a loss is meant. `is_taken`: whether there is a zone of this name
    /// that no catalog has brought.
    ///
    /// An error is a loss that somebody has to accept; nothing has changed then.
    pub fn update(
        &mut self,
        catalog: &Name,
        version: Catalog,
        accept: bool,
        is_taken: impl Fn(&Name) -> bool,
    ) -> Result<Update, Loss> {
        self.noted.remove(catalog);
        let update = self.changes(catalog, &version, true, is_taken);
        let loss = Loss {
            members: self.owned_by(catalog).count(),
            removed: count(&update.changes, What::Removed),
            reset: count(&update.changes, What::Reset),
        };
        if loss.is_large() && !accept {
            return Err(loss);
        }
        self.take(catalog, &version, &update.changes);
        self.catalogs.insert(catalog.clone(), version);
        Ok(update)
    }

    /// Brings in what could not be before: a name that was taken may be free by now.
    pub fn reconsider(&mut self, catalog: &Name, is_taken: impl Fn(&Name) -> bool) -> Update {
        let Some(version) = self.catalogs.get(catalog).cloned() else {
            return Update::default();
        };
        // Nothing but a new version hands a zone over, or changes what is there.
        let mut update = self.changes(catalog, &version, false, is_taken);
        update.changes.retain(|change| change.what == What::Added);
        self.take(catalog, &version, &update.changes);
        update
    }

    /// Lets go of a catalog that is none any more, and says which zones go with it.
    pub fn forget(&mut self, catalog: &Name) -> Vec<Name> {
        self.catalogs.remove(catalog);
        self.noted.remove(catalog);
        let gone: Vec<Name> = self.owned_by(catalog).map(|(zone, _)| zone.clone()).collect();
        for zone in &gone {
            self.owned.remove(zone);
        }
        gone
    }

    /// Lets go of a zone that is one of the configuration's from now on; what it was.
    pub fn release(&mut self, zone: &Name) -> Option<Owned> {
        self.owned.remove(zone)
    }

    fn changes(&self, catalog: &Name, version: &Catalog, is_new: bool, is_taken: impl Fn(&Name) -> bool) -> Update {
        let mut update = Update::default();
        // Both are in the order of the names.
        let mut all_owned = self.owned_by(catalog).peekable();
        for (zone, member) in version.members() {
            while let Some((gone, _)) = all_owned.next_if(|(owned, _)| *owned < zone) {
                update.changes.push(Change::of(gone, What::Removed));
            }
            if let Some((_, owned)) = all_owned.next_if(|(owned, _)| *owned == zone) {
                let what = becomes(owned, member);
                update.changes.extend(what.map(|what| Change::of(zone, what)));
                continue;
            }
            match self.owned.get(zone) {
                Some(owned) if is_new && self.hands_over(owned, zone, catalog) => update.changes.push(Change {
                    from: Some(owned.catalog.clone()),
                    ..Change::of(zone, becomes(owned, member).unwrap_or(What::Kept))
                }),
                Some(owned) => update.clashes.push(Clash::of(zone, Some(&owned.catalog))),
                None if is_taken(zone) => update.clashes.push(Clash::of(zone, None)),
                None => update.changes.push(Change::of(zone, What::Added)),
            }
        }
        update
            .changes
            .extend(all_owned.map(|(gone, _)| Change::of(gone, What::Removed)));
        update
    }

    /// Whether the catalog that has a zone says that another is to have it (RFC 9432 §4.4.1).
    fn hands_over(&self, owned: &Owned, zone: &Name, to: &Name) -> bool {
        let noted = self.noted.get(&owned.catalog);
        let newest = noted.or_else(|| self.catalogs.get(&owned.catalog));
        let member = newest.and_then(|old| old.member(zone));
        member.is_some_and(|member| member.coo.as_ref() == Some(to))
    }

    fn take(&mut self, catalog: &Name, version: &Catalog, changes: &[Change]) {
        for Change { zone, .. } in changes {
            match version.member(zone) {
                None => {
                    self.owned.remove(zone);
                }
                Some(member) => {
                    let owned = Owned {
                        catalog: catalog.clone(),
                        id: member.id.clone(),
                        groups: member.groups.clone(),
                    };
                    self.owned.insert(zone.clone(), owned);
                }
            }
        }
    }
}

impl Change {
    fn of(zone: &Name, what: What) -> Self {
        Self {
            zone: zone.clone(),
            what,
            from: None,
        }
    }
}

impl Clash {
    fn of(zone: &Name, owner: Option<&Name>) -> Self {
        Self {
            zone: zone.clone(),
            owner: owner.cloned(),
        }
    }
}

fn becomes(owned: &Owned, member: &Member) -> Option<What> {
    if owned.id != member.id {
        Some(What::Reset)
    } else {
        (owned.groups != member.groups).then_some(What::Kept)
    }
}

fn count(changes: &[Change], what: What) -> usize {
    changes.iter().filter(|change| change.what == what).count()
}

impl Loss {
    /// Whether so many zones go, or begin anew, that it looks like a mistake: a producer that has lost its configuration or
    /// its state. While they begin anew nothing is served of them, and whether their primary answers is not known.
    fn is_large(&self) -> bool {
        self.members >= GUARDED_FROM && self.removed + self.reset > self.members / 2
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            members,
            removed,
            reset,
        } = self;
        write!(
            f,
            "of {members} members {removed} would go and {reset} would begin anew"
        )
    }
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.owner {
            Some(owner) => write!(f, "{} is a member of the catalog {owner} already", self.zone),
            None => write!(f, "{} is a zone of the configuration already", self.zone),
        }
    }
}
