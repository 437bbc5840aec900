//! The first two places after a property's name: what part of its value is taken.

use super::Reader;
use crate::template::error::{TemplateError, TemplateErrorKind};
use crate::template::extract::{Extract, Field, Match, Otherwise, Part, Substring};
use crate::template::options::Options;
use crate::template::posix::{self, Syntax};

/// The widest column: nothing received is longer than this unless `message-max` says so.
const WIDTH_MAX: usize = 64 << 10;

/// `--end`, which closes a regular expression.
const REGEX_END: &str = "--end";

/// The first place after the name.
pub(super) enum Start {
    Position(usize),
    Field {
        delimiter: u8,
        runs: bool,
        from: usize,
    },
    Regex {
        syntax: Syntax,
        group: usize,
        otherwise: Otherwise,
        skip: usize,
    },
}

/// Both places, before the options say how they are meant.
pub(super) struct Places {
    part: Part,
    from: usize,
    to: usize,
}

impl Reader<'_> {
    pub(super) fn from(&mut self) -> Result<Start, TemplateError> {
        match self.peek() {
            Some(b'R') => self.regex_form(),
            Some(b'F') => self.field_form(),
            _ => {
                let (text, at) = self.part();
                position(text).map(Start::Position).ok_or(TemplateError {
                    kind: TemplateErrorKind::BadPosition,
                    at,
                })
            }
        }
    }

    /// `F`, `F,44`, `F,32+` or `F,44,3`, where the last number is the substring's beginning.
    fn field_form(&mut self) -> Result<Start, TemplateError> {
        let (text, at) = self.part();
        let error = |kind| TemplateError { kind, at };
        let mut parts = text[1..].split(',');
        if parts.next() != Some("") {
            return Err(error(TemplateErrorKind::BadDelimiter));
        }
        let Some(delimiter) = parts.next() else {
            return Ok(Start::Field {
                delimiter: b'\t',
                runs: false,
                from: 0,
            });
        };
        let (number, runs) = delimiter
            .strip_suffix('+')
            .map_or((delimiter, false), |number| (number, true));
        let delimiter = decimal(number).and_then(|number| u8::try_from(number).ok());
        let Some(delimiter) = delimiter else {
            return Err(error(TemplateErrorKind::BadDelimiter));
        };
        let from = parts.next().map_or(Some(0), position);
        match (from, parts.next()) {
            (Some(from), None) => Ok(Start::Field { delimiter, runs, from }),
            _ => Err(error(TemplateErrorKind::BadPosition)),
        }
    }

    /// `R,ERE,1,BLANK,0`, the end of it left out at will.
    fn regex_form(&mut self) -> Result<Start, TemplateError> {
        let (text, at) = self.part();
        let digit = |text: &str| match text.as_bytes() {
            [] => Some(0),
            [digit @ b'0'..=b'9'] => Some(usize::from(digit - b'0')),
            _ => None,
        };
        let mut parts = text.split(',');
        let form = (|| {
            (parts.next() == Some("R")).then_some(())?;
            let syntax = match parts.next() {
                None | Some("BRE") => Syntax::Basic,
                Some("ERE") => Syntax::Extended,
                Some(_) => return None,
            };
            let group = parts.next().map_or(Some(0), digit)?;
            let otherwise = match parts.next() {
                None | Some("" | "DFLT") => Otherwise::Notice,
                Some("BLANK") => Otherwise::Blank,
                Some("ZERO") => Otherwise::Zero,
                Some("FIELD") => Otherwise::Value,
                Some(_) => return None,
            };
            let skip = parts.next().map_or(Some(0), digit)?;
            parts.next().is_none().then_some(Start::Regex {
                syntax,
                group,
                otherwise,
                skip,
            })
        })();
        form.ok_or(TemplateError {
            kind: TemplateErrorKind::BadRegexForm,
            at,
        })
    }

    pub(super) fn to(&mut self, from: &Start) -> Result<Places, TemplateError> {
        match *from {
            Start::Position(from) => {
                let (text, at) = self.part();
                let error = TemplateError {
                    kind: TemplateErrorKind::BadPosition,
                    at,
                };
                let to = if text == "$" {
                    usize::MAX
                } else {
                    position(text).ok_or(error)?
                };
                Ok(Places {
                    part: Part::Whole,
                    from,
                    to,
                })
            }
            Start::Field { delimiter, runs, from } => {
                let (text, at) = self.part();
                let (number, to) = text.split_once(',').unwrap_or((text, ""));
                let number = decimal(number).filter(|&number| number > 0);
                let Some(number) = number else {
                    return Err(TemplateError {
                        kind: TemplateErrorKind::BadFieldNumber,
                        at,
                    });
                };
                let to = if to == "$" { Some(usize::MAX) } else { position(to) };
                let to = to.ok_or(TemplateError {
                    kind: TemplateErrorKind::BadPosition,
                    at,
                })?;
                Ok(Places {
                    part: Part::Field(Field {
                        delimiter,
                        runs,
                        number,
                    }),
                    from,
                    to,
                })
            }
            Start::Regex {
                syntax,
                group,
                otherwise,
                skip,
            } => {
                let rest = self.rest();
                let start = self.at;
                let Some(length) = rest.find(REGEX_END) else {
                    let at = start..self.text.len();
                    return Err(TemplateError {
                        kind: TemplateErrorKind::UnclosedRegex,
                        at,
                    });
                };
                let at = start..start + length;
                self.at += length + REGEX_END.len();
                let regex = posix::compile(&rest[..length], syntax).map_err(|error| TemplateError {
                    kind: TemplateErrorKind::Regex(error),
                    at: at.clone(),
                })?;
                if group >= regex.captures_len() {
                    return Err(TemplateError {
                        kind: TemplateErrorKind::NoSuchGroup,
                        at,
                    });
                }
                Ok(Places {
                    part: Part::Match(Box::new(Match {
                        regex,
                        group,
                        otherwise,
                        skip,
                    })),
                    from: 0,
                    to: 0,
                })
            }
        }
    }
}

