//! What a topic sends to an endpoint, and the text of it that is signed.

use std::fmt::Write;

use serde::Deserialize;

/// Octets of an id; SNS's have 36.
const ID_BYTES_MAX: usize = 100;

/// A message as it came: nothing in it is to be believed before its signature has been verified.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Delivery {
    #[serde(rename = "Type")]
    pub(super) kind: Kind,
    /// The same each time that it comes.
    pub(super) message_id: String,
    pub(super) topic_arn: String,
    pub(super) subject: Option<String>,
    pub(super) message: String,
    /// When it was sent, in RFC 3339's form.
    pub(super) timestamp: String,
    pub(super) signature_version: String,
    /// In base64.
    pub(super) signature: String,
    #[serde(rename = "SigningCertURL")]
    pub(super) certificate_url: String,
    /// Of what is to be confirmed.
    pub(super) token: Option<String>,
    #[serde(rename = "SubscribeURL")]
    pub(super) subscribe_url: Option<String>,
}

/// What it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Kind {
    /// Somebody wants the topic to send here.
    SubscriptionConfirmation,
    /// Somebody has published this.
    Notification,
    /// The topic sends here no more.
    UnsubscribeConfirmation,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::SubscriptionConfirmation => "SubscriptionConfirmation",
            Self::Notification => "Notification",
            Self::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        }
    }
}

impl Delivery {
    /// Reads the body of a request; `None`: it is no message of a topic.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let read: Self = serde_json::from_slice(body).ok()?;
        let is_id = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
        let has_id = (1..=ID_BYTES_MAX).contains(&read.message_id.len()) && read.message_id.bytes().all(is_id);
        // Fields of the text that is signed end with a newline. The message may have some, which would let who knows one signed
        // text read another id or subject out of it; so nothing else has any.
        let others = [
            Some(&read.topic_arn),
            Some(&read.timestamp),
            read.subject.as_ref(),
            read.token.as_ref(),
            read.subscribe_url.as_ref(),
        ];
        let are_lines = !others.into_iter().flatten().any(|text| text.contains(char::is_control));
        (has_id && are_lines).then_some(read)
    }

    /// The text that is signed: some of the fields by their names, each name and each value with a newline behind it.
    pub(super) fn signed_text(&self) -> String {
        let mut text = String::with_capacity(self.message.len() + 512);
        let mut add = |name: &str, value: &str| {
            // Writing into a string does not fail.
            let _ = write!(text, "{name}\n{value}\n");
        };
        add("Message", &self.message);
        add("MessageId", &self.message_id);
        match self.kind {
            Kind::Notification => {
                if let Some(subject) = &self.subject {
                    add("Subject", subject);
                }
            }
            Kind::SubscriptionConfirmation | Kind::UnsubscribeConfirmation => {
                add("SubscribeURL", self.subscribe_url.as_deref().unwrap_or_default());
            }
        }
        add("Timestamp", &self.timestamp);
        if self.kind != Kind::Notification {
            add("Token", self.token.as_deref().unwrap_or_default());
        }
        add("TopicArn", &self.topic_arn);
        add("Type", self.kind.name());
        text
    }

    /// When it was sent, in milliseconds since 1970.
    pub(super) fn sent_at(&self) -> Option<i64> {
        let time: jiff::Timestamp = self.timestamp.parse().ok()?;
        Some(time.as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn notification() -> Value {
        json!({
            "Type": "Notification", "MessageId": "22b80b92-fdea", "TopicArn": "arn:aws:sns:us-west-2:123456789012:t",
            "Subject": "s", "Message": "one\ntwo", "Timestamp": "2026-01-01T00:00:00.250Z", "SignatureVersion": "2",
            "Signature": "AA==", "SigningCertURL": "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-0.pem",
            "UnsubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe",
        })
    }

    fn read(value: &Value) -> Option<Delivery> {
        Delivery::read(value.to_string().as_bytes())
    }

    #[test]
    fn what_is_signed_of_a_notification() {
        let mut value = notification();
        let text = "Message\none\ntwo\nMessageId\n22b80b92-fdea\nSubject\ns\nTimestamp\n2026-01-01T00:00:00.250Z\n\
                    TopicArn\narn:aws:sns:us-west-2:123456789012:t\nType\nNotification\n";
        assert_eq!(read(&value).unwrap().signed_text(), text);
        assert_eq!(read(&value).unwrap().sent_at(), Some(1_767_225_600_250));
        for without in [Value::Null, Value::Bool(false)] {
            match without {
                Value::Null => value["Subject"] = without,
                _ => drop(value.as_object_mut().unwrap().remove("Subject")),
            }
            assert_eq!(read(&value).unwrap().signed_text(), text.replace("Subject\ns\n", ""));
        }
    }

    #[test]
    fn what_is_signed_of_a_subscription() {
        let mut value = notification();
        value["Type"] = json!("SubscriptionConfirmation");
        value["Token"] = json!("t0");
        value["SubscribeURL"] = json!("https://s/");
        let text = "Message\none\ntwo\nMessageId\n22b80b92-fdea\nSubscribeURL\nhttps://s/\nTimestamp\n2026-01-01T00:00:00.250Z\n\
                    Token\nt0\nTopicArn\narn:aws:sns:us-west-2:123456789012:t\nType\nSubscriptionConfirmation\n";
        assert_eq!(read(&value).unwrap().signed_text(), text);
    }

    #[test]
    fn what_is_not_of_a_topic_is_not_read() {
        assert!(Delivery::read(b"").is_none() && Delivery::read(b"{}").is_none() && Delivery::read(&[0xff]).is_none());
        for (field, wrong) in [
            ("Type", json!("Other")),
            ("MessageId", json!("")),
            ("MessageId", json!("a\nb")),
            ("MessageId", json!("a".repeat(101))),
            ("Subject", json!("a\nMessageId\nb")),
            ("Timestamp", json!("2026\n")),
            ("TopicArn", json!("a\nb")),
            ("Message", json!(1)),
        ] {
            let mut value = notification();
            value[field] = wrong.clone();
            assert!(read(&value).is_none(), "{field}: {wrong}");
        }
    }

    proptest! {
        /// Two messages that are not the same have not the same text, so that a signature is for one of them only.
        #[test]
        fn no_two_messages_have_one_text(
            messages in prop::array::uniform2("[ab\n]{0,6}(\nMessageId\n[ab])?(\nSubject\n[ab])?"),
            ids in prop::array::uniform2("[ab]{1,2}"),
            subjects in prop::array::uniform2(prop::option::of("[ab]{1,2}")),
        ) {
            let [one, other] = [0, 1].map(|at| {
                let mut value = notification();
                value["Message"] = json!(messages[at]);
                value["MessageId"] = json!(ids[at]);
                value["Subject"] = json!(subjects[at]);
                read(&value).unwrap()
            });
            let same_text = one.signed_text() == other.signed_text();
            prop_assert!(!same_text || one.message_id == other.message_id);
        }

        #[test]
        fn no_body_does_harm(body: Vec<u8>) {
            let _ = Delivery::read(&body);
        }
    }
}
