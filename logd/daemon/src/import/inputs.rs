//! Where messages come from: modules, `input(…)`, and the directives that start listeners.

mod legacy;
mod objects;

use std::net::{IpAddr, SocketAddr};

use logd_core::rsyslog_conf::{Object, Place, Text};

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
    /// The key and certificates of TLS.
    tls: Tls,
    /// `maxMessageSize`
    message_max: Option<String>,
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
    /// How its clients prove who they are; `None`: without TLS.
    auth: Option<Auth>,
    above: Vec<String>,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tcp,
    Udp,
    Relp,
    Unix,
    Kernel,
    Mark,
    Journal,
}

/// `$DefaultNetstreamDriver…`
#[derive(Debug, Default)]
struct Tls {
    ca: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

/// Who may speak over TLS.
#[derive(Debug, Clone, Default)]
struct Auth {
    /// Whether certificates of clients are verified.
    verifies: bool,
    peers: Vec<String>,
}

/// Settings of listeners that follow.
#[derive(Debug, Clone, Default)]
struct Next {
    address: Option<String>,
    ruleset: Option<String>,
    name: Option<String>,
    connections: Option<String>,
    auth: Option<Auth>,
}

impl Kind {
    fn of_module(name: &str) -> Option<Self> {
        Some(match name {
            "imtcp" | "imptcp" => Self::Tcp,
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
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Relp => "relp",
            Self::Unix => "unix",
            Self::Kernel => "kmsg",
            Self::Mark => "mark",
            Self::Journal => "journal",
        }
    }

    const fn is_network(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp | Self::Relp)
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
        let Tls { ca, certificate, key } = &self.inputs.tls;
        let all = [("ca", ca), ("certificate", certificate), ("key", key)];
        let given = all
            .into_iter()
            .filter_map(|(key, path)| Some((key, Value::Text(path.clone()?))));
        given.collect()
    }

    pub(super) fn write_inputs(&mut self) {
        let inputs = std::mem::take(&mut self.inputs);
        for input in inputs.list {
            if input.auth.is_some() && (inputs.tls.certificate.is_none() || inputs.tls.key.is_none()) {
                // Without TLS it would take what it was not to take.
                let why = "over TLS it needs a certificate and a key: DefaultNetstreamDriverCertFile and -KeyFile";
                let mut above = input.above;
                above.extend(self.lost_text(input.place, input.place, why));
                self.document.remark(Rank::Input, above);
                continue;
            }
            let header = format!("input.{}.{}", bare_or_quoted(&input.name), input.kind.table());
            let section = self.document.section(Rank::Input, &header);
            section.above(input.above);
            for (key, value) in input.keys {
                section.set(Vec::new(), key, value);
            }
            if input.kind.is_network()
                && let Some(message_max) = &inputs.message_max
            {
                section.set(Vec::new(), "message-max", size(message_max));
            }
            if let Some((_, networks)) = inputs.allowed.iter().find(|(kind, _)| *kind == input.kind) {
                section.set(Vec::new(), "allow", Value::texts(networks.iter().cloned()));
            }
            if let Some(auth) = input.auth {
                let tls = inputs.tls.table(&auth);
                self.document.section(Rank::Input, &header).set(Vec::new(), "tls", tls);
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

impl Tls {
    fn table(&self, auth: &Auth) -> Value {
        let text = |value: &Option<String>| Value::Text(value.clone().unwrap_or_default());
        let mut table = vec![("certificate", text(&self.certificate)), ("key", text(&self.key))];
        if auth.verifies {
            table.push(("client-ca", text(&self.ca)));
        }
        if !auth.peers.is_empty() {
            table.push(("permitted-peers", Value::texts(auth.peers.iter().cloned())));
        }
        Value::Inline(table)
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

/// A size as rsyslog writes it: `64k` is 65536 bytes, `1M` a million with `m` for the binary one.
pub(super) fn size(text: &str) -> Value {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "k" => "KiB",
        "m" => "MiB",
        "g" => "GiB",
        "t" => "TiB",
        "K" => "KB",
        "M" => "MB",
        "G" => "GB",
        "T" => "TB",
        _ => "B",
    };
    Value::Text(format!("{digits}{unit}"))
}

/// Whether it is a link that systemd-journald has put there.
fn is_journalds(path: &str) -> bool {
    std::fs::read_link(path).is_ok_and(|target| target.starts_with("/run/systemd/journal"))
}
