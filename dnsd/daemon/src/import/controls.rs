//! `controls` and `statistics-channels`: how the server is asked about itself.

use std::net::{IpAddr, SocketAddr};

use dnsd_core::named_conf::Statement;

use super::Import;
use super::targets::port;
use super::toml::{Rank, Value};

impl<'b> Import<'b> {
    pub(super) fn controls(&mut self, statement: &'b Statement) {
        let above = self.noted(
            statement,
            "the control socket takes the place of rndc: `dnsd status`, `dnsd reload`",
        );
        self.document.top().comment(above);
    }

    /// Metrics are shown to everybody who reaches the address: only one of the machine's own is carried over.
    pub(super) fn statistics_channels(&mut self, statement: &'b Statement) {
        let channels = statement
            .block()
            .map(|block| block.statements.as_slice())
            .unwrap_or_default();
        let address = |channel: &'b Statement| {
            let address: IpAddr = channel.after("inet")?.text.parse().ok()?;
            Some(SocketAddr::new(address, port(channel).unwrap_or(80)))
        };
        let addresses: Vec<SocketAddr> = channels.iter().filter_map(address).collect();
        let loopback = addresses.iter().find(|address| address.ip().is_loopback());
        match loopback.filter(|_| channels.len() == 1) {
            Some(address) => {
                let above = self.noted(
                    statement,
                    "the metrics are those of Prometheus, not BIND's XML and JSON",
                );
                let section = self.document.section(Rank::Control, "control");
                section.set(above, "http", Value::Text(address.to_string()));
            }
            None => {
                let above = self.lost(statement, "[control] http has one address, and no list of clients");
                self.document.top().comment(above);
            }
        }
    }
}
