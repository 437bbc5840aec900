//! What is changed in a value once it was cut out: the third place of `%property:from:to:options%`.

use super::escape::{self, rewrite};
use super::stamp::StampForm;

/// A property's options. The order in which they are applied is fixed, however they are written.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    pub(super) stamp: StampForm,
    /// `date-utc`.
    pub(super) utc: bool,
    /// `sp-if-no-1st-sp`: a blank if the value does not begin with one, else nothing.
    pub(super) blank_before: bool,
    /// With `blank_before`: a blank for an empty value too. No option sets it; some built-in formats do.
    pub(super) blank_if_empty: bool,
    pub(super) case: Option<Case>,
    pub(super) control: ControlOptions,
    pub(super) secpath_drop: bool,
    pub(super) secpath_replace: bool,
    pub(super) drop_last_lf: bool,
    pub(super) compress_space: bool,
    pub(super) quoting: Option<Quoting>,
    /// `pos-end-relative`: the substring's positions are counted from the end.
    pub(super) from_end: bool,
    /// `fixed-width`: the substring is filled with blanks.
    pub(super) fixed_width: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Lower,
    Upper,
}

/// What happens to control characters. If there are several, the first of these that is set counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ControlOptions {
    pub(super) drop: bool,
    pub(super) space: bool,
    pub(super) escape: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    Csv,
    Json,
    /// `jsonr`: what is escaped already stays so.
    JsonKept,
    /// `jsonf`: with the field's name in front.
    JsonField,
    /// `jsonfr`.
    JsonFieldKept,
}

/// Why an option was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OptionError {
    Unknown,
    SecondQuoting,
}

/// What an option that stands alone sets.
type Switch = fn(&mut Options);

/// The options that stand alone.
const SWITCHES: &[(&str, Switch)] = &[
    ("uppercase", |options| options.case = Some(Case::Upper)),
    ("lowercase", |options| options.case = Some(Case::Lower)),
    ("fixed-width", |options| options.fixed_width = true),
    ("pos-end-relative", |options| options.from_end = true),
    ("drop-last-lf", |options| options.drop_last_lf = true),
    ("sp-if-no-1st-sp", |options| options.blank_before = true),
    ("compressspace", |options| options.compress_space = true),
    ("escape-cc", |options| options.control.escape = true),
    ("space-cc", |options| options.control.space = true),
    ("drop-cc", |options| options.control.drop = true),
    ("secpath-drop", |options| options.secpath_drop = true),
    ("secpath-replace", |options| options.secpath_replace = true),
    // It decides what the JSON templates of rsyslog's scripts leave out; in a text template it changes nothing.
    ("mandatory-field", |_| {}),
    ("date-utc", |options| options.utc = true),
];

/// The forms of a stamp, of which the last one counts.
const STAMPS: &[(&str, StampForm)] = &[
    ("date-rfc3164", StampForm::Rfc3164),
    ("date-rfc3164-buggyday", StampForm::Rfc3164BuggyDay),
    ("date-rfc3339", StampForm::Rfc3339),
    ("date-unixtimestamp", StampForm::UnixTimestamp),
    ("date-mysql", StampForm::Mysql),
    ("date-pgsql", StampForm::Pgsql),
    ("date-subseconds", StampForm::Subseconds),
    ("date-year", StampForm::Year),
    ("date-month", StampForm::Month),
    ("date-day", StampForm::Day),
    ("date-hour", StampForm::Hour),
    ("date-minute", StampForm::Minute),
    ("date-second", StampForm::Second),
    ("date-tzoffshour", StampForm::OffsetHours),
    ("date-tzoffsmin", StampForm::OffsetMinutes),
    ("date-tzoffsdirection", StampForm::OffsetSign),
    ("date-ordinal", StampForm::DayOfYear),
    ("date-week", StampForm::Week),
    ("date-iso-week", StampForm::IsoWeek),
    ("date-iso-week-year", StampForm::IsoWeekYear),
    ("date-wday", StampForm::Weekday),
    ("date-wdayname", StampForm::WeekdayName),
];

/// The options of which there can be only one.
const QUOTINGS: &[(&str, Quoting)] = &[
    ("csv", Quoting::Csv),
    ("json", Quoting::Json),
    ("jsonf", Quoting::JsonField),
    ("jsonr", Quoting::JsonKept),
    ("jsonfr", Quoting::JsonFieldKept),
];

