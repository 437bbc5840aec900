//! `[provider.NAME.aws]`.

use std::time::Duration;

use ballast_shared::config::{Diagnostics, Spanned, Table};
use ballast_shared::tls::TlsFiles;

use crate::aws::credentials::Environment;
use crate::aws::ec2::Filter;
use crate::aws::settings::SettingsSpec;
use crate::aws::{Endpoint, Part, Settings};
use crate::iam::{Grant, Scope};
use crate::resources::Kind;

/// A listing takes this long where there are many machines, and accounts have so many calls a second for all who ask.
const INTERVAL_MIN: Duration = Duration::from_secs(5);
const INTERVAL_MAX: Duration = Duration::from_secs(3600);
/// Networks and volumes change by people's hands, and each listing of them is several calls.
const SLOW_MIN: Duration = Duration::from_secs(30);
const SLOW_MAX: Duration = Duration::from_secs(24 * 3600);
const INTERVAL: Duration = Duration::from_secs(60);
/// Values of a filter, and filters: what EC2 takes.
const FILTER_VALUES_MAX: usize = 200;

/// The table as it stands in a file.
#[derive(Debug)]
pub struct Spec {
    settings: SettingsSpec,
    interval: Option<Spanned<Duration>>,
    networks_interval: Option<Spanned<Duration>>,
    volumes_interval: Option<Spanned<Duration>>,
    queue: Option<Spanned<String>>,
    vpc: Option<Spanned<Vec<String>>>,
    tags: Vec<(String, Spanned<Vec<String>>)>,
    labels: Option<Vec<Spanned<String>>>,
}

/// What the provider runs on.
#[derive(Debug, Clone)]
pub struct Config {
    /// How the services are reached.
    pub settings: Settings,
    /// Between two listings.
    pub interval: Duration,
    /// Between two of networks, if they are looked at.
    pub networks_interval: Option<Duration>,
    /// Between two of volumes and snapshots, if they are looked at.
    pub volumes_interval: Option<Duration>,
    /// The URL of the queue that has events of machines.
    pub queue: Option<String>,
    /// Which machines are looked at.
    pub filters: Vec<Filter>,
    /// The tags that are let out as labels.
    pub labels: Vec<String>,
}

impl Config {
    /// What the provider does with the cloud, and with what of it: what has to be permitted.
    #[must_use]
    pub fn grants(&self) -> Vec<Grant> {
        let region = self.settings.endpoints.region();
        let mut grants = vec![Grant::new(Part::Machines, Scope::all(region))];
        if let Some(queue) = &self.queue {
            grants.push(Grant::new(Part::Events, Scope::queue(queue, region)));
        }
        if self.networks_interval.is_some() {
            grants.push(Grant::new(Part::Networks, Scope::all(region)));
        }
        if self.volumes_interval.is_some() {
            grants.push(Grant::new(Part::Volumes, Scope::all(region)));
        }
        grants
    }

    /// What the provider looks at besides machines.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        let intervals = [
            (Kind::Networks, self.networks_interval),
            (Kind::Volumes, self.volumes_interval),
        ];
        let looked_at = intervals.into_iter().filter(|(_, interval)| interval.is_some());
        looked_at.map(|(kind, _)| kind).collect()
    }

    /// What the provider does with the cloud.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        self.grants().iter().map(|grant| grant.part).collect()
    }
}

impl Spec {
    /// Reads `[provider.NAME.aws]`.
    #[must_use]
    pub fn read(table: &Table<'_>) -> Self {
        let tags = table.table("tags").map(|tags| {
            let entries = tags.entries().into_iter();
            let read = |value| ballast_shared::config::FromValue::from_value(value);
            entries
                .filter_map(|(key, value)| Some((key.name, read(value)?)))
                .collect()
        });
        Self {
            settings: SettingsSpec::read(table),
            interval: table.optional("interval"),
            networks_interval: table.optional("networks-interval"),
            volumes_interval: table.optional("volumes-interval"),
            queue: table.optional("queue"),
            vpc: table.optional("vpc"),
            tags: tags.unwrap_or_default(),
            labels: table.optional("labels"),
        }
    }

