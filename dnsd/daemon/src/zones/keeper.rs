//! The thread that owns the zones: it loads them, notices edits, and swaps what is served.
//!
//! It takes commands (a new configuration, a reload) and file events from one inbox, one after the other, so that two loads
//! of a zone never cross. Loading itself is spread over threads. Queries never wait for any of this: what they are answered
//! from is swapped in one step when a load is done.

mod apply;
mod edits;
mod entry;
mod generated;
mod groups;
mod members;
mod past;
mod peers;
mod publish;
mod secondaries;
mod serials;
mod updates;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use dnsd_core::transfer::Received;
use dnsd_core::zone::Zone;
use dnsd_core::zone::difference::is_same;
use tracing::warn;

use super::board::{Board, ServedFrom};
use super::guard::{self, Verdict};
use super::key::ZoneKey;
use super::last_good::LastGood;
use super::load::{self, Attempt, Loaded, ReadFile};
use super::outcome::{LoadOutcome, Report};
use super::plan::{GroupKey, Plan, PlannedView};
use super::priority::{self, Beside};
use super::problem::Problem;
use crate::config::SerialPolicy;
use crate::server::views::ZoneInfo;
use crate::server::{Serving, Shared};
use ballast_shared::watch::{Change, Debounce, Watcher};
use entry::Entry;
use generated::Generated;
use groups::Groups;
use members::Interpreter;
use secondaries::Secondary;
use updates::Uncommitted;

pub(crate) use members::MembersChanged;
pub(in crate::zones) use publish::numbered;
pub(crate) use secondaries::{NotTaken, Stored};
pub(crate) use serials::serial_after;
pub(crate) use updates::{SyncError, UpdateReply};

/// Loads of one zone in a row while its file changes under the reader, before the writer is given time.
const LOADS_IN_A_ROW_MAX: usize = 3;
/// Inputs taken before the zones that are due are looked for: events come in thousands when a folder is copied.
const INPUTS_IN_A_ROW_MAX: usize = 1024;

/// How long to wait for those who answer from a version that is served no more: longer than any batch of answers takes.
/// The writer of its copy may have it for longer.
const RETIREMENT: Duration = Duration::from_millis(100);

/// What the keeper is told.
pub(crate) enum Input {
    /// Something happened to files.
    Files(notify::Result<notify::Event>),
    /// Take over these zones.
    Apply(Plan, tokio::sync::oneshot::Sender<Report>),
    /// Load one zone.
    Reload {
        zone: ZoneKey,
        accept: bool,
        reply: tokio::sync::oneshot::Sender<Option<LoadOutcome>>,
    },
    /// Free what is answered from no more, once nobody has it.
    Retire(Arc<Serving>),
    /// What is there of a zone that is followed?
    Stored {
        zone: ZoneKey,
        reply: tokio::sync::oneshot::Sender<Option<Stored>>,
    },
    /// Store and serve what a primary sent.
    Transferred {
        zone: ZoneKey,
        received: Box<Received>,
        accept: bool,
        reply: tokio::sync::oneshot::Sender<Result<Arc<Zone>, NotTaken>>,
    },
    /// Store and serve a version of a zone that is made of what a plugin knows.
    Made {
        zone: ZoneKey,
        version: Box<Received>,
        reply: tokio::sync::oneshot::Sender<Result<Arc<Zone>, NotTaken>>,
    },
    /// A primary said that what is there is the zone.
    Confirmed(ZoneKey),
    /// A primary has another version, which waits to be accepted: until then what is there is the zone.
    KeptBack(ZoneKey),
    /// No primary has said so for too long.
    Expire(ZoneKey),
    /// Apply an update.
    Update {
        zone: ZoneKey,
        request: Box<[u8]>,
        reply: UpdateReply,
    },
    /// Write updates into the file, hold them up, or take them again.
    Steer {
        zone: ZoneKey,
        what: Steer,
        reply: tokio::sync::oneshot::Sender<Result<(), SyncError>>,
    },
    /// Tell what is served from now on.
    Listen(tokio::sync::mpsc::UnboundedSender<Changed>),
    /// Tell which zones catalogs bring from now on.
    ListenForMembers(tokio::sync::mpsc::UnboundedSender<MembersChanged>),
    /// End.
    Stop,
}

