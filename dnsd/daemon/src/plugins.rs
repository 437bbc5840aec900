//! Plugins: processes that know what machines exist. Each has a client, which follows it beside the answering of queries
//! ([`ballast_shared::plugin`]); what it hears becomes versions of the zones that the configuration has of it ([`follower`]).

mod follower;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ballast_shared::plugin::{Client, Settings, State, Status};
use ballast_shared::supervise::Supervisor;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::follower::Follower;
use crate::config::{Config, PluginZone};
use crate::zones::Zones;
use crate::zones::key::{ViewName, ZoneKey};

/// The plugins of the running configuration.
#[derive(Clone, Default)]
pub(crate) struct Plugins {
    running: Arc<Mutex<Vec<Running>>>,
}

struct Running {
    settings: Settings,
    /// Once it was started: the one before it under this name has to end first.
    client: Arc<OnceLock<Client>>,
    /// The zones that are made of what it knows.
    wanted: watch::Sender<Arc<[Planned]>>,
    stop: CancellationToken,
    /// It has written down what it knows, and does nothing any more.
    ended: CancellationToken,
}

/// A zone of the configuration that is made of what a plugin knows, in its view.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) view: Option<ViewName>,
    pub(crate) zone: Arc<PluginZone>,
}

impl Planned {
    /// Its zones.
    fn keys(&self) -> impl Iterator<Item = ZoneKey> {
        let key = |name: &dnsd_core::name::Name| ZoneKey::new(self.view.clone(), name.clone());
        self.zone.names().map(key)
    }
}

/// How a plugin is.
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) socket: String,
    /// Until its client has begun nothing is known of it.
    pub(crate) status: Option<Status>,
    /// The zones that are made of what it knows.
    pub(crate) zones: Vec<ZoneKey>,
}

impl Plugins {
    /// Follows the plugins of a configuration, whose zones are taken over already, and no others any more.
    pub(crate) fn apply(&self, config: &Config, zones: &Zones, supervisor: &Supervisor) {
        let planned = planned(config);
        let mut running = self.running();
        let mut before = std::mem::take(&mut *running);
        for settings in &config.plugins {
            let of_it = planned.iter().filter(|one| one.zone.plugin == settings.name);
            let wanted: Arc<[Planned]> = of_it.cloned().collect();
            let place = before.iter().position(|one| one.settings.name == settings.name);
            let next = match place.map(|place| before.swap_remove(place)) {
                Some(same) if same.settings == *settings => {
                    same.wanted.send_replace(wanted);
                    same
                }
                // It is elsewhere now. What is known stays, in the zones and in the snapshot.
                Some(other) => {
                    other.stop.cancel();
                    Running::start(settings.clone(), wanted, Some(other.ended), zones, supervisor)
                }
                None => Running::start(settings.clone(), wanted, None, zones, supervisor),
            };
            running.push(next);
        }
        for gone in before {
            gone.stop.cancel();
        }
    }

    /// Accepts the inventory that a zone is made of and that is held back because much is missing in it: how many machines it lacks;
    /// `None` when none is held back, or the zone is not made of one.
    pub(crate) fn accept(&self, zone: &ZoneKey) -> Option<usize> {
        let running = self.running();
        let of_zone = running.iter().find(|one| one.makes(zone))?;
        let client = of_zone.client.get()?;
        let held = client.status().held?;
        client.confirm();
        Some(held.missing)
    }

    /// What is held back of the inventory that a zone is made of, for people.
    pub(crate) fn held(&self, zone: &ZoneKey) -> Option<String> {
        let running = self.running();
        let of_zone = running.iter().find(|one| one.makes(zone))?;
        let held = of_zone.client.get()?.status().held?;
        Some(format!(
            "held: the inventory of plugin {} lacks {} of {} machines; `dnsd reload {} --accept` if that is meant",
            of_zone.settings.name,
            held.missing,
            held.of,
            zone.as_arguments()
        ))
    }

    /// How they are.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        let running = self.running();
        running.iter().map(Running::shown).collect()
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Follows a plugin, once the one `before` has ended.
    fn start(
        settings: Settings,
        wanted: Arc<[Planned]>,
        before: Option<CancellationToken>,
        zones: &Zones,
        supervisor: &Supervisor,
    ) -> Self {
        let running = Self {
            client: Arc::default(),
            wanted: watch::channel(wanted).0,
            stop: supervisor.stopping().child_token(),
            ended: CancellationToken::new(),
            settings: settings.clone(),
        };
        let follower = Follower::new(&settings.name, zones.clone(), running.wanted.subscribe());
        let (client, stopping) = (running.client.clone(), supervisor.stopping());
        let (stop, ended) = (running.stop.clone(), running.ended.clone().drop_guard());
        supervisor.start("plugin", async move {
            if let Some(before) = before {
                before.cancelled().await;
            }
            let (started, news) = Client::start(settings, &Handle::current(), stop.clone());
            // It was not set before.
            let _ = client.set(started);
            follower.run(news).await;
            drop(ended);
            if stop.is_cancelled() {
                // One that a reload took away has ended as it should.
                stopping.cancelled().await;
            }
        });
        running
    }

    fn makes(&self, zone: &ZoneKey) -> bool {
        self.wanted
            .borrow()
            .iter()
            .any(|planned| planned.keys().any(|key| key == *zone))
    }

    fn shown(&self) -> Shown {
        Shown {
            name: self.settings.name.clone(),
            socket: self.settings.socket.display().to_string(),
            status: self.client.get().map(Client::status),
            zones: self.wanted.borrow().iter().flat_map(Planned::keys).collect(),
        }
    }
}

impl Shown {
    /// What is known of it counts for so much.
    pub(crate) fn state(&self) -> State {
        self.status.as_ref().map_or(State::Cold, |status| status.state)
    }

    /// As `Status` shows it.
    pub(crate) fn to_json(&self) -> Value {
        let status = self.status.as_ref();
        let held = status.and_then(|status| status.held);
        json!({
            "name": self.name,
            "socket": self.socket,
            "state": self.state().as_str(),
            "hosts": status.map_or(0, |status| status.hosts),
            "lastWordSeconds": status.and_then(|status| Some(status.last_word?.as_secs())),
            "reconnects": status.map_or(0, |status| status.reconnects),
            "rejectedHosts": status.map_or(0, |status| status.rejected_hosts),
            "held": held.map(|held| json!({ "missing": held.missing, "of": held.of })),
            "trouble": status.and_then(|status| status.trouble.as_deref()),
            "zones": self.zones.iter().map(|zone| zone.as_arguments().to_string()).collect::<Vec<_>>(),
        })
    }
}

/// The zones of a configuration that are made of what plugins know.
fn planned(config: &Config) -> Vec<Planned> {
    let outside = config.zones.plugin_zones.iter().map(|zone| (None, zone));
    let of_views = config.views.iter().flat_map(|view| {
        let name: ViewName = view.name.as_str().into();
        view.zones
            .plugin_zones
            .iter()
            .map(move |zone| (Some(name.clone()), zone))
    });
    let planned = outside.chain(of_views).map(|(view, zone)| Planned {
        view,
        zone: zone.clone(),
    });
    planned.collect()
}

/// One of which all is known.
#[cfg(test)]
pub(crate) fn test_shown() -> Shown {
    Shown {
        name: "cloud".to_owned(),
        socket: "/run/cloudd/plugin.sock".to_owned(),
        status: None,
        zones: Vec::new(),
    }
}
