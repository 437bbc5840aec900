//! What a template's text depends on, so that the daemon renders a path anew only when it can have changed.

use std::ops::Range;

use super::property::{NowPart, NowZone, Property};
use super::stamp::StampForm;
use super::{Op, PropertyExpr, Template};

/// How long a time can stay the same in a template's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Granularity {
    /// For a day in the zone it is written in.
    Day,
    /// For an hour.
    Hour,
    /// For a minute.
    Minute,
    /// Not at all.
    Instant,
}

/// What a template's text depends on: while all of this stays the same, so does the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dependencies {
    /// HOSTNAME, or the sender where there is none.
    pub hostname: bool,
    /// The sender's address, name or port.
    pub sender: bool,
    /// `programname`, and what is made of it.
    pub program: bool,
    /// PRI: facility or severity.
    pub pri: bool,
    /// The input.
    pub input: bool,
    /// What a plugin's inventory says of the sender.
    pub cloud: bool,
    /// The time of writing, in our own zone or UTC.
    pub now: Option<Granularity>,
    /// The sender's stamp.
    pub reported: Option<Granularity>,
    /// The time of receipt.
    pub received: Option<Granularity>,
    /// The message's UUID.
    pub uuid: bool,
    /// Anything else, the text foremost: it is different for every message.
    pub other: bool,
}

impl Template {
    /// What its text depends on.
    #[must_use]
    pub fn depends_on(&self) -> Dependencies {
        let mut dependencies = Dependencies::default();
        for op in &self.ops {
            match op {
                Op::Literal(_) => {}
                Op::Property(expr) => dependencies.add(expr),
                Op::JsonLine => dependencies.other = true,
            }
        }
        dependencies
    }

    /// The properties in it, in order. The format `json` has none that can be told apart.
    pub fn properties(&self) -> impl Iterator<Item = Property> {
        self.ops.iter().filter_map(|op| match op {
            Op::Property(expr) => Some(expr.property),
            Op::Literal(_) | Op::JsonLine => None,
        })
    }

    /// Where the first property stands that a plugin's inventory is asked for, if there is one.
    #[must_use]
    pub fn asks_cloud_at(&self) -> Option<Range<usize>> {
        self.ops.iter().find_map(|op| match op {
            Op::Property(expr) if expr.property.is_of_cloud() => Some(expr.at()),
            _ => None,
        })
    }

    /// What stands before its first property.
    #[must_use]
    pub fn literal_prefix(&self) -> &[u8] {
        match self.ops.first() {
            Some(Op::Literal(literal)) => literal,
            _ => b"",
        }
    }
}

impl Dependencies {
    fn add(&mut self, expr: &PropertyExpr) {
        let stamp = stamp_granularity(expr);
        match expr.property {
            Property::Hostname => self.hostname = true,
            Property::FromHost | Property::FromHostIp | Property::FromHostPort | Property::PeerName => {
                self.sender = true;
            }
            Property::ProgramName | Property::AppName => self.program = true,
            Property::Pri
            | Property::PriText
            | Property::Facility
            | Property::FacilityText
            | Property::Severity
            | Property::SeverityText => self.pri = true,
            Property::InputName => self.input = true,
            Property::Cloud(_) | Property::CloudLabel | Property::CloudState => self.cloud = true,
            Property::Iut | Property::Bom | Property::MyHostname => {}
            Property::Uuid => self.uuid = true,
            Property::Now(part, zone) => self.now = self.now.max(Some(now_granularity(part, zone))),
            Property::TimeReported => self.reported = self.reported.max(Some(stamp)),
            Property::TimeGenerated => self.received = self.received.max(Some(stamp)),
            Property::Msg
            | Property::RawMsg
            | Property::RawMsgAfterPri
            | Property::SyslogTag
            | Property::ProcId
            | Property::MsgId
            | Property::StructuredData
            | Property::ProtocolVersion => self.other = true,
        }
    }
}

fn now_granularity(part: NowPart, zone: NowZone) -> Granularity {
    match (part, zone) {
        // Days begin at different times in the two zones; minutes don't.
        (NowPart::Date | NowPart::Year | NowPart::Month | NowPart::Day | NowPart::Weekday, NowZone::Local) => {
            Granularity::Day
        }
        (NowPart::Hour, NowZone::Local) => Granularity::Hour,
        (NowPart::UnixTimestamp, _) => Granularity::Instant,
        _ => Granularity::Minute,
    }
}

fn stamp_granularity(expr: &PropertyExpr) -> Granularity {
    match expr.options.stamp {
        _ if expr.options.utc => Granularity::Instant,
        StampForm::Year
        | StampForm::Month
        | StampForm::Day
        | StampForm::DayOfYear
        | StampForm::Week
        | StampForm::IsoWeek
        | StampForm::IsoWeekYear
        | StampForm::Weekday
        | StampForm::WeekdayName => Granularity::Day,
        StampForm::Hour => Granularity::Hour,
        StampForm::Minute => Granularity::Minute,
        StampForm::Rfc3164
        | StampForm::Rfc3164BuggyDay
        | StampForm::Rfc3339
        | StampForm::UnixTimestamp
        | StampForm::Mysql
        | StampForm::Pgsql
        | StampForm::Subseconds
        | StampForm::Second
        | StampForm::OffsetHours
        | StampForm::OffsetMinutes
        | StampForm::OffsetSign => Granularity::Instant,
    }
}
