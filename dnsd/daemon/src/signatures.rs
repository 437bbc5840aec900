//! When the signatures of signed zones expire: a number for `/metrics` and `status`, and a warning in time.
//!
//! Signatures come with a zone and are made elsewhere. One that has expired is served all the same, and makes the zone fail at
//! every resolver that validates; whoever should have signed it anew wants to hear of it before. A task looks at the zones that
//! are served, at those that have another version than at the last look, on a thread beside the answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dnsd_core::name::Name;
use dnsd_core::rrtype::Type;
use dnsd_core::zone::Zone;
use dnsd_core::zones::ZoneState;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::server::Shared;
use crate::server::views::Views;
use crate::zones::key::ZoneKey;

/// A version is looked at so long after it came at most. Who finds no new one has done nothing but go through the list of zones.
const LOOK_PERIOD: Duration = Duration::from_secs(5);

/// Who signs with BIND's or Knot's defaults has signatures renewed a week before they expire: what is left for less than this was
/// forgotten.
const WARN_BEFORE_SECONDS: i64 = 5 * 86_400;

/// The signature of a zone that expires first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FirstToExpire {
    /// Seconds since 1970.
    pub(crate) at: i64,
    /// Whose records it is about.
    pub(crate) owner: Name,
    /// Of which type.
    pub(crate) covers: Type,
}

/// A version that was looked at.
#[derive(Debug)]
struct Seen {
    version: Weak<Zone>,
    first: Option<FirstToExpire>,
    warned: Warned,
}

/// What has been said of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Warned {
    Nothing,
    Soon,
    Expired,
}

/// All signed zones, as they were last looked at.
#[derive(Debug, Default)]
pub(crate) struct SignatureBoard(Mutex<BTreeMap<ZoneKey, Seen>>);

impl SignatureBoard {
    /// The signature of a zone that expires first; `None`: it isn't signed.
    pub(crate) fn zone(&self, zone: &ZoneKey) -> Option<FirstToExpire> {
        self.lock().get(zone)?.first.clone()
    }

    /// Looks at those of all signed zones.
    pub(crate) fn for_each(&self, mut look: impl FnMut(&ZoneKey, &FirstToExpire)) {
        for (zone, seen) in self.lock().iter() {
            if let Some(first) = &seen.first {
                look(zone, first);
            }
        }
    }

    /// Looks at the zones that have another version than at the last look, and gives the lines that are worth a warning.
    fn look_at(&self, views: &Views, now: i64) -> Vec<String> {
        let mut served: BTreeMap<&ZoneKey, &Arc<Zone>> = BTreeMap::new();
        for view in views.iter() {
            for (info, state) in view.infos().zip(view.zones().iter().map(|(_, state)| state)) {
                if let ZoneState::Loaded(zone) = state
                    && zone.has_dnssec()
                {
                    served.insert(&info.key, zone);
                }
            }
        }
        self.lock().retain(|key, _| served.contains_key(key));
        let mut warnings = Vec::new();
        for (key, zone) in served {
            let is_seen = |seen: &Seen| std::ptr::eq(seen.version.as_ptr(), Arc::as_ptr(zone));
            if !self.lock().get(key).is_some_and(is_seen) {
                // Without the lock: this is what takes time.
                let first = first_to_expire(zone, now);
                let version = Arc::downgrade(zone);
                let mut board = self.lock();
                // An update of something else leaves this signature as it is: of it all has been said.
                let same = board.get(key).filter(|before| before.first == first);
                let warned = same.map_or(Warned::Nothing, |before| before.warned);
                board.insert(key.clone(), Seen { version, first, warned });
            }
            if let Some(seen) = self.lock().get_mut(key) {
                warnings.extend(seen.warning(key, now));
            }
        }
        warnings
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ZoneKey, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// What is to be said of it now that has not been said.
    fn warning(&mut self, key: &ZoneKey, now: i64) -> Option<String> {
        let FirstToExpire { at, owner, covers } = self.first.as_ref()?;
        let left = at - now;
        let (warns, when) = match left {
            ..=0 => (Warned::Expired, format!("has expired {} ago", Span(-left))),
            _ if left < WARN_BEFORE_SECONDS => (Warned::Soon, format!("expires in {}", Span(left))),
            _ => (Warned::Nothing, String::new()),
        };
        if warns <= self.warned {
            return None;
        }
        self.warned = warns;
        Some(format!("zone {key}: the signature over {covers} of {owner} {when}"))
    }
}

/// Seconds as a person says them.
struct Span(i64);

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            days @ 172_800.. => write!(f, "{} days", days / 86_400),
            hours @ 7200.. => write!(f, "{} hours", hours / 3600),
            seconds => write!(f, "{seconds} seconds"),
        }
    }
}

