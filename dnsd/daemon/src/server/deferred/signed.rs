//! Signed requests (RFC 8945 §5.2): verified, looked at again without the signature, and answered with one.

use dnsd_core::acl::Who;
use dnsd_core::answer::{Client, Deferred, Outcome, answer_code, answer_error, answer_generally};
use dnsd_core::message::Rcode;
use dnsd_core::tsig::{Reason, Rejected, ResponseSigner, strip, verify_request};
use tracing::info;

use super::super::responder::{Answer, PROHIBITED, finish, note, reply_of};
use super::Asked;
use super::sender::{Sender, bare};

/// Answers a request whose signature begins at `tsig_at`.
pub(super) fn answer(asked: &Asked<'_>, tsig_at: usize, out: &mut [u8]) -> Answer {
    match verify_request(asked.request, tsig_at, &asked.serving.keys, asked.now) {
        Ok(signer) => answer_verified(asked, signer, tsig_at, out),
        Err(rejected) => reject(asked, &rejected, out),
    }
}

fn answer_verified(asked: &Asked<'_>, signer: ResponseSigner, tsig_at: usize, out: &mut [u8]) -> Answer {
    let mut unsigned = asked.request.to_vec();
    strip(&mut unsigned, tsig_at);
    let client = Client {
        held_back: room(signer.room()),
        ..asked.client
    };
    let serving = asked.serving;
    let key = signer.key().clone();
    key.note_user(client.address, asked.now);
    let who = || Who::new(client.address, Some(key.name().as_name_ref()));
    let view = serving.views.of(who, &serving.local);
    let asked = Asked {
        client,
        view,
        request: &unsigned,
        signer: Some(signer),
        ..*asked
    };
    let outcome = answer_generally(view.zones(), &serving.settings, &client, &unsigned, out);
    if let Some(log) = asked.responder.log() {
        let key = Some(key.name().as_name_ref());
        note(log, asked.peer, &serving.settings, view, key, &unsigned, &outcome);
    }
    match outcome {
        // A second signature behind the one that was taken off.
        Outcome::Deferred(Deferred::Signed { .. }) => asked.code(Rcode::FORMERR, out),
        Outcome::Deferred(deferred) => asked.answer(deferred, out),
        Outcome::Reply(reply) if !view.allows_query(reply.zone, who, &serving.local) => {
            view.count(reply.zone, Rcode::REFUSED);
            let outcome = answer_error(&serving.settings, &client, &unsigned, PROHIBITED, out);
            asked.reply(outcome, out)
        }
        Outcome::Reply(reply) => {
            view.count(reply.zone, reply.rcode);
            asked.reply(Outcome::Reply(reply), out)
        }
        Outcome::Drop(reason) => asked.reply(Outcome::Drop(reason), out),
    }
}

/// Tells who can't be believed why that is (RFC 8945 §5.3.2).
fn reject(asked: &Asked<'_>, rejected: &Rejected<'_>, out: &mut [u8]) -> Answer {
    let counters = asked.responder.counters();
    counters.tsig_failed(rejected.error());
    tell(asked, rejected);
    let client = Client {
        held_back: room(rejected.room()),
        ..asked.client
    };
    let outcome = answer_code(&asked.serving.settings, &client, asked.request, rejected.rcode(), out);
    let finished = finish(asked.serving, counters, &client, None, reply_of(outcome), out);
    let signed = finished.and_then(|length| rejected.sign(out, length, asked.now).ok());
    signed.map_or(Answer::Nothing, Answer::Reply)
}

/// As BIND's log has it, with what a look at the clocks needs: wrong times and wrong secrets are what goes wrong with keys.
fn tell(asked: &Asked<'_>, rejected: &Rejected<'_>) {
    if !asked.serving.refusals.admit(asked.now) {
        return;
    }
    let Some(request) = asked.parsed() else { return };
    let sender = Sender::new(asked, &request);
    let (Some(key), Some(error)) = (rejected.key_name(), rejected.error()) else {
        return info!("{sender}: request has a malformed signature");
    };
    let key = key.as_name_ref().to_name().to_string();
    let clocks = match rejected.reason() {
        Reason::OutOfTime { signed, fudge } => {
            let apart = asked.now.abs_diff(signed);
            let which = if signed < asked.now { "behind" } else { "ahead of" };
            format!(": its time is {apart} s {which} ours, where {fudge} are allowed")
        }
        _ => String::new(),
    };
    info!(
        "{sender}: request has invalid signature: TSIG {}: tsig verify failure ({error}){clocks}",
        bare(&key)
    );
}

/// A signature has two names and a MAC: less than a kilobyte.
fn room(octets: usize) -> u16 {
    u16::try_from(octets).unwrap_or(u16::MAX)
}
