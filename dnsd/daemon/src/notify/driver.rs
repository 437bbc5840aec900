//! The task that has the notifications of all zones.
//!
//! A zone's secondaries are told as soon as it has changed, and then not again before `notify-delay` is over: changes that
//! come meanwhile are told together. Only so many messages a second are sent (`serial-query-rate`), the rest in their turn. At the
//! start there is something to tell of every zone; that waits for what changes, and is looked at no sooner than it can be told.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dnsd_core::message::Rcode;
use dnsd_core::notify::{Notifier, Send, Target, TargetState, read_response, write_notify};
use dnsd_core::serial::Serial;
use dnsd_core::zone::Zone;
use dnsd_core::zones::ZoneState;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::addresses::Addresses;
use super::targets::{Here, NameServers, Targets, name_servers};
use super::{Command, Settings};
use crate::remotes::{Means, Pace, Place};
use crate::server::Shared;
use crate::server::seldom::NotifyFate;
use crate::server::views::{View, Views, ZoneInfo};
use crate::zones::Changed;
use crate::zones::key::ZoneKey;

/// How long the response to one message is waited for, BIND's time; what comes later is as good as none, for the message has
/// been sent again then.
const RESPONSE_MAX: Duration = Duration::from_secs(15);
/// Changes taken before anything else is looked at: at the start there is one for each zone.
const CHANGES_AT_ONCE_MAX: usize = 256;
/// Zones that are made ready to be told of for the first time since the start before those that are ready have been told of.
/// Enough to always have one, and little work at a time: at the start queries are to be answered first.
const INTRODUCED_AHEAD_MAX: usize = 64;
/// Octets of any NOTIFY without its signature.
const NOTIFY_BYTES_MAX: usize = 512;
/// With nothing to wait for it wakes up all the same.
const SLEEP_MAX: Duration = Duration::from_secs(3600);

/// What ended that was under way for a zone.
pub(super) struct Event {
    key: ZoneKey,
    what: Ended,
}

enum Ended {
    /// It is known who is to be told.
    Found(Targets),
    /// Somebody of the list with this number answered.
    Answered {
        list: u64,
        target: Target,
        serial: Serial,
        rcode: Rcode,
    },
}

/// One zone.
struct Teller {
    /// Who is told, by the notifier's numbers, and whether it was given up.
    targets: Vec<(Place, bool)>,
    /// The list's number: answers of another list's are not of these.
    list: u64,
    notifier: Notifier,
    /// There is a version that nobody has been told of.
    has_news: bool,
    /// It is being found out who is to be told.
    is_finding: bool,
    /// The zone has been told of since the server started.
    is_introduced: bool,
    /// The first message of the list is sent, and the log says so.
    is_announced: bool,
    /// News before this are told then.
    quiet_until: Duration,
    wakes_at: Option<Duration>,
    waits: Waits,
}

/// Where a zone waits to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    Nowhere,
    /// Among those that are to be told of for the first time.
    ForIntroduction,
    Ready,
}

/// All zones.
pub(super) struct Driver {
    shared: Shared,
    settings: Settings,
    events: mpsc::UnboundedSender<Event>,
    tellers: HashMap<ZoneKey, Teller>,
    timers: BTreeSet<(Duration, ZoneKey)>,
    ready: VecDeque<ZoneKey>,
    /// Behind those that are ready. Some may have become ready meanwhile.
    introductions: VecDeque<ZoneKey>,
    /// For how many it is being found out who is to be told.
    finding: usize,
    pace: Pace,
    start: Instant,
    lists: u64,
    addresses: Arc<Addresses>,
}

impl Driver {
    pub(super) fn new(shared: Shared, settings: Settings) -> (Self, mpsc::UnboundedReceiver<Event>) {
        // Each zone has as many under way as it has targets.
        let (events, ended) = mpsc::unbounded_channel();
        let driver = Self {
            shared,
            pace: Pace::per_second(settings.per_second),
            settings,
            events,
            tellers: HashMap::new(),
            timers: BTreeSet::new(),
            ready: VecDeque::new(),
            introductions: VecDeque::new(),
            finding: 0,
            start: Instant::now(),
            lists: 0,
            addresses: Arc::new(Addresses::new()),
        };
        (driver, ended)
    }

