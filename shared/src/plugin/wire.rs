//! `io.ballast.Inventory1.Watch` on the wire (`plugins/interfaces/io.ballast.Inventory1.varlink`).

use serde::{Deserialize, Serialize};

use super::host::WireHost;
use crate::varlink::{ClientError, read_reply};

/// The method's full name.
pub const WATCH: &str = "io.ballast.Inventory1.Watch";

/// The interface, as its file describes it.
pub const INVENTORY: crate::varlink::Interface = crate::varlink::Interface {
    name: "io.ballast.Inventory1",
    description: include_str!("../../../plugins/interfaces/io.ballast.Inventory1.varlink"),
};

/// Octets of an epoch.
const EPOCH_BYTES_MAX: usize = 128;

/// The call: where the caller is, if it is anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchCall {
    /// Of the last complete reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// Of the last complete reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
}

/// One of the replies: a part of a snapshot or of a delta.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchReply {
    /// Of this start of the plugin.
    pub epoch: String,
    /// The number of the snapshot or delta.
    pub seq: u64,
    /// It is of a snapshot.
    pub full: bool,
    /// Hosts that are new or other than before.
    #[serde(default)]
    pub hosts: Vec<WireHost>,
    /// The ids of those that are no more.
    #[serde(default)]
    pub gone: Vec<String>,
    /// It is the last part.
    pub complete: bool,
}

impl WatchReply {
    /// Reads a message; also whether there are more to come.
    ///
    /// # Errors
    /// When it is an error, or no reply of this method.
    pub fn read(message: &[u8]) -> Result<(Self, bool), ClientError> {
        // A reply without parameters is none of this method, for all that its fields have defaults.
        let (reply, continues): (Option<Self>, bool) = read_reply(message)?;
        let reply = reply.ok_or(ClientError::Garbled)?;
        match reply.epoch.len() <= EPOCH_BYTES_MAX {
            true => Ok((reply, continues)),
            false => Err(ClientError::Garbled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_and_what_it_has_more_is_passed_over() {
        let message = br#"{"parameters":{"epoch":"e","seq":7,"full":true,"hosts":[{"id":"a","later":1}],"gone":["b"],"complete":false,"x":1},"continues":true}"#;
        let (reply, continues) = WatchReply::read(message).unwrap();
        assert!(continues && reply.full && !reply.complete);
        assert_eq!(
            (reply.hosts[0].id.as_str(), reply.gone[0].as_str(), reply.seq),
            ("a", "b", 7)
        );
    }

    #[test]
    fn what_is_no_reply_of_it_is_refused() {
        let garbled = |text: &str| matches!(WatchReply::read(text.as_bytes()), Err(ClientError::Garbled));
        assert!(garbled(""));
        assert!(garbled("{}"));
        assert!(garbled(
            r#"{"parameters":{"epoch":"e","seq":-1,"full":true,"complete":true}}"#
        ));
        assert!(garbled(r#"{"parameters":{"epoch":"e","seq":1,"full":true}}"#));
        let long = format!(
            r#"{{"parameters":{{"epoch":"{}","seq":1,"full":true,"complete":true}}}}"#,
            "x".repeat(129)
        );
        assert!(garbled(&long));
        let refused = WatchReply::read(br#"{"error":"a.b.C","parameters":{"message":"no"}}"#);
        assert!(matches!(refused, Err(ClientError::Refused(error, _)) if error == "a.b.C"));
    }
}
