//! Plugins: processes that know what machines exist. Each has a client, which follows it beside the log path
//! ([`ballast_shared::plugin`]); what it hears becomes the maps that messages' senders are looked up in ([`inventory`]).

mod inventory;

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ballast_shared::plugin::secret::Secrets;
use ballast_shared::plugin::{Client, News, Settings, State};
use ballast_shared::supervise::Supervisor;
use metrics::{Gauge, gauge};
use tokio::runtime::{self, Handle};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

pub(crate) use inventory::{Connected, Inventory, LastView, View};

use self::inventory::Known;
use crate::config::{Config, Plugin};
use crate::control;

/// How often what is over is forgotten, and the metrics are brought in line with what the client says.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Has the secrets of a configuration fetched, beside all else: what needs one waits for it.
pub(crate) fn fetch(secrets: &Secrets, config: &mut Config, runtime: &Handle, supervisor: &Supervisor) {
    let pending = std::mem::take(&mut config.pending);
    let plugins: Vec<Settings> = config.plugins.iter().map(|plugin| plugin.settings.clone()).collect();
    let (secrets, stop) = (secrets.clone(), supervisor.stopping());
    // Also when there are none: those of before are forgotten.
    runtime.spawn(async move { secrets.settle(pending, &plugins, &stop).await });
}

/// The plugins of the running configuration.
#[derive(Default)]
pub(crate) struct Plugins {
    running: Vec<Running>,
}

struct Running {
    settings: Plugin,
    known: Arc<Known>,
    /// Once it was started: the one before it under this name has to end first.
    client: Arc<OnceLock<Client>>,
    /// Whether it was heard what there is: from the snapshot, or that there is none.
    settled: watch::Sender<bool>,
    stop: CancellationToken,
    /// It has written down what it knows, and does nothing any more.
    ended: CancellationToken,
}

/// Plugins that a configuration has, of which some may run already.
pub(crate) struct Prepared {
    plugins: Vec<(Plugin, Arc<Known>)>,
    pub(crate) inventory: Arc<Inventory>,
}

/// Why an inventory was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAccepted {
    /// There is no plugin of this name.
    NoSuchPlugin,
    /// None is held back.
    NothingHeld,
}

impl Plugins {
    /// What a configuration's plugins know: of those whose names are there already, what is known now.
    pub(crate) fn prepare(&self, plugins: &[Plugin]) -> Prepared {
        let known = |plugin: &Plugin| {
            let running = self.named(&plugin.settings.name);
            running.map_or_else(Known::new, |running| running.known.clone())
        };
        let plugins: Vec<_> = plugins.iter().map(|plugin| (plugin.clone(), known(plugin))).collect();
        let fallback = plugins.iter().find_map(|(plugin, _)| plugin.fallback.as_deref());
        Prepared {
            inventory: Inventory::new(
                plugins.iter().map(|(_, known)| known.clone()),
                fallback.unwrap_or_default(),
            ),
            plugins,
        }
    }

    /// Follows the plugins that were prepared, and no others any more.
    pub(crate) fn apply(&mut self, prepared: Prepared, runtime: &Handle, supervisor: &Supervisor) {
        let mut before = std::mem::take(&mut self.running);
        for (plugin, known) in prepared.plugins {
            let index = before.iter().position(|running| Arc::ptr_eq(&running.known, &known));
            let running = match index.map(|index| before.swap_remove(index)) {
                Some(running) if running.settings.settings == plugin.settings => Running {
                    settings: plugin,
                    ..running
                },
                // It is elsewhere now, and what was known stays until it has said more.
                Some(running) => {
                    running.stop.cancel();
                    Running::start(plugin, known, Some(running.ended), runtime, supervisor)
                }
                None => Running::start(plugin, known, None, runtime, supervisor),
            };
            self.running.push(running);
        }
        for gone in before {
            gone.stop.cancel();
        }
    }

    /// Waits until each plugin's snapshot was read, so that messages that come from now on are of machines that are known; so long
    /// at most.
    pub(crate) async fn settled(&self, at_most: Duration) {
        let all = async {
            for running in &self.running {
                // Its sender is here.
                let _ = running.settled.subscribe().wait_for(|settled| *settled).await;
            }
        };
        if timeout(at_most, all).await.is_err() {
            warn!("not all snapshots of plugins' inventories are read yet: machines are not known at first");
        }
    }

    /// Accepts an inventory that is held back because much is missing in it.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn accept(&self, name: &str) -> Result<(), NotAccepted> {
        let running = self.named(name).ok_or(NotAccepted::NoSuchPlugin)?;
        let client = running.client.get().ok_or(NotAccepted::NothingHeld)?;
        if client.status().held.is_none() {
            return Err(NotAccepted::NothingHeld);
        }
        client.confirm();
        Ok(())
    }

    fn named(&self, name: &str) -> Option<&Running> {
        let mut running = self.running.iter();
        running.find(|running| running.settings.settings.name == name)
    }

    /// For `status`.
    pub(crate) fn status(&self) -> Vec<control::Plugin> {
        let of = |running: &Running| {
            let status = running.client.get().map(Client::status);
            let last_word = status.as_ref().and_then(|status| status.last_word);
            let held = status.as_ref().and_then(|status| status.held);
            control::Plugin {
                name: running.settings.settings.name.clone(),
                socket: running.settings.settings.socket.display().to_string(),
                state: running.known.state().as_str().to_owned(),
                hosts: running.known.machines() as u64,
                remembered: running.known.ended() as u64,
                last_word_s: last_word.map(|age| age.as_secs_f64()),
                reconnects: status.as_ref().map_or(0, |status| status.reconnects),
                rejected: status.as_ref().map_or(0, |status| status.rejected_hosts),
                held: held.map(|held| control::Held {
                    missing: held.missing as u64,
                    of: held.of as u64,
                }),
                trouble: status.and_then(|status| status.trouble),
            }
        };
        self.running.iter().map(of).collect()
    }
}

