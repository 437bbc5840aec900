//! The names that rsyslog 8.2302 knows facilities and severities by.
//!
//! Two lists differ: what a selector may say (with the aliases that syslog.conf grew over the years) and what a property
//! such as `pri-text` writes (RFC 5424 §6.2.1's order, one name each).

/// `syslogfacility-text`: the name that is written for each facility, by its number.
pub const FACILITY_TEXT: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

/// `syslogseverity-text`: the name that is written for each severity, by its number.
pub const SEVERITY_TEXT: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// What a facility's name in a selector stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FacilityName {
    /// A facility that messages have.
    Number(u8),
    /// `mark` and `invld`: accepted, but no message that comes in has such a facility, so they select nothing.
    Nothing,
}

/// What a severity's name in a selector stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeverityName {
    /// 0 (emerg) to 7 (debug).
    Number(u8),
    /// `none`: the facility is cleared.
    None,
}

/// Every facility name that a selector may use.
const FACILITIES: &[(&str, FacilityName)] = &[
    ("auth", FacilityName::Number(4)),
    ("authpriv", FacilityName::Number(10)),
    ("console", FacilityName::Number(14)),
    ("cron", FacilityName::Number(9)),
    ("daemon", FacilityName::Number(3)),
    ("ftp", FacilityName::Number(11)),
    ("invld", FacilityName::Nothing),
    ("kern", FacilityName::Number(0)),
    ("local0", FacilityName::Number(16)),
    ("local1", FacilityName::Number(17)),
    ("local2", FacilityName::Number(18)),
    ("local3", FacilityName::Number(19)),
    ("local4", FacilityName::Number(20)),
    ("local5", FacilityName::Number(21)),
    ("local6", FacilityName::Number(22)),
    ("local7", FacilityName::Number(23)),
    ("lpr", FacilityName::Number(6)),
    ("mail", FacilityName::Number(2)),
    ("mark", FacilityName::Nothing),
    ("news", FacilityName::Number(7)),
    ("ntp", FacilityName::Number(12)),
    ("security", FacilityName::Number(4)),
    ("syslog", FacilityName::Number(5)),
    ("user", FacilityName::Number(1)),
    ("uucp", FacilityName::Number(8)),
];

/// Every severity name that a selector may use.
const SEVERITIES: &[(&str, SeverityName)] = &[
    ("alert", SeverityName::Number(1)),
    ("crit", SeverityName::Number(2)),
    ("debug", SeverityName::Number(7)),
    ("emerg", SeverityName::Number(0)),
    ("err", SeverityName::Number(3)),
    ("error", SeverityName::Number(3)),
    ("info", SeverityName::Number(6)),
    ("none", SeverityName::None),
    ("notice", SeverityName::Number(5)),
    ("panic", SeverityName::Number(0)),
    ("warn", SeverityName::Number(4)),
    ("warning", SeverityName::Number(4)),
];

/// The facility of this name, in any case, or of this number.
///
/// A number is the facility as syslog.h codes it, eight times the number of RFC 5424 §6.2.1 (mail is 16 to 23): what
/// rsyslog divides by eight.
pub(super) fn facility(name: &str) -> Option<FacilityName> {
    if let Ok(code) = name.parse::<u8>() {
        return crate::pri::Pri::new(code).map(|pri| FacilityName::Number(pri.facility()));
    }
    FACILITIES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|&(_, facility)| facility)
}

/// The severity of this name, in any case, or of this number.
pub(super) fn severity(name: &str) -> Option<SeverityName> {
    if let Ok(number) = name.parse::<u8>() {
        return (number < 8).then_some(SeverityName::Number(number));
    }
    SEVERITIES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|&(_, severity)| severity)
}

/// Every facility name that a selector may use, to suggest from.
pub fn facility_names() -> impl Iterator<Item = &'static str> {
    FACILITIES.iter().map(|&(name, _)| name)
}

/// Every severity name that a selector may use, to suggest from.
pub fn severity_names() -> impl Iterator<Item = &'static str> {
    SEVERITIES.iter().map(|&(name, _)| name)
}
