//! `[rate-limit]`: BIND's `rate-limit`, key by key. Without the table nothing is limited.

use std::fmt::Display;
use std::ops::RangeInclusive;

use ballast_shared::config::{Diagnostics, Span, Spanned, Table};
use dnsd_core::rate_limit::{RATE_MAX, RateLimits, Rates, SLIP_MAX, TABLE_SIZE_MAX, WINDOW_MAX};
use ipnet::IpNet;

/// Seconds: BIND's default.
const WINDOW: u16 = 15;
/// Every second answer that is held back is sent truncated: BIND's default.
const SLIP: u8 = 2;
/// Networks of 256 addresses, as clients behind one resolver or provider have them: BIND's default.
const IPV4_PREFIX_LENGTH: u8 = 24;
/// What a provider gives a customer: BIND's default.
const IPV6_PREFIX_LENGTH: u8 = 56;
/// Accounts: as many as BIND keeps, of 8 bytes each.
const TABLE_SIZE: usize = 20_000;

/// Whether and how answers are limited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RateLimitConfig {
    /// The limits.
    pub(crate) limits: RateLimits,
    /// Whether what would be held back is only counted.
    pub(crate) log_only: bool,
}

/// What the files say.
#[derive(Debug, Default)]
pub(super) struct RateLimitSpec {
    /// Where the first of the tables stands.
    table: Option<Span>,
    responses: Option<Spanned<u64>>,
    referrals: Option<Spanned<u64>>,
    nodata: Option<Spanned<u64>>,
    nxdomains: Option<Spanned<u64>>,
    errors: Option<Spanned<u64>>,
    all: Option<Spanned<u64>>,
    window: Option<Spanned<u64>>,
    slip: Option<Spanned<u64>>,
    ipv4_prefix_length: Option<Spanned<u64>>,
    ipv6_prefix_length: Option<Spanned<u64>>,
    exempt_clients: Option<Spanned<Vec<IpNet>>>,
    log_only: Option<Spanned<bool>>,
    max_table_size: Option<Spanned<u64>>,
}

impl RateLimitSpec {
    /// Reads the table of one file.
    pub(super) fn read(&mut self, table: &Table<'_>) {
        self.table.get_or_insert(table.span());
        table.once("responses-per-second", &mut self.responses);
        table.once("referrals-per-second", &mut self.referrals);
        table.once("nodata-per-second", &mut self.nodata);
        table.once("nxdomains-per-second", &mut self.nxdomains);
        table.once("errors-per-second", &mut self.errors);
        table.once("all-per-second", &mut self.all);
        table.once("window", &mut self.window);
        table.once("slip", &mut self.slip);
        table.once("ipv4-prefix-length", &mut self.ipv4_prefix_length);
        table.once("ipv6-prefix-length", &mut self.ipv6_prefix_length);
        table.once("exempt-clients", &mut self.exempt_clients);
        table.once("log-only", &mut self.log_only);
        table.once("max-table-size", &mut self.max_table_size);
    }

    /// `None` when nothing is to be limited.
    pub(super) fn resolve(&self, diagnostics: &Diagnostics) -> Option<RateLimitConfig> {
        let span = self.table?;
        let rate = |written: Option<Spanned<u64>>| bounded(written, 0..=RATE_MAX, diagnostics);
        // A kind without a rate of its own has that of positive answers, as in BIND.
        let responses = rate(self.responses).unwrap_or(0);
        let rates = Rates {
            responses,
            referrals: rate(self.referrals).unwrap_or(responses),
            nodata: rate(self.nodata).unwrap_or(responses),
            nxdomains: rate(self.nxdomains).unwrap_or(responses),
            errors: rate(self.errors).unwrap_or(responses),
            all: rate(self.all).unwrap_or(0),
        };
        if rates == Rates::default() {
            diagnostics.warning(
                span,
                "no rate is set, so nothing is limited: responses-per-second sets most of them",
            );
        }
        let limits = RateLimits {
            rates,
            window: bounded(self.window, 1..=WINDOW_MAX, diagnostics).unwrap_or(WINDOW),
            slip: bounded(self.slip, 0..=SLIP_MAX, diagnostics).unwrap_or(SLIP),
            ipv4_prefix_length: bounded(self.ipv4_prefix_length, 0..=32, diagnostics).unwrap_or(IPV4_PREFIX_LENGTH),
            ipv6_prefix_length: bounded(self.ipv6_prefix_length, 0..=128, diagnostics).unwrap_or(IPV6_PREFIX_LENGTH),
            exempt: self
                .exempt_clients
                .as_ref()
                .map_or(Vec::new(), |exempt| exempt.value.clone()),
            table_size: bounded(self.max_table_size, 1..=TABLE_SIZE_MAX, diagnostics).unwrap_or(TABLE_SIZE),
        };
        Some(RateLimitConfig {
            limits,
            log_only: self.log_only.is_some_and(|log_only| log_only.value),
        })
    }
}

/// What was written, if anything; what is out of range is reported. Whole numbers of any size are taken for what they are, so that
/// the limit that is named is the one there is.
fn bounded<T>(written: Option<Spanned<u64>>, range: RangeInclusive<T>, diagnostics: &Diagnostics) -> Option<T>
where
    T: PartialOrd + Display + TryFrom<u64>,
{
    let written = written?;
    let value = T::try_from(written.value).ok().filter(|value| range.contains(value));
    if value.is_some() {
        return value;
    }
    let (least, most) = range.into_inner();
    diagnostics.error(written.span, format!("out of range: it takes {least} to {most}"));
    // Nothing runs with it, and what is said of the rest of the table takes it for written.
    Some(most)
}
