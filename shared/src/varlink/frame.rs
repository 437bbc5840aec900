//! Varlink's messages on the wire: <https://varlink.org>, "Protocol".

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::{Zeroize, Zeroizing};

use super::ClientError;

/// A message longer than this is refused. The largest of ours is a status of some thousand zones.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request<P = Map<String, Value>> {
    pub(super) method: String,
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub(super) parameters: Option<P>,
    /// The caller wants no reply.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) oneway: bool,
    /// The caller takes several replies.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) more: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Reply<P = Map<String, Value>> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) parameters: P,
    /// There are more to come.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) continues: bool,
}

/// What a reply says, and whether there are more to come; `message` is without its end mark.
///
/// # Errors
/// When it is an error, or not a reply of this kind.
pub fn read_reply<P: DeserializeOwned + Default>(message: &[u8]) -> Result<(P, bool), ClientError> {
    match serde_json::from_slice::<Reply<P>>(message) {
        Ok(Reply {
            error: None,
            parameters,
            continues,
        }) => Ok((parameters, continues)),
        // The parameters of an error are others.
        Ok(_) | Err(_) => match serde_json::from_slice::<Reply>(message) {
            Ok(Reply {
                error: Some(error),
                parameters,
                ..
            }) => Err(ClientError::Refused(error, parameters)),
            Ok(_) | Err(_) => Err(ClientError::Garbled),
        },
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field by reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Octets of a reply for which it does not have to grow, and leave behind what was in it.
const REPLY_BYTES: usize = 16 << 10;

/// A reply with its end mark. What it says may be secret: it is wiped here, and where it is sent from.
pub(super) fn encode_and_wipe(mut reply: Reply) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(REPLY_BYTES));
    serde_json::to_writer(&mut *bytes, &reply).expect("maps with string keys are always JSON");
    bytes.push(0);
    for text in reply.parameters.values_mut() {
        if let Value::String(text) = text {
            text.zeroize();
        }
    }
    bytes
}

/// A message with its end mark.
pub(super) fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(message).expect("maps with string keys are always JSON");
    bytes.push(0);
    bytes
}
