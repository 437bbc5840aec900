//! The scaling's part of `io.ballast.cloudd`.

use std::sync::Arc;

use ballast_shared::varlink::{Call, CallError, Part, parameters};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::inputs::Trigger;
use super::memory::Entry;
use super::scaler::Scaler;
use super::service::Scalings;

/// Decisions that are shown where nobody says how many.
const HISTORY: usize = 50;
/// Replies that are made before the first of them is taken.
const REPLIES_AHEAD: usize = 4;

impl Scalings {
    /// Answers a call, if it is one of the scaling's.
    pub async fn call(&self, call: &Call) -> Option<Result<Map<String, Value>, CallError>> {
        match call.method.as_str() {
            "ScalePlan" => Some(self.plan(&call.parameters).await),
            "ScaleStatus" => Some(Ok(self.status())),
            "ScaleHistory" => Some(Err(CallError::ExpectedMore)),
            _ => None,
        }
    }

    async fn plan(&self, of: &Map<String, Value>) -> Result<Map<String, Value>, CallError> {
        let name = of
            .get("name")
            .and_then(Value::as_str)
            .ok_or(CallError::InvalidParameter("name"))?;
        let trigger = match of.get("down").unwrap_or(&Value::Null) {
            Value::Null | Value::Bool(false) => Trigger::Jobs,
            Value::Bool(true) => Trigger::NoJobs,
            _ => return Err(CallError::InvalidParameter("down")),
        };
        let scaler = self.named(name)?;
        let decision = scaler.plan(trigger).await.map_err(|error| {
            let message = json!({ "message": format!("scaling {name}: nothing can be decided: {error}") });
            CallError::Failed("NotPlanned", parameters(&message))
        })?;
        Ok(parameters(&json!({ "decision": decision })))
    }

    fn named(&self, name: &str) -> Result<Arc<Scaler>, CallError> {
        self.get(name).ok_or_else(|| {
            let message = json!({ "message": format!("there is no scaling {name}") });
            CallError::Failed("NoSuchScaling", parameters(&message))
        })
    }

    fn status(&self) -> Map<String, Value> {
        let scalings = self.all().into_iter().map(|scaler| {
            let health = scaler.health();
            let last = scaler.history(1).pop();
            let last = last.map(|entry| {
                json!({"id": entry.id, "at": entry.decision.inputs.at, "action": entry.decision.action, "text": entry.decision.text})
            });
            json!({
                "name": scaler.config().name,
                "heardAt": health.heard_at,
                "problem": health.problem.or(health.deaf),
                "waitsSince": scaler.waits_since(),
                "last": last,
            })
        });
        Map::from_iter([("scalings".to_owned(), scalings.collect())])
    }

    /// Answers a call of which there are several replies: the history, the oldest first, with a last reply that has none.
    ///
    /// # Errors
    /// When there is no scaling of that name, or a parameter is wrong.
    pub fn history(&self, of: &Map<String, Value>) -> Result<mpsc::Receiver<Part>, CallError> {
        let limit = match of.get("limit").unwrap_or(&Value::Null) {
            Value::Null => HISTORY,
            limit => {
                let limit = limit.as_u64().ok_or(CallError::InvalidParameter("limit"))?;
                usize::try_from(limit).unwrap_or(usize::MAX)
            }
        };
        let scalers = match of.get("name").unwrap_or(&Value::Null) {
            Value::Null => self.all(),
            Value::String(name) => vec![self.named(name)?],
            _ => return Err(CallError::InvalidParameter("name")),
        };
        let of_one = |scaler: &Arc<Scaler>| {
            let name = scaler.config().name.clone();
            let entries = scaler.history(limit).into_iter();
            entries
                .map(|entry| (name.clone(), entry))
                .collect::<Vec<(String, Entry)>>()
        };
        let mut entries: Vec<(String, Entry)> = scalers.iter().flat_map(of_one).collect();
        // Each is in its order already, and stays so.
        entries.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.decision.inputs.at));
        entries.truncate(limit);
        let (replies, receiver) = mpsc::channel(REPLIES_AHEAD);
        tokio::spawn(async move {
            for (name, entry) in entries.into_iter().rev() {
                let reply = json!({ "scaling": name, "entry": entry });
                if replies.send(Part::new(parameters(&reply), true)).await.is_err() {
                    return;
                }
            }
            // Who has gone is told nothing.
            let _ = replies.send(Part::new(Map::new(), false)).await;
        });
        Ok(receiver)
    }
}
