//! TLS towards a database server.

use std::path::PathBuf;

use ballast_shared::tls::{FileError, PeerCheck, TlsFiles, client_config};
use rustls::ClientConfig;
use rustls::version::{TLS12, TLS13};

/// `tls = { ca = …, certificate = …, key = … }`: the server has to show a certificate of this authority for its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerTls {
    pub(crate) ca: PathBuf,
    /// Our certificate and its key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

impl ServerTls {
    /// What the files hold now.
    ///
    /// # Errors
    /// A file that can't be used.
    pub(crate) fn config(&self) -> Result<ClientConfig, FileError> {
        let files = TlsFiles::default();
        let authorities = files.authorities(&self.ca)?;
        let identity = self.identity.as_ref();
        let identity = identity
            .map(|(certificate, key)| files.identity(certificate, key))
            .transpose()?;
        Ok(client_config(
            PeerCheck::Authorities(authorities),
            identity,
            &[&TLS13, &TLS12],
            &[],
        ))
    }
}
