//! Events of EC2 as EventBridge puts them into a queue, straight or by way of SNS.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::events::{self, Event};
use crate::sns;

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Something about an instance.
    Notice(Notice),
    /// An event of something else: nothing to do.
    Other,
}

/// An event of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The same if it comes twice.
    pub(crate) id: String,
    /// In seconds since 1970.
    pub(crate) time: i64,
    pub(crate) instance: String,
    pub(crate) kind: Kind,
}

/// What kind of event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is now in this state.
    State(String),
    /// Spot capacity is taken away in two minutes, by this: "terminate", "stop", "hibernate".
    Interruption(String),
    /// Spot capacity may be taken away. That is not an interruption.
    Rebalance,
}

#[derive(Deserialize)]
struct Body {
    id: String,
    source: String,
    #[serde(rename = "detail-type")]
    kind: String,
    time: String,
    #[serde(default)]
    detail: serde_json::Map<String, serde_json::Value>,
}

/// Reads a message; `None`: it is no event at all, so that it is somebody else's.
pub(crate) fn read(message: &str) -> Option<Said> {
    let body: Body = serde_json::from_str(&sns::unwrapped(message)).ok()?;
    let time = body.time.parse::<jiff::Timestamp>().ok()?.as_second();
    if body.source != "aws.ec2" {
        return Some(Said::Other);
    }
    let detail = |name: &str| Some(body.detail.get(name)?.as_str()?.to_owned());
    let kind = match body.kind.as_str() {
        "EC2 Instance State-change Notification" => Kind::State(detail("state")?),
        "EC2 Spot Instance Interruption Warning" => Kind::Interruption(detail("instance-action").unwrap_or_default()),
        "EC2 Instance Rebalance Recommendation" => Kind::Rebalance,
        _ => return Some(Said::Other),
    };
    Some(Said::Notice(Notice {
        id: body.id,
        time,
        instance: detail("instance-id")?,
        kind,
    }))
}

impl Notice {
    /// As it is told to whoever follows events.
    pub(crate) fn event(&self) -> Event {
        let instance = &self.instance;
        let mut fields = BTreeMap::new();
        let (kind, message) = match &self.kind {
            Kind::State(state) => {
                fields.insert("state".to_owned(), state.clone());
                (events::Kind::State, format!("{instance} is {state}"))
            }
            Kind::Interruption(action) => {
                fields.insert("action".to_owned(), action.clone());
                (
                    events::Kind::Interruption,
                    format!("the spot capacity of {instance} is taken away"),
                )
            }
            Kind::Rebalance => (
                events::Kind::Rebalance,
                format!("the spot capacity of {instance} may be taken away"),
            ),
        };
        Event {
            id: self.id.clone(),
            time: self.time,
            kind,
            host: Some(instance.clone()),
            message,
            fields,
        }
    }

    /// Whether it says that the instance is no more.
    pub(crate) fn is_end(&self) -> bool {
        matches!(&self.kind, Kind::State(state) if state == "terminated")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::providers::aws) fn body(id: &str, kind: &str, time: &str, detail: &str) -> String {
        format!(
            r#"{{"version":"0","id":"{id}","detail-type":"{kind}","source":"aws.ec2","account":"123456789012","time":"{time}",
                "region":"eu-west-1","resources":["arn:aws:ec2:eu-west-1:123456789012:instance/i-1"],"detail":{detail}}}"#
        )
    }

    #[test]
    fn events_of_instances_are_told_apart() {
        let time = "2026-01-01T00:00:00Z";
        let read = |kind, detail| match read(&body("e", kind, time, detail)) {
            Some(Said::Notice(notice)) => Some((notice.time, notice.instance, notice.kind)),
            Some(Said::Other) => None,
            None => panic!(),
        };
        let notice = |kind| Some((1_767_225_600, "i-1".to_owned(), kind));
        assert_eq!(
            read(
                "EC2 Instance State-change Notification",
                r#"{"instance-id":"i-1","state":"running"}"#
            ),
            notice(Kind::State("running".into()))
        );
        assert_eq!(
            read(
                "EC2 Spot Instance Interruption Warning",
                r#"{"instance-id":"i-1","instance-action":"terminate"}"#
            ),
            notice(Kind::Interruption("terminate".into()))
        );
        assert_eq!(
            read("EC2 Instance Rebalance Recommendation", r#"{"instance-id":"i-1"}"#),
            notice(Kind::Rebalance)
        );
        assert_eq!(read("EC2 Something Else", "{}"), None);
    }

    #[test]
    fn an_event_by_way_of_sns_is_the_same() {
        let inner = body(
            "e",
            "EC2 Instance Rebalance Recommendation",
            "2026-01-01T00:00:00Z",
            r#"{"instance-id":"i-1"}"#,
        );
        let envelope = serde_json::json!({"Type": "Notification", "TopicArn": "t", "Message": inner}).to_string();
        assert_eq!(read(&envelope), read(&inner));
    }

    #[test]
    fn what_is_no_event_is_somebody_elses() {
        for message in ["", "{}", "hello", r#"{"AlarmName":"jobs","NewStateValue":"ALARM"}"#] {
            assert_eq!(read(message), None, "{message}");
        }
        let without = body(
            "e",
            "EC2 Instance State-change Notification",
            "2026-01-01T00:00:00Z",
            "{}",
        );
        assert_eq!(read(&without), None);
    }

    proptest! {
        #[test]
        fn no_message_does_harm(message: String, detail in "[{}\":a-z,]{0,30}") {
            let _ = read(&message);
            let _ = read(&body("e", "EC2 Instance State-change Notification", "2026-01-01T00:00:00Z", &detail));
        }
    }
}
