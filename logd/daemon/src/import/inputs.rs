//! Where messages come from: modules, `input(…)`, and the directives that start listeners.

mod legacy;
mod objects;
mod tls;

use std::net::{IpAddr, SocketAddr};

use logd_core::rsyslog_conf::{Object, Place, Statement, Text};

use self::tls::{Files, Tls};
use super::Import;
use super::toml::{Rank, Value, bare_or_quoted};

/// Where journald has put its own socket in the place of syslog's.
const DEV_LOG: &str = "/dev/log";

/// The inputs so far, and what will be theirs.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    list: Vec<Input>,
    /// What directives have set for the next listener of a kind.
    next: Vec<(Kind, Next)>,
    /// `$AllowedSender`
    allowed: Vec<(Kind, Vec<String>)>,
    /// The key and certificates of TLS: `$DefaultNetstreamDriver…`.
    tls: Files,
    /// `maxMessageSize`
    message_max: Option<String>,
    /// The rulesets of inputs that can't be carried over; `None` is the default one.
    lost: Vec<Option<String>>,
}

/// An input.
#[derive(Debug)]
struct Input {
    /// rsyslog's `inputname`, so that templates and filters find it.
    name: String,
    kind: Kind,
    keys: Vec<(&'static str, Value)>,
    /// The ruleset that it is bound to.
    ruleset: Option<String>,
    tls: Tls,
    above: Vec<String>,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tcp,
    /// `imptcp`, which has neither TLS nor lists of who may send.
    PlainTcp,
    Udp,
    Relp,
    Unix,
    Kernel,
    Mark,
    Journal,
}

/// Settings of listeners that follow.
#[derive(Debug, Clone, Default)]
struct Next {
    address: Option<String>,
    ruleset: Option<String>,
    name: Option<String>,
    connections: Option<String>,
    /// `$InputTCPServerSupportOctetCountedFraming off`
    has_lines_only: bool,
    /// `$InputUnixListenSocketCreatePath`
    creates_path: bool,
    tls: Tls,
}

impl Kind {
    fn of_module(name: &str) -> Option<Self> {
        Some(match name {
            "imtcp" => Self::Tcp,
            "imptcp" => Self::PlainTcp,
            "imudp" => Self::Udp,
            "imrelp" => Self::Relp,
            "imuxsock" => Self::Unix,
            "imklog" | "imkmsg" => Self::Kernel,
            "immark" => Self::Mark,
            "imjournal" => Self::Journal,
            _ => return None,
        })
    }

    const fn table(self) -> &'static str {
        match self {
            Self::Tcp | Self::PlainTcp => "tcp",
            Self::Udp => "udp",
            Self::Relp => "relp",
            Self::Unix => "unix",
            Self::Kernel => "kmsg",
            Self::Mark => "mark",
            Self::Journal => "journal",
        }
    }

    const fn is_network(self) -> bool {
        matches!(self, Self::Tcp | Self::PlainTcp | Self::Udp | Self::Relp)
    }
}

impl Import<'_> {
    fn input_name(&self, wanted: &str) -> String {
        let taken = |name: &str| self.inputs.list.iter().any(|input| input.name == name);
        super::actions::free_name(wanted, taken)
    }

    /// The inputs whose messages a ruleset sees; `None`: all of them.
    pub(super) fn inputs_of(&self, ruleset: Option<&str>) -> Option<Vec<String>> {
        let bound = |input: &&Input| input.ruleset.is_some();
        if ruleset.is_none() && !self.inputs.list.iter().any(|input| bound(&input)) {
            return None;
        }
        let of = self
            .inputs
            .list
            .iter()
            .filter(|input| input.ruleset.as_deref() == ruleset);
        Some(of.map(|input| input.name.clone()).collect())
    }

    /// The keys of `tls` in an output.
    pub(super) fn client_tls(&self) -> Vec<(&'static str, Value)> {
        let Files { ca, certificate, key } = &self.inputs.tls;
        let all = [("ca", ca), ("certificate", certificate), ("key", key)];
        let given = all
            .into_iter()
            .filter_map(|(key, path)| Some((key, Value::Text(path.clone()?))));
        given.collect()
    }

    /// An input that can't be carried over; returns what is to be said of it.
    fn no_input(&mut self, statement: &Statement, why: &str, ruleset: Option<String>) {
        let above = self.lost(statement, why);
        self.at_top(above);
        self.inputs.lost.push(ruleset);
    }

    /// Whether an input of a ruleset was not carried over.
    pub(super) fn has_lost_input(&self, ruleset: Option<&str>) -> bool {
        self.inputs.lost.iter().any(|lost| lost.as_deref() == ruleset)
    }

    /// All inputs are known, and what their certificates are: those that would take what they were not to take are left out, before
    /// rules name them.
    pub(super) fn settle_inputs(&mut self) {
        for mut input in std::mem::take(&mut self.inputs.list) {
            // Without an interval rsyslogd has no limit.
            if !input.keys.iter().any(|(key, _)| *key == "rate-limit-interval") {
                input.keys.retain(|(key, _)| *key != "rate-limit-burst");
            }
            if input.tls.is_on {
                match input.tls.table(input.kind, &self.inputs.tls) {
                    Ok(table) => input.keys.push(("tls", table)),
                    Err(why) => {
                        let mut above = input.above;
                        above.extend(self.lost_text(input.place, input.place, why));
                        self.document.remark(Rank::Input, above);
                        self.inputs.lost.push(input.ruleset);
                        continue;
                    }
                }
                if input.tls.has_idle_peers(input.kind) {
                    self.noted_part(input.place, "names of peers are not looked at in this AuthMode");
                }
            }
            self.inputs.list.push(input);
        }
    }

    pub(super) fn write_inputs(&mut self) {
        let inputs = std::mem::take(&mut self.inputs);
        for input in inputs.list {
            let header = format!("input.{}.{}", bare_or_quoted(&input.name), input.kind.table());
            let section = self.document.section(Rank::Input, &header);
            section.above(input.above);
            let (tls, keys): (Vec<_>, Vec<_>) = input.keys.into_iter().partition(|(key, _)| *key == "tls");
            for (key, value) in keys {
                section.set(Vec::new(), key, value);
            }
            if input.kind.is_network()
                && let Some(message_max) = &inputs.message_max
            {
                section.set(Vec::new(), "message-max", size(message_max));
            }
            if input.kind.is_network() && self.needs_names {
                section.set(Vec::new(), "resolve", Value::Bare("true".into()));
            }
            if let Some((_, networks)) = inputs.allowed.iter().find(|(kind, _)| *kind == input.kind) {
                section.set(Vec::new(), "allow", Value::texts(networks.iter().cloned()));
            }
            for (key, value) in tls {
                section.set(Vec::new(), key, value);
            }
        }
    }
}

