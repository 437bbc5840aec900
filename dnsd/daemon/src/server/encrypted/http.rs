//! DNS over HTTPS (RFC 8484), as far as HTTP/2 and HTTP/3 have it in common: where the message is in a request, and what the
//! response says beside the message. The message itself is the same as over TCP, octet by octet.
//!
//! Only what RFC 8484 has is served: GET and POST, one path, one media type. What else is asked for gets one of HTTP's codes
//! and no content, before a name server's work is done for it; `accept` isn't looked at, as there is only one thing to be had
//! (RFC 8484 §4.1). The codes are those that RFC 9110 has for it, which are BIND's but for a method that isn't served (BIND:
//! 501).

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use dnsd_core::message::{Header, Opcode, fresh_seconds};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::super::MESSAGE_BYTES_MAX;
use super::super::responder::{Peer, Responder};
use super::exchange::{self, Replied};

/// What messages are called.
const MESSAGE_TYPE: &str = "application/dns-message";

/// The parameter of a GET request that holds the message (RFC 8484 §6).
const PARAMETER: &str = "dns=";

/// Octets of a request's header, decoded, with 32 for each field as HTTP counts them. A query takes some hundred; this is room
/// for one that a client hides among padding (RFC 8467 §4.1), in base64, and for what browsers send along.
pub(super) const HEADER_BYTES_MAX: u32 = 16 << 10;

/// Where the message of a request is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// In its address.
    Message(Vec<u8>),
    /// In its content.
    Content,
}

/// A response and its content.
pub(super) type Reply = (Response<()>, Bytes);

/// Looks at a request's header.
///
/// # Errors
/// The code that it gets.
pub(super) fn find_message(request: &Parts, path: &str) -> Result<Found, StatusCode> {
    if request.uri.path() != path {
        return Err(StatusCode::NOT_FOUND);
    }
    match request.method {
        Method::GET => {
            let query = request.uri.query().unwrap_or_default();
            let encoded = query.split('&').find_map(|parameter| parameter.strip_prefix(PARAMETER));
            let encoded = encoded.ok_or(StatusCode::BAD_REQUEST)?;
            match BASE64URL_NOPAD.decode(encoded.as_bytes()) {
                Ok(message) if changes_nothing(&message) => Ok(Found::Message(message)),
                _ => Err(StatusCode::BAD_REQUEST),
            }
        }
        Method::POST => {
            let length = request.headers.get(CONTENT_LENGTH);
            let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
            if !request.headers.get(CONTENT_TYPE).is_some_and(is_message) {
                Err(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            } else if length.is_some_and(|length| length > MESSAGE_BYTES_MAX as u64) {
                Err(StatusCode::PAYLOAD_TOO_LARGE)
            } else {
                Ok(Found::Content)
            }
        }
        _ => Err(StatusCode::METHOD_NOT_ALLOWED),
    }
}

/// A page that somebody looks at can have a browser send a GET request anywhere, in the name of whoever sits there: it is safe
/// (RFC 9110 §9.2.1). So an UPDATE or a NOTIFY isn't taken by it, only a query; half a header is for others to refuse.
fn changes_nothing(message: &[u8]) -> bool {
    Header::read(message).is_none_or(|header| header.flags.opcode() == Opcode::QUERY)
}

/// Parameters of the type mean nothing (RFC 8484 §6 has none); its case neither (RFC 9110 §8.3.1).
fn is_message(content_type: &HeaderValue) -> bool {
    let essence = content_type.as_bytes().split(|octet| *octet == b';').next();
    essence.is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(MESSAGE_TYPE.as_bytes()))
}

