//! What the running daemon is asked through its control socket: `io.ballast.dnsd`.

use ballast_shared::control::{CallError, Interface, Service};
use dnsd_core::name::Name;
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::notify::Notify;
use crate::reload::{AskedReload, ReloadError};
use crate::secondaries::{Secondaries, SecondaryStatus};
use crate::zones::board::ZoneStatus;
use crate::zones::key::ZoneKey;
use crate::zones::{LoadOutcome, Report, Steer, SyncError, Zones};

/// The interface, as its file describes it.
pub(crate) const INTERFACE: Interface = Interface {
    name: "io.ballast.dnsd",
    description: include_str!("io.ballast.dnsd.varlink"),
    product: "dnsd",
};

/// Answers the calls.
pub(crate) struct Control {
    zones: Zones,
    secondaries: Secondaries,
    notify: Notify,
    reloads: mpsc::Sender<AskedReload>,
}

impl Control {
    /// `reloads` is where the daemon takes requests for a reload of everything.
    pub(crate) fn new(
        zones: Zones,
        secondaries: Secondaries,
        notify: Notify,
        reloads: mpsc::Sender<AskedReload>,
    ) -> Self {
        Self {
            zones,
            secondaries,
            notify,
            reloads,
        }
    }

    fn status(&self, zone: Option<&Name>, view: Option<&str>) -> Result<Map<String, Value>, CallError> {
        let board = self.zones.board();
        let mut zones = Vec::new();
        match zone {
            Some(name) => {
                for zone in board.named(name, view) {
                    let shown = board.zone(&zone).map(|status| self.zone_json(&zone, &status, true));
                    zones.extend(shown);
                }
                if zones.is_empty() {
                    return Err(no_such_zone(name, view));
                }
            }
            None => board.for_each(|zone, status| {
                if view.is_none() || zone.view.as_deref() == view {
                    zones.push(self.zone_json(zone, status, false));
                }
            }),
        }
        Ok(object(json!({ "zones": zones, "unlisted": board.unlisted() })))
    }

    fn zone_json(&self, zone: &ZoneKey, status: &ZoneStatus, in_full: bool) -> Value {
        let secondary = self.secondaries.board().zone(zone);
        let catalog = self.zones.board().catalog(zone);
        let catalog = catalog.map(|catalog| catalog.to_json(in_full));
        zone_json(zone, status, secondary.as_ref(), catalog)
    }

    async fn retransfer(&self, zone: ZoneKey) -> Result<Map<String, Value>, CallError> {
        match self.secondaries.retransfer(zone.clone()).await {
            true => Ok(Map::new()),
            false => Err(not_secondary(&zone)),
        }
    }

    async fn refresh(&self, zone: ZoneKey) -> Result<Map<String, Value>, CallError> {
        match self.secondaries.refresh(zone.clone()).await {
            true => Ok(Map::new()),
            false => Err(not_secondary(&zone)),
        }
    }

    async fn notify(&self, zone: ZoneKey) -> Result<Map<String, Value>, CallError> {
        if self.notify.notify(zone.clone()).await {
            return Ok(Map::new());
        }
        let message = format!("there is no version of zone {zone} to tell of");
        let parameters = json!({ "zone": zone.name.to_string(), "message": message });
        Err(CallError::Failed("ZoneNotServed", object(parameters)))
    }

    /// The one zone that is meant.
    fn zone(&self, name: &Name, view: Option<&str>) -> Result<ZoneKey, CallError> {
        let mut found = self.zones.board().named(name, view);
        match (found.pop(), found.is_empty()) {
            (Some(zone), true) => Ok(zone),
            (Some(last), false) => {
                found.push(last);
                Err(several_zones(name, &found))
            }
            (None, _) => Err(no_such_zone(name, view)),
        }
    }

    /// The one zone that the parameters name.
    fn zone_of(&self, parameters: &Map<String, Value>) -> Result<ZoneKey, CallError> {
        let name = zone_parameter(parameters)?.ok_or(CallError::InvalidParameter("zone"))?;
        self.zone(&name, view_parameter(parameters)?)
    }

