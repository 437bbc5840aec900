//! How a service is reached, as configurations say it: the keys that everything has that speaks to one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ballast_shared::config::{Spanned, Table, nearest};
use ballast_shared::tls::{Authorities, TlsFiles};

use super::credentials::{Environment, Sources};
use super::endpoint::{Endpoint, Endpoints, Service};
use super::http::Timeouts;

/// Instances of a page: the most there may be, as each page is a call, and calls are counted.
pub(super) const PAGE_INSTANCES: u16 = 1000;

/// What a client needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Where the services are.
    pub endpoints: Endpoints,
    /// Where credentials are looked for.
    pub sources: Sources,
    /// Who vouches for the services; `None`: those that this machine trusts.
    pub authorities: Option<Arc<Authorities>>,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Instances of a page of a listing: 5 to 1000.
    pub page_instances: u16,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("endpoints", &self.endpoints)
            .field("profile", &self.sources.profile)
            .finish_non_exhaustive()
    }
}

/// The keys as they stand in a file.
#[derive(Debug)]
pub struct SettingsSpec {
    /// `region`.
    pub region: Option<Spanned<String>>,
    /// `[… .endpoint]`, by service.
    pub endpoints: BTreeMap<Service, Endpoint>,
    /// `profile`.
    pub profile: Option<String>,
    /// `ca`: a file.
    pub ca: Option<Spanned<PathBuf>>,
}

impl SettingsSpec {
    /// Reads `region`, `endpoint`, `profile` and `ca`.
    #[must_use]
    pub fn read(table: &Table<'_>) -> Self {
        let mut endpoints = BTreeMap::new();
        if let Some(table) = table.table("endpoint") {
            for (key, value) in table.entries() {
                let Some(service) = Service::ALL.into_iter().find(|service| service.name() == key.name) else {
                    let message = format!("no service `{}` is called", key.name);
                    match nearest(&key.name, Service::ALL.map(Service::name).to_vec()) {
                        Some(help) => table.diagnostics().error_with_help(key.span, message, help),
                        None => table.diagnostics().error(key.span, message),
                    }
                    continue;
                };
                match value.string().map(str::parse::<Endpoint>) {
                    Some(Ok(endpoint)) => drop(endpoints.insert(service, endpoint)),
                    Some(Err(error)) => value.error(error.to_string()),
                    None => {}
                }
            }
        }
        Self {
            region: table.required("region"),
            endpoints,
            profile: table.optional("profile"),
            ca: table.optional("ca"),
        }
    }

    /// What they come to. What is wrong is reported.
    #[must_use]
    pub fn resolve(
        self,
        diagnostics: &ballast_shared::config::Diagnostics,
        files: &TlsFiles,
        environment: &Environment,
    ) -> Option<Settings> {
        let authorities = match self.ca {
            None => Some(None),
            Some(ca) => match files.authorities(&ca.value) {
                Ok(authorities) => Some(Some(authorities)),
                Err(error) => {
                    diagnostics.error(ca.span, error.to_string());
                    None
                }
            },
        };
        // That it is missing has been said.
        let region = self.region?;
        let endpoints = match Endpoints::new(&region.value, self.endpoints) {
            Ok(endpoints) => Some(endpoints),
            Err(error) => {
                diagnostics.error(region.span, error.to_string());
                None
            }
        };
        Some(Settings {
            endpoints: endpoints?,
            sources: Sources {
                profile: self.profile,
                environment: environment.clone(),
            },
            authorities: authorities?,
            timeouts: Timeouts::default(),
            page_instances: PAGE_INSTANCES,
        })
    }
}
