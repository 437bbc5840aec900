//! A plugin that has secrets, has others, refuses, hangs and is away.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::{Map, Value};
use tempfile::TempDir;

use super::*;
use crate::varlink::{self, Call, CallError, Limits, Offer, Service};

/// Gives what it has, in which a test changes things.
#[derive(Default)]
struct Plugin {
    values: Mutex<BTreeMap<String, &'static [u8]>>,
}

impl Service for Plugin {
    async fn call(&self, call: Call) -> Result<Map<String, Value>, CallError> {
        let get = GetCall::read(&call.parameters).map_err(CallError::InvalidParameter)?;
        if get.name == "hangs" {
            std::future::pending::<()>().await;
        }
        let name = Map::from_iter([("name".to_owned(), Value::from(get.name.as_str()))]);
        let values = self.values.lock().unwrap();
        let value = values.get(&get.name).ok_or(CallError::Failed("Denied", name))?;
        Ok(GetReply::parameters(BASE64.encode(value), "1".to_owned()))
    }
}

impl Plugin {
    fn serve(self: &Arc<Self>, socket: &Path) -> CancellationToken {
        let stop = CancellationToken::new();
        let offer = Offer {
            product: "test",
            interfaces: vec![SECRETS],
            limits: Limits::default(),
        };
        tokio::spawn(varlink::serve(
            varlink::bind(socket).unwrap(),
            offer,
            self.clone(),
            stop.clone(),
        ));
        stop
    }

    fn has(&self, name: &str, value: &'static [u8]) {
        self.values.lock().unwrap().insert(name.to_owned(), value);
    }
}

/// What was taken, and a place to wait for it.
#[derive(Clone)]
struct Taker {
    taken: tokio::sync::watch::Sender<Vec<Vec<u8>>>,
}

impl Taker {
    fn new() -> Self {
        Self {
            taken: tokio::sync::watch::Sender::new(Vec::new()),
        }
    }

    /// It takes what does not begin with "bad".
    fn pending(&self, name: &str) -> Pending {
        let taken = self.taken.clone();
        Pending {
            reference: SecretRef {
                plugin: "p".to_owned(),
                name: name.to_owned(),
            },
            take: Arc::new(move |value| {
                if value.starts_with(b"bad") {
                    return Err("it is bad".to_owned());
                }
                taken.send_modify(|all| all.push(value.to_vec()));
                Ok(())
            }),
        }
    }

    fn all(&self) -> Vec<Vec<u8>> {
        self.taken.borrow().clone()
    }
}

fn place() -> (TempDir, PathBuf, Vec<Settings>) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("plugin.sock");
    let settings = Settings::new("p".to_owned(), socket.clone(), dir.path().join("unused"));
    (dir, socket, vec![settings])
}

#[tokio::test]
async fn what_was_had_stays_when_the_plugin_is_away_and_what_is_bad_changes_nothing() {
    let (_dir, socket, plugins) = place();
    let plugin = Arc::new(Plugin::default());
    plugin.has("a", b"one");
    let serving = plugin.serve(&socket);
    let stop = CancellationToken::new();
    let secrets = Secrets::default();
    let settle = async |taker: &Taker| secrets.settle(vec![taker.pending("a")], &plugins, &stop).await;
    let first = Taker::new();
    settle(&first).await;
    assert_eq!((first.all(), secrets.missing()), (vec![b"one".to_vec()], 0));
    plugin.has("a", b"two");
    let second = Taker::new();
    settle(&second).await;
    assert_eq!(second.all(), [b"two"]);
    plugin.has("a", b"bad one");
    let third = Taker::new();
    settle(&third).await;
    assert_eq!((third.all(), secrets.missing()), (vec![b"two".to_vec()], 0));
    serving.cancel();
    let fourth = Taker::new();
    // It goes when its task has come to that.
    while socket.exists() {
        tokio::task::yield_now().await;
    }
    settle(&fourth).await;
    assert_eq!((fourth.all(), secrets.missing()), (vec![b"two".to_vec()], 0));
    // What nobody names any more is forgotten.
    secrets.settle(Vec::new(), &plugins, &stop).await;
    let fifth = Taker::new();
    settle(&fifth).await;
    assert_eq!((fifth.all(), secrets.missing()), (Vec::new(), 1));
    stop.cancel();
}

