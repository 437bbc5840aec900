//! What the scaling remembers: a fold of the lines of its record, so that a restart forgets nothing.

use std::collections::{HashMap, HashSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::act::{Outcome, StepResult, scaled_up};
use super::decision::{Action, Decision, Reason, Step};
use super::inputs::{Earlier, Side, Trigger};

/// Decisions that are shown.
const ENTRIES_MAX: usize = 2000;
/// Keys that are remembered as done.
const KEYS_MAX: usize = 20_000;

/// A line of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "record")]
pub(super) enum Line {
    /// Something was decided, and is about to be carried out.
    Decided(Box<Decided>),
    /// It was carried out, or was not.
    Ended(Ended),
    /// The spot machine that was asked for by it is no longer waited for.
    Settled(Settled),
}

/// Something that was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Decided {
    /// What no other decision has.
    pub(super) id: String,
    /// What it is about: the same for each try of the same.
    pub(super) key: String,
    /// Who asked: for people.
    pub(super) cause: String,
    /// When what it is about happened, in milliseconds since 1970, if it is an alarm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) alarm_at: Option<i64>,
    /// The decision that did not work out and made this one necessary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) follows: Option<String>,
    pub(super) decision: Decision,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ended {
    pub(super) id: String,
    /// In seconds since 1970.
    pub(super) at: i64,
    pub(super) outcome: Outcome,
    /// Of its steps, in their order.
    pub(super) results: Vec<StepResult>,
}

/// That a spot machine is no longer waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Settled {
    pub(super) id: String,
    /// In seconds since 1970.
    pub(super) at: i64,
    /// Whether one is in service; else the group is to have none any more.
    pub(super) came_up: bool,
}

/// A decision with what became of it, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// What no other decision has.
    pub id: String,
    /// What it is about: the same for each try of the same.
    pub key: String,
    /// Who asked: for people.
    pub cause: String,
    /// The decision that did not work out and made this one necessary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<String>,
    /// What was decided, with all its inputs.
    pub decision: Decision,
    /// What became of it; `None`: that is not known yet, or the daemon ended before it was.
    pub outcome: Option<Outcome>,
    /// Of its steps, in their order.
    pub results: Vec<StepResult>,
    /// When it ended, in seconds since 1970.
    pub ended_at: Option<i64>,
    /// When the spot group that was scaled up had a machine in service.
    pub came_up_at: Option<i64>,
}

/// A spot machine that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending {
    /// The decision that asked for it.
    pub(super) id: String,
    /// In seconds since 1970.
    pub(super) since: i64,
    /// The group that is to have it.
    pub(super) group: String,
}

/// What is known of a message whose work is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    /// How many machines the groups were to have at the first try.
    pub(super) earlier: Earlier,
    /// Machines that were to be taken out of the group.
    pub(super) drained: HashSet<String>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Memory {
    entries: VecDeque<Entry>,
    /// The alarms' times of entries that have not ended.
    alarms: HashMap<String, i64>,
    done: HashSet<String>,
    done_order: VecDeque<String>,
    open: HashMap<String, Open>,
    last_alarm: Option<i64>,
    pending: Option<Pending>,
}

impl Memory {
    /// What follows from the lines of a record.
    pub(super) fn of(lines: Vec<Line>) -> Self {
        let mut memory = Self::default();
        for line in lines {
            memory.apply(line);
        }
        memory
    }

    /// Takes in a line.
    pub(super) fn apply(&mut self, line: Line) {
        match line {
            Line::Decided(decided) => self.decided(*decided),
            Line::Ended(ended) => self.ended(ended),
            Line::Settled(settled) => {
                if let Some(entry) = self.entry(&settled.id).filter(|_| settled.came_up) {
                    entry.came_up_at = Some(settled.at);
                }
                if self.pending.as_ref().is_some_and(|pending| pending.id == settled.id) {
                    self.pending = None;
                }
            }
        }
    }

