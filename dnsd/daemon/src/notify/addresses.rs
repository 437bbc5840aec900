//! Where the name servers are whose names are in no zone of ours: the system's resolver is asked.
//!
//! Zones of one server have the same few name servers, and ten thousand of them are told at a start: what was found is kept
//! for a while, and few questions are under way at a time, as each holds a thread and the resolver has other clients.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dnsd_core::name::Name;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::targets::PORT;

/// Questions to the resolver at a time.
const ASKED_MAX: usize = 16;
/// How long an answer is good for, and that there is none. Its TTL is not to be had of the system; a zone that changed is told of
/// within minutes, and a name server doesn't move in one.
const KEPT: Duration = Duration::from_secs(60);
/// Names that are kept. Those of many zones are mostly the same ones.
const NAMES_MAX: usize = 1000;

/// Asks, and remembers.
#[derive(Debug)]
pub(super) struct Addresses {
    permits: Semaphore,
    known: Mutex<HashMap<Name, (Instant, Vec<IpAddr>)>>,
}

impl Addresses {
    pub(super) fn new() -> Self {
        Self {
            permits: Semaphore::new(ASKED_MAX),
            known: Mutex::default(),
        }
    }

    /// The addresses of a name; none when it has none, or they can't be found now.
    pub(super) async fn of(&self, name: &Name) -> Vec<IpAddr> {
        let asked = async {
            let found = tokio::net::lookup_host((name.to_string(), PORT)).await?;
            Ok(found.map(|address| address.ip()).collect())
        };
        self.of_with(name, asked).await
    }

    async fn of_with(&self, name: &Name, asked: impl Future<Output = io::Result<Vec<IpAddr>>>) -> Vec<IpAddr> {
        let Ok(_permit) = self.permits.acquire().await else {
            return Vec::new();
        };
        // Whoever was in front may have asked for the same name.
        if let Some(known) = self.known(name) {
            return known;
        }
        let found = asked.await.unwrap_or_default();
        self.keep(name, &found);
        found
    }

    fn known(&self, name: &Name) -> Option<Vec<IpAddr>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, addresses) = known.get(name)?;
        (at.elapsed() < KEPT).then(|| addresses.clone())
    }

    fn keep(&self, name: &Name, addresses: &[IpAddr]) {
        let now = Instant::now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= NAMES_MAX {
            known.retain(|_, (at, _)| now.saturating_duration_since(*at) < KEPT);
        }
        if known.len() < NAMES_MAX {
            known.insert(name.clone(), (now, addresses.to_vec()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(start_paused = true)]
    async fn a_name_is_asked_for_once_in_a_while_and_few_at_a_time() {
        let addresses = Arc::new(Addresses::new());
        let (asked, running, most) = <[Arc<AtomicUsize>; 3]>::default().into();
        let look_up = |number: usize| {
            let addresses = addresses.clone();
            let (asked, running, most) = (asked.clone(), running.clone(), most.clone());
            async move {
                let name: Name = format!("ns{}.test", number % 100).parse().unwrap();
                let answer = async {
                    asked.fetch_add(1, Ordering::Relaxed);
                    most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    running.fetch_sub(1, Ordering::Relaxed);
                    match number % 100 {
                        0 => Err(io::Error::other("no such name")),
                        _ => Ok(vec![IpAddr::from([192, 0, 2, 1])]),
                    }
                };
                addresses.of_with(&name, answer).await.len()
            }
        };
        let zones: Vec<_> = (0..10_000).map(|number| tokio::spawn(look_up(number))).collect();
        let mut found = 0;
        for zone in zones {
            found += zone.await.unwrap();
        }
        assert_eq!(found, 9900);
        // Those of a name that came while it was asked for ask, too: no more than are under way.
        assert!(asked.load(Ordering::Relaxed) < 100 + ASKED_MAX, "{asked:?}");
        assert!(most.load(Ordering::Relaxed) <= ASKED_MAX, "{most:?}");
        let before = asked.load(Ordering::Relaxed);
        tokio::time::advance(KEPT).await;
        look_up(1).await;
        assert_eq!(asked.load(Ordering::Relaxed), before + 1);
    }
}
