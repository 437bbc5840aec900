//! `[listen] tls`, `https` and `quic`: DNS over TLS (RFC 7858), HTTPS (RFC 8484) and QUIC (RFC 9250).

use std::net::SocketAddr;
use std::path::PathBuf;

use ballast_shared::config::{Diagnostics, OneOrMany, Span, Spanned, Table};

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
    /// The chain of certificates, as a PEM file.
    pub(crate) certificate: PathBuf,
    /// The key of the first of them, as a PEM file.
    pub(crate) key: PathBuf,
    /// Who has to have signed the client's certificate; `None`: clients need none.
    pub(crate) client_ca: Option<PathBuf>,
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
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_ca: Option<PathBuf>,
    path: Option<Spanned<String>>,
}

impl EncryptedSpec {
    /// Reads them from the `[listen]` of one file.
    pub(super) fn read(&mut self, listen: &Table<'_>) {
        read_listener("tls", listen, &mut self.tls);
        read_listener("https", listen, &mut self.https);
        read_listener("quic", listen, &mut self.quic);
    }

    pub(super) fn resolve(&self, diagnostics: &Diagnostics) -> EncryptedConfig {
        let path = self.https.as_ref().and_then(|https| https.path.as_ref());
        if let Some(path) = path.filter(|path| !path.value.starts_with('/')) {
            diagnostics.error(path.span, "a path begins with a slash");
        }
        let path = path.map_or(HTTPS_PATH, |path| path.value.as_str());
        let resolve = |written: &Option<ListenerSpec>| written.as_ref().and_then(|spec| spec.resolve(diagnostics));
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
    fn resolve(&self, diagnostics: &Diagnostics) -> Option<EncryptedListener> {
        let address = self.address.as_ref()?;
        if address.0.is_empty() {
            diagnostics.error(address.1, "without an address leave the table out");
        }
        Some(EncryptedListener {
            addresses: address.0.iter().map(|address| address.value).collect(),
            certificate: self.certificate.clone()?,
            key: self.key.clone()?,
            client_ca: self.client_ca.clone(),
        })
    }
}
