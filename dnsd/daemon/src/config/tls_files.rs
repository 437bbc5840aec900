//! The files of TLS that tables name: they are read with the configuration, and what is wrong with them is an error of it.

use std::path::PathBuf;
use std::sync::Arc;

use ballast_shared::config::{Diagnostics, Spanned};
use ballast_shared::tls::{Authorities, FileError, Identity, TlsFiles};

use super::permissions::User;

/// Reads files, and reports what is wrong with them.
#[derive(Clone, Copy)]
pub(super) struct TlsReader<'a> {
    files: &'a TlsFiles,
    /// Whom the daemon becomes.
    user: Option<&'a User>,
    diagnostics: &'a Diagnostics,
}

impl<'a> TlsReader<'a> {
    /// What is in `files` already stays what it is when it can't be read any more.
    pub(super) fn new(files: &'a TlsFiles, user: Option<&'a User>, diagnostics: &'a Diagnostics) -> Self {
        Self {
            files,
            user,
            diagnostics,
        }
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

    fn report<T>(&self, file: &Spanned<PathBuf>, error: &FileError) -> Option<T> {
        self.diagnostics.error(file.span, error.to_string());
        None
    }

    /// It is read before the user is changed, and again when it changes.
    fn warn_of_mode(&self, file: &Spanned<PathBuf>) {
        if self.user.is_some_and(|user| !user.may_read(&file.value)) {
            let path = file.value.display();
            self.diagnostics.warning(
                file.span,
                format!("{path} can't be read by [process] user: when it is renewed, that takes a restart"),
            );
        }
    }
}
