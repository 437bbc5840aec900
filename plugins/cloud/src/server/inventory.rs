//! `io.ballast.Inventory1`.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use ballast_shared::plugin::host::{Host, WireHost};
use ballast_shared::varlink::{CallError, Part};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::watching::{self, HasGone, Replies, Tale};
use crate::hub::Hub;
use crate::inventory::{Delta, Start};

/// Hosts in one reply: some hundred KiB.
const CHUNK_HOSTS_MAX: usize = 256;

/// Answers watchers.
#[derive(Debug)]
pub(super) struct Watchers {
    hub: Arc<Hub>,
    watching: Arc<AtomicUsize>,
}

impl Watchers {
    /// For those who follow this inventory.
    pub(super) fn new(hub: Arc<Hub>) -> Self {
        Self {
            hub,
            watching: Arc::default(),
        }
    }

    /// How many there are, whatever comes of them.
    pub(super) fn count(&self) -> Arc<AtomicUsize> {
        self.watching.clone()
    }
    pub(super) fn watch(&self, parameters: &Map<String, Value>) -> Result<mpsc::Receiver<Part>, CallError> {
        let epoch = match parameters.get("epoch") {
            None | Some(Value::Null) => None,
            Some(Value::String(epoch)) => Some(epoch.clone()),
            Some(_) => return Err(CallError::InvalidParameter("epoch")),
        };
        let seq = match parameters.get("seq") {
            None | Some(Value::Null) => None,
            Some(seq) => Some(seq.as_u64().ok_or(CallError::InvalidParameter("seq"))?),
        };
        let told = Told {
            hub: self.hub.clone(),
            version: epoch.zip(seq),
        };
        Ok(watching::start(told, self.hub.versions(), &self.watching))
    }
}

/// What one of them has been told.
struct Told {
    hub: Arc<Hub>,
    /// The version that it has.
    version: Option<(String, u64)>,
}

