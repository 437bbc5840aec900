//! What a resource is known by to CloudFormation: the PhysicalResourceId. It says which secret the resource made, and which making
//! of it, so that what somebody else made under the same name is never taken for its own.

use super::super::id::{CreationId, SecretId};
use super::request::Request;

const MAKES: &str = "ballast-secret:";
const READS: &str = "ballast-secret-value:";
const NOTHING: &str = "ballast-no-secret:";

/// It.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Physical {
    /// This making of this secret, if it is there.
    Made(SecretId, CreationId),
    /// Nothing: the resource reads a secret, or was none that could be made.
    Nothing,
    /// It is not ours: CloudFormation makes one up for a resource that it has heard nothing of.
    Unknown,
}

impl Physical {
    /// Reads that of a request.
    pub(super) fn of(request: &Request) -> Self {
        let text = request.physical_resource_id.as_deref().unwrap_or_default();
        if text.starts_with(READS) || text.starts_with(NOTHING) {
            return Self::Nothing;
        }
        let made = text.strip_prefix(MAKES).and_then(|made| {
            let (secret, creation) = made.split_once(':')?;
            let (environment, name) = secret.split_once('/')?;
            Some(Self::Made(
                SecretId::new(name, environment).ok()?,
                CreationId::new(creation),
            ))
        });
        made.unwrap_or(Self::Unknown)
    }
}

/// That of what makes a secret.
pub(super) fn makes(id: &SecretId, creation: &CreationId) -> String {
    format!("{MAKES}{id}:{}", creation.as_str())
}

/// That of what reads one: the same whatever it reads, as nothing has to be taken away when it reads another.
pub(super) fn reads(request: &Request) -> String {
    format!("{READS}{}", request.resource_mark())
}

/// That of what is nothing.
pub(super) fn nothing(request: &Request) -> String {
    format!("{NOTHING}{}", request.mark())
}
