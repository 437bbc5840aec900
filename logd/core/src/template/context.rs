//! What a template is rendered from, and how each property is made of it.

use std::io::Write;
use std::net::IpAddr;

use super::digits::{push_padded, push_signed};
use super::property::{NowPart, NowZone, Property};
use super::stamp::{StampForm, push_date, push_stamp, push_year};
use crate::cloud;
use crate::message::{Message, Origin, Shape};
use crate::selector::{FACILITY_TEXT, SEVERITY_TEXT};
use crate::time::Timestamp;

/// The message and everything else that a property can come from.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// What the parser found.
    pub message: &'a Message<'a>,
    /// What the input knows.
    pub origin: &'a Origin<'a>,
    /// The sender's name, where the input resolves names and there is one.
    pub sender_name: Option<&'a str>,
    /// What a plugin's inventory says of the sender.
    pub cloud: cloud::Sender<'a>,
    /// Our own name.
    pub my_hostname: &'a str,
    /// The time of writing, in our own zone.
    pub now: Timestamp,
    /// Makes this message's UUID; it is asked only where a template says `uuid`, and has to answer the same for one message.
    pub uuid: &'a dyn Fn() -> [u8; 16],
}

/// What rsyslog writes for a field of RFC 5424 that is nil or that the message's shape has not.
const NIL: &[u8] = b"-";

/// What rsyslog has as `fromhost-ip` of what came from this machine itself.
const LOCAL_ADDRESS: &[u8] = b"127.0.0.1";

