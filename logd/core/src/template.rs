//! Templates: rsyslog's language for lines and paths, compiled once and rendered for every message.
//!
//! The text comes from the configuration ([`Template::parse`]) or from a built-in format ([`Template::builtin`]); the bytes
//! go to the end of a caller's buffer: a file's, a forward's, or that of a path ([`crate::path`]). Rendering allocates
//! nothing of its own, takes time linear in the message (its regular expressions included) and cannot fail.
//!
//! Strings are bytes here: rsyslog stops at a NUL, this doesn't. Control characters have been escaped before a message gets
//! here, so a line of a message is a line of a file.

mod builtin;
mod context;
pub(crate) mod digits;
mod error;
mod escape;
mod expression;
mod extract;
mod facts;
mod json_line;
mod options;
mod parse;
mod posix;
mod property;
mod stamp;
mod traditional;

pub use builtin::builtin_names;
pub use context::Context;
pub use error::{RegexError, TemplateError, TemplateErrorKind};
pub use escape::Escape;
pub use expression::PropertyExpr;
pub use facts::{Dependencies, Granularity};
pub use options::option_names;
pub use posix::{Syntax as RegexSyntax, portable_regex};
pub use property::{NowPart, NowZone, Property};

/// A compiled template.
#[derive(Debug, Clone)]
pub struct Template {
    ops: Box<[Op]>,
    escape: Escape,
    /// It is [`traditional`], which is written at once.
    is_traditional: bool,
    /// The built-in format that it is.
    builtin: Option<&'static str>,
}

/// A step of rendering.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Literal(Box<[u8]>),
    Property(Box<PropertyExpr>),
    /// The whole of the format `json`.
    JsonLine,
}

impl Template {
    /// Compiles a template's text.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Ok(Self {
            ops: parse::template(text)?.into(),
            escape: Escape::None,
            is_traditional: false,
            builtin: None,
        })
    }

    /// The built-in format of this name: rsyslog's, or `json`. [`builtin_names`] lists them.
    #[must_use]
    pub fn builtin(name: &str) -> Option<Self> {
        builtin::builtin(name)
    }

    /// The name of the built-in format that it was made by: who reads its lines again knows what stands where.
    #[must_use]
    pub fn builtin_name(&self) -> Option<&'static str> {
        self.builtin
    }

    /// The same template with its properties' values escaped.
    #[must_use]
    pub fn with_escape(self, escape: Escape) -> Self {
        Self {
            escape,
            is_traditional: false,
            ..self
        }
    }

    /// Appends the text for this message.
    pub fn render(&self, context: &Context<'_>, out: &mut Vec<u8>) {
        if self.is_traditional {
            return traditional::render(context, out);
        }
        for op in &self.ops {
            match op {
                Op::Literal(literal) => out.extend_from_slice(literal),
                Op::Property(expr) => {
                    let start = out.len();
                    expr.render(context, out);
                    self.escape.apply(out, start);
                }
                Op::JsonLine => json_line::render(context, out),
            }
        }
    }

    pub(crate) fn ops(&self) -> &[Op] {
        &self.ops
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
