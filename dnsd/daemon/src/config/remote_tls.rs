//! `tls = { … }` of a remote: how another server is spoken with over TLS (RFC 9103).

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ballast_shared::config::{Diagnostics, FromValue, OneOrMany, Spanned, Table, Value};
use ballast_shared::tls::{KeyPin, PeerCheck, client_config};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::tls_files::TlsReader;

/// What is spoken inside (RFC 7858 §8.1 had no name for it; RFC 9103 §7.1 wants this one).
pub(crate) const PROTOCOL: &[u8] = b"dot";

/// TLS to another server.
#[derive(Debug, Clone)]
pub(crate) struct RemoteTls {
    /// What it has to show, and what it is shown.
    pub(crate) config: Arc<ClientConfig>,
    /// The name in its certificate; `None`: its address.
    peer_name: Option<ServerName<'static>>,
}

impl RemoteTls {
    /// What the certificate of the server at an address is for.
    pub(crate) fn name_at(&self, address: IpAddr) -> ServerName<'static> {
        self.peer_name
            .clone()
            .unwrap_or_else(|| ServerName::IpAddress(address.into()))
    }
}

/// The table as it is written.
#[derive(Debug)]
pub(super) struct RemoteTlsSpec {
    ca: Option<Spanned<PathBuf>>,
    peer_name: Option<Spanned<PeerName>>,
    pins: Option<OneOrMany<Pin>>,
    certificate: Option<Spanned<PathBuf>>,
    key: Option<Spanned<PathBuf>>,
}

#[derive(Debug)]
struct PeerName(ServerName<'static>);

impl FromValue for PeerName {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let name = ServerName::try_from(value.string()?.to_owned());
        if name.is_err() {
            value.error("not a name that a certificate can be for");
        }
        name.ok().map(Self)
    }
}

#[derive(Debug)]
struct Pin(KeyPin);

impl FromValue for Pin {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value.string()?.parse() {
            Ok(pin) => Some(Self(pin)),
            Err(error) => {
                value.error(format!("{error}"));
                None
            }
        }
    }
}

impl RemoteTlsSpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        Self {
            ca: table.optional("ca"),
            peer_name: table.optional("peer-name"),
            pins: table.optional("cert-key"),
            certificate: table.optional("certificate"),
            key: table.optional("key"),
        }
    }

    /// `None` when a file can't be read, which is an error of the configuration.
    pub(super) fn resolve(&self, files: TlsReader<'_>, diagnostics: &Diagnostics) -> Option<RemoteTls> {
        if let (Some(name), None) = (&self.peer_name, &self.ca) {
            diagnostics.error(name.span, "`peer-name` is verified with a `ca`, which is missing here");
        }
        let identity = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some(files.identity(certificate, key)?),
            (Some(alone), None) => {
                diagnostics.error(
                    alone.span,
                    "a `certificate` is shown with its `key`, which is missing here",
                );
                None
            }
            (None, Some(alone)) => {
                diagnostics.error(alone.span, "a `key` belongs to a `certificate`, which is missing here");
                None
            }
            (None, None) => None,
        };
        let check = match (&self.ca, &self.pins) {
            (Some(_), Some(pins)) => {
                diagnostics.error(pins.1, "a `cert-key` is verified without a `ca`");
                return None;
            }
            (Some(ca), None) => PeerCheck::Authorities(files.authorities(ca)?),
            (None, Some(pins)) if pins.0.is_empty() => {
                diagnostics.error(pins.1, "without keys no server would be the right one");
                return None;
            }
            (None, Some(pins)) => PeerCheck::Keys(pins.0.iter().map(|pin| pin.value.0).collect()),
            (None, None) => PeerCheck::Nothing,
        };
        // RFC 9103 §7.1: nothing older.
        let config = client_config(check, identity, &[&rustls::version::TLS13], &[PROTOCOL]);
        Some(RemoteTls {
            config: Arc::new(config),
            peer_name: self.peer_name.as_ref().map(|name| name.value.0.clone()),
        })
    }
}
