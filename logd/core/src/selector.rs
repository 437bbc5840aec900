//! Selectors: rsyslog's `FACILITIES.SEVERITY;…` language, compiled to a bit per facility and severity.
//!
//! The text comes from a rule's `select`; [`crate::route`] asks the table once per PRI when the configuration is loaded.
//!
//! A selector is a list of clauses that are applied from left to right to a table that starts out empty, so a later clause
//! can take back what an earlier one selected:
//!
//! | severity | what it does to each facility of the clause |
//! |---|---|
//! | `err` | selects err and everything more severe |
//! | `=err` | selects err |
//! | `!err` | takes back err and everything more severe |
//! | `!=err` | takes back err |
//! | `*`, `!*` | selects everything, nothing |
//! | `none`, `!none` | selects nothing, everything |
//! | `=*`, `!=*` | changes nothing (rsyslog's table has no bit for it) |
//!
//! Where rsyslog complains and goes on, or silently ignores the rest of the line, this reader refuses, since both leave
//! messages unselected that the author meant: a clause without a severity, an unknown name, text after white space.

mod names;

use std::fmt;
use std::ops::Range;

pub use names::{FACILITY_TEXT, SEVERITY_TEXT, facility_names, severity_names};
use names::{FacilityName, SeverityName};

use crate::pri::Pri;

/// A compiled selector: for each facility, a bit for each severity that it selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selector {
    severities: [u8; FACILITIES],
}

/// How many facilities there are (RFC 5424 §6.2.1).
const FACILITIES: usize = 24;

/// Why a selector was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectorError {
    /// What is wrong.
    pub kind: SelectorErrorKind,
    /// The bytes of the selector's text that it is about.
    pub at: Range<usize>,
}

/// What can be wrong with a selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectorErrorKind {
    /// There is nothing in it.
    Empty,
    /// No facility of this name; [`facility_names`] lists them.
    UnknownFacility,
    /// No severity of this name; [`severity_names`] lists them.
    UnknownSeverity,
    /// A clause without a facility before its dot.
    MissingFacility,
    /// A clause without a severity: no dot, or nothing after it.
    MissingSeverity,
    /// White space ended the selector and something follows; rsyslog would ignore it.
    TextAfterSelector,
}

impl Selector {
    /// What `*.*` compiles to.
    pub const ALL: Self = Self {
        severities: [0xff; FACILITIES],
    };

    /// Compiles a selector.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut selector = Self {
            severities: [0; FACILITIES],
        };
        let body = text.trim_ascii();
        if body.is_empty() {
            return Err(SelectorError {
                kind: SelectorErrorKind::Empty,
                at: 0..text.len(),
            });
        }
        let mut rest = Cursor {
            text: body,
            at: text.len() - text.trim_ascii_start().len(),
        };
        loop {
            let clause = Clause::take(&mut rest)?;
            clause.apply(&mut selector)?;
            let separators = rest.text.len() - rest.text.trim_start_matches([',', ';']).len();
            if separators == 0 {
                break;
            }
            rest.advance(separators);
            if rest.text.is_empty() || rest.text.starts_with([' ', '\t']) {
                break;
            }
        }
        if rest.text.is_empty() {
            Ok(selector)
        } else {
            Err(rest.error(SelectorErrorKind::TextAfterSelector))
        }
    }

    /// Whether it selects messages of this facility and severity.
    #[must_use]
    pub const fn matches(&self, pri: Pri) -> bool {
        self.severities[pri.facility() as usize] & (1 << pri.severity()) != 0
    }
}

/// What is left of the text, and where in the whole it stands.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn advance(&mut self, bytes: usize) {
        self.text = &self.text[bytes..];
        self.at += bytes;
    }

    /// Cuts off what stands before the first of these characters, or everything.
    fn take_until(&mut self, ends: &[char]) -> Self {
        let length = self.text.find(ends).unwrap_or(self.text.len());
        let taken = Self {
            text: &self.text[..length],
            at: self.at,
        };
        self.advance(length);
        taken
    }

    fn trim(self) -> Self {
        let start = self.text.len() - self.text.trim_ascii_start().len();
        Self {
            text: self.text.trim_ascii(),
            at: self.at + start,
        }
    }

    fn error(&self, kind: SelectorErrorKind) -> SelectorError {
        SelectorError {
            kind,
            at: self.at..self.at + self.text.len(),
        }
    }
}

