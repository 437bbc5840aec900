//! What `[control]` says of HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;

use ballast_shared::config::{FromValue, Spanned, Table, Value};

use crate::config::HttpAddress;

/// The keys.
#[derive(Default)]
pub(in crate::config) struct HttpKeys {
    pub(in crate::config) http: Option<Spanned<HttpAddress>>,
    pub(in crate::config) viewer: Option<Spanned<bool>>,
    pub(in crate::config) token_file: Option<Spanned<PathBuf>>,
    pub(in crate::config) names: Option<Spanned<Vec<String>>>,
}

impl HttpKeys {
    pub(super) fn read(&mut self, table: &Table<'_>) {
        table.once("http", &mut self.http);
        table.once("viewer", &mut self.viewer);
        table.once("http-token-file", &mut self.token_file);
        table.once("http-names", &mut self.names);
    }
}

impl FromValue for HttpAddress {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value.string()?.strip_prefix("unix:") {
            None => SocketAddr::from_value(value).map(Self::Tcp),
            Some(path) if path.starts_with('/') => Some(Self::Unix(path.into())),
            Some(_) => {
                value.error_with_help(
                    "not the path of a socket",
                    "write \"unix:/run/logd/http.sock\", from the root on",
                );
                None
            }
        }
    }
}
