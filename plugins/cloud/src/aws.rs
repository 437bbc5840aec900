//! The calls of AWS that cloudd makes, and of what speaks its API.
//!
//! A [`Client`] knows where the services are, has credentials, and makes each call until it is answered or its time is over.
//! `call` does that, with `sign`, `http` and `retry`; `query`, `json` and `rest` are the three ways in which services want to
//! be asked; and the modules named for services have the calls, one small function each, with types of our own for what they
//! give. Lists are followed to their last page (`pages`): a list that broke off is an error and never a shorter list.

pub mod autoscaling;
mod call;
pub mod cloudformation;
pub mod credentials;
pub mod dynamodb;
pub mod ec2;
mod endpoint;
mod error;
mod http;
mod json;
pub mod kms;
mod operation;
mod pages;
mod part;
mod query;
mod rest;
mod retry;
pub mod s3;
pub mod settings;
mod sign;
pub mod sqs;
#[cfg(test)]
pub(crate) mod test_server;
#[cfg(test)]
mod tests;
pub mod unsigned;
mod xml;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::credentials::Keeper;
pub use self::endpoint::{Endpoint, Endpoints, NotARegion, NotAnEndpoint, Service};
pub use self::error::{Error, Malformed, NoAnswer};
use self::http::Http;
pub use self::http::Timeouts;
pub use self::operation::Operation;
pub use self::part::Part;
pub use self::settings::Settings;

/// A call without a deadline of its own, with its repetitions.
const CALL: Duration = Duration::from_secs(60);

/// Makes calls. Clones share credentials and connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    until: Option<Instant>,
}

struct Inner {
    endpoints: Endpoints,
    credentials: Keeper,
    http: Http,
    timeouts: Timeouts,
    page_instances: u16,
    permitted: Vec<Operation>,
}

impl Client {
    /// With these settings, for the calls of these parts; nothing is asked yet.
    #[must_use]
    pub fn new(settings: Settings, parts: &[Part]) -> Self {
        Self::permitted(
            settings,
            parts.iter().flat_map(|part| part.operations()).copied().collect(),
        )
    }

    fn permitted(settings: Settings, permitted: Vec<Operation>) -> Self {
        let http = Http::new(settings.authorities, settings.timeouts.connect);
        Self {
            inner: Arc::new(Inner {
                credentials: Keeper::new(settings.sources, settings.endpoints.clone(), http.clone()),
                endpoints: settings.endpoints,
                http,
                timeouts: settings.timeouts,
                page_instances: settings.page_instances,
                permitted,
            }),
            until: None,
        }
    }

    /// For any call: for tests of the calls themselves. What runs in the daemon says what it is for.
    #[must_use]
    pub fn for_all(settings: Settings) -> Self {
        Self::permitted(settings, Operation::ALL.to_vec())
    }

    /// The same client, whose calls and lists end by this time at the latest. A call that is made without a deadline has a
    /// minute.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Self {
        Self {
            inner: self.inner.clone(),
            until: Some(deadline),
        }
    }

    /// The region that is spoken to.
    #[must_use]
    pub fn region(&self) -> &str {
        self.inner.endpoints.region()
    }

    fn deadline(&self) -> Instant {
        self.until.unwrap_or_else(|| Instant::now() + CALL)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoints", &self.inner.endpoints)
            .finish_non_exhaustive()
    }
}
