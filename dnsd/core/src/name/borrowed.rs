//! A domain name borrowed from someone else's bytes: a record, a message, a reader's buffer, another name's tail.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::{LABEL_BYTES_MAX, NAME_BYTES_MAX, Name, NameBuf, NameError};

/// A borrowed absolute name. The bytes have been checked: they hold exactly one uncompressed name.
#[derive(Clone, Copy)]
pub struct NameRef<'a> {
    wire: &'a [u8],
}

impl<'a> NameRef<'a> {
    /// The root, `.`.
    pub const ROOT: NameRef<'static> = NameRef { wire: &[0] };

    /// Takes exactly one uncompressed name.
    pub fn from_wire(wire: &'a [u8]) -> Result<Self, NameError> {
        let name = Self::prefix_of(wire)?;
        if name.wire.len() == wire.len() {
            Ok(name)
        } else {
            Err(NameError::TrailingBytes)
        }
    }

    /// Takes the uncompressed name at the front of `wire`; what follows it is left alone.
    pub fn prefix_of(wire: &'a [u8]) -> Result<Self, NameError> {
        let mut at = 0;
        loop {
            let length = usize::from(*wire.get(at).ok_or(NameError::Truncated)?);
            if length > LABEL_BYTES_MAX {
                return Err(NameError::NotALabel);
            }
            at += 1 + length;
            if at > NAME_BYTES_MAX {
                return Err(NameError::NameTooLong);
            }
            if length == 0 {
                return Ok(Self { wire: &wire[..at] });
            }
        }
    }

    /// Wraps bytes that are known to be one name because they were cut from one.
    pub(crate) fn trusted(wire: &'a [u8]) -> Self {
        Self { wire }
    }

    /// Uncompressed wire form, the root's zero octet included.
    pub fn as_wire(self) -> &'a [u8] {
        self.wire
    }

    /// An owned copy.
    pub fn to_name(self) -> Name {
        Name { wire: self.wire.into() }
    }

    /// The labels from left to right, without the root.
    pub fn labels(self) -> Labels<'a> {
        Labels { rest: self.wire }
    }

    /// How many labels there are, the root not counted.
    pub fn label_count(self) -> usize {
        self.labels().count()
    }

    /// Whether this is `.`.
    pub fn is_root(self) -> bool {
        self.wire.len() == 1
    }

    /// Whether the leftmost label is `*` (RFC 4592 §2.1.1).
    pub fn is_wildcard(self) -> bool {
        self.wire.starts_with(b"\x01*")
    }

    /// The name without its leftmost label; the root has none.
    pub fn parent(self) -> Option<Self> {
        self.suffix(1)
    }

    /// The name without its `skipped` leftmost labels; `None` when it has fewer.
    pub fn suffix(self, skipped: usize) -> Option<Self> {
        let mut labels = self.labels();
        for _ in 0..skipped {
            labels.next()?;
        }
        Some(Self { wire: labels.rest })
    }

    /// Whether this name is `ancestor` or below it.
    pub fn is_subdomain_of(self, ancestor: NameRef<'_>) -> bool {
        self.strip_suffix(ancestor).is_some()
    }

    /// The wire form of the labels in front of `ancestor`, without a root: empty when the two are equal, `None` when
    /// this name isn't below it.
    pub fn strip_suffix(self, ancestor: NameRef<'_>) -> Option<&'a [u8]> {
        let at = self.wire.len().checked_sub(ancestor.wire.len())?;
        if !self.wire[at..].eq_ignore_ascii_case(ancestor.wire) {
            return None;
        }
        // The same bytes may stand inside a label; only a tail that starts at a label's border is an ancestor.
        let mut labels = self.labels();
        while self.wire.len() - labels.rest.len() < at {
            labels.next()?;
        }
        (self.wire.len() - labels.rest.len() == at).then_some(&self.wire[..at])
    }

    /// The name with `label` in front.
    pub fn prepend(self, label: &[u8]) -> Result<Name, NameError> {
        let mut name = NameBuf::root();
        name.clear();
        name.push_label(label)?;
        name.push_name(self)?;
        Ok(name.to_name())
    }

    /// Writes the wire form in lower case to the front of `out` and returns it: the form for hashes and tables.
    pub fn lowercase_into(self, out: &mut [u8; NAME_BYTES_MAX]) -> &[u8] {
        let out = &mut out[..self.wire.len()];
        out.copy_from_slice(self.wire);
        // Length octets are below 64, so folding the whole wire form changes letters only.
        out.make_ascii_lowercase();
        out
    }
}

impl PartialEq for NameRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.wire.eq_ignore_ascii_case(other.wire)
    }
}

impl Eq for NameRef<'_> {}

impl PartialEq<Name> for NameRef<'_> {
    fn eq(&self, other: &Name) -> bool {
        *self == other.as_name_ref()
    }
}

impl Hash for NameRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut lowercase = [0; NAME_BYTES_MAX];
        state.write(self.lowercase_into(&mut lowercase));
    }
}

impl fmt::Debug for NameRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// The labels of a name, from left to right.
#[derive(Debug, Clone)]
pub struct Labels<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (&length, rest) = self.rest.split_first()?;
        if length == 0 {
            return None;
        }
        let (label, rest) = rest.split_at(usize::from(length));
        self.rest = rest;
        Some(label)
    }
}
