//! The local time that lines begin with.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Writes times in one form. One is worked out once a second.
#[derive(Debug)]
pub(super) struct Clock {
    zone: TimeZone,
    format: &'static str,
    /// What `text` is the time of.
    second: Option<u64>,
    text: String,
}

impl Clock {
    /// `22-Nov-2026 10:00:00`
    pub(super) const BIND: &'static str = "%d-%b-%Y %H:%M:%S";
    /// `Nov 22 10:00:00` (RFC 3164 §4.1.2)
    pub(super) const SYSLOG: &'static str = "%b %e %H:%M:%S";

    pub(super) fn new(zone: TimeZone, format: &'static str) -> Self {
        Self {
            zone,
            format,
            second: None,
            text: String::new(),
        }
    }

    /// A time in milliseconds since 1970, to the second.
    pub(super) fn text(&mut self, time_ms: u64) -> &str {
        let second = time_ms / 1000;
        if self.second != Some(second) {
            let time = i64::try_from(second).ok().and_then(|s| Timestamp::from_second(s).ok());
            let time = time.unwrap_or(Timestamp::MAX).to_zoned(self.zone.clone());
            self.text = time.strftime(self.format).to_string();
            self.second = Some(second);
        }
        &self.text
    }
}
