//! Questions that other servers are asked: forwarded for those who may have that, and answered from our own zones for the rest.

use dnsd_core::answer::{Outcome, Reply, Transport, answer_locally, relay};
use dnsd_core::message::Rcode;
use dnsd_core::zones::ZoneNumber;
use tracing::debug;

use super::super::MESSAGE_BYTES_MAX;
use super::super::responder::Answer;
use super::super::views::Kind;
use super::{Asked, Later};
use crate::config::{ForwardPolicy, UDP_PAYLOAD_BYTES_LIMIT};
use crate::forward::{Path, Question, Route, empty_zones};

/// Answers a question below a forward zone, or, without one, for a name of no zone.
pub(super) fn answer(asked: Asked<'_>, zone: Option<ZoneNumber>, out: &mut [u8]) -> Answer {
    let Some(request) = asked.parsed() else {
        return asked.code(Rcode::FORMERR, out);
    };
    let info = zone.and_then(|number| asked.view.info(number));
    let zone = info.and_then(|info| match &info.kind {
        Kind::Forward(zone) => Some(&**zone),
        Kind::Primary | Kind::Secondary => None,
    });
    let serving = asked.serving;
    match serving
        .forwarder
        .route(zone, request.question.name, &asked.who(), &serving.local)
    {
        Route::Locally => answer_from_here(asked, out),
        Route::Private => answer_privately(asked, out),
        Route::Busy => asked.code(Rcode::SERVFAIL, out),
        Route::Ask(path) => asked.later(move |later| path.run(|path| reply(path, later))),
    }
}

/// Answers as if there were nobody else to ask.
fn answer_from_here(asked: Asked<'_>, out: &mut [u8]) -> Answer {
    let (serving, view) = (asked.serving, asked.view);
    let outcome = answer_locally(view.zones(), &serving.settings, &asked.client, asked.request, out);
    match outcome {
        Outcome::Reply(reply) if !view.allows_query(reply.zone, || asked.who(), &serving.local) => {
            asked.code(Rcode::REFUSED, out)
        }
        outcome => asked.reply(outcome, out),
    }
}

/// Answers from the empty zones of private networks (RFC 6303 §3), so that who asks keeps the answer.
fn answer_privately(asked: Asked<'_>, out: &mut [u8]) -> Answer {
    let settings = &asked.serving.settings;
    let outcome = answer_locally(empty_zones(), settings, &asked.client, asked.request, out);
    match outcome {
        // The number is none of the view's.
        Outcome::Reply(reply) => asked.reply(Outcome::Reply(Reply { zone: None, ..reply }), out),
        outcome => asked.reply(outcome, out),
    }
}

/// Asks, and replies with what comes back.
async fn reply(path: Path, later: Later) {
    let response = match Question::of_request(later.request()) {
        Some(question) => path.ask(&question).await,
        None => None,
    };
    if response.is_none() {
        debug!(client = %later.from(), "nobody who could be asked has an answer");
    }
    let mut out = match later.client().transport {
        Transport::Udp => vec![0; UDP_PAYLOAD_BYTES_LIMIT.into()],
        _ => vec![0; MESSAGE_BYTES_MAX],
    };
    let (serving, view) = (later.serving(), later.view());
    let outcome = match (response, path.policy) {
        (Some(response), _) => relay(&serving.settings, later.client(), later.request(), &response, &mut out),
        (None, ForwardPolicy::Only) => return later.send_unreachable(&mut out),
        (None, ForwardPolicy::First) => {
            let local = answer_locally(
                view.zones(),
                &serving.settings,
                later.client(),
                later.request(),
                &mut out,
            );
            match local {
                Outcome::Reply(reply)
                    if reply.zone.is_none() || !view.allows_query(reply.zone, || later.who(), &serving.local) =>
                {
                    return later.send_unreachable(&mut out);
                }
                local => local,
            }
        }
    };
    later.send(outcome, &mut out);
}