/// Takes one piece of a request's content to those before it.
///
/// # Errors
/// The code for more than a message can be.
pub(super) fn add_content(content: &mut Vec<u8>, piece: &[u8]) -> Result<(), StatusCode> {
    if content.len() + piece.len() > MESSAGE_BYTES_MAX {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    content.extend_from_slice(piece);
    Ok(())
}

/// The response to a message.
pub(super) async fn answer(responder: &Responder, peer: &Peer<'static>, message: Result<Vec<u8>, StatusCode>) -> Reply {
    let reply = match message {
        Ok(message) => match exchange::answer(responder, peer, &message).await {
            Replied::Message(reply) => Ok(reply),
            Replied::NoRequest => Err(StatusCode::BAD_REQUEST),
            // A transfer is refused before it begins.
            Replied::GivenUp | Replied::Transfer(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
        },
        Err(code) => Err(code),
    };
    let code = *reply.as_ref().err().unwrap_or(&StatusCode::OK);
    responder.counters().http_responded(code.as_u16());
    match reply {
        Ok(reply) => (head(StatusCode::OK, Some(&reply)), reply),
        Err(code) => (head(code, None), Bytes::new()),
    }
}

/// What a response says before its content. Whoever keeps responses is told for how long by the TTLs in it, as RFC 8484 §5.1
/// has it, and of errors that they aren't to be kept.
fn head(code: StatusCode, reply: Option<&Bytes>) -> Response<()> {
    let mut head = Response::new(());
    *head.status_mut() = code;
    let fields = head.headers_mut();
    fields.insert(CONTENT_LENGTH, reply.map_or(0, Bytes::len).into());
    match reply {
        Some(reply) => {
            fields.insert(CONTENT_TYPE, HeaderValue::from_static(MESSAGE_TYPE));
            let kept = format!("max-age={}", fresh_seconds(reply));
            if let Ok(kept) = kept.parse() {
                fields.insert(CACHE_CONTROL, kept);
            }
        }
        None => {
            fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }
    if code == StatusCode::METHOD_NOT_ALLOWED {
        fields.insert(ALLOW, HeaderValue::from_static("GET, POST"));
    }
    // What is kept is as old as its date says (RFC 9110 §6.6.1).
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&Timestamp::now());
    if let Some(date) = date.ok().and_then(|date| date.parse().ok()) {
        fields.insert(DATE, date);
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/dns-query";

    fn find(method: &str, uri: &str, content_type: &str) -> Result<Found, u16> {
        let request = http::Request::builder().method(method).uri(uri);
        let request = request.header(CONTENT_TYPE, content_type).body(()).unwrap();
        find_message(&request.into_parts().0, PATH).map_err(|code| code.as_u16())
    }

    #[test]
    fn rfc8484_4_1_1_the_message_of_a_get_request_is_in_its_address() {
        let message = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01";
        let encoded = "AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB";
        for uri in ["https://e/dns-query?dns=", "https://e/dns-query?ct&dns="] {
            let found = find("GET", &format!("{uri}{encoded}"), "text/plain");
            assert_eq!(found, Ok(Found::Message(message.to_vec())));
        }
        for uri in [
            "",
            "?",
            "?dns",
            "?dn=AAAA",
            "?dns=AA==",
            "?dns=A",
            "?dns=A+/A",
            "?xdns=AAAA",
        ] {
            let found = find("GET", &format!("https://e/dns-query{uri}"), "text/plain");
            assert_eq!(found, Err(400), "{uri}");
        }
    }

    #[test]
    fn rfc9110_9_2_1_a_get_request_changes_nothing() {
        // The first header with each opcode: a NOTIFY is 4, an UPDATE 5.
        for (opcode, encoded) in [
            (0, "AAAAAAABAAAAAAAA"),
            (4, "AAAgAAABAAAAAAAA"),
            (5, "AAAoAAABAAAAAAAA"),
        ] {
            let found = find("GET", &format!("https://e/dns-query?dns={encoded}"), "");
            let message = [0, 0, opcode << 3, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            let expected = if opcode == 0 {
                Ok(Found::Message(message.into()))
            } else {
                Err(400)
            };
            assert_eq!(found, expected, "{opcode}");
            assert_eq!(BASE64URL_NOPAD.encode(&message), encoded);
        }
    }

    #[test]
    fn rfc8484_4_1_the_content_of_a_post_request_is_a_message() {
        for content_type in [MESSAGE_TYPE, "Application/DNS-Message", "application/dns-message ; a=b"] {
            assert_eq!(find("POST", "https://e/dns-query", content_type), Ok(Found::Content));
        }
        for content_type in ["", "text/plain", "application/dns-message2", "application/dns-json"] {
            assert_eq!(find("POST", "https://e/dns-query", content_type), Err(415));
        }
        let mut content = vec![0; MESSAGE_BYTES_MAX - 1];
        assert_eq!(add_content(&mut content, b"\0"), Ok(()));
        assert_eq!(add_content(&mut content, b"\0"), Err(StatusCode::PAYLOAD_TOO_LARGE));
    }

    #[test]
    fn what_rfc8484_does_not_have_is_not_served() {
        for method in ["HEAD", "PUT", "DELETE", "OPTIONS", "X"] {
            assert_eq!(find(method, "https://e/dns-query", MESSAGE_TYPE), Err(405), "{method}");
        }
        for path in ["", "dns-query/", "dns-quer", "DNS-QUERY", "x/dns-query"] {
            assert_eq!(
                find("POST", &format!("https://e/{path}"), MESSAGE_TYPE),
                Err(404),
                "{path}"
            );
        }
    }

    #[test]
    fn rfc8484_5_1_a_response_is_kept_as_long_as_its_records() {
        let reply = b"\0\0\x84\0\0\x01\0\x01\0\0\0\0\0\0\x01\0\x01\0\0\x01\0\x01\0\0\0\x2A\0\x04abcd";
        let ok = head(StatusCode::OK, Some(&Bytes::from_static(reply)));
        let field = |name| ok.headers()[name].to_str().unwrap();
        assert_eq!(
            (field(CACHE_CONTROL), field(CONTENT_TYPE)),
            ("max-age=42", MESSAGE_TYPE)
        );
        assert_eq!(field(CONTENT_LENGTH), reply.len().to_string());
        assert!(field(DATE).ends_with(" GMT"), "{}", field(DATE));
        let refused = head(StatusCode::METHOD_NOT_ALLOWED, None);
        assert_eq!(refused.headers()[ALLOW], "GET, POST");
        assert_eq!(refused.headers()[CACHE_CONTROL], "no-store");
    }
}
