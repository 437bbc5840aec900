//! The query protocol: a form of parameters, answered in XML. EC2, Auto Scaling, CloudFormation and STS speak it.

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::Duration;
use zeroize::Zeroizing;

use super::Client;
use super::call::{ANSWER_BYTES_MAX, Call};
use super::error::Error;
use super::http::Answer;
use super::operation::Operation;
use super::xml::Element;

/// The type of a form.
pub(super) const CONTENT: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Everything but the unreserved characters (RFC 3986 §2.3), as signatures have it too.
pub(super) const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The parameters of a call.
#[derive(Clone)]
pub(super) struct Form {
    operation: Operation,
    body: Zeroizing<String>,
}

impl Form {
    /// Of this call in this version of the API.
    pub(super) fn new(operation: Operation, version: &str) -> Self {
        Self {
            operation,
            body: Zeroizing::new(format!("Action={}&Version={version}", operation.name())),
        }
    }

    /// With a parameter.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.push(name, value);
        self
    }

    /// With a parameter, if there is one.
    pub(super) fn with_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// With a list of parameters, numbered from one: "InstanceId.1".
    pub(super) fn with_each<S: AsRef<str>>(mut self, name: &str, values: impl IntoIterator<Item = S>) -> Self {
        for (index, value) in values.into_iter().enumerate() {
            self.push(&format!("{name}.{}", index + 1), value.as_ref());
        }
        self
    }

    fn push(&mut self, name: &str, value: &str) {
        self.body.push('&');
        self.body.extend(utf8_percent_encode(name, ESCAPED));
        self.body.push('=');
        self.body.extend(utf8_percent_encode(value, ESCAPED));
    }

    /// As it is sent; wiped when it has been.
    pub(super) fn into_body(self) -> FormBody {
        FormBody(self.body)
    }
}

/// A form as octets.
pub(super) struct FormBody(Zeroizing<String>);

impl AsRef<[u8]> for FormBody {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Client {
    /// Makes a call whose answer has this root.
    pub(super) async fn query(&self, form: Form, is_repeatable: bool, root: &'static str) -> Result<Element, Error> {
        let call = Call {
            operation: form.operation,
            method: Method::POST,
            path: "/",
            query: "",
            host: None,
            headers: vec![(CONTENT_TYPE, HeaderValue::from_static(CONTENT))],
            body: Bytes::from_owner(form.into_body()),
            is_repeatable,
            service_waits: Duration::ZERO,
            answer_bytes_max: ANSWER_BYTES_MAX,
            fails_late: false,
            read_error,
        };
        let answer = self.call(&call).await?;
        Ok(Element::read(&answer.body, root)?)
    }
}

/// The first `Error` of an answer with a `Code`: EC2 has it in `Response/Errors`, others in `ErrorResponse`, S3 as its root.
pub(super) fn read_error(answer: &Answer) -> Option<(String, String)> {
    let root = Element::read_any(&answer.body).ok()?;
    let error = match root.name.as_str() {
        "Error" => &root,
        "ErrorResponse" => root.child("Error")?,
        "Response" => root.child("Errors")?.child("Error")?,
        _ => return None,
    };
    Some((error.string_of("Code")?, error.string_of("Message").unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_encoded_as_signatures_are() {
        let form = Form::new(Operation::DescribeInstances, "2016-11-15")
            .with("Filter.1.Name", "tag:Name")
            .with_each("Filter.1.Value", ["a b", "ü*"])
            .with_some("NextToken", None);
        assert_eq!(
            form.into_body().as_ref(),
            b"Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=tag%3AName&Filter.1.Value.1=a%20b&Filter.1.Value.2=%C3%BC%2A"
        );
    }

    #[test]
    fn errors_of_all_services_are_read() {
        let read = |body: &str| {
            read_error(&Answer {
                status: http::StatusCode::BAD_REQUEST,
                headers: http::HeaderMap::new(),
                body: Zeroizing::new(body.as_bytes().to_vec()),
            })
        };
        let error = Some(("A".to_owned(), "b".to_owned()));
        let inner = "<Error><Code>A</Code><Message>b</Message></Error>";
        assert_eq!(read(inner), error);
        assert_eq!(read(&format!("<ErrorResponse>{inner}</ErrorResponse>")), error);
        assert_eq!(read(&format!("<Response><Errors>{inner}</Errors></Response>")), error);
        assert_eq!(read("<html/>"), None);
        assert_eq!(read(""), None);
    }
}
