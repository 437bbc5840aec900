//! What the plugins know of senders, as the log path looks at it: immutable maps, which are exchanged when a plugin has news, and a
//! number that says that they were.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use ballast_shared::plugin::host;
use ballast_shared::plugin::{self, News, Update};
use logd_core::cloud::{Address, Fact, Host, Ledger, Machine, Map, Sender, State};
use tracing::warn;

/// What one plugin knows. The same over reloads that don't change it.
pub(crate) struct Known {
    ledger: Mutex<Ledger>,
    map: ArcSwap<Map>,
    /// How often the map became another one.
    generation: AtomicU64,
}

/// What all plugins of a configuration know.
pub(crate) struct Inventory {
    /// In the order of the configuration: the first that knows a machine counts.
    plugins: Box<[Arc<Known>]>,
    /// What stands for every property of a machine that none knows.
    fallback: Box<str>,
}

/// The maps of an inventory at one time.
pub(crate) struct View {
    /// Of this inventory.
    inventory: Arc<Inventory>,
    generation: u64,
    maps: Box<[Arc<Map>]>,
}

/// What was found of a sender.
#[derive(Debug, Clone, Copy)]
struct Found<'v> {
    host: Option<&'v Host>,
    /// Since when it had the address.
    from: i64,
    state: State,
    /// The first second at which something else may be found in the same maps.
    until: i64,
}

impl Known {
    pub(super) fn new() -> Arc<Self> {
        let ledger = Ledger::new();
        Arc::new(Self {
            map: ArcSwap::from_pointee(ledger.map()),
            ledger: Mutex::new(ledger),
            generation: AtomicU64::new(0),
        })
    }

    /// Takes up what the plugin says, at this time, in seconds since 1970.
    pub(super) fn apply(&self, news: &News, now: i64) {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = ledger.refused();
        ledger.forget(now);
        let has_changed = match news {
            News::Update(Update { full, changed, gone }) => {
                ledger.apply(changed.iter().map(|host| machine(host)), gone, *full, now)
            }
            News::State(state) => ledger.set_state(of(*state)),
        };
        self.map.store(Arc::new(ledger.map()));
        let refused = ledger.refused() - refused;
        drop(ledger);
        if refused > 0 {
            warn!(
                refused,
                "addresses of the inventory are claimed by more machines than can be told apart"
            );
        }
        if has_changed {
            // After the map: who sees the number finds a map that is as new.
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// How far it can be relied on.
    pub(super) fn state(&self) -> State {
        self.map.load().state()
    }

    /// How many machines it has.
    pub(super) fn machines(&self) -> usize {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).machines()
    }

    /// How many addresses are remembered whose time is over.
    pub(super) fn ended(&self) -> usize {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).ended()
    }

    /// Forgets whose addresses were so long ago that no message is of that time.
    pub(super) fn forget(&self, now: i64) {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let before = ledger.ended();
        ledger.forget(now);
        if ledger.ended() < before {
            self.map.store(Arc::new(ledger.map()));
        }
    }
}

impl Inventory {
    pub(super) fn new(plugins: impl IntoIterator<Item = Arc<Known>>, fallback: &str) -> Arc<Self> {
        Arc::new(Self {
            plugins: plugins.into_iter().collect(),
            fallback: fallback.into(),
        })
    }

    /// A number that is another one after every change.
    fn generation(&self) -> u64 {
        let numbers = self
            .plugins
            .iter()
            .map(|known| known.generation.load(Ordering::Acquire));
        // None ever goes back, so the sum of them does not either.
        numbers.sum()
    }

    /// The maps that there are now.
    pub(super) fn view(self: &Arc<Self>) -> View {
        View {
            // Before the maps, as it is written after them.
            generation: self.generation(),
            maps: self.plugins.iter().map(|known| known.map.load_full()).collect(),
            inventory: self.clone(),
        }
    }
}

impl View {
    fn find(&self, address: IpAddr, time: i64) -> Found<'_> {
        let mut state = State::Fresh;
        let mut until = i64::MAX;
        for map in &self.maps {
            let found = map.find(address, time);
            until = until.min(found.until);
            if found.host.is_some() {
                return Found {
                    host: found.host,
                    from: found.from,
                    state: map.state(),
                    until,
                };
            }
            state = state.max(map.state());
        }
        Found {
            host: None,
            from: i64::MIN,
            state,
            until,
        }
    }

    /// What is known of who has sent a message that was received at this time.
    pub(crate) fn sender(&self, address: Option<SocketAddr>, time: i64) -> Sender<'_> {
        let found = match address {
            Some(address) => self.find(address.ip(), time),
            None => Found {
                host: None,
                from: i64::MIN,
                state: self.maps.iter().map(|map| map.state()).max().unwrap_or_default(),
                until: i64::MAX,
            },
        };
        Sender {
            host: found.host,
            fallback: &self.inventory.fallback,
            state: found.state,
        }
    }
}

