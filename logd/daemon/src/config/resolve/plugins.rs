//! Plugins, and what is sent to them.

use std::path::Path;

use ballast_shared::config::{Diagnostics, Key, Spanned};
use ballast_shared::plugin::config::find;
use logd_core::template::{Property, Template};

use super::queued::{QUEUE_MAX, limits};
use super::templates::Templates;
use crate::config::spec::{ArchiveSpec, EventsSpec, Named, OutputSpec, PluginInputSpec, PluginSpec};
use crate::config::{OutputKind, Plugin, PluginInput};
use crate::output::WhenFull;
use crate::output::file::ArchiveTo;
use crate::output::queued::{Events, QueuedKind, QueuedSettings};
use crate::pipeline::{EventTemplates, Rendering};

/// What an event says to people: the message without the blank that RFC 3164 has before it.
const MESSAGE: &str = "%msg:R,ERE,1,BLANK:^ ?(.*)--end%";

/// What it says to programs.
const FIELDS: [(&str, &str); 4] = [
    ("hostname", "%hostname%"),
    ("program", "%programname%"),
    ("facility", "%syslogfacility-text%"),
    ("severity", "%syslogseverity-text%"),
];

/// As many as a host has labels.
const FIELDS_MAX: usize = 64;

/// Octets of a kind, and of a field's name.
const NAME_BYTES_MAX: usize = 128;

/// Of a key's 1,024 octets, the rest is the file's path's.
const PREFIX_BYTES_MAX: usize = 256;

/// The kind of events "from a rule of logd" (io.ballast.Events1).
const KIND: &str = "log";

pub(super) fn resolve(specs: &[Named<PluginSpec>], work_dir: &Path, diagnostics: &Diagnostics) -> Vec<Plugin> {
    let plugin = |named: &Named<PluginSpec>| {
        if let Some(fallback) = &named.spec.fallback
            && fallback.value.contains(char::is_control)
        {
            diagnostics.error(fallback.span, "a text without control characters");
        }
        Some(Plugin {
            settings: named.spec.client.resolve(work_dir, diagnostics)?,
            fallback: named
                .spec
                .fallback
                .as_ref()
                .map(|fallback| fallback.value.as_str().into()),
        })
    };
    specs.iter().filter_map(plugin).collect()
}

/// `[output.NAME.plugin]`
pub(super) fn events(
    name: &str,
    spec: &EventsSpec,
    plugins: &[Plugin],
    templates: Templates<'_>,
    diagnostics: &Diagnostics,
) -> Option<OutputKind> {
    let built_in = |text: &str| Template::parse(text).expect("a test reads every one");
    let message = templates.format(spec.format.as_ref(), &built_in(MESSAGE), diagnostics);
    let fields: Vec<(Box<str>, Template)> = match &spec.fields {
        None => FIELDS.map(|(name, text)| (name.into(), built_in(text))).into(),
        Some(fields) => {
            let field = |(key, text): &(Key, Spanned<String>)| {
                if !is_name(&key.name) {
                    diagnostics.error(key.span, "a field's name is 1 to 128 octets without control characters");
                }
                let template = templates.compile(&text.value, text.span, diagnostics)?;
                Some((key.name.as_str().into(), template))
            };
            if let Some((key, _)) = fields.get(FIELDS_MAX) {
                diagnostics.error(key.span, format!("an event has at most {FIELDS_MAX} fields"));
            }
            fields.iter().filter_map(field).collect()
        }
    };
    if let Some(kind) = &spec.kind
        && !is_name(&kind.value)
    {
        diagnostics.error(kind.span, "a kind is 1 to 128 octets without control characters");
    }
    let plugin = find(spec.plugin.as_ref()?, plugins, |plugin| &plugin.settings, diagnostics)?;
    let (names, templates): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    Some(OutputKind::Queued {
        rendering: Rendering::Event(Box::new(EventTemplates {
            message,
            fields: templates.into(),
        })),
        settings: QueuedSettings {
            limits: limits(&spec.queue, QUEUE_MAX, WhenFull::Drop, diagnostics),
            kind: QueuedKind::Events(Box::new(Events {
                output: name.into(),
                plugin: plugin.settings.clone(),
                kind: spec.kind.as_ref().map_or(KIND, |kind| &kind.value).into(),
                fields: names.into(),
            })),
        },
    })
}

