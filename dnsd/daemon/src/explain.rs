//! `dnsd explain`: what becomes of a question, and why.
//!
//! It goes the way of the answer (`server/responder.rs`, `server/deferred`) with the same views, lists and zones, and writes down
//! what each of them decides; the answer itself is made by the same function as any other. The running daemon explains what it
//! serves; [`offline`] does so from the configuration and the files.

mod decision;
mod lookup;
mod offline;

use std::net::IpAddr;

use dnsd_core::acl::Who;
use dnsd_core::answer::{Client, Outcome, Transport, answer_locally};
use dnsd_core::message::Rcode;
use dnsd_core::name::Name;
use dnsd_core::rrtype::Type;
use dnsd_core::search_name::SearchName;
use dnsd_core::zones::{ZoneNumber, ZoneState};

use crate::config::{ForwardPolicy, TransferTransport};
use crate::forward::{empty_zones, stays_here};
use crate::messages::{Received, question};
use crate::server::views::{Kind, View, ZoneInfo};
use crate::server::{MESSAGE_BYTES_MAX, Serving};
use crate::zones::board::{ServedFrom, ZoneStatus};
use crate::zones::key::ZoneKey;

use decision::decision;
pub(crate) use offline::explain_offline;

/// The line about a name of no zone.
const NO_ZONE: &str = "zone: none has this name";

/// A question, and who asks it.
#[derive(Debug)]
pub(crate) struct Inquiry {
    /// The name.
    pub(crate) name: Name,
    /// The type; a transfer's is explained too.
    pub(crate) qtype: Type,
    /// The client's address.
    pub(crate) from: IpAddr,
    /// The key that it signs with.
    pub(crate) key: Option<Name>,
    /// Whether it sets the RD bit, as stub resolvers and dig do.
    pub(crate) recursion_desired: bool,
    /// Whether it sets the DO bit.
    pub(crate) dnssec_ok: bool,
}

/// Where the version of a zone is from, that is served.
pub(crate) fn served_from(status: &ZoneStatus) -> String {
    let file = status.file.display();
    match status.served_from {
        ServedFrom::File => format!("loaded from {file}"),
        ServedFrom::LastGoodCopy => format!("the last good copy, as {file} has errors"),
        ServedFrom::Transfer => format!("transferred, copy in {file}"),
        ServedFrom::Generated => format!("made of the zones that name it, copy in {file}"),
        ServedFrom::Plugin => format!("made of the machines that a plugin knows, copy in {file}"),
        ServedFrom::Expired => "expired, as nobody has confirmed it for too long".to_owned(),
        ServedFrom::Nothing => match status.errors.first() {
            Some(error) => format!("nothing is served: {error}"),
            None => "nothing is served".to_owned(),
        },
    }
}

/// What becomes of a question, a line for each decision. `source` says of a zone where what is served of it is from.
pub(crate) fn explain(
    serving: &Serving,
    source: &dyn Fn(&ZoneKey) -> Option<String>,
    inquiry: &Inquiry,
) -> Vec<String> {
    let mut explanation = Explanation {
        serving,
        source,
        inquiry,
        lines: Vec::new(),
    };
    explanation.question();
    explanation.lines
}

/// The lines so far, and what they are about.
struct Explanation<'a> {
    serving: &'a Serving,
    source: &'a dyn Fn(&ZoneKey) -> Option<String>,
    inquiry: &'a Inquiry,
    lines: Vec<String>,
}

impl<'a> Explanation<'a> {
    fn say(&mut self, topic: &str, text: impl std::fmt::Display) {
        self.lines.push(format!("{topic}: {text}"));
    }

    fn question(&mut self) {
        let Inquiry {
            name,
            qtype,
            from,
            recursion_desired,
            ..
        } = self.inquiry;
        let recursion = if *recursion_desired { "with" } else { "without" };
        self.say("question", format!("{name} {qtype} from {from}, {recursion} RD"));
        if let Some(name) = &self.inquiry.key {
            let Some(key) = self.serving.keys.find(name.as_name_ref()) else {
                self.say("key", format!("{name} is none of the configured keys"));
                return self.say("answer", "NOTAUTH, with the TSIG error BADKEY");
            };
            self.say("key", format!("{name}, {}", key.algorithm()));
        }
        let view = self.view();
        let transfers = matches!(self.inquiry.qtype, Type::AXFR | Type::IXFR);
        if transfers {
            self.transfer(view);
        } else {
            self.zone(view);
        }
    }

