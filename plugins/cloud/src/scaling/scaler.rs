//! One pair of groups: what it hears, decides and does. It has no loop of its own: [`super::service`] brings it messages, and the
//! time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::counter;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::act::{self, Outcome, Patience};
use super::config::Config;
use super::decision::{Decision, Reason};
use super::gather::{self, NotGathered, Question};
use super::inputs::{Inputs, Trigger};
use super::memory::{Decided, Ended, Entry, Line, Memory, Pending, Settled};
use super::message::{self, Ask, Said, Signal};
use super::state::{Doing, State};
use super::told;
use crate::aws::Client;
use crate::events::Events;
use crate::queue::Verdict;

/// From this try on a message is acted on without spot prices, if they can't be had: that there are jobs does not wait for them.
const TRIES_WITH_PRICES: u32 = 3;
/// After a try that failed a message is left alone for so long, in seconds; then for twice that, and so on …
const PAUSE_MIN: i64 = 20;
/// … up to this.
const PAUSE_MAX: i64 = 900;
/// Milliseconds after which a notice of two minutes means nothing any more.
const NOTICE_AGE_MAX: i64 = 3_600_000;
/// So often a machine that did not come is tried to be replaced.
const LATE_TRIES_MAX: u32 = 12;

/// Seconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How it is, for those who look on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Why something could not be decided or done, if that was the last that happened.
    pub problem: Option<String>,
    /// Why nothing can be heard of at present.
    pub deaf: Option<String>,
    /// When a message last came, in seconds since 1970.
    pub heard_at: Option<i64>,
}

/// One pair of groups.
pub struct Scaler {
    config: Config,
    client: Client,
    patience: Patience,
    events: Arc<Events>,
    clock: Clock,
    state: Arc<State>,
    health: Mutex<Health>,
}

impl Scaler {
    /// With what is remembered of it.
    #[must_use]
    pub fn new(config: Config, state: Arc<State>, events: Arc<Events>, clock: Clock) -> Self {
        Self {
            client: Client::new(config.settings.clone(), &config.parts()),
            patience: Patience::default(),
            health: Mutex::default(),
            config,
            events,
            clock,
            state,
        }
    }

    /// What it is told.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What it asks with.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// How it is.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on nothing can be heard of, for this reason, or it can again.
    pub(super) fn queue_is_away(&self, why: Option<String>) {
        self.note(|health| health.deaf = why);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.state.memory()
    }