impl Places {
    /// What a missing second place means: nothing for a substring, an error for what needs it.
    pub(super) fn none(from: &Start, at: usize) -> Result<Self, TemplateError> {
        match from {
            Start::Position(from) => Ok(Self {
                part: Part::Whole,
                from: *from,
                to: 0,
            }),
            Start::Field { .. } => Err(TemplateError {
                kind: TemplateErrorKind::BadFieldNumber,
                at: at..at,
            }),
            Start::Regex { .. } => Err(TemplateError {
                kind: TemplateErrorKind::UnclosedRegex,
                at: at..at,
            }),
        }
    }
}

/// What the two places mean together with the options.
pub(super) fn extract(to: Places, options: &Options) -> Result<Extract, TemplateErrorKind> {
    let Places { part, from, to } = to;
    if from == 0 && to == 0 {
        return Ok(Extract { part, substring: None });
    }
    // As in rsyslog, positions that are the wrong way round are swapped; so `msg:5` is `msg:0:5`.
    let (low, high) = (from.min(to), from.max(to));
    if options.fixed_width && high > WIDTH_MAX {
        return Err(TemplateErrorKind::WidthTooLarge);
    }
    let (from, to) = if options.from_end { (high, low) } else { (low, high) };
    let substring = Substring {
        from,
        to,
        from_end: options.from_end,
        fixed_width: options.fixed_width,
    };
    Ok(Extract {
        part,
        substring: Some(substring),
    })
}

/// A number of decimal digits alone; a number too large for the machine is past every end.
fn decimal(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(usize::MAX))
}

/// A position that may be left out.
fn position(text: &str) -> Option<usize> {
    if text.is_empty() { Some(0) } else { decimal(text) }
}
