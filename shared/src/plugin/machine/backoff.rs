//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// The shortest wait: a plugin that is started anew is back in less than a second.
const WAIT_MIN: Duration = Duration::from_millis(100);
/// The longest: what a plugin that has come back waits to be noticed, at most.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Waits that grow, each a random part of what it may be: clients of one plugin don't come back all at once.
#[derive(Debug)]
pub struct Backoff {
    attempts: u32,
    /// Of SplitMix64, which is enough for what nobody gains by guessing.
    random: u64,
}

impl Backoff {
    /// The waits of one client: clients with other seeds have others.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            attempts: 0,
            random: seed,
        }
    }

    /// All is well: the next wait is a short one.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    /// How long to wait now.
    #[expect(
        clippy::should_implement_trait,
        reason = "it has no end, and is nothing to go through"
    )]
    pub fn next(&mut self) -> Duration {
        let ceiling = WAIT_MIN.saturating_mul(2 << self.attempts.min(16)).min(WAIT_MAX);
        self.attempts = self.attempts.saturating_add(1);
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let part = u32::try_from(mixed >> 48).expect("16 bits");
        WAIT_MIN + (ceiling - WAIT_MIN) * part / 0xffff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_half_a_minute_and_are_not_alike() {
        let waits = |seed| -> Vec<Duration> {
            let mut backoff = Backoff::new(seed);
            (0..200).map(|_| backoff.next()).collect()
        };
        let (first, second) = (waits(1), waits(2));
        assert!(
            first
                .iter()
                .chain(&second)
                .all(|wait| (WAIT_MIN..=WAIT_MAX).contains(wait))
        );
        assert!(first[0] <= Duration::from_millis(200) && first[1] <= Duration::from_millis(400));
        assert!(first[100..].iter().any(|wait| *wait > WAIT_MAX / 2));
        assert_ne!(first, second);
    }
}
