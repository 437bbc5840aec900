//! NOTIFY, received (RFC 1996): checked, answered, and handed to whoever keeps the zone up to date.

use std::net::IpAddr;

use dnsd_core::message::{Flags, Rcode};
use dnsd_core::notify::Notification;
use dnsd_core::serial::Serial;
use tracing::{debug, info};

use super::super::responder::Answer;
use super::super::seldom::NotifyFate;
use super::{Asked, Sender};
use crate::zones::key::ZoneKey;

/// A NOTIFY from somebody who may send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotifyReceived {
    /// The zone that is said to have changed.
    pub(crate) key: ZoneKey,
    /// Who says so.
    pub(crate) from: IpAddr,
    /// The serial that the zone is said to have.
    pub(crate) serial: Option<Serial>,
}

/// Answers a NOTIFY. Nothing is sent when there are more of them than can be kept: the sender tries again.
pub(super) fn answer(asked: Asked<'_>, out: &mut [u8]) -> Answer {
    let Some(request) = asked.parsed() else {
        return asked.code(Rcode::FORMERR, out);
    };
    let notification = match Notification::read(&request, asked.request) {
        Ok(notification) => notification,
        Err(rcode) => return asked.code(rcode, out),
    };
    let Some(zone) = asked.zone(&request) else {
        return asked.code(Rcode::NOTAUTH, out);
    };
    if zone.info.kind.is_primary() && zone.info.rules.allow_notify.always() == Some(false) {
        // Who follows the zone and is told by its name servers may tell them in turn. As from BIND, that is no mistake of its
        // own: there is nothing to do.
        return asked.noerror_with(Flags::AA, out);
    }
    let handlers = asked.responder.handlers();
    let handler = handlers.filter(|_| asked.is_allowed(&zone.info.rules.allow_notify));
    let Some(handler) = handler else {
        asked.responder.seldom().notify(NotifyFate::Refused);
        if asked.serving.refusals.admit(asked.now) {
            info!(
                "{}: refused notify for zone '{}'",
                Sender::new(&asked, &request),
                zone.info.key
            );
        }
        return asked.code(Rcode::REFUSED, out);
    };
    debug!(
        "{}: received notify for zone '{}'",
        Sender::new(&asked, &request),
        zone.info.key
    );
    let received = NotifyReceived {
        key: zone.info.key.clone(),
        from: asked.client.address,
        serial: notification.serial,
    };
    match handler.notifies.try_send(received) {
        Ok(()) => {
            asked.responder.seldom().notify(NotifyFate::Received);
            asked.noerror_with(Flags::AA, out)
        }
        // Over a connection, which loses nothing, silence would mean that there is something wrong with the request.
        Err(_) if asked.client.transport.is_connected() => asked.code(Rcode::SERVFAIL, out),
        Err(_) => Answer::Nothing,
    }
}
