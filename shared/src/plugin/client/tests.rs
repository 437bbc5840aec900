//! A client of a plugin over a socket; the plugin is played by hand.

use std::path::Path;

use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::super::host::WireHost;
use super::super::news::{Held, Update};
use super::super::wire::{INVENTORY, WatchCall, WatchReply};
use super::*;
use crate::varlink::{Call, CallError, Offer, Part, Service, bind, parameters, serve};

/// A caller of `Watch`, and where its replies go.
type Watcher = (WatchCall, mpsc::Sender<Part>);

struct Plugin(mpsc::Sender<Watcher>);

impl Service for Plugin {
    async fn call(&self, _: Call) -> Result<Map<String, Value>, CallError> {
        Err(CallError::ExpectedMore)
    }

    fn call_more(&self, call: &Call) -> Result<Option<mpsc::Receiver<Part>>, CallError> {
        let asked = serde_json::from_value(Value::Object(call.parameters.clone())).unwrap();
        let (parts, receiver) = mpsc::channel(1_000);
        self.0.try_send((asked, parts)).unwrap();
        Ok(Some(receiver))
    }
}

/// A plugin that listens.
struct Listening {
    watchers: mpsc::Receiver<Watcher>,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Listening {
    fn start(socket: &Path) -> Self {
        let (watcher, watchers) = mpsc::channel(8);
        let stop = CancellationToken::new();
        let offer = Offer::control("test", INVENTORY);
        let server = serve(bind(socket).unwrap(), offer, Arc::new(Plugin(watcher)), stop.clone());
        Self {
            watchers,
            stop,
            server: tokio::spawn(server),
        }
    }

    async fn end(self) {
        self.stop.cancel();
        self.server.await.unwrap();
    }
}

/// A daemon's directory.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn settings(&self) -> Settings {
        let path = |name| self.0.path().join(name);
        Settings::new("cloud".into(), path("plugin.sock"), path("plugins/cloud.inventory"))
    }

    fn start(&self, settings: Settings) -> (Client, mpsc::Receiver<News>, CancellationToken) {
        let stop = CancellationToken::new();
        let (client, news) = Client::start(settings, &Handle::current(), stop.clone());
        (client, news, stop)
    }
}

fn host(id: &str) -> WireHost {
    WireHost {
        id: id.into(),
        ..WireHost::default()
    }
}

fn reply(epoch: &str, seq: u64, full: bool, hosts: &[&str], gone: &[&str]) -> WatchReply {
    WatchReply {
        epoch: epoch.into(),
        seq,
        full,
        hosts: hosts.iter().map(|id| host(id)).collect(),
        gone: gone.iter().map(|id| (*id).to_owned()).collect(),
        complete: true,
    }
}

async fn send(to: &mpsc::Sender<Part>, reply: WatchReply) {
    to.send(Part::new(parameters(&reply), true)).await.unwrap();
}

/// The next update: whether it is everything, who changed and who is gone, each in order.
async fn update(news: &mut mpsc::Receiver<News>) -> (bool, Vec<String>, Vec<String>) {
    let Some(News::Update(Update { full, changed, gone })) = news.recv().await else {
        panic!("no update")
    };
    let mut changed: Vec<String> = changed.iter().map(|host| host.id.to_string()).collect();
    let mut gone: Vec<String> = gone.iter().map(ToString::to_string).collect();
    changed.sort();
    gone.sort();
    (full, changed, gone)
}

async fn state(news: &mut mpsc::Receiver<News>) -> State {
    match news.recv().await {
        Some(News::State(state)) => state,
        other => panic!("no state but {other:?}"),
    }
}

fn ids(of: &[&str]) -> Vec<String> {
    of.iter().map(|id| (*id).to_owned()).collect()
}

#[tokio::test]
async fn the_inventory_is_followed_and_kept_over_a_restart() {
    let place = Place::new();
    let mut plugin = Listening::start(&place.settings().socket);
    let (client, mut news, stop) = place.start(place.settings());
    assert_eq!(state(&mut news).await, State::Cold);
    let (asked, to) = plugin.watchers.recv().await.unwrap();
    assert_eq!(asked, WatchCall::default());
    let first = WatchReply {
        complete: false,
        ..reply("e", 1, true, &["a"], &[])
    };
    send(&to, first).await;
    send(&to, reply("e", 1, true, &["b"], &[])).await;
    assert_eq!(update(&mut news).await, (true, ids(&["a", "b"]), vec![]));
    assert_eq!(state(&mut news).await, State::Fresh);
    send(&to, reply("e", 2, false, &["c"], &["a"])).await;
    assert_eq!(update(&mut news).await, (false, ids(&["c"]), ids(&["a"])));
    let status = client.status();
    assert_eq!((status.epoch.as_deref(), status.seq, status.hosts), (Some("e"), 2, 2));
    assert!(status.last_word.is_some() && status.trouble.is_none());
    stop.cancel();
    assert_eq!(news.recv().await, None);

    // A new start has the file's hosts before anybody has spoken, and goes on from there.
    let (client, mut news, stop) = place.start(place.settings());
    assert_eq!(update(&mut news).await, (true, ids(&["b", "c"]), vec![]));
    assert_eq!(state(&mut news).await, State::Cold);
    let (asked, to) = plugin.watchers.recv().await.unwrap();
    assert_eq!((asked.epoch.as_deref(), asked.seq), (Some("e"), Some(2)));
    send(&to, reply("e", 2, false, &[], &[])).await;
    assert_eq!(state(&mut news).await, State::Fresh);
    assert_eq!(client.status().hosts, 2);
    stop.cancel();
    assert_eq!(news.recv().await, None);
    plugin.end().await;
}

