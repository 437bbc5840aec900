//! `org.varlink.service`, the interface that every Varlink service has, by which it describes itself; and its errors.

use serde_json::{Map, Value, json};

use super::frame::Reply;
use super::service::{CallError, Offer};

pub(super) const SERVICE: &str = "org.varlink.service";

const DESCRIPTION: &str = include_str!("org.varlink.service.varlink");

pub(super) fn describe(
    method: &str,
    parameters: &Map<String, Value>,
    offer: &Offer,
) -> Result<Map<String, Value>, CallError> {
    match method {
        "GetInfo" => {
            let own = offer.interfaces.iter().map(|interface| interface.name);
            let interfaces: Vec<&str> = [SERVICE].into_iter().chain(own).collect();
            Ok(object(json!({
                "vendor": "Ballast",
                "product": offer.product,
                "version": env!("CARGO_PKG_VERSION"),
                "url": "",
                "interfaces": interfaces,
            })))
        }
        "GetInterfaceDescription" => {
            let name = parameters.get("interface").and_then(Value::as_str);
            let name = name.ok_or(CallError::InvalidParameter("interface"))?;
            let own = offer.interfaces.iter().find(|interface| interface.name == name);
            let description = match own {
                Some(interface) => interface.description,
                None if name == SERVICE => DESCRIPTION,
                None => return Err(CallError::InterfaceNotFound(name.to_owned())),
            };
            Ok(object(json!({ "description": description })))
        }
        _ => Err(CallError::MethodNotFound),
    }
}

impl CallError {
    /// As a reply to a call of this method.
    pub(super) fn into_reply(self, method: &str, interface: &str) -> Reply {
        let (error, parameters) = match self {
            Self::MethodNotFound => ("MethodNotFound", json!({ "method": method })),
            Self::InvalidParameter(parameter) => ("InvalidParameter", json!({ "parameter": parameter })),
            Self::InterfaceNotFound(name) => ("InterfaceNotFound", json!({ "interface": name })),
            Self::ExpectedMore => ("ExpectedMore", json!({})),
            Self::PermissionDenied => ("PermissionDenied", json!({})),
            Self::Failed(error, parameters) => {
                return Reply {
                    error: Some(format!("{interface}.{error}")),
                    parameters,
                    continues: false,
                };
            }
        };
        Reply {
            error: Some(format!("{SERVICE}.{error}")),
            parameters: object(parameters),
            continues: false,
        }
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
