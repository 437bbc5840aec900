//! Dynamic updates (RFC 2136): who may change which zone. What is to be changed is read by the keeper of the zones, who answers.

use dnsd_core::message::Rcode;
use dnsd_core::rrtype::{Class, Type};
use tracing::info;

use super::super::responder::Answer;
use super::super::views::Kind;
use super::{Asked, Sender};

/// Answers an update, or has it answered.
pub(super) fn answer(asked: Asked<'_>, out: &mut [u8]) -> Answer {
    let Some(request) = asked.parsed() else {
        return asked.code(Rcode::FORMERR, out);
    };
    if request.question.qtype != Type::SOA {
        return asked.code(Rcode::FORMERR, out);
    }
    let zone = asked.zone(&request).filter(|_| request.question.class == Class::IN);
    let Some(zone) = zone else {
        return asked.code(Rcode::NOTAUTH, out);
    };
    let is_allowed = matches!(zone.info.kind, Kind::Primary) && asked.is_allowed(&zone.info.rules.allow_update);
    let handlers = asked.responder.handlers().filter(|_| is_allowed).cloned();
    let Some(handlers) = handlers else {
        asked.responder.seldom().update(Rcode::REFUSED);
        if asked.serving.refusals.admit(asked.now) {
            info!("{}: update '{}' denied", Sender::new(&asked, &request), zone.info.key);
        }
        return asked.code(Rcode::REFUSED, out);
    };
    let key = zone.info.key.clone();
    asked.later(move |later| (handlers.update)(key, later))
}
