//! TLS towards a database server.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use ballast_shared::tls::{FileError, PeerCheck, TlsFiles, client_config};
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, ClientConfig};

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

/// What is wrong with the server's certificate, if that is why there is no connection. The libraries wrap what rustls says, each in
/// its own way.
pub(super) fn certificate_problem(error: &(dyn Error + 'static)) -> Option<String> {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let found = causes.filter_map(|error| {
        let of_io = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let of_rustls = of_io.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match of_rustls.or(error.downcast_ref::<rustls::Error>())? {
            rustls::Error::InvalidCertificate(problem) => Some(problem.clone()),
            _ => None,
        }
    });
    let why = match found.into_iter().next()? {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "no authority in the file of `ca` has signed it".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name than that of the URL".to_owned()
        }
        other => rustls::Error::InvalidCertificate(other).to_string(),
    };
    Some(format!("its certificate is not accepted: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_is_refused_is_found_in_what_a_library_says() {
        let refused = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let said = "its certificate is not accepted: no authority in the file of `ca` has signed it";
        assert_eq!(certificate_problem(&refused).unwrap(), said);
        let wrapped = mysql_async::Error::Io(io::Error::other(refused).into());
        assert_eq!(certificate_problem(&wrapped).unwrap(), said);
        assert_eq!(certificate_problem(&io::Error::other("something else")), None);
    }
}