/// What is asked of a zone that takes updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steer {
    /// Write them into the file.
    Sync,
    /// The same, and refuse further ones.
    Freeze,
    /// Take them again.
    Thaw,
}

/// A zone is served in another version.
#[derive(Debug, Clone)]
pub(crate) struct Changed {
    /// Which zone.
    pub(crate) key: ZoneKey,
    /// The version.
    pub(crate) zone: Arc<Zone>,
}

/// Whom a file event is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Zone(ZoneKey),
    Group(GroupKey),
}

/// The thread's state.
pub(crate) struct Keeper {
    inbox: Receiver<Input>,
    shared: Shared,
    board: Arc<Board>,
    last_good: LastGood,
    /// The views, in the order in which they are tried.
    views: Vec<PlannedView>,
    /// Whether what is served lacks zones, has some that are no more, or has them otherwise than the configuration.
    must_list: bool,
    /// The primary zones.
    entries: BTreeMap<ZoneKey, Entry>,
    /// The secondary zones, and the catalogs of our own zones, which are kept like them.
    secondaries: BTreeMap<ZoneKey, Secondary>,
    /// The catalogs of our own zones.
    generated: Generated,
    /// The catalogs of others' zones.
    interpreter: Interpreter,
    /// The forward zones.
    forwards: BTreeMap<ZoneKey, Arc<ZoneInfo>>,
    groups: Groups,
    base_dir: PathBuf,
    threads: usize,
    /// Whether queries are answered, from the first zones on: that comes before any loading.
    is_serving: bool,
    watcher: Watcher<Key>,
    debounce: Debounce<ZoneKey, PathBuf>,
    /// The edits that the last look at the files has found, which wait to be loaded: what each file is now.
    noticed: HashMap<ZoneKey, Vec<ReadFile>>,
    /// Zones whose files may be others than those that are watched.
    to_watch: Vec<ZoneKey>,
    /// Versions that were loaded, which the log doesn't say yet.
    untold: Vec<(ZoneKey, LoadOutcome)>,
    next_sweep_at: Instant,
    /// Updates that are applied and not written yet.
    uncommitted: BTreeMap<ZoneKey, Uncommitted>,
    /// Who is told what is served.
    listeners: Vec<tokio::sync::mpsc::UnboundedSender<Changed>>,
    /// What is answered from no more. Whoever answers may still have it in hand, and is not to be the one who frees it: giving
    /// back the memory of a large zone, of ten thousand names or of the rate limit's accounts takes milliseconds.
    retired: Vec<Arc<Serving>>,
}

impl Keeper {
    /// Without zones yet. File events go into the inbox through `events`.
    pub(crate) fn new(
        inbox: Receiver<Input>,
        events: Sender<Input>,
        shared: Shared,
        board: Arc<Board>,
        last_good: LastGood,
    ) -> Self {
        // The keeper may be gone by the time of the last event.
        let watcher = Watcher::new(move |event| drop(events.send(Input::Files(event))));
        Self {
            inbox,
            shared,
            board,
            last_good,
            views: Vec::new(),
            must_list: false,
            entries: BTreeMap::new(),
            secondaries: BTreeMap::new(),
            generated: Generated::default(),
            interpreter: Interpreter::default(),
            forwards: BTreeMap::new(),
            uncommitted: BTreeMap::new(),
            listeners: Vec::new(),
            groups: Groups::default(),
            base_dir: PathBuf::new(),
            threads: 1,
            is_serving: false,
            watcher,
            debounce: Debounce::new(),
            noticed: HashMap::new(),
            to_watch: Vec::new(),
            untold: Vec::new(),
            next_sweep_at: Instant::now(),
            retired: Vec::new(),
        }
    }