/// The view that a thread has, for messages of many senders.
#[derive(Default)]
pub(crate) struct LastView(Option<View>);

impl LastView {
    /// The maps that there are now. For each batch: as long as nothing has changed this is a comparison of numbers.
    pub(crate) fn look(&mut self, inventory: &Arc<Inventory>) {
        let is_now = |view: &View| Arc::ptr_eq(&view.inventory, inventory) && view.generation == inventory.generation();
        if !self.0.as_ref().is_some_and(is_now) {
            self.0 = Some(inventory.view());
        }
    }

    /// As of the last look.
    pub(crate) fn get(&self) -> Option<&View> {
        self.0.as_ref()
    }
}

/// What is known of a sender with a connection. At its other end is one machine for as long as it lasts: the one that had the
/// address when it began, or, if none is known of that time, when a message was received. Which one it was is looked up again when
/// there is news, and is not forgotten when the machine is gone, as what it sent last is read still.
pub(crate) struct Connected {
    began: i64,
    /// As of which news.
    generation: Option<u64>,
    host: Option<Host>,
    state: State,
    /// Until then, in seconds since 1970, another look at the same maps finds the same.
    until: i64,
}

impl Connected {
    /// A connection that begins at this time, in seconds since 1970.
    pub(crate) fn new(began: i64) -> Self {
        Self {
            began,
            generation: None,
            host: None,
            state: State::default(),
            until: i64::MAX,
        }
    }

    /// Takes up what the inventory says, if it is not what it said. For each batch, with its time of receipt.
    pub(crate) fn look(&mut self, inventory: &Arc<Inventory>, address: IpAddr, received: i64) {
        if self.generation == Some(inventory.generation()) && received < self.until {
            return;
        }
        let view = inventory.view();
        let mut found = view.find(address, self.began);
        if found.host.is_none() {
            found = view.find(address, received);
        }
        // Who has had the address since the connection began, or since the same second, is not at the other end of it; who had it
        // before is: what was known then was not true any more.
        if let (Some(known), Some(host)) = (&self.host, found.host)
            && known.id() != host.id()
            && found.from >= self.began
        {
            found.host = None;
        }
        self.generation = Some(view.generation);
        self.state = found.state;
        self.until = i64::MAX;
        match found.host {
            Some(host) => self.host = Some(host.clone()),
            None if found.state == State::Expired => self.host = None,
            None if self.host.is_none() => self.until = found.until,
            None => {}
        }
    }

    /// Takes up another configuration: what is known is looked up anew.
    pub(crate) fn follow(&mut self) {
        self.generation = None;
    }

    /// As of the last look.
    pub(crate) fn sender<'s>(&'s self, inventory: &'s Inventory) -> Sender<'s> {
        Sender {
            host: self.host.as_ref(),
            fallback: &inventory.fallback,
            state: self.state,
        }
    }
}

/// A machine as the log path has it.
pub(crate) fn machine(host: &host::Host) -> Machine {
    let text = |text: &Option<Box<str>>| text.clone().unwrap_or_default();
    let (name, group, zone, kind) = (text(&host.name), text(&host.group), text(&host.zone), text(&host.kind));
    let (vpc, subnet) = (text(&host.vpc), text(&host.subnet));
    let fact = |fact| match fact {
        Fact::Id => &*host.id,
        Fact::Name => &*name,
        Fact::Group => &*group,
        Fact::Zone => &*zone,
        Fact::Type => &*kind,
        Fact::Vpc => &*vpc,
        Fact::Subnet => &*subnet,
        Fact::Lifecycle => host.lifecycle.map_or("", host::Lifecycle::as_str),
    };
    let labels = host.labels.iter().map(|(name, value)| (&**name, &**value));
    let address = |address: &host::Address| Address {
        ip: address.ip,
        from: address.valid_from,
        until: address.valid_until,
    };
    Machine {
        host: Host::new(fact, labels),
        addresses: host.addresses.iter().map(address).collect(),
    }
}

/// The state as `%cloud-state%` has it.
pub(crate) fn of(state: plugin::State) -> State {
    match state {
        plugin::State::Fresh => State::Fresh,
        plugin::State::Stale => State::Stale,
        plugin::State::Expired => State::Expired,
        plugin::State::Cold => State::Cold,
    }
}

#[cfg(test)]
mod tests;
