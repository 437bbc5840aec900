//! The keys that a zone takes from its view, and a view from the top of the file, unless it has them itself: who may do what
//! with a zone, who is told of its changes, and how far transfers may go. They have BIND's names.

use std::sync::Arc;
use std::time::Duration;

use ballast_shared::config::{Diagnostics, FromValue, Size, Spanned, Table, Value, nearest};
use dnsd_core::acl::{Acl, Entry, RemoteSubject, Subject};
use dnsd_core::secondary::Bounds;
use dnsd_core::zone::Zone;

use super::lists::Lists;
use super::match_list::MatchListSpec;
use super::remote::{Remote, RemoteListSpec};

/// After one NOTIFY of a change the next waits so long, and tells of all that came meanwhile: BIND's default for `notify-delay`.
const NOTIFY_DELAY: Duration = Duration::from_secs(5);
/// A transfer that never ends is to end before it has all the memory of a small machine, and this is more than nearly every zone
/// has: 25 million records.
const ZONE_MAX: Size = Size::gib(1);
const MINUTE: Duration = Duration::from_secs(60);
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// What the three levels say, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Who is answered.
    pub(crate) allow_query: Arc<Acl>,
    /// Who may transfer the zone.
    pub(crate) allow_transfer: Arc<Acl>,
    /// Over what.
    pub(crate) transfer_transport: TransferTransport,
    /// Who may send NOTIFY; of a zone with primaries these too.
    pub(crate) allow_notify: Arc<Acl>,
    /// Who may change the zone (RFC 2136).
    pub(crate) allow_update: Arc<Acl>,
    /// Who is told of a change.
    pub(crate) notify: NotifyRules,
    /// How large the journal gets, in bytes; `None`: twice the zone.
    pub(crate) journal_bytes_max: Option<u64>,
    /// Whether IXFR is answered with differences.
    pub(crate) provide_ixfr: bool,
    /// Whether differences are asked for.
    pub(crate) request_ixfr: bool,
    /// Bounds for the SOA's refresh interval.
    pub(crate) refresh: (Duration, Duration),
    /// Bounds for the SOA's retry interval.
    pub(crate) retry: (Duration, Duration),
    /// How long a transfer in may take.
    pub(crate) transfer_in: TransferTimes,
    /// How long a transfer out may take.
    pub(crate) transfer_out: TransferTimes,
    /// Records that a zone may get by a transfer or an update; `None`: as many as fit.
    pub(crate) records_max: Option<u64>,
    /// Bytes that a zone may get by a transfer or an update.
    pub(crate) zone_bytes_max: u64,
    /// Whether its questions are counted.
    pub(crate) zone_statistics: bool,
}

impl Rules {
    /// What a zone's SOA record may ask for.
    pub(crate) fn timer_bounds(&self) -> Bounds {
        let secs = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        Bounds {
            refresh_secs_min: secs(self.refresh.0),
            refresh_secs_max: secs(self.refresh.1),
            retry_secs_min: secs(self.retry.0),
            retry_secs_max: secs(self.retry.1),
        }
    }

    /// Whether a zone has got larger than one may get by a transfer or an update.
    pub(crate) fn is_too_large(&self, zone: &Zone) -> bool {
        let has_too_many = self.records_max.is_some_and(|max| zone.record_count() as u64 > max);
        has_too_many || zone.heap_bytes() as u64 > self.zone_bytes_max
    }

    /// How large the journal of this zone gets, in bytes.
    pub(crate) fn journal_bytes_max_of(&self, zone: &Zone) -> u64 {
        // BIND's default for max-journal-size: twice the zone.
        self.journal_bytes_max.unwrap_or(2 * zone.heap_bytes() as u64)
    }
}

/// What a zone may be transferred out over: the transport that BIND has behind `allow-transfer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransferTransport {
    /// Whatever it is asked for over.
    Any,
    /// TLS only (RFC 9103).
    Tls,
}

impl FromValue for TransferTransport {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value.string()? {
            "any" => Some(Self::Any),
            "tls" => Some(Self::Tls),
            _ => {
                value.error("not a transport of transfers: \"any\" or \"tls\"");
                None
            }
        }
    }
}

