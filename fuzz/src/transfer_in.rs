//! Transfers that come in.

use std::sync::Arc;

use dnsd_core::message::{Header, Request};
use dnsd_core::name::Name;
use dnsd_core::rrtype::Class;
use dnsd_core::serial::Serial;
use dnsd_core::transfer::{
    Delta, Incoming, IncomingError, IncomingLimits, Outgoing, Progress, REQUEST_BYTES_MAX, Received, ReplyHead,
    write_axfr_request,
};
use dnsd_core::zone::{Zone, ZoneBuilder};

/// What the committed streams have, which were captured from name servers.
const ID: u16 = 77;
const LIMITS: IncomingLimits = IncomingLimits {
    octets_max: 1 << 17,
    records_max: 1 << 12,
};

fn origin() -> Name {
    Name::parse(b"capture.test.", None).expect("a name")
}

/// Any stream of messages is a zone, or steps, or an error. A zone that was taken goes out and comes in as the same zone;
/// steps are kept as they came. The first octet chooses what was asked for, the rest is what a TCP connection brings.
pub fn transfer_in(data: &[u8]) {
    let [wanted, stream @ ..] = data else { return };
    let have = Serial(u32::from(*wanted >> 1));
    let transfer = if wanted & 1 == 0 {
        Incoming::axfr(origin(), ID, None, LIMITS)
    } else {
        Incoming::ixfr(origin(), ID, have, LIMITS)
    };
    match take(transfer, stream) {
        Ok(Received::Zone(compiled)) => {
            let zone = Arc::new(compiled.zone);
            let Some(again) = send(&zone) else { return };
            let Ok(Received::Zone(compiled)) = take(Incoming::axfr(origin(), ID, None, LIMITS), &again) else {
                panic!("a zone that went out does not come in");
            };
            assert_eq!(Delta::between(&zone, &compiled.zone).record_count(), 2);
        }
        Ok(Received::Steps(steps)) => {
            assert_eq!(steps.first().map(Delta::from), Some(have));
            for step in &steps {
                let mut octets = Vec::new();
                step.encode(&mut octets);
                assert_eq!(Delta::decode(&octets).as_ref(), Ok(step));
            }
            Delta::merged(&steps.iter().collect::<Vec<_>>()).expect("steps that follow each other");
            apply(&steps);
        }
        Ok(Received::UpToDate(serial)) => assert!(!serial.is_after(have)),
        Err(error) => {
            let _ = error.to_string();
        }
    }
}

/// Applies steps to a zone that has what the first of them removes: each makes the version that what is kept of it makes too, and
/// that leads back again.
fn apply(steps: &[Delta]) {
    let Some(mut zone) = steps.first().and_then(zone_before) else {
        return;
    };
    for step in steps {
        let Ok((next, exact)) = step.apply_received(&zone) else {
            return;
        };
        let again = exact.apply(&zone).expect("it is of this zone");
        let back = exact.reversed().apply(&next).expect("it was made of this one");
        for (left, right) in [(&again, &next), (&back, &zone)] {
            assert_eq!(Delta::between(left, right).record_count(), 2, "the SOA records alone");
        }
        zone = next;
    }
}

fn zone_before(step: &Delta) -> Option<Zone> {
    let mut builder = ZoneBuilder::new(step.origin().to_name());
    for record in step.removed() {
        builder.add(record.owner, Class::IN, record.ttl, record.rtype, record.rdata, None);
    }
    Some(builder.finish().ok()?.zone)
}

/// Takes messages, each with two octets of length in front of it.
fn take(mut transfer: Incoming, stream: &[u8]) -> Result<Received, IncomingError> {
    let mut rest = stream;
    while let Some((length, behind)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length)).min(behind.len());
        let (message, behind) = behind.split_at(length);
        if transfer.feed(message)? == Progress::Finished {
            break;
        }
        rest = behind;
    }
    transfer.finish(1)
}

/// The same for what goes out; `None` when a record just fits into a message with its owner compressed, as it came.
fn send(zone: &Arc<Zone>) -> Option<Vec<u8>> {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    let len = write_axfr_request(ID, zone.origin(), &mut buffer[..REQUEST_BYTES_MAX]).expect("a request fits");
    let header = Header::read(&buffer[..len]).expect("a header");
    let request = Request::parse(header, &buffer[..len]).expect("a request");
    let mut transfer = Outgoing::axfr(ReplyHead::new(&request, None), Arc::clone(zone));
    let mut stream = Vec::new();
    while let Some(len) = transfer.next_message(&mut buffer).ok()? {
        stream.extend_from_slice(&(len as u16).to_be_bytes());
        stream.extend_from_slice(&buffer[..len]);
    }
    Some(stream)
}
