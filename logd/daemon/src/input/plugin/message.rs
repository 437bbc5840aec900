//! An event as a message of RFC 5424: the machine is its host, the plugin its program, the kind its MSGID, and what it says to programs
//! is structured data.

use std::io::Write;

use ballast_shared::plugin::event::WireEvent;
use jiff::Timestamp;
use logd_core::control_chars::clean;

/// The facility of daemons (RFC 5424 §6.2.1).
const DAEMON: u8 = 3;

/// The name of the structured data, with the number that is nobody's (RFC 5612).
const SD_ID: &str = "event@32473";

/// Octets of names in structured data, and of MSGID; of HOSTNAME; and of APP-NAME (RFC 5424 §6).
const NAME_BYTES_MAX: usize = 32;
const HOSTNAME_BYTES_MAX: usize = 255;
const APP_NAME_BYTES_MAX: usize = 48;

/// What is not known.
const NIL: &str = "-";

/// How weighty events of a kind are.
fn severity(kind: &str) -> u8 {
    match kind {
        "interruption" | "alarm" => 4,
        "state" => 6,
        _ => 5,
    }
}

/// Writes the message in place of what is there.
pub(super) fn write(event: &WireEvent, plugin: &str, my_hostname: &str, out: &mut Vec<u8>) {
    out.clear();
    let pri = DAEMON * 8 + severity(&event.kind);
    let time = Timestamp::from_second(event.time).map_or_else(|_| NIL.to_owned(), |time| time.to_string());
    let host = name(event.host.as_deref().unwrap_or(my_hostname), HOSTNAME_BYTES_MAX, "");
    let plugin = name(plugin, APP_NAME_BYTES_MAX, "");
    let kind = name(&event.kind, NAME_BYTES_MAX, "");
    let id = value(&event.id);
    let written = write!(out, "<{pri}>1 {time} {host} {plugin} - {kind} [{SD_ID} id=\"{id}\"");
    written.expect("writing to a Vec does not fail");
    for (field, text) in &event.fields {
        let field = name(field, NAME_BYTES_MAX, "=]\"");
        write!(out, " {field}=\"{}\"", value(text)).expect("writing to a Vec does not fail");
    }
    out.extend_from_slice(b"] ");
    out.extend_from_slice(&clean(event.message.as_bytes()));
}

/// A name of printable ASCII, in which nothing else is and none of these.
fn name(text: &str, bytes_max: usize, but: &str) -> String {
    let printable = |c: char| {
        if c.is_ascii_graphic() && !but.contains(c) {
            c
        } else {
            '_'
        }
    };
    match text.chars().map(printable).take(bytes_max).collect::<String>() {
        name if name.is_empty() => NIL.to_owned(),
        name => name,
    }
}

/// A value as it stands between its quotes (RFC 5424 §6.3.3).
fn value(text: &str) -> String {
    let cleaned = clean(text.as_bytes());
    let mut value = String::with_capacity(cleaned.len());
    for c in String::from_utf8_lossy(&cleaned).chars() {
        if matches!(c, '"' | '\\' | ']') {
            value.push('\\');
        }
        value.push(c);
    }
    value
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use logd_core::message::Shape;
    use logd_core::parse::parse;
    use logd_core::time::ZoneCache;
    use proptest::prelude::*;

    use super::*;

    fn event() -> WireEvent {
        WireEvent {
            id: "e-1".into(),
            time: 1_767_225_600,
            kind: "interruption".into(),
            host: Some("i-0abc".into()),
            message: "the spot capacity of i-0abc is taken away".into(),
            fields: [("action".to_owned(), "terminate".to_owned())].into(),
        }
    }

    fn written(event: &WireEvent) -> String {
        let mut out = b"what was there".to_vec();
        write(event, "cloud", "collector", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_event_is_a_message_of_its_machine() {
        assert_eq!(
            written(&event()),
            "<28>1 2026-01-01T00:00:00Z i-0abc cloud - interruption [event@32473 id=\"e-1\" action=\"terminate\"] the spot \
             capacity of i-0abc is taken away"
        );
        let event = WireEvent {
            host: None,
            kind: "of a kind".into(),
            time: i64::MAX,
            fields: [("a=b c".to_owned(), "x\"]\\\n".to_owned())].into(),
            ..event()
        };
        assert_eq!(
            written(&event),
            "<29>1 - collector cloud - of_a_kind [event@32473 id=\"e-1\" a_b_c=\"x\\\"\\]\\\\\"] the spot capacity of i-0abc is \
             taken away"
        );
    }

    proptest! {
        #[test]
        fn whatever_it_says_is_one_message(
            id: String, time: i64, kind: String, host: Option<String>, message: String,
            fields in prop::collection::btree_map(any::<String>(), any::<String>(), 0..4),
        ) {
            let event = WireEvent { id, time, kind, host, message, fields };
            let mut out = Vec::new();
            write(&event, "cloud", "collector", &mut out);
            prop_assert!(!out.contains(&b'\n') && !out.contains(&0));
            let mut zone = ZoneCache::new(TimeZone::UTC);
            let received = zone.timestamp_at(0, 0);
            let read = parse(&out, received, &mut zone);
            prop_assert_eq!(read.shape, Shape::Rfc5424);
            let data = read.structured_data.unwrap();
            prop_assert!(data.starts_with(b"[event@32473 id=") && data.ends_with(b"]"));
            prop_assert_eq!(read.msg, &*clean(event.message.as_bytes()));
        }
    }
}
