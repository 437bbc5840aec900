//! `io.ballast.Events1` on the wire (`plugins/interfaces/io.ballast.Events1.varlink`).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::varlink::Interface;

/// The full name of the method that follows the events.
pub const WATCH: &str = "io.ballast.Events1.Watch";

/// The interface, as its file describes it.
pub const EVENTS: Interface = Interface {
    name: "io.ballast.Events1",
    description: include_str!("../../../plugins/interfaces/io.ballast.Events1.varlink"),
};

/// Octets of an id.
pub const ID_BYTES_MAX: usize = 512;
/// Octets of a kind, and of a field's name.
pub const NAME_BYTES_MAX: usize = 128;
/// Octets of the sentence for people.
pub const MESSAGE_BYTES_MAX: usize = 32 << 10;
/// Octets of a host or a field's value.
pub const VALUE_BYTES_MAX: usize = 4 << 10;
/// Fields of an event.
pub const FIELDS_MAX: usize = 64;

/// What happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireEvent {
    /// What no other event has; one that comes twice has the same one.
    pub id: String,
    /// Seconds since 1970.
    pub time: i64,
    /// What kind of event: a reader passes over those that it does not know.
    pub kind: String,
    /// The host that it is about.
    #[serde(default)]
    pub host: Option<String>,
    /// A sentence for people.
    pub message: String,
    /// What it says to programs.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

/// The parameters of [`WATCH`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchCall {
    /// The id of the event behind which it is to go on; none: from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// One of its replies; one without events says that the plugin is alive, and has told all that it remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchReply {
    /// In the order in which they were told.
    pub events: Vec<WireEvent>,
}

/// What an event may not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Its id is empty, too long, or has control characters.
    Id,
    /// So is its kind.
    Kind,
    /// It is about a host of too long a name, or one with control characters.
    Host,
    /// Its message is too long.
    Message,
    /// It has too many fields, one of a wrong name, or one whose value is too long.
    Fields,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "an event's id is 1 to 512 octets without control characters",
            Self::Kind => "an event's kind is 1 to 128 octets without control characters",
            Self::Host => "an event's host is at most 4 KiB without control characters",
            Self::Message => "an event's message is at most 32 KiB",
            Self::Fields => {
                "an event has at most 64 fields, each of a name of 1 to 128 octets and a value of at most 4 KiB"
            }
        })
    }
}

impl std::error::Error for Wrong {}

impl WireEvent {
    /// Looks whether it is within the interface's limits.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn check(&self) -> Result<(), Wrong> {
        let is_name =
            |text: &str, bytes_max| (1..=bytes_max).contains(&text.len()) && !text.chars().any(char::is_control);
        let is_host = |host: &String| host.len() <= VALUE_BYTES_MAX && !host.chars().any(char::is_control);
        let is_field =
            |(name, value): (&String, &String)| is_name(name, NAME_BYTES_MAX) && value.len() <= VALUE_BYTES_MAX;
        let asked = [
            (is_name(&self.id, ID_BYTES_MAX), Wrong::Id),
            (is_name(&self.kind, NAME_BYTES_MAX), Wrong::Kind),
            (self.host.as_ref().is_none_or(is_host), Wrong::Host),
            (self.message.len() <= MESSAGE_BYTES_MAX, Wrong::Message),
            (
                self.fields.len() <= FIELDS_MAX && self.fields.iter().all(is_field),
                Wrong::Fields,
            ),
        ];
        match asked.into_iter().find(|(is_right, _)| !is_right) {
            Some((_, wrong)) => Err(wrong),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_within_limits() {
        let right = WireEvent {
            id: "e1".into(),
            kind: "log".into(),
            host: Some("web-1".into()),
            fields: [("rule".to_owned(), String::new())].into(),
            ..WireEvent::default()
        };
        assert_eq!(right.check(), Ok(()));
        let with = |change: fn(&mut WireEvent)| {
            let mut event = right.clone();
            change(&mut event);
            event.check().unwrap_err()
        };
        assert_eq!(with(|event| event.id.clear()), Wrong::Id);
        assert_eq!(with(|event| event.id = "x".repeat(ID_BYTES_MAX + 1)), Wrong::Id);
        assert_eq!(with(|event| event.kind = "a\nb".into()), Wrong::Kind);
        assert_eq!(with(|event| event.host = Some("a\0".into())), Wrong::Host);
        assert_eq!(
            with(|event| event.message = "x".repeat(MESSAGE_BYTES_MAX + 1)),
            Wrong::Message
        );
        let many =
            |event: &mut WireEvent| event.fields = (0..=FIELDS_MAX).map(|n| (n.to_string(), String::new())).collect();
        assert_eq!(with(many), Wrong::Fields);
        assert_eq!(
            with(|event| drop(event.fields.insert("x".into(), "x".repeat(VALUE_BYTES_MAX + 1)))),
            Wrong::Fields
        );
    }
}
