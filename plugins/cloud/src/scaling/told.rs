//! A decision as an event for those who follow the plugin.

use std::collections::BTreeMap;

use super::decision::Decision;
use super::inputs::{GroupState, Trigger};
use crate::events::{Event, Kind};

/// The event of a decision of this id, of the scaling of this name, about what has this key.
pub(super) fn event(id: &str, name: &str, key: &str, decision: &Decision) -> Event {
    let inputs = &decision.inputs;
    let host = match &inputs.trigger {
        Trigger::Interruption { instance, .. } => Some(instance.clone()),
        _ => None,
    };
    Event {
        id: id.to_owned(),
        time: inputs.at,
        kind: Kind::Decision,
        host,
        message: format!("scaling {name}: {}: {}", decision.action, decision.text),
        fields: fields(name, key, decision),
    }
}

/// What an event of a decision says to programs: its inputs as far as texts of that length go; the record has all of them.
fn fields(name: &str, key: &str, decision: &Decision) -> BTreeMap<String, String> {
    let inputs = &decision.inputs;
    let zones: Vec<String> = decision
        .zones
        .iter()
        .map(|zone| format!("{}={}", zone.zone, zone.mean))
        .collect();
    let steps: Vec<String> = decision.steps.iter().map(ToString::to_string).collect();
    let group = |group: &GroupState| format!("{} {}/{}/{}", group.name, group.present(), group.desired, group.max);
    let fields = [
        ("scaling", Some(name.to_owned())),
        ("action", Some(decision.action.to_string())),
        ("reason", Some(decision.reason.as_str().to_owned())),
        (
            "not-spot",
            decision.not_spot.map(|not_spot| not_spot.as_str().to_owned()),
        ),
        ("key", Some(key.to_owned())),
        ("bid", inputs.bid.map(|bid| bid.to_string())),
        ("limit", decision.limit.map(|limit| limit.to_string())),
        ("type", inputs.instance_type.clone()),
        ("zones", (!zones.is_empty()).then(|| zones.join(","))),
        ("steps", (!steps.is_empty()).then(|| steps.join("; "))),
        ("spot", Some(group(&inputs.spot))),
        ("on-demand", Some(group(&inputs.on_demand))),
    ];
    let mut told = BTreeMap::new();
    for (name, value) in fields {
        told.extend(value.map(|value| (name.to_owned(), value)));
    }
    told
}
