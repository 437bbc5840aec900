//! `[plugin.NAME]` and `[output.NAME.plugin]`.

use ballast_shared::config::{FromValue, Key, Spanned, Table};
use ballast_shared::plugin::config as shared;

use super::file::FormatSpec;
use super::output::QueueKeys;

/// A plugin, and how its inventory is used.
pub(in crate::config) struct PluginSpec {
    pub(in crate::config) client: shared::PluginSpec,
    pub(in crate::config) fallback: Option<Spanned<String>>,
}

impl PluginSpec {
    pub(super) fn read(name: Key, table: &Table<'_>) -> Self {
        Self {
            fallback: table.optional("fallback"),
            client: shared::PluginSpec::read(name, table),
        }
    }
}

/// `[output.NAME.plugin]`
pub(in crate::config) struct EventsSpec {
    pub(in crate::config) plugin: Option<Spanned<String>>,
    pub(in crate::config) kind: Option<Spanned<String>>,
    pub(in crate::config) format: Option<Spanned<FormatSpec>>,
    /// Templates, by the names of the event's fields.
    pub(in crate::config) fields: Option<Vec<(Key, Spanned<String>)>>,
    pub(in crate::config) queue: QueueKeys,
}

impl EventsSpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        let fields = table.table("fields").map(|fields| {
            let entries = fields.entries().into_iter();
            let read = entries.filter_map(|(key, value)| Some((key, Spanned::from_value(value)?)));
            read.collect()
        });
        Self {
            plugin: table.required("plugin"),
            kind: table.optional("kind"),
            format: table.optional("format"),
            fields,
            queue: QueueKeys::read(table, false),
        }
    }
}
