//! Why a template was refused, and where.

use std::fmt;
use std::ops::Range;

pub use super::posix::RegexError;

/// An error in a template's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// What is wrong.
    pub kind: TemplateErrorKind,
    /// The bytes of the text that it is about.
    pub at: Range<usize>,
}

/// What can be wrong with a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateErrorKind {
    /// Longer than any template has reason to be.
    TooLong,
    /// A percent sign that no other one closes; `%%` or `\%` writes one.
    UnclosedProperty,
    /// No property of this name; [`super::Property::names`] lists them.
    UnknownProperty,
    /// rsyslog has this property and logd hasn't: JSON variables, and what speaks of rsyslog itself.
    PropertyNotCarried,
    /// `cloud-label` without a label's name behind it.
    MissingLabel,
    /// A label's name in quotes that are not closed.
    UnclosedLabel,
    /// No option of this name; [`super::option_names`] lists them.
    UnknownOption,
    /// More than one of csv, json, jsonf, jsonr and jsonfr.
    SecondQuoting,
    /// A substring's position that is neither a number nor, at its end, `$`.
    BadPosition,
    /// `fixed-width` up to `$`, or wider than a message can be.
    WidthTooLarge,
    /// `F` that is not followed by a comma and a byte's decimal value.
    BadDelimiter,
    /// A field's number is missing or 0.
    BadFieldNumber,
    /// `R` that is not followed by `,BRE` or `,ERE`, a digit, a DFLT, BLANK, ZERO or FIELD, and a digit.
    BadRegexForm,
    /// A regular expression that `--end` does not close.
    UnclosedRegex,
    /// The regular expression itself.
    Regex(RegexError),
    /// A group that the regular expression has not.
    NoSuchGroup,
    /// More than five places between the percent signs.
    TooManyParts,
    /// A backslash with something that is no escape, or with nothing.
    BadEscape,
}

impl fmt::Display for TemplateErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the template is longer than 64 KiB",
            Self::UnclosedProperty => {
                "the property has no closing percent sign (a percent sign itself is written `%%`)"
            }
            Self::UnknownProperty => "no such property",
            Self::PropertyNotCarried => "logd has no script variables and nothing of this property of rsyslog's",
            Self::MissingLabel => "`cloud-label` is followed by a label's name, as in `%cloud-label:Role%`",
            Self::UnclosedLabel => "the label's name has a quote in front and none behind",
            Self::UnknownOption => "no such option",
            Self::SecondQuoting => "only one of csv, json, jsonf, jsonr and jsonfr can be chosen",
            Self::BadPosition => "a position is a number, or `$` for the end",
            Self::WidthTooLarge => "fixed-width needs an end of at most 65536",
            Self::BadDelimiter => "`F` is followed by a comma and the delimiter's decimal value, as in `F,58:2`",
            Self::BadFieldNumber => "a field is chosen by its number, counted from 1",
            Self::BadRegexForm => {
                "`R` is written R,BRE|ERE,GROUP,DFLT|BLANK|ZERO|FIELD,MATCH, the end of it left out at will"
            }
            Self::UnclosedRegex => "the regular expression is not closed by `--end`",
            Self::Regex(error) => return error.fmt(f),
            Self::NoSuchGroup => "the regular expression has no such group",
            Self::TooManyParts => "a property has five parts: its name, from, to, options and a field name",
            Self::BadEscape => r#"the escapes are \n \r \t \a \b \f \\ \" \' \? \% and three octal digits"#,
        })
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for TemplateError {}

impl fmt::Display for RegexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnclosedBracket => "a `[` is not closed",
            Self::UnclosedGroup => "a group is not closed",
            Self::UnopenedGroup => "a group is closed that was not opened",
            Self::NothingToRepeat => "there is nothing to repeat",
            Self::BadInterval => "the braces hold a number or two, 255 at most",
            Self::BadRange => "the range or class in the brackets is none",
            Self::BackReference => "back-references are not carried over: their time has no bound",
            Self::TrailingBackslash => "it ends with a backslash",
            Self::TooLarge => "it is too large when compiled",
        })
    }
}