    /// Runs until it is to stop.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut events: mpsc::UnboundedReceiver<Event>,
        mut changes: mpsc::UnboundedReceiver<Changed>,
        stop: CancellationToken,
    ) {
        let mut news = Vec::new();
        loop {
            let wakes_at = self.start + self.wakes_at();
            tokio::select! {
                () = stop.cancelled() => break,
                Some(command) = commands.recv() => self.handle_command(command),
                Some(event) = events.recv() => self.handle_event(event),
                1.. = changes.recv_many(&mut news, CHANGES_AT_ONCE_MAX) => {
                    for changed in news.drain(..) {
                        self.handle_news(&changed.key, None);
                    }
                }
                () = tokio::time::sleep_until(wakes_at) => {}
            }
            self.look_at_due();
        }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn wakes_at(&self) -> Duration {
        let timer = self.timers.first().map(|(at, _)| *at);
        let ready = (!self.ready.is_empty() || self.can_introduce()).then(|| self.pace.ready_at());
        let latest = self.now() + SLEEP_MAX;
        timer.into_iter().chain(ready).min().map_or(latest, |at| at.min(latest))
    }

    fn look_at_due(&mut self) {
        let now = self.now();
        while self.timers.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, key)) = self.timers.pop_first() else { break };
            if let Some(teller) = self.tellers.get_mut(&key) {
                teller.wakes_at = None;
                self.make_ready(&key);
            }
        }
        while self.pace.ready_at() <= now {
            let Some(key) = self.ready.pop_front() else { break };
            self.look_at(&key, now);
        }
        while self.pace.ready_at() <= now && self.can_introduce() {
            let Some(key) = self.introductions.pop_front() else {
                break;
            };
            if self
                .tellers
                .get(&key)
                .is_some_and(|teller| teller.waits == Waits::ForIntroduction)
            {
                self.look_at(&key, now);
            }
        }
    }

    fn can_introduce(&self) -> bool {
        !self.introductions.is_empty() && self.ready.len() + self.finding < INTRODUCED_AHEAD_MAX
    }

    fn make_ready(&mut self, key: &ZoneKey) {
        if let Some(teller) = self.tellers.get_mut(key)
            && teller.waits != Waits::Ready
        {
            teller.waits = Waits::Ready;
            self.ready.push_back(key.clone());
        }
    }

    fn handle_command(&mut self, command: Command) {
        match command {
            Command::Apply(settings) => {
                self.pace.set_per_second(settings.per_second);
                self.settings = settings;
                let serving = self.shared.serving.load_full();
                self.tellers.retain(|key, _| find(&serving.views, key).is_some());
                self.timers.retain(|(_, key)| self.tellers.contains_key(key));
                self.ready.retain(|key| self.tellers.contains_key(key));
                self.introductions.retain(|key| self.tellers.contains_key(key));
            }
            Command::Notify(key, reply) => {
                let serving = self.shared.serving.load_full();
                let is_there = find(&serving.views, &key).is_some_and(|found| found.zone.is_some());
                if is_there {
                    self.handle_news(&key, Some(Duration::ZERO));
                }
                // Who asked may be gone.
                let _ = reply.send(is_there);
            }
        }
    }

    /// There is a version to be told of; by somebody's wish before its time.
    fn handle_news(&mut self, key: &ZoneKey, quiet_until: Option<Duration>) {
        let teller = self.tellers.entry(key.clone()).or_insert_with(|| Teller {
            targets: Vec::new(),
            list: 0,
            notifier: Notifier::new(0),
            has_news: false,
            is_finding: false,
            is_introduced: false,
            is_announced: false,
            quiet_until: Duration::ZERO,
            wakes_at: None,
            waits: Waits::Nowhere,
        });
        let is_change = teller.is_introduced || teller.has_news || quiet_until.is_some();
        teller.has_news = true;
        teller.quiet_until = quiet_until.unwrap_or(teller.quiet_until);
        if is_change || teller.waits == Waits::Ready {
            self.make_ready(key);
        } else {
            teller.waits = Waits::ForIntroduction;
            self.introductions.push_back(key.clone());
        }
    }

    fn handle_event(&mut self, event: Event) {
        let now = self.now();
        let Event { key, what } = event;
        if matches!(what, Ended::Found(_)) {
            self.finding -= 1;
        }
        let Some(teller) = self.tellers.get_mut(&key) else {
            return;
        };
        match what {
            Ended::Found(targets) => {
                teller.is_finding = false;
                if targets.left_out > 0 {
                    warn!(
                        "zone {key}: {} of its name servers are not told of changes: it has too many",
                        targets.left_out
                    );
                }
                self.tell(&key, targets.places, now);
                // A version that came meanwhile is told of, whatever became of this one.
                self.make_ready(&key);
            }
            Ended::Answered {
                list,
                target,
                serial,
                rcode,
            } => {
                if list == teller.list && teller.notifier.handle_response(target, serial, rcode) {
                    self.shared.seldom.notify(NotifyFate::Answered);
                    let place = &teller.targets[target.0].0;
                    match rcode {
                        Rcode::NOERROR => debug!("zone {key}: notify response from {place}"),
                        rcode => info!("zone {key}: notify response from {place}: {rcode}"),
                    }
                }
            }
        }
    }

    /// These are to be told of what is served now.
    fn tell(&mut self, key: &ZoneKey, places: Vec<Place>, now: Duration) {
        let serving = self.shared.serving.load_full();
        let (
            Some(teller),
            Some(Found {
                info, zone: Some(zone), ..
            }),
        ) = (self.tellers.get_mut(key), find(&serving.views, key))
        else {
            return;
        };
        // What is told at the start is no change, and the first that comes is told at once.
        if std::mem::replace(&mut teller.is_introduced, true) {
            teller.quiet_until = now + info.rules.notify.delay;
        }
        if places.is_empty() {
            teller.targets.clear();
            teller.notifier = Notifier::new(0);
            return;
        }
        self.lists += 1;
        teller.is_announced = false;
        teller.list = self.lists;
        teller.notifier = Notifier::new(places.len());
        teller.notifier.handle_change(now, zone.serial());
        teller.targets = places.into_iter().map(|place| (place, false)).collect();
    }

    /// Does what is to be done for a zone now.
    fn look_at(&mut self, key: &ZoneKey, now: Duration) {
        let serving = self.shared.serving.load_full();
        let Some(teller) = self.tellers.get_mut(key) else {
            return;
        };
        teller.waits = Waits::Nowhere;
        let Some(Found {
            view,
            info,
            zone: Some(zone),
        }) = find(&serving.views, key)
        else {
            // It is gone, or there is nothing to tell of until it has a version again.
            self.tellers.remove(key);
            return;
        };
        if teller.has_news && !teller.is_finding && teller.quiet_until <= now {
            teller.has_news = false;
            teller.is_finding = true;
            self.finding += 1;
            let servers = match NameServers::are_told(&info.rules.notify) {
                true => name_servers(zone, view),
                false => NameServers::none(),
            };
            if servers.are_elsewhere() {
                self.pace.spend(now);
            }
            let here = Here {
                listen: self.settings.listen.clone(),
                local: serving.local.clone(),
            };
            let (rules, addresses) = (info.rules.clone(), self.addresses.clone());
            let (events, key) = (self.events.clone(), key.clone());
            tokio::spawn(async move {
                let what = Ended::Found(servers.with(&rules.notify, &here, &addresses).await);
                // Without a driver nobody wants to know.
                let _ = events.send(Event { key, what });
            });
        }
        // A zone of many secondaries doesn't come before the others: it is looked at again in its turn.
        while self.pace.ready_at() <= now {
            let Some(send) = teller.notifier.next_send(now) else {
                break;
            };
            self.pace.spend(now);
            self.shared.seldom.notify(NotifyFate::Sent);
            if !std::mem::replace(&mut teller.is_announced, true) {
                info!("zone {key}: sending notifies (serial {})", send.serial);
            }
            start(key, teller, send, zone.clone(), self.events.clone());
        }
        for ((place, is_given_up), state) in teller.targets.iter_mut().zip(teller.notifier.states()) {
            if matches!(state, TargetState::GivenUp(_)) && !std::mem::replace(is_given_up, true) {
                self.shared.seldom.notify(NotifyFate::GivenUp);
                info!("zone {key}: notify to {place}: retries exceeded");
            }
        }
        let news_at = (teller.has_news && !teller.is_finding).then_some(teller.quiet_until);
        let until = teller.notifier.wakes_at().into_iter().chain(news_at).min();
        if let Some(before) = std::mem::replace(&mut teller.wakes_at, until) {
            self.timers.remove(&(before, key.clone()));
        }
        self.timers.extend(until.map(|until| (until, key.clone())));
    }
}