/// One `FACILITIES.SEVERITY`.
struct Clause<'a> {
    facilities: Cursor<'a>,
    severity: Cursor<'a>,
}

impl<'a> Clause<'a> {
    fn take(rest: &mut Cursor<'a>) -> Result<Self, SelectorError> {
        let facilities = rest.take_until(&['.', ';']).trim();
        if !rest.text.starts_with('.') {
            return Err(facilities.error(SelectorErrorKind::MissingSeverity));
        }
        if facilities.text.is_empty() {
            return Err(rest.take_until(&[',', ';']).error(SelectorErrorKind::MissingFacility));
        }
        rest.advance(1);
        let severity = rest.take_until(&[',', ';', ' ', '\t']);
        if severity.text.is_empty() {
            return Err(facilities.error(SelectorErrorKind::MissingSeverity));
        }
        Ok(Self { facilities, severity })
    }

    fn apply(&self, selector: &mut Selector) -> Result<(), SelectorError> {
        let change = Change::parse(self.severity)?;
        let mut rest = self.facilities;
        loop {
            let name = rest.take_until(&[',']).trim();
            if name.text == "*" {
                selector
                    .severities
                    .iter_mut()
                    .for_each(|mask| *mask = change.apply(*mask));
            } else if !name.text.is_empty() {
                match names::facility(name.text) {
                    Some(FacilityName::Number(number)) => {
                        let mask = &mut selector.severities[usize::from(number)];
                        *mask = change.apply(*mask);
                    }
                    Some(FacilityName::Nothing) => {}
                    None => return Err(name.error(SelectorErrorKind::UnknownFacility)),
                }
            } else if name.at == self.facilities.at {
                return Err(self.facilities.error(SelectorErrorKind::MissingFacility));
            }
            if rest.text.is_empty() {
                return Ok(());
            }
            rest.advance(1);
        }
    }
}

/// What a clause's severity does to the severities of one facility.
#[derive(Clone, Copy)]
enum Change {
    Set(u8),
    Add(u8),
    Remove(u8),
}

impl Change {
    fn parse(text: Cursor<'_>) -> Result<Self, SelectorError> {
        let (negated, name) = text
            .text
            .strip_prefix('!')
            .map_or((false, text.text), |name| (true, name));
        let (single, name) = name.strip_prefix('=').map_or((false, name), |name| (true, name));
        if name == "*" {
            return Ok(match (single, negated) {
                (true, _) => Self::Add(0),
                (false, false) => Self::Set(0xff),
                (false, true) => Self::Set(0),
            });
        }
        let mask = match names::severity(name) {
            Some(SeverityName::None) => return Ok(Self::Set(if negated { 0xff } else { 0 })),
            Some(SeverityName::Number(number)) if single => 1 << number,
            Some(SeverityName::Number(number)) => 0xff >> (7 - number),
            None => return Err(text.error(SelectorErrorKind::UnknownSeverity)),
        };
        Ok(if negated { Self::Remove(mask) } else { Self::Add(mask) })
    }

    const fn apply(self, mask: u8) -> u8 {
        match self {
            Self::Set(set) => set,
            Self::Add(added) => mask | added,
            Self::Remove(removed) => mask & !removed,
        }
    }
}

impl fmt::Display for SelectorErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the selector is empty",
            Self::UnknownFacility => "no such facility",
            Self::UnknownSeverity => "no such severity",
            Self::MissingFacility => "a facility or `*` must stand before the dot",
            Self::MissingSeverity => "a dot and a severity must follow the facilities, as in `mail.err`",
            Self::TextAfterSelector => "white space ends a selector; separate its parts by `;` alone",
        })
    }
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for SelectorError {}

#[cfg(test)]
mod tests;
