//! A secret that has a place already, and comes later.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Fetched, Pending, SecretRef};

/// What a part of a daemon looks into when it needs the secret: a connection that is made asks for a password. It is the same over
/// reloads, so that what goes on running has the new value, too. Two are equal if they are of the same secret.
pub struct Late {
    reference: SecretRef,
    value: RwLock<Option<Fetched>>,
}

impl Late {
    pub(super) fn new(reference: SecretRef) -> Self {
        Self {
            reference,
            value: RwLock::default(),
        }
    }

    /// Which secret.
    #[must_use]
    pub fn reference(&self) -> &SecretRef {
        &self.reference
    }

    /// The value, once it has come.
    #[must_use]
    pub fn value(&self) -> Option<Fetched> {
        self.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What fills it; `check` says why a value is none of what is needed, and nothing of what it is.
    #[must_use]
    pub fn pending(self: &Arc<Self>, check: fn(&[u8]) -> Result<(), String>) -> Pending {
        let late = self.clone();
        Pending {
            reference: self.reference.clone(),
            take: Arc::new(move |value| {
                check(value)?;
                let value = Fetched::new(value.to_vec().into());
                *late.value.write().unwrap_or_else(PoisonError::into_inner) = Some(value);
                Ok(())
            }),
        }
    }
}

impl PartialEq for Late {
    fn eq(&self, other: &Self) -> bool {
        self.reference == other.reference
    }
}

impl Eq for Late {}

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Late").field(&self.reference).finish()
    }
}
