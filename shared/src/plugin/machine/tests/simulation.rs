//! The machine against a plugin that misbehaves, under a virtual clock: whatever happens in whatever order, what is known was
//! the plugin's inventory at some time, but for what the guard allows; the states follow the table; and once the plugin behaves,
//! all is well.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;

type Hosts = BTreeMap<String, String>;

/// A plugin: its inventory in numbered steps, and what is on its way to the watcher.
#[derive(Debug, Default)]
struct Plugin {
    starts: u64,
    seq: u64,
    hosts: Hosts,
    /// What every step was, by epoch and number.
    steps: BTreeMap<(String, u64), Hosts>,
    /// Of this start: the changes from a step to the next.
    deltas: BTreeMap<u64, (Hosts, Vec<String>)>,
    on_its_way: VecDeque<WatchReply>,
    has_watcher: bool,
    refuses: bool,
    hangs: bool,
}

impl Plugin {
    fn epoch(&self) -> String {
        format!("start {}", self.starts)
    }

    fn start(&mut self, hosts: Hosts) {
        self.starts += 1;
        self.seq = 1;
        self.hosts = hosts;
        self.deltas.clear();
        self.hang_up();
        self.note();
    }

    fn hang_up(&mut self) {
        self.has_watcher = false;
        self.on_its_way.clear();
    }

    fn note(&mut self) {
        let step = (self.epoch(), self.seq);
        self.steps.insert(step, self.hosts.clone());
    }

    fn change(&mut self, changed: &[(String, String)], gone: &[String]) {
        if changed.is_empty() && gone.is_empty() {
            return;
        }
        for id in gone {
            self.hosts.remove(id);
        }
        self.hosts.extend(changed.iter().cloned());
        self.seq += 1;
        self.note();
        let delta = (changed.iter().cloned().collect(), gone.to_vec());
        self.deltas.insert(self.seq, delta);
        if self.has_watcher {
            self.send_delta(self.seq);
        }
    }

    fn send_delta(&mut self, seq: u64) {
        let (changed, gone) = &self.deltas[&seq];
        let reply = WatchReply {
            epoch: self.epoch(),
            seq,
            full: false,
            hosts: changed.iter().map(|(id, name)| wire(id, name)).collect(),
            gone: gone.clone(),
            complete: true,
        };
        self.on_its_way.push_back(reply);
    }

    /// A snapshot in parts of three hosts.
    fn send_snapshot(&mut self) {
        let hosts: Vec<WireHost> = self.hosts.iter().map(|(id, name)| wire(id, name)).collect();
        let parts = hosts.chunks(3).map(|hosts| WatchReply {
            hosts: hosts.to_vec(),
            ..part(snapshot(&self.epoch(), self.seq, &[]))
        });
        let mut parts: VecDeque<WatchReply> = parts.collect();
        match parts.back_mut() {
            Some(last) => last.complete = true,
            None => parts.push_back(snapshot(&self.epoch(), self.seq, &[])),
        }
        self.on_its_way.extend(parts);
    }

    fn watch(&mut self, call: &WatchCall) {
        self.has_watcher = true;
        self.on_its_way.clear();
        match call.seq {
            Some(seq) if call.epoch == Some(self.epoch()) && seq <= self.seq => {
                for seq in seq + 1..=self.seq {
                    self.send_delta(seq);
                }
            }
            _ => self.send_snapshot(),
        }
    }

    fn keep_alive(&mut self) {
        if self.has_watcher && self.on_its_way.is_empty() {
            self.on_its_way.push_back(keep_alive(&self.epoch(), self.seq));
        }
    }
}

/// A daemon, a plugin and the time.
#[derive(Debug)]
struct World {
    machine: Machine,
    plugin: Plugin,
    now: Duration,
    /// What the daemon has been told.
    told: Hosts,
    told_state: Option<State>,
    last_complete: Option<Duration>,
    /// Ids that were said to be gone since what is known was last replaced.
    reported: BTreeSet<String>,
    /// The last snapshot that was complete had no host.
    was_empty: bool,
}

/// What has just been done, which may make much of the inventory go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Reply,
    Confirmed,
    DeltaToKnown,
}

