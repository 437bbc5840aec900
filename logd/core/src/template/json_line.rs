//! The format `json`: one JSON object a line, for what reads logs by field.
//!
//! | field | value |
//! |---|---|
//! | `timestamp` | the sender's stamp, or the time of receipt where it wrote none; RFC 3339 |
//! | `received` | the time of receipt; RFC 3339 |
//! | `host` | HOSTNAME, or the sender where it wrote none |
//! | `sender` | the sender's address; not there for what came from this machine itself |
//! | `facility`, `severity` | their names |
//! | `program` | the program's name; not there if it wrote none, nor the three below |
//! | `pid` | the process, as written (it need not be a number) |
//! | `msgid` | MSGID of RFC 5424 |
//! | `structured_data` | STRUCTURED-DATA of RFC 5424, verbatim |
//! | `message` | the text, without the blank that RFC 3164 has after its tag |
//! | `truncated` | `true` where the message was longer than `message-max` and its end is missing; else not there |
//!
//! It is always UTF-8: what is not becomes U+FFFD, once for each maximal broken sequence.

use super::context::Context;
use super::escape::push_json_text;
use super::property::Property;
use super::stamp::{StampForm, push_stamp};

/// What the format is called in the configuration.
pub(super) const NAME: &str = "json";

/// Appends the object and the end of the line.
pub(super) fn render(context: &Context<'_>, out: &mut Vec<u8>) {
    let message = context.message;
    out.extend_from_slice(b"{\"timestamp\":\"");
    push_stamp(out, context.reported(), StampForm::Rfc3339);
    out.extend_from_slice(b"\",\"received\":\"");
    push_stamp(out, context.origin.received, StampForm::Rfc3339);
    out.push(b'"');
    push_property(out, "host", context, Property::Hostname);
    if context.sender_address().is_some() {
        push_property(out, "sender", context, Property::FromHostIp);
    }
    push_property(out, "facility", context, Property::FacilityText);
    push_property(out, "severity", context, Property::SeverityText);
    push_text(
        out,
        "program",
        Some(message.programname).filter(|name| !name.is_empty() && *name != b"-"),
    );
    push_text(out, "pid", message.procid);
    push_text(out, "msgid", message.msgid);
    push_text(out, "structured_data", message.structured_data);
    push_text(
        out,
        "message",
        Some(message.msg.strip_prefix(b" ").unwrap_or(message.msg)),
    );
    if context.origin.truncated {
        out.extend_from_slice(b",\"truncated\":true");
    }
    out.extend_from_slice(b"}\n");
}

fn push_property(out: &mut Vec<u8>, name: &str, context: &Context<'_>, property: Property) {
    if let Some(text) = context.borrowed(property) {
        return push_text(out, name, Some(text));
    }
    // What has to be written is an address: nothing in it needs escaping.
    push_name(out, name);
    context.append(property, StampForm::default(), false, out);
    out.push(b'"');
}

fn push_text(out: &mut Vec<u8>, name: &str, text: Option<&[u8]>) {
    let Some(text) = text else { return };
    push_name(out, name);
    for chunk in text.utf8_chunks() {
        push_json_text(out, chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

fn push_name(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
}
