//! What CloudFormation asks for.

use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::super::id::CreationId;
use crate::sns;

/// Octets of a request. Ours have a few properties; what is longer is answered and not looked at.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Octets of each of the texts that an answer repeats: longer than CloudFormation makes them, and short enough for its answer.
const ECHO_BYTES_MAX: usize = 512;
/// Octets of what a resource is called by whom it asked.
const PHYSICAL_BYTES_MAX: usize = 1024;

/// What creations by stacks begin with.
pub(super) const BY_STACK: &str = "cloudformation-";

/// One request. It has the URL of the answer in it, and is shown to nobody.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    #[serde(rename = "RequestType")]
    pub(super) kind: Kind,
    pub(super) request_id: String,
    pub(super) stack_id: String,
    pub(super) logical_resource_id: String,
    #[serde(default)]
    pub(super) physical_resource_id: Option<String>,
    #[serde(rename = "ResponseURL")]
    pub(super) response_url: String,
    pub(super) resource_type: String,
    #[serde(default)]
    resource_properties: Map<String, Value>,
    #[serde(default)]
    old_resource_properties: Map<String, Value>,
    /// Octets of all of it.
    #[serde(skip)]
    length: usize,
}

/// What is to happen to the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Kind {
    Create,
    Update,
    Delete,
    /// Nothing that there was when this was written.
    #[serde(other)]
    Other,
}

/// Why a message is no request that can be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoRequest {
    Json,
    Names,
}

impl Request {
    /// Reads a message of the queue: the topic's envelope, or what was in it if the topic delivers it raw.
    pub(super) fn read(body: &str) -> Result<Self, NoRequest> {
        let message = sns::unwrapped(body);
        let mut request: Self = serde_json::from_str(&message).map_err(|_| NoRequest::Json)?;
        request.length = message.len();
        let repeated = [&request.request_id, &request.stack_id, &request.logical_resource_id];
        let fits = |text: &&String| !text.is_empty() && text.len() <= ECHO_BYTES_MAX;
        let physical = request.physical_resource_id.as_ref().map_or(0, String::len);
        match repeated.iter().all(fits) && physical <= PHYSICAL_BYTES_MAX {
            true => Ok(request),
            false => Err(NoRequest::Names),
        }
    }

    /// Its octets, if they are more than a request of ours has.
    pub(super) fn excess(&self) -> Option<usize> {
        Some(self.length).filter(|length| *length > REQUEST_BYTES_MAX)
    }

    /// A property as text: CloudFormation makes texts of numbers, and others that speak its language may not.
    pub(super) fn property(&self, name: &str) -> Result<Option<String>, String> {
        text_of(&self.resource_properties, name)
    }

    /// The first property that is none of these.
    pub(super) fn other_than(&self, known: &[&str]) -> Option<&str> {
        // They are CloudFormation's own.
        let known = |name: &str| known.contains(&name) || matches!(name, "ServiceToken" | "ServiceTimeout");
        let mut names = self.resource_properties.keys().map(String::as_str);
        names.find(|name| !known(name))
    }

    /// Whether one of these properties was another before.
    pub(super) fn has_changed(&self, names: &[&str]) -> bool {
        names.iter().any(|name| {
            let [new, old] = [&self.resource_properties, &self.old_resource_properties].map(|all| text_of(all, name));
            new != old
        })
    }

    /// What is the same for all requests of this resource of this stack, and for no other's.
    pub(super) fn resource_mark(&self) -> String {
        digest(&[&self.stack_id, &self.logical_resource_id])
    }

    /// What no other request has; the same one has it each time that it comes.
    pub(super) fn mark(&self) -> String {
        digest(&[&self.stack_id, &self.logical_resource_id, &self.request_id])
    }

    /// The creation of what this request makes: found again when the request comes twice.
    pub(super) fn creation(&self) -> CreationId {
        CreationId::new(format!("{BY_STACK}{}-{}", self.resource_mark(), self.mark()))
    }

    /// Whether this resource of this stack made it, by this request or another.
    pub(super) fn has_made(&self, creation: &CreationId) -> bool {
        let ours = format!("{BY_STACK}{}-", self.resource_mark());
        creation.as_str().starts_with(&ours)
    }

    /// The stack's name.
    pub(super) fn stack(&self) -> &str {
        self.stack_id.split('/').nth(1).unwrap_or(&self.stack_id)
    }

    /// Who made a version, for people; the mark is in front, where it is not cut off.
    pub(super) fn maker(&self) -> String {
        // They go into the log.
        let shown = |text: &str| text.replace(char::is_control, " ");
        format!(
            "{} (stack {}, {})",
            self.mark(),
            shown(self.stack()),
            shown(&self.logical_resource_id)
        )
    }
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Other => "other",
        }
    }
}

fn text_of(properties: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match properties.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(format!("{name} is not a text")),
    }
}

/// 128 bits of it, in hex. Each text's length is a part, so that no two lists are the same octets.
fn digest(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    data_encoding::HEXLOWER.encode(&hash.finalize()[..16])
}
