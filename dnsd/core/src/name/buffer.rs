//! A place for one name on the stack, where readers put names together without allocating.

use super::{LABEL_BYTES_MAX, NAME_BYTES_MAX, Name, NameError, NameRef};

/// A name under construction. Between calls it always holds a whole name, except while a caller inside this module
/// fills it label by label.
#[derive(Clone)]
pub struct NameBuf {
    pub(super) wire: [u8; NAME_BYTES_MAX],
    pub(super) len: usize,
}

impl NameBuf {
    /// A buffer that holds the root.
    pub fn root() -> Self {
        Self {
            wire: [0; NAME_BYTES_MAX],
            len: 1,
        }
    }

    /// The name.
    pub fn as_name_ref(&self) -> NameRef<'_> {
        NameRef::trusted(&self.wire[..self.len])
    }

    /// Uncompressed wire form.
    pub fn as_wire(&self) -> &[u8] {
        &self.wire[..self.len]
    }

    /// An owned copy.
    pub fn to_name(&self) -> Name {
        self.as_name_ref().to_name()
    }

    /// Replaces the name by a copy of `name`.
    pub fn set(&mut self, name: NameRef<'_>) {
        self.len = name.as_wire().len();
        self.wire[..self.len].copy_from_slice(name.as_wire());
    }

    /// Replaces the name by the one that `text` writes, see [`Name::parse`]. After an error it holds the root.
    pub fn set_text(&mut self, text: &[u8], origin: Option<NameRef<'_>>) -> Result<(), NameError> {
        self.clear();
        let result = self.push_text(text, origin);
        if result.is_err() {
            self.set(NameRef::ROOT);
        }
        result
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) fn push_label(&mut self, label: &[u8]) -> Result<(), NameError> {
        if label.is_empty() {
            return Err(NameError::EmptyLabel);
        }
        if label.len() > LABEL_BYTES_MAX {
            return Err(NameError::LabelTooLong);
        }
        let end = self.len + 1 + label.len();
        // One octet is left for the root.
        if end >= NAME_BYTES_MAX {
            return Err(NameError::NameTooLong);
        }
        self.wire[self.len] = label.len() as u8;
        self.wire[self.len + 1..end].copy_from_slice(label);
        self.len = end;
        Ok(())
    }

    pub(super) fn push_name(&mut self, name: NameRef<'_>) -> Result<(), NameError> {
        let wire = name.as_wire();
        let end = self.len + wire.len();
        if end > NAME_BYTES_MAX {
            return Err(NameError::NameTooLong);
        }
        self.wire[self.len..end].copy_from_slice(wire);
        self.len = end;
        Ok(())
    }
}
