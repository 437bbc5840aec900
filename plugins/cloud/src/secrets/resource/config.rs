//! `[secrets.resource]`.

use ballast_shared::config::{Diagnostics, Span, Spanned, Table};
use ballast_shared::tls::TlsFiles;
use glob::Pattern;

use super::super::access::read_patterns;
use crate::aws::credentials::Environment;
use crate::aws::settings::SettingsSpec;
use crate::aws::{Part, Settings};
use crate::hosts::Hosts;
use crate::iam::{Grant, Scope};
use crate::sns::config::check_topics;

/// The table as it stands in a file.
#[derive(Debug)]
pub struct Spec {
    settings: SettingsSpec,
    span: Span,
    queue: Option<String>,
    topics: Vec<Spanned<String>>,
    hosts: Option<Vec<Spanned<String>>>,
    readable: Option<Vec<Spanned<String>>>,
}

/// How CloudFormation's requests are taken.
#[derive(Debug, Clone)]
pub struct Config {
    /// How the queue is reached.
    pub settings: Settings,
    /// Its URL, if requests come from one …
    pub queue: Option<String>,
    /// … and the topics that deliver them to us.
    pub topics: Vec<String>,
    /// Where answers may be sent to.
    pub(super) hosts: Hosts,
    /// What stacks may read that no stack has made.
    pub(super) readable: Vec<Pattern>,
}

impl Config {
    /// What is done with AWS.
    #[must_use]
    pub fn grant(&self) -> Option<Grant> {
        let region = self.settings.endpoints.region();
        let queue = self.queue.as_ref()?;
        Some(Grant::new(Part::StackRequests, Scope::queue(queue, region)))
    }
}

impl Spec {
    /// Reads it.
    #[must_use]
    pub fn read(table: &Table<'_>) -> Self {
        Self {
            settings: SettingsSpec::read(table),
            span: table.span(),
            queue: table.optional("queue"),
            topics: table.optional("topics").unwrap_or_default(),
            hosts: table.optional("response-hosts"),
            readable: table.optional("readable"),
        }
    }

    /// The ARNs of the topics.
    #[must_use]
    pub fn topics(&self) -> &[Spanned<String>] {
        &self.topics
    }

    /// What it comes to, where secrets that are named without an environment are of this one. What is wrong is reported.
    #[must_use]
    pub fn resolve(
        self,
        default_environment: &str,
        diagnostics: &Diagnostics,
        environment: &Environment,
    ) -> Option<Config> {
        let hosts = self.hosts.map_or_else(Hosts::aws, |hosts| {
            let read = Hosts::read(hosts.iter().map(|host| host.value.as_str()));
            read.unwrap_or_else(|wrong| {
                let message =
                    "not hosts: \".amazonaws.com\" (all below it), \"HOST\", or \"http://HOST:PORT\" without TLS";
                for host in hosts.iter().filter(|host| host.value == wrong) {
                    diagnostics.error(host.span, message);
                }
                Hosts::aws()
            })
        });
        if self.queue.is_none() && self.topics.is_empty() {
            diagnostics.error(self.span, "`queue` is missing here, or `topics` that deliver to us");
        }
        check_topics(&self.topics, diagnostics);
        let readable = self.readable.unwrap_or_default();
        Some(Config {
            readable: read_patterns(&readable, default_environment, diagnostics),
            hosts,
            settings: self.settings.resolve(diagnostics, &TlsFiles::default(), environment)?,
            queue: self.queue,
            topics: self.topics.into_iter().map(|topic| topic.value).collect(),
        })
    }
}
