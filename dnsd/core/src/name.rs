//! Domain names (RFC 1035 §3.1) in uncompressed wire form, with the case as it was written.
//!
//! Three forms share one set of rules: [`Name`] owns its bytes, [`NameRef`] borrows them from a record or a message, and
//! [`NameBuf`] is a place on the stack where a name is put together. Names come from master files ([`text`]) and from
//! wire; they go into zones and answers. Comparison ignores the case of ASCII letters only (RFC 4343).

mod borrowed;
mod buffer;
mod compressed;
mod order;
mod text;
mod words;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

pub use borrowed::{Labels, NameRef};
pub use buffer::NameBuf;
pub(crate) use text::unescape;
pub(crate) use words::{WORD_BYTES, lowercase};

/// The longest name in octets, length octets and the root included (RFC 1035 §2.3.4).
pub const NAME_BYTES_MAX: usize = 255;
/// The longest label in octets (RFC 1035 §2.3.4).
pub const LABEL_BYTES_MAX: usize = 63;
/// The most labels of a name, the root not counted: 127 labels of one octet and the root make 255 octets.
pub const LABELS_MAX: usize = 127;

/// Why bytes or text are not a domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// No text at all.
    Empty,
    /// Two dots in a row, or one in front.
    EmptyLabel,
    /// A label of more than 63 octets.
    LabelTooLong,
    /// More than 255 octets.
    NameTooLong,
    /// A backslash at the end, or `\DDD` that is no number up to 255.
    BadEscape,
    /// A relative name where there is no origin to complete it.
    NoOrigin,
    /// Wire form that ends inside the name.
    Truncated,
    /// Wire form with octets behind the root label.
    TrailingBytes,
    /// A length octet with its two high bits set: a compression pointer or a label type nobody uses (RFC 6891 §5).
    NotALabel,
    /// A compression pointer that doesn't lead back, or one of more than a name can have (RFC 1035 §4.1.4).
    BadPointer,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty name",
            Self::EmptyLabel => "empty label",
            Self::LabelTooLong => "label longer than 63 octets",
            Self::NameTooLong => "name longer than 255 octets",
            Self::BadEscape => "bad escape",
            Self::NoOrigin => "relative name without an origin",
            Self::Truncated => "name is cut off",
            Self::TrailingBytes => "octets after the end of the name",
            Self::NotALabel => "compressed or unknown label type",
            Self::BadPointer => "bad compression pointer",
        })
    }
}

impl std::error::Error for NameError {}

/// An owned, absolute domain name: 1 to 255 octets of uncompressed wire form.
///
/// Not an inline array of 255 octets: most names are shorter than 30 octets, and owned names live in configurations,
/// indexes and updates, where they are moved and kept in collections more than they are made. A clone shares the octets, as
/// a zone's name is known in a dozen places. What is made per record or per query is a [`NameBuf`] or a [`NameRef`].
#[derive(Clone)]
pub struct Name {
    wire: Arc<[u8]>,
}

impl Name {
    /// The root, `.`.
    pub fn root() -> Self {
        NameRef::ROOT.to_name()
    }

    /// Takes exactly one uncompressed name.
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        NameRef::from_wire(wire).map(NameRef::to_name)
    }

    /// Reads the text form of RFC 1035 §5.1: `\X` and `\DDD` escapes, `@` for the origin, and the origin behind a name
    /// that doesn't end in a dot.
    pub fn parse(text: &[u8], origin: Option<&Self>) -> Result<Self, NameError> {
        let mut name = NameBuf::root();
        name.set_text(text, origin.map(Self::as_name_ref))?;
        Ok(name.to_name())
    }

    /// The same name, borrowed.
    pub fn as_name_ref(&self) -> NameRef<'_> {
        NameRef::trusted(&self.wire)
    }

    /// Uncompressed wire form, the root's zero octet included.
    pub fn as_wire(&self) -> &[u8] {
        &self.wire
    }

    /// The labels from left to right, without the root.
    pub fn labels(&self) -> Labels<'_> {
        self.as_name_ref().labels()
    }

    /// How many labels there are, the root not counted.
    pub fn label_count(&self) -> usize {
        self.as_name_ref().label_count()
    }

    /// Whether this is `.`.
    pub fn is_root(&self) -> bool {
        self.as_name_ref().is_root()
    }

    /// Whether the leftmost label is `*` (RFC 4592 §2.1.1).
    pub fn is_wildcard(&self) -> bool {
        self.as_name_ref().is_wildcard()
    }

    /// The name without its leftmost label; the root has none.
    pub fn parent(&self) -> Option<Self> {
        self.as_name_ref().parent().map(NameRef::to_name)
    }

    /// The name without its `skipped` leftmost labels; `None` when it has fewer.
    pub fn suffix(&self, skipped: usize) -> Option<NameRef<'_>> {
        self.as_name_ref().suffix(skipped)
    }

    /// Whether this name is `ancestor` or below it.
    pub fn is_subdomain_of(&self, ancestor: &Self) -> bool {
        self.as_name_ref().is_subdomain_of(ancestor.as_name_ref())
    }

    /// The wire form of the labels in front of `ancestor`, without a root: empty when the two are equal, `None` when
    /// this name isn't below it.
    pub fn strip_suffix(&self, ancestor: &Self) -> Option<&[u8]> {
        self.as_name_ref().strip_suffix(ancestor.as_name_ref())
    }

    /// The name with `label` in front.
    pub fn prepend(&self, label: &[u8]) -> Result<Self, NameError> {
        self.as_name_ref().prepend(label)
    }

    /// `*.` in front of this name: the wildcard that covers its children (RFC 4592 §2.1.1). `None` when it would be
    /// longer than a name can be; no name could match it then.
    pub fn wildcard_child(&self) -> Option<Self> {
        self.prepend(b"*").ok()
    }

    /// Writes the wire form in lower case to the front of `out` and returns it: the form for hashes and tables.
    pub fn lowercase_into<'b>(&self, out: &'b mut [u8; NAME_BYTES_MAX]) -> &'b [u8] {
        self.as_name_ref().lowercase_into(out)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_name_ref() == other.as_name_ref()
    }
}

impl Eq for Name {}

impl PartialEq<NameRef<'_>> for Name {
    fn eq(&self, other: &NameRef<'_>) -> bool {
        self.as_name_ref() == *other
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_name_ref().hash(state);
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    /// The canonical order of RFC 4034 §6.1.
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_name_ref().cmp(&other.as_name_ref())
    }
}

impl<'a> From<&'a Name> for NameRef<'a> {
    fn from(name: &'a Name) -> Self {
        name.as_name_ref()
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// Reads a name as configurations write it: the final dot may be left out.
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text.as_bytes(), Some(&Self::root()))
    }
}

impl fmt::Display for Name {
    /// Absolute, with the final dot and escapes as `dig` prints them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_name_ref().fmt(f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_name_ref(), f)
    }
}

#[cfg(test)]
pub(crate) mod tests;
