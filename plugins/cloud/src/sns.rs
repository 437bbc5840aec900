//! What a topic of SNS makes of a message.

use std::borrow::Cow;

use serde::Deserialize;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "Type")]
    kind: Cow<'a, str>,
    #[serde(borrow, rename = "Message")]
    message: Cow<'a, str>,
}

/// The message that a topic has put into its envelope; one that came without, as by a topic that delivers raw, is itself.
pub(crate) fn unwrapped(body: &str) -> Cow<'_, str> {
    match serde_json::from_str::<Envelope<'_>>(body) {
        Ok(envelope) if envelope.kind == "Notification" => envelope.message,
        _ => Cow::Borrowed(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_notification_is_unwrapped() {
        let envelope = |kind: &str| format!(r#"{{"Type": "{kind}", "MessageId": "m", "Message": "{{\"a\": 1}}"}}"#);
        assert_eq!(unwrapped(&envelope("Notification")), r#"{"a": 1}"#);
        let other = envelope("SubscriptionConfirmation");
        assert_eq!(unwrapped(&other), other);
        for raw in [r#"{"Message": "x"}"#, "hello", ""] {
            assert_eq!(unwrapped(raw), raw);
        }
    }
}
