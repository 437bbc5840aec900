//! Topics of SNS, and what they put messages into.

use std::borrow::Cow;

use serde::Deserialize;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "Type")]
    kind: Cow<'a, str>,
    #[serde(borrow, rename = "Message")]
    message: Cow<'a, str>,
}

/// What a message of a queue says: what was in the envelope if a topic has put it there, and all of it if it came without one,
/// from a topic that delivers raw or from elsewhere.
#[must_use]
pub fn unwrapped(body: &str) -> Cow<'_, str> {
    match serde_json::from_str::<Envelope<'_>>(body) {
        Ok(envelope) if envelope.kind == "Notification" => envelope.message,
        _ => Cow::Borrowed(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_topic_has_put_into_its_envelope_is_taken_out() {
        let envelope = r#"{"Type":"Notification","MessageId":"m","TopicArn":"t","Message":"{\"a\":\"b\"}"}"#;
        assert_eq!(unwrapped(envelope), r#"{"a":"b"}"#);
        for raw in [
            "hello",
            r#"{"a":"b"}"#,
            r#"{"Type":"SubscriptionConfirmation","Message":"x"}"#,
            r#"{"Type":"Notification"}"#,
        ] {
            assert_eq!(unwrapped(raw), raw);
        }
    }
}