impl Inputs {
    fn next_of(&mut self, kind: Kind) -> &mut Next {
        let found = self.next.iter().position(|(known, _)| *known == kind);
        let at = found.unwrap_or_else(|| {
            self.next.push((kind, Next::default()));
            self.next.len() - 1
        });
        &mut self.next[at].1
    }
}

/// All parameters, their names in small letters; of a list each value.
pub(super) fn all_values(object: &Object) -> Vec<(String, Text)> {
    let of = |parameter: &logd_core::rsyslog_conf::Parameter| {
        let name = parameter.name.text.to_ascii_lowercase();
        let values = parameter.values.iter().cloned();
        values.map(|value| (name.clone(), value)).collect::<Vec<_>>()
    };
    object.parameters.iter().flat_map(of).collect()
}

/// Where to listen; without an address on all of them.
fn listen(address: Option<&str>, port: &str) -> Option<String> {
    let port: u16 = if port.eq_ignore_ascii_case("syslog") {
        514
    } else {
        port.parse().ok()?
    };
    let address = match address {
        None | Some("*" | "") => return (port > 0).then(|| format!("[::]:{port}")),
        Some("localhost") => IpAddr::from([127, 0, 0, 1]),
        Some(address) => address.parse().ok()?,
    };
    (port > 0).then(|| SocketAddr::new(address, port).to_string())
}

/// The units of sizes as rsyslog writes them, ours, and their bytes: `64k` is 65536, `1M` a million with `m` for the binary one.
const UNITS: &[(&str, &str, u64)] = &[
    ("k", "KiB", 1 << 10),
    ("m", "MiB", 1 << 20),
    ("g", "GiB", 1 << 30),
    ("t", "TiB", 1 << 40),
    ("K", "KB", 1_000),
    ("M", "MB", 1_000_000),
    ("G", "GB", 1_000_000_000),
    ("T", "TB", 1_000_000_000_000),
    ("", "B", 1),
];

/// A size in rsyslog's notation, in which commas and points mean nothing: its digits, and its unit.
fn size_parts(text: &str) -> Option<(String, &'static (&'static str, &'static str, u64))> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = UNITS.iter().find(|(name, ..)| *name == &text[digits.len()..])?;
    Some((digits.replace([',', '.'], ""), unit))
}

/// A size as we write it.
pub(super) fn size(text: &str) -> Value {
    Value::Text(match size_parts(text) {
        Some((digits, (_, unit, _))) => format!("{digits}{unit}"),
        // What rsyslogd would not take either, `check` points at.
        None => text.to_owned(),
    })
}

/// The bytes of a size.
pub(super) fn size_bytes(text: &str) -> Option<u64> {
    let (digits, (_, _, bytes)) = size_parts(text)?;
    digits.parse::<u64>().ok()?.checked_mul(*bytes)
}

/// Whether it is a link that systemd-journald has put there.
fn is_journalds(path: &str) -> bool {
    std::fs::read_link(path).is_ok_and(|target| target.starts_with("/run/systemd/journal"))
}
