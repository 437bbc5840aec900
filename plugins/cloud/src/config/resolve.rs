//! From what the files say to what the daemon runs on.

use std::path::PathBuf;

use ballast_shared::config::{Diagnostics, Key, Spanned};
use ballast_shared::privileges::Process;
use ballast_shared::tls::TlsFiles;

use super::spec::{ProviderSpec, Spec};
use super::{Config, Provider, ProviderKind};
use crate::aws::Settings;
use crate::aws::credentials::Environment;
use crate::scaling;
use crate::userdata;

/// Makes the configuration. It can be run if no error was reported; where there is none, one was.
pub(super) fn resolve(mut spec: Spec, diagnostics: &Diagnostics) -> Option<Config> {
    let control_socket = control_socket(&spec);
    let work_dir = or_default(spec.work_dir.as_ref(), "/var/lib/cloudd");
    let process = Process::resolve(&spec.process, diagnostics);
    let environment = Environment::of_process();
    let files = TlsFiles::default();
    check_topics(&spec, diagnostics);
    let sns = std::mem::take(&mut spec.sns).resolve(diagnostics);
    let secrets = std::mem::take(&mut spec.secrets).resolve(&work_dir, &process, diagnostics, &environment);
    let archive = spec.archive.map(|(_, archive)| archive);
    let providers = providers(spec.providers, diagnostics, &files, &environment);
    let scalings = scalings(spec.scalings, &providers, diagnostics, &files, &environment);
    let archive = archive.and_then(|archive| archive.resolve(diagnostics, &files, &environment));
    let roles = userdata::resolve(&spec.userdata, diagnostics, &files);
    Some(Config {
        archive,
        secrets: secrets?,
        work_dir,
        control_socket,
        control_http: spec.control_http.map(|http| http.value),
        plugin_socket: or_default(spec.plugin_socket.as_ref(), "/run/cloudd/plugin.sock"),
        process,
        roles,
        providers,
        scalings,
        sns,
    })
}

/// A message of a topic has one who does its work, and a way to come by.
fn check_topics(spec: &Spec, diagnostics: &Diagnostics) {
    let mut seen: Vec<&Spanned<String>> = Vec::new();
    let scalings = spec.scalings.iter().flat_map(|(_, scaling)| scaling.topics());
    for topic in scalings.chain(spec.secrets.topics()) {
        if let Some(first) = seen.iter().find(|first| first.value == topic.value) {
            let first = diagnostics.place(first.span);
            diagnostics.error(
                topic.span,
                format!("messages of this topic are taken already, at {first}"),
            );
        }
        seen.push(topic);
    }
    match (seen.first(), spec.sns.span()) {
        (Some(topic), None) => {
            diagnostics.error(topic.span, "no topic can deliver to us: [sns] with `listen` is missing");
        }
        (None, Some(span)) => diagnostics.warning(span, "nothing is delivered here: no `topics` are taken from"),
        (Some(_), Some(_)) | (None, None) => {}
    }
}

/// The control socket.
pub(super) fn control_socket(spec: &Spec) -> PathBuf {
    or_default(spec.control_socket.as_ref(), "/run/cloudd/control.sock")
}

fn or_default(written: Option<&Spanned<PathBuf>>, default: &str) -> PathBuf {
    written.map_or_else(|| default.into(), |written| written.value.clone())
}

fn providers(
    specs: Vec<(Key, ProviderSpec)>,
    diagnostics: &Diagnostics,
    files: &TlsFiles,
    environment: &Environment,
) -> Vec<Provider> {
    let mut providers: Vec<Provider> = Vec::new();
    let mut keys: Vec<Key> = Vec::new();
    for (key, spec) in specs {
        if let Some(first) = keys.iter().find(|first| first.name == key.name) {
            let first = diagnostics.place(first.span);
            diagnostics.error(
                key.span,
                format!("there is a provider of this name already, at {first}"),
            );
        }
        let kind = match spec {
            ProviderSpec::Static { file } => file.map(|file| ProviderKind::Static { file }),
            ProviderSpec::Aws(spec) => {
                let config = spec.resolve(diagnostics, files, environment);
                config.map(|config| ProviderKind::Aws(Box::new(config)))
            }
            ProviderSpec::None => None,
        };
        let name = key.name.clone();
        providers.extend(kind.map(|kind| Provider { name, kind }));
        keys.push(key);
    }
    providers
}

fn scalings(
    specs: Vec<(Key, scaling::config::Spec)>,
    providers: &[Provider],
    diagnostics: &Diagnostics,
    files: &TlsFiles,
    environment: &Environment,
) -> Vec<scaling::config::Config> {
    let aws = |provider: &Provider| match &provider.kind {
        ProviderKind::Aws(config) => Some(config.clone()),
        ProviderKind::Static { .. } => None,
    };
    let settings_of = |name: &str| -> Option<Settings> {
        let provider = providers.iter().find(|provider| provider.name == name)?;
        aws(provider).map(|config| config.settings)
    };
    let mut queues: Vec<String> = providers.iter().filter_map(|provider| aws(provider)?.queue).collect();
    let mut keys: Vec<Key> = Vec::new();
    let mut scalings = Vec::new();
    for (key, spec) in specs {
        if let Some(first) = keys.iter().find(|first| first.name == key.name) {
            let first = diagnostics.place(first.span);
            diagnostics.error(key.span, format!("there is a scaling of this name already, at {first}"));
        }
        if let Some(queue) = spec.queue() {
            if queues.contains(&queue.value) {
                diagnostics.error(
                    queue.span,
                    "another scaling or a provider takes from this queue, too: each would get messages that are the other's",
                );
            }
            queues.push(queue.value.clone());
        }
        scalings.extend(spec.resolve(&key, diagnostics, files, environment, settings_of));
        keys.push(key);
    }
    scalings
}
