//! Reads a template's text.
//!
//! The language is that of rsyslog's `template(type="string" string="…")`, its escapes included; `\%` is taken from the
//! older `$template`, and `%%` is a percent sign as everyone expects. Between the percent signs nothing is escaped, so
//! regular expressions are written as they are. What rsyslog reports and then ignores (an unknown option, a letter in a
//! position) is an error here.

mod places;

use std::ops::Range;

use places::{Places, Start, extract};

use super::Op;
use super::error::{TemplateError, TemplateErrorKind};
use super::expression::PropertyExpr;
use super::options::{OptionError, Options};
use super::property::{Lookup, Property};

/// No template has reason to be longer; the longest that rsyslog ships has 400 bytes.
const TEMPLATE_BYTES_MAX: usize = 64 << 10;

/// Reads a whole template.
pub(super) fn template(text: &str) -> Result<Vec<Op>, TemplateError> {
    if text.len() > TEMPLATE_BYTES_MAX {
        return Err(TemplateError {
            kind: TemplateErrorKind::TooLong,
            at: 0..text.len(),
        });
    }
    let mut ops = Vec::new();
    let mut literal = Vec::new();
    let mut reader = Reader { text, at: 0 };
    while let Some(byte) = reader.peek() {
        match byte {
            b'%' if reader.rest().starts_with("%%") => {
                literal.push(b'%');
                reader.at += 2;
            }
            b'%' => {
                if !literal.is_empty() {
                    ops.push(Op::Literal(std::mem::take(&mut literal).into()));
                }
                let start = reader.at;
                reader.at += 1;
                ops.push(Op::Property(Box::new(reader.property(Some(start))?)));
            }
            b'\\' => literal.push(reader.escape()?),
            _ => {
                literal.push(byte);
                reader.at += 1;
            }
        }
    }
    if !literal.is_empty() {
        ops.push(Op::Literal(literal.into()));
    }
    Ok(ops)
}

impl PropertyExpr {
    /// Reads a property as it stands between the percent signs of a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > TEMPLATE_BYTES_MAX {
            return Err(TemplateError {
                kind: TemplateErrorKind::TooLong,
                at: 0..text.len(),
            });
        }
        Reader { text, at: 0 }.property(None)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// What stands before the next colon or percent sign, and where it stands.
    fn part(&mut self) -> (&'a str, Range<usize>) {
        let rest = self.rest();
        let length = rest.find([':', '%']).unwrap_or(rest.len());
        let at = self.at..self.at + length;
        self.at = at.end;
        (&rest[..length], at)
    }

    fn escape(&mut self) -> Result<u8, TemplateError> {
        let start = self.at;
        self.at += 1;
        let byte = match self.peek() {
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'a') => 0x07,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(byte @ (b'\\' | b'"' | b'\'' | b'?' | b'%')) => byte,
            Some(b'0'..=b'3') => {
                let digits = self
                    .rest()
                    .get(..3)
                    .and_then(|digits| u8::from_str_radix(digits, 8).ok());
                self.at += 2;
                digits.ok_or(TemplateError {
                    kind: TemplateErrorKind::BadEscape,
                    at: start..start + 2,
                })?
            }
            Some(_) | None => {
                let length = 1 + self.rest().chars().next().map_or(0, char::len_utf8);
                return Err(TemplateError {
                    kind: TemplateErrorKind::BadEscape,
                    at: start..start + length,
                });
            }
        };
        self.at += 1;
        Ok(byte)
    }

    /// A property and, if it was opened by one at this place, its closing percent sign.
    fn property(&mut self, opened_at: Option<usize>) -> Result<PropertyExpr, TemplateError> {
        let (name, at) = self.part();
        // Without a closing percent sign everything up to the end would be called an unknown name.
        if let Some(opened_at) = opened_at
            && self.peek().is_none()
        {
            return Err(TemplateError {
                kind: TemplateErrorKind::UnclosedProperty,
                at: opened_at..self.text.len(),
            });
        }
        let property = match Property::lookup(name) {
            Lookup::Known(property) => property,
            Lookup::NotCarried => {
                return Err(TemplateError {
                    kind: TemplateErrorKind::PropertyNotCarried,
                    at,
                });
            }
            Lookup::Unknown => {
                return Err(TemplateError {
                    kind: TemplateErrorKind::UnknownProperty,
                    at,
                });
            }
        };
        let label = match property {
            Property::CloudLabel => Some(self.label(&at)?),
            _ => None,
        };
        let named = at.start..self.at;
        let from = if self.eat(":") {
            self.from()?
        } else {
            Start::Position(0)
        };
        let to = if self.eat(":") {
            self.to(&from)?
        } else {
            Places::none(&from, self.at)?
        };
        let options = if self.eat(":") {
            self.options()?
        } else {
            Options::default()
        };
        let field_name = if self.eat(":") {
            self.part().0
        } else if label.is_some() {
            &self.text[named.clone()]
        } else {
            name
        };
        let end = self.at;
        match (opened_at, self.peek()) {
            (Some(_), Some(b'%')) => self.at += 1,
            (None, None) => {}
            (Some(opened_at), None) => {
                return Err(TemplateError {
                    kind: TemplateErrorKind::UnclosedProperty,
                    at: opened_at..end,
                });
            }
            _ => {
                return Err(TemplateError {
                    kind: TemplateErrorKind::TooManyParts,
                    at: end..end + 1,
                });
            }
        }
        let extract = extract(to, &options).map_err(|kind| TemplateError {
            kind,
            at: at.start..end,
        })?;
        let is_plain = extract.is_whole() && options.change_nothing();
        Ok(PropertyExpr {
            property,
            label,
            at: named,
            extract,
            options,
            name: field_name.into(),
            is_plain,
        })
    }

    /// The label's name behind `cloud-label`, in quotes if it has a colon or a percent sign itself.
    fn label(&mut self, property_at: &Range<usize>) -> Result<Box<str>, TemplateError> {
        let missing = |at: usize| TemplateError {
            kind: TemplateErrorKind::MissingLabel,
            at: property_at.start..at,
        };
        if !self.eat(":") {
            return Err(missing(self.at));
        }
        let start = self.at;
        let label = if self.eat("\"") {
            let rest = self.rest();
            let Some(length) = rest.find('"') else {
                return Err(TemplateError {
                    kind: TemplateErrorKind::UnclosedLabel,
                    at: start..self.text.len(),
                });
            };
            self.at += length + 1;
            &rest[..length]
        } else {
            self.part().0
        };
        if label.is_empty() {
            return Err(missing(self.at));
        }
        Ok(label.into())
    }

    fn options(&mut self) -> Result<Options, TemplateError> {
        let (text, at) = self.part();
        let mut options = Options::default();
        let mut start = at.start;
        for name in text.split(',') {
            let at = start..start + name.len();
            start = at.end + 1;
            // rsyslog lets a list end with a comma, and an empty list be.
            if name.is_empty() {
                continue;
            }
            options.set(name).map_err(|error| TemplateError {
                kind: match error {
                    OptionError::Unknown => TemplateErrorKind::UnknownOption,
                    OptionError::SecondQuoting => TemplateErrorKind::SecondQuoting,
                },
                at,
            })?;
        }
        Ok(options)
    }
}
