//! `module(…)` and `input(…)`.

use logd_core::rsyslog_conf::{Object, Place, Statement, Text};

use super::{DEV_LOG, Input, Kind, Tls, all_values, is_journalds, listen, size};
use crate::import::Import;
use crate::import::legacy::is_on;
use crate::import::report::comments;
use crate::import::toml::Value;

/// What modules and inputs may say without a key of ours, by how it begins, and why.
const NOTED: &[(&str, &str)] = &[
    ("load", ""),
    ("type", ""),
    ("timerequery", "the time is asked for every message"),
    ("threads", "each core has its share of the sockets"),
    ("schedulingpolicy", "the system schedules"),
    ("schedulingpriority", "the system schedules"),
    ("batchsize", "as many are taken as have come"),
    ("flowcontrol", "a full output holds the senders back"),
    ("notifyonconnectionclose", "connections are metrics"),
    ("notifyonconnectionopen", "connections are metrics"),
    ("maxlisteners", "as many as are written"),
    ("maxlstn", "as many as are written"),
    ("streamdriver.name", "TLS is rustls here"),
    ("streamdrivername", "TLS is rustls here"),
    ("tls.tlslib", "TLS is rustls here"),
    ("usepid", "a program's number is what journald knows of it"),
    ("filecreatemode", "what was read is kept in work-dir"),
    ("workaroundjournalbug", "the journal is read by journalctl"),
    ("syssock.usesystimestamp", "the stamp of the message counts"),
    ("syssock.usespecialparser", "local messages are parsed as such"),
    ("syssock.annotate", "the sender's credentials are checked"),
    ("syssock.flowcontrol", "a sender waits 100 ms at most"),
    ("statefile", "what was read is kept in work-dir"),
    ("ignorepreviousmessages", "what was read is kept in work-dir"),
    ("persiststateinterval", "what was read is kept in work-dir"),
    (
        "permitnonkernelfacility",
        "what others write to the kernel's log has their facility",
    ),
    ("logpath", "it is /dev/kmsg"),
    ("keepalive", "the system's settings"),
    ("socketbacklog", "the system's limit"),
    ("supportoctetcountedframing", "both framings are told apart"),
];

pub(super) const NO_KEY: &str = "inputs have no key for this";

/// Why a parameter of an input needs no key.
pub(super) fn noted(name: &str) -> Option<&'static str> {
    let found = NOTED.iter().find(|(begin, _)| name.starts_with(begin));
    found.map(|(_, why)| *why)
}

