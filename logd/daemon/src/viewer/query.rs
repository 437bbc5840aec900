//! What is searched for: the query string of the page, which is the whole of a search, so that it can be sent to somebody.

use std::fmt;

use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::live::{Fields, Filter, Pattern, severity};

/// A pattern of this many bytes is longer than anybody types.
const PATTERN_BYTES_MAX: usize = 1000;

/// Memory that a compiled pattern may take, and the automaton that is made of it while it runs. `\w{1,64}` takes most of it; of what
/// takes more, each octet of a line may have to be compared at a hundred thousand places.
const COMPILED_BYTES_MAX: usize = 4 << 20;
const AUTOMATON_BYTES_MAX: usize = 4 << 20;

/// Lines that are shown unless more are asked for, and at most.
const LINES_DEFAULT: usize = 500;
const LINES_MAX: usize = 5000;

/// The query string.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    /// A text, or a regular expression.
    #[serde(default)]
    q: String,
    /// `1`: `q` is a regular expression.
    #[serde(default)]
    re: String,
    /// `1`: upper and lower case differ.
    #[serde(default)]
    case: String,
    #[serde(default)]
    host: String,
    #[serde(default)]
    program: String,
    /// A severity's name: it and what is more severe.
    #[serde(default)]
    severity: String,
    /// A time, or how long ago: `-15m`.
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    /// An output's name.
    #[serde(default)]
    output: String,
    /// How many lines are shown.
    #[serde(default)]
    lines: String,
    /// The page begins with what comes in; of no matter here.
    #[serde(default, rename = "live")]
    _live: String,
}

/// What is searched for.
#[derive(Debug)]
pub(crate) struct Query {
    pub(super) matcher: RegexMatcher,
    /// There is no text to find.
    pub(super) is_everything: bool,
    pub(super) host: Option<Pattern>,
    pub(super) program: Option<Pattern>,
    /// This and what is more severe.
    pub(super) severity: Option<u8>,
    /// Unix seconds; both ends are in the range.
    pub(super) from_s: Option<i64>,
    pub(super) to_s: Option<i64>,
    /// When it was asked.
    pub(super) now_s: i64,
    pub(super) output: Option<String>,
    pub(super) lines_max: usize,
}

/// What is wrong with a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueryError {
    /// The text is too long.
    TooLong,
    /// What the regular expression's compiler says.
    Regex(String),
    /// No severity is called so.
    Severity,
    /// Not a time: which parameter.
    Time(&'static str),
    /// Not a number of lines.
    Lines,
}

impl Parameters {
    /// The search. Times that are relative are so to `now_s`.
    pub(crate) fn query(&self, now_s: i64) -> Result<Query, QueryError> {
        let lines_max = match self.lines.as_str() {
            "" => LINES_DEFAULT,
            text => text.parse().map_err(|_| QueryError::Lines)?,
        };
        Ok(Query {
            matcher: self.matcher()?,
            is_everything: self.q.is_empty(),
            host: pattern(&self.host)?,
            program: pattern(&self.program)?,
            severity: self.severity()?,
            from_s: time(&self.from, now_s).map_err(|()| QueryError::Time("from"))?,
            to_s: time(&self.to, now_s).map_err(|()| QueryError::Time("to"))?,
            now_s,
            output: Some(self.output.clone()).filter(|name| !name.is_empty()),
            lines_max: lines_max.min(LINES_MAX),
        })
    }

    /// The same search for messages as they come in, without its times.
    pub(crate) fn filter(&self) -> Result<Filter, QueryError> {
        Ok(Filter {
            fields: Fields {
                host: pattern(&self.host)?,
                program: pattern(&self.program)?,
                severity: self.severity()?,
            },
            text: self.regex()?,
        })
    }

    fn severity(&self) -> Result<Option<u8>, QueryError> {
        match self.severity.as_str() {
            "" => Ok(None),
            name => severity(name).map(Some).ok_or(QueryError::Severity),
        }
    }

    fn matcher(&self) -> Result<RegexMatcher, QueryError> {
        self.check_length()?;
        RegexMatcherBuilder::new()
            .fixed_strings(self.re != "1")
            .case_insensitive(self.case != "1")
            .line_terminator(Some(b'\n'))
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(AUTOMATON_BYTES_MAX)
            .build(&self.q)
            .map_err(|error| QueryError::Regex(error.to_string()))
    }

    fn regex(&self) -> Result<Option<Regex>, QueryError> {
        self.check_length()?;
        if self.q.is_empty() {
            return Ok(None);
        }
        let pattern = match self.re.as_str() {
            "1" => self.q.clone(),
            _ => regex::escape(&self.q),
        };
        RegexBuilder::new(&pattern)
            .case_insensitive(self.case != "1")
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(AUTOMATON_BYTES_MAX)
            .build()
            .map(Some)
            .map_err(|error| QueryError::Regex(error.to_string()))
    }

    fn check_length(&self) -> Result<(), QueryError> {
        match self.q.len() > PATTERN_BYTES_MAX {
            true => Err(QueryError::TooLong),
            false => Ok(()),
        }
    }
}

