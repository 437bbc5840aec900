//! What has been told, in one order, by two who find it out: the listing and the queue.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ballast_shared::plugin::host::WireHost;
use tokio::sync::{Mutex, mpsc};
use tracing::warn;

use super::super::{Report, Word};
use super::event::Notice;
use super::host::host;
use super::seen::Seen;
use crate::aws::ec2::Instance;
use crate::resources::{Kind, Resource};

/// A machine that was looked at is there for so long after, in seconds, even if a listing doesn't have it: EC2's answers agree
/// with each other a while later only.
const AGREES_AFTER: i64 = 30;

/// Looks that are kept when listings fail for long; those of the last minutes count.
const LOOKS_MAX: usize = 10_000;
const LOOKS_KEPT: i64 = 600;

/// Nobody listens any more.
#[derive(Debug)]
pub(super) struct NobodyListens;

/// Tells the inventory.
pub(super) struct Told {
    provider: Arc<str>,
    /// Held until a word has been told, so that words are in the order in which they are true.
    state: Mutex<State>,
}

struct State {
    reports: mpsc::Sender<Report>,
    seen: Seen,
    /// What was found when single machines were looked at, and when: those that a listing might not know of yet.
    looks: HashMap<String, Look>,
}

struct Look {
    at: i64,
    /// `None`: it is gone.
    host: Option<WireHost>,
}

impl Told {
    pub(super) fn new(provider: Arc<str>, reports: mpsc::Sender<Report>) -> Self {
        let state = State {
            reports,
            seen: Seen::default(),
            looks: HashMap::new(),
        };
        Self {
            provider,
            state: Mutex::new(state),
        }
    }

    /// Tells a listing, which was begun and has ended at these times, in seconds since 1970.
    pub(super) async fn listing(
        &self,
        instances: &[Instance],
        labels: &[String],
        began: i64,
        now: i64,
    ) -> Result<(), NobodyListens> {
        let mut state = self.state.lock().await;
        let State { seen, looks, .. } = &mut *state;
        looks.retain(|_, look| look.at >= began - AGREES_AFTER);
        let mut hosts = Vec::with_capacity(instances.len());
        let mut listed = HashSet::with_capacity(instances.len());
        for instance in instances {
            if !listed.insert(instance.id.as_str()) {
                // It has moved from one page to another while they were read.
                continue;
            }
            match looks.get(&instance.id) {
                // It was looked at after the listing had begun: that is newer, or as new.
                Some(look) if look.at >= began => hosts.extend(look.host.clone()),
                _ => hosts.extend(told_of(seen, instance, labels, now)),
            }
        }
        let missing = looks.iter().filter(|(id, _)| !listed.contains(id.as_str()));
        hosts.extend(missing.filter_map(|(_, look)| look.host.clone()));
        let there: HashSet<&str> = hosts.iter().map(|host| host.id.as_str()).collect();
        seen.retain(|id| there.contains(id));
        self.tell(&state, Word::Listing(hosts)).await
    }

    /// Tells what was found when these instances were looked at; those of `gone` there are none of.
    pub(super) async fn look(
        &self,
        instances: &[Instance],
        gone: Vec<String>,
        labels: &[String],
        now: i64,
    ) -> Result<(), NobodyListens> {
        let mut state = self.state.lock().await;
        let State { seen, looks, .. } = &mut *state;
        if looks.len() > LOOKS_MAX {
            looks.retain(|_, look| look.at > now - LOOKS_KEPT);
        }
        let mut hosts = Vec::new();
        let mut all_gone = gone;
        for instance in instances {
            match told_of(seen, instance, labels, now) {
                Some(host) => {
                    looks.insert(
                        host.id.clone(),
                        Look {
                            at: now,
                            host: Some(host.clone()),
                        },
                    );
                    hosts.push(host);
                }
                None => all_gone.push(instance.id.clone()),
            }
        }
        for id in &all_gone {
            seen.forget(id);
            looks.insert(id.clone(), Look { at: now, host: None });
        }
        if hosts.is_empty() && all_gone.is_empty() {
            return Ok(());
        }
        self.tell(&state, Word::Change { hosts, gone: all_gone }).await
    }

