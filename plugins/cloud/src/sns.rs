//! Topics of SNS.
//!
//! A topic puts its messages into a queue, from where they are taken as others are; all that is to be done is to take them out of
//! their envelope ([`unwrapped`]). Or it delivers them to us over HTTPS, to a listener (`http`) that anybody may send to. So
//! nothing is believed there (`endpoint`) but what is of a topic that somebody takes from (`topics`), of the last hour, and signed
//! (`delivery`, `signature`) with the key of a certificate that is where SNS has them (`trust`, `keys`). What is believed goes to
//! the same handler as what comes from a queue, once (`work`), and SNS is told that it was taken when its work is done.

mod answer;
mod certificate;
pub mod config;
mod delivery;
mod endpoint;
pub mod http;
mod keys;
mod signature;
#[cfg(test)]
mod signer;
mod topics;
mod trust;
mod work;

use std::borrow::Cow;

use serde::Deserialize;

pub use self::config::Config;
pub use self::endpoint::Endpoint;
pub use self::topics::{Taker, Topics};
pub use self::trust::Believed;

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
