//! Whose record it is: its own name, or that of the record before (RFC 1035 §5.1).

use super::error::{MasterErrorKind, MasterWarningKind};
use crate::name::{NameBuf, NameRef};

/// The owner of the last record that named one.
#[derive(Clone)]
pub(super) struct Owner {
    pub(super) name: NameBuf,
    known: bool,
    /// Whether the origin has changed since the name was read.
    pub(super) origin_changed: bool,
}

impl Owner {
    /// No record has been read yet.
    pub(super) fn unknown() -> Self {
        Self {
            name: NameBuf::root(),
            known: false,
            origin_changed: false,
        }
    }

    pub(super) fn read(&mut self, text: &[u8], origin: NameRef<'_>) -> Result<(), MasterErrorKind> {
        // After a wrong name the lines that leave theirs out belong to nobody.
        self.known = false;
        self.name.set_text(text, Some(origin))?;
        self.known = true;
        self.origin_changed = false;
        Ok(())
    }

    /// Whether there is one to inherit.
    pub(super) fn is_known(&self) -> bool {
        self.known
    }

    /// Goes on behind lines that were read from [`Self::unknown`] on.
    pub(super) fn go_on(&mut self, behind: Self) {
        if behind.known {
            *self = behind;
        } else {
            self.origin_changed |= behind.origin_changed;
        }
    }

    pub(super) fn inherit(&mut self, odd: &mut Vec<MasterWarningKind>) -> Result<(), MasterErrorKind> {
        if !self.known {
            return Err(MasterErrorKind::NoOwner);
        }
        if std::mem::take(&mut self.origin_changed) {
            odd.push(MasterWarningKind::OwnerAcrossOrigin);
        }
        Ok(())
    }
}
