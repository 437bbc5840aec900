//! `io.ballast.Actions1`: an administrator has groups scaled up or down. What was planned is done, or nothing is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ballast_shared::varlink::{Call, CallError, Interface, parameters};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::act::Outcome;
use super::decision::{Action, Decision, Step};
use super::inputs::Trigger;
use super::memory::Entry;
use super::scaler::NotDone;
use super::service::Scalings;

/// The interface.
pub const INTERFACE: Interface = Interface {
    name: "io.ballast.Actions1",
    description: include_str!("../../../interfaces/io.ballast.Actions1.varlink"),
};

/// How long a plan is good for.
const PLAN_AGE_MAX: Duration = Duration::from_secs(300);
/// Plans that are remembered.
const PLANS_MAX: usize = 64;
/// Octets of a key.
const KEY_BYTES_MAX: usize = 128;

/// Plans and carries them out.
#[derive(Debug)]
pub struct Actions {
    scalings: Arc<Scalings>,
    plans: Mutex<VecDeque<Plan>>,
}

/// What somebody was shown.
#[derive(Debug, Clone)]
struct Plan {
    token: String,
    made: Instant,
    scaling: String,
    trigger: Trigger,
    action: Action,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanCall {
    action: String,
    arguments: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ExecuteCall {
    plan: String,
    idempotency_key: String,
}

impl Actions {
    /// On these.
    #[must_use]
    pub fn new(scalings: Arc<Scalings>) -> Self {
        Self {
            scalings,
            plans: Mutex::default(),
        }
    }

    /// Answers a call.
    ///
    /// # Errors
    /// Those of the interface.
    pub async fn call(&self, call: Call) -> Result<Map<String, Value>, CallError> {
        let caller = call.caller.uid;
        let of = Value::Object(call.parameters);
        match call.method.as_str() {
            "Plan" => {
                let call = serde_json::from_value(of).map_err(|_| CallError::InvalidParameter("arguments"))?;
                self.plan(call).await
            }
            "Execute" => {
                let call = serde_json::from_value(of).map_err(|_| CallError::InvalidParameter("plan"))?;
                self.execute(call, caller).await
            }
            _ => Err(CallError::MethodNotFound),
        }
    }

    async fn plan(&self, call: PlanCall) -> Result<Map<String, Value>, CallError> {
        let trigger = match call.action.as_str() {
            "scale-up" => Trigger::Jobs,
            "scale-down" => Trigger::NoJobs,
            _ => return Err(invalid("the actions are scale-up and scale-down")),
        };
        let (Some(name), 1) = (call.arguments.get("name").and_then(Value::as_str), call.arguments.len()) else {
            return Err(invalid("an action takes one argument, the name of a scaling"));
        };
        let scaler = self
            .scalings
            .get(name)
            .ok_or_else(|| invalid(&format!("there is no scaling {name}")))?;
        let decision = scaler
            .plan(trigger.clone())
            .await
            .map_err(|error| failed(&error.to_string(), &[]))?;
        let token = token().map_err(|error| failed(&error.to_string(), &[]))?;
        let reply = json!({
            "plan": token,
            "steps": decision.steps.iter().map(wire_step).collect::<Vec<_>>(),
            "reason": format!("{}: {}", decision.action, decision.text),
        });
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.truncate(PLANS_MAX - 1);
        plans.push_front(Plan {
            token,
            made: Instant::now(),
            scaling: name.to_owned(),
            trigger,
            action: decision.action,
            steps: decision.steps,
        });
        Ok(parameters(&reply))
    }

    async fn execute(&self, call: ExecuteCall, caller: u32) -> Result<Map<String, Value>, CallError> {
        if !(1..=KEY_BYTES_MAX).contains(&call.idempotency_key.len()) || call.idempotency_key.contains(char::is_control)
        {
            return Err(CallError::InvalidParameter("idempotencyKey"));
        }
        let expired = || CallError::Failed("PlanExpired", Map::new());
        let plan = {
            let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
            let plan = plans
                .iter()
                .find(|plan| plan.token == call.plan && plan.made.elapsed() < PLAN_AGE_MAX);
            plan.cloned().ok_or_else(expired)?
        };
        let scaler = self.scalings.get(&plan.scaling).ok_or_else(expired)?;
        let is_as_planned = |now: &Decision| now.action == plan.action && now.steps == plan.steps;
        let cause = format!("an administrator, uid {caller}");
        let key = &call.idempotency_key;
        match scaler.asked(plan.trigger.clone(), key, cause, is_as_planned).await {
            Ok(entries) => results(&entries),
            Err(NotDone::Changed) => Err(expired()),
            Err(NotDone::NotGathered(error)) => Err(failed(&error.to_string(), &[])),
        }
    }
}

/// What was done, a sentence each.
fn results(entries: &[Entry]) -> Result<Map<String, Value>, CallError> {
    let mut done = Vec::new();
    for entry in entries {
        let steps = entry.decision.steps.iter().zip(&entry.results);
        done.extend(
            steps
                .filter(|(_, result)| result.is_done)
                .map(|(step, result)| format!("{step}: {}", result.text)),
        );
        if entry.decision.steps.is_empty() {
            done.push(format!("nothing: {}", entry.decision.text));
        }
    }
    match entries.last().and_then(|entry| entry.outcome.as_ref()) {
        Some(Outcome::Done) => Ok(parameters(&json!({ "results": done }))),
        Some(Outcome::Again { why } | Outcome::SpotRefused { why }) => Err(failed(why, &done)),
        None => Err(failed("it is not known how it ended", &done)),
    }
}

fn wire_step(step: &Step) -> Value {
    let call = match step {
        Step::ExecutePolicy { .. } => "autoscaling:ExecutePolicy",
        Step::DetachInstance { .. } => "autoscaling:DetachInstances",
    };
    json!({ "description": step.to_string(), "call": call })
}

fn invalid(message: &str) -> CallError {
    CallError::Failed("InvalidAction", parameters(&json!({ "message": message })))
}

fn failed(message: &str, done: &[String]) -> CallError {
    CallError::Failed("Failed", parameters(&json!({ "message": message, "done": done })))
}

/// What nobody guesses, and no other plan has.
fn token() -> Result<String, getrandom::Error> {
    Ok(format!("{:016x}{:016x}", getrandom::u64()?, getrandom::u64()?))
}