/// Sends one message, and waits for its response.
fn start(key: &ZoneKey, teller: &Teller, send: Send, zone: Arc<Zone>, events: mpsc::UnboundedSender<Event>) {
    let Send { target, serial, retry } = send;
    let (place, list, key) = (teller.targets[target.0].0.clone(), teller.list, key.clone());
    debug!("zone {key}: sending notify to {place} (serial {serial}, {retry} before)");
    tokio::spawn(async move {
        let write = |id| {
            let mut message = vec![0; NOTIFY_BYTES_MAX];
            let len = write_notify(id, &zone, &mut message).expect("there is room for it");
            message.truncate(len);
            message
        };
        let read = |id, message: &[u8]| read_response(id, zone.origin(), message);
        match tokio::time::timeout(RESPONSE_MAX, place.ask(Means::Udp, write, read)).await {
            Ok(Ok(rcode)) => {
                let what = Ended::Answered {
                    list,
                    target,
                    serial,
                    rcode,
                };
                // Without a driver nobody wants to know.
                let _ = events.send(Event { key, what });
            }
            // It is told again.
            Ok(Err(error)) => info!("zone {key}: notify to {place} failed: {error}"),
            Err(_) => debug!("zone {key}: notify to {place}: no response"),
        }
    });
}

/// A zone in what is served.
struct Found<'s> {
    view: &'s View,
    info: &'s ZoneInfo,
    /// Its version, if it has one.
    zone: Option<&'s Arc<Zone>>,
}

fn find<'s>(views: &'s Views, key: &ZoneKey) -> Option<Found<'s>> {
    let view = views.iter().find(|view| view.name() == key.view.as_ref())?;
    let number = view.zones().number(key.name.as_name_ref())?;
    let zone = match view.zones().state(number)? {
        ZoneState::Loaded(zone) => Some(zone),
        ZoneState::Failed | ZoneState::Forward => None,
    };
    // A view that isn't strict has zones from outside, too.
    let info = view.info(number).filter(|info| info.key == *key)?;
    Some(Found { view, info, zone })
}

#[cfg(test)]
mod tests;