/// Every option there is, to suggest from.
pub fn option_names() -> impl Iterator<Item = &'static str> {
    let switches = SWITCHES.iter().map(|&(name, _)| name);
    let stamps = STAMPS.iter().map(|&(name, _)| name);
    let quotings = QUOTINGS.iter().map(|&(name, _)| name);
    switches.chain(stamps).chain(quotings)
}

impl Options {
    /// Adds the option of this name, in any case.
    pub(super) fn set(&mut self, name: &str) -> Result<(), OptionError> {
        if let Some(set) = named(SWITCHES, name) {
            set(self);
        } else if let Some(form) = named(STAMPS, name) {
            self.stamp = form;
        } else if let Some(quoting) = named(QUOTINGS, name) {
            if self.quoting.replace(quoting).is_some() {
                return Err(OptionError::SecondQuoting);
            }
        } else {
            return Err(OptionError::Unknown);
        }
        Ok(())
    }

    /// Whether the value is written as it is (the form of a stamp aside).
    pub(super) fn change_nothing(&self) -> bool {
        !self.blank_before
            && self.case.is_none()
            && self.control == ControlOptions::default()
            && !self.secpath_drop
            && !self.secpath_replace
            && !self.drop_last_lf
            && !self.compress_space
            && self.quoting.is_none()
    }

    /// Changes the value that stands in the buffer from `start` on. `name` is the field's, for `jsonf`.
    pub(super) fn apply(&self, out: &mut Vec<u8>, start: usize, name: &str) {
        if self.blank_before {
            let wants_blank = out.get(start).map_or(self.blank_if_empty, |byte| *byte != b' ');
            out.truncate(start);
            if wants_blank {
                out.push(b' ');
            }
        }
        match self.case {
            Some(Case::Lower) => out[start..].make_ascii_lowercase(),
            Some(Case::Upper) => out[start..].make_ascii_uppercase(),
            None => {}
        }
        self.apply_control(out, start);
        self.apply_secpath(out, start);
        if self.drop_last_lf && !self.control.escape && out[start..].last() == Some(&b'\n') {
            out.pop();
        }
        if self.compress_space {
            retain(out, start, |before, byte| byte != b' ' || before != Some(b' '));
        }
        match self.quoting {
            None => {}
            Some(Quoting::Csv) => escape::csv(out, start),
            Some(Quoting::Json) => escape::json(out, start, false),
            Some(Quoting::JsonKept) => escape::json(out, start, true),
            Some(quoting @ (Quoting::JsonField | Quoting::JsonFieldKept)) => {
                escape::json(out, start, quoting == Quoting::JsonFieldKept);
                out.splice(start..start, [b"\"", name.as_bytes(), b"\":\""].concat());
                out.push(b'"');
            }
        }
    }

    fn apply_control(&self, out: &mut Vec<u8>, start: usize) {
        if self.control.drop {
            retain(out, start, |_, byte| !byte.is_ascii_control());
        } else if self.control.space {
            out[start..]
                .iter_mut()
                .filter(|byte| byte.is_ascii_control())
                .for_each(|byte| *byte = b' ');
        } else if self.control.escape && out[start..].iter().any(u8::is_ascii_control) {
            // Three decimal digits, unlike the octal ones that control characters become on receipt.
            rewrite(out, start, |byte, out| {
                if byte.is_ascii_control() {
                    out.push(b'#');
                    super::digits::push_padded(out, u64::from(byte), 3);
                } else {
                    out.push(byte);
                }
            });
        }
    }

    fn apply_secpath(&self, out: &mut Vec<u8>, start: usize) {
        if self.secpath_drop {
            retain(out, start, |_, byte| byte != b'/');
        } else if self.secpath_replace {
            out[start..]
                .iter_mut()
                .filter(|byte| **byte == b'/')
                .for_each(|byte| *byte = b'_');
        } else {
            return;
        }
        match &out[start..] {
            [] => out.push(b'_'),
            [b'.'] | [b'.', b'.'] => out[start] = b'_',
            _ => {}
        }
    }
}

fn named<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|&(_, meant)| meant)
}

/// Keeps the bytes from `start` on that pass; each is looked at with the kept byte before it.
fn retain(out: &mut Vec<u8>, start: usize, keep: impl Fn(Option<u8>, u8) -> bool) {
    let mut end = start;
    for at in start..out.len() {
        let byte = out[at];
        let before = (end > start).then(|| out[end - 1]);
        if keep(before, byte) {
            out[end] = byte;
            end += 1;
        }
    }
    out.truncate(end);
}
