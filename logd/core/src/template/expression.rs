//! A property with all that is done to its value: what stands between two percent signs, and what `where` tests.

use super::context::Context;
use super::extract::{Extract, Extracted};
use super::options::Options;
use super::property::Property;

/// A property, the part of its value that is taken, and what is changed in it.
///
/// It is written as in a template, without the percent signs: `programname`, `msg:1:20:uppercase`, `msg:F,58:2`.
#[derive(Debug, Clone)]
pub struct PropertyExpr {
    pub(super) property: Property,
    pub(super) extract: Extract,
    pub(super) options: Options,
    /// The name that `jsonf` writes.
    pub(super) name: Box<str>,
    /// Nothing is taken or changed.
    pub(super) is_plain: bool,
}

impl PropertyExpr {
    /// The property that it is about.
    #[must_use]
    pub fn property(&self) -> Property {
        self.property
    }

    /// Whether all of the value is taken, whatever is changed in it.
    pub(crate) fn is_whole(&self) -> bool {
        self.extract.is_whole()
    }

    /// The value where it stands somewhere already, as most plain properties' do.
    pub(crate) fn borrowed<'a>(&self, context: &Context<'a>) -> Option<&'a [u8]> {
        if self.is_plain {
            context.borrowed(self.property)
        } else {
            None
        }
    }

    /// Whether it is this property and nothing is done to it.
    pub(crate) fn is_plainly(&self, property: Property) -> bool {
        self.is_plain && self.property == property
    }

    /// Appends the value.
    pub fn render(&self, context: &Context<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        if self.extract.is_whole() {
            match self
                .options
                .blank_before
                .then(|| context.borrowed(self.property))
                .flatten()
            {
                // Only the first byte decides: the text is not copied for it.
                Some(value) => out.extend_from_slice(&value[..value.len().min(1)]),
                None => context.append(self.property, self.options.stamp, self.options.utc, out),
            }
        } else if !self.extract_into(context, out) {
            return;
        }
        if !self.is_plain {
            self.options.apply(out, start, &self.name);
        }
    }

    /// Appends the part that is taken. False: what stands in for it is not to be changed any more.
    fn extract_into(&self, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let borrowed = context.borrowed(self.property);
        if borrowed.is_none() {
            context.append(self.property, self.options.stamp, self.options.utc, out);
        }
        match self.extract.apply(borrowed.unwrap_or(&out[start..])) {
            Extracted::Value { range, blanks } => {
                if let Some(value) = borrowed {
                    out.extend_from_slice(&value[range]);
                } else {
                    out.truncate(start + range.end);
                    out.drain(start..start + range.start);
                }
                out.resize(out.len() + blanks, b' ');
                true
            }
            Extracted::Instead(text) => {
                out.truncate(start);
                out.extend_from_slice(text);
                true
            }
            Extracted::Verbatim(text) => {
                out.truncate(start);
                out.extend_from_slice(text);
                false
            }
        }
    }
}
