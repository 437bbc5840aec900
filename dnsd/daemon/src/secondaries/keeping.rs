//! What the secondaries need of who keeps the zones.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use dnsd_core::transfer::Received;
use dnsd_core::zone::Zone;

use crate::zones::key::ZoneKey;
use crate::zones::{NotTaken, Stored, Zones};

/// Who keeps the zones: stores what is transferred, and publishes it.
pub(crate) trait Keeping: Clone + Send + Sync + 'static {
    /// Why what was transferred isn't served.
    type NotTaken: fmt::Display + Send;

    /// What is there of a zone.
    fn stored(&self, key: &ZoneKey) -> impl Future<Output = Option<Stored>> + Send;

    /// Stores what was transferred, then serves it. `accept`: the loss of most of its records is meant.
    fn transferred(
        &self,
        key: &ZoneKey,
        received: Received,
        accept: bool,
    ) -> impl Future<Output = Result<Arc<Zone>, Self::NotTaken>> + Send;

    /// Whether steps don't fit the version that is served: the whole zone may.
    fn is_misfit(error: &Self::NotTaken) -> bool;

    /// Whether a version waits for somebody to accept it.
    fn is_held(error: &Self::NotTaken) -> bool;

    /// A primary said now that the version that is served is the zone.
    fn confirmed(&self, key: &ZoneKey);

    /// A primary has now another version, which waits to be accepted: until then the one that is served is the zone.
    fn kept_back(&self, key: &ZoneKey);

    /// The zone is served no more.
    fn expire(&self, key: &ZoneKey);
}

impl Keeping for Zones {
    type NotTaken = NotTaken;

    async fn stored(&self, key: &ZoneKey) -> Option<Stored> {
        Self::stored(self, key).await
    }

    async fn transferred(&self, key: &ZoneKey, received: Received, accept: bool) -> Result<Arc<Zone>, NotTaken> {
        Self::transferred(self, key, received, accept).await
    }

    fn is_misfit(error: &NotTaken) -> bool {
        matches!(error, NotTaken::Unusable(_) | NotTaken::NoVersion)
    }

    fn is_held(error: &NotTaken) -> bool {
        matches!(error, NotTaken::Held(..) | NotTaken::HeldFromPeer(..))
    }

    fn confirmed(&self, key: &ZoneKey) {
        Self::confirmed(self, key);
    }

    fn kept_back(&self, key: &ZoneKey) {
        Self::kept_back(self, key);
    }

    fn expire(&self, key: &ZoneKey) {
        Self::expire(self, key);
    }
}