/// What an input of a plugin's events has to know.
pub(super) struct EventsAround<'r> {
    pub(super) plugins: &'r [Plugin],
    pub(super) outputs: &'r [Named<OutputSpec>],
}

impl EventsAround<'_> {
    /// `[input.NAME.plugin]`
    pub(super) fn input(&self, spec: &PluginInputSpec, diagnostics: &Diagnostics) -> Option<PluginInput> {
        let name = spec.plugin.as_ref()?;
        let plugin = find(name, self.plugins, |plugin| &plugin.settings, diagnostics)?;
        let mut own_kinds: Vec<Box<str>> = Vec::new();
        for output in self.outputs {
            let OutputSpec::Plugin(events) = &output.spec else {
                continue;
            };
            if events.plugin.as_ref().is_none_or(|plugin| plugin.value != name.value) {
                continue;
            }
            let kind = events.kind.as_ref().map_or(KIND, |kind| kind.value.as_str());
            let wanted = spec.kinds.iter().flatten().find(|wanted| wanted.value == kind);
            if let Some(wanted) = wanted {
                let message = format!(
                    "the output \"{}\" tells the plugin of events of this kind: they would come back without end",
                    output.name
                );
                diagnostics.error(wanted.span, message);
            }
            own_kinds.push(kind.into());
        }
        for kind in spec.kinds.iter().flatten().filter(|kind| !is_name(&kind.value)) {
            diagnostics.error(kind.span, "a kind is 1 to 128 octets without control characters");
        }
        let kinds = spec.kinds.as_ref();
        Some(PluginInput {
            plugin: plugin.settings.clone(),
            kinds: kinds.map(|kinds| kinds.iter().map(|kind| kind.value.as_str().into()).collect()),
            own_kinds: own_kinds.into(),
        })
    }
}

/// `archive` of a file output. The key is a text before the file's path below the root of its tree.
pub(super) fn archive(
    spec: &ArchiveSpec,
    hostname: &str,
    plugins: &[Plugin],
    diagnostics: &Diagnostics,
) -> Option<ArchiveTo> {
    let prefix = match &spec.key {
        None => String::new(),
        Some(key) => prefix(key, hostname, diagnostics),
    };
    let plugin = find(spec.plugin.as_ref()?, plugins, |plugin| &plugin.settings, diagnostics)?;
    Some(ArchiveTo {
        plugin: plugin.settings.clone(),
        prefix: prefix.into(),
    })
}

/// What a key comes to that says nothing of the file, but may say whose files they are.
fn prefix(key: &Spanned<String>, hostname: &str, diagnostics: &Diagnostics) -> String {
    let template = match Template::parse(&key.value) {
        Ok(template) => template,
        Err(error) => {
            diagnostics.error(key.span.part(error.at.clone()), error.to_string());
            return String::new();
        }
    };
    if template.properties().any(|property| property != Property::MyHostname) {
        diagnostics.error_with_help(
            key.span,
            "of a file there are no properties but `$myhostname`",
            "its path below the root of its tree stands behind the key anyway: \"logs/\" makes logs/web1/sshd.log-20261201.zst",
        );
    }
    let prefix = key.value.replace("%$myhostname%", hostname);
    let is_component = |component: &str| !matches!(component, "." | "..");
    // Only the last may be empty: the file's path comes behind it.
    let has_empty = prefix.starts_with('/') || prefix.contains("//");
    if prefix.len() > PREFIX_BYTES_MAX
        || prefix.contains(char::is_control)
        || has_empty
        || !prefix.split('/').all(is_component)
    {
        diagnostics.error(
            key.span,
            format!(
                "a key is a path of at most {PREFIX_BYTES_MAX} octets, without empty components, \".\", \"..\" and control characters"
            ),
        );
    }
    prefix
}

fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control)
}