    /// Tells of an event.
    pub(super) async fn event(&self, notice: &Notice) -> Result<(), NobodyListens> {
        let state = self.state.lock().await;
        self.tell(&state, Word::Event(notice.event())).await
    }

    /// Tells what there is of a kind, or that it is not known.
    pub(super) async fn resources(
        &self,
        kind: Kind,
        listed: Result<Vec<Resource>, crate::aws::Error>,
    ) -> Result<(), NobodyListens> {
        let listed = listed.map_err(|error| {
            warn!(provider = &*self.provider, kind = kind.name(), %error, "not listed: what was known before stays");
            error.to_string()
        });
        let state = self.state.lock().await;
        self.tell(&state, Word::Resources(kind, listed)).await
    }

    /// Tells that nothing is known.
    pub(super) async fn failing(&self, error: &crate::aws::Error) -> Result<(), NobodyListens> {
        warn!(provider = &*self.provider, %error, "the machines are not known: what was known before stays");
        let word = Word::Failing {
            error: error.to_string(),
            is_throttled: matches!(error, crate::aws::Error::Throttled { .. }),
        };
        let state = self.state.lock().await;
        self.tell(&state, word).await
    }

    async fn tell(&self, state: &State, word: Word) -> Result<(), NobodyListens> {
        let provider = self.provider.clone();
        let sent = state.reports.send(Report { provider, word }).await;
        sent.map_err(|_| NobodyListens)
    }
}

fn told_of(seen: &mut Seen, instance: &Instance, labels: &[String], now: i64) -> Option<WireHost> {
    let addresses = seen.addresses(instance, now);
    let host = host(instance, addresses, labels);
    if host.is_none() {
        seen.forget(&instance.id);
    }
    host
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(id: &str, state: &str) -> Instance {
        Instance {
            id: id.into(),
            state: state.into(),
            ..Instance::default()
        }
    }

    async fn states(told: &Told, reports: &mut mpsc::Receiver<Report>, listed: &[Instance], began: i64) -> Vec<String> {
        told.listing(listed, &[], began, began + 20).await.unwrap();
        let Word::Listing(hosts) = reports.recv().await.unwrap().word else {
            panic!()
        };
        hosts
            .into_iter()
            .map(|host| format!("{} {}", host.id, host.state.unwrap()))
            .collect()
    }

    #[tokio::test]
    async fn a_listing_does_not_undo_what_was_seen_since_it_began() {
        let (sender, mut reports) = mpsc::channel(8);
        let told = Told::new("cloud".into(), sender);
        // While the listing of 90 to 110 is under way, one comes, one changes and one goes.
        let seen = [
            instance("new", "pending"),
            instance("other", "stopping"),
            instance("gone", "terminated"),
        ];
        told.look(&seen, vec!["forgotten".into()], &[], 100).await.unwrap();
        let Word::Change { hosts, gone } = reports.recv().await.unwrap().word else {
            panic!()
        };
        assert_eq!(
            (hosts.len(), gone),
            (2, vec!["forgotten".to_owned(), "gone".to_owned()])
        );
        let old = ["other", "gone", "forgotten", "same"].map(|id| instance(id, "running"));
        let mut listed = states(&told, &mut reports, &old, 90).await;
        listed.sort();
        assert_eq!(listed, ["new pending", "other stopping", "same running"]);
        // What a listing says that began later counts, but that it does not know of a new one yet.
        let later = [instance("other", "stopped"), instance("same", "running")];
        assert_eq!(
            states(&told, &mut reports, &later, 120).await,
            ["other stopped", "same running", "new pending"]
        );
        assert_eq!(
            states(&told, &mut reports, &later, 131).await,
            ["other stopped", "same running"]
        );
    }

    #[tokio::test]
    async fn one_that_is_on_two_pages_is_one() {
        let (sender, mut reports) = mpsc::channel(8);
        let told = Told::new("cloud".into(), sender);
        let twice = [instance("a", "running"), instance("a", "running")];
        assert_eq!(states(&told, &mut reports, &twice, 0).await, ["a running"]);
    }
}