    /// What it comes to. What is wrong is reported.
    #[must_use]
    pub fn resolve(self, diagnostics: &Diagnostics, files: &TlsFiles, environment: &Environment) -> Option<Config> {
        let mut is_right = true;
        let mut wrong = |span, message: &str| {
            diagnostics.error(span, message);
            is_right = false;
        };
        if let Some(interval) = &self.interval
            && !(INTERVAL_MIN..=INTERVAL_MAX).contains(&interval.value)
        {
            wrong(interval.span, "out of range: it takes \"5s\" to \"1h\"");
        }
        for interval in [&self.networks_interval, &self.volumes_interval].into_iter().flatten() {
            if !(SLOW_MIN..=SLOW_MAX).contains(&interval.value) {
                wrong(interval.span, "out of range: it takes \"30s\" to \"1d\"");
            }
        }
        if let Some(queue) = &self.queue
            && queue
                .value
                .parse::<Endpoint>()
                .map_or(true, |queue| queue.to_string().matches('/').count() < 3)
        {
            wrong(
                queue.span,
                "not the URL of a queue: \"https://sqs.REGION.amazonaws.com/ACCOUNT/NAME\"",
            );
        }
        let mut filters = Vec::new();
        let tags = self
            .tags
            .into_iter()
            .map(|(name, values)| (format!("tag:{name}"), values));
        for (name, values) in self
            .vpc
            .into_iter()
            .map(|values| ("vpc-id".to_owned(), values))
            .chain(tags)
        {
            match values.value.len() {
                1..=FILTER_VALUES_MAX => filters.push(Filter::new(&name, values.value)),
                _ => wrong(values.span, "a list of 1 to 200 values goes here"),
            }
        }
        let settings = self.settings.resolve(diagnostics, files, environment);
        if !is_right {
            return None;
        }
        Some(Config {
            settings: settings?,
            interval: self.interval.map_or(INTERVAL, |interval| interval.value),
            networks_interval: self.networks_interval.map(|interval| interval.value),
            volumes_interval: self.volumes_interval.map(|interval| interval.value),
            queue: self.queue.map(|queue| queue.value),
            filters,
            labels: self
                .labels
                .unwrap_or_default()
                .into_iter()
                .map(|label| label.value)
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use ballast_shared::config::load;

    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cloudd.toml");
        std::fs::write(&path, format!("[aws]\n{text}")).unwrap();
        let diagnostics = Diagnostics::new();
        let mut spec = None;
        load(&path, &diagnostics, &mut |root| {
            spec = root.table("aws").map(|table| Spec::read(&table));
        });
        let config = spec
            .unwrap()
            .resolve(&diagnostics, &TlsFiles::default(), &Environment::default());
        match config {
            Some(config) if !diagnostics.has_errors() => Ok(config),
            _ => Err(diagnostics.to_string()),
        }
    }

    #[test]
    fn a_table_comes_to_a_configuration() {
        let config = read(
            "region = \"eu-west-1\"\ninterval = \"2m\"\nvpc = [\"vpc-1\"]\nlabels = [\"Name\"]\nqueue = \"https://sqs.eu-west-1.amazonaws.com/1/q\"\n\
             tags = { Usage = [\"App*\"] }\n[aws.endpoint]\nec2 = \"http://euca:8773/services/compute/\"\n",
        )
        .unwrap();
        let filters = [Filter::new("vpc-id", ["vpc-1"]), Filter::new("tag:Usage", ["App*"])];
        assert_eq!(config.filters, filters);
        assert_eq!(
            (config.interval, config.labels),
            (Duration::from_secs(120), vec!["Name".to_owned()])
        );
    }

    #[test]
    fn all_that_is_wrong_is_reported_with_its_place() {
        let error = read(
            "region = \"eu west\"\ninterval = \"1s\"\nvpc = []\nqueue = \"q\"\nintervall = 1\nca = \"none.pem\"\n\
             [aws.endpoint]\nec3 = \"http://x\"\nsqs = \"x\"\n",
        )
        .unwrap_err();
        for wanted in [
            ":2:11: not the name of a region",
            ":3:13: out of range: it takes \"5s\" to \"1h\"",
            ":4:7: a list of 1 to 200 values goes here",
            ":5:10: not the URL of a queue",
            ":6:1: unknown key `intervall`",
            ":7:7: ",
            ":9:1: no service `ec3` is called",
            ":10:7: not the URL of a service",
        ] {
            assert!(error.contains(wanted), "{wanted} is not in\n{error}");
        }
        assert!(error.contains("ec2"), "the name that was meant:\n{error}");
        assert!(read("").unwrap_err().contains("`region` is missing here"));
    }
}
