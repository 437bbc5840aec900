//! `io.ballast.Secrets1`.

use std::sync::{Arc, PoisonError, RwLock};

use ballast_shared::plugin::secret::{GetCall, GetReply};
use ballast_shared::varlink::{Call, CallError};
use data_encoding::BASE64;
use metrics::counter;
use serde_json::{Map, Value};
use tracing::{info, warn};

use crate::secrets::{Config, SecretId, Store, StoreError};

/// Gives secrets to those who may have them. Clones are the same.
#[derive(Debug, Clone)]
pub struct Keeper {
    kept: Arc<RwLock<Arc<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    store: Store,
    config: Config,
}

impl Kept {
    fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            store: Store::new(config),
            config: config.clone(),
        })
    }
}

impl Keeper {
    /// As configured.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            kept: Arc::new(RwLock::new(Kept::new(config))),
        }
    }

    /// From here on as in another configuration.
    pub(crate) fn change(&self, config: &Config) {
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Kept::new(config);
    }

    fn kept(&self) -> Arc<Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn call(&self, call: &Call) -> Result<Map<String, Value>, CallError> {
        if call.method != "Get" {
            return Err(CallError::MethodNotFound);
        }
        let get = GetCall::read(&call.parameters).map_err(CallError::InvalidParameter)?;
        let given = self.get(call.caller.uid, &get).await;
        let outcome = match &given {
            Ok(_) => "given",
            Err(CallError::Failed("Denied", _)) => "denied",
            Err(CallError::Failed("NotFound", _)) => "not-found",
            Err(_) => "unavailable",
        };
        counter!("cloudd_secrets_asked_total", "outcome" => outcome).increment(1);
        given
    }

    async fn get(&self, user: u32, get: &GetCall) -> Result<Map<String, Value>, CallError> {
        let kept = self.kept();
        let failed = |error, key: &str, text: &str| {
            CallError::Failed(error, Map::from_iter([(key.to_owned(), Value::from(text))]))
        };
        // What can't be a name is nothing that anybody may have: what there is, is learned by those only who may have it.
        let id = SecretId::read(&get.name, &kept.config.environment).ok();
        let allowed = id.filter(|id| kept.config.access.is_allowed(user, id));
        let Some(id) = allowed else {
            warn!(user, "a secret is not given: {:?}", get.name);
            return Err(failed("Denied", "name", &get.name));
        };
        let version = match get.version.as_deref().map(str::parse) {
            None => None,
            Some(Ok(version)) => Some(version),
            // There is none that is called so.
            Some(Err(_)) => return Err(failed("NotFound", "name", &get.name)),
        };
        match kept.store.get(&id, version).await {
            Ok(got) => {
                info!(user, "secret {id} is given, version {}", got.at.version);
                Ok(GetReply::parameters(
                    BASE64.encode(got.value.octets()),
                    got.at.version.to_string(),
                ))
            }
            Err(StoreError::NotFound(_) | StoreError::NoVersion(..)) => Err(failed("NotFound", "name", &get.name)),
            Err(error) => {
                warn!("secret {id} can't be given: {error}");
                Err(failed("Unavailable", "message", &error.to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ballast_shared::plugin::secret::SECRETS;
    use ballast_shared::varlink::Peer;
    use serde_json::json;

    use super::*;
    use crate::config;
    use crate::secrets::{CreationId, Made, Recipe, Secret};

    /// The number of "nobody", whom every machine has.
    fn nobody() -> u32 {
        ballast_shared::privileges::find_user("nobody").unwrap().uid.as_raw()
    }

    fn call(user: u32, parameters: Value) -> Call {
        let Value::Object(parameters) = parameters else {
            panic!()
        };
        Call {
            interface: SECRETS.name,
            method: "Get".to_owned(),
            parameters,
            descriptors: Vec::new(),
            caller: Peer {
                uid: user,
                gid: user,
                pid: None,
            },
        }
    }

    #[tokio::test]
    async fn who_is_allowed_a_secret_is_given_it_and_nobody_else_learns_whether_it_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cloudd.toml");
        std::fs::write(&path, "work-dir = \"w\"\n[secrets.allow]\nnobody = [\"tsig-*\"]\n").unwrap();
        let config = config::load(&path, &ballast_shared::config::Diagnostics::new()).unwrap();
        let store = Store::new(&config.secrets);
        for name in ["tsig-a", "other"] {
            let made = Made {
                by: "t".to_owned(),
                recipe: Recipe::Given,
            };
            let id = SecretId::new(name, "default").unwrap();
            let value = Secret::new(b"value".to_vec());
            store.create(&id, CreationId::new("c"), &value, made).await.unwrap();
        }
        let keeper = Keeper::new(&config.secrets);
        let ask = async |user, parameters| keeper.call(&call(user, parameters)).await;
        let given = ask(nobody(), json!({"name": "tsig-a"})).await.unwrap();
        assert_eq!(Value::Object(given), json!({"value": "dmFsdWU=", "version": "1"}));
        let error = |outcome: Result<Map<String, Value>, CallError>| match outcome {
            Err(CallError::Failed(name, _)) => name,
            other => panic!("{other:?}"),
        };
        for name in ["other", "none", "live/tsig-a", "../other", ""] {
            assert_eq!(error(ask(nobody(), json!({"name": name})).await), "Denied", "{name}");
        }
        assert_eq!(error(ask(nobody() - 1, json!({"name": "tsig-a"})).await), "Denied");
        assert_eq!(error(ask(nobody(), json!({"name": "tsig-b"})).await), "NotFound");
        let version = |version: &str| json!({"name": "tsig-a", "version": version});
        assert!(ask(nobody(), version("1")).await.is_ok());
        for missing in ["2", "x"] {
            assert_eq!(error(ask(nobody(), version(missing)).await), "NotFound");
        }
        assert!(ask(0, json!({"name": "other"})).await.is_ok());
        assert_eq!(ask(0, json!({})).await, Err(CallError::InvalidParameter("name")));
        // A reload takes it away again.
        std::fs::write(&path, "work-dir = \"w\"\n").unwrap();
        let config = config::load(&path, &ballast_shared::config::Diagnostics::new()).unwrap();
        keeper.change(&config.secrets);
        assert_eq!(error(ask(nobody(), json!({"name": "tsig-a"})).await), "Denied");
    }
}
