//! What the running daemon is asked through its control socket: `io.ballast.dnsd`.

mod dump;
mod status;
mod steering;

use std::sync::Arc;

use ballast_shared::varlink::{Call, CallError, Interface, Part, Service};
use dnsd_core::name::Name;
use dnsd_core::rrtype::Type;
use dnsd_core::zone::Zone;
use dnsd_core::zones::ZoneState;
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::explain::{self, Inquiry};
use crate::forward::Flushed;
use crate::notify::Notify;
use crate::plugins::{Plugins, Shown};
use crate::reload::{AskedReload, ReloadError};
use crate::secondaries::{Secondaries, SecondaryStatus};
use crate::server::Shared;
use crate::signatures::{FirstToExpire, SignatureBoard};
use crate::zones::board::ZoneStatus;
use crate::zones::key::ZoneKey;
use crate::zones::{LoadOutcome, Report, Steer, Zones};

/// The interface, as its file describes it.
pub(crate) const INTERFACE: Interface = Interface {
    name: "io.ballast.dnsd",
    description: include_str!("io.ballast.dnsd.varlink"),
};

/// Answers the calls.
pub(crate) struct Control {
    shared: Shared,
    zones: Zones,
    secondaries: Secondaries,
    notify: Notify,
    plugins: Plugins,
    signatures: Arc<SignatureBoard>,
    reloads: mpsc::Sender<AskedReload>,
}

