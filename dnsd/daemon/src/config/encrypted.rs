//! `[listen] tls`, `https` and `quic`: DNS over TLS (RFC 7858), HTTPS (RFC 8484) and QUIC (RFC 9250).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ballast_shared::config::{Diagnostics, OneOrMany, Span, Spanned, Table};
use ballast_shared::tls::{Authorities, Identity};

use super::tls_files::TlsReader;

/// The path that RFC 8484 shows and that clients know.
const HTTPS_PATH: &str = "/dns-query";

/// Where queries are taken encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EncryptedConfig {
    /// DNS over TLS.
    pub(crate) tls: Option<EncryptedListener>,
    /// DNS over HTTPS, and the path of the queries.
    pub(crate) https: Option<(EncryptedListener, String)>,
    /// DNS over QUIC.
    pub(crate) quic: Option<EncryptedListener>,
}

/// Addresses, and what clients are shown there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncryptedListener {
    /// At least one.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The certificate that clients are shown.
    pub(crate) identity: Arc<Identity>,
    /// Who has to have signed the client's certificate; `None`: clients need none.
    pub(crate) clients: Option<Arc<Authorities>>,
}

impl EncryptedConfig {
    /// All addresses, of every kind.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let https = self.https.as_ref().map(|(listener, _)| listener);
        let listeners = self.tls.iter().chain(https).chain(&self.quic);
        listeners.flat_map(|listener| &listener.addresses).copied()
    }
}

/// The keys of `[listen]` as they are written.
#[derive(Debug, Default)]
pub(super) struct EncryptedSpec {
    tls: Option<ListenerSpec>,
    https: Option<ListenerSpec>,
    quic: Option<ListenerSpec>,
}

#[derive(Debug)]
struct ListenerSpec {
    table: Span,
    address: Option<OneOrMany<SocketAddr>>,
    certificate: Option<Spanned<PathBuf>>,
    key: Option<Spanned<PathBuf>>,
    client_ca: Option<Spanned<PathBuf>>,
    path: Option<Spanned<String>>,
}

impl EncryptedSpec {
    /// Reads them from the `[listen]` of one file.
    pub(super) fn read(&mut self, listen: &Table<'_>) {
        read_listener("tls", listen, &mut self.tls);
        read_listener("https", listen, &mut self.https);
        read_listener("quic", listen, &mut self.quic);
    }

    /// `plain` is where DNS is listened for over TCP and UDP.
    pub(super) fn resolve(
        &self,
        plain: &[SocketAddr],
        files: TlsReader<'_>,
        diagnostics: &Diagnostics,
    ) -> EncryptedConfig {
        let path = self.https.as_ref().and_then(|https| https.path.as_ref());
        if let Some(path) = path.filter(|path| !path.value.starts_with('/')) {
            diagnostics.error(path.span, "a path begins with a slash");
        }
        let path = path.map_or(HTTPS_PATH, |path| path.value.as_str());
        let resolve =
            |written: &Option<ListenerSpec>| written.as_ref().and_then(|spec| spec.resolve(files, diagnostics));
        // One port can't be listened on for two kinds of connections, nor for two kinds of datagrams, which QUIC has, and HTTPS
        // beside its connections.
        let mut connections = plain.to_vec();
        for listener in [&self.tls, &self.https].into_iter().flatten() {
            listener.take_addresses(&mut connections, diagnostics);
        }
        if let Some(quic) = &self.quic {
            let https = self.https.iter().flat_map(ListenerSpec::addresses);
            let mut datagrams = plain
                .iter()
                .copied()
                .chain(https.map(|address| address.value))
                .collect();
            quic.take_addresses(&mut datagrams, diagnostics);
        }
        EncryptedConfig {
            tls: resolve(&self.tls),
            https: resolve(&self.https).map(|listener| (listener, path.to_owned())),
            quic: resolve(&self.quic),
        }
    }
}

fn read_listener(key: &'static str, listen: &Table<'_>, slot: &mut Option<ListenerSpec>) {
    let Some(table) = listen.table(key) else { return };
    if let Some(first) = slot {
        let first = table.diagnostics().place(first.table);
        table
            .diagnostics()
            .error(table.span(), format!("`{key}` is set already, at {first}"));
    }
    *slot = Some(ListenerSpec {
        table: table.span(),
        address: table.required("address"),
        certificate: table.required("certificate"),
        key: table.required("key"),
        client_ca: table.optional("client-ca"),
        path: if key == "https" { table.optional("path") } else { None },
    });
}

impl ListenerSpec {
    fn addresses(&self) -> impl Iterator<Item = &Spanned<SocketAddr>> {
        self.address.iter().flat_map(|list| &list.0)
    }

    fn take_addresses(&self, taken: &mut Vec<SocketAddr>, diagnostics: &Diagnostics) {
        for address in self.addresses() {
            if taken.contains(&address.value) {
                diagnostics.error(address.span, "something else is listened for at this address");
            }
            taken.push(address.value);
        }
    }

    fn resolve(&self, files: TlsReader<'_>, diagnostics: &Diagnostics) -> Option<EncryptedListener> {
        let address = self.address.as_ref();
        if let Some(empty) = address.filter(|list| list.0.is_empty()) {
            diagnostics.error(empty.1, "without an address leave the table out");
        }
        let clients = self.client_ca.as_ref().map(|file| files.authorities(file));
        let identity = files.identity(self.certificate.as_ref()?, self.key.as_ref()?)?;
        Some(EncryptedListener {
            addresses: address?.0.iter().map(|address| address.value).collect(),
            identity,
            // Authorities that can't be read are not the same as none.
            clients: match clients {
                Some(clients) => Some(clients?),
                None => None,
            },
        })
    }
}
