//! The scalings that the configuration has: their records, and the loops that bring them messages and the time.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::config::Config;
use super::record::{BYTES_MAX, Record};
use super::scaler::{Clock, Scaler};
use super::state::State;
use crate::events::Events;

/// How often a spot machine that is waited for is looked for.
const LOOK_AFTER: Duration = Duration::from_secs(10);

/// All of them.
pub struct Scalings {
    directory: PathBuf,
    events: Arc<Events>,
    clock: Clock,
    /// By name; those of names that a reload has taken away stay, in case it comes back.
    states: Mutex<HashMap<String, Arc<State>>>,
    running: Mutex<BTreeMap<String, Arc<Scaler>>>,
}

impl Scalings {
    /// None yet. Their records are in `scaling/` of the work directory.
    #[must_use]
    pub fn new(work_dir: &std::path::Path, events: Arc<Events>) -> Self {
        Self {
            directory: work_dir.join("scaling"),
            events,
            clock: Arc::new(now),
            states: Mutex::default(),
            running: Mutex::default(),
        }
    }

    /// Has these and no others. What is given is to be run, each by [`run`]; one that has been replaced ends what it is doing
    /// before its successor does anything.
    pub fn arrange(&self, configs: Vec<Config>) -> Vec<Arc<Scaler>> {
        let mut running = BTreeMap::new();
        for config in configs {
            let name = config.name.clone();
            match self.state_of(&name) {
                Ok(state) => {
                    let scaler = Scaler::new(config, state, self.events.clone(), self.clock.clone());
                    running.insert(name, Arc::new(scaler));
                }
                Err(cause) => tracing::error!("scaling {name} is not run, as its record can't be opened: {cause}"),
            }
        }
        let scalers = running.values().cloned().collect();
        *self.running() = running;
        scalers
    }

    fn state_of(&self, name: &str) -> std::io::Result<Arc<State>> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = states.get(name) {
            return Ok(state.clone());
        }
        let (record, lines) = Record::open(&self.directory.join(format!("{name}.jsonl")), BYTES_MAX)?;
        let state = Arc::new(State::new(record, lines));
        states.insert(name.to_owned(), state.clone());
        Ok(state)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Scaler>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Scaler>> {
        self.running().get(name).cloned()
    }

    /// All of them, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Scaler>> {
        self.running().values().cloned().collect()
    }
}

impl std::fmt::Debug for Scalings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scalings")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// Brings it messages and the time until it is stopped. What has begun by then is ended first.
pub async fn run(scaler: Arc<Scaler>, stop: CancellationToken) {
    let messages = async {
        if let Some(queue) = &scaler.config().queue {
            super::feed::run(&scaler, queue, &stop).await;
        }
    };
    let time = async {
        let mut ticks = interval(LOOK_AFTER);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => scaler.look_after().await,
            }
        }
    };
    tokio::join!(messages, time);
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