    /// Works until it is told to end.
    pub(crate) fn run(mut self) {
        loop {
            let now = Instant::now();
            let free_at = (!self.retired.is_empty()).then(|| now + RETIREMENT);
            let wake_at = [self.debounce.next_due_at(), free_at]
                .into_iter()
                .flatten()
                .fold(self.next_sweep_at, Instant::min);
            match self.inbox.recv_timeout(wake_at.saturating_duration_since(now)) {
                Ok(input) => {
                    let waiting: Vec<Input> = self.inbox.try_iter().take(INPUTS_IN_A_ROW_MAX).collect();
                    for input in std::iter::once(input).chain(waiting) {
                        if self.handle(input).is_break() {
                            return;
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.commit_updates();
            self.free_retired();
            self.load_due(Instant::now());
            self.list_touched();
            self.interpret_news();
            // After the replies: who waits for the zones doesn't wait for this.
            self.watch_loaded(Instant::now());
        }
    }

    fn handle(&mut self, input: Input) -> ControlFlow<()> {
        if !matches!(input, Input::Update { .. }) {
            // Everything else starts from versions that are on disk.
            self.commit_updates();
        }
        match input {
            Input::Stop => return ControlFlow::Break(()),
            Input::Files(event) => self.handle_event(event, Instant::now()),
            // Who asked may have hung up.
            Input::Apply(plan, reply) => {
                let report = self.apply(plan);
                if self.is_serving {
                    self.tell_loaded();
                }
                drop(reply.send(report));
                // At the start queries wait for the reply, and the log of ten thousand zones doesn't come before them.
                self.is_serving = true;
                priority::lower(Beside::Reload);
                self.tell_loaded();
            }
            Input::Retire(serving) => self.retired.push(serving),
            Input::Stored { zone, reply } => drop(reply.send(self.stored(&zone))),
            Input::Transferred {
                zone,
                received,
                accept,
                reply,
            } => drop(reply.send(self.take_transferred(&zone, *received, accept))),
            Input::Made { zone, version, reply } => drop(reply.send(self.take_made(&zone, *version))),
            Input::Confirmed(zone) => self.take_confirmed(&zone, SystemTime::now()),
            Input::KeptBack(zone) => self.keep_alive(&zone, SystemTime::now()),
            Input::Expire(zone) => self.expire(&zone),
            Input::Update { zone, request, reply } => self.take_update(zone, &request, reply),
            Input::Steer { zone, what, reply } => drop(reply.send(match what {
                Steer::Sync => self.sync(&zone),
                Steer::Freeze => self.freeze(&zone),
                Steer::Thaw => self.thaw(&zone),
            })),
            Input::Listen(listener) => self.listeners.push(listener),
            Input::ListenForMembers(listener) => self.interpreter.listen(listener),
            Input::Reload { zone, accept, reply } => {
                let outcome = self.reload(&zone, accept);
                self.tell_loaded();
                drop(reply.send(outcome));
            }
        }
        ControlFlow::Continue(())
    }

    /// `None` for a zone that isn't there.
    fn reload(&mut self, zone: &ZoneKey, accept: bool) -> Option<LoadOutcome> {
        if self.secondaries.contains_key(zone) {
            return self.reload_secondary(zone, accept);
        }
        let entry = self.entries.get(zone)?;
        if accept && entry.group.is_some() && entry.file_is_gone() {
            self.remove_all(std::slice::from_ref(zone));
            return Some(LoadOutcome::Removed);
        }
        let outcome = self.load(std::slice::from_ref(zone), accept).pop()?;
        if accept && outcome.is_served() {
            self.accept_next(zone);
        }
        Some(outcome)
    }

    fn load_due(&mut self, now: Instant) {
        if now >= self.next_sweep_at {
            self.sweep(now);
            self.generated.try_again();
        }
        let due = self.debounce.take_due(now);
        if due.is_empty() {
            return;
        }
        for due in &due {
            if due.is_still_written {
                warn!(
                    "zone {}: its file has been written to without a pause for long; it is read as it is",
                    due.key
                );
            }
            self.enter_new(&due.key, now);
        }
        let zones = due.into_iter().map(|due| due.key);
        let (fleeting, known): (Vec<ZoneKey>, Vec<ZoneKey>) = zones
            .filter(|zone| self.entries.contains_key(zone))
            .partition(|zone| self.entries[zone].was_fleeting(now));
        self.remove_all(&fleeting);
        self.load(&known, false);
        self.tell_loaded();
    }

    /// Loads zones, settles what becomes of each, and swaps all that changed in one step.
    fn load(&mut self, zones: &[ZoneKey], accept: bool) -> Vec<LoadOutcome> {
        let mut outcomes: Vec<Option<LoadOutcome>> = zones.iter().map(|_| None).collect();
        let mut changed = Vec::new();
        let mut versions = Vec::new();
        // What is settled of one zone takes nothing of the others, and each is looked for once.
        let mut entries = std::mem::take(&mut self.entries);
        let mut open = entries_of(&mut entries, zones);
        for round in 1..=LOADS_IN_A_ROW_MAX {
            if open.is_empty() {
                break;
            }
            let requests: Vec<load::Request<'_>> =
                open.iter().map(|(n, entry)| self.request(&zones[*n], entry)).collect();
            let attempts = load::in_parallel(&requests, self.loading_threads());
            let mut attempts = attempts.into_iter();
            open.retain_mut(|(n, entry)| {
                let Some(attempt) = attempts.next() else { return true };
                let last_round = round == LOADS_IN_A_ROW_MAX;
                // A file that changed while it was read may have been read half old and half new.
                if !attempt.is_current && !last_round {
                    return true;
                }
                let key = &zones[*n];
                let (outcome, is_other_state) = self.settle(key, entry, attempt, accept);
                outcomes[*n] = Some(outcome);
                if is_other_state {
                    changed.push(key.clone());
                    versions.push(entry.served.clone());
                }
                false
            });
        }
        self.entries = entries;
        self.show(zones);
        self.publish(&changed);
        for (key, version) in changed.iter().zip(&versions) {
            self.tell_changed(key, version.as_ref());
        }
        self.free_retired();
        outcomes.into_iter().flatten().collect()
    }

    /// Beside the answering of queries half of the cores are left alone: a thread that is woken by a query finds one.
    fn loading_threads(&self) -> usize {
        if self.is_serving {
            (self.threads / 2).max(1)
        } else {
            self.threads
        }
    }

    fn request<'k>(&'k self, key: &'k ZoneKey, entry: &'k Entry) -> load::Request<'k> {
        load::Request {
            key,
            file: &entry.file,
            standard: load::Standard::Sound,
            base_dir: &self.base_dir,
            // Once something is served, that is what a load is measured against.
            last_good: entry.served.is_none().then_some(&self.last_good),
            has_other_serial: entry.serial == SerialPolicy::Auto,
        }
    }

    /// Decides what a load means for what is served, and whether that is to be swapped; the caller [shows](Self::show) it.
    fn settle(&mut self, key: &ZoneKey, entry: &mut Entry, attempt: Attempt, accept: bool) -> (LoadOutcome, bool) {
        let now = Instant::now();
        let mut is_other_state = entry.seen.is_empty();
        if entry.served.is_none() {
            entry.recall_updates(&attempt, &self.last_good);
            is_other_state |= entry.served.is_some();
        }
        entry.seen = attempt.files;
        self.to_watch.push(key.clone());
        // Whatever was noticed before the files were read has been read.
        self.debounce.read(key);
        if entry.served.is_none() && attempt.last_good.is_some() {
            entry.served = attempt.last_good;
            entry.status.served_from = ServedFrom::LastGoodCopy;
            is_other_state = true;
        }
        let of_file = attempt.result.as_ref().ok().map(|loaded| loaded.zone.clone());
        let result = attempt.result.map(|loaded| entry.with_serial(loaded));
        let result = result.and_then(|loaded| entry.with_updates(loaded));
        let outcome = if attempt.is_current {
            outcome_of(key, result, attempt.took, entry.served.as_ref(), accept)
        } else {
            self.debounce
                .changed(key.clone(), entry.file.clone(), Change::Modified, now);
            LoadOutcome::Changing
        };
        if let LoadOutcome::Loaded { zone, .. } = &outcome {
            // The version before is part of what is answered from until the new one is published.
            let old = entry.served.replace(zone.clone());
            let of_file = of_file.unwrap_or_else(|| zone.clone());
            entry.follow_file(old.as_deref(), &of_file, zone, &self.last_good);
            // The updates of a version are in the journal, and lead on from the file's.
            let is_dynamic = entry.dynamic.is_some();
            let copied = if is_dynamic { of_file } else { zone.clone() };
            self.last_good.keep(key, copied, &entry.seen);
        }
        is_other_state |= matches!(outcome, LoadOutcome::Loaded { .. });
        entry.status.file_is_gone =
            entry.group.is_some() && entry.seen.first().is_some_and(|file| file.stamp.is_none());
        outcome.note(&mut entry.status, entry.served.as_deref(), SystemTime::now());
        if outcome.is_served() {
            self.untold.push((key.clone(), outcome.clone()));
        } else {
            outcome.log(key, &entry.status);
        }
        (outcome, is_other_state)
    }

    /// Writes on the board how these zones are.
    fn show(&self, zones: &[ZoneKey]) {
        let copy = |(zone, entry): (&ZoneKey, &Entry)| (zone.clone(), entry.status.clone());
        let statuses = if zones.len() == self.entries.len() {
            // All of them, as at the start: none is looked for.
            self.entries.iter().map(copy).collect()
        } else {
            let entries = zones.iter().filter_map(|zone| self.entries.get_key_value(zone));
            entries.map(copy).collect()
        };
        self.board.set_all(statuses);
    }

    /// Says in the log which versions were loaded.
    fn tell_loaded(&mut self) {
        for (zone, outcome) in std::mem::take(&mut self.untold) {
            if let Some(entry) = self.entries.get(&zone) {
                outcome.log(&zone, &entry.status);
            }
        }
    }

    /// Tells who wants to know which version of a zone is served.
    fn tell_changed(&mut self, key: &ZoneKey, zone: Option<&Arc<Zone>>) {
        let Some(zone) = zone else { return };
        self.interpreter.note_version(key);
        self.listeners.retain(|listener| {
            let changed = Changed {
                key: key.clone(),
                zone: zone.clone(),
            };
            listener.send(changed).is_ok()
        });
    }

    /// Frees what nobody else has. Nobody can come to it anew, as it was swapped for something else.
    fn free_retired(&mut self) {
        self.retired.retain(|serving| Arc::strong_count(serving) > 1);
    }
}

/// The entries of zones, each with its number among them, in the order of all. A list of all of them, as at the start, is not
/// searched for: looking for the place of each of ten thousand would take longer than what is then done there.
fn entries_of<'e>(entries: &'e mut BTreeMap<ZoneKey, Entry>, zones: &[ZoneKey]) -> Vec<(usize, &'e mut Entry)> {
    if let [zone] = zones {
        return entries.get_mut(zone).map(|entry| (0, entry)).into_iter().collect();
    }
    if entries.keys().eq(zones) {
        return entries.values_mut().enumerate().collect();
    }
    let numbers: HashMap<&ZoneKey, usize> = zones.iter().zip(0..).collect();
    let numbered = entries
        .iter_mut()
        .filter_map(|(zone, entry)| Some((*numbers.get(zone)?, entry)));
    numbered.collect()
}

/// What a load comes to, measured against what is served.
fn outcome_of(
    key: &ZoneKey,
    result: Result<Loaded, Vec<Problem>>,
    took: Duration,
    served: Option<&Arc<Zone>>,
    accept: bool,
) -> LoadOutcome {
    let mut loaded = match result {
        Ok(loaded) => loaded,
        Err(problems) => return LoadOutcome::Failed(problems.iter().map(ToString::to_string).collect()),
    };
    // A file that was touched, or written from here, makes no other version.
    if let Some(served) = served.filter(|served| is_same(served, &loaded.zone)) {
        loaded.zone = served.clone();
    }
    let mut warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    match served.map(|old| guard::judge(old, &loaded.zone, accept)) {
        Some(Verdict::Hold(loss)) => {
            return LoadOutcome::Held {
                zone: key.clone(),
                loss,
            };
        }
        Some(Verdict::ServeStale { old, new }) => warnings.push(format!(
            "the content changed, but the serial didn't go up (it was {old} and is {new}): secondaries won't notice"
        )),
        Some(Verdict::Serve) | None => {}
    }
    LoadOutcome::Loaded {
        zone: loaded.zone,
        warnings,
        took,
    }
}

#[cfg(test)]
mod tests;
