//! From the `Spec` to the [`Config`]. Every error is reported and something harmless put in its place, so that the rest is
//! checked too; a configuration with errors is never handed out.

mod access;
mod database;
mod forward;
mod http;
mod inputs;
mod outputs;
mod plugins;
mod queued;
mod resolver;
mod rules;
mod sinks;
mod templates;
mod tls;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ballast_shared::config::{Diagnostics, Size, Span};
use ballast_shared::plugin::secret::Secrets;
use ballast_shared::privileges::Process;
use ballast_shared::tls::TlsFiles;

use self::forward::Surroundings;
use self::plugins::EventsAround;
use self::templates::Templates;
use self::tls::TlsReader;
use super::spec::Spec;
use super::{Config, Control};

const WORK_DIR: &str = "/var/lib/logd";
const CONTROL_SOCKET: &str = "/run/logd/control.sock";
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Two seconds of a gigabit of messages: time enough for a disk to come back from a hiccup.
const BUFFER_MAX: Size = Size::mib(256);

/// Below this a few busy files would take the whole of it.
const BUFFER_MIN: Size = Size::mib(1);

pub(super) fn resolve(spec: Spec, tls_files: &TlsFiles, secrets: &Secrets, diagnostics: &Diagnostics) -> Config {
    let pending = RefCell::default();
    let process = Process::resolve(&spec.process, diagnostics);
    let tls = TlsReader::new(tls_files, &process, diagnostics);
    let servers = resolver::servers(&spec.resolver, diagnostics);
    let work_dir_at = spec.work_dir.as_ref().map_or(Span::new(0, 0, 0), |path| path.span);
    let work_dir = spec.work_dir.as_ref().map_or(Path::new(WORK_DIR), |path| &path.value);
    let plugins = plugins::resolve(&spec.plugins, work_dir, diagnostics);
    let events = EventsAround {
        plugins: &plugins,
        outputs: &spec.outputs,
    };
    let inputs = inputs::resolve(&spec.inputs, &tls, &servers, &process, &events, diagnostics);
    let hostname = spec
        .hostname
        .as_ref()
        .map_or_else(own_hostname, |name| name.value.as_str().into());
    let around = Surroundings {
        templates: Templates {
            named: &spec.templates,
            has_plugin: !spec.plugins.is_empty(),
        },
        plugins: &plugins,
        secrets,
        pending: &pending,
        hostname: &hostname,
        inputs: &inputs,
        work_dir,
        tls: &tls,
        diagnostics,
    };
    let mut outputs = outputs::resolve(&spec, &process, &around);
    let (router, rule_names) = rules::resolve(&spec.rules, &inputs, &mut outputs, diagnostics);
    let outputs = outputs.finish(diagnostics);
    let kinds = outputs.iter().map(|output| (output.name.as_str(), &output.kind));
    forward::warn_of_left_over(work_dir, kinds, work_dir_at, diagnostics);
    let buffer_max_at = spec.buffer_max.as_ref().map_or(Span::new(0, 0, 0), |size| size.span);
    let buffer_max = spec.buffer_max.map_or(BUFFER_MAX, |size| {
        if size.value < BUFFER_MIN {
            diagnostics.error(size.span, "at least \"1MiB\"");
        }
        size.value
    });
    queued::warn_of_much(&outputs, buffer_max, buffer_max_at, diagnostics);
    Config {
        work_dir: work_dir.to_owned(),
        hostname,
        drain_timeout: spec.drain_timeout.map_or(DRAIN_TIMEOUT, |timeout| timeout.value),
        buffer_bytes_max: buffer_max.as_usize(),
        open_files_max: outputs::at_least_one(spec.open_files_max.as_ref(), diagnostics),
        control: Control {
            socket: spec
                .control_socket
                .map_or_else(|| PathBuf::from(CONTROL_SOCKET), |path| path.value),
            viewer: http::viewer(&spec.http, diagnostics),
            http: spec.http.http.map(|address| address.value),
        },
        process,
        inputs,
        plugins,
        pending: pending.into_inner(),
        outputs,
        router,
        rule_names,
    }
}

/// The first label, as rsyslog has it.
fn own_hostname() -> Box<str> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim()
        .split('.')
        .next()
        .filter(|label| !label.is_empty())
        .unwrap_or("localhost")
        .into()
}