fn pattern(text: &str) -> Result<Option<Pattern>, QueryError> {
    match text.len() > PATTERN_BYTES_MAX {
        true => Err(QueryError::TooLong),
        false => Ok(Pattern::parse(text)),
    }
}

/// A time: of RFC 3339, or so long ago.
fn time(text: &str, now_s: i64) -> Result<Option<i64>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Some(ago) = text.strip_prefix('-') {
        let unit_at = ago.find(|c: char| !c.is_ascii_digit()).ok_or(())?;
        let (number, unit) = ago.split_at(unit_at);
        let unit_s = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 7 * 86_400,
            _ => return Err(()),
        };
        let ago_s = number.parse::<i64>().map_err(|_| ())?.saturating_mul(unit_s);
        return Ok(Some(now_s.saturating_sub(ago_s)));
    }
    let stamp = text.parse::<jiff::Timestamp>().map_err(|_| ())?;
    Ok(Some(stamp.as_second()))
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the text is longer than {PATTERN_BYTES_MAX} bytes"),
            Self::Regex(error) => f.write_str(error),
            Self::Severity => f.write_str("severity: emerg, alert, crit, err, warning, notice, info or debug"),
            Self::Time(which) => write!(f, "{which}: a time such as 2026-12-01T13:45:00Z, or -15m, -1h, -7d"),
            Self::Lines => f.write_str("lines: a number"),
        }
    }
}

impl std::error::Error for QueryError {}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    fn parameters(json: serde_json::Value) -> Parameters {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn times_are_absolute_or_so_long_ago() {
        assert_eq!(time("", NOW), Ok(None));
        assert_eq!(time("-15m", NOW), Ok(Some(NOW - 900)));
        assert_eq!(time("-2w", NOW), Ok(Some(NOW - 14 * 86_400)));
        assert_eq!(time("1970-01-01T01:00:10+01:00", NOW), Ok(Some(10)));
        assert_eq!(time("-99999999999999999d", NOW), Ok(Some(NOW - i64::MAX)));
        for wrong in [
            "-",
            "-m",
            "-5",
            "-5y",
            "yesterday",
            "-99999999999999999999s",
            "2026-12-01",
        ] {
            assert_eq!(time(wrong, NOW), Err(()), "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |json| parameters(json).query(NOW).unwrap_err();
        assert!(matches!(
            error(serde_json::json!({"q": "(", "re": "1"})),
            QueryError::Regex(_)
        ));
        assert_eq!(error(serde_json::json!({"severity": "loud"})), QueryError::Severity);
        assert_eq!(error(serde_json::json!({"to": "soon"})), QueryError::Time("to"));
        assert_eq!(error(serde_json::json!({"lines": "-1"})), QueryError::Lines);
        assert_eq!(error(serde_json::json!({"q": "x".repeat(1001)})), QueryError::TooLong);
        let nested = format!("{}x{}", "(".repeat(400), ")".repeat(400));
        assert!(matches!(
            error(serde_json::json!({"q": nested, "re": "1"})),
            QueryError::Regex(_)
        ));
        assert!(matches!(
            error(serde_json::json!({"q": r"\w{900}{900}", "re": "1"})),
            QueryError::Regex(_)
        ));
        let live = parameters(serde_json::json!({"q": r"\w{500}", "re": "1"})).filter();
        assert!(matches!(live, Err(QueryError::Regex(_))));
        assert_eq!(
            error(serde_json::json!({"host": "*".repeat(1001)})),
            QueryError::TooLong
        );
        assert!(serde_json::from_value::<Parameters>(serde_json::json!({"path": "/etc/passwd"})).is_err());
    }

    #[test]
    fn a_text_is_no_regular_expression_unless_it_is_said_to_be() {
        let takes = |json, text: &str| {
            parameters(json)
                .filter()
                .unwrap()
                .text
                .unwrap()
                .is_match(text.as_bytes())
        };
        assert!(takes(serde_json::json!({"q": "a.c"}), "xA.Cx") && !takes(serde_json::json!({"q": "a.c"}), "abc"));
        assert!(takes(serde_json::json!({"q": "a.c", "re": "1"}), "ABC"));
        assert!(!takes(serde_json::json!({"q": "a.c", "re": "1", "case": "1"}), "ABC"));
    }

    #[test]
    fn what_people_type_is_not_too_large() {
        let letters = "\u{e4}\u{df}\u{212a}".repeat(PATTERN_BYTES_MAX / 7);
        for json in [
            serde_json::json!({"q": "k".repeat(PATTERN_BYTES_MAX)}),
            serde_json::json!({"q": letters}),
            serde_json::json!({"q": r"\w{1,64}", "re": "1"}),
            serde_json::json!({"q": r"\b\d{1,3}(\.\d{1,3}){3}\b.{0,200}(refused|timed? out|\S{1,100}: error)", "re": "1"}),
        ] {
            assert!(parameters(json.clone()).query(NOW).is_ok(), "{json}");
            assert!(parameters(json.clone()).filter().is_ok(), "{json}");
        }
    }

    #[test]
    fn lines_are_at_most_so_many() {
        assert_eq!(
            parameters(serde_json::json!({"lines": "1000000"}))
                .query(NOW)
                .unwrap()
                .lines_max,
            LINES_MAX
        );
    }
}