const MAX_STALE: Duration = Duration::from_secs(600);

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            machine: Machine::new(Limits::default(), MAX_STALE, None, seed),
            plugin: Plugin::default(),
            now: Duration::ZERO,
            told: Hosts::new(),
            told_state: None,
            last_complete: None,
            reported: BTreeSet::new(),
            was_empty: false,
        };
        let hosts = (0..12).map(|n| (format!("h{n}"), "1".to_owned()));
        world.plugin.start(hosts.collect());
        world.act(Cause::Reply);
        world
    }

    fn act(&mut self, cause: Cause) {
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Connect if self.plugin.refuses => {
                    let refused = Trouble::Connect(std::io::ErrorKind::ConnectionRefused);
                    self.machine.handle_closed(self.now, refused);
                }
                Action::Connect => {
                    let call = self.machine.handle_connected(self.now);
                    self.plugin.watch(&call);
                }
                Action::Disconnect => self.plugin.hang_up(),
                Action::Update(update) => self.take(&update, cause),
                Action::State(state) => {
                    assert_ne!(Some(state), self.told_state.replace(state), "told twice");
                }
                Action::Notice(_) => {}
            }
        }
        self.check();
    }

    fn take(&mut self, update: &Update, cause: Cause) {
        let before = self.told.clone();
        if update.full {
            assert!(update.gone.is_empty());
            self.told.clear();
        }
        for id in &update.gone {
            assert!(self.told.remove(&**id).is_some(), "{id} was not there");
        }
        for host in &update.changed {
            let name = host.name.as_deref().unwrap().to_owned();
            let old = self.told.insert(host.id.to_string(), name.clone());
            assert_ne!(old, Some(name), "{} is as it was", host.id);
        }
        let missing: Vec<&String> = before.keys().filter(|id| !self.told.contains_key(*id)).collect();
        if cause == Cause::Reply && before.len() >= 10 && missing.len() * 100 > before.len() * 30 {
            assert!(!self.was_empty, "an empty snapshot was not confirmed");
            let unreported: Vec<_> = missing.iter().filter(|id| !self.reported.contains(**id)).collect();
            assert!(unreported.is_empty(), "gone without a word: {unreported:?}");
        }
        if cause != Cause::DeltaToKnown {
            self.reported.clear();
        }
    }

    /// What holds at all times.
    fn check(&self) {
        let known = self.machine.known().hosts();
        let known: Hosts = known
            .map(|host| (host.id.to_string(), host.name.as_deref().unwrap().to_owned()))
            .collect();
        assert_eq!(known, self.told);
        if let Some(at) = self.machine.position() {
            assert_eq!(known, self.plugin.steps[&(at.epoch.to_string(), at.seq)], "{at:?}");
        }
        let expected = match self.last_complete.map(|at| self.now - at) {
            None => State::Cold,
            Some(silence) if silence < SILENCE_MAX => State::Fresh,
            Some(silence) if silence < MAX_STALE => State::Stale,
            Some(_) => State::Expired,
        };
        assert_eq!((self.machine.state(), self.told_state), (expected, Some(expected)));
    }

    /// The next reply arrives.
    fn deliver(&mut self) {
        let Some(reply) = self.plugin.on_its_way.pop_front() else {
            return;
        };
        let is_held = self.machine.held.is_some();
        let cause = if reply.full || is_held {
            Cause::Reply
        } else {
            Cause::DeltaToKnown
        };
        let before = self.machine.last_complete;
        let snapshot_hosts = self.machine.pending.as_ref().map_or(0, |pending| pending.hosts.len()) + reply.hosts.len();
        if is_held || reply.full {
            self.reported.extend(reply.gone.iter().cloned());
        }
        let (full, complete) = (reply.full, reply.complete);
        if full && complete {
            self.was_empty = snapshot_hosts == 0;
        }
        self.machine.handle_reply(self.now, reply, 100);
        if complete && self.machine.last_complete != before {
            self.last_complete = Some(self.now);
        }
        self.act(cause);
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        let mut keep_alive = self.now + secs(10);
        loop {
            let timeout = self.machine.poll_timeout().unwrap();
            self.now = timeout.min(keep_alive).min(until).max(self.now);
            self.machine.handle_timeout(self.now);
            self.act(Cause::Reply);
            if self.now >= keep_alive {
                keep_alive = self.now + secs(10);
                self.plugin.keep_alive();
            }
            while !self.plugin.hangs && !self.plugin.on_its_way.is_empty() {
                self.deliver();
            }
            if self.now >= until {
                return;
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Event {
    Change(Vec<u8>, Vec<u8>),
    /// The plugin starts anew, and lists the hosts that this number lets through.
    Restart(u16),
    Deliver(u8),
    BreakOff,
    /// The next thing on its way is lost, comes twice, or after the one behind it.
    Lose,
    Repeat,
    Swap,
    /// It goes on with another thing in the middle of a snapshot.
    CutShort,
    Hang(bool),
    Refuse(bool),
    Confirm,
    Pass(u32),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (prop::collection::vec(0..16u8, 0..4), prop::collection::vec(0..16u8, 0..4))
            .prop_map(|(changed, gone)| Event::Change(changed, gone)),
        2 => any::<u16>().prop_map(Event::Restart),
        1 => Just(Event::Restart(0)),
        6 => (1..6u8).prop_map(Event::Deliver),
        2 => Just(Event::BreakOff),
        1 => Just(Event::Lose),
        1 => Just(Event::Repeat),
        1 => Just(Event::Swap),
        1 => Just(Event::CutShort),
        1 => any::<bool>().prop_map(Event::Hang),
        1 => any::<bool>().prop_map(Event::Refuse),
        1 => Just(Event::Confirm),
        4 => (0..60_000u32).prop_map(Event::Pass),
        1 => (0..1_000_000u32).prop_map(Event::Pass),
    ]
}

impl World {
    fn happen(&mut self, event: &Event) {
        let on_its_way = &mut self.plugin.on_its_way;
        // A stream loses nothing from its middle: whole snapshots and deltas are what a plugin can get wrong.
        let is_whole = |n: usize| {
            let whole = |at: usize, ways: &VecDeque<WatchReply>| ways.get(at).is_some_and(|reply| reply.complete);
            move |ways: &VecDeque<WatchReply>| (0..n).all(|at| whole(at, ways))
        };
        let is_between = self.machine.pending.is_none();
        match event {
            Event::Change(changed, gone) => {
                let version = self.plugin.seq.to_string();
                let changed: Vec<_> = changed.iter().map(|n| (format!("h{n}"), version.clone())).collect();
                let gone: Vec<String> = gone.iter().map(|n| format!("h{n}")).collect();
                let gone: Vec<String> = gone
                    .into_iter()
                    .filter(|id| changed.iter().all(|(other, _)| other != id))
                    .collect();
                self.plugin.change(&changed, &gone);
            }
            Event::Restart(listed) => {
                let all = (0..16u16).filter(|n| listed & (1 << n) != 0);
                let version = format!("start {}", self.plugin.starts);
                self.plugin
                    .start(all.map(|n| (format!("h{n}"), version.clone())).collect());
                self.machine.handle_closed(self.now, Trouble::Closed);
            }
            Event::Deliver(replies) => (0..*replies).for_each(|_| self.deliver()),
            Event::BreakOff => {
                self.plugin.hang_up();
                self.machine.handle_closed(self.now, Trouble::Closed);
            }
            Event::Lose if is_between && is_whole(1)(on_its_way) => {
                on_its_way.pop_front();
            }
            Event::Repeat if is_between && is_whole(1)(on_its_way) => {
                on_its_way.push_front(on_its_way[0].clone());
            }
            Event::Swap if is_between && is_whole(2)(on_its_way) => on_its_way.swap(0, 1),
            Event::CutShort => {
                let last = on_its_way.iter().position(|reply| reply.full && reply.complete);
                if let Some(last) = last.filter(|last| *last > 0) {
                    on_its_way.remove(last);
                }
            }
            Event::Lose | Event::Repeat | Event::Swap => {}
            Event::Hang(hangs) => self.plugin.hangs = *hangs,
            Event::Refuse(refuses) => self.plugin.refuses = *refuses,
            Event::Confirm => {
                self.machine.confirm();
                return self.act(Cause::Confirmed);
            }
            Event::Pass(millis) => self.pass(Duration::from_millis(u64::from(*millis))),
        }
        self.act(Cause::Reply);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_happens_the_inventory_is_the_plugins(
        seed in any::<u64>(),
        events in prop::collection::vec(event(), 0..60),
    ) {
        let mut world = World::new(seed);
        for event in &events {
            world.happen(event);
        }
        world.plugin.hangs = false;
        world.plugin.refuses = false;
        world.pass(secs(300));
        world.machine.confirm();
        world.act(Cause::Confirmed);
        prop_assert_eq!(&world.told, &world.plugin.hosts);
        prop_assert_eq!(world.machine.state(), State::Fresh);
    }
}

#[test]
fn a_plugin_that_lists_nothing_after_a_restart_empties_nothing() {
    let mut world = World::new(1);
    world.pass(secs(60));
    assert_eq!(world.told.len(), 12);
    world.happen(&Event::Restart(0));
    world.pass(secs(3_600));
    assert_eq!((world.told.len(), world.machine.state()), (12, State::Fresh));
    // The listing succeeds at last.
    let back: Vec<u8> = (0..12).collect();
    world.happen(&Event::Change(back, Vec::new()));
    world.pass(secs(1));
    assert_eq!((world.told.len(), world.machine.held()), (12, None));
}

#[test]
fn a_plugin_that_hangs_for_a_day_is_followed_again_when_it_wakes() {
    let mut world = World::new(1);
    world.pass(secs(60));
    world.happen(&Event::Hang(true));
    world.happen(&Event::Change(vec![12], vec![0]));
    world.pass(DAY);
    assert_eq!((world.machine.state(), world.told.len()), (State::Expired, 12));
    world.happen(&Event::Hang(false));
    world.pass(secs(61));
    assert_eq!(world.machine.state(), State::Fresh);
    assert_eq!(world.told, world.plugin.hosts);
}
