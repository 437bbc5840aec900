//! From what the files say to what the daemon runs on.

use std::path::PathBuf;

use ballast_shared::config::{Diagnostics, Spanned};
use ballast_shared::privileges::Process;

use super::spec::{ProviderSpec, Spec};
use super::{Config, Provider, ProviderKind};

/// Makes the configuration. It can be run if no error was reported.
pub(super) fn resolve(spec: &Spec, diagnostics: &Diagnostics) -> Config {
    Config {
        work_dir: or_default(spec.work_dir.as_ref(), "/var/lib/cloudd"),
        control_socket: control_socket(spec),
        control_http: spec.control_http.map(|http| http.value),
        plugin_socket: or_default(spec.plugin_socket.as_ref(), "/run/cloudd/plugin.sock"),
        process: Process::resolve(&spec.process, diagnostics),
        providers: providers(spec, diagnostics),
    }
}

/// The control socket.
pub(super) fn control_socket(spec: &Spec) -> PathBuf {
    or_default(spec.control_socket.as_ref(), "/run/cloudd/control.sock")
}

fn or_default(written: Option<&Spanned<PathBuf>>, default: &str) -> PathBuf {
    written.map_or_else(|| default.into(), |written| written.value.clone())
}

fn providers(spec: &Spec, diagnostics: &Diagnostics) -> Vec<Provider> {
    let mut providers = Vec::new();
    for (place, (key, provider)) in spec.providers.iter().enumerate() {
        if let Some((first, _)) = spec.providers[..place].iter().find(|(first, _)| first.name == key.name) {
            let first = diagnostics.place(first.span);
            diagnostics.error(
                key.span,
                format!("there is a provider of this name already, at {first}"),
            );
        }
        if let ProviderSpec::Static { file: Some(file) } = provider {
            providers.push(Provider {
                name: key.name.clone(),
                kind: ProviderKind::Static { file: file.clone() },
            });
        }
    }
    providers
}
