//! How many transfers there are at a time, of all zones together. The keys have BIND's names and defaults.

use ballast_shared::config::{Diagnostics, Spanned, Table};

/// Bounds on what zones do with other servers at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TransfersConfig {
    /// Zones that are transferred in at a time.
    pub(crate) in_max: usize,
    /// Of these from one server.
    pub(crate) in_per_server_max: usize,
    /// Transfers out at a time.
    pub(crate) out_max: usize,
    /// Questions for a serial, and NOTIFYs, a second: ten thousand zones don't refresh at once.
    pub(crate) serial_queries_per_second: usize,
}

/// The keys as they are written.
#[derive(Debug, Default)]
pub(super) struct TransfersSpec {
    transfers_in: Option<Spanned<usize>>,
    transfers_per_ns: Option<Spanned<usize>>,
    transfers_out: Option<Spanned<usize>>,
    serial_query_rate: Option<Spanned<usize>>,
}

impl TransfersSpec {
    /// Reads them from the top of one file.
    pub(super) fn read(&mut self, root: &Table<'_>) {
        root.once("transfers-in", &mut self.transfers_in);
        root.once("transfers-per-ns", &mut self.transfers_per_ns);
        root.once("transfers-out", &mut self.transfers_out);
        root.once("serial-query-rate", &mut self.serial_query_rate);
    }

    pub(super) fn resolve(&self, diagnostics: &Diagnostics) -> TransfersConfig {
        let count = |written: Option<Spanned<usize>>, default| {
            if let Some(zero) = written.filter(|written| written.value == 0) {
                diagnostics.error(zero.span, "0 would be none at all");
            }
            written.map_or(default, |written| written.value)
        };
        TransfersConfig {
            in_max: count(self.transfers_in, 10),
            in_per_server_max: count(self.transfers_per_ns, 2),
            out_max: count(self.transfers_out, 10),
            serial_queries_per_second: count(self.serial_query_rate, 20),
        }
    }
}
