//! `[resolver]`

use std::net::{IpAddr, SocketAddr};

use ballast_shared::config::{FromValue, Spanned, Table, Value};

/// The port of DNS (RFC 1035 §4.2).
const PORT: u16 = 53;

/// Who is asked for names.
#[derive(Default)]
pub(in crate::config) struct ResolverKeys {
    pub(in crate::config) servers: Option<Spanned<Vec<Spanned<NameServer>>>>,
}

/// An address, with the port of DNS where it names none.
#[derive(Clone, Copy)]
pub(in crate::config) struct NameServer(pub(in crate::config) SocketAddr);

impl ResolverKeys {
    pub(super) fn read(&mut self, table: &Table<'_>) {
        table.once("servers", &mut self.servers);
    }
}

impl FromValue for NameServer {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let text = value.string()?;
        let with_port = || text.parse::<SocketAddr>().ok();
        let address = text.parse().map(|address: IpAddr| SocketAddr::new(address, PORT)).ok();
        let server = address.or_else(with_port).map(Self);
        if server.is_none() {
            value.error_with_help("not an address", "such as \"192.0.2.53\" or \"[2001:db8::53]:5353\"");
        }
        server
    }
}
