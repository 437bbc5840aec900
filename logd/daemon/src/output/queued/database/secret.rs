//! A password, which is never shown.

use std::fmt;

/// What a database asks for; compared when a configuration is read anew, and not printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

impl Password {
    /// The first line of a file.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.lines().next().unwrap_or_default().to_owned())
    }

    /// For the library that sends it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}