/// How long a transfer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TransferTimes {
    /// As a whole.
    pub(crate) total_max: Duration,
    /// Without anything coming through.
    pub(crate) idle_max: Duration,
}

/// Who is told of a change (RFC 1996).
#[derive(Debug, Clone)]
pub(crate) struct NotifyRules {
    /// Whether at all, and whether the name servers of the zone are.
    pub(crate) mode: NotifyMode,
    /// Who is beside them.
    pub(crate) also: Arc<[Arc<Remote>]>,
    /// How long after one change was told the next is, so that changes that come together are told together.
    pub(crate) delay: Duration,
}

/// The remotes of a configuration are made once, so that equal ones are the same.
impl PartialEq for NotifyRules {
    fn eq(&self, other: &Self) -> bool {
        self.mode == other.mode && self.delay == other.delay && Arc::ptr_eq(&self.also, &other.also)
    }
}

impl Eq for NotifyRules {}

/// BIND's values of `notify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotifyMode {
    /// The zone's name servers and `also-notify`.
    Yes,
    /// Nobody.
    No,
    /// `also-notify` only.
    Explicit,
    /// As `Yes`, of primary zones only.
    PrimaryOnly,
}

const NOTIFY_WORDS: [(&str, NotifyMode); 5] = [
    ("yes", NotifyMode::Yes),
    ("no", NotifyMode::No),
    ("explicit", NotifyMode::Explicit),
    ("primary-only", NotifyMode::PrimaryOnly),
    ("master-only", NotifyMode::PrimaryOnly),
];

impl FromValue for NotifyMode {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if !value.is_string() {
            return bool::from_value(value).map(|is_on| if is_on { Self::Yes } else { Self::No });
        }
        let text = value.string()?;
        let found = NOTIFY_WORDS.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let help = nearest(text, NOTIFY_WORDS.map(|(word, _)| word)).unwrap_or_default();
            value.error_with_help("not a value of notify", help);
        }
        found.map(|(_, mode)| *mode)
    }
}

/// The keys of one level as they are written.
#[derive(Debug, Default)]
pub(super) struct RulesSpec {
    allow_query: Option<Spanned<MatchListSpec>>,
    allow_transfer: Option<Spanned<MatchListSpec>>,
    allow_transfer_transport: Option<Spanned<TransferTransport>>,
    allow_notify: Option<Spanned<MatchListSpec>>,
    allow_update: Option<Spanned<MatchListSpec>>,
    also_notify: Option<Spanned<RemoteListSpec>>,
    notify: Option<Spanned<NotifyMode>>,
    notify_ns: Option<Spanned<bool>>,
    notify_delay: Option<Spanned<Duration>>,
    max_journal_size: Option<Spanned<Size>>,
    provide_ixfr: Option<Spanned<bool>>,
    request_ixfr: Option<Spanned<bool>>,
    min_refresh_time: Option<Spanned<Duration>>,
    max_refresh_time: Option<Spanned<Duration>>,
    min_retry_time: Option<Spanned<Duration>>,
    max_retry_time: Option<Spanned<Duration>>,
    max_transfer_time_in: Option<Spanned<Duration>>,
    max_transfer_idle_in: Option<Spanned<Duration>>,
    max_transfer_time_out: Option<Spanned<Duration>>,
    max_transfer_idle_out: Option<Spanned<Duration>>,
    max_records: Option<Spanned<u64>>,
    zone_max_size: Option<Spanned<Size>>,
    zone_statistics: Option<Spanned<bool>>,
}

