//! From a plugin's inventory to versions of zones.
//!
//! What has changed is told to a [`Producer`] for each zone of names, which makes the step to the next version of that zone and of
//! its reverse zones; the keeper of the zones stores and serves it. A version that was there before anything was heard, from the
//! last life of the daemon or from other keys in the configuration, is compared as a whole, once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ballast_shared::plugin::host::{Host, HostState};
use ballast_shared::plugin::{News, State, Update};
use dnsd_core::inventory::{Machine, MachineAddress, Producer, Touched, Which};
use dnsd_core::transfer::Received;
use dnsd_core::zone::{Finding, Zone};
use tokio::sync::{mpsc, watch};
use tokio::task::block_in_place;
use tokio::time::sleep;
use tracing::{debug, error, info, warn};

use super::Planned;
use crate::config::WhenExpired;
use crate::zones::key::ZoneKey;
use crate::zones::{NotTaken, Zones, serial_after};

/// A plugin that was not heard of since the start counts as one that is gone after as long as one that falls silent.
const COLD_MAX: Duration = Duration::from_secs(30);

/// How soon a version is tried again that could not be made or stored.
const RETRY: Duration = Duration::from_secs(10);

/// When nothing is to be done.
const IDLE: Duration = Duration::from_secs(3600);

/// Makes the zones of a plugin.
pub(super) struct Follower {
    plugin: String,
    keeper: Zones,
    wanted: watch::Receiver<Arc<[Planned]>>,
    hosts: HashMap<Arc<str>, Arc<Host>>,
    /// Whether it is known what hosts there are: before, an empty zone would be a wrong answer.
    is_known: bool,
    state: State,
    /// When a plugin that has not been heard of yet counts as gone.
    gone_at: Option<Instant>,
    made: Vec<Made>,
}

/// The zones of one table.
struct Made {
    planned: Planned,
    producer: Producer,
    versions: Vec<Version>,
    /// What was touched since the versions were made.
    touched: Touched,
}

/// A zone as it is served.
struct Version {
    key: ZoneKey,
    which: Which,
    /// `None`: there is none yet.
    zone: Option<Arc<Zone>>,
    /// More may be other than what was touched.
    is_behind: bool,
}

impl Follower {
    pub(super) fn new(plugin: &str, keeper: Zones, wanted: watch::Receiver<Arc<[Planned]>>) -> Self {
        Self {
            plugin: plugin.to_owned(),
            keeper,
            wanted,
            hosts: HashMap::new(),
            is_known: false,
            state: State::Cold,
            gone_at: Some(Instant::now() + COLD_MAX),
            made: Vec::new(),
        }
    }

    /// Works until the news end.
    pub(super) async fn run(mut self, mut news: mpsc::Receiver<News>) {
        self.take_over().await;
        loop {
            let wait = self.idle_for();
            tokio::select! {
                next = news.recv() => match next {
                    Some(News::Update(update)) => self.take_update(&update),
                    Some(News::State(state)) => self.take_state(state),
                    None => return,
                },
                Ok(()) = self.wanted.changed() => self.take_over().await,
                () = sleep(wait) => self.take_time(),
            }
            self.serve().await;
        }
    }

    /// Takes over which zones there are to be. Those that are as before are left alone.
    async fn take_over(&mut self) {
        let wanted = self.wanted.borrow_and_update().clone();
        let mut before = std::mem::take(&mut self.made);
        for planned in wanted.iter() {
            let is_same = |made: &Made| made.planned.view == planned.view && made.planned.zone.is_same(&planned.zone);
            let made = match before.iter().position(is_same) {
                Some(place) => before.swap_remove(place),
                None => self.make(planned.clone()).await,
            };
            self.made.push(made);
        }
        self.set_ttls();
    }

    async fn make(&self, planned: Planned) -> Made {
        let mut versions = Vec::new();
        for (number, key) in planned.keys().enumerate() {
            versions.push(Version {
                which: number.checked_sub(1).map_or(Which::Forward, Which::Reverse),
                zone: self.keeper.stored(&key).await.map(|stored| stored.zone),
                key,
                is_behind: true,
            });
        }
        let mut producer = Producer::new(planned.zone.naming.clone());
        block_in_place(|| producer.replace(self.hosts.values().map(|host| machine(host)), now()));
        Made {
            planned,
            producer,
            versions,
            touched: Touched::default(),
        }
    }

    fn take_update(&mut self, update: &Update) {
        self.is_known = true;
        if update.full {
            self.hosts.clear();
        }
        for id in &update.gone {
            self.hosts.remove(id);
        }
        let changed = update.changed.iter().map(|host| (host.id.clone(), host.clone()));
        self.hosts.extend(changed);
        let gone: Vec<&str> = update.gone.iter().map(AsRef::as_ref).collect();
        for made in &mut self.made {
            let machines = update.changed.iter().map(|host| machine(host));
            let touched = block_in_place(|| match update.full {
                true => made.producer.replace(machines, now()),
                false => made.producer.update(machines, &gone, now()),
            });
            made.touched.extend(touched);
        }
    }

    fn take_state(&mut self, state: State) {
        let (plugin, hosts) = (&self.plugin, self.hosts.len());
        match state {
            State::Fresh | State::Cold => debug!(%plugin, %state, hosts, "the plugin's inventory"),
            State::Stale => warn!(%plugin, hosts, "nothing is heard of the plugin: its last inventory is served"),
            State::Expired => warn!(%plugin, hosts, "nothing was heard of the plugin for `max-stale`"),
        }
        // It has said that there is nothing.
        self.is_known |= state == State::Fresh;
        let was_expired = std::mem::replace(&mut self.state, state) == State::Expired;
        self.gone_at = self.gone_at.filter(|_| state == State::Cold);
        if was_expired && state != State::Expired {
            self.versions_to_expire().for_each(|key| self.keeper.confirmed(key));
        }
        self.expire();
        self.set_ttls();
    }

