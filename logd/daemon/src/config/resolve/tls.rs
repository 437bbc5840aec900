//! `tls = { … }`: the files are read with the configuration, and what is wrong with them is an error of it.

use std::path::PathBuf;
use std::sync::Arc;

use ballast_shared::config::{Diagnostics, Spanned};
use ballast_shared::privileges::Process;
use ballast_shared::tls::{Authorities, ClientCheck, FileError, Identity, PermittedPeer, TlsFiles};

use super::access::Access;
use crate::config::TlsSettings;
use crate::config::spec::TlsSpec;

/// Reads files, and reports what is wrong with them.
pub(super) struct TlsReader<'a> {
    files: &'a TlsFiles,
    /// Whom the daemon becomes.
    access: Option<Access>,
    diagnostics: &'a Diagnostics,
}

impl<'a> TlsReader<'a> {
    /// What is in `files` already stays what it is when it can't be read any more.
    pub(super) fn new(files: &'a TlsFiles, process: &Process, diagnostics: &'a Diagnostics) -> Self {
        Self {
            files,
            access: Access::of(process),
            diagnostics,
        }
    }

    /// How the senders of an input are met.
    pub(super) fn settings(&self, spec: &TlsSpec) -> Option<TlsSettings> {
        let authorities = spec.client_ca.as_ref().map(|file| self.authorities(file));
        let permitted = self.permitted(spec);
        let identity = self.identity(spec.certificate.as_ref()?, spec.key.as_ref()?)?;
        let clients = match authorities {
            Some(authorities) => Some(Some(authorities?)),
            None if permitted.is_empty() => None,
            None => Some(None),
        };
        Some(TlsSettings {
            identity,
            clients: clients.map(|authorities| Arc::new(ClientCheck::new(authorities, permitted))),
        })
    }

    /// A certificate and its key.
    pub(super) fn identity(&self, certificate: &Spanned<PathBuf>, key: &Spanned<PathBuf>) -> Option<Arc<Identity>> {
        match self.files.identity(&certificate.value, &key.value) {
            Ok(identity) => {
                self.warn_of_mode(certificate);
                if key.value != certificate.value {
                    self.warn_of_mode(key);
                }
                Some(identity)
            }
            Err(error) if error.path() == certificate.value => self.report(certificate, &error),
            Err(error) => self.report(key, &error),
        }
    }

    /// The certificates of authorities.
    pub(super) fn authorities(&self, file: &Spanned<PathBuf>) -> Option<Arc<Authorities>> {
        match self.files.authorities(&file.value) {
            Ok(authorities) => {
                self.warn_of_mode(file);
                Some(authorities)
            }
            Err(error) => self.report(file, &error),
        }
    }

    fn permitted(&self, spec: &TlsSpec) -> Vec<PermittedPeer> {
        let Some(written) = &spec.permitted_peers else {
            return Vec::new();
        };
        if written.value.is_empty() {
            self.diagnostics.error(
                written.span,
                "nobody could send: leave the key away to permit all that `client-ca` has signed",
            );
        }
        let mut permitted = Vec::new();
        for text in &written.value {
            match text.value.parse::<PermittedPeer>() {
                Ok(peer) if !peer.is_fingerprint() && spec.client_ca.is_none() => self.diagnostics.error_with_help(
                    text.span,
                    "anybody can write this name into a certificate",
                    "name in `client-ca` who signs the senders' certificates, or permit fingerprints",
                ),
                Ok(peer) => permitted.push(peer),
                Err(error) => self.diagnostics.error(text.span, error.to_string()),
            }
        }
        permitted
    }

    /// It is read before the user is changed, and again when it changes.
    fn warn_of_mode(&self, file: &Spanned<PathBuf>) {
        if self.access.as_ref().is_some_and(|access| !access.may_read(&file.value)) {
            let path = file.value.display();
            self.diagnostics.warning(
                file.span,
                format!("{path} can't be read by [process] user: when it is renewed, that takes a restart"),
            );
        }
    }

    fn report<T>(&self, file: &Spanned<PathBuf>, error: &FileError) -> Option<T> {
        self.diagnostics.error(file.span, error.to_string());
        None
    }
}
