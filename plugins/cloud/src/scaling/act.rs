//! Carries out what was decided. What is not known to have been done is looked up, and not done again before everything has been
//! asked for anew.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::decision::{Action, Decision, Step};
use super::inputs::{Inputs, Side, Trigger};
use crate::aws::{Client, Error};

/// The service's words for "not yet, the cooldown of an earlier activity is not over".
const COOLDOWN: [&str; 2] = ["Cooldown", "ScalingActivityInProgress"];

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Outcome {
    /// All of it is done.
    Done,
    /// Not all of it; it is to be tried again.
    Again {
        /// Why.
        why: String,
    },
    /// The spot group can't be scaled up: nothing was done.
    SpotRefused {
        /// What the service said.
        why: String,
    },
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepResult {
    /// Whether it was done.
    pub is_done: bool,
    /// For people: how it is known, or why not.
    pub text: String,
}

/// How long things may take. All of it together is less than the time for which the queue hides a message.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The asking for all inputs.
    pub gather: Duration,
    /// A step.
    pub step: Duration,
    /// Looking whether one has been done.
    pub look: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            gather: Duration::from_secs(10),
            step: Duration::from_secs(5),
            look: Duration::from_secs(3),
        }
    }
}

/// Does all steps that can be done.
pub(super) async fn carry_out(client: &Client, patience: Patience, decision: &Decision) -> (Vec<StepResult>, Outcome) {
    let mut results = Vec::new();
    let mut outcome = Outcome::Done;
    // What gives something up needs what takes its place to be there.
    let is_chain = matches!(decision.inputs.trigger, Trigger::SpotLate { .. });
    for step in &decision.steps {
        if is_chain && outcome != Outcome::Done {
            results.push(StepResult::failed("not tried, as the one before it failed"));
            continue;
        }
        match take(client, patience, step, &decision.inputs).await {
            Ok(text) => results.push(StepResult {
                is_done: true,
                text: text.to_owned(),
            }),
            Err(error) => {
                let why = error.to_string();
                results.push(StepResult::failed(&why));
                outcome = match decision.action == Action::ScaleUpSpot && is_refusal(&error) {
                    true => Outcome::SpotRefused { why },
                    false => Outcome::Again { why },
                };
            }
        }
    }
    (results, outcome)
}

impl StepResult {
    fn failed(why: &str) -> Self {
        Self {
            is_done: false,
            text: why.to_owned(),
        }
    }
}

/// Whether the service does not want to, and will not soon: nothing was done.
fn is_refusal(error: &Error) -> bool {
    match error {
        Error::Refused { code, .. } => !is_cooldown(code),
        Error::Throttled { .. } => true,
        _ => false,
    }
}

fn is_cooldown(code: &str) -> bool {
    COOLDOWN.iter().any(|word| code.starts_with(word))
}

async fn take(client: &Client, patience: Patience, step: &Step, inputs: &Inputs) -> Result<&'static str, Error> {
    let look = client;
    let client = &client.until(Instant::now() + patience.step);
    let done = match step {
        Step::ExecutePolicy { group, policy, .. } => client.execute_policy(group, policy, true).await,
        Step::DetachInstance {
            group,
            instance,
            shrink,
        } => client.detach_instance(group, instance, *shrink).await,
    };
    let Err(error) = done else { return Ok("done") };
    let is_gone = matches!((step, &error), (Step::DetachInstance { .. }, Error::Refused { .. }));
    let look = &look.until(Instant::now() + patience.look);
    if (error.may_have_been_done() || is_gone) && has_been_done(look, step, inputs).await {
        return Ok("done, as was seen when its answer did not come");
    }
    Err(error)
}

/// Whether a group shows that a step has been done. When that can't be seen either it isn't known, and everything is asked for
/// anew before it is tried again.
async fn has_been_done(client: &Client, step: &Step, inputs: &Inputs) -> bool {
    let (Step::ExecutePolicy { group, .. } | Step::DetachInstance { group, .. }) = step;
    let Ok(groups) = client.groups(std::slice::from_ref(group)).await else {
        return false;
    };
    let Some(now) = groups.into_iter().find(|found| found.name == *group) else {
        return false;
    };
    match step {
        Step::ExecutePolicy { side, is_up: true, .. } => now.desired > inputs.group(*side).desired,
        Step::ExecutePolicy { side, is_up: false, .. } => now.desired < inputs.group(*side).desired,
        Step::DetachInstance { instance, .. } => {
            let detaches = |state: &str| state.starts_with("Detach");
            !now.members
                .iter()
                .any(|member| member.instance == *instance && !detaches(&member.state))
        }
    }
}

/// The side whose policy scales up, if one does.
pub(super) fn scaled_up(decision: &Decision) -> Option<Side> {
    decision.steps.iter().find_map(|step| match step {
        Step::ExecutePolicy { side, is_up: true, .. } => Some(*side),
        _ => None,
    })
}