impl Tale for Told {
    /// Who has come back is told at once that there is somebody.
    async fn begin(&mut self, replies: &Replies) -> Result<(), HasGone> {
        match self.since() {
            Some((_, Start::UpToDate)) => match self.nothing_new() {
                Some(part) => replies.send(part).await,
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    async fn go_on(&mut self, replies: &Replies) -> Result<(), HasGone> {
        let Some((epoch, start)) = self.since() else {
            return Ok(());
        };
        match start {
            Start::UpToDate => {}
            Start::Deltas(deltas) => {
                for delta in deltas {
                    let Delta { seq, changed, gone } = &*delta;
                    self.send_all(replies, &epoch, *seq, false, changed, gone).await?;
                }
            }
            Start::Snapshot { seq, hosts, gone } => {
                self.send_all(replies, &epoch, seq, true, &hosts, &gone).await?;
            }
        }
        Ok(())
    }

    /// While there is no version that it could be said to have, there is nothing to say.
    fn nothing_new(&self) -> Option<Part> {
        let (epoch, seq) = self.version.as_ref()?;
        Some(Part::new(reply(epoch, *seq, false, &[], &[], true), true))
    }
}

impl Told {
    fn since(&self) -> Option<(String, Start)> {
        let version = self.version.as_ref().map(|(epoch, seq)| (epoch.as_str(), *seq));
        self.hub.since(version)
    }

    /// Sends a snapshot or a delta, in as many replies as it takes.
    async fn send_all(
        &mut self,
        replies: &Replies,
        epoch: &str,
        seq: u64,
        full: bool,
        hosts: &[Arc<Host>],
        gone: &[Arc<str>],
    ) -> Result<(), HasGone> {
        let chunks = hosts
            .len()
            .div_ceil(CHUNK_HOSTS_MAX)
            .max(gone.len().div_ceil(CHUNK_HOSTS_MAX))
            .max(1);
        let (mut hosts, mut gone) = (hosts.chunks(CHUNK_HOSTS_MAX), gone.chunks(CHUNK_HOSTS_MAX));
        for chunk in 1..=chunks {
            let (hosts, gone) = (hosts.next().unwrap_or_default(), gone.next().unwrap_or_default());
            let reply = reply(epoch, seq, full, hosts, gone, chunk == chunks);
            replies.send(Part::new(reply, true)).await?;
        }
        self.version = Some((epoch.to_owned(), seq));
        Ok(())
    }
}

fn reply(
    epoch: &str,
    seq: u64,
    full: bool,
    hosts: &[Arc<Host>],
    gone: &[Arc<str>],
    complete: bool,
) -> Map<String, Value> {
    let hosts: Vec<WireHost> = hosts.iter().map(|host| WireHost::from(&**host)).collect();
    let gone: Vec<&str> = gone.iter().map(AsRef::as_ref).collect();
    let reply = json!({
        "epoch": epoch,
        "seq": seq,
        "full": full,
        "hosts": hosts,
        "gone": gone,
        "complete": complete,
    });
    match reply {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::inventory::Listing;

    fn hub(hosts: usize) -> Arc<Hub> {
        let hub = Hub::new("e1".into(), &["p".into()]);
        hub.told("p", Ok(listing(hosts)));
        Arc::new(hub)
    }

    fn listing(hosts: usize) -> Listing {
        Listing::new((0..hosts).map(|n| {
            Host::try_from(WireHost {
                id: format!("i-{n}"),
                ..WireHost::default()
            })
            .unwrap()
        }))
    }

    fn watch(hub: &Arc<Hub>, parameters: Value) -> mpsc::Receiver<Part> {
        let Value::Object(parameters) = parameters else {
            panic!()
        };
        Watchers::new(hub.clone()).watch(&parameters).unwrap()
    }

    async fn next(replies: &mut mpsc::Receiver<Part>) -> Value {
        Value::Object(replies.recv().await.unwrap().parameters().unwrap().clone())
    }

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_comes_in_chunks_then_deltas_and_keep_alives() {
        let hub = hub(600);
        let mut replies = watch(&hub, json!({}));
        let mut sizes = Vec::new();
        for _ in 0..3 {
            let reply = next(&mut replies).await;
            assert_eq!(
                (&reply["epoch"], &reply["seq"], &reply["full"]),
                (&json!("e1"), &json!(1), &json!(true))
            );
            sizes.push((reply["hosts"].as_array().unwrap().len(), reply["complete"] == true));
        }
        assert_eq!(sizes, [(256, false), (256, false), (88, true)]);
        let alive = json!({"epoch": "e1", "seq": 1, "full": false, "hosts": [], "gone": [], "complete": true});
        assert_eq!(next(&mut replies).await, alive);
        hub.told("p", Ok(listing(599)));
        let delta = json!({"epoch": "e1", "seq": 2, "full": false, "hosts": [], "gone": ["i-599"], "complete": true});
        assert_eq!(next(&mut replies).await, delta);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_a_version_goes_on_from_there() {
        let hub = hub(2);
        hub.told("p", Ok(listing(3)));
        let mut replies = watch(&hub, json!({"epoch": "e1", "seq": 1}));
        let delta = next(&mut replies).await;
        assert_eq!((&delta["seq"], &delta["full"]), (&json!(2), &json!(false)));
        assert_eq!(delta["hosts"][0]["id"], "i-2");
        let mut replies = watch(&hub, json!({"epoch": "e0", "seq": 1}));
        assert_eq!(next(&mut replies).await["full"], true);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watcher_waits_until_there_is_an_inventory() {
        let hub = Arc::new(Hub::new("e1".into(), &["p".into()]));
        let mut replies = watch(&hub, json!({}));
        assert!(timeout(Duration::from_secs(60), replies.recv()).await.is_err());
        hub.told("p", Err("it is broken".into()));
        assert!(timeout(Duration::from_secs(60), replies.recv()).await.is_err());
        hub.told("p", Ok(listing(1)));
        assert_eq!(next(&mut replies).await["full"], true);
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_takes_nothing_is_let_go_and_the_others_go_on() {
        let hub = hub(2000);
        let watchers = Watchers::new(hub.clone());
        let count = watchers.count();
        let stalled = watchers.watch(&Map::new()).unwrap();
        let mut replies = watchers.watch(&Map::new()).unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 2);
        for _ in 0..8 {
            next(&mut replies).await;
        }
        // Keep-alives, for as long as the other one is waited for.
        for _ in 0..4 {
            next(&mut replies).await;
        }
        assert_eq!(count.load(Ordering::Relaxed), 1);
        drop(stalled);
        drop(replies);
        while count.load(Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_version_is_a_text_and_a_number() {
        let watchers = Watchers::new(hub(1));
        for (parameters, name) in [
            (json!({"epoch": 1}), "epoch"),
            (json!({"epoch": "e1", "seq": -1}), "seq"),
        ] {
            let Value::Object(parameters) = parameters else {
                panic!()
            };
            let refused = watchers.watch(&parameters);
            assert!(matches!(refused, Err(CallError::InvalidParameter(parameter)) if parameter == name));
        }
    }
}