    async fn steer(&self, parameters: &Map<String, Value>, what: Steer) -> Result<Map<String, Value>, CallError> {
        let zone = self.zone_of(parameters)?;
        let message =
            |error: &SyncError| object(json!({ "zone": zone.name.to_string(), "message": error.to_string() }));
        match self.zones.steer(&zone, what).await {
            Ok(()) => Ok(Map::new()),
            Err(error @ SyncError::NoSuchZone) => Err(CallError::Failed("NoSuchZone", message(&error))),
            Err(error) => Err(CallError::Failed("SyncFailed", message(&error))),
        }
    }

    async fn reload_zone(&self, zone: ZoneKey, accept: bool) -> Result<Map<String, Value>, CallError> {
        let outcome = self.zones.reload(zone.clone(), accept).await;
        let outcome = outcome.ok_or_else(|| no_such_zone(&zone.name, zone.view.as_deref()))?;
        let message = json!({ "zone": zone.name.to_string(), "message": outcome.to_string() });
        match outcome {
            LoadOutcome::Failed(_) => Err(CallError::Failed("ZoneHasErrors", object(message))),
            LoadOutcome::Held { .. } => Err(CallError::Failed("ZoneIsHeld", object(message))),
            LoadOutcome::Loaded { .. } | LoadOutcome::Changing | LoadOutcome::NotFromFile | LoadOutcome::Removed => {
                Ok(object(json!({ "message": outcome.to_string() })))
            }
        }
    }

    async fn reload(&self, accept: bool) -> Result<Map<String, Value>, CallError> {
        let (reply, done) = oneshot::channel();
        let ending = || CallError::Failed("ReloadFailed", Map::new());
        self.reloads
            .send(AskedReload { accept, reply })
            .await
            .map_err(|_| ending())?;
        match done.await.map_err(|_| ending())? {
            Ok(report) => Ok(report_json(&report)),
            Err(ReloadError::Config(diagnostics)) => Err(config_has_errors(&diagnostics)),
            Err(ReloadError::Listen(errors)) => {
                let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
                Err(listen_failed(&lines.join("\n")))
            }
            Err(ReloadError::QueryLog(target, cause)) => Err(config_has_errors(&format!("{target}: {cause}"))),
            Err(ReloadError::Os) => Err(CallError::Failed("ReloadFailed", Map::new())),
        }
    }
}

impl Service for Control {
    async fn call(&self, method: &str, parameters: Map<String, Value>) -> Result<Map<String, Value>, CallError> {
        match method {
            "Status" => self.status(zone_parameter(&parameters)?.as_ref(), view_parameter(&parameters)?),
            "Reload" => self.reload(accept_parameter(&parameters)?).await,
            "ReloadZone" => {
                let zone = self.zone_of(&parameters)?;
                self.reload_zone(zone, accept_parameter(&parameters)?).await
            }
            "Sync" => self.steer(&parameters, Steer::Sync).await,
            "Freeze" => self.steer(&parameters, Steer::Freeze).await,
            "Thaw" => {
                self.steer(&parameters, Steer::Thaw).await?;
                self.reload_zone(self.zone_of(&parameters)?, false).await
            }
            "Retransfer" => self.retransfer(self.zone_of(&parameters)?).await,
            "Refresh" => self.refresh(self.zone_of(&parameters)?).await,
            "Notify" => self.notify(self.zone_of(&parameters)?).await,
            _ => Err(CallError::MethodNotFound),
        }
    }
}

fn zone_parameter(parameters: &Map<String, Value>) -> Result<Option<Name>, CallError> {
    match parameters.get("zone") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => name.parse().map(Some).map_err(|_| CallError::InvalidParameter("zone")),
        Some(_) => Err(CallError::InvalidParameter("zone")),
    }
}

fn view_parameter(parameters: &Map<String, Value>) -> Result<Option<&str>, CallError> {
    match parameters.get("view") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(view)) => Ok(Some(view)),
        Some(_) => Err(CallError::InvalidParameter("view")),
    }
}

fn accept_parameter(parameters: &Map<String, Value>) -> Result<bool, CallError> {
    match parameters.get("accept") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(accept)) => Ok(*accept),
        Some(_) => Err(CallError::InvalidParameter("accept")),
    }
}

