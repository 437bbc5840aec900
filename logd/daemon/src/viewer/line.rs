//! Reading a line of a log file again: what its format has written where.
//!
//! The built-in formats that logd's files usually have are read by the parser that messages are read by, or as JSON. Of any other
//! format nothing is known but that it may begin with a stamp. A severity is known only where the format writes it.

use std::borrow::Cow;

use logd_core::message::Shape;
use logd_core::parse::parse;
use logd_core::selector::FACILITY_TEXT;
use logd_core::time::{self, Timestamp, ZoneCache};
use serde::Deserialize;

use crate::live::severity;

/// What the lines of a file look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// A syslog message with its PRI.
    WithPri,
    /// A syslog message without it: the formats that Debian's files have.
    WithoutPri,
    /// The format `json`, or rsyslog's.
    Json,
    /// A template of the administrator's.
    Other,
}

/// What a line says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said<'l> {
    pub(super) time: Option<Timestamp>,
    pub(super) host: Option<Cow<'l, str>>,
    pub(super) program: Option<Cow<'l, str>>,
    pub(super) procid: Option<Cow<'l, str>>,
    /// 0 to 23.
    pub(super) facility: Option<u8>,
    /// 0 to 7.
    pub(super) severity: Option<u8>,
    /// The text; the whole line where it could not be told apart.
    pub(super) msg: Cow<'l, str>,
}

impl Format {
    /// Of an output whose template is this built-in format, or none.
    pub(super) fn of(builtin: Option<&str>) -> Self {
        match builtin {
            Some(
                "RSYSLOG_SyslogProtocol23Format"
                | "RSYSLOG_SyslogRFC5424Format"
                | "RSYSLOG_ForwardFormat"
                | "RSYSLOG_TraditionalForwardFormat",
            ) => Self::WithPri,
            Some("RSYSLOG_TraditionalFileFormat" | "RSYSLOG_FileFormat" | "RSYSLOG_SysklogdFileFormat") => {
                Self::WithoutPri
            }
            Some("json" | "RSYSLOG_StdJSONFmt") => Self::Json,
            _ => Self::Other,
        }
    }

    /// Whether every line has a stamp.
    pub(super) fn has_time(self) -> bool {
        self != Self::Other
    }

    /// Whether a line has its severity.
    pub(super) fn has_severity(self) -> bool {
        matches!(self, Self::WithPri | Self::Json)
    }

    /// Reads a line, without the newline. `near` is a time that its stamp is near to, for the year that RFC 3164 leaves out.
    pub(super) fn read<'l>(self, line: &'l [u8], near: Timestamp, zone: &mut ZoneCache) -> Said<'l> {
        let read = match self {
            Self::WithPri => Some(syslog(line, near, zone)),
            // A line of it that begins like a PRI has none: it would be its text.
            Self::WithoutPri if !line.starts_with(b"<") => Some(Said {
                facility: None,
                severity: None,
                ..syslog(line, near, zone)
            }),
            Self::Json => json(line),
            Self::WithoutPri | Self::Other => None,
        };
        read.unwrap_or_else(|| Said {
            time: leading_stamp(line, near, zone),
            msg: String::from_utf8_lossy(line),
            ..Said::default()
        })
    }
}

fn syslog<'l>(line: &'l [u8], near: Timestamp, zone: &mut ZoneCache) -> Said<'l> {
    let message = parse(line, near, zone);
    if message.shape == Shape::Unparsed {
        return Said {
            msg: String::from_utf8_lossy(line),
            ..Said::default()
        };
    }
    let text = String::from_utf8_lossy;
    Said {
        time: message.timestamp,
        host: message.hostname.map(text),
        program: Some(message.programname)
            .filter(|name| !matches!(*name, b"" | b"-"))
            .map(text),
        procid: message.procid.map(text),
        facility: Some(message.pri.facility()),
        severity: Some(message.pri.severity()),
        msg: text(message.msg.strip_prefix(b" ").unwrap_or(message.msg)),
    }
}

/// The fields of the format `json` and of rsyslog's, which has other names for them.
#[derive(Deserialize)]
struct JsonLine<'l> {
    #[serde(borrow, alias = "timereported")]
    timestamp: Cow<'l, str>,
    #[serde(borrow, alias = "fromhost")]
    host: Option<Cow<'l, str>>,
    #[serde(borrow)]
    program: Option<Cow<'l, str>>,
    #[serde(borrow)]
    pid: Option<Cow<'l, str>>,
    #[serde(borrow)]
    facility: Option<Cow<'l, str>>,
    #[serde(borrow, alias = "priority")]
    severity: Option<Cow<'l, str>>,
    #[serde(borrow)]
    message: Cow<'l, str>,
}

