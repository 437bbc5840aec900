//! Whom is believed: where certificates may come from, and where subscriptions are confirmed.

use std::borrow::Cow;
use std::sync::Arc;

use ballast_shared::tls::Authorities;
use http::Uri;
use percent_encoding::percent_decode_str;

use super::delivery::Delivery;
use super::keys::Keys;
use crate::aws::Timeouts;
use crate::aws::unsigned::Unsigned;
use crate::hosts::Hosts;

/// What a certificate's path begins with and ends in. Elsewhere at the same host may be what others have put there.
const CERTIFICATE: (&str, &str) = ("/SimpleNotificationService-", ".pem");

/// Whom the configuration wants to be believed.
#[derive(Debug, Clone)]
pub struct Believed {
    /// Where certificates may come from.
    pub(crate) hosts: Hosts,
    /// Who vouches for these hosts; `None`: those that this machine trusts.
    pub(crate) authorities: Option<Arc<Authorities>>,
}

/// Whom we believe, and what is known of them.
pub(super) struct Trust {
    hosts: Hosts,
    pub(super) unsigned: Unsigned,
    pub(super) keys: Keys,
}

impl Trust {
    pub(super) fn new(believed: &Believed) -> Self {
        let unsigned = Unsigned::new(believed.authorities.clone(), Timeouts::default());
        Self {
            hosts: believed.hosts.clone(),
            keys: Keys::new(unsigned.clone()),
            unsigned,
        }
    }

    /// Where a certificate is said to be, if that is where SNS has them.
    pub(super) fn certificate_url(&self, url: &str) -> Option<Uri> {
        let url = self.hosts.check(url).ok()?;
        let name = url.path().strip_prefix(CERTIFICATE.0)?.strip_suffix(CERTIFICATE.1)?;
        let is_name = !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_alphanumeric());
        (is_name && url.query().is_none()).then_some(url)
    }

    /// Where a subscription is confirmed: that of this topic, with this token, and nothing else.
    pub(super) fn subscribe_url(&self, delivery: &Delivery) -> Option<Uri> {
        let url = self.hosts.check(delivery.subscribe_url.as_deref()?).ok()?;
        let expected = [
            ("Action", "ConfirmSubscription"),
            ("TopicArn", &*delivery.topic_arn),
            ("Token", delivery.token.as_deref()?),
        ];
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in url.query()?.split('&') {
            let (name, value) = pair.split_once('=')?;
            let decoded = |text| percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned);
            pairs.push((decoded(name)?, decoded(value)?));
        }
        let has = |(name, value): &(&str, &str)| pairs.iter().any(|pair| pair.0 == *name && pair.1 == *value);
        let is_it = url.path() == "/" && pairs.len() == expected.len() && expected.iter().all(has);
        is_it.then_some(url)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::signer::{TOPIC, notification};
    use super::*;

    fn trust() -> Trust {
        Trust::new(&Believed {
            hosts: Hosts::sns(),
            authorities: None,
        })
    }

    #[test]
    fn certificates_are_where_sns_has_them() {
        let host = "https://sns.eu-west-1.amazonaws.com";
        let trust = trust();
        let is_one = |url: &str| trust.certificate_url(url).is_some();
        assert!(is_one(&format!(
            "{host}/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem"
        )));
        for url in [
            "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
            "https://example.net/SimpleNotificationService-0a.pem",
            "https://bucket.s3.amazonaws.com/SimpleNotificationService-0a.pem",
        ] {
            assert!(!is_one(url), "{url}");
        }
        for path in [
            "/a.pem",
            "/SimpleNotificationService-.pem",
            "/SimpleNotificationService-0a.pem?x",
            "/SimpleNotificationService-/../a.pem",
            "/x/SimpleNotificationService-0a.pem",
            "/SimpleNotificationService-0a.txt",
        ] {
            assert!(!is_one(&format!("{host}{path}")), "{path}");
        }
    }

    #[test]
    fn what_is_confirmed_is_the_subscription_of_the_topic() {
        let is_one = |url: &str| {
            let mut message = notification();
            message["Type"] = json!("SubscriptionConfirmation");
            message["SignatureVersion"] = json!("1");
            message["Signature"] = json!("");
            message["Token"] = json!("t0");
            message["SubscribeURL"] = json!(url);
            let delivery = Delivery::read(message.to_string().as_bytes()).unwrap();
            trust().subscribe_url(&delivery).is_some()
        };
        let host = "https://sns.eu-west-1.amazonaws.com";
        let right = format!("{host}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t0");
        assert!(is_one(&right));
        assert!(is_one(&right.replace(':', "%3A").replace("https%3A", "https:")));
        for (from, to) in [
            ("https:", "http:"),
            ("sns.eu-west-1.amazonaws.com", "example.net"),
            ("/?", "/x?"),
            ("ConfirmSubscription", "DeleteTopic"),
            ("alarms", "others"),
            ("Token=t0", "Token=t1"),
            ("Token=t0", "Token=t0&Action=DeleteTopic"),
            ("&Token=t0", ""),
            ("Token=t0", "Token"),
        ] {
            let wrong = right.replace(from, to);
            assert!(wrong != right && !is_one(&wrong), "{wrong}");
        }
    }
}
