//! Domain names in uncompressed wire form.

use std::fmt;

/// A domain name: its labels, each behind its length, and the root's empty one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Vec<u8>);

/// The longest that a name may be, in octets (RFC 1035 §2.3.4).
const OCTETS_MAX: usize = 255;

impl Name {
    /// Reads a name as a master file has it; it is absolute, with or without its last dot.
    ///
    /// # Panics
    /// When it is no name.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut wire = Vec::new();
        let mut label = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'.' => push_label(&mut wire, &mut label),
                b'\\' => {
                    let next = bytes.next().expect("something behind a backslash");
                    if next.is_ascii_digit() {
                        let digits = [next, bytes.next().expect("3 digits"), bytes.next().expect("3 digits")];
                        let number = digits
                            .iter()
                            .fold(0_u16, |sum, digit| sum * 10 + u16::from(digit - b'0'));
                        label.push(u8::try_from(number).expect("an octet"));
                    } else {
                        label.push(next);
                    }
                }
                _ => label.push(byte),
            }
        }
        push_label(&mut wire, &mut label);
        wire.push(0);
        assert!(wire.len() <= OCTETS_MAX, "{text} is too long");
        Self(wire)
    }

    /// A name from its labels, as a decoder finds them.
    #[must_use]
    pub(super) fn from_labels<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut wire = Vec::new();
        for label in labels {
            wire.push(u8::try_from(label.len()).ok()?);
            wire.extend_from_slice(label);
        }
        wire.push(0);
        (wire.len() <= OCTETS_MAX).then_some(Self(wire))
    }

    /// The octets.
    #[must_use]
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// Its labels, from the front, without the root's.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (&length, after) = rest.split_first()?;
            let (label, next) = after.split_at(usize::from(length));
            rest = next;
            (length > 0).then_some(label)
        })
    }

    /// The name one label shorter; the root has none.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let first = usize::from(self.0[0]);
        (first > 0).then(|| Self(self.0[first + 1..].to_vec()))
    }

    /// The name one label longer, where there is room for it.
    #[must_use]
    pub fn child(&self, label: &[u8]) -> Option<Self> {
        Self::from_labels(std::iter::once(label).chain(self.labels()))
    }

    /// In lower case, for comparisons (RFC 4343).
    #[must_use]
    pub fn lowered(&self) -> Self {
        Self(self.0.to_ascii_lowercase())
    }

    /// The same name with every letter in the other case.
    #[must_use]
    pub fn in_other_case(&self) -> Self {
        let mut wire = self.0.clone();
        // Lengths are below 64 and so no letters.
        for byte in &mut wire {
            if byte.is_ascii_alphabetic() {
                *byte ^= 0x20;
            }
        }
        Self(wire)
    }
}

fn push_label(wire: &mut Vec<u8>, label: &mut Vec<u8>) {
    if !label.is_empty() {
        assert!(label.len() < 64, "a label of {} octets", label.len());
        wire.push(u8::try_from(label.len()).expect("a short label"));
        wire.append(label);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == [0] {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &byte in label {
                match byte {
                    b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => write!(f, "\\{}", char::from(byte))?,
                    b'!'..=b'~' => write!(f, "{}", char::from(byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