fn json(line: &[u8]) -> Option<Said<'_>> {
    let fields: JsonLine<'_> = serde_json::from_slice(line).ok()?;
    let facility = fields
        .facility
        .and_then(|name| FACILITY_TEXT.iter().position(|known| *known == name));
    Some(Said {
        time: time::rfc3339::parse(fields.timestamp.as_bytes()).map(|(stamp, _)| stamp),
        host: fields.host,
        program: fields.program,
        procid: fields.pid,
        facility: facility.and_then(|found| u8::try_from(found).ok()),
        severity: fields.severity.and_then(|name| severity(&name)),
        msg: fields.message,
    })
}

fn leading_stamp(line: &[u8], near: Timestamp, zone: &mut ZoneCache) -> Option<Timestamp> {
    let rfc3339 = time::rfc3339::parse(line).map(|(stamp, _)| stamp);
    rfc3339.or_else(|| time::rfc3164::parse(line, near, zone).map(|(stamp, _)| stamp))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    /// 2026-12-01T13:45:00Z
    const NEAR: Timestamp = Timestamp::from_unix(1_796_132_700, 0);

    fn read(builtin: &str, line: &'static str) -> Said<'static> {
        let mut zone = ZoneCache::new(TimeZone::UTC);
        Format::of(Some(builtin)).read(line.as_bytes(), NEAR, &mut zone)
    }

    fn fields(said: &Said<'_>) -> (i64, String, String, Option<u8>, String) {
        (
            said.time.unwrap().unix_s - NEAR.unix_s,
            said.host.clone().unwrap_or_default().into_owned(),
            said.program.clone().unwrap_or_default().into_owned(),
            said.severity,
            said.msg.clone().into_owned(),
        )
    }

    #[test]
    fn built_in_formats_are_read_again() {
        let expected = |severity| {
            (
                -1,
                "web1".to_owned(),
                "sshd".to_owned(),
                severity,
                "it works".to_owned(),
            )
        };
        for (format, line, severity) in [
            (
                "RSYSLOG_TraditionalFileFormat",
                "Dec  1 13:44:59 web1 sshd[42]: it works",
                None,
            ),
            (
                "RSYSLOG_FileFormat",
                "2026-12-01T13:44:59+00:00 web1 sshd[42]: it works",
                None,
            ),
            (
                "RSYSLOG_SyslogProtocol23Format",
                "<35>1 2026-12-01T13:44:59Z web1 sshd 42 - - it works",
                Some(3),
            ),
            (
                "RSYSLOG_ForwardFormat",
                "<35>2026-12-01T13:44:59Z web1 sshd[42]: it works",
                Some(3),
            ),
            (
                "json",
                r#"{"timestamp":"2026-12-01T13:44:59Z","received":"2026-12-01T13:45:00Z","host":"web1","facility":"auth","severity":"err","program":"sshd","pid":"42","message":"it works"}"#,
                Some(3),
            ),
        ] {
            let said = read(format, line);
            assert_eq!(fields(&said), expected(severity), "{format}");
            assert_eq!(said.procid.as_deref(), Some("42"), "{format}");
        }
    }

    #[test]
    fn the_year_of_an_old_file_is_the_one_it_was_written_in() {
        let mut zone = ZoneCache::new(TimeZone::UTC);
        let written = Timestamp::from_unix(1_609_459_200, 0); // 2021-01-01T00:00:00Z
        let said = Format::WithoutPri.read(b"Dec 31 23:59:59 web1 cron: last", written, &mut zone);
        assert_eq!(said.time.unwrap().unix_s, 1_609_459_199);
    }

    #[test]
    fn any_other_line_is_a_text_and_may_have_a_stamp() {
        let said = read("none", "2026-12-01T13:44:59Z <b>anything</b>");
        assert_eq!(fields(&said).0, -1);
        assert_eq!((said.host, said.severity), (None, None));
        assert_eq!(said.msg, "2026-12-01T13:44:59Z <b>anything</b>");
        assert_eq!(read("none", "no stamp").time, None);
        assert_eq!(read("json", "not json").msg, "not json");
        let pretended = read("RSYSLOG_TraditionalFileFormat", "<0>Dec  1 13:44:59 web1 a: b");
        assert_eq!((pretended.severity, pretended.host), (None, None));
    }
}