fn report_json(report: &Report) -> Map<String, Value> {
    let refused: Vec<Value> = report
        .refused
        .iter()
        .map(|(zone, message)| json!({ "zone": zone.name.to_string(), "view": zone.view.as_deref(), "message": message }))
        .collect();
    let removed = report.removed.iter();
    let removed: Vec<Value> = removed
        .map(|zone| json!({ "zone": zone.name.to_string(), "view": zone.view.as_deref() }))
        .collect();
    object(json!({
        "loaded": report.loaded,
        "removed": removed,
        "refused": refused,
        "unlisted": report.unlisted,
    }))
}

fn no_such_zone(zone: &Name, view: Option<&str>) -> CallError {
    let message = match view {
        Some(view) => format!("there is no zone {zone} in a view {view}"),
        None => format!("there is no zone {zone}"),
    };
    CallError::Failed(
        "NoSuchZone",
        object(json!({ "zone": zone.to_string(), "message": message })),
    )
}

fn several_zones(name: &Name, zones: &[ZoneKey]) -> CallError {
    let views: Vec<&str> = zones.iter().filter_map(|zone| zone.view.as_deref()).collect();
    let message = format!(
        "there is a zone {name} in each of the views {}: which one?",
        views.join(", ")
    );
    CallError::Failed(
        "SeveralZones",
        object(json!({ "zone": name.to_string(), "message": message })),
    )
}

fn not_secondary(zone: &ZoneKey) -> CallError {
    let message = format!("zone {zone} doesn't come from another server");
    let parameters = json!({ "zone": zone.name.to_string(), "message": message });
    CallError::Failed("NotSecondary", object(parameters))
}

/// A zone as `Status` shows it.
fn zone_json(
    zone: &ZoneKey,
    status: &ZoneStatus,
    secondary: Option<&SecondaryStatus>,
    catalog: Option<Value>,
) -> Value {
    let mut shown = status.to_json(zone);
    shown["catalog"] = catalog.into();
    shown["secondary"] = secondary.map_or(Value::Null, SecondaryStatus::to_json);
    shown
}

fn config_has_errors(message: &str) -> CallError {
    CallError::Failed("ConfigHasErrors", object(json!({ "message": message })))
}

fn listen_failed(message: &str) -> CallError {
    CallError::Failed("ListenFailed", object(json!({ "message": message })))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zones::board::CatalogStatus;

    #[test]
    fn a_zone_has_the_fields_that_the_interface_describes() {
        let status = ZoneStatus::new("zones/db".into(), None);
        let secondary = SecondaryStatus::default();
        let zone = zone_json(
            &ZoneKey::outside("example.net".parse().unwrap()),
            &status,
            Some(&secondary),
            Some(CatalogStatus::default().to_json(true)),
        );
        assert_described("Zone", &zone);
        assert_described("Secondary", &zone["secondary"]);
        assert_described("Catalog", &zone["catalog"]);
    }

    fn assert_described(name: &str, value: &Value) {
        let described = INTERFACE.description.split_once(&format!("type {name} (")).unwrap().1;
        let described: Vec<&str> = described
            .split_once("\n)")
            .unwrap()
            .0
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .filter_map(|line| Some(line.split_once(':')?.0.trim()))
            .collect();
        let mut fields: Vec<&String> = value.as_object().unwrap().keys().collect();
        fields.sort();
        let mut sorted = described.clone();
        sorted.sort_unstable();
        assert_eq!(fields, sorted);
    }

    #[test]
    fn parameters_of_the_wrong_kind_are_refused_by_name() {
        let parameters = |value: Value| object(json!({ "zone": value, "view": value, "accept": value }));
        for wrong in [json!(7), json!(["x"])] {
            assert!(matches!(
                zone_parameter(&parameters(wrong.clone())),
                Err(CallError::InvalidParameter("zone"))
            ));
            assert!(matches!(
                view_parameter(&parameters(wrong.clone())),
                Err(CallError::InvalidParameter("view"))
            ));
            assert!(matches!(
                accept_parameter(&parameters(wrong)),
                Err(CallError::InvalidParameter("accept"))
            ));
        }
        assert!(zone_parameter(&parameters(json!("a..b"))).is_err());
        assert!(matches!(zone_parameter(&Map::new()), Ok(None)));
        assert!(matches!(accept_parameter(&parameters(Value::Null)), Ok(false)));
    }
}
