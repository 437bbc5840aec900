//! Finds the delta between two versions of a zone. Nodes, sets and data of both are in the same order, so it is one walk
//! through each.

use super::Delta;
use crate::name::NameRef;
use crate::rrtype::Type;
use crate::search_name::SearchName;
use crate::transfer::Records;
use crate::zone::difference::{Pair, key, merge};
use crate::zone::{Node, RecordSet, Zone, compare_rdata};

/// A delta in the making.
struct Collected {
    removed: Records,
    added: Records,
}

impl Delta {
    /// What leads from one version of a zone to another.
    pub fn between(old: &Zone, new: &Zone) -> Self {
        let mut collected = Collected::start(old, new);
        merge(
            old.nodes(),
            new.nodes(),
            |left, right| left.name().cmp(&right.name()),
            |pair| collected.add_node(pair),
        );
        collected.finish(old, new)
    }

    /// The same for two versions that differ in nothing but the records of these names and the SOA record, in proportion
    /// to the names: who made the new version knows them.
    pub fn between_at<'n>(old: &Zone, new: &Zone, names: impl IntoIterator<Item = NameRef<'n>>) -> Self {
        let mut names: Vec<NameRef<'_>> = names.into_iter().collect();
        names.sort();
        names.dedup();
        let mut collected = Collected::start(old, new);
        for name in names {
            let search = SearchName::new(name);
            collected.add_node(match (old.node(&search), new.node(&search)) {
                (Some(left), Some(right)) => Pair::Both(left, right),
                (Some(left), None) => Pair::Left(left),
                (None, Some(right)) => Pair::Right(right),
                (None, None) => continue,
            });
        }
        collected.finish(old, new)
    }
}

impl Collected {
    fn start(old: &Zone, new: &Zone) -> Self {
        let mut collected = Self {
            removed: Records::new(),
            added: Records::new(),
        };
        push_set(&mut collected.removed, old.origin(), old.soa_set());
        push_set(&mut collected.added, new.origin(), new.soa_set());
        collected
    }

    fn finish(self, old: &Zone, new: &Zone) -> Delta {
        Delta {
            removed: self.removed,
            added: self.added,
            from: old.serial(),
            to: new.serial(),
        }
    }

    fn add_node(&mut self, pair: Pair<Node<'_>>) {
        match pair {
            Pair::Left(node) => sets_of(node).for_each(|set| push_set(&mut self.removed, node.name(), set)),
            Pair::Right(node) => sets_of(node).for_each(|set| push_set(&mut self.added, node.name(), set)),
            Pair::Both(old, new) => merge(
                sets_of(old),
                sets_of(new),
                |left, right| key(*left).cmp(&key(*right)),
                |pair| self.add_set(old.name(), new.name(), pair),
            ),
        }
    }

    fn add_set(&mut self, old_owner: NameRef<'_>, new_owner: NameRef<'_>, pair: Pair<RecordSet<'_>>) {
        match pair {
            Pair::Left(set) => push_set(&mut self.removed, old_owner, set),
            Pair::Right(set) => push_set(&mut self.added, new_owner, set),
            Pair::Both(old, new) if old.wire() == new.wire() => {}
            Pair::Both(old, new) if old.ttl() != new.ttl() => {
                push_set(&mut self.removed, old_owner, old);
                push_set(&mut self.added, new_owner, new);
            }
            Pair::Both(old, new) => {
                let (rtype, ttl) = (old.rtype(), old.ttl());
                let remove = |removed: &mut Records, rdata| removed.push(old_owner, rtype, ttl, rdata);
                let add = |added: &mut Records, rdata| added.push(new_owner, rtype, ttl, rdata);
                merge(
                    old.rdatas(),
                    new.rdatas(),
                    |left, right| compare_rdata(rtype, left, right),
                    |pair| match pair {
                        Pair::Left(rdata) => remove(&mut self.removed, rdata),
                        Pair::Right(rdata) => add(&mut self.added, rdata),
                        Pair::Both(left, right) if left == right => {}
                        Pair::Both(left, right) => {
                            remove(&mut self.removed, left);
                            add(&mut self.added, right);
                        }
                    },
                );
            }
        }
    }
}

/// The sets of a node but for the SOA record, which is in front already.
fn sets_of(node: Node<'_>) -> impl Iterator<Item = RecordSet<'_>> {
    node.sets().filter(|set| set.rtype() != Type::SOA)
}

fn push_set(records: &mut Records, owner: NameRef<'_>, set: RecordSet<'_>) {
    for rdata in set.rdatas() {
        records.push(owner, set.rtype(), set.ttl(), rdata);
    }
}
