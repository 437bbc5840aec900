//! The properties of a message, by rsyslog's names: one table for templates and for `where`.

use crate::cloud::Fact;

/// Something of a message, of its way here or of ourselves that a template can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Property {
    /// `msg`: the message text.
    Msg,
    /// `rawmsg`: the whole frame.
    RawMsg,
    /// `rawmsg-after-pri`: the frame without its PRI.
    RawMsgAfterPri,
    /// `hostname`, `source`: HOSTNAME as written, or who sent it.
    Hostname,
    /// `fromhost`: the sender's name where it was resolved, else its address.
    FromHost,
    /// `fromhost-ip`: the sender's address.
    FromHostIp,
    /// `fromhost-port`: the sender's port.
    FromHostPort,
    /// `peer-name`: the name in the sender's certificate, `-` if it has shown none. rsyslog has no such property.
    PeerName,
    /// `syslogtag`: TAG of RFC 3164, or `APP-NAME[PROCID]` of RFC 5424.
    SyslogTag,
    /// `programname`: the static part of the tag.
    ProgramName,
    /// `app-name`: APP-NAME of RFC 5424, `programname` of RFC 3164, `-` if there is none.
    AppName,
    /// `procid`: PROCID, `-` if there is none.
    ProcId,
    /// `msgid`: MSGID, `-` if there is none.
    MsgId,
    /// `structured-data`: STRUCTURED-DATA, `-` if there is none.
    StructuredData,
    /// `protocol-version`: VERSION of RFC 5424, 0 otherwise.
    ProtocolVersion,
    /// `pri`: the number.
    Pri,
    /// `pri-text`: facility and severity by name, as in `auth.info`.
    PriText,
    /// `syslogfacility`: 0 to 23.
    Facility,
    /// `syslogfacility-text`.
    FacilityText,
    /// `syslogseverity`, `syslogpriority`: 0 to 7.
    Severity,
    /// `syslogseverity-text`, `syslogpriority-text`.
    SeverityText,
    /// `timegenerated`, `timereceived`: when it was received.
    TimeGenerated,
    /// `timereported`, `timestamp`: the stamp that the sender wrote, or the time of receipt where it wrote none.
    TimeReported,
    /// `inputname`: the input that it came through.
    InputName,
    /// `uuid`: 32 hexadecimal digits, the same for every output of one message.
    Uuid,
    /// `iut`: always 1, of use to MonitorWare's database schema.
    Iut,
    /// `$bom`: UTF-8's byte order mark.
    Bom,
    /// `$myhostname`: our own name.
    MyHostname,
    /// `$now`, `$year`, … : the time of writing.
    Now(NowPart, NowZone),
    /// `cloud-id`, `cloud-name`, … : what a plugin's inventory says of the machine that has sent it. rsyslog has none of these.
    Cloud(Fact),
    /// `cloud-label`: of the machine's labels the one whose name stands behind it, see [`super::PropertyExpr`].
    CloudLabel,
    /// `cloud-state`: how far the inventory can be relied on.
    CloudState,
}

/// A part of the time of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NowPart {
    /// `$now`: 2026-01-31.
    Date,
    /// `$year`: four digits.
    Year,
    /// `$month`: 01 to 12.
    Month,
    /// `$day`: 01 to 31.
    Day,
    /// `$hour`: 00 to 23.
    Hour,
    /// `$hhour`: which half of the hour, 00 or 01.
    HalfHour,
    /// `$qhour`: which quarter of the hour, 00 to 03.
    QuarterHour,
    /// `$minute`: 00 to 59.
    Minute,
    /// `$wday`: 0 (Sunday) to 6.
    Weekday,
    /// `$now-unixtimestamp`: seconds since 1970.
    UnixTimestamp,
}

/// In which zone the time of writing is taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NowZone {
    /// Our own.
    Local,
    /// `…-utc`.
    Utc,
}

/// What a name in a template turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    Known(Property),
    /// rsyslog has it and this collector hasn't: the JSON variables of its scripts, and what speaks of rsyslog itself.
    NotCarried,
    Unknown,
}