#[tokio::test]
async fn an_empty_listing_after_a_restart_is_held_until_it_is_confirmed() {
    let place = Place::new();
    let mut plugin = Listening::start(&place.settings().socket);
    let (client, mut news, stop) = place.start(place.settings());
    assert_eq!(state(&mut news).await, State::Cold);
    let names: Vec<String> = (10..22).map(|n| format!("i-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (_, to) = plugin.watchers.recv().await.unwrap();
    send(&to, reply("e", 1, true, &names, &[])).await;
    assert_eq!(update(&mut news).await, (true, ids(&names), vec![]));
    assert_eq!(state(&mut news).await, State::Fresh);
    plugin.end().await;

    let mut plugin = Listening::start(&place.settings().socket);
    let (asked, to) = plugin.watchers.recv().await.unwrap();
    assert_eq!((asked.epoch.as_deref(), asked.seq), (Some("e"), Some(1)));
    send(&to, reply("f", 1, true, &[], &[])).await;
    send(&to, reply("f", 2, false, &["new"], &["i-10"])).await;
    let held = Held {
        missing: 12,
        unreported: 11,
        of: 12,
    };
    while client.status().held != Some(held) {
        tokio::task::yield_now().await;
    }
    plugin.end().await;
    let mut plugin = Listening::start(&place.settings().socket);
    let (asked, to) = plugin.watchers.recv().await.unwrap();
    assert_eq!((asked.epoch.as_deref(), asked.seq), (Some("f"), Some(2)));
    let status = client.status();
    assert_eq!(
        (status.held, status.hosts, status.epoch.as_deref()),
        (Some(held), 12, Some("e"))
    );
    assert_eq!(status.reconnects, 2);
    client.confirm();
    assert_eq!(update(&mut news).await, (false, ids(&["new"]), ids(&names)));
    drop(to);
    stop.cancel();
    assert_eq!(news.recv().await, None);
    plugin.end().await;
}

#[tokio::test]
async fn a_daemon_that_is_slow_has_changes_put_together() {
    let place = Place::new();
    let mut plugin = Listening::start(&place.settings().socket);
    let (client, mut news, stop) = place.start(place.settings());
    let (_, to) = plugin.watchers.recv().await.unwrap();
    send(&to, reply("e", 1, true, &["a"], &[])).await;
    for seq in 2..=500 {
        let new = format!("h{seq}");
        let gone = format!("h{}", seq - 1);
        send(&to, reply("e", seq, false, &[&new], &[&gone])).await;
    }
    while client.status().seq < 500 {
        tokio::task::yield_now().await;
    }
    // The state took the only place; all that came behind it is one update.
    assert_eq!(state(&mut news).await, State::Cold);
    let (full, changed, _) = update(&mut news).await;
    assert!(full);
    assert_eq!(changed, ids(&["a", "h500"]));
    assert_eq!(state(&mut news).await, State::Fresh);
    stop.cancel();
    assert_eq!(news.recv().await, None);
    plugin.end().await;
}

#[tokio::test]
async fn what_cannot_be_read_has_a_new_snapshot_asked_for() {
    let place = Place::new();
    let mut plugin = Listening::start(&place.settings().socket);
    let (_client, mut news, stop) = place.start(place.settings());
    assert_eq!(state(&mut news).await, State::Cold);
    let (_, to) = plugin.watchers.recv().await.unwrap();
    send(&to, reply("e", 1, true, &["a"], &[])).await;
    assert_eq!(update(&mut news).await, (true, ids(&["a"]), vec![]));
    to.send(Part::written(r#"{"epoch":7}"#.into(), true)).await.unwrap();
    let (asked, to) = plugin.watchers.recv().await.unwrap();
    assert_eq!(asked, WatchCall::default());
    assert_eq!(state(&mut news).await, State::Fresh);
    send(&to, reply("e", 1, true, &["a", "b"], &[])).await;
    assert_eq!(update(&mut news).await, (false, ids(&["b"]), vec![]));
    stop.cancel();
    assert_eq!(news.recv().await, None);
    plugin.end().await;
}

#[tokio::test]
async fn a_damaged_file_and_a_missing_plugin_stop_nobody() {
    let place = Place::new();
    let settings = place.settings();
    std::fs::create_dir_all(settings.snapshot.parent().unwrap()).unwrap();
    std::fs::write(&settings.snapshot, "ballast inventory 1\n{\"epo").unwrap();
    let (client, mut news, stop) = place.start(settings.clone());
    assert_eq!(state(&mut news).await, State::Cold);
    while client.status().trouble.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        client.status().trouble.unwrap(),
        "it can't be reached: entity not found"
    );
    stop.cancel();
    assert_eq!(news.recv().await, None);
    // Nothing was learned, so that nothing is written.
    assert_eq!(
        std::fs::read(&settings.snapshot).unwrap(),
        b"ballast inventory 1\n{\"epo"
    );
}

#[tokio::test]
async fn a_socket_of_another_user_is_not_asked() {
    let place = Place::new();
    let mut plugin = Listening::start(&place.settings().socket);
    let own = nix::unistd::getuid().as_raw();
    let settings = Settings {
        user: Some(own + 1),
        ..place.settings()
    };
    let (client, mut news, stop) = place.start(settings);
    assert_eq!(state(&mut news).await, State::Cold);
    while client.status().trouble.is_none() {
        tokio::task::yield_now().await;
    }
    let trouble = client.status().trouble.unwrap();
    assert_eq!(
        trouble,
        format!("its socket is served by user {own}, who is not its `user`")
    );
    assert!(plugin.watchers.try_recv().is_err());
    stop.cancel();
    assert_eq!(news.recv().await, None);
    plugin.end().await;
}
