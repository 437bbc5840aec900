//! The plugin's side of `io.ballast.Inventory1`: a task for each watcher, which looks into the inventory when it has said all
//! that came before. Nothing is laid up for a watcher but the reply that it is being sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ballast_shared::plugin::host::{Host, WireHost};
use ballast_shared::varlink::{Call, CallError, Interface, Limits, MESSAGE_BYTES_MAX, Offer, Part, Service};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::hub::Hub;
use crate::inventory::{Delta, Start};

const INVENTORY: Interface = Interface {
    name: "io.ballast.Inventory1",
    description: include_str!("../../interfaces/io.ballast.Inventory1.varlink"),
};

/// logd and dnsd, twice each when one is started while another ends, and administrators who look.
const CONNECTIONS_MAX: usize = 64;

/// What it speaks.
#[must_use]
pub fn offer() -> Offer {
    Offer {
        product: "cloudd",
        interfaces: vec![INVENTORY],
        limits: Limits {
            connections_max: CONNECTIONS_MAX,
            message_bytes_max: MESSAGE_BYTES_MAX,
            stalled_max: Some(STALL_MAX),
            takes_descriptors: false,
        },
    }
}

/// A watcher hears from us this often, changes or not.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Hosts in one reply: some hundred KiB.
const CHUNK_HOSTS_MAX: usize = 256;

/// Replies that are made before the first of them is taken.
const REPLIES_AHEAD: usize = 2;

/// A watcher that takes nothing for so long has hung up, or hangs.
const STALL_MAX: Duration = Duration::from_secs(30);

/// Answers watchers.
#[derive(Debug)]
pub struct Watchers {
    hub: Arc<Hub>,
    watching: Arc<AtomicUsize>,
}

impl Watchers {
    /// For those who follow this inventory.
    #[must_use]
    pub fn new(hub: Arc<Hub>) -> Self {
        Self {
            hub,
            watching: Arc::default(),
        }
    }

    /// How many there are, whatever comes of them.
    #[must_use]
    pub fn count(&self) -> Arc<AtomicUsize> {
        self.watching.clone()
    }
}

impl Service for Watchers {
    async fn call(&self, call: Call) -> Result<Map<String, Value>, CallError> {
        match call.method.as_str() {
            "Watch" => Err(CallError::ExpectedMore),
            _ => Err(CallError::MethodNotFound),
        }
    }

    fn call_more(&self, call: &Call) -> Result<Option<mpsc::Receiver<Part>>, CallError> {
        if call.method != "Watch" {
            return Ok(None);
        }
        self.watch(&call.parameters).map(Some)
    }
}

impl Watchers {
    fn watch(&self, parameters: &Map<String, Value>) -> Result<mpsc::Receiver<Part>, CallError> {
        let epoch = match parameters.get("epoch") {
            None | Some(Value::Null) => None,
            Some(Value::String(epoch)) => Some(epoch.clone()),
            Some(_) => return Err(CallError::InvalidParameter("epoch")),
        };
        let seq = match parameters.get("seq") {
            None | Some(Value::Null) => None,
            Some(seq) => Some(seq.as_u64().ok_or(CallError::InvalidParameter("seq"))?),
        };
        let (replies, receiver) = mpsc::channel(REPLIES_AHEAD);
        let watcher = Watcher {
            hub: self.hub.clone(),
            version: epoch.zip(seq),
            replies,
            _counted: Counted::new(&self.watching),
        };
        tokio::spawn(watcher.serve());
        Ok(receiver)
    }
}

/// One of them.
struct Watcher {
    hub: Arc<Hub>,
    /// What it has.
    version: Option<(String, u64)>,
    replies: mpsc::Sender<Part>,
    _counted: Counted,
}

/// Who takes no more replies.
struct HasGone;

impl Watcher {
    /// Until it has gone.
    async fn serve(mut self) {
        let mut versions = self.hub.versions();
        // Who has come back is told at once that there is somebody.
        if self.is_up_to_date() && self.keep_alive().await.is_err() {
            return;
        }
        loop {
            versions.mark_unchanged();
            if self.bring_up_to_date().await.is_err() {
                return;
            }
            tokio::select! {
                changed = timeout(KEEP_ALIVE, versions.changed()) => match changed {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return,
                    Err(_) => if self.keep_alive().await.is_err() {
                        return;
                    },
                },
                () = self.replies.closed() => return,
            }
        }
    }

    fn is_up_to_date(&self) -> bool {
        let version = self.version.as_ref().map(|(epoch, seq)| (epoch.as_str(), *seq));
        matches!(self.hub.since(version), Some((_, Start::UpToDate)))
    }

    async fn bring_up_to_date(&mut self) -> Result<(), HasGone> {
        let version = self.version.as_ref().map(|(epoch, seq)| (epoch.as_str(), *seq));
        let Some((epoch, start)) = self.hub.since(version) else {
            return Ok(());
        };
        match start {
            Start::UpToDate => {}
            Start::Deltas(deltas) => {
                for delta in deltas {
                    let Delta { seq, changed, gone } = &*delta;
                    self.send_all(&epoch, *seq, false, changed, gone).await?;
                }
            }
            Start::Snapshot { seq, hosts, gone } => self.send_all(&epoch, seq, true, &hosts, &gone).await?,
        }
        Ok(())
    }

    async fn keep_alive(&self) -> Result<(), HasGone> {
        match &self.version {
            Some((epoch, seq)) => self.send(reply(epoch, *seq, false, &[], &[], true)).await,
            // There is nothing yet that it could be said to have.
            None => Ok(()),
        }
    }

    /// Sends a snapshot or a delta, in as many replies as it takes.
    async fn send_all(
        &mut self,
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
            self.send(reply(epoch, seq, full, hosts, gone, chunk == chunks)).await?;
        }
        self.version = Some((epoch.to_owned(), seq));
        Ok(())
    }

    async fn send(&self, parameters: Map<String, Value>) -> Result<(), HasGone> {
        let part = Part::new(parameters, true);
        self.replies.send_timeout(part, STALL_MAX).await.map_err(|_| HasGone)
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

/// Counts for as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
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