impl RulesSpec {
    /// Reads the keys of a table; of the top level there may be several.
    pub(super) fn read(&mut self, table: &Table<'_>) {
        table.once("allow-query", &mut self.allow_query);
        table.once("allow-transfer", &mut self.allow_transfer);
        table.once("allow-transfer-transport", &mut self.allow_transfer_transport);
        table.once("allow-notify", &mut self.allow_notify);
        table.once("allow-update", &mut self.allow_update);
        table.once("also-notify", &mut self.also_notify);
        table.once("notify", &mut self.notify);
        table.once("notify-ns", &mut self.notify_ns);
        table.once("notify-delay", &mut self.notify_delay);
        table.once("max-journal-size", &mut self.max_journal_size);
        table.once("provide-ixfr", &mut self.provide_ixfr);
        table.once("request-ixfr", &mut self.request_ixfr);
        table.once("min-refresh-time", &mut self.min_refresh_time);
        table.once("max-refresh-time", &mut self.max_refresh_time);
        table.once("min-retry-time", &mut self.min_retry_time);
        table.once("max-retry-time", &mut self.max_retry_time);
        table.once("max-transfer-time-in", &mut self.max_transfer_time_in);
        table.once("max-transfer-idle-in", &mut self.max_transfer_idle_in);
        table.once("max-transfer-time-out", &mut self.max_transfer_time_out);
        table.once("max-transfer-idle-out", &mut self.max_transfer_idle_out);
        table.once("max-records", &mut self.max_records);
        table.once("zone-max-size", &mut self.zone_max_size);
        table.once("zone-statistics", &mut self.zone_statistics);
    }

    /// Where `allow-update` stands, for zones that take no updates.
    pub(super) fn allow_update(&self) -> Option<&Spanned<MatchListSpec>> {
        self.allow_update.as_ref()
    }

    /// The same for a catalog zone with these rules: unless its own table says who may ask, only who may transfer it has its
    /// questions answered. Whom it serves is nobody's business (RFC 9432 §7), and Knot does the same.
    pub(super) fn of_catalog(&self, rules: Arc<Rules>) -> Arc<Rules> {
        if self.allow_query.is_some() {
            return rules;
        }
        let mut rules = Arc::unwrap_or_clone(rules);
        rules.allow_query = rules.allow_transfer.clone();
        Arc::new(rules)
    }

    /// What holds below this level: what it says itself, else what holds above it. Levels that hold the same share it.
    pub(super) fn resolve(&self, above: &Arc<Rules>, lists: &Lists<'_>) -> Arc<Rules> {
        let rules = self.resolve_own(above, lists);
        if rules == **above {
            Arc::clone(above)
        } else {
            Arc::new(rules)
        }
    }

    fn resolve_own(&self, above: &Rules, lists: &Lists<'_>) -> Rules {
        let list = |written: &Option<Spanned<MatchListSpec>>, above: &Arc<Acl>| match written {
            Some(list) => lists.resolve(&list.value),
            None => above.clone(),
        };
        let diagnostics = lists.diagnostics;
        Rules {
            allow_query: list(&self.allow_query, &above.allow_query),
            allow_transfer: list(&self.allow_transfer, &above.allow_transfer),
            transfer_transport: value_or(self.allow_transfer_transport, above.transfer_transport),
            allow_notify: list(&self.allow_notify, &above.allow_notify),
            allow_update: list(&self.allow_update, &above.allow_update),
            notify: NotifyRules {
                mode: self.notify_mode(above.notify.mode, diagnostics),
                also: match &self.also_notify {
                    Some(written) => lists.remotes.list(&written.value, lists.keys, diagnostics).into(),
                    None => above.notify.also.clone(),
                },
                delay: value_or(self.notify_delay, above.notify.delay),
            },
            journal_bytes_max: self
                .max_journal_size
                .map_or(above.journal_bytes_max, |size| Some(size.value.bytes)),
            provide_ixfr: value_or(self.provide_ixfr, above.provide_ixfr),
            request_ixfr: value_or(self.request_ixfr, above.request_ixfr),
            refresh: bounds(self.min_refresh_time, self.max_refresh_time, above.refresh, diagnostics),
            retry: bounds(self.min_retry_time, self.max_retry_time, above.retry, diagnostics),
            transfer_in: TransferTimes {
                total_max: timeout(self.max_transfer_time_in, above.transfer_in.total_max, diagnostics),
                idle_max: timeout(self.max_transfer_idle_in, above.transfer_in.idle_max, diagnostics),
            },
            transfer_out: TransferTimes {
                total_max: timeout(self.max_transfer_time_out, above.transfer_out.total_max, diagnostics),
                idle_max: timeout(self.max_transfer_idle_out, above.transfer_out.idle_max, diagnostics),
            },
            // BIND's 0 is no limit.
            records_max: self
                .max_records
                .map_or(above.records_max, |max| Some(max.value).filter(|max| *max > 0)),
            zone_bytes_max: self.zone_max_size.map_or(above.zone_bytes_max, |size| size.value.bytes),
            zone_statistics: value_or(self.zone_statistics, above.zone_statistics),
        }
    }

