//! `[query-log]`: a line for each query, as BIND's category `queries` has it.

use std::fmt;
use std::path::PathBuf;

use ballast_shared::config::{Diagnostics, FromValue, Span, Spanned, Table, Value, nearest};

/// Where the lines go, and what stands before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueryLogConfig {
    /// Where to.
    pub(crate) target: QueryLogTarget,
    /// Whether each begins with the time.
    pub(crate) print_time: bool,
    /// Whether `queries:` stands before it.
    pub(crate) print_category: bool,
    /// Whether `info:` stands before it.
    pub(crate) print_severity: bool,
}

/// Where query lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueryLogTarget {
    /// A file, which is opened anew when it was renamed.
    File(PathBuf),
    /// The system's log, by the number of the facility (RFC 5424 §6.2.1).
    Syslog(u8),
}

impl fmt::Display for QueryLogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Syslog(_) => f.write_str("the system's log"),
        }
    }
}

/// The names of the facilities, by their numbers; the gaps have none in syslog.h.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "", "", "",
    "", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

#[derive(Debug, Clone, Copy)]
struct Facility(u8);

impl FromValue for Facility {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let text = value.string()?;
        let known = || (0..).zip(FACILITIES).filter(|(_, name)| !name.is_empty());
        let found = known().find(|(_, name)| *name == text);
        if found.is_none() {
            let help = nearest(text, known().map(|(_, name)| name)).unwrap_or_default();
            value.error_with_help("not a facility of syslog", help);
        }
        found.map(|(number, _)| Self(number))
    }
}

/// The table as it is written.
#[derive(Debug, Default)]
pub(super) struct QueryLogSpec {
    table: Option<Span>,
    file: Option<Spanned<PathBuf>>,
    syslog: Option<Spanned<Facility>>,
    print_time: Option<Spanned<bool>>,
    print_category: Option<Spanned<bool>>,
    print_severity: Option<Spanned<bool>>,
}

impl QueryLogSpec {
    /// Reads the table of one file.
    pub(super) fn read(&mut self, table: &Table<'_>) {
        self.table.get_or_insert(table.span());
        table.once("file", &mut self.file);
        table.once("syslog", &mut self.syslog);
        table.once("print-time", &mut self.print_time);
        table.once("print-category", &mut self.print_category);
        table.once("print-severity", &mut self.print_severity);
    }

    /// Where the file is named.
    pub(super) fn file_span(&self) -> Option<Span> {
        self.file.as_ref().map(|file| file.span)
    }

    /// `None`: queries are not logged.
    pub(super) fn resolve(&self, diagnostics: &Diagnostics) -> Option<QueryLogConfig> {
        let table = self.table?;
        let target = match (&self.file, self.syslog) {
            (Some(file), None) => QueryLogTarget::File(file.value.clone()),
            (None, Some(facility)) => QueryLogTarget::Syslog(facility.value.0),
            (Some(_), Some(facility)) => {
                diagnostics.error(
                    facility.span,
                    "queries are logged to a `file` or to `syslog`, not to both",
                );
                return None;
            }
            (None, None) => {
                diagnostics.error(table, "`file` or `syslog` is missing here");
                return None;
            }
        };
        let is_on = |written: Option<Spanned<bool>>, default| written.map_or(default, |written| written.value);
        Some(QueryLogConfig {
            // The system's log has the time itself.
            print_time: is_on(self.print_time, matches!(target, QueryLogTarget::File(_))),
            print_category: is_on(self.print_category, false),
            print_severity: is_on(self.print_severity, false),
            target,
        })
    }
}
