//! Questions that other servers answer: `[zone."NAME".forward]`, and `[forward]` for all names of no zone of ours.

use std::sync::Arc;
use std::time::Duration;

use ballast_shared::config::{FromValue, Span, Spanned, Table, Value, nearest};
use dnsd_core::acl::{Acl, Entry, Subject};
use dnsd_core::name::Name;

use super::lists::Lists;
use super::match_list::MatchListSpec;
use super::remote::{Remote, RemoteListSpec};

/// Answers that are kept: a few MiB of them.
const CACHE_ENTRIES: usize = 10_000;
/// More are a slip of the finger.
const CACHE_ENTRIES_MAX: usize = 10_000_000;
/// BIND's default for `max-cache-ttl`.
const TTL_MAX: Duration = Duration::from_secs(7 * 86_400);
/// BIND's default for `max-ncache-ttl`.
const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(3 * 3_600);

/// A name below which questions are forwarded.
#[derive(Debug)]
pub(crate) struct ForwardZone {
    /// The name.
    pub(crate) name: Name,
    /// Who is asked; nobody: below this name nothing is forwarded.
    pub(crate) forwarders: Vec<Arc<Remote>>,
    /// What is answered when they fail.
    pub(crate) policy: ForwardPolicy,
    /// Whose questions are forwarded.
    pub(crate) allow: Arc<Acl>,
}

/// Where questions about names of no zone of ours go.
#[derive(Debug)]
pub(crate) struct ForwardConfig {
    /// Who is asked; at least one.
    pub(crate) forwarders: Vec<Arc<Remote>>,
    /// Whose questions are forwarded.
    pub(crate) allow: Arc<Acl>,
    /// How answers are kept, those of forward zones too.
    pub(crate) cache: CacheLimits,
}

/// What is kept of forwarders' answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheLimits {
    /// Answers of one list of forwarders.
    pub(crate) entries_max: usize,
    /// How long one is kept at most.
    pub(crate) ttl_max: Duration,
    /// How long it is at most that something isn't there.
    pub(crate) negative_ttl_max: Duration,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            entries_max: CACHE_ENTRIES,
            ttl_max: TTL_MAX,
            negative_ttl_max: NEGATIVE_TTL_MAX,
        }
    }
}

/// `policy`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForwardPolicy {
    /// SERVFAIL.
    Only,
    /// What our own zone says: an answer or a referral.
    First,
}

impl FromValue for ForwardPolicy {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value.string()? {
            "only" => Some(Self::Only),
            "first" => Some(Self::First),
            other => {
                let help = nearest(other, ["only", "first"]).unwrap_or_default();
                value.error_with_help("not a policy of forwarding", help);
                None
            }
        }
    }
}

/// A forward zone as it is written.
#[derive(Debug)]
pub(super) struct ForwardZoneSpec {
    forwarders: Option<RemoteListSpec>,
    policy: Option<ForwardPolicy>,
    allow: Option<MatchListSpec>,
}

impl ForwardZoneSpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        Self {
            forwarders: table.required("forwarders"),
            policy: table.optional("policy"),
            allow: table.optional("allow"),
        }
    }

    pub(super) fn resolve(&self, name: Name, lists: &Lists<'_>) -> Option<ForwardZone> {
        Some(ForwardZone {
            name,
            forwarders: lists
                .remotes
                .forwarders(self.forwarders.as_ref()?, lists.keys, lists.diagnostics),
            // BIND's default.
            policy: self.policy.unwrap_or(ForwardPolicy::First),
            allow: allow(self.allow.as_ref(), lists),
        })
    }
}

/// `[forward]` as it is written.
#[derive(Debug, Default)]
pub(super) struct ForwardSpec {
    table: Option<Span>,
    forwarders: Option<Spanned<RemoteListSpec>>,
    allow: Option<Spanned<MatchListSpec>>,
    cache_size: Option<Spanned<usize>>,
    max_cache_ttl: Option<Spanned<Duration>>,
    max_ncache_ttl: Option<Spanned<Duration>>,
}

impl ForwardSpec {
    /// Reads the table of one file.
    pub(super) fn read(&mut self, table: &Table<'_>) {
        self.table.get_or_insert(table.span());
        table.once("forwarders", &mut self.forwarders);
        table.once("allow", &mut self.allow);
        table.once("cache-size", &mut self.cache_size);
        table.once("max-cache-ttl", &mut self.max_cache_ttl);
        table.once("max-ncache-ttl", &mut self.max_ncache_ttl);
    }

    /// `None`: such questions are refused.
    pub(super) fn resolve(&self, lists: &Lists<'_>) -> Option<ForwardConfig> {
        let table = self.table?;
        let Some(forwarders) = &self.forwarders else {
            lists.diagnostics.error(table, "`forwarders` is missing here");
            return None;
        };
        if forwarders.value.is_empty() {
            lists.diagnostics.error(
                forwarders.span,
                "without forwarders leave the table out: what isn't ours is refused",
            );
        }
        if let Some(size) = self.cache_size.filter(|size| size.value > CACHE_ENTRIES_MAX) {
            lists
                .diagnostics
                .error(size.span, format!("out of range: it takes 0 to {CACHE_ENTRIES_MAX}"));
        }
        Some(ForwardConfig {
            forwarders: lists
                .remotes
                .forwarders(&forwarders.value, lists.keys, lists.diagnostics),
            allow: allow(self.allow.as_ref().map(|allow| &allow.value), lists),
            cache: CacheLimits {
                entries_max: self.cache_size.map_or(CACHE_ENTRIES, |size| size.value),
                ttl_max: self.max_cache_ttl.map_or(TTL_MAX, |ttl| ttl.value),
                negative_ttl_max: self.max_ncache_ttl.map_or(NEGATIVE_TTL_MAX, |ttl| ttl.value),
            },
        })
    }
}

/// Unless others are let in, forwarding is for the machine itself and its networks: no open relay.
fn allow(written: Option<&MatchListSpec>, lists: &Lists<'_>) -> Arc<Acl> {
    let Some(written) = written else {
        let entries = [Subject::Localhost, Subject::Localnets].map(|subject| Entry {
            excludes: false,
            subject,
        });
        return Arc::new(Acl::new(entries.into()));
    };
    lists.resolve(written)
}