impl Import<'_> {
    /// A module is loaded: local ones are inputs by that.
    pub(super) fn module(&mut self, statement: &Statement, module: &str, parameters: &[(String, Text)]) {
        let Some(kind) = Kind::of_module(module) else {
            if module.starts_with("im") {
                let why = match module {
                    "imfile" => "logd reads no files: have their writers log, or keep a shipper for them",
                    "impstats" => "metrics are served by [control] http",
                    _ => "there is no such input",
                };
                let above = if module == "impstats" {
                    self.noted(statement, why)
                } else {
                    self.lost(statement, why)
                };
                self.at_top(above);
            } else {
                let above = comments(statement);
                self.at_top(above);
            }
            return;
        };
        if kind.is_network() {
            // The listeners are inputs.
            let above = comments(statement);
            self.at_top(above);
            return;
        }
        let value = |name: &str| {
            let found = parameters.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.text.as_str())
        };
        if kind == Kind::Unix && value("syssock.use").is_some_and(|value| !is_on(value)) {
            let above = self.noted(statement, "the local socket is not read");
            self.at_top(above);
            return;
        }
        let path = value("syssock.name").unwrap_or(DEV_LOG);
        let is_journalds = kind == Kind::Unix && path == DEV_LOG && is_journalds(path);
        let (kind, keys) = match kind {
            Kind::Unix if is_journalds => (Kind::Journal, Vec::new()),
            Kind::Unix => {
                let mut keys = vec![("path", Value::Text(path.to_owned()))];
                if let Some(seconds) = value("syssock.ratelimit.interval").filter(|seconds| *seconds != "0") {
                    let burst = value("syssock.ratelimit.burst").unwrap_or("200");
                    keys.push(("rate-limit-interval", Value::Text(format!("{seconds}s"))));
                    keys.push(("rate-limit-burst", Value::Bare(burst.to_owned())));
                }
                (kind, keys)
            }
            Kind::Mark => {
                let seconds = value("interval").unwrap_or("1200");
                (kind, vec![("every", Value::Text(format!("{seconds}s")))])
            }
            _ => (kind, Vec::new()),
        };
        let mut above = comments(statement);
        if is_journalds {
            above.extend(
                self.noted(statement, "/dev/log is journald's here: its messages are taken from it")
                    .pop(),
            );
        }
        let name = self.input_name(module);
        self.inputs.list.push(Input {
            name,
            kind,
            keys,
            ruleset: value("ruleset").map(str::to_owned),
            tls: Tls::default(),
            above,
            place: statement.place,
        });
    }

    /// `module(…)` and `input(…)`; others are none of this.
    pub(in crate::import) fn input_object(&mut self, statement: &Statement, object: &Object) {
        if object.is("global") {
            for (name, value) in all_values(object) {
                match name.as_str() {
                    "defaultnetstreamdrivercafile" => self.inputs.tls.ca = Some(value.text),
                    "defaultnetstreamdrivercertfile" => self.inputs.tls.certificate = Some(value.text),
                    "defaultnetstreamdriverkeyfile" => self.inputs.tls.key = Some(value.text),
                    "maxmessagesize" => self.inputs.message_max = Some(value.text),
                    _ => {}
                }
            }
        } else if object.is("module") {
            let Some(module) = object.value("load") else { return };
            let name = module
                .text
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .trim_end_matches(".so")
                .to_owned();
            // Outputs and parsers are read elsewhere.
            if name.starts_with("im") {
                let parameters = all_values(object);
                self.module(statement, &name, &parameters);
                self.of_module(&name, &parameters);
            }
        } else if object.is("input") {
            self.input(statement, object);
        }
    }

    /// What a module says for all of its inputs.
    fn of_module(&mut self, module: &str, parameters: &[(String, Text)]) {
        let Some(kind) = Kind::of_module(module) else { return };
        for (name, value) in parameters {
            let next = self.inputs.next_of(kind);
            match name.as_str() {
                _ if next.tls.set(name, &value.text) => {}
                "maxsessions" => next.connections = Some(value.text.clone()),
                "ruleset" => next.ruleset = Some(value.text.clone()),
                "syssock.use" | "syssock.name" | "syssock.ratelimit.interval" | "syssock.ratelimit.burst" => {}
                "interval" if kind == Kind::Mark => {}
                _ => self.without_key(name, value.place),
            }
        }
    }

    fn without_key(&mut self, name: &str, place: Place) {
        match noted(name) {
            Some("") => {}
            Some(why) => self.noted_part(place, why),
            // The driver itself, and not what it is told.
            None if name == "streamdriver" => self.noted_part(place, "TLS is rustls here"),
            None => self.lost_part(place, NO_KEY),
        }
    }

    fn input(&mut self, statement: &Statement, object: &Object) {
        let parameters = all_values(object);
        let value = |name: &str| {
            let found = parameters.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.text.clone())
        };
        let module = value("type").unwrap_or_default().to_ascii_lowercase();
        let Some(kind) = Kind::of_module(&module) else {
            return self.no_input(statement, "there is no such input", value("ruleset"));
        };
        let mut keys = Vec::new();
        let defaults = self.inputs.next_of(kind).clone();
        let mut tls = defaults.tls;
        let ruleset = value("ruleset").or(defaults.ruleset);
        if kind.is_network() {
            let ports = object
                .parameter("port")
                .map(|port| port.values.clone())
                .unwrap_or_default();
            let address = value("address");
            let listens: Option<Vec<String>> = ports
                .iter()
                .map(|port| listen(address.as_deref(), &port.text))
                .collect();
            match listens.filter(|listens| !listens.is_empty()) {
                Some(listens) => keys.push(("listen", Value::texts(listens))),
                None => {
                    let why = "give the input an address and a port in numbers";
                    return self.no_input(statement, why, ruleset);
                }
            }
            if let Some(connections) = value("maxsessions")
                .or(defaults.connections)
                .filter(|_| matches!(kind, Kind::Tcp | Kind::PlainTcp))
            {
                keys.push(("connections-max", Value::Bare(connections)));
            }
        }
        for (name, value) in &parameters {
            match name.as_str() {
                "port" | "address" | "maxsessions" | "ruleset" | "name" => {}
                "rcvbufsize" if kind == Kind::Udp => keys.push(("receive-buffer", size(&value.text))),
                "socket" if kind == Kind::Unix => keys.push(("path", Value::Text(value.text.clone()))),
                "defaulttz" | "timezone" => {
                    self.lost_part(value.place, "time-zone takes a name such as \"Europe/Paris\"");
                }
                "ratelimit.interval" if value.text == "0" => {}
                "ratelimit.interval" => keys.push(("rate-limit-interval", Value::Text(format!("{}s", value.text)))),
                "ratelimit.burst" => keys.push(("rate-limit-burst", Value::Bare(value.text.clone()))),
                "supportoctetcountedframing" if !is_on(&value.text) => {
                    keys.push(("framing", Value::Text("newline".into())));
                }
                "createpath" if kind == Kind::Unix => keys.push(("create-path", flag(value))),
                "usepidfromsystem" if kind == Kind::Unix => keys.push(("use-pid-from-system", flag(value))),
                "parsehostname" if kind == Kind::Unix => keys.push(("parse-hostname", flag(value))),
                "ignoretimestamp" if kind == Kind::Unix => keys.push(("ignore-timestamp", flag(value))),
                "ratelimit.severity" if kind == Kind::Unix => {
                    keys.push(("rate-limit-severity", Value::Bare(value.text.clone())));
                }
                _ if tls.set(name, &value.text) => {}
                _ => self.without_key(name, value.place),
            }
        }
        let name = self.input_name(value("name").as_deref().unwrap_or(&module));
        self.inputs.list.push(Input {
            name,
            kind,
            keys,
            ruleset,
            tls,
            above: comments(statement),
            place: statement.place,
        });
    }
}

fn flag(value: &Text) -> Value {
    Value::Bare(is_on(&value.text).to_string())
}
