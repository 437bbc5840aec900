//! What a search found, as it is sent.

use grep_matcher::Matcher as _;
use grep_regex::RegexMatcher;
use logd_core::selector::{FACILITY_TEXT, SEVERITY_TEXT};
use logd_core::time::Timestamp;
use serde::Serialize;

use super::histogram::Bars;
use crate::viewer::line::Said;
use crate::viewer::tree::{Found, Tree};

/// A line is shown up to this length.
pub(super) const SHOWN_BYTES_MAX: usize = 8 << 10;

/// Matches within a line are marked up to so many.
const MARKS_MAX: usize = 32;

/// What a search found.
#[derive(Debug, Serialize)]
pub(in crate::viewer) struct Answer {
    /// The newest that match, oldest first.
    pub(super) lines: Vec<Line>,
    /// How many match, shown or not.
    pub(super) matches: u64,
    pub(super) histogram: Bars,
    pub(super) searched: Searched,
    pub(super) left_out: LeftOut,
    /// Not all files were read to their ends: why.
    pub(super) stopped: Option<Stopped>,
    /// What could not be read, up to a few.
    pub(super) refused: Vec<String>,
}

/// What was read.
#[derive(Debug, Default, Serialize)]
pub(super) struct Searched {
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) ms: u64,
}

/// Lines that would match if more were known of them, or that were found already.
#[derive(Debug, Default, Serialize)]
pub(super) struct LeftOut {
    /// Of messages that were found in the files of another output.
    pub(super) elsewhere: u64,
    /// Without a time, where a time is asked for.
    pub(super) without_time: u64,
    /// Without a severity, where a severity is asked for.
    pub(super) without_severity: u64,
}

/// Why a search is not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stopped {
    /// Its time is over.
    Time,
    /// It has read as much as it may.
    Bytes,
    /// There are more files than it may look at.
    Files,
}

/// A line that was found.
#[derive(Debug, Clone, Serialize)]
pub(in crate::viewer) struct Line {
    /// RFC 3339.
    pub(super) time: Option<String>,
    pub(super) host: String,
    pub(super) program: String,
    pub(super) procid: Option<String>,
    pub(super) facility: Option<&'static str>,
    pub(super) severity: Option<&'static str>,
    pub(super) msg: String,
    /// Where in `msg` the pattern was found: begin and end, in UTF-16 units as browsers count.
    pub(super) marks: Vec<(usize, usize)>,
    /// The line as it is in the file.
    pub(super) raw: String,
    /// It is longer than is shown.
    pub(super) cut: bool,
    pub(super) output: String,
    pub(super) file: String,
}

impl Line {
    /// How much memory it takes, about.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.msg.len() + self.raw.len() + self.file.len()
    }
}

/// A line, as it is shown.
pub(super) fn shown_line(tree: &Tree, file: &Found, shown: &str, line: &[u8], said: Said<'_>) -> Line {
    let raw = String::from_utf8_lossy(&line[..line.len().min(SHOWN_BYTES_MAX)]).into_owned();
    let mut msg = said.msg.into_owned();
    if msg.len() > SHOWN_BYTES_MAX {
        let end = (0..=SHOWN_BYTES_MAX).rev().find(|&end| msg.is_char_boundary(end));
        msg.truncate(end.unwrap_or(0));
    }
    let name = |by_line: Option<std::borrow::Cow<'_, str>>, by_path: Option<&String>| {
        by_line.map_or_else(|| by_path.cloned().unwrap_or_default(), std::borrow::Cow::into_owned)
    };
    Line {
        time: said.time.map(rfc3339),
        host: name(said.host, file.host.as_ref()),
        program: name(said.program, file.program.as_ref()),
        procid: said.procid.map(std::borrow::Cow::into_owned),
        facility: said.facility.map(|facility| FACILITY_TEXT[usize::from(facility)]),
        severity: said.severity.map(|severity| SEVERITY_TEXT[usize::from(severity)]),
        msg,
        marks: Vec::new(),
        raw,
        cut: line.len() > SHOWN_BYTES_MAX,
        output: tree.name.clone(),
        file: shown.to_owned(),
    }
}

fn rfc3339(time: Timestamp) -> String {
    let civil = time.civil();
    let fraction = match time.fraction_digits {
        0 => String::new(),
        _ => format!(".{:06}", time.nanos / 1000),
    };
    let (sign, offset) = (
        if time.offset_s < 0 { '-' } else { '+' },
        time.offset_s.unsigned_abs() / 60,
    );
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{fraction}{sign}{:02}:{:02}",
        civil.year,
        civil.month,
        civil.day,
        civil.hour,
        civil.minute,
        civil.second,
        offset / 60,
        offset % 60
    )
}

/// Where the pattern is found in a text.
pub(super) fn marks(matcher: &RegexMatcher, text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let every = |found_at: grep_matcher::Match| {
        if !found_at.is_empty() {
            found.push((found_at.start(), found_at.end()));
        }
        found.len() < MARKS_MAX
    };
    matcher
        .find_iter(text.as_bytes(), every)
        .expect("this matcher has no errors");
    let units = |to: usize| text.get(..to).map(|before| before.encode_utf16().count());
    let marks = found
        .into_iter()
        .filter_map(|(start, end)| Some((units(start)?, units(end)?)));
    marks.collect()
}
