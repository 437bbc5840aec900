//! What a message in the queue says: an alarm of CloudWatch, by SNS or by EventBridge, or a notice of EC2.

use serde::Deserialize;

use super::config::Config;
use crate::providers::aws::event;

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// Something to act on.
    Signal(Signal),
    /// Something that is for us, and nothing to act on: why not.
    Ignored(&'static str),
    /// Nothing that is for us.
    Foreign,
}

/// Something to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signal {
    /// The same each time that the same is said, by whichever way it comes.
    pub(super) key: String,
    /// When it happened, in milliseconds since 1970.
    pub(super) at: i64,
    /// What it asks for.
    pub(super) ask: Ask,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    /// There are jobs.
    Jobs,
    /// There are no more jobs.
    NoJobs,
    /// The capacity of this machine is taken away.
    Interruption(String),
}

/// As CloudWatch tells it to a topic.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alarm {
    alarm_name: String,
    new_state_value: String,
    state_change_time: String,
}

/// As EventBridge has it.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Event {
    source: String,
    detail_type: String,
    detail: Detail,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    alarm_name: String,
    state: State,
}

#[derive(Deserialize)]
struct State {
    value: String,
    timestamp: String,
}

/// Reads a message that has been taken out of its envelope, if it had one.
pub(super) fn read(message: &str, config: &Config) -> Said {
    match (alarm(message), event::read(message)) {
        (Some((name, state, time)), _) => alarm_signal(&name, &state, &time, config),
        (None, Some(event::Said::Notice(notice))) => match notice.kind {
            event::Kind::Interruption(_) => Said::Signal(Signal {
                key: format!("event:{}", notice.id),
                at: notice.time.saturating_mul(1000),
                ask: Ask::Interruption(notice.instance),
            }),
            event::Kind::Rebalance => Said::Ignored("capacity that may be taken away is there still"),
            event::Kind::State(_) => Said::Ignored("machines' states are looked at when something is to be decided"),
        },
        (None, Some(event::Said::Other) | None) => Said::Foreign,
    }
}

/// The name of an alarm, its state and since when it is in it.
fn alarm(message: &str) -> Option<(String, String, String)> {
    if let Ok(alarm) = serde_json::from_str::<Alarm>(message) {
        return Some((alarm.alarm_name, alarm.new_state_value, alarm.state_change_time));
    }
    let event: Event = serde_json::from_str(message).ok()?;
    let is_alarm = event.source == "aws.cloudwatch" && event.detail_type == "CloudWatch Alarm State Change";
    is_alarm.then_some((
        event.detail.alarm_name,
        event.detail.state.value,
        event.detail.state.timestamp,
    ))
}

fn alarm_signal(name: &str, state: &str, time: &str, config: &Config) -> Said {
    let is_one = |patterns: &[super::pattern::Pattern]| patterns.iter().any(|pattern| pattern.matches(name));
    let ask = match (is_one(&config.jobs), is_one(&config.no_jobs)) {
        (true, false) => Ask::Jobs,
        (false, true) => Ask::NoJobs,
        // Of both kinds: what it means can't be known.
        (true, true) | (false, false) => return Said::Foreign,
    };
    if state != "ALARM" {
        return Said::Ignored("an alarm that is over, or has too little to say, asks for nothing");
    }
    // CloudWatch writes "+0000" to topics and "+00:00" or "Z" elsewhere.
    let Ok(at) = time.parse::<jiff::Timestamp>() else {
        return Said::Foreign;
    };
    let at = at.as_millisecond();
    Said::Signal(Signal {
        key: format!("alarm:{name}:{at}"),
        at,
        ask,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures::config;
    use super::*;

    fn said(message: &str) -> Said {
        read(message, &config())
    }

    fn alarm(name: &str, state: &str, time: &str) -> String {
        serde_json::json!({
            "AlarmName": name, "AlarmDescription": null, "AWSAccountId": "123456789012", "NewStateValue": state,
            "NewStateReason": "Threshold Crossed", "StateChangeTime": time, "Region": "EU (Ireland)", "OldStateValue": "OK",
            "Trigger": {"MetricName": "ApproximateNumberOfMessagesVisible", "Threshold": 1.0},
        })
        .to_string()
    }

    const TIME: &str = "2026-01-01T00:00:00.250+0000";

    #[test]
    fn the_two_alarms_are_told_apart() {
        let signal = |name, ask| {
            let key = format!("alarm:{name}:1767225600250");
            Said::Signal(Signal {
                key,
                at: 1_767_225_600_250,
                ask,
            })
        };
        assert_eq!(said(&alarm("jobs", "ALARM", TIME)), signal("jobs", Ask::Jobs));
        assert_eq!(said(&alarm("idle", "ALARM", TIME)), signal("idle", Ask::NoJobs));
        assert_eq!(said(&alarm("other", "ALARM", TIME)), Said::Foreign);
        assert!(matches!(said(&alarm("jobs", "OK", TIME)), Said::Ignored(_)));
        assert!(matches!(
            said(&alarm("idle", "INSUFFICIENT_DATA", TIME)),
            Said::Ignored(_)
        ));
        assert_eq!(said(&alarm("jobs", "ALARM", "yesterday")), Said::Foreign);
    }

    #[test]
    fn an_alarm_by_either_way_is_the_same() {
        let event = serde_json::json!({
            "version": "0", "id": "e", "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change",
            "time": "2026-01-01T00:00:01Z", "detail": {"alarmName": "jobs", "state": {"value": "ALARM", "timestamp": TIME}},
        });
        assert_eq!(said(&event.to_string()), said(&alarm("jobs", "ALARM", TIME)));
    }

    #[test]
    fn a_rebalance_recommendation_is_no_interruption() {
        let notice = |kind: &str| {
            serde_json::json!({
                "version": "0", "id": "e", "detail-type": kind, "source": "aws.ec2", "time": "2026-01-01T00:00:00Z",
                "detail": {"instance-id": "i-1", "instance-action": "terminate"},
            })
            .to_string()
        };
        let signal = Signal {
            key: "event:e".into(),
            at: 1_767_225_600_000,
            ask: Ask::Interruption("i-1".into()),
        };
        assert_eq!(
            said(&notice("EC2 Spot Instance Interruption Warning")),
            Said::Signal(signal)
        );
        assert!(matches!(
            said(&notice("EC2 Instance Rebalance Recommendation")),
            Said::Ignored(_)
        ));
        assert_eq!(said(&notice("EC2 Something Else")), Said::Foreign);
    }

    proptest! {
        #[test]
        fn no_message_does_harm(message: String, name: String, time: String) {
            let _ = said(&message);
            let _ = said(&alarm(&name, "ALARM", &time));
        }
    }
}