    fn note(&self, change: impl FnOnce(&mut Health)) {
        change(&mut self.health.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn count_message(&self, outcome: &'static str) {
        counter!("cloudd_scaling_messages_total", "scaling" => self.config.name.clone(), "outcome" => outcome)
            .increment(1);
    }

    /// Does what a message asks for. `body` is what it says without an envelope; `is_first` whether it comes for the first time.
    pub async fn heard(&self, body: &str, is_first: bool) -> Verdict {
        let now = (self.clock)();
        self.note(|health| health.heard_at = Some(now));
        match message::read(body, &self.config) {
            Said::Signal(signal) => self.react(signal).await,
            Said::Ignored(why) => {
                self.count_message("ignored");
                info!(scaling = self.config.name, "a message is over: {why}");
                Verdict::Done
            }
            Said::Foreign => {
                // Whose it is is not known: it goes where the queue's redrive policy has it go, and is not lost.
                self.count_message("foreign");
                if is_first {
                    warn!(
                        scaling = self.config.name,
                        "a message is no alarm of ours and no notice: it is left, to come again"
                    );
                }
                Verdict::Keep
            }
        }
    }

    async fn react(&self, signal: Signal) -> Verdict {
        let mut doing = self.state.turn.lock().await;
        let Signal { key, at, ask } = signal;
        if self.memory().is_done(&key) {
            self.count_message("repeated");
            info!(scaling = self.config.name, key, "this has been done already");
            return Verdict::Done;
        }
        let is_alarm = !matches!(ask, Ask::Interruption(_));
        if is_alarm && self.memory().is_stale(at) {
            doing.tries.remove(&key);
            self.count_message("stale");
            info!(
                scaling = self.config.name,
                key, "an alarm that is older than the last one that was acted on is not acted on"
            );
            return Verdict::Done;
        }
        let now = (self.clock)();
        if !is_alarm && at.saturating_add(NOTICE_AGE_MAX) < now.saturating_mul(1000) {
            doing.tries.remove(&key);
            self.count_message("stale");
            info!(
                scaling = self.config.name,
                key, "a notice of that age is about a machine that is long gone"
            );
            return Verdict::Done;
        }
        if let Some(later) = doing.later(&key, now) {
            self.count_message("kept");
            return later;
        }
        let trigger = match ask {
            Ask::Jobs => Trigger::Jobs,
            Ask::NoJobs => Trigger::NoJobs,
            Ask::Interruption(instance) => Trigger::Interruption {
                drained: self
                    .memory()
                    .open(&key)
                    .is_some_and(|open| open.drained.contains(&instance)),
                instance,
            },
        };
        let about = About {
            cause: key.clone(),
            alarm_at: is_alarm.then_some(at),
            key,
        };
        let verdict = match self.decide_and_do(&mut doing, &about, trigger).await {
            Ok(Outcome::Done) => Verdict::Done,
            Ok(Outcome::Again { .. } | Outcome::SpotRefused { .. }) | Err(_) => {
                doing.later(&about.key, (self.clock)()).unwrap_or(Verdict::Keep)
            }
        };
        self.count_message(if verdict == Verdict::Done { "done" } else { "kept" });
        verdict
    }

    /// Does what an administrator asks for, once for each key, and gives what was decided and done.
    ///
    /// # Errors
    /// When it could not be decided, or `check` does not want what was decided.
    pub async fn asked(
        &self,
        trigger: Trigger,
        key: &str,
        cause: String,
        check: impl FnOnce(&Decision) -> bool,
    ) -> Result<Vec<Entry>, NotDone> {
        let mut doing = self.state.turn.lock().await;
        let key = format!("asked:{key}");
        if !self.memory().is_done(&key) {
            let inputs = self
                .gather(&doing, &key, trigger.clone())
                .await
                .map_err(NotDone::NotGathered)?;
            if !check(&Decision::of(inputs)) {
                return Err(NotDone::Changed);
            }
            let about = About {
                cause,
                alarm_at: None,
                key: key.clone(),
            };
            self.decide_and_do(&mut doing, &about, trigger)
                .await
                .map_err(NotDone::NotGathered)?;
        }
        Ok(self
            .memory()
            .entries()
            .filter(|entry| entry.key == key)
            .cloned()
            .collect())
    }

    /// What would be decided now; nothing is done.
    ///
    /// # Errors
    /// When the inputs can't be had.
    pub async fn plan(&self, trigger: Trigger) -> Result<Decision, NotGathered> {
        let question = Question {
            at: (self.clock)(),
            trigger,
            earlier: None,
            may_lack_prices: true,
        };
        let client = self.client.until(Instant::now() + self.patience.gather);
        gather::inputs(&client, &self.config, question).await.map(Decision::of)
    }

    /// The decisions, the newest first.
    #[must_use]
    pub fn history(&self, limit: usize) -> Vec<Entry> {
        self.memory().entries().rev().take(limit).cloned().collect()
    }

    /// Since when a spot machine is waited for, if one is.
    #[must_use]
    pub fn waits_since(&self) -> Option<i64> {
        self.memory().pending().map(|pending| pending.since)
    }

    /// Looks after the spot machine that is waited for: notes that it has come, or has something else take its place.
    pub async fn look_after(&self) {
        let mut doing = self.state.turn.lock().await;
        let Some(pending) = self.memory().pending().cloned() else {
            return;
        };
        let now = (self.clock)();
        let client = self.client.until(Instant::now() + self.patience.gather);
        let groups = client.groups(std::slice::from_ref(&pending.group)).await;
        let come_up = i64::try_from(self.config.come_up.as_secs()).unwrap_or(i64::MAX);
        let is_late = now.saturating_sub(pending.since) >= come_up;
        match groups {
            Ok(groups) => {
                let group = groups.first();
                let in_service = group.is_some_and(|group| group.members.iter().any(|one| one.state == "InService"));
                // One that is to have none any more was scaled down by somebody else.
                let is_over = group.is_none_or(|group| group.desired == 0 && group.members.is_empty());
                if in_service || is_over {
                    self.write(&mut doing, settled(pending.id, now, in_service)).await;
                    return;
                }
            }
            Err(error) => self.note(|health| health.problem = Some(format!("the spot group: {error}"))),
        }
        if is_late {
            self.replace(&mut doing, &pending, now).await;
        }
    }

    /// The spot machine has not come in its time.
    async fn replace(&self, doing: &mut Doing, pending: &Pending, now: i64) {
        let key = format!("late:{}", pending.id);
        let tries = doing.tries.get(&key);
        if tries.is_some_and(|tries| now < tries.not_before) {
            return;
        }
        if tries.is_some_and(|tries| tries.count >= LATE_TRIES_MAX) {
            error!(
                scaling = self.config.name,
                "the spot machine that did not come could not be replaced: nobody waits for it any more"
            );
            self.write(doing, settled(pending.id.clone(), now, false)).await;
            return;
        }
        let waited = u64::try_from(now.saturating_sub(pending.since)).unwrap_or(0);
        let about = About {
            cause: format!("no spot machine in time for {}", pending.id),
            alarm_at: None,
            key,
        };
        // What it came to is in the record, and if it failed it is tried again.
        let _ = self.decide_and_do(doing, &about, Trigger::SpotLate { waited }).await;
    }

    async fn gather(&self, doing: &Doing, key: &str, trigger: Trigger) -> Result<Inputs, NotGathered> {
        let question = Question {
            at: (self.clock)(),
            trigger,
            earlier: self.memory().open(key).map(|open| open.earlier),
            may_lack_prices: doing
                .tries
                .get(key)
                .is_some_and(|tries| tries.count + 1 >= TRIES_WITH_PRICES),
        };
        let client = self.client.until(Instant::now() + self.patience.gather);
        gather::inputs(&client, &self.config, question).await
    }

    /// Decides, carries it out, and decides again where the spot group was refused.
    async fn decide_and_do(&self, doing: &mut Doing, about: &About, trigger: Trigger) -> Result<Outcome, NotGathered> {
        let inputs = match self.gather(doing, &about.key, trigger).await {
            Ok(inputs) => inputs,
            Err(error) => {
                self.failed(doing, &about.key, &format!("nothing can be decided: {error}"));
                return Err(error);
            }
        };
        let decision = Decision::of(inputs);
        let (id, outcome) = self.carry_out(doing, about, None, decision.clone()).await;
        let outcome = match outcome {
            Outcome::SpotRefused { why } => {
                let instead = Inputs {
                    trigger: Trigger::SpotRefused { why },
                    ..decision.inputs
                };
                self.carry_out(doing, about, Some(id), Decision::of(instead)).await.1
            }
            outcome => outcome,
        };
        match &outcome {
            Outcome::Done => {
                doing.tries.remove(&about.key);
                self.note(|health| health.problem = None);
            }
            Outcome::Again { why } | Outcome::SpotRefused { why } => self.failed(doing, &about.key, why),
        }
        Ok(outcome)
    }

    /// Records a decision, tells of it, carries it out and records how that ended.
    async fn carry_out(
        &self,
        doing: &mut Doing,
        about: &About,
        follows: Option<String>,
        decision: Decision,
    ) -> (String, Outcome) {
        let id = format!(
            "{}-{}-{}",
            self.config.name,
            decision.inputs.at,
            self.memory().next_number()
        );
        let name = &self.config.name;
        counter!("cloudd_scaling_decisions_total", "scaling" => name.clone(), "action" => decision.action.as_str())
            .increment(1);
        self.events.tell(told::event(&id, name, &about.key, &decision));
        let decided = Decided {
            id: id.clone(),
            key: about.key.clone(),
            cause: about.cause.clone(),
            alarm_at: about.alarm_at,
            follows,
            decision: decision.clone(),
        };
        self.write(doing, Line::Decided(Box::new(decided))).await;
        let (results, outcome) = act::carry_out(&self.client, self.patience, &decision).await;
        // An obstacle that somebody can remove is no success: the jobs are there still.
        let outcome = match decision.reason {
            Reason::OnDemandCannotGrow | Reason::CannotShrink if outcome == Outcome::Done => {
                Outcome::Again { why: decision.text }
            }
            _ => outcome,
        };
        let ended = Ended {
            id: id.clone(),
            at: (self.clock)(),
            outcome: outcome.clone(),
            results,
        };
        self.write(doing, Line::Ended(ended)).await;
        (id, outcome)
    }

    fn failed(&self, doing: &mut Doing, key: &str, why: &str) {
        let tries = doing.tries.entry(key.to_owned()).or_default();
        tries.count += 1;
        let pause = PAUSE_MIN.saturating_mul(1 << (tries.count - 1).min(10)).min(PAUSE_MAX);
        tries.not_before = (self.clock)().saturating_add(pause);
        counter!("cloudd_scaling_failures_total", "scaling" => self.config.name.clone()).increment(1);
        warn!(scaling = self.config.name, key, "it is tried again in {pause} s: {why}");
        self.note(|health| health.problem = Some(why.to_owned()));
    }

    /// A line that can't be written is remembered all the same: jobs don't wait for a disk.
    async fn write(&self, doing: &mut Doing, line: Line) {
        if let Some(mut record) = doing.record.take() {
            let text = line.clone();
            let written = tokio::task::spawn_blocking(move || {
                let written = record.add(&text);
                (record, written)
            });
            match written.await {
                Ok((record, written)) => {
                    doing.record = Some(record);
                    if let Err(cause) = written {
                        counter!("cloudd_scaling_record_failures_total").increment(1);
                        error!(scaling = self.config.name, "the record can't be written: {cause}");
                    }
                }
                Err(cause) => error!(
                    scaling = self.config.name,
                    "the record is lost until the next start: {cause}"
                ),
            }
        }
        self.memory().apply(line);
    }
}

fn settled(id: String, at: i64, came_up: bool) -> Line {
    Line::Settled(Settled { id, at, came_up })
}

/// What a decision is about.
struct About {
    key: String,
    cause: String,
    alarm_at: Option<i64>,
}

/// Why something that an administrator asked for was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotDone {
    /// It could not be decided.
    NotGathered(NotGathered),
    /// By now something else would be decided.
    Changed,
}

impl fmt::Debug for Scaler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scaler")
            .field("config", &self.config.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests;
