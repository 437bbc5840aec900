//! Listeners that `$` directives start, and what directives before say of them.

use std::net::IpAddr;

use ipnet::IpNet;
use logd_core::rsyslog_conf::{Statement, Text};

use super::objects::{NO_KEY, noted};
use super::{Input, Kind, Tls, listen};
use crate::import::Import;
use crate::import::legacy::is_on;
use crate::import::report::comments;
use crate::import::toml::Value;

impl Import<'_> {
    /// A directive that loads a module, starts a listener or says how the next one is.
    pub(in crate::import) fn input_directive(&mut self, statement: &Statement, name: &Text, value: &str) {
        let lower = name.text.to_ascii_lowercase();
        let first = value.split_whitespace().next().unwrap_or_default().to_owned();
        match lower.as_str() {
            "modload" => {
                let module = first.rsplit('/').next().unwrap_or_default();
                self.module(statement, module.trim_end_matches(".so"), &[]);
            }
            "inputtcpserverrun" => self.listener(statement, Kind::Tcp, &first),
            "inputptcpserverrun" => self.listener(statement, Kind::PlainTcp, &first),
            "udpserverrun" => self.listener(statement, Kind::Udp, &first),
            "inputrelpserverrun" => self.listener(statement, Kind::Relp, &first),
            "allowedsender" => self.allowed_sender(statement, value),
            "defaultnetstreamdrivercafile" => self.inputs.tls.ca = Some(first),
            "defaultnetstreamdrivercertfile" => self.inputs.tls.certificate = Some(first),
            "defaultnetstreamdriverkeyfile" => self.inputs.tls.key = Some(first),
            "maxmessagesize" => self.inputs.message_max = Some(first),
            "markmessageperiod" => self.mark_every(&first),
            "systemlogsocketname" => self.unix_path(&first),
            "systemlogratelimitinterval" => {
                self.unix_limit(
                    statement,
                    "rate-limit-interval",
                    (first != "0").then(|| Value::Text(format!("{first}s"))),
                );
            }
            "systemlogratelimitburst" => {
                self.unix_limit(statement, "rate-limit-burst", Some(Value::Bare(first)));
            }
            "addunixlistensocket" => self.unix_socket(statement, first),
            "omitlocallogging" if is_on(&first) => self.inputs.list.retain(|input| input.name != "imuxsock"),
            _ => self.of_next_listener(&lower, first),
        }
    }

    fn of_next_listener(&mut self, name: &str, value: String) {
        let Some((kind, rest)) = of_listener(name) else { return };
        let next = self.inputs.next_of(kind);
        match rest {
            "address" | "listenip" => next.address = Some(value),
            "bindruleset" => next.ruleset = Some(value),
            "inputname" => next.name = Some(value),
            "maxsessions" => next.connections = Some(value),
            "supportoctetcountedframing" => next.has_lines_only = !is_on(&value),
            "createpath" => next.creates_path = is_on(&value),
            _ if next.tls.set(rest, &value) => {}
            _ => {}
        }
    }

    /// What is said of a directive about the next listener, unless the listener gets what it says.
    pub(in crate::import) fn unheard(&mut self, statement: &Statement, name: &str) -> Option<Vec<String>> {
        let (_, rest) = of_listener(name)?;
        if CARRIED.contains(&rest) {
            return None;
        }
        Some(match noted(rest) {
            Some(why) => self.noted(statement, why),
            None => self.lost(statement, NO_KEY),
        })
    }

    /// Starts a listener as the directives before say.
    fn listener(&mut self, statement: &Statement, kind: Kind, port: &str) {
        let next = self.inputs.next_of(kind).clone();
        let module = match kind {
            Kind::Tcp => "imtcp",
            Kind::PlainTcp => "imptcp",
            Kind::Udp => "imudp",
            _ => "imrelp",
        };
        let Some(listen) = listen(next.address.as_deref(), port) else {
            let why = "give the input an address and a port in numbers";
            return self.no_input(statement, why, next.ruleset);
        };
        let mut keys = vec![("listen", Value::texts([listen]))];
        if let Some(connections) = next.connections.filter(|_| matches!(kind, Kind::Tcp | Kind::PlainTcp)) {
            keys.push(("connections-max", Value::Bare(connections)));
        }
        if next.has_lines_only {
            keys.push(("framing", Value::Text("newline".into())));
        }
        let name = self.input_name(next.name.as_deref().unwrap_or(module));
        self.inputs.list.push(Input {
            name,
            kind,
            keys,
            ruleset: next.ruleset,
            tls: next.tls,
            above: comments(statement),
            place: statement.place,
        });
    }

    /// `$AllowedSender UDP, 127.0.0.1, 192.0.2.0/24, *.example.net`
    fn allowed_sender(&mut self, statement: &Statement, value: &str) {
        let mut parts = value.split([',', ' ', '\t']).filter(|part| !part.is_empty());
        let kind = match parts.next().map(str::to_ascii_lowercase).as_deref() {
            Some("udp") => Kind::Udp,
            Some("tcp") => Kind::Tcp,
            _ => {
                let above = self.lost(statement, "only inputs over TCP and UDP ask who sends");
                self.at_top(above);
                return;
            }
        };
        let mut networks = Vec::new();
        for part in parts {
            let part = part.replace(['[', ']'], "");
            if part.parse::<IpNet>().is_ok() || part.parse::<IpAddr>().is_ok() {
                networks.push(part);
            } else {
                self.lost_part(
                    statement.place,
                    "a sender's name: those without an address here may not send",
                );
            }
        }
        match self.inputs.allowed.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, known)) => known.append(&mut networks),
            None => self.inputs.allowed.push((kind, networks)),
        }
        let above = comments(statement);
        self.at_top(above);
    }

    fn mark_every(&mut self, seconds: &str) {
        if let Some(mark) = self.inputs.list.iter_mut().find(|input| input.kind == Kind::Mark) {
            mark.keys = vec![("every", Value::Text(format!("{seconds}s")))];
        }
    }

    fn unix_path(&mut self, path: &str) {
        let local = self.inputs.list.iter_mut().find(|input| input.name == "imuxsock");
        if let Some(local) = local {
            local.kind = Kind::Unix;
            local.keys = vec![("path", Value::Text(path.to_owned()))];
        }
    }

    /// How many messages of one program are taken, where the socket is ours.
    fn unix_limit(&mut self, statement: &Statement, key: &'static str, value: Option<Value>) {
        let Some(value) = value else { return };
        let local = self.inputs.list.iter_mut().find(|input| input.name == "imuxsock");
        match local {
            Some(local) if local.kind == Kind::Unix => local.keys.push((key, value)),
            _ => self.noted_part(statement.place, "journald has limits of its own"),
        }
    }

    /// `$AddUnixListenSocket /var/spool/postfix/dev/log`
    fn unix_socket(&mut self, statement: &Statement, path: String) {
        let creates_path = std::mem::take(&mut self.inputs.next_of(Kind::Unix).creates_path);
        let mut keys = vec![("path", Value::Text(path))];
        keys.extend(creates_path.then(|| ("create-path", Value::Bare("true".into()))));
        let name = self.input_name("imuxsock");
        self.inputs.list.push(Input {
            name,
            kind: Kind::Unix,
            keys,
            ruleset: None,
            tls: Tls::default(),
            above: comments(statement),
            place: statement.place,
        });
    }
}

/// What a listener gets of the directives in front of it.
const CARRIED: &[&str] = &[
    "address",
    "listenip",
    "bindruleset",
    "inputname",
    "maxsessions",
    "createpath",
    "supportoctetcountedframing",
    "streamdrivermode",
    "streamdriverauthmode",
    "streamdriverpermittedpeer",
];

/// The kind of listener that a directive is about, and what it says of it.
fn of_listener(directive: &str) -> Option<(Kind, &str)> {
    const PREFIXES: &[(&str, Kind)] = &[
        ("inputtcpserver", Kind::Tcp),
        ("inputptcpserver", Kind::PlainTcp),
        ("udpserver", Kind::Udp),
        ("inputudpserver", Kind::Udp),
        ("inputrelpserver", Kind::Relp),
        ("inputunixlistensocket", Kind::Unix),
    ];
    if directive == "inputtcpmaxsessions" {
        return Some((Kind::Tcp, "maxsessions"));
    }
    let mut found = PREFIXES
        .iter()
        .map(|(prefix, kind)| Some((*kind, directive.strip_prefix(prefix)?)));
    found.find_map(|of| of)
}
