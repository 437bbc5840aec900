//! `[secrets.resource]`.

use ballast_shared::config::{Diagnostics, Spanned, Table};
use ballast_shared::tls::TlsFiles;
use glob::Pattern;

use super::super::access::read_patterns;
use super::hosts::Hosts;
use crate::aws::credentials::Environment;
use crate::aws::settings::SettingsSpec;
use crate::aws::{Part, Settings};
use crate::iam::{Grant, Scope};

/// The table as it stands in a file.
#[derive(Debug)]
pub struct Spec {
    settings: SettingsSpec,
    queue: Option<String>,
    hosts: Option<Vec<Spanned<String>>>,
    readable: Option<Vec<Spanned<String>>>,
}

/// How CloudFormation's requests are taken.
#[derive(Debug, Clone)]
pub struct Config {
    /// How the queue is reached.
    pub settings: Settings,
    /// Its URL.
    pub queue: String,
    /// Where answers may be sent to.
    pub(super) hosts: Hosts,
    /// What stacks may read that no stack has made.
    pub(super) readable: Vec<Pattern>,
}

impl Config {
    /// What is done with AWS.
    #[must_use]
    pub fn grant(&self) -> Grant {
        let region = self.settings.endpoints.region();
        Grant::new(Part::StackRequests, Scope::queue(&self.queue, region))
    }
}

impl Spec {
    /// Reads it.
    #[must_use]
    pub fn read(table: &Table<'_>) -> Self {
        Self {
            settings: SettingsSpec::read(table),
            queue: table.required("queue"),
            hosts: table.optional("response-hosts"),
            readable: table.optional("readable"),
        }
    }

    /// What it comes to, where secrets that are named without an environment are of this one. What is wrong is reported.
    #[must_use]
    pub fn resolve(
        self,
        default_environment: &str,
        diagnostics: &Diagnostics,
        environment: &Environment,
    ) -> Option<Config> {
        let hosts = self.hosts.map_or_else(Hosts::default, |hosts| {
            let read = Hosts::read(hosts.iter().map(|host| host.value.as_str()));
            read.unwrap_or_else(|wrong| {
                let message =
                    "not hosts: \".amazonaws.com\" (all below it), \"HOST\", or \"http://HOST:PORT\" without TLS";
                for host in hosts.iter().filter(|host| host.value == wrong) {
                    diagnostics.error(host.span, message);
                }
                Hosts::default()
            })
        });
        let readable = self.readable.unwrap_or_default();
        Some(Config {
            readable: read_patterns(&readable, default_environment, diagnostics),
            hosts,
            settings: self.settings.resolve(diagnostics, &TlsFiles::default(), environment)?,
            queue: self.queue?,
        })
    }
}