#[tokio::test]
async fn what_is_missing_comes_once_it_is_there() {
    let (_dir, socket, plugins) = place();
    let stop = CancellationToken::new();
    let secrets = Secrets::default();
    let taker = Taker::new();
    let mut taken = taker.taken.subscribe();
    secrets.settle(vec![taker.pending("a")], &plugins, &stop).await;
    assert_eq!((taker.all().len(), secrets.missing()), (0, 1));
    let plugin = Arc::new(Plugin::default());
    plugin.has("a", b"late");
    plugin.serve(&socket);
    taken.wait_for(|all| *all == [b"late"]).await.unwrap();
    while secrets.missing() > 0 {
        tokio::task::yield_now().await;
    }
    // It is known from now on.
    let next = Taker::new();
    secrets.settle(vec![next.pending("a")], &plugins, &stop).await;
    assert_eq!(next.all(), [b"late"]);
}

#[tokio::test]
async fn a_plugin_that_hangs_takes_only_so_long_and_only_what_is_its() {
    let (_dir, socket, plugins) = place();
    let plugin = Arc::new(Plugin::default());
    plugin.has("a", b"one");
    plugin.serve(&socket);
    let stop = CancellationToken::new();
    let secrets = Secrets::default();
    let (hanging, taker) = (Taker::new(), Taker::new());
    let begun = Instant::now();
    let pending = vec![hanging.pending("hangs"), taker.pending("a")];
    secrets.settle(pending, &plugins, &stop).await;
    assert!(begun.elapsed() >= ALL_MAX);
    assert_eq!((hanging.all().len(), taker.all().len(), secrets.missing()), (0, 1, 1));
    stop.cancel();
}

#[tokio::test]
async fn another_users_process_is_not_asked() {
    let (_dir, socket, mut plugins) = place();
    let plugin = Arc::new(Plugin::default());
    plugin.has("a", b"one");
    plugin.serve(&socket);
    plugins[0].user = Some(nix::unistd::geteuid().as_raw() + 1);
    let reference = Taker::new().pending("a").reference;
    assert!(matches!(get(&reference, &plugins).await, Err(GetError::OtherUser(_))));
    plugins[0].user = Some(nix::unistd::geteuid().as_raw());
    assert_eq!(***get(&reference, &plugins).await.unwrap(), *b"one");
    let unknown = SecretRef {
        plugin: "q".to_owned(),
        ..reference
    };
    assert!(matches!(get(&unknown, &plugins).await, Err(GetError::NoPlugin(_))));
}

#[tokio::test]
async fn what_goes_on_over_a_reload_has_the_new_value() {
    let (_dir, socket, plugins) = place();
    let plugin = Arc::new(Plugin::default());
    plugin.has("a", b"one");
    plugin.serve(&socket);
    let stop = CancellationToken::new();
    let secrets = Secrets::default();
    let reference = Taker::new().pending("a").reference;
    let late = secrets.late(&reference);
    assert!(late.value().is_none());
    let any = |_: &[u8]| Ok(());
    secrets.settle(vec![late.pending(any)], &plugins, &stop).await;
    assert_eq!(***late.value().unwrap(), *b"one");
    plugin.has("a", b"two");
    secrets
        .settle(vec![secrets.late(&reference).pending(any)], &plugins, &stop)
        .await;
    assert_eq!(***late.value().unwrap(), *b"two");
    drop(late);
    assert!(secrets.late(&reference).value().is_none());
}
