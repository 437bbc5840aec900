//! Varlink's messages on the wire: <https://varlink.org>, "Protocol".

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A message longer than this is refused. The largest of ours is a status of some thousand zones.
pub(super) const MESSAGE_BYTES_MAX: usize = 16 << 20;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) method: String,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) parameters: Map<String, Value>,
    /// The caller wants no reply.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) oneway: bool,
    /// The caller takes several replies.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) more: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Reply {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) parameters: Map<String, Value>,
    /// There are more to come.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) continues: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field by reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A message with its end mark.
pub(super) fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(message).expect("maps with string keys are always JSON");
    bytes.push(0);
    bytes
}