fn first_to_expire(zone: &Zone, now: i64) -> Option<FirstToExpire> {
    // As signatures have it, modulo 2^32.
    let first = zone.first_to_expire(now as u32)?;
    Some(FirstToExpire {
        at: now + i64::from(first.seconds_left),
        owner: first.owner.to_name(),
        covers: first.covers,
    })
}

/// Looks at what is served now and then, until it is to stop.
pub(crate) async fn follow(shared: Shared, board: Arc<SignatureBoard>, stop: CancellationToken) {
    loop {
        let (views, looked) = (shared.serving.load().views.clone(), board.clone());
        let look = tokio::task::spawn_blocking(move || looked.look_at(&views, now()));
        for warning in look.await.unwrap_or_default() {
            warn!("{warning}");
        }
        let pause = tokio::time::sleep(LOOK_PERIOD);
        if stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::views::{Kind, View, ZoneInfo};
    use crate::zones::test_zone::zone;
    use dnsd_core::zones::Zones;

    const DAY: i64 = 86_400;

    /// Views with a zone whose signatures expire at these times, as they stand in a master file.
    fn views(expirations: &[&str]) -> Views {
        let mut text = "@ 60 SOA n h 1 1 1 1 1\n@ 60 NS n.other.\n".to_owned();
        for (n, expires) in expirations.iter().enumerate() {
            text += &format!("n{n} 60 A 192.0.2.1\nn{n} 60 RRSIG A 13 2 60 {expires} 20200101000000 1 example. AAAA\n");
        }
        let origin: Name = "example".parse().unwrap();
        let key = ZoneKey::outside(origin.clone());
        let info = Arc::new(ZoneInfo::new(key, Arc::default(), Kind::Primary));
        let state = ZoneState::Loaded(Arc::new(zone("example", &text)));
        Views::new([], View::outside(Zones::new([(origin, state)]), Arc::new([info])))
    }

    #[test]
    fn a_zone_is_warned_of_before_its_first_signature_expires_and_when_it_has() {
        let board = SignatureBoard::default();
        // 2026-03-01T00:00:00Z and a month before that.
        let views = views(&["20260301000000", "20260201000000", "20260401000000"]);
        let expires = 1_769_904_000;
        let key = ZoneKey::outside("example".parse().unwrap());
        assert_eq!(board.look_at(&views, expires - 6 * DAY), [""; 0]);
        let first = board.zone(&key).unwrap();
        assert_eq!(
            (first.at, first.owner.to_string(), first.covers),
            (expires, "n1.example.".into(), Type::A)
        );
        assert_eq!(
            board.look_at(&views, expires - 3 * DAY),
            ["zone example/IN: the signature over A of n1.example. expires in 3 days"]
        );
        assert_eq!(board.look_at(&views, expires - 2 * DAY), [""; 0]);
        assert_eq!(
            board.look_at(&views, expires + 3 * 3600),
            ["zone example/IN: the signature over A of n1.example. has expired 3 hours ago"]
        );
        assert_eq!(board.look_at(&views, expires + 4 * 3600), [""; 0]);
    }

    #[test]
    fn a_signature_that_another_version_keeps_is_not_warned_of_again() {
        let board = SignatureBoard::default();
        let soon = 1_769_904_000 - DAY;
        for (expirations, warnings) in [
            (&["20260201000000"][..], 1),
            (&["20260201000000", "20260301000000"], 0),
            (&["20260202000000"], 1),
        ] {
            assert_eq!(
                board.look_at(&views(expirations), soon).len(),
                warnings,
                "{expirations:?}"
            );
        }
    }

    #[test]
    fn another_version_is_looked_at_anew_and_a_zone_that_is_gone_is_forgotten() {
        let board = SignatureBoard::default();
        let key = ZoneKey::outside("example".parse().unwrap());
        let at = |board: &SignatureBoard| board.zone(&key).map(|first| first.at);
        let now = 1_769_904_000 - 20 * DAY;
        board.look_at(&views(&["20260201000000"]), now);
        assert_eq!(at(&board), Some(1_769_904_000));
        board.look_at(&views(&["20260301000000"]), now);
        assert_eq!(at(&board), Some(1_769_904_000 + 28 * DAY));
        board.look_at(&views(&[]), now);
        assert_eq!(at(&board), None);
    }
}