impl<'a> Context<'a> {
    /// The property's bytes where they stand somewhere already; `None`: they have to be written.
    pub(crate) fn borrowed(&self, property: Property) -> Option<&'a [u8]> {
        let message = self.message;
        let is_rfc5424 = message.shape == Shape::Rfc5424;
        Some(match property {
            Property::Msg => message.msg,
            Property::RawMsg => message.raw,
            Property::RawMsgAfterPri => message.after_pri,
            Property::Hostname => match message.hostname {
                Some(hostname) => hostname,
                // A nil HOSTNAME stays nil, so that a relay passes on what its sender said.
                None if is_rfc5424 => NIL,
                None => return self.sender(),
            },
            Property::FromHost => return self.sender(),
            Property::PeerName => self.origin.peer_name.map_or(NIL, str::as_bytes),
            Property::FromHostIp if self.origin.peer.is_none() => LOCAL_ADDRESS,
            Property::FromHostPort if self.origin.peer.is_none() => b"",
            Property::SyslogTag if !is_rfc5424 => message.tag,
            Property::SyslogTag if message.procid.is_none() => message.app_name.unwrap_or(NIL),
            Property::ProgramName if is_rfc5424 && message.app_name.is_none() => NIL,
            Property::AppName if is_rfc5424 => message.app_name.unwrap_or(NIL),
            Property::AppName if message.programname.is_empty() => NIL,
            Property::ProgramName | Property::AppName => message.programname,
            Property::ProcId => message.procid.unwrap_or(NIL),
            Property::MsgId => message.msgid.unwrap_or(NIL),
            Property::StructuredData => message.structured_data.unwrap_or(NIL),
            Property::FacilityText => FACILITY_TEXT[usize::from(message.pri.facility())].as_bytes(),
            Property::SeverityText => SEVERITY_TEXT[usize::from(message.pri.severity())].as_bytes(),
            Property::InputName => self.origin.input.as_bytes(),
            Property::Iut => b"1",
            Property::Bom => b"\xef\xbb\xbf",
            Property::MyHostname => self.my_hostname.as_bytes(),
            Property::Cloud(fact) => self.cloud.fact(fact),
            Property::CloudState => self.cloud.state.as_str().as_bytes(),
            // Which one the expression knows.
            Property::CloudLabel => b"",
            Property::SyslogTag
            | Property::FromHostIp
            | Property::FromHostPort
            | Property::ProtocolVersion
            | Property::Pri
            | Property::PriText
            | Property::Facility
            | Property::Severity
            | Property::TimeGenerated
            | Property::TimeReported
            | Property::Uuid
            | Property::Now(..) => return None,
        })
    }

    /// Appends the bytes of a property that is no stamp.
    #[inline]
    pub(crate) fn append_plain(&self, property: Property, out: &mut Vec<u8>) {
        self.append(property, StampForm::default(), false, out);
    }

    /// Appends the property's bytes. A stamp is written in this form, in UTC if so asked.
    pub(super) fn append(&self, property: Property, form: StampForm, utc: bool, out: &mut Vec<u8>) {
        match self.borrowed(property) {
            Some(bytes) => out.extend_from_slice(bytes),
            None => self.write(property, form, utc, out),
        }
    }

    /// The same for one that stands nowhere.
    pub(super) fn write(&self, property: Property, form: StampForm, utc: bool, out: &mut Vec<u8>) {
        let message = self.message;
        let pri = message.pri;
        match property {
            Property::Hostname | Property::FromHost | Property::FromHostIp => {
                if let Some(address) = self.sender_address() {
                    write!(out, "{address}").expect("writing to a Vec does not fail");
                }
            }
            Property::FromHostPort => {
                if let Some(peer) = self.origin.peer {
                    push_padded(out, u64::from(peer.port()), 1);
                }
            }
            Property::SyslogTag => {
                out.extend_from_slice(message.app_name.unwrap_or(NIL));
                out.push(b'[');
                out.extend_from_slice(message.procid.unwrap_or_default());
                out.push(b']');
            }
            Property::ProtocolVersion => push_padded(out, u64::from(message.version), 1),
            Property::Pri => push_padded(out, u64::from(pri.number()), 1),
            Property::PriText => {
                out.extend_from_slice(FACILITY_TEXT[usize::from(pri.facility())].as_bytes());
                out.push(b'.');
                out.extend_from_slice(SEVERITY_TEXT[usize::from(pri.severity())].as_bytes());
            }
            Property::Facility => push_padded(out, u64::from(pri.facility()), 1),
            Property::Severity => push_padded(out, u64::from(pri.severity()), 1),
            Property::TimeGenerated => push_stamp(out, in_zone(self.origin.received, utc), form),
            Property::TimeReported => push_stamp(out, in_zone(self.reported(), utc), form),
            Property::Uuid => (self.uuid)().iter().for_each(|byte| push_hex(out, *byte)),
            Property::Now(part, zone) => push_now(out, self.now, part, zone),
            // These stand somewhere already.
            _ => {}
        }
    }

    /// The sender's stamp, or the time of receipt where it wrote none.
    pub(super) fn reported(&self) -> Timestamp {
        self.message.timestamp.unwrap_or(self.origin.received)
    }

    /// The sender's address; `None` for what came from this machine itself.
    pub(crate) fn sender_address(&self) -> Option<IpAddr> {
        self.origin.peer.map(|peer| peer.ip().to_canonical())
    }

    /// The sender by name; `None` where there is only its address.
    fn sender(&self) -> Option<&'a [u8]> {
        match (self.sender_name, self.origin.peer) {
            (Some(name), _) => Some(name.as_bytes()),
            (None, Some(_)) => None,
            (None, None) => Some(self.my_hostname.as_bytes()),
        }
    }
}

/// In UTC, rsyslog writes the microseconds whether the sender did or not.
fn in_zone(stamp: Timestamp, utc: bool) -> Timestamp {
    if utc {
        Timestamp {
            fraction_digits: 6,
            ..stamp.in_utc()
        }
    } else {
        stamp
    }
}

fn push_now(out: &mut Vec<u8>, now: Timestamp, part: NowPart, zone: NowZone) {
    let now = match zone {
        NowZone::Local => now,
        NowZone::Utc => now.in_utc(),
    };
    let civil = now.civil();
    let two_digits = match part {
        NowPart::Date => return push_date(out, &civil),
        NowPart::Year => return push_year(out, civil.year),
        NowPart::Weekday => return push_padded(out, u64::from(civil.weekday), 1),
        NowPart::UnixTimestamp => return push_signed(out, now.unix_s),
        NowPart::Month => civil.month,
        NowPart::Day => civil.day,
        NowPart::Hour => civil.hour,
        NowPart::HalfHour => civil.minute / 30,
        NowPart::QuarterHour => civil.minute / 15,
        NowPart::Minute => civil.minute,
    };
    push_padded(out, u64::from(two_digits), 2);
}

fn push_hex(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}
