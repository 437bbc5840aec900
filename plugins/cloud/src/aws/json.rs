//! The JSON protocol: an action in a header, an object there and one back. DynamoDB, KMS and SQS speak it.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Client;
use super::call::{ANSWER_BYTES_MAX, Call};
use super::endpoint::Service;
use super::error::{Error, Malformed};
use super::http::Answer;
use super::operation::Operation;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// How a call is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Action {
    pub(super) operation: Operation,
    pub(super) is_repeatable: bool,
    /// How long the service takes on purpose before it answers.
    pub(super) service_waits: Duration,
}

impl Client {
    /// Makes a call, and reads what it gives. An empty answer is read as an object without anything.
    pub(super) async fn json<T: DeserializeOwned>(&self, action: Action, request: &impl Serialize) -> Result<T, Error> {
        let (content, prefix) = match action.operation.service() {
            Service::Kms => ("application/x-amz-json-1.1", "TrentService"),
            Service::DynamoDb => ("application/x-amz-json-1.0", "DynamoDB_20120810"),
            Service::Sqs => ("application/x-amz-json-1.0", "AmazonSQS"),
            // The others speak other protocols.
            _ => return Err(Malformed::Wrong("the request").into()),
        };
        let target = HeaderValue::from_str(&format!("{prefix}.{}", action.operation.name()));
        let target = target.map_err(|_| Malformed::Wrong("the request"))?;
        // Where it grows it leaves copies behind; a secret fits into this.
        let mut body = Zeroizing::new(Vec::with_capacity(16 * 1024));
        serde_json::to_writer(&mut *body, request).map_err(|_| Malformed::Wrong("the request"))?;
        let call = Call {
            operation: action.operation,
            method: Method::POST,
            path: "/",
            query: "",
            host: None,
            headers: vec![(CONTENT_TYPE, HeaderValue::from_static(content)), (TARGET, target)],
            body: Bytes::from_owner(body),
            is_repeatable: action.is_repeatable,
            service_waits: action.service_waits,
            answer_bytes_max: ANSWER_BYTES_MAX,
            fails_late: false,
            read_error,
        };
        let answer = self.call(&call).await?;
        let octets: &[u8] = match answer.body.is_empty() {
            true => b"{}",
            false => &answer.body,
        };
        serde_json::from_slice(octets).map_err(|_| Malformed::Json.into())
    }
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "__type")]
    kind: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
}

/// "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException": what stands behind the "#", and before a ":".
fn read_error(answer: &Answer) -> Option<(String, String)> {
    if answer.status.is_success() {
        return None;
    }
    let header = |name| {
        answer
            .headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let body: Option<Body> = serde_json::from_slice(&answer.body).ok();
    let (kind, message) = body.map_or((None, None), |body| (body.kind, body.message));
    // A service that spoke the query protocol before keeps the codes of then: "AWS.SimpleQueueService.NonExistentQueue;Sender".
    let old = header("x-amzn-query-error").and_then(|value| value.split(';').next());
    let kind = old.or(header("x-amzn-errortype")).map(str::to_owned).or(kind)?;
    let code = kind.rsplit('#').next()?.split(':').next()?.to_owned();
    Some((code, message.unwrap_or_default()))
}

/// Octets, which JSON has in base64.
pub(super) mod base64 {
    use data_encoding::BASE64;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use zeroize::Zeroizing;

    pub(in crate::aws) fn serialize<S: Serializer>(
        octets: &(impl AsRef<[u8]> + ?Sized),
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        Zeroizing::new(BASE64.encode(octets.as_ref())).serialize(serializer)
    }

    pub(in crate::aws) fn deserialize<'de, D: Deserializer<'de>, T: From<Vec<u8>>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let octets = BASE64.decode(text.as_bytes()).map_err(|_| D::Error::custom("base64"))?;
        Ok(octets.into())
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use proptest::prelude::*;

    use super::*;

    fn read(headers: &[(&'static str, &'static str)], body: &[u8]) -> Option<(String, String)> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        read_error(&Answer {
            status: StatusCode::BAD_REQUEST,
            headers,
            body: Zeroizing::new(body.to_vec()),
        })
    }

    #[test]
    fn errors_of_all_services_are_read() {
        let pair = |code: &str, message: &str| Some((code.to_owned(), message.to_owned()));
        assert_eq!(
            read(&[], br#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}"#),
            pair("ConditionalCheckFailedException", "The conditional request failed")
        );
        assert_eq!(
            read(&[], br#"{"__type":"NotFoundException","Message":"no key"}"#),
            pair("NotFoundException", "no key")
        );
        assert_eq!(
            read(&[("x-amzn-errortype", "AccessDeniedException:http://x/")], b"{}"),
            pair("AccessDeniedException", "")
        );
        let old = [("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender")];
        assert_eq!(
            read(
                &old,
                br#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"m"}"#
            ),
            pair("AWS.SimpleQueueService.NonExistentQueue", "m")
        );
        assert_eq!(read(&[], b"<html>"), None);
    }

    proptest! {
        #[test]
        fn no_octets_do_harm(octets: Vec<u8>) {
            let _ = read(&[], &octets);
        }
    }
}
