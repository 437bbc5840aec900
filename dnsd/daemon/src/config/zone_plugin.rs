//! `[zone."NAME".plugin]`: zones made of the machines that a plugin knows.

use std::sync::Arc;
use std::time::Duration;

use ballast_shared::config::{FromValue, Spanned, Table, Value, nearest};
use ballast_shared::plugin::config::find;
use dnsd_core::inventory::{Naming, Template};
use dnsd_core::name::Name;

use super::lists::Lists;
use super::rules::{Rules, RulesSpec};
use super::zone_name::zone_name;

/// Machines come and go: who remembers one for longer asks one that is no more.
const TTL: Duration = Duration::from_secs(30);

/// RFC 2181 §8: a TTL has 31 bits.
const TTL_MAX: Duration = Duration::from_secs(0x7fff_ffff);

/// A zone of names, and the reverse zones of their addresses.
#[derive(Debug, Clone)]
pub(crate) struct PluginZone {
    /// The plugin.
    pub(crate) plugin: String,
    /// Which names there are.
    pub(crate) naming: Naming,
    /// How long records may be cached, in seconds, while the plugin is not heard of.
    pub(crate) stale_ttl: u32,
    /// What becomes of the zones when it has not been heard of for `max-stale`.
    pub(crate) when_expired: WhenExpired,
    /// Who may do what.
    pub(crate) rules: Arc<Rules>,
}

impl PluginZone {
    /// The names of its zones: that of the names first, then the reverse zones in their order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        std::iter::once(&self.naming.origin).chain(&self.naming.reverse)
    }

    /// Whether the other makes the same zones of the same machines.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let made = |zone: &Self| (zone.stale_ttl, zone.when_expired);
        self.plugin == other.plugin && self.naming == other.naming && made(self) == made(other)
    }
}

/// `when-expired`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum WhenExpired {
    /// The last that was heard is served on.
    #[default]
    Serve,
    /// Questions get SERVFAIL.
    Servfail,
}

impl FromValue for WhenExpired {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value.string()? {
            "serve" => Some(Self::Serve),
            "servfail" => Some(Self::Servfail),
            other => {
                let help = nearest(other, ["serve", "servfail"]).unwrap_or_default();
                value.error_with_help("not a value of when-expired", help);
                None
            }
        }
    }
}

/// The table as it is written.
#[derive(Debug)]
pub(super) struct PluginZoneSpec {
    plugin: Option<Spanned<String>>,
    names: Option<Spanned<Vec<Spanned<String>>>>,
    reverse: Vec<Spanned<String>>,
    ttl: Option<Spanned<Duration>>,
    stale_ttl: Option<Spanned<Duration>>,
    when_expired: Option<WhenExpired>,
    nameservers: Option<Spanned<Vec<Spanned<String>>>>,
    contact: Option<Spanned<String>>,
    rules: RulesSpec,
}

impl PluginZoneSpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        let mut spec = Self {
            plugin: table.required("plugin"),
            names: table.required("names"),
            reverse: table.optional("reverse").unwrap_or_default(),
            ttl: table.optional("ttl"),
            stale_ttl: table.optional("stale-ttl"),
            when_expired: table.optional("when-expired"),
            nameservers: table.optional("nameservers"),
            contact: table.optional("contact"),
            rules: RulesSpec::default(),
        };
        spec.rules.read(table);
        spec
    }

    /// `claim` says whether a reverse zone of this name may be made here, and reports why not.
    pub(super) fn resolve(
        &self,
        origin: Name,
        above: &Arc<Rules>,
        lists: &Lists<'_>,
        mut claim: impl FnMut(&Name, &Spanned<String>) -> bool,
    ) -> Option<PluginZone> {
        let diagnostics = lists.diagnostics;
        if let Some(update) = self.rules.allow_update() {
            diagnostics.error(update.span, "a plugin's zone is changed by what the plugin knows alone");
        }
        let reverse = self.reverse.iter().filter_map(|written| {
            let name = zone_name(&written.value, written.span, diagnostics)?;
            claim(&name, written).then_some(name)
        });
        let naming = Naming {
            reverse: reverse.collect(),
            templates: self.templates(lists),
            ttl: seconds(self.ttl, TTL, lists),
            nameservers: self.nameservers(lists),
            contact: self.contact(&origin, lists),
            origin,
        };
        let stale_ttl = seconds(self.stale_ttl, TTL, lists).min(naming.ttl);
        let plugin = find(self.plugin.as_ref()?, lists.plugins, |plugin| plugin, diagnostics)?;
        Some(PluginZone {
            plugin: plugin.name.clone(),
            naming,
            stale_ttl,
            when_expired: self.when_expired.unwrap_or_default(),
            rules: self.rules.resolve(above, lists),
        })
    }

    fn templates(&self, lists: &Lists<'_>) -> Vec<Template> {
        let Some(names) = &self.names else { return Vec::new() };
        if names.value.is_empty() {
            lists
                .diagnostics
                .error(names.span, "the machines have to be called something");
        }
        let parse = |written: &Spanned<String>| {
            let parsed = Template::parse(&written.value);
            let report = |error: &dnsd_core::inventory::TemplateError| {
                lists
                    .diagnostics
                    .error(written.span.part(error.place.clone()), error.to_string());
            };
            parsed.inspect_err(report).ok()
        };
        names.value.iter().filter_map(parse).collect()
    }

    /// A zone without one is none (RFC 1034 §4.2.1). Who asks this server itself, or is forwarded to it, needs no name of it.
    fn nameservers(&self, lists: &Lists<'_>) -> Vec<Name> {
        let Some(written) = &self.nameservers else {
            return vec!["localhost.".parse().expect("a name")];
        };
        if written.value.is_empty() {
            lists.diagnostics.error(written.span, "a zone has a name server");
        }
        let parse = |written: &Spanned<String>| parse_name(written, lists);
        written.value.iter().filter_map(parse).collect()
    }

    /// `hostmaster` of the zone (RFC 2142 §7), if nobody else is named.
    fn contact(&self, origin: &Name, lists: &Lists<'_>) -> Name {
        let named = self.contact.as_ref().and_then(|written| parse_name(written, lists));
        let usual = || origin.prepend(b"hostmaster").unwrap_or_else(|_| origin.clone());
        named.unwrap_or_else(usual)
    }
}

fn parse_name(written: &Spanned<String>, lists: &Lists<'_>) -> Option<Name> {
    let report = |error: &dnsd_core::name::NameError| {
        lists.diagnostics.error(written.span, format!("not a name: {error}"));
    };
    written.value.parse().inspect_err(report).ok()
}

fn seconds(written: Option<Spanned<Duration>>, usual: Duration, lists: &Lists<'_>) -> u32 {
    let Some(written) = written else {
        return usual.as_secs() as u32;
    };
    if written.value > TTL_MAX || written.value.subsec_nanos() > 0 {
        lists
            .diagnostics
            .error(written.span, "a TTL is in whole seconds, and has 31 bits");
    }
    written.value.as_secs() as u32
}
