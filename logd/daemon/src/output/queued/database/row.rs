//! A message as the values of a row.
//!
//! Databases take text, and not all bytes are: what is not UTF-8, and NUL, which PostgreSQL has no place for, is written
//! `#ooo` as control characters are, so nothing of a message is lost. What is longer than its column is cut.

use std::borrow::Cow;
use std::fmt::Write;

use super::schema::{Dialect, Kind, Schema};

/// A row's values in the order of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) values: Box<[String]>,
}

/// TEXT of MySQL holds so many bytes; our own table has MEDIUMTEXT.
const MYSQL_TEXT_BYTES: usize = 65_535;

/// With a batch before it this is still less than what MySQL takes at once by default, `max_allowed_packet` of 4 MiB: beyond, it
/// closes the connection, and no row after this one would ever get there.
const MESSAGE_BYTES: usize = 2 << 20;

impl Row {
    /// Of the fields that the templates of a schema render. Whether something was cut.
    pub(super) fn of<'f>(schema: Schema, dialect: Dialect, fields: impl Iterator<Item = &'f [u8]>) -> (Self, bool) {
        let mut was_cut = false;
        let values = schema.columns().iter().zip(fields).map(|(column, field)| {
            let (value, cut) = value(column.kind, dialect, field);
            was_cut |= cut;
            value
        });
        let values = values.collect();
        (Self { values }, was_cut)
    }

    /// How much of a statement it takes, roughly.
    pub(super) fn bytes(&self) -> usize {
        self.values.iter().map(String::len).sum()
    }
}

fn value(kind: Kind, dialect: Dialect, field: &[u8]) -> (String, bool) {
    match kind {
        Kind::Number | Kind::LocalTime => (String::from_utf8_lossy(field).into_owned(), false),
        Kind::Instant => (instant(&String::from_utf8_lossy(field), dialect), false),
        Kind::Text(chars) => cut_chars(text(field).into_owned(), chars),
        Kind::Message => {
            let field = field.strip_prefix(b" ").unwrap_or(field);
            cut_bytes(text(field).into_owned(), MESSAGE_BYTES)
        }
        Kind::RawMessage => {
            let bytes = if dialect == Dialect::MySql {
                MYSQL_TEXT_BYTES
            } else {
                MESSAGE_BYTES
            };
            cut_bytes(text(field).into_owned(), bytes)
        }
    }
}

/// A stamp of RFC 3339 as the database reads it. MySQL's DATETIME knows no zone, so there it is UTC without saying so.
fn instant(stamp: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres | Dialect::Sqlite => stamp.to_owned(),
        Dialect::MySql => {
            let stamp = stamp
                .strip_suffix('Z')
                .or(stamp.strip_suffix("+00:00"))
                .unwrap_or(stamp);
            stamp.replacen('T', " ", 1)
        }
    }
}

/// The bytes as text, those that are none as `#ooo`.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.contains('\0')
    {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(bytes.len() + 16);
    let octal = |escaped: &mut String, byte: u8| write!(escaped, "#{byte:03o}").expect("a string takes all");
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\0' => octal(&mut escaped, 0),
                other => escaped.push(other),
            }
        }
        for byte in chunk.invalid() {
            octal(&mut escaped, *byte);
        }
    }
    Cow::Owned(escaped)
}

fn cut_chars(mut text: String, chars: usize) -> (String, bool) {
    let end = text.char_indices().nth(chars).map(|(at, _)| at);
    if let Some(end) = end {
        text.truncate(end);
    }
    (text, end.is_some())
}

fn cut_bytes(mut text: String, bytes: usize) -> (String, bool) {
    let is_longer = text.len() > bytes;
    if is_longer {
        let end = (0..=bytes).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or_default());
    }
    (text, is_longer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_kept_as_octal_digits() {
        assert_eq!(text(b"plain \xc3\xa4"), "plain ä");
        assert_eq!(text(b"a\0b\xffc\xc3"), "a#000b#377c#303");
    }

    #[test]
    fn stamps_are_as_each_database_reads_them() {
        let stamp = "2026-12-01T13:00:00.123456+00:00";
        assert_eq!(instant(stamp, Dialect::Postgres), stamp);
        assert_eq!(instant(stamp, Dialect::MySql), "2026-12-01 13:00:00.123456");
        assert_eq!(instant("2026-12-01T13:00:00Z", Dialect::MySql), "2026-12-01 13:00:00");
    }

    #[test]
    fn what_is_longer_than_its_column_is_cut_between_characters() {
        assert_eq!(cut_chars("äöü".into(), 2), ("äö".into(), true));
        assert_eq!(cut_chars("äö".into(), 2), ("äö".into(), false));
        assert_eq!(cut_bytes("äö".into(), 3), ("ä".into(), true));
    }

    #[test]
    fn a_row_has_the_blank_before_its_message_only_where_rsyslog_has_it() {
        let fields = |schema: Schema| schema.templates().map(|_| &b" x"[..]);
        let (row, _) = Row::of(Schema::Own, Dialect::Sqlite, fields(Schema::Own));
        assert_eq!(row.values.last().unwrap(), "x");
        let (row, _) = Row::of(Schema::SystemEvents, Dialect::Sqlite, fields(Schema::SystemEvents));
        assert_eq!(row.values[0], " x");
    }
}
