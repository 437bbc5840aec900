//! What syslog_loose makes sense of: stamps with more spaces than the standard shapes allow, or more digits.
//!
//! It reads the stamp and says where the next word is. The rest is read as after any other stamp, because syslog_loose
//! drops PRI when a header fails, trims the message, and takes a lone `app:` for the host.

use syslog_loose::{Variant, parse_message, parse_message_with_year_exact_tz};

use crate::message::{Message, Shape};
use crate::parse::rfc3164;
use crate::time::rfc3164::{Fields, month};
use crate::time::{Civil, Timestamp, ZoneCache};

/// How much of a frame is looked at: a header of every known device, and a bound of the time it takes.
const HEADER_BYTES_MAX: usize = 512;

/// The year that a stamp without one is given. It is a leap year, so that February 29 is read, and no stamp names it.
const NO_YEAR: i32 = 0;

/// Reads what follows PRI in `plain`; `None` if syslog_loose finds no stamp in it.
pub(super) fn parse<'a>(plain: Message<'a>, received: Timestamp, zone: &mut ZoneCache) -> Option<Message<'a>> {
    // So that texts which begin otherwise cost no attempt.
    month(plain.after_pri.trim_ascii_start())?;
    // It wants UTF-8; the text after the header need not be.
    let header = &plain.after_pri[..plain.after_pri.len().min(HEADER_BYTES_MAX)];
    let header = header.utf8_chunks().next()?.valid();
    // It also wants a zone, of a type that it doesn't name: in UTC the stamp's instant has the fields that were written.
    let utc = parse_message("<0>1 1970-01-01T00:00:00Z - - - - -", Variant::RFC5424)
        .timestamp?
        .timezone();
    let found = parse_message_with_year_exact_tz(header, |_| NO_YEAR, Some(utc), Variant::RFC3164).ok()?;
    let timestamp = fields_of_utc(found.timestamp?.timestamp()).resolve(received, zone);

    // The first word after the stamp. Without one there is nothing to be found here.
    let word = found.hostname.or(found.appname)?;
    let word_at = word.as_ptr() as usize - header.as_ptr() as usize;
    let message = Message {
        shape: Shape::Device,
        timestamp: Some(timestamp),
        ..plain
    };
    Some(rfc3164::with_host_and_tag(message, &plain.after_pri[word_at..]))
}

/// The fields that a clock in UTC shows at this instant, without a year if it is [`NO_YEAR`].
fn fields_of_utc(unix_s: i64) -> Fields {
    let Civil {
        year,
        month,
        day,
        hour,
        minute,
        second,
        ..
    } = Timestamp::from_unix(unix_s, 0).civil();
    let year = (year != NO_YEAR).then_some(year);
    Fields {
        year,
        month,
        day,
        hour,
        minute,
        second,
        nanos: 0,
        fraction_digits: 0,
    }
}
