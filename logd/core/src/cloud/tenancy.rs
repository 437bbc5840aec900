//! Whose an address was when: from what the inventories say, which may overlap, to stretches of time that do not.

use std::cmp::Reverse;

use super::Host;

/// That a machine had an address, as an inventory says. Times are seconds since 1970.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    /// Tells it from all others.
    pub(super) number: u64,
    pub(super) host: Host,
    /// `i64::MIN`: since ever.
    pub(super) from: i64,
    /// The first second at which it is not the machine's any more; `i64::MAX`: it still is.
    pub(super) until: i64,
    /// The inventory does not say so any more, since that time.
    pub(super) ended: Option<i64>,
}

/// A stretch of time in which an address was one machine's.
#[derive(Debug, Clone)]
pub(super) struct Tenancy {
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) host: Host,
}

impl Claim {
    /// Whether it is a claim of this machine.
    pub(super) fn is_of(&self, id: &str) -> bool {
        self.host.id() == id
    }

    fn covers(&self, time: i64) -> bool {
        self.from <= time && time < self.until
    }

    /// Whether it counts and the other does not, where both cover the same time: the one that began later, as the machine before
    /// it may not have been reported gone in time; then the one that has ended, as the other only does not say when it began.
    /// What is left is decided by the ids, so that it is the same over a restart.
    fn is_before(&self, other: &Self) -> bool {
        fn rank(claim: &Claim) -> impl Ord {
            (Reverse(claim.from), claim.until, claim.host.id())
        }
        rank(self) < rank(other)
    }
}

/// The stretches of one address, in order.
pub(super) fn tenancies(claims: &[Claim]) -> Vec<Tenancy> {
    let mut bounds: Vec<i64> = claims.iter().flat_map(|claim| [claim.from, claim.until]).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let mut tenancies: Vec<Tenancy> = Vec::new();
    for stretch in bounds.windows(2) {
        let &[from, until] = stretch else { continue };
        let covering = claims.iter().filter(|claim| claim.covers(from));
        let Some(claim) = covering.reduce(|best, claim| if claim.is_before(best) { claim } else { best }) else {
            continue;
        };
        match tenancies.last_mut() {
            Some(last) if last.until == from && last.host.is_same(&claim.host) => last.until = until,
            _ => tenancies.push(Tenancy::of(claim, from, until)),
        }
    }
    tenancies
}

impl Tenancy {
    fn of(claim: &Claim, from: i64, until: i64) -> Self {
        Self {
            from,
            until,
            host: claim.host.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cloud::Fact;

    fn claim(id: &str, from: i64, until: i64) -> Claim {
        let id = id.to_owned();
        let host = Host::new(|fact| if fact == Fact::Id { &id } else { "" }, []);
        Claim {
            number: 0,
            host,
            from,
            until,
            ended: None,
        }
    }

    fn stretches(claims: &[Claim]) -> Vec<(i64, i64, String)> {
        let tenancies = tenancies(claims);
        tenancies
            .iter()
            .map(|tenancy| (tenancy.from, tenancy.until, tenancy.host.id().to_owned()))
            .collect()
    }

    fn of(from: i64, until: i64, id: &str) -> (i64, i64, String) {
        (from, until, id.to_owned())
    }

    const EVER: i64 = i64::MIN;
    const STILL: i64 = i64::MAX;

    #[test]
    fn one_after_the_other_each_has_its_time() {
        let claims = [claim("b", 20, STILL), claim("a", 5, 10)];
        assert_eq!(stretches(&claims), [of(5, 10, "a"), of(20, STILL, "b")]);
    }

    #[test]
    fn the_later_start_counts_before_the_earlier_one_was_reported_gone() {
        let claims = [claim("a", 5, 30), claim("b", 20, STILL)];
        assert_eq!(stretches(&claims), [of(5, 20, "a"), of(20, STILL, "b")]);
    }

    #[test]
    fn who_does_not_say_since_when_has_it_since_the_one_before_ended() {
        let claims = [claim("b", EVER, STILL), claim("a", EVER, 30)];
        assert_eq!(stretches(&claims), [of(EVER, 30, "a"), of(30, STILL, "b")]);
    }

    proptest! {
        /// At every time the stretch, if there is one, is that of the claim that comes first of all that cover it.
        #[test]
        fn stretches_are_disjoint_in_order_and_the_first_claims(
            raw in prop::collection::vec((prop_oneof![Just(EVER), 0_i64..20], 1_i64..20, any::<bool>()), 0..8),
        ) {
            let claims: Vec<_> = raw
                .iter()
                .enumerate()
                .map(|(nth, (from, length, ends))| {
                    let until = if *ends { from.max(&0) + length } else { STILL };
                    claim(&format!("h{nth}"), *from, until)
                })
                .collect();
            let tenancies = tenancies(&claims);
            for pair in tenancies.windows(2) {
                prop_assert!(pair[0].until <= pair[1].from);
            }
            for time in [EVER, -1].into_iter().chain(0..45) {
                let found = tenancies.iter().find(|tenancy| tenancy.from <= time && time < tenancy.until);
                let mut covering: Vec<_> = claims.iter().filter(|claim| claim.covers(time)).collect();
                covering.sort_by(|a, b| if a.is_before(b) { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater });
                prop_assert_eq!(
                    found.map(|tenancy| tenancy.host.id().to_owned()),
                    covering.first().map(|claim| claim.host.id().to_owned())
                );
            }
        }
    }
}