    fn who(&self) -> Who<'a> {
        Who::new(self.inquiry.from, self.inquiry.key.as_ref().map(Name::as_name_ref))
    }

    /// Views are for clients; a list that has no entry for one leaves it to the next.
    fn view(&mut self) -> &'a View {
        let (who, local) = (self.who(), &self.serving.local);
        let all = self.serving.views.iter().filter_map(|view| Some((view, view.name()?)));
        for (view, name) in all {
            let decision = decision(view.match_clients(), &who, local);
            if decision.allowed {
                self.say("view", format!("{name}, as match-clients: {}", decision.reason));
                return view;
            }
            self.say("view", format!("not {name}, as match-clients: {}", decision.reason));
        }
        self.say("view", "none: the zones outside the views");
        self.serving.views.outside()
    }

    /// The zone that the question belongs to.
    fn zone(&mut self, view: &'a View) {
        let Inquiry {
            name,
            qtype,
            recursion_desired,
            ..
        } = self.inquiry;
        let search = SearchName::new(name.as_name_ref());
        match view.zones().find(&search, *qtype) {
            Some((number, ZoneState::Forward)) => {
                let Some(info) = view.info(number) else { return };
                self.say("zone", format!("{}, forward", info.key));
                if *recursion_desired {
                    return self.forwarded(view, Some(info));
                }
                self.say("forward", "no: who doesn't desire recursion gets what is here");
            }
            None if self.serving.settings.forwards && *recursion_desired => return self.forwarded(view, None),
            Some(_) | None => {}
        }
        self.own_zone(view);
    }

    /// Who is asked, if anybody is.
    fn forwarded(&mut self, view: &'a View, info: Option<&'a ZoneInfo>) {
        let zone = match info.map(|info| &info.kind) {
            Some(Kind::Forward(zone)) => Some(&**zone),
            _ => None,
        };
        if zone.is_none() {
            self.lines.push(NO_ZONE.to_owned());
        }
        let Some(target) = self.serving.forwarder.target(zone) else {
            self.say("forward", "no: there is nobody to ask");
            return self.own_zone(view);
        };
        let decision = decision(target.allow, &self.who(), &self.serving.local);
        self.say("forward", format!("allow: {}", decision.sentence()));
        if !decision.allowed {
            return self.own_zone(view);
        }
        let name = self.inquiry.name.as_name_ref();
        if stays_here(zone, name) {
            self.say(
                "forward",
                "no: the name is of a private network (RFC 6303), and stays here",
            );
            let is_zone = empty_zones().number(name).is_some();
            return self.say("answer", if is_zone { Rcode::NOERROR } else { Rcode::NXDOMAIN });
        }
        let addresses: Vec<String> = target
            .addresses()
            .map(|address| format!("{}#{}", address.ip(), address.port()))
            .collect();
        self.say("forward", format!("to {}, in this order", addresses.join(", ")));
        match target.policy {
            ForwardPolicy::Only => self.say("answer", "theirs; SERVFAIL when none of them answers"),
            ForwardPolicy::First => {
                self.say("answer", "theirs; when none of them answers, what is here:");
                self.own_zone(view);
            }
        }
    }

    /// What our own zones say.
    fn own_zone(&mut self, view: &'a View) {
        let Inquiry { name, qtype, .. } = self.inquiry;
        let found = view.zones().find_own(&SearchName::new(name.as_name_ref()), *qtype);
        let Some((number, state)) = found else {
            if !self.lines.iter().any(|line| line == NO_ZONE) {
                self.lines.push(NO_ZONE.to_owned());
            }
            return self.say("answer", Rcode::REFUSED);
        };
        self.describe(view, number, state);
        if let Some(info) = view.info(number) {
            let decision = decision(&info.rules.allow_query, &self.who(), &self.serving.local);
            self.say("allow-query", decision.sentence());
            if !decision.allowed {
                return self.say("answer", Rcode::REFUSED);
            }
        }
        self.answer(view, number, state);
        self.rate_limit();
    }

    fn describe(&mut self, view: &'a View, number: ZoneNumber, state: &ZoneState) {
        let Some(info) = view.info(number) else { return };
        let kind = match info.kind {
            Kind::Primary => "primary",
            Kind::Secondary => "secondary",
            Kind::Forward(_) => "forward",
        };
        let version = match state {
            ZoneState::Loaded(zone) => format!(", serial {}, {} records", zone.serial().0, zone.record_count()),
            ZoneState::Failed | ZoneState::Forward => String::new(),
        };
        let source = (self.source)(&info.key).map(|source| format!(", {source}"));
        self.say(
            "zone",
            format!("{}, {kind}{version}{}", info.key, source.unwrap_or_default()),
        );
    }

    /// How the name is found, and the answer that comes of it, without what limits its size.
    fn answer(&mut self, view: &'a View, number: ZoneNumber, state: &ZoneState) {
        let Inquiry {
            name,
            qtype,
            from,
            recursion_desired,
            dnssec_ok,
            ..
        } = self.inquiry;
        let ZoneState::Loaded(zone) = state else {
            return self.say("answer", Rcode::SERVFAIL);
        };
        let client = Client {
            transport: Transport::Tcp,
            address: *from,
            now: 0,
            held_back: 0,
        };
        let request = question(0, name.as_name_ref(), *qtype, *recursion_desired, *dnssec_ok);
        let mut out = vec![0; MESSAGE_BYTES_MAX];
        let outcome = answer_locally(view.zones(), &self.serving.settings, &client, &request, &mut out);
        let received = match outcome {
            Outcome::Reply(reply) => Received::read(&out[..reply.len]),
            Outcome::Drop(_) | Outcome::Deferred(_) => None,
        };
        let Some(received) = received else {
            return self.say("answer", "none");
        };
        for line in lookup::steps(view.zones(), number, zone, name, *qtype, &received) {
            self.say("look-up", line);
        }
        self.say("answer", received.summary());
        for (section, records) in received.sections() {
            for record in records {
                self.lines.push(format!("\t{section}\t{record}"));
            }
        }
    }

    /// A transfer is of a zone of exactly this name.
    fn transfer(&mut self, view: &'a View) {
        let name = &self.inquiry.name;
        let number = view.zones().number(name.as_name_ref());
        let state = number.and_then(|number| Some((number, view.zones().state(number)?)));
        let Some((number, state)) = state.filter(|(_, state)| !matches!(state, ZoneState::Forward)) else {
            self.say("zone", "none has exactly this name");
            return self.say("answer", Rcode::NOTAUTH);
        };
        self.describe(view, number, state);
        let Some(info) = view.info(number) else { return };
        let decision = decision(&info.rules.allow_transfer, &self.who(), &self.serving.local);
        self.say("allow-transfer", decision.sentence());
        match state {
            _ if !decision.allowed => self.say("answer", Rcode::REFUSED),
            ZoneState::Loaded(_) if info.rules.transfer_transport == TransferTransport::Tls => {
                self.say("allow-transfer-transport", "tls");
                self.say("answer", "the transfer over TLS and QUIC, else REFUSED");
            }
            ZoneState::Loaded(_) => self.say("answer", "the transfer"),
            ZoneState::Failed | ZoneState::Forward => self.say("answer", Rcode::SERVFAIL),
        }
    }

    fn rate_limit(&mut self) {
        let Some(rate_limit) = &self.serving.rate_limit else {
            return;
        };
        let exempt = rate_limit.limiter.limits().exempt.iter();
        match exempt
            .filter(|network| network.contains(&self.inquiry.from))
            .max_by_key(|network| network.prefix_len())
        {
            Some(network) => self.say(
                "rate-limit",
                format!("not for this client: exempt-clients has {network}"),
            ),
            None if rate_limit.log_only => {
                self.say("rate-limit", "over UDP; what would be held back is sent and counted");
            }
            None => self.say("rate-limit", "over UDP, unless the client has a good cookie"),
        }
    }
}

#[cfg(test)]
mod tests;
