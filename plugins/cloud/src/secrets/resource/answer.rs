//! What is answered.

use serde::Serialize;
use zeroize::Zeroizing;

use super::super::id::Version;
use super::super::value::Secret;
use super::request::Request;

/// Octets of an answer: CloudFormation takes no more.
const ANSWER_BYTES_MAX: usize = 4096;
/// Characters of a reason, whatever it says.
const REASON_CHARS_MAX: usize = 500;

/// What became of a request.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The PhysicalResourceId.
    pub(super) physical: String,
    /// The value that the resource has now, unless it is gone; or why it was not done.
    pub(super) result: Result<Option<Value>, String>,
}

/// A value and its version.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) password: Secret,
    pub(super) version: Version,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
    no_echo: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

/// What Fn::GetAtt gives.
#[derive(Serialize)]
struct Data<'a> {
    password: &'a str,
    version: String,
}

impl Outcome {
    /// One of something that was not done.
    pub(super) fn failed(physical: String, why: impl Into<String>) -> Self {
        Self {
            physical,
            result: Err(shortened(&why.into())),
        }
    }

    /// The answer. A value that can't be in one makes a failure of it.
    pub(super) fn write(&mut self, request: &Request) -> Zeroizing<Vec<u8>> {
        if let Some(octets) = self.written(request) {
            return octets;
        }
        self.result = Err(format!(
            "the secret is no text, or too long for an answer to CloudFormation, which takes {ANSWER_BYTES_MAX} octets"
        ));
        self.written(request).unwrap_or_default()
    }

    fn written(&self, request: &Request) -> Option<Zeroizing<Vec<u8>>> {
        let data = match &self.result {
            Ok(Some(value)) => Some(Data {
                password: value.password.as_text()?,
                version: value.version.to_string(),
            }),
            Ok(None) | Err(_) => None,
        };
        let answer = Answer {
            status: if self.result.is_ok() { "SUCCESS" } else { "FAILED" },
            reason: self.result.as_ref().err().map(String::as_str),
            physical_resource_id: &self.physical,
            stack_id: &request.stack_id,
            request_id: &request.request_id,
            logical_resource_id: &request.logical_resource_id,
            no_echo: true,
            data,
        };
        // With room for all of it nothing is moved, and no copy of the secret is left behind.
        let mut octets = Zeroizing::new(Vec::with_capacity(8 * ANSWER_BYTES_MAX));
        serde_json::to_writer(&mut *octets, &answer).ok()?;
        // What has no secret in it goes as it is: an answer that is not taken says more than none.
        (octets.len() <= ANSWER_BYTES_MAX || answer.data.is_none()).then_some(octets)
    }
}

/// It goes into logs and before people.
fn shortened(why: &str) -> String {
    let visible = why.chars().map(|c| if c.is_control() { ' ' } else { c });
    visible.take(REASON_CHARS_MAX).collect()
}
