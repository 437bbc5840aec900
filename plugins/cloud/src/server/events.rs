//! `io.ballast.Events1`.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use ballast_shared::plugin::event::{WatchCall, WireEvent};
use ballast_shared::varlink::{Call, CallError, Part};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::watching::{self, HasGone, Replies, Tale};
use crate::events::{Events, Position};

/// Answers those who follow the events, and tell of them.
#[derive(Debug)]
pub(super) struct Followers {
    events: Arc<Events>,
    following: Arc<AtomicUsize>,
}

impl Followers {
    pub(super) fn new(events: Arc<Events>) -> Self {
        Self {
            events,
            following: Arc::default(),
        }
    }

    /// How many follow, whatever comes of them.
    pub(super) fn count(&self) -> Arc<AtomicUsize> {
        self.following.clone()
    }

    pub(super) fn call(&self, call: Call) -> Result<Map<String, Value>, CallError> {
        match call.method.as_str() {
            "Watch" => Err(CallError::ExpectedMore),
            "Emit" => self.emit(call.parameters),
            _ => Err(CallError::MethodNotFound),
        }
    }

    fn emit(&self, mut parameters: Map<String, Value>) -> Result<Map<String, Value>, CallError> {
        let event = parameters.remove("event").ok_or(CallError::InvalidParameter("event"))?;
        let event: WireEvent = serde_json::from_value(event).map_err(|_| CallError::InvalidParameter("event"))?;
        event.check().map_err(|_| CallError::InvalidParameter("event"))?;
        match self.events.take(&event) {
            Ok(_) => Ok(Map::new()),
            Err(_) => Err(CallError::Failed(
                "UnknownKind",
                Map::from_iter([("kind".to_owned(), event.kind.into())]),
            )),
        }
    }

    pub(super) fn watch(&self, parameters: &Map<String, Value>) -> Result<mpsc::Receiver<Part>, CallError> {
        let call: WatchCall = serde_json::from_value(Value::Object(parameters.clone()))
            .map_err(|_| CallError::InvalidParameter("after"))?;
        let tale = Told {
            position: self.events.position(call.after.as_deref()),
            events: self.events.clone(),
        };
        Ok(watching::start(tale, self.events.news(), &self.following))
    }
}

/// What one of them has been told.
struct Told {
    events: Arc<Events>,
    position: Position,
}

impl Tale for Told {
    async fn begin(&mut self, replies: &Replies) -> Result<(), HasGone> {
        self.go_on(replies).await?;
        replies.send(reply(&[])).await
    }

    async fn go_on(&mut self, replies: &Replies) -> Result<(), HasGone> {
        loop {
            let (events, next) = self.events.next(self.position);
            if events.is_empty() {
                return Ok(());
            }
            replies.send(reply(&events)).await?;
            self.position = next;
        }
    }

    fn nothing_new(&self) -> Option<Part> {
        Some(reply(&[]))
    }
}

/// A reply with these events, which are JSON already.
fn reply(events: &[Arc<str>]) -> Part {
    Part::written(format!("{{\"events\":[{}]}}", events.join(",")).into(), true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ballast_shared::plugin::event::{EVENTS, WatchReply};
    use ballast_shared::varlink::Peer;
    use serde_json::json;

    use super::*;
    use crate::events::{Event, Kind};

    fn event(id: &str) -> Event {
        Event {
            id: id.to_owned(),
            time: 1,
            kind: Kind::Interruption,
            host: Some("i-1".into()),
            message: "it is taken away".into(),
            fields: BTreeMap::new(),
        }
    }

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            _ => panic!("{value} is no object"),
        }
    }

    async fn ids(replies: &mut mpsc::Receiver<Part>) -> Vec<String> {
        let part = replies.recv().await.unwrap();
        assert!(part.continues());
        let reply: WatchReply = serde_json::from_str(part.text().unwrap()).unwrap();
        reply.events.into_iter().map(|event| event.id).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_follower_gets_what_it_lacks_then_what_happens_and_keep_alives() {
        let events = Arc::new(Events::default());
        events.tell(event("e1"));
        events.tell(event("e2"));
        let followers = Followers::new(events.clone());
        let mut replies = followers.watch(&object(json!({"after": "e1"}))).unwrap();
        assert_eq!(ids(&mut replies).await, ["e2"]);
        assert_eq!(ids(&mut replies).await, [""; 0], "these were all");
        events.tell(event("e3"));
        assert_eq!(ids(&mut replies).await, ["e3"]);
        assert_eq!(ids(&mut replies).await, [""; 0], "a keep-alive");
        let mut replies = followers.watch(&Map::new()).unwrap();
        assert_eq!(ids(&mut replies).await, [""; 0], "from now on");
    }

    #[tokio::test]
    async fn what_others_tell_is_looked_at() {
        let events = Arc::new(Events::default());
        let followers = Followers::new(events.clone());
        let emit = |event: Value| {
            followers.call(Call {
                interface: EVENTS.name,
                method: "Emit".into(),
                parameters: object(json!({ "event": event })),
                descriptors: Vec::new(),
                caller: Peer {
                    uid: 0,
                    gid: 0,
                    pid: None,
                },
            })
        };
        let right =
            json!({"id": "l1", "time": 1, "kind": "log", "host": null, "message": "m", "fields": {"rule": "ssh"}});
        assert_eq!(emit(right.clone()), Ok(Map::new()));
        assert_eq!(
            emit(right.clone()),
            Ok(Map::new()),
            "acknowledged again, and taken once"
        );
        assert_eq!(events.remembered(), 1);
        let with = |key: &str, value: Value| {
            let mut event = right.clone();
            event[key] = value;
            emit(event)
        };
        let invalid = Err(CallError::InvalidParameter("event"));
        assert_eq!(with("id", json!("")), invalid);
        assert_eq!(with("time", json!("now")), invalid);
        assert_eq!(with("fields", json!({"a": 1})), invalid);
        assert_eq!(with("message", json!("x".repeat(40 << 10))), invalid);
        assert_eq!(emit(json!(1)), invalid);
        let kind = object(json!({"kind": "decision"}));
        assert_eq!(
            with("kind", json!("decision")),
            Err(CallError::Failed("UnknownKind", kind))
        );
        assert_eq!(events.remembered(), 1);
    }
}