/// Every name, the usual one of each property first.
const NAMES: &[(&str, Property)] = &[
    ("msg", Property::Msg),
    ("rawmsg", Property::RawMsg),
    ("rawmsg-after-pri", Property::RawMsgAfterPri),
    ("hostname", Property::Hostname),
    ("source", Property::Hostname),
    ("fromhost", Property::FromHost),
    ("fromhost-ip", Property::FromHostIp),
    ("fromhost-port", Property::FromHostPort),
    ("peer-name", Property::PeerName),
    ("syslogtag", Property::SyslogTag),
    ("programname", Property::ProgramName),
    ("app-name", Property::AppName),
    ("procid", Property::ProcId),
    ("msgid", Property::MsgId),
    ("structured-data", Property::StructuredData),
    ("protocol-version", Property::ProtocolVersion),
    ("pri", Property::Pri),
    ("pri-text", Property::PriText),
    ("syslogfacility", Property::Facility),
    ("syslogfacility-text", Property::FacilityText),
    ("syslogseverity", Property::Severity),
    ("syslogpriority", Property::Severity),
    ("syslogseverity-text", Property::SeverityText),
    ("syslogpriority-text", Property::SeverityText),
    ("timegenerated", Property::TimeGenerated),
    ("timereceived", Property::TimeGenerated),
    ("timereported", Property::TimeReported),
    ("timestamp", Property::TimeReported),
    ("inputname", Property::InputName),
    ("uuid", Property::Uuid),
    ("iut", Property::Iut),
    ("$bom", Property::Bom),
    ("$myhostname", Property::MyHostname),
    ("$now", Property::Now(NowPart::Date, NowZone::Local)),
    ("$year", Property::Now(NowPart::Year, NowZone::Local)),
    ("$month", Property::Now(NowPart::Month, NowZone::Local)),
    ("$day", Property::Now(NowPart::Day, NowZone::Local)),
    ("$hour", Property::Now(NowPart::Hour, NowZone::Local)),
    ("$hhour", Property::Now(NowPart::HalfHour, NowZone::Local)),
    ("$qhour", Property::Now(NowPart::QuarterHour, NowZone::Local)),
    ("$minute", Property::Now(NowPart::Minute, NowZone::Local)),
    ("$wday", Property::Now(NowPart::Weekday, NowZone::Local)),
    ("$now-utc", Property::Now(NowPart::Date, NowZone::Utc)),
    ("$year-utc", Property::Now(NowPart::Year, NowZone::Utc)),
    ("$month-utc", Property::Now(NowPart::Month, NowZone::Utc)),
    ("$day-utc", Property::Now(NowPart::Day, NowZone::Utc)),
    ("$hour-utc", Property::Now(NowPart::Hour, NowZone::Utc)),
    ("$hhour-utc", Property::Now(NowPart::HalfHour, NowZone::Utc)),
    ("$qhour-utc", Property::Now(NowPart::QuarterHour, NowZone::Utc)),
    ("$minute-utc", Property::Now(NowPart::Minute, NowZone::Utc)),
    ("$wday-utc", Property::Now(NowPart::Weekday, NowZone::Utc)),
    (
        "$now-unixtimestamp",
        Property::Now(NowPart::UnixTimestamp, NowZone::Utc),
    ),
    ("cloud-id", Property::Cloud(Fact::Id)),
    ("cloud-name", Property::Cloud(Fact::Name)),
    ("cloud-group", Property::Cloud(Fact::Group)),
    ("cloud-zone", Property::Cloud(Fact::Zone)),
    ("cloud-type", Property::Cloud(Fact::Type)),
    ("cloud-vpc", Property::Cloud(Fact::Vpc)),
    ("cloud-subnet", Property::Cloud(Fact::Subnet)),
    ("cloud-lifecycle", Property::Cloud(Fact::Lifecycle)),
    ("cloud-label", Property::CloudLabel),
    ("cloud-state", Property::CloudState),
];

/// Names that rsyslog gives a meaning that isn't carried over.
const NOT_CARRIED: &[&str] = &["jsonmesg", "parsesuccess", "$uptime"];

/// How the names of script variables begin: message, local and global.
const VARIABLE_SIGILS: &[&str] = &["$!", "$.", "$/", "!", ".", "/"];

impl Property {
    pub(super) fn lookup(name: &str) -> Lookup {
        if let Some(&(_, property)) = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Lookup::Known(property)
        } else if NOT_CARRIED.iter().any(|known| known.eq_ignore_ascii_case(name))
            || VARIABLE_SIGILS.iter().any(|sigil| name.starts_with(sigil))
        {
            Lookup::NotCarried
        } else {
            Lookup::Unknown
        }
    }

    /// Whether a plugin's inventory has to be asked for it.
    #[must_use]
    pub fn is_of_cloud(self) -> bool {
        matches!(self, Self::Cloud(_) | Self::CloudLabel | Self::CloudState)
    }

    /// The name that rsyslog's manual uses for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|&&(_, property)| property == self)
            .map_or("", |&(name, _)| name)
    }

    /// Every name there is, to suggest from.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|&(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(Property::lookup("SysLogTag"), Lookup::Known(Property::SyslogTag));
        assert_eq!(
            Property::lookup("$NOW"),
            Lookup::Known(Property::Now(NowPart::Date, NowZone::Local))
        );
        assert_eq!(
            Property::lookup("syslogpriority-TEXT"),
            Lookup::Known(Property::SeverityText)
        );
    }

    #[test]
    fn script_variables_are_known_not_to_be_carried() {
        for name in ["$!usr!name", "$.local", "$/global", "$uptime", "JSONMESG"] {
            assert_eq!(Property::lookup(name), Lookup::NotCarried, "{name}");
        }
        assert_eq!(Property::lookup("nosuch"), Lookup::Unknown);
        assert_eq!(Property::lookup(" msg"), Lookup::Unknown);
        assert_eq!(Property::lookup(""), Lookup::Unknown);
    }

    #[test]
    fn every_property_has_the_name_it_is_found_by() {
        for name in Property::names() {
            let Lookup::Known(property) = Property::lookup(name) else {
                panic!("{name}")
            };
            assert_eq!(Property::lookup(property.name()), Lookup::Known(property));
        }
    }
}
