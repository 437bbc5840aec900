//! A password, which is never shown.

use std::fmt;
use std::sync::Arc;

use ballast_shared::plugin::secret::Late;
use zeroize::Zeroizing;

/// What a database asks for; compared when a configuration is read anew, and not printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Password {
    /// It is in the configuration, or in a file.
    Known(Zeroizing<String>),
    /// A plugin has it, and it may become another: each connection takes it as it is then.
    Late(Arc<Late>),
}

impl Password {
    /// The first line of a file.
    pub(crate) fn new(text: &str) -> Self {
        Self::Known(text.lines().next().unwrap_or_default().to_owned().into())
    }

    /// For the library that sends it.
    ///
    /// # Errors
    /// When it has not come yet.
    pub(super) fn reveal(&self) -> Result<Zeroizing<String>, String> {
        match self {
            Self::Known(text) => Ok(text.clone()),
            Self::Late(late) => {
                let missing = || {
                    format!(
                        "its password, secret {}, has not come from the plugin yet",
                        late.reference()
                    )
                };
                let value = late.value().ok_or_else(missing)?;
                let text = std::str::from_utf8(&value).map_err(|_| "its password is not a text".to_owned())?;
                Ok(text.lines().next().unwrap_or_default().to_owned().into())
            }
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}