impl Running {
    /// Follows a plugin, once the one `before` has ended.
    fn start(
        plugin: Plugin,
        known: Arc<Known>,
        before: Option<CancellationToken>,
        runtime: &Handle,
        supervisor: &Supervisor,
    ) -> Self {
        let running = Self {
            known,
            client: Arc::default(),
            settled: watch::channel(false).0,
            stop: supervisor.stopping().child_token(),
            ended: CancellationToken::new(),
            settings: plugin,
        };
        let follower = Follower {
            settings: running.settings.settings.clone(),
            known: running.known.clone(),
            client: running.client.clone(),
            settled: running.settled.clone(),
            metrics: PluginMetrics::new(&running.settings.settings.name),
        };
        let (stop, ended) = (running.stop.clone(), running.ended.clone().drop_guard());
        let (stopping, handle) = (supervisor.stopping(), runtime.clone());
        supervisor.start_on(runtime, "plugin", async move {
            if let Some(before) = before {
                before.cancelled().await;
            }
            follower.run(&handle, stop.clone()).await;
            drop(ended);
            if stop.is_cancelled() {
                // One that a reload took away has ended as it should.
                stopping.cancelled().await;
            }
        });
        running
    }
}

/// Hears a plugin's news.
struct Follower {
    settings: Settings,
    known: Arc<Known>,
    client: Arc<OnceLock<Client>>,
    settled: watch::Sender<bool>,
    metrics: PluginMetrics,
}

impl Follower {
    async fn run(self, runtime: &Handle, stop: CancellationToken) {
        let (client, mut news) = Client::start(self.settings.clone(), runtime, stop);
        // It was not set before.
        let _ = self.client.set(client);
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // They end when the client does: if it is told to, once it has written down what it knows.
                next = news.recv() => match next {
                    Some(next) => self.hear(next).await,
                    None => break,
                },
                _ = look.tick() => {
                    self.known.forget(now_s());
                    self.show();
                }
            }
        }
        self.metrics.clear();
    }

    fn show(&self) {
        let is_held = self.client.get().is_some_and(|client| client.status().held.is_some());
        self.metrics.set(&self.known, is_held);
    }

    async fn hear(&self, news: News) {
        let state = match &news {
            News::State(state) => Some(*state),
            News::Update(_) => None,
        };
        let known = self.known.clone();
        // An inventory of a hundred thousand machines takes a moment, which others of this runtime shall have.
        let applied = spawn_blocking(move || known.apply(&news, now_s()));
        applied.await.expect("taking up news does not panic");
        self.show();
        let Some(state) = state else { return };
        // Of the connection the client tells.
        let (plugin, hosts) = (&self.settings.name, self.known.machines());
        match state {
            State::Fresh | State::Cold => debug!(%plugin, %state, hosts, "the plugin's inventory"),
            State::Stale => warn!(%plugin, hosts, "nothing is heard of the plugin: its last inventory counts"),
            State::Expired => warn!(%plugin, "nothing was heard of the plugin for `max-stale`: no machine is known"),
        }
        self.settled.send_replace(true);
    }
}

struct PluginMetrics {
    states: [(logd_core::cloud::State, Gauge); 4],
    hosts: Gauge,
    held: Gauge,
}

impl PluginMetrics {
    fn new(name: &str) -> Self {
        let plugin = || name.to_owned();
        Self {
            states: logd_core::cloud::State::ALL.map(|state| {
                (
                    state,
                    gauge!("logd_plugin_state", "plugin" => plugin(), "state" => state.as_str()),
                )
            }),
            hosts: gauge!("logd_plugin_hosts", "plugin" => plugin()),
            held: gauge!("logd_plugin_inventory_held", "plugin" => plugin()),
        }
    }

    fn set(&self, known: &Known, is_held: bool) {
        let now = known.state();
        for (state, gauge) in &self.states {
            gauge.set(if *state == now { 1.0 } else { 0.0 });
        }
        self.hosts.set(known.machines() as f64);
        self.held.set(if is_held { 1.0 } else { 0.0 });
    }

    /// The plugin is not followed any more.
    fn clear(&self) {
        self.states.iter().for_each(|(_, gauge)| gauge.set(0.0));
        self.hosts.set(0.0);
        self.held.set(0.0);
    }
}

/// What is known when logd is started with these plugins, for who explains it.
pub(crate) fn last_known(plugins: &[Plugin]) -> io::Result<View> {
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(1)
        .build()?;
    let prepared = Plugins::default().prepare(plugins);
    let mut followed = Vec::new();
    for (plugin, known) in &prepared.plugins {
        let (client, mut news) = Client::start(plugin.settings.clone(), runtime.handle(), CancellationToken::new());
        // The first state comes after what the snapshot has.
        while let Some(next) = news.blocking_recv() {
            known.apply(&next, now_s());
            if matches!(next, News::State(_)) {
                break;
            }
        }
        followed.push((client, news));
    }
    // Before they are let go of: nothing is to be written by who looks on.
    runtime.shutdown_background();
    drop(followed);
    Ok(prepared.inventory.view())
}

/// Now, in seconds since 1970.
pub(crate) fn now_s() -> i64 {
    // A clock before 1970 is not set yet.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}
