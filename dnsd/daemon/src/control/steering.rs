//! `Sync`, `Freeze` and `Thaw`: of one zone, or of all that are meant.

use ballast_shared::varlink::CallError;
use serde_json::{Map, Value, json};

use super::{Control, object, zone_parameter};
use crate::server::views::{Kind, View};
use crate::zones::key::ZoneKey;
use crate::zones::{LoadOutcome, Steer, SyncError};

impl Control {
    /// Does it to the zone that the parameters name, or without one to all.
    pub(super) async fn steer(
        &self,
        parameters: &Map<String, Value>,
        what: Steer,
    ) -> Result<Map<String, Value>, CallError> {
        if zone_parameter(parameters)?.is_none() {
            return Ok(object(json!({ "zones": self.steer_all(what).await })));
        }
        let zone = self.zone_of(parameters)?;
        let message =
            |error: &SyncError| object(json!({ "zone": zone.name.to_string(), "message": error.to_string() }));
        match self.zones.steer(&zone, what).await {
            Ok(()) if what == Steer::Thaw => self.reload_zone(zone, false).await,
            Ok(()) => Ok(Map::new()),
            Err(error @ SyncError::NoSuchZone) => Err(CallError::Failed("NoSuchZone", message(&error))),
            Err(error) => Err(CallError::Failed("SyncFailed", message(&error))),
        }
    }

    /// One zone after the other; what one of them refuses doesn't keep the others from it.
    async fn steer_all(&self, what: Steer) -> Vec<Value> {
        let mut steered = Vec::new();
        for zone in self.steered(what) {
            let (failed, message) = match self.zones.steer(&zone, what).await {
                Err(error) => (true, error.to_string()),
                Ok(()) => match what {
                    Steer::Sync => (false, "its updates are in its file".to_owned()),
                    Steer::Freeze => (false, "frozen".to_owned()),
                    Steer::Thaw => self.thawed(&zone).await,
                },
            };
            steered.push(json!({
                "zone": zone.name.to_string(),
                "view": zone.view.as_deref(),
                "failed": failed,
                "message": message,
            }));
        }
        steered
    }

    /// What the file of a zone says that was thawed.
    async fn thawed(&self, zone: &ZoneKey) -> (bool, String) {
        match self.zones.reload(zone.clone(), false).await {
            None => (true, "no primary zone".to_owned()),
            Some(outcome @ (LoadOutcome::Failed(_) | LoadOutcome::Held { .. })) => (true, outcome.to_string()),
            Some(outcome) => (false, outcome.to_string()),
        }
    }

    /// Who is meant by all: the primary zones that somebody may update, or those that are frozen.
    fn steered(&self, what: Steer) -> Vec<ZoneKey> {
        let mut zones = Vec::new();
        if what == Steer::Thaw {
            self.zones.board().for_each(|zone, status| {
                if status.is_frozen {
                    zones.push(zone.clone());
                }
            });
            return zones;
        }
        let serving = self.shared.serving.load();
        for info in serving.views.iter().flat_map(View::infos) {
            if matches!(info.kind, Kind::Primary) && info.rules.allow_update.always() != Some(false) {
                zones.push(info.key.clone());
            }
        }
        // A view that isn't strict has the zones outside the views, too.
        zones.sort();
        zones.dedup();
        zones
    }
}