    /// Questions get SERVFAIL where the configuration wants that of a plugin that was not heard of for too long.
    fn expire(&self) {
        if self.state == State::Expired {
            self.versions_to_expire().for_each(|key| self.keeper.expire(key));
        }
    }

    fn versions_to_expire(&self) -> impl Iterator<Item = &ZoneKey> {
        let to_expire = |made: &&Made| made.planned.zone.when_expired == WhenExpired::Servfail;
        let made = self.made.iter().filter(to_expire);
        made.flat_map(|made| made.versions.iter().map(|version| &version.key))
    }

    fn take_time(&mut self) {
        if self.gone_at.is_some_and(|at| at <= Instant::now()) {
            self.gone_at = None;
            self.set_ttls();
        }
        for made in &mut self.made {
            let touched = made.producer.advance(now());
            made.touched.extend(touched);
        }
    }

    /// What may be wrong is not remembered for long: the zones have other TTLs while the plugin is away.
    fn set_ttls(&mut self) {
        let is_away = match self.state {
            State::Fresh => false,
            State::Cold => self.gone_at.is_none(),
            State::Stale | State::Expired => true,
        };
        for made in &mut self.made {
            let zone = &made.planned.zone;
            let ttl = if is_away { zone.stale_ttl } else { zone.naming.ttl };
            if made.producer.set_ttl(ttl) {
                made.versions.iter_mut().for_each(|version| version.is_behind = true);
            }
        }
    }

    /// How long there is nothing to be done unless something is heard.
    fn idle_for(&self) -> Duration {
        let due = self.made.iter().filter_map(|made| made.producer.due_at()).min();
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let due = due.map(|at| Duration::from_secs(at.max(0) as u64).saturating_sub(since_1970));
        let gone = self.gone_at.map(|at| at.saturating_duration_since(Instant::now()));
        let is_behind = |made: &Made| self.is_known && made.versions.iter().any(|version| version.is_behind);
        let retry = self.made.iter().any(is_behind).then_some(RETRY);
        [due, gone, retry].into_iter().flatten().fold(IDLE, Duration::min)
    }

    /// Makes, stores and serves the next versions, where there is something to change.
    async fn serve(&mut self) {
        if !self.is_known {
            return;
        }
        let mut has_served = false;
        for made in &mut self.made {
            let touched = std::mem::take(&mut made.touched);
            for version in &mut made.versions {
                let next = block_in_place(|| version.next(&made.producer, &touched));
                match next {
                    Ok(Some(next)) => has_served |= version.serve(next, &self.keeper).await,
                    Ok(None) => version.is_behind = false,
                    Err(finding) => {
                        version.is_behind = true;
                        error!("zone {}: not brought up to date: {finding}", version.key);
                    }
                }
            }
            for clash in made.producer.take_clashes() {
                warn!(
                    "zone {}: {} is the name of machine {}, which has had its address for longest; {} wants it too",
                    made.planned.zone.naming.origin, clash.name, clash.has, clash.wants
                );
            }
        }
        if has_served {
            self.expire();
        }
    }
}

impl Version {
    /// What leads to what is known; `None`: it is what is served.
    fn next(&self, producer: &Producer, touched: &Touched) -> Result<Option<Received>, Finding> {
        let serial = serial_after(self.zone.as_deref());
        let stepped = match &self.zone {
            Some(zone) if self.is_behind => producer.follow(self.which, zone, serial)?,
            Some(zone) => producer.step(self.which, zone, serial, touched)?,
            None => {
                let first = producer.create(self.which, serial);
                let first = first.map_err(|mut findings| findings.swap_remove(0))?;
                return Ok(Some(Received::Zone(Box::new(first))));
            }
        };
        Ok(stepped.map(|(_, delta)| Received::Steps(vec![delta])))
    }

    /// Has a version stored and served; whether it is.
    async fn serve(&mut self, next: Received, keeper: &Zones) -> bool {
        let is_first = self.zone.is_none();
        match keeper.made(&self.key, next).await {
            Ok(zone) => {
                let (key, serial, records) = (&self.key, zone.serial(), zone.record_count());
                match is_first || self.is_behind {
                    true => info!("zone {key}: made of the plugin's machines, serial {serial}, {records} records"),
                    false => debug!("zone {key}: serial {serial}, {records} records"),
                }
                self.zone = Some(zone);
                self.is_behind = false;
                true
            }
            // A reload has taken it away, and says so in a moment.
            Err(NotTaken::NoSuchZone) => false,
            Err(cause) => {
                error!("zone {}: not brought up to date: {cause}", self.key);
                self.zone = keeper.stored(&self.key).await.map(|stored| stored.zone);
                self.is_behind = true;
                false
            }
        }
    }
}

/// A host as the zones' producer takes it.
fn machine(host: &Host) -> Machine {
    let address = |address: &ballast_shared::plugin::host::Address| MachineAddress {
        ip: address.ip,
        valid_from: address.valid_from,
        valid_until: address.valid_until,
    };
    Machine {
        id: (&*host.id).into(),
        name: host.name.clone(),
        group: host.group.clone(),
        zone: host.zone.clone(),
        kind: host.kind.clone(),
        labels: host.labels.clone(),
        addresses: host.addresses.iter().map(address).collect(),
        is_down: matches!(host.state, Some(HostState::Stopping | HostState::Stopped)),
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    // A clock before 1970 is not set yet.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}