    /// `notify-ns = false` is another way to say `notify = "explicit"`.
    fn notify_mode(&self, above: NotifyMode, diagnostics: &Diagnostics) -> NotifyMode {
        let mode = value_or(self.notify, above);
        let Some(name_servers) = self.notify_ns else {
            return mode;
        };
        match (name_servers.value, mode) {
            (false, NotifyMode::Yes | NotifyMode::PrimaryOnly) => NotifyMode::Explicit,
            (true, NotifyMode::No | NotifyMode::Explicit) if self.notify.is_some() => {
                diagnostics.error(name_servers.span, "`notify` says the contrary");
                mode
            }
            (true, NotifyMode::Explicit) => NotifyMode::Yes,
            (_, mode) => mode,
        }
    }
}

fn value_or<T: Copy>(written: Option<Spanned<T>>, above: T) -> T {
    written.map_or(above, |written| written.value)
}

fn timeout(written: Option<Spanned<Duration>>, above: Duration, diagnostics: &Diagnostics) -> Duration {
    if let Some(zero) = written.filter(|written| written.value.is_zero()) {
        diagnostics.error(zero.span, "no transfer is as fast as that");
    }
    value_or(written, above)
}

fn bounds(
    least: Option<Spanned<Duration>>,
    most: Option<Spanned<Duration>>,
    above: (Duration, Duration),
    diagnostics: &Diagnostics,
) -> (Duration, Duration) {
    let bounds = (value_or(least, above.0), value_or(most, above.1));
    if let Some(written) = least.or(most).filter(|_| bounds.0 > bounds.1) {
        diagnostics.error(written.span, "the least is more than the most");
    }
    if let Some(zero) = least.filter(|least| least.value < Duration::from_secs(1)) {
        diagnostics.error(zero.span, "less than a second would ask the primary without a pause");
    }
    bounds
}

impl Default for Rules {
    /// What holds where nothing is written: BIND's defaults, but nobody may transfer.
    fn default() -> Self {
        let nobody = Arc::new(Acl::none());
        let times = TransferTimes {
            total_max: 120 * MINUTE,
            idle_max: 60 * MINUTE,
        };
        Self {
            allow_query: Arc::new(Acl::any()),
            allow_transfer: nobody.clone(),
            transfer_transport: TransferTransport::Any,
            allow_notify: nobody.clone(),
            allow_update: nobody,
            notify: NotifyRules {
                mode: NotifyMode::Yes,
                also: Arc::new([]),
                delay: NOTIFY_DELAY,
            },
            journal_bytes_max: None,
            zone_statistics: false,
            provide_ixfr: true,
            request_ixfr: true,
            refresh: (Duration::from_secs(300), 4 * WEEK),
            retry: (Duration::from_secs(500), 2 * WEEK),
            transfer_in: times,
            transfer_out: times,
            records_max: None,
            zone_bytes_max: ZONE_MAX.bytes,
        }
    }
}

impl Rules {
    /// The same for a zone with these primaries: they may always send NOTIFY, as with BIND by their addresses alone. Many sign
    /// transfers and not this, and all that it brings about is a question for the serial.
    pub(super) fn with_primaries(mut self, primaries: &[Arc<Remote>]) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        for primary in primaries {
            entries.push(Entry {
                excludes: false,
                subject: Subject::Remote(RemoteSubject {
                    keys: [].into(),
                    ..primary.as_subject()
                }),
            });
        }
        entries.push(Entry {
            excludes: false,
            subject: Subject::List {
                name: "allow-notify".into(),
                acl: self.allow_notify.clone(),
            },
        });
        self.allow_notify = Arc::new(Acl::new(entries));
        self
    }

    /// The same for a secondary zone.
    pub(super) fn of_secondary(mut self) -> Self {
        if self.notify.mode == NotifyMode::PrimaryOnly {
            self.notify.mode = NotifyMode::No;
        }
        self.allow_update = Arc::new(Acl::none());
        self
    }
}