impl Control {
    /// `reloads` is where the daemon takes requests for a reload of everything.
    pub(crate) fn new(
        shared: Shared,
        zones: Zones,
        secondaries: Secondaries,
        notify: Notify,
        plugins: Plugins,
        signatures: Arc<SignatureBoard>,
        reloads: mpsc::Sender<AskedReload>,
    ) -> Self {
        Self {
            shared,
            zones,
            secondaries,
            notify,
            plugins,
            signatures,
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
        Ok(object(json!({
            "zones": zones,
            "unlisted": board.unlisted(),
            "server": status::server(&self.shared, &self.secondaries),
            "plugins": self.plugins.shown().iter().map(Shown::to_json).collect::<Vec<_>>(),
        })))
    }

    fn zone_json(&self, zone: &ZoneKey, status: &ZoneStatus, in_full: bool) -> Value {
        let secondary = self.secondaries.board().zone(zone);
        let catalog = self.zones.board().catalog(zone);
        let catalog = catalog.map(|catalog| catalog.to_json(in_full));
        let signature = self.signatures.zone(zone);
        zone_json(zone, status, secondary.as_ref(), catalog, signature.as_ref())
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

    /// The version that is served.
    fn served(&self, zone: &ZoneKey) -> Result<Arc<Zone>, CallError> {
        match self.shared.serving.load().views.zone(zone) {
            Some(ZoneState::Loaded(version)) => Ok(version.clone()),
            Some(ZoneState::Failed | ZoneState::Forward) | None => {
                let message = format!("nothing is served of zone {zone}");
                let parameters = json!({ "zone": zone.name.to_string(), "message": message });
                Err(CallError::Failed("ZoneNotServed", object(parameters)))
            }
        }
    }

    fn flush(&self, parameters: &Map<String, Value>) -> Result<Map<String, Value>, CallError> {
        let name = name_parameter(parameters, "name")?;
        let what = match (&name, flag_parameter(parameters, "tree")?) {
            (Some(name), true) => Flushed::Tree(name),
            (Some(name), false) => Flushed::Name(name),
            (None, false) => Flushed::All,
            (None, true) => return Err(CallError::InvalidParameter("name")),
        };
        let forgotten = self.shared.serving.load().forwarder.flush(what);
        Ok(object(json!({ "forgotten": forgotten })))
    }

    fn explain(&self, parameters: &Map<String, Value>) -> Result<Map<String, Value>, CallError> {
        let required = |called| text_parameter(parameters, called)?.ok_or(CallError::InvalidParameter(called));
        let inquiry = Inquiry {
            name: name_parameter(parameters, "name")?.ok_or(CallError::InvalidParameter("name"))?,
            qtype: Type::parse(required("type")?.as_bytes()).ok_or(CallError::InvalidParameter("type"))?,
            from: required("from")?
                .parse()
                .map_err(|_| CallError::InvalidParameter("from"))?,
            key: name_parameter(parameters, "key")?,
            recursion_desired: !flag_parameter(parameters, "noRecursion")?,
            dnssec_ok: flag_parameter(parameters, "dnssec")?,
        };
        let board = self.zones.board();
        let source = |zone: &ZoneKey| board.zone(zone).map(|status| explain::served_from(&status));
        let lines = explain::explain(&self.shared.serving.load(), &source, &inquiry);
        Ok(object(json!({ "lines": lines })))
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

    async fn reload_zone(&self, zone: ZoneKey, accept: bool) -> Result<Map<String, Value>, CallError> {
        if let Some(missing) = accept.then(|| self.plugins.accept(&zone)).flatten() {
            let message = format!("the inventory without {missing} of its machines is accepted");
            return Ok(object(json!({ "message": message })));
        }
        if let Some(held) = self.plugins.held(&zone) {
            let parameters = json!({ "zone": zone.name.to_string(), "message": held });
            return Err(CallError::Failed("ZoneIsHeld", object(parameters)));
        }
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
    async fn call(&self, call: Call) -> Result<Map<String, Value>, CallError> {
        let parameters = call.parameters;
        match call.method.as_str() {
            "Status" => self.status(zone_parameter(&parameters)?.as_ref(), view_parameter(&parameters)?),
            "Reload" => self.reload(accept_parameter(&parameters)?).await,
            "ReloadZone" => {
                let zone = self.zone_of(&parameters)?;
                self.reload_zone(zone, accept_parameter(&parameters)?).await
            }
            "Sync" => self.steer(&parameters, Steer::Sync).await,
            "Freeze" => self.steer(&parameters, Steer::Freeze).await,
            "Thaw" => self.steer(&parameters, Steer::Thaw).await,
            "Retransfer" => self.retransfer(self.zone_of(&parameters)?).await,
            "Refresh" => self.refresh(self.zone_of(&parameters)?).await,
            "Notify" => self.notify(self.zone_of(&parameters)?).await,
            "Flush" => self.flush(&parameters),
            "Explain" => self.explain(&parameters),
            "Dump" => Err(CallError::ExpectedMore),
            _ => Err(CallError::MethodNotFound),
        }
    }

    fn call_more(&self, call: &Call) -> Result<Option<mpsc::Receiver<Part>>, CallError> {
        match call.method.as_str() {
            "Dump" => {
                let zone = self.zone_of(&call.parameters)?;
                let version = self.served(&zone)?;
                Ok(Some(dump::dump(&zone, version)))
            }
            _ => Ok(None),
        }
    }
}

fn zone_parameter(parameters: &Map<String, Value>) -> Result<Option<Name>, CallError> {
    name_parameter(parameters, "zone")
}

fn view_parameter(parameters: &Map<String, Value>) -> Result<Option<&str>, CallError> {
    text_parameter(parameters, "view")
}

fn accept_parameter(parameters: &Map<String, Value>) -> Result<bool, CallError> {
    flag_parameter(parameters, "accept")
}

fn name_parameter(parameters: &Map<String, Value>, called: &'static str) -> Result<Option<Name>, CallError> {
    let text = text_parameter(parameters, called)?;
    let name = text.map(|text| text.parse().map_err(|_| CallError::InvalidParameter(called)));
    name.transpose()
}

fn text_parameter<'p>(parameters: &'p Map<String, Value>, called: &'static str) -> Result<Option<&'p str>, CallError> {
    match parameters.get(called) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(CallError::InvalidParameter(called)),
    }
}

fn flag_parameter(parameters: &Map<String, Value>, called: &'static str) -> Result<bool, CallError> {
    match parameters.get(called) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(CallError::InvalidParameter(called)),
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

/// A zone as `Status` and the page `/zones` show it.
pub(crate) fn zone_json(
    zone: &ZoneKey,
    status: &ZoneStatus,
    secondary: Option<&SecondaryStatus>,
    catalog: Option<Value>,
    signature: Option<&FirstToExpire>,
) -> Value {
    let mut shown = status.to_json(zone);
    shown["catalog"] = catalog.into();
    shown["secondary"] = secondary.map_or(Value::Null, SecondaryStatus::to_json);
    shown["signaturesExpireAt"] = json!(signature.map(|first| first.at));
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
            None,
        );
        assert_described("Zone", &zone);
        assert_described("Secondary", &zone["secondary"]);
        assert_described("Catalog", &zone["catalog"]);
    }

    #[test]
    fn the_server_has_the_fields_that_the_interface_describes() {
        let (_dir, shared) = crate::server::test_shared("");
        let server = status::server_json(&shared, Default::default());
        assert_described("Server", &server);
        assert_described("TransfersOut", &server["transfersOut"]);
        assert_described("TransfersIn", &server["transfersIn"]);
        assert_described("Forwarded", &server["forwarded"]);
        assert_described("Key", &status::key_json("lan", "hmac-sha256", None));
        assert_described("Plugin", &crate::plugins::test_shown().to_json());
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
