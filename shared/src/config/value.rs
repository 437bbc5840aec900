//! One value of a file, and how the types of a `Spec` are read from it.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use toml::de::DeValue;

use super::diagnostics::{Diagnostics, Span, Spanned};
use super::table::Table;

/// A value in a file, with its place and the collection that complaints about it go to.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    diagnostics: &'a Diagnostics,
    span: Span,
    inner: &'a DeValue<'a>,
}

impl<'a> Value<'a> {
    pub(super) fn new(diagnostics: &'a Diagnostics, source: usize, inner: &'a toml::Spanned<DeValue<'a>>) -> Self {
        let range = inner.span();
        let span = Span {
            source,
            start: range.start,
            end: range.end,
        };
        Self {
            diagnostics,
            span,
            inner: inner.get_ref(),
        }
    }

    /// Where the value stands, quotes included.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Where the content of a string stands, without its quotes.
    #[must_use]
    pub fn content_span(&self) -> Span {
        match self.diagnostics.byte_at(self.span) {
            Some(b'"' | b'\'') if self.span.end - self.span.start >= 2 => Span {
                start: self.span.start + 1,
                end: self.span.end - 1,
                ..self.span
            },
            _ => self.span,
        }
    }

    /// Reports an error about this value.
    pub fn error(&self, message: impl Into<String>) {
        self.diagnostics.error(self.span, message);
    }

    /// Reports an error about this value, with a line on how to mend it.
    pub fn error_with_help(&self, message: impl Into<String>, help: impl Into<String>) {
        self.diagnostics.error_with_help(self.span, message, help);
    }

    /// The string it is; else reports that one was expected.
    #[must_use]
    pub fn string(&self) -> Option<&'a str> {
        match self.inner {
            DeValue::String(text) => Some(text.as_ref()),
            _ => self.mismatch("a string"),
        }
    }

    /// Its elements; else reports that a list was expected.
    #[must_use]
    pub fn array(&self) -> Option<Vec<Value<'a>>> {
        match self.inner {
            DeValue::Array(elements) => Some(
                elements
                    .iter()
                    .map(|e| Value::new(self.diagnostics, self.span.source, e))
                    .collect(),
            ),
            _ => self.mismatch("a list, in brackets"),
        }
    }

    /// The table it is; else reports that one was expected.
    #[must_use]
    pub fn table(&self) -> Option<Table<'a>> {
        match self.inner {
            DeValue::Table(table) => Some(Table::new(self.diagnostics, self.span, table)),
            _ => self.mismatch("a table"),
        }
    }

    /// Whether it is a table: for keys that take a short and a long form.
    #[must_use]
    pub fn is_table(&self) -> bool {
        matches!(self.inner, DeValue::Table(_))
    }

    /// Whether it is a string: for keys that take a word and something else.
    #[must_use]
    pub fn is_string(&self) -> bool {
        matches!(self.inner, DeValue::String(_))
    }

    /// Keeps it from being shown, as it is a secret: what is reported of it has its place only.
    pub fn withhold(&self) {
        self.diagnostics.withhold(self.span);
    }

    /// Whether it is a list: for keys that take one value or several.
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(self.inner, DeValue::Array(_))
    }

    /// The text of a string or of a number as written, for types that take both.
    pub(super) fn text_or_number(&self) -> Option<Cow<'a, str>> {
        match self.inner {
            DeValue::String(text) => Some(Cow::Borrowed(text.as_ref())),
            DeValue::Integer(number) => Some(Cow::Owned(number.to_string())),
            _ => None,
        }
    }

    /// The digits of a number, with or without a point, as they are written, in quotes or not; else reports that one was
    /// expected. For what must not be rounded.
    #[must_use]
    pub fn number_text(&self) -> Option<Cow<'a, str>> {
        match self.inner {
            DeValue::Float(number) => Some(Cow::Owned(number.to_string())),
            _ => self.text_or_number().or_else(|| self.mismatch("a number")),
        }
    }

    fn mismatch<T>(&self, expected: &str) -> Option<T> {
        let found = match self.inner {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.error(format!("expected {expected}, found {found}"));
        None
    }
}

/// A type that a value can be read as.
pub trait FromValue: Sized {
    /// Reads it; reports what is wrong with it and returns `None` otherwise.
    fn from_value(value: Value<'_>) -> Option<Self>;
}

impl FromValue for String {
    fn from_value(value: Value<'_>) -> Option<Self> {
        value.string().map(str::to_owned)
    }
}

impl FromValue for bool {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value.inner {
            DeValue::Boolean(b) => Some(*b),
            _ => value.mismatch("true or false"),
        }
    }
}

macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl FromValue for $type {
            fn from_value(value: Value<'_>) -> Option<Self> {
                let DeValue::Integer(number) = value.inner else { return value.mismatch("a whole number") };
                let parsed = <$type>::from_str_radix(number.as_str(), number.radix()).ok();
                if parsed.is_none() {
                    value.error(format!("out of range: it takes {} to {}", <$type>::MIN, <$type>::MAX));
                }
                parsed
            }
        }
    )*};
}
whole_numbers!(u8, u16, u32, u64, usize, i64);

/// Relative paths are relative to the file that names them.
impl FromValue for PathBuf {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let text = value.string()?;
        if text.is_empty() {
            value.error("an empty path");
            return None;
        }
        if text.contains('\0') {
            value.error("a path cannot hold a NUL");
            return None;
        }
        match Path::new(text) {
            path if path.is_absolute() => Some(path.to_owned()),
            path => Some(value.diagnostics.directory(value.span.source).join(path)),
        }
    }
}

impl FromValue for SocketAddr {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let text = value.string()?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            value.error_with_help(
                "not an address with a port",
                "write \"127.0.0.1:514\", or \"[::]:514\" for all addresses",
            );
        }
        parsed
    }
}

impl FromValue for IpAddr {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let parsed = value.string()?.parse().ok();
        if parsed.is_none() {
            value.error("not an IP address");
        }
        parsed
    }
}

/// A network, or a single address as the network of its full length.
impl FromValue for IpNet {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let text = value.string()?;
        let parsed = text
            .parse()
            .ok()
            .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        if parsed.is_none() {
            value.error_with_help(
                "not a network",
                "write \"10.0.0.0/8\", \"2001:db8::/32\" or a single address",
            );
        }
        parsed
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        // Every element is read, so that every wrong one is reported.
        let read: Vec<Option<T>> = value.array()?.into_iter().map(T::from_value).collect();
        read.into_iter().collect()
    }
}

/// The span of a string is that of its content, so that [`Span::part`] can point into it.
impl<T: FromValue> FromValue for Spanned<T> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        T::from_value(value).map(|inner| Self {
            value: inner,
            span: value.content_span(),
        })
    }
}

/// One value, or a list of them; and where it stands.
#[derive(Debug)]
pub struct OneOrMany<T>(pub Vec<Spanned<T>>, pub Span);

impl<T: FromValue> FromValue for OneOrMany<T> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let values = match value.is_list() {
            true => Vec::from_value(value)?,
            false => vec![Spanned::from_value(value)?],
        };
        Some(Self(values, value.span()))
    }
}
