//! Secrets that a daemon's configuration names and a plugin has (`io.ballast.Secrets1`): `secret-ref = "PLUGIN:NAME"`.
//!
//! They are fetched when a configuration is loaded, and never when something is to be answered. A plugin that is away takes
//! nothing from a daemon that has had its secrets: [`Secrets`] keeps them in memory.

mod fetch;
mod late;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

pub use fetch::{Fetched, GetError, Pending, Secrets, Take};
pub use late::Late;

use crate::config::{FromValue, Value};
use crate::varlink::Interface;

/// The interface.
pub const SECRETS: Interface = Interface {
    name: "io.ballast.Secrets1",
    description: include_str!("../../../plugins/interfaces/io.ballast.Secrets1.varlink"),
};

/// Octets of a name in a reference.
const NAME_BYTES_MAX: usize = 256;

/// Where a secret is: the name of a plugin, and what the secret is called there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretRef {
    /// That of `[plugin.NAME]`.
    pub plugin: String,
    /// As the plugin has it.
    pub name: String,
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.plugin, self.name)
    }
}

impl FromValue for SecretRef {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let text = value.string()?;
        let parts = text.split_once(':').filter(|(plugin, name)| {
            !plugin.is_empty() && (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.contains(char::is_control)
        });
        if parts.is_none() {
            value.error("not a secret of a plugin: \"PLUGIN:NAME\"");
        }
        parts.map(|(plugin, name)| Self {
            plugin: plugin.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// What `Get` is called with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GetCall {
    /// Which secret.
    pub name: String,
    /// Which of its versions; `None`: the newest.
    pub version: Option<String>,
}

impl GetCall {
    /// Reads the parameters of a call.
    ///
    /// # Errors
    /// With the name of the one that is wrong.
    pub fn read(parameters: &Map<String, Json>) -> Result<Self, &'static str> {
        let name = parameters.get("name").and_then(Json::as_str).ok_or("name")?;
        let version = match parameters.get("version") {
            None | Some(Json::Null) => None,
            Some(version) => Some(version.as_str().ok_or("version")?.to_owned()),
        };
        Ok(Self {
            name: name.to_owned(),
            version,
        })
    }
}

/// What it gives. It is not to be shown.
#[derive(Default, Deserialize)]
pub struct GetReply {
    /// In base64.
    value: String,
    version: String,
}

impl GetReply {
    /// The parameters of the reply; `value` is in base64.
    #[must_use]
    pub fn parameters(value: String, version: String) -> Map<String, Json> {
        Map::from_iter([
            ("value".to_owned(), Json::from(value)),
            ("version".to_owned(), Json::from(version)),
        ])
    }
}
