//! Whether a new version of a zone may take the place of the one that is served.

use std::sync::Arc;

use dnsd_core::serial::Serial;
use dnsd_core::transfer::Delta;
use dnsd_core::zone::Zone;
use dnsd_core::zone::difference::Difference;

/// What is to become of a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Serve it.
    Serve,
    /// Serve it, but its content is another under a serial that didn't go up: secondaries won't notice, and an incremental
    /// transfer from this version would be wrong.
    ServeStale {
        /// The serial that was served so far.
        old: Serial,
        /// The serial of the new version.
        new: Serial,
    },
    /// Don't serve it until somebody accepts it: it has lost most of what the zone had.
    Hold(Loss),
}

/// How much of a zone a new version would take away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loss {
    /// Records that the served version has.
    pub(crate) old_records: usize,
    /// Records that the new version has.
    pub(crate) new_records: usize,
    /// Records of the served version that the new one hasn't.
    pub(crate) removed: usize,
}

/// Compares a new version with the one that is served. `accepted`: somebody has said that a loss is meant.
pub(crate) fn judge(old: &Zone, new: &Zone, accepted: bool) -> Verdict {
    if std::ptr::eq(old, new) {
        return Verdict::Serve;
    }
    let difference = Difference::between(old, new);
    if difference.is_large_loss(old.record_count()) && !accepted {
        return Verdict::Hold(Loss {
            old_records: old.record_count(),
            new_records: new.record_count(),
            removed: difference.removed,
        });
    }
    let changed = difference != Difference::default();
    if changed && !new.serial().is_after(old.serial()) {
        return Verdict::ServeStale {
            old: old.serial(),
            new: new.serial(),
        };
    }
    Verdict::Serve
}

/// Whether a version that these steps lead to could be held: they say what they take away, and who [judges](judge) two versions
/// walks through all of both.
pub(crate) fn may_hold(old: &Zone, steps: &[Arc<Delta>]) -> bool {
    let most = Difference {
        removed: steps.iter().map(|step| step.removed().len()).sum(),
        added: 0,
    };
    most.is_large_loss(old.record_count())
}

#[cfg(test)]
mod tests {
    use super::super::test_zone::zone;
    use super::*;

    fn hosts(count: usize, serial: u32) -> Zone {
        let hosts: String = (0..count).map(|n| format!("h{n} A 192.0.2.1\n")).collect();
        zone(
            "example.net",
            &format!("$TTL 60\n@ SOA ns h {serial} 1 1 1 1\n@ NS ns.other.\n{hosts}"),
        )
    }

    #[test]
    fn losing_more_than_half_of_a_hundred_records_is_held_until_accepted() {
        let (old, new) = (hosts(98, 1), hosts(47, 2));
        assert_eq!(old.record_count(), 100);
        let loss = Loss {
            old_records: 100,
            new_records: 49,
            // The SOA record is another one too.
            removed: 52,
        };
        assert_eq!(judge(&old, &new, false), Verdict::Hold(loss));
        assert_eq!(judge(&old, &new, true), Verdict::Serve);
    }

    #[test]
    fn steps_that_may_be_held_are_all_that_would_be() {
        let versions = [hosts(98, 1), hosts(60, 2), hosts(55, 3), hosts(30, 4)];
        let steps: Vec<Arc<Delta>> = versions
            .windows(2)
            .map(|pair| Arc::new(Delta::between(&pair[0], &pair[1])))
            .collect();
        for end in 1..versions.len() {
            let is_held = matches!(judge(&versions[0], &versions[end], false), Verdict::Hold(_));
            assert_eq!((may_hold(&versions[0], &steps[..end]), is_held), (end == 3, end == 3));
        }
    }

    #[test]
    fn half_of_a_zone_or_most_of_a_small_one_may_go() {
        assert_eq!(judge(&hosts(98, 1), &hosts(49, 2), false), Verdict::Serve);
        assert_eq!(judge(&hosts(97, 1), &hosts(0, 2), false), Verdict::Serve);
    }

    #[test]
    fn content_under_a_serial_that_did_not_go_up_is_told() {
        let stale = |old, new| Verdict::ServeStale {
            old: Serial(old),
            new: Serial(new),
        };
        assert_eq!(judge(&hosts(3, 5), &hosts(4, 5), false), stale(5, 5));
        assert_eq!(judge(&hosts(3, 5), &hosts(3, 4), false), stale(5, 4));
        assert_eq!(judge(&hosts(3, 5), &hosts(3, 5), false), Verdict::Serve);
        assert_eq!(judge(&hosts(3, u32::MAX), &hosts(4, 1), false), Verdict::Serve);
    }
}