    fn decided(&mut self, decided: Decided) {
        let decision = &decided.decision;
        let open = self.open.entry(decided.key.clone()).or_insert_with(|| Open {
            earlier: Earlier {
                spot: decision.inputs.spot.desired,
                on_demand: decision.inputs.on_demand.desired,
            },
            drained: HashSet::new(),
        });
        open.drained.extend(decision.steps.iter().filter_map(|step| match step {
            Step::DetachInstance { instance, .. } => Some(instance.clone()),
            Step::ExecutePolicy { .. } => None,
        }));
        if let Some(alarm_at) = decided.alarm_at {
            self.alarms.insert(decided.id.clone(), alarm_at);
        }
        self.entries.push_back(Entry {
            id: decided.id,
            key: decided.key,
            cause: decided.cause,
            follows: decided.follows,
            decision: decided.decision,
            outcome: None,
            results: Vec::new(),
            ended_at: None,
            came_up_at: None,
        });
        if self.entries.len() > ENTRIES_MAX
            && let Some(oldest) = self.entries.pop_front()
        {
            self.alarms.remove(&oldest.id);
        }
    }

    fn ended(&mut self, ended: Ended) {
        let alarm_at = self.alarms.remove(&ended.id);
        let Some(entry) = self.entry(&ended.id) else { return };
        entry.results = ended.results;
        entry.ended_at = Some(ended.at);
        entry.outcome = Some(ended.outcome.clone());
        if ended.outcome != Outcome::Done {
            return;
        }
        let (key, id) = (entry.key.clone(), entry.id.clone());
        let pending = after(&entry.decision, id);
        match pending {
            After::AsBefore => {}
            After::Waits(pending) => self.pending = Some(pending),
            After::MayWait(pending) => self.pending = self.pending.take().or(Some(pending)),
            After::Over => self.pending = None,
        }
        self.last_alarm = self.last_alarm.max(alarm_at);
        self.open.remove(&key);
        if self.done.insert(key.clone()) {
            self.done_order.push_back(key);
        }
        if self.done_order.len() > KEYS_MAX
            && let Some(oldest) = self.done_order.pop_front()
        {
            self.done.remove(&oldest);
        }
    }

    fn entry(&mut self, id: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().rev().find(|entry| entry.id == id)
    }

    /// Whether what a key stands for is done.
    pub(super) fn is_done(&self, key: &str) -> bool {
        self.done.contains(key)
    }

    /// What is known of a message whose work is not done.
    pub(super) fn open(&self, key: &str) -> Option<&Open> {
        self.open.get(key)
    }

    /// Whether an alarm is older than one that has been acted on: by now the opposite may be true.
    pub(super) fn is_stale(&self, alarm_at: i64) -> bool {
        self.last_alarm.is_some_and(|last| alarm_at < last)
    }

    /// The spot machine that is waited for.
    pub(super) fn pending(&self) -> Option<&Pending> {
        self.pending.as_ref()
    }

    /// The decisions, the oldest first.
    pub(super) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The number behind that of the newest decision.
    pub(super) fn next_number(&self) -> u64 {
        let newest = self
            .entries
            .back()
            .and_then(|entry| entry.id.rsplit('-').next()?.parse::<u64>().ok());
        newest.map_or(1, |number| number.saturating_add(1))
    }
}

/// What a decision that was carried out changes about the spot machine that is waited for.
enum After {
    AsBefore,
    Waits(Pending),
    /// Unless one is waited for already.
    MayWait(Pending),
    Over,
}

fn after(decision: &Decision, id: String) -> After {
    let pending = || Pending {
        id,
        since: decision.inputs.at,
        group: decision.inputs.spot.name.clone(),
    };
    match (&decision.inputs.trigger, decision.action) {
        _ if scaled_up(decision) == Some(Side::Spot) => After::Waits(pending()),
        (Trigger::Jobs, Action::Nothing) if decision.reason == Reason::SpotUnderWay => After::MayWait(pending()),
        (Trigger::NoJobs | Trigger::SpotLate { .. }, _) => After::Over,
        _ => After::AsBefore,
    }
}

#[cfg(test)]
mod tests;
