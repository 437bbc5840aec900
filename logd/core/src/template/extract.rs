//! Which part of a property's value is taken: the first two places of `%property:from:to%`.

use std::ops::Range;

use regex::bytes::Regex;

/// The part of a value that is taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Extract {
    pub(super) part: Part,
    pub(super) substring: Option<Substring>,
}

/// What is cut out before the substring is.
#[derive(Debug, Clone, Default)]
pub(super) enum Part {
    #[default]
    Whole,
    Field(Field),
    Match(Box<Match>),
}

/// `F,DELIMITER:NUMBER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) delimiter: u8,
    /// A run of delimiters counts as one.
    pub(super) runs: bool,
    /// Counted from 1; there is no field 0.
    pub(super) number: usize,
}

/// `R,SYNTAX,GROUP,NO-MATCH,NUMBER:EXPRESSION--end`.
#[derive(Debug, Clone)]
pub(super) struct Match {
    pub(super) regex: Regex,
    pub(super) group: usize,
    pub(super) otherwise: Otherwise,
    /// How many matches are skipped.
    pub(super) skip: usize,
}

/// What stands in where an expression does not match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Otherwise {
    /// `DFLT`: `**NO MATCH**`.
    #[default]
    Notice,
    /// `BLANK`: nothing.
    Blank,
    /// `ZERO`: `0`.
    Zero,
    /// `FIELD`: the whole value.
    Value,
}

/// Positions as they are written: counted from 1; in order, which the parser sees to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Substring {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Counted from the end, where the last byte is 1 and `from` is the greater one.
    pub(super) from_end: bool,
    /// Filled with blanks up to `to`.
    pub(super) fixed_width: bool,
}

/// What was taken of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Extracted {
    /// These bytes of it, and this many blanks after them.
    Value { range: Range<usize>, blanks: usize },
    /// A text that stands in; further changes are made to it.
    Instead(&'static [u8]),
    /// A text that is written as it is.
    Verbatim(&'static [u8]),
}

impl Extract {
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.part, Part::Whole) && self.substring.is_none()
    }

    pub(super) fn apply(&self, value: &[u8]) -> Extracted {
        let range = match &self.part {
            Part::Whole => 0..value.len(),
            Part::Field(field) => match field.find(value) {
                Some(range) => range,
                None => return Extracted::Verbatim(b"**FIELD NOT FOUND**"),
            },
            Part::Match(wanted) => match wanted.find(value) {
                Some(range) => range,
                None => match wanted.otherwise {
                    Otherwise::Notice => return Extracted::Instead(b"**NO MATCH**"),
                    Otherwise::Blank => return Extracted::Instead(b""),
                    Otherwise::Zero => return Extracted::Instead(b"0"),
                    Otherwise::Value => 0..value.len(),
                },
            },
        };
        match self.substring {
            None => Extracted::Value { range, blanks: 0 },
            Some(substring) => {
                let (part, blanks) = substring.cut(range.len());
                Extracted::Value {
                    range: range.start + part.start..range.start + part.end,
                    blanks,
                }
            }
        }
    }
}

impl Field {
    fn find(self, value: &[u8]) -> Option<Range<usize>> {
        let mut start = 0;
        for _ in 1..self.number {
            start += memchr::memchr(self.delimiter, &value[start..])? + 1;
            while self.runs && value.get(start) == Some(&self.delimiter) {
                start += 1;
            }
        }
        if self.number == 0 {
            return None;
        }
        let length = memchr::memchr(self.delimiter, &value[start..]).unwrap_or(value.len() - start);
        Some(start..start + length)
    }
}

impl Match {
    /// Each match is looked for in what follows the one before, as if that were a text of its own: `^` matches there.
    fn find(&self, value: &[u8]) -> Option<Range<usize>> {
        let mut start = 0;
        for _ in 0..self.skip {
            start += self.regex.find(&value[start..])?.end();
        }
        let rest = &value[start..];
        let whole = if self.group == 0 {
            self.regex.find(rest)?.range()
        } else {
            // A group that takes no part in the match is empty.
            self.regex
                .captures(rest)?
                .get(self.group)
                .map_or(0..0, |group| group.range())
        };
        Some(start + whole.start..start + whole.end)
    }
}

impl Substring {
    /// The bytes to take of a value of this length, and the blanks to put after them.
    fn cut(self, length: usize) -> (Range<usize>, usize) {
        // Both ends are taken along: `to` is the last byte.
        let (first, last) = if self.from_end {
            (length.saturating_sub(self.from), length.saturating_sub(self.to))
        } else {
            (self.from.saturating_sub(1), self.to.saturating_sub(1))
        };
        if first >= length {
            return (0..0, 0);
        }
        let end = last.saturating_add(1);
        let blanks = if self.fixed_width {
            end.saturating_sub(length.max(first))
        } else {
            0
        };
        (first..end.min(length), blanks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(value: &str, from: usize, to: usize, from_end: bool) -> &str {
        &value[Substring {
            from,
            to,
            from_end,
            fixed_width: false,
        }
        .cut(value.len())
        .0]
    }

    #[test]
    fn substring_counts_from_one_and_takes_both_ends() {
        assert_eq!(cut("hello", 1, 3, false), "hel");
        assert_eq!(cut("hello", 0, 3, false), "hel");
        assert_eq!(cut("hello", 2, usize::MAX, false), "ello");
        assert_eq!(cut("hello", 5, 9, false), "o");
        assert_eq!(cut("hello", 6, 9, false), "");
        assert_eq!(cut("", 1, 3, false), "");
    }

    #[test]
    fn substring_from_the_end() {
        assert_eq!(cut("hello", 4, 2, true), "ello"[..3].trim_end());
        assert_eq!(cut("hello", 3, 0, true), "llo");
        assert_eq!(cut("hello", 99, 2, true), "hell");
        assert_eq!(cut("hello", usize::MAX, 99, true), "h");
    }

    #[test]
    fn field_runs_count_as_one_only_where_asked() {
        let field = |number, runs| {
            let value = b"a  b c";
            Field {
                delimiter: b' ',
                runs,
                number,
            }
            .find(value)
            .map(|range| &value[range])
        };
        assert_eq!(field(1, false), Some(&b"a"[..]));
        assert_eq!(field(2, false), Some(&b""[..]));
        assert_eq!(field(2, true), Some(&b"b"[..]));
        assert_eq!(field(3, true), Some(&b"c"[..]));
        assert_eq!(field(4, true), None);
        assert_eq!(field(0, false), None);
    }
}
