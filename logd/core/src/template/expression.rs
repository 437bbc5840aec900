//! A property with all that is done to its value: what stands between two percent signs, and what `where` tests.

use std::fmt;
use std::ops::Range;

use super::context::Context;
use super::extract::{Extract, Extracted};
use super::options::Options;
use super::property::Property;

/// A property, the part of its value that is taken, and what is changed in it.
///
/// It is written as in a template, without the percent signs: `programname`, `msg:1:20:uppercase`, `msg:F,58:2`. A label's name
/// comes before all of that: `cloud-label:Role`, `cloud-label:"aws:autoscaling:groupName":::lowercase`.
#[derive(Debug, Clone)]
pub struct PropertyExpr {
    pub(super) property: Property,
    /// Of `cloud-label`, the label's name.
    pub(super) label: Option<Box<str>>,
    /// Where in the text it stands, its places aside.
    pub(super) at: Range<usize>,
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

    /// Of `cloud-label`, the label's name.
    pub(crate) fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Where it stands in the text that it was read from.
    #[must_use]
    pub fn at(&self) -> Range<usize> {
        self.at.clone()
    }

    /// What it is called, a label by its name too.
    #[must_use]
    pub fn name(&self) -> impl fmt::Display + '_ {
        Name(self)
    }

    /// Whether all of the value is taken, whatever is changed in it.
    pub(crate) fn is_whole(&self) -> bool {
        self.extract.is_whole()
    }

    /// The value where it stands somewhere already, as most plain properties' do.
    pub(crate) fn borrowed<'a>(&self, context: &Context<'a>) -> Option<&'a [u8]> {
        if self.is_plain { self.standing(context) } else { None }
    }

    /// The property's value, of which nothing was taken or changed yet, where it stands somewhere already.
    fn standing<'a>(&self, context: &Context<'a>) -> Option<&'a [u8]> {
        match &self.label {
            Some(label) => Some(context.cloud.label(label)),
            None => context.borrowed(self.property),
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
            match self.standing(context) {
                // Only the first byte decides: the text is not copied for it.
                Some(value) if self.options.blank_before => out.extend_from_slice(&value[..value.len().min(1)]),
                Some(value) => out.extend_from_slice(value),
                None => context.write(self.property, self.options.stamp, self.options.utc, out),
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
        let borrowed = self.standing(context);
        if borrowed.is_none() {
            context.write(self.property, self.options.stamp, self.options.utc, out);
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

/// See [`PropertyExpr::name`].
struct Name<'p>(&'p PropertyExpr);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.property.name())?;
        match &self.0.label {
            Some(label) => write!(f, ":{label}"),
            None => Ok(()),
        }
    }
}
