//! Messages of devices that keep to no RFC: Cisco's forms, read here, and what syslog_loose makes sense of.
//!
//! These come after the standard shapes have failed, so that they cost the others nothing.

mod cisco;
mod loose;

use crate::message::Message;
use crate::time::{Timestamp, ZoneCache};

/// Reads what follows PRI in `plain`; `None` if it is of no known device either.
pub(super) fn parse<'a>(plain: Message<'a>, received: Timestamp, zone: &mut ZoneCache) -> Option<Message<'a>> {
    cisco::parse(plain, received, zone).or_else(|| loose::parse(plain, received, zone))
}
