//! Messages that go to another collector: `@`, `@@`, `omfwd` and `omrelp`, with their queues as spools.

use logd_core::rsyslog_conf::{Object, Place, Text};
use logd_core::spool::SPOOL_BYTES_MIN;

use super::Import;
use super::actions::Targets;
use super::files;
use super::inputs::{all_values, size, size_bytes};
use super::legacy::is_on;
use super::toml::Value;

/// What rsyslog forwards in.
const FORMAT: &str = "RSYSLOG_TraditionalForwardFormat";

/// How much a spool without a bound in rsyslog may take: no queue here is without one.
const SPOOL_MAX: &str = "1GiB";

/// A forward on its way.
#[derive(Debug)]
struct Forward {
    /// As in `target`.
    scheme: &'static str,
    hosts: Vec<String>,
    port: String,
    is_octet_counted: bool,
    template: Option<String>,
    /// Whether the queue is on disk, how large it may be, and whether it drops when it is.
    spool: Option<(Option<String>, bool)>,
    tls: Option<Tls>,
    place: Place,
}

/// What goes encrypted.
#[derive(Debug, Default)]
struct Tls {
    /// Whose certificates are trusted, and what is shown; the keys that we have for it.
    files: Vec<(&'static str, Value)>,
    /// Whether the other's certificate is verified.
    verifies: bool,
    /// The names that it may have.
    peers: Vec<String>,
}

impl Forward {
    fn new(scheme: &'static str, place: Place, template: Option<String>) -> Self {
        Self {
            scheme,
            hosts: Vec::new(),
            port: "514".to_owned(),
            is_octet_counted: false,
            template,
            spool: None,
            tls: None,
            place,
        }
    }
}

impl Import<'_> {
    /// `@host`, `@@(o)host:port`, `@[::1]:514`
    pub(super) fn legacy_forward(&mut self, what: &str, place: Place, template: Option<String>) -> Targets {
        let (scheme, rest) = what
            .strip_prefix("@@")
            .map_or(("udp", &what[1..]), |rest| ("tcp", rest));
        let (options, rest) = match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            Some((options, rest)) => (options, rest),
            None => ("", rest),
        };
        if options.contains('z') {
            return Err("messages are not compressed on their way".to_owned());
        }
        let (host, port) = host_and_port(rest.trim());
        let driver = |name: &str| {
            self.legacy
                .next(&format!("actionsendstreamdriver{name}"))
                .map(str::to_owned)
        };
        let is_tls = scheme == "tcp" && driver("mode").is_some_and(|mode| mode != "0");
        let verifies = driver("authmode").is_none_or(|mode| mode != "anon");
        let forward = Forward {
            scheme: if is_tls { "tls" } else { scheme },
            hosts: vec![host],
            port: port.unwrap_or_else(|| "514".to_owned()),
            is_octet_counted: options.contains('o'),
            spool: self.legacy.next("actionqueuefilename").map(|_| {
                let max = self.legacy.next("actionqueuemaxdiskspace").map(str::to_owned);
                (max, self.legacy.next("actionqueuediscardmark").is_some())
            }),
            tls: is_tls.then(|| Tls {
                files: self.client_tls(),
                verifies,
                peers: driver("permittedpeer").into_iter().collect(),
            }),
            ..Forward::new(scheme, place, template)
        };
        self.forward(forward)
    }

    /// `:omrelp:host:port`
    pub(super) fn legacy_relp(&mut self, argument: &str, place: Place, template: Option<String>) -> Targets {
        let (host, port) = host_and_port(argument);
        self.forward(Forward {
            hosts: vec![host],
            port: port.unwrap_or_else(|| "514".to_owned()),
            ..Forward::new("relp", place, template)
        })
    }

    pub(super) fn forward_action(&mut self, object: &Object, template: Option<String>) -> Targets {
        let mut forward = Forward::new("udp", object.place, template);
        // What the driver asks for unless it is told otherwise.
        let mut tls = Tls {
            verifies: true,
            ..Tls::default()
        };
        for (name, value) in all_values(object) {
            match name.as_str() {
                "target" => forward.hosts.push(value.text),
                "port" => forward.port = value.text,
                "protocol" if value.is("tcp") && forward.scheme == "udp" => forward.scheme = "tcp",
                "tcp_framing" => forward.is_octet_counted = value.is("octet-counted"),
                "streamdrivermode" if value.text != "0" => forward.scheme = "tls",
                "streamdriverauthmode" => tls.verifies = !value.is("anon"),
                "streamdriver.cafile" => tls.files.push(("ca", Value::Text(value.text))),
                "streamdriver.certfile" => tls.files.push(("certificate", Value::Text(value.text))),
                "streamdriver.keyfile" => tls.files.push(("key", Value::Text(value.text))),
                "streamdriverpermittedpeers" => tls.add_peers(&value.text),
                "ziplevel" | "compression.mode" if value.text != "0" && !value.is("none") => {
                    self.lost_part(value.place, "messages are not compressed on their way");
                }
                "protocol" | "streamdrivermode" | "streamdriver" | "ziplevel" | "compression.mode" => {}
                _ => self.forward_queue(&mut forward, &name, &value),
            }
        }
        let mut files = self.client_tls();
        files.retain(|(key, _)| tls.files.iter().all(|(own, _)| own != key));
        files.append(&mut tls.files);
        tls.files = files;
        forward.tls = (forward.scheme == "tls").then_some(tls);
        if forward.hosts.len() > 1 {
            self.noted_part(object.place, "the first of these targets that works gets all messages");
        }
        self.forward(forward)
    }

    pub(super) fn relp_action(&mut self, object: &Object, template: Option<String>) -> Targets {
        let mut forward = Forward::new("relp", object.place, template);
        let mut tls = Tls::default();
        let mut is_tls = false;
        for (name, value) in all_values(object) {
            match name.as_str() {
                "target" => forward.hosts.push(value.text),
                "port" => forward.port = value.text,
                "tls" => is_tls = is_on(&value.text),
                "tls.cacert" => tls.files.push(("ca", Value::Text(value.text))),
                "tls.mycert" => tls.files.push(("certificate", Value::Text(value.text))),
                "tls.myprivkey" => tls.files.push(("key", Value::Text(value.text))),
                "tls.authmode" => tls.verifies = !value.is("anon"),
                "tls.permittedpeer" => tls.add_peers(&value.text),
                "timeout" | "conn.timeout" | "windowsize" => {}
                _ => self.forward_queue(&mut forward, &name, &value),
            }
        }
        forward.tls = is_tls.then_some(tls);
        self.forward(forward)
    }

    fn forward_queue(&mut self, forward: &mut Forward, name: &str, value: &Text) {
        match name {
            "queue.filename" => forward.spool = Some(forward.spool.take().unwrap_or_default()),
            "queue.maxdiskspace" => forward.spool.get_or_insert_default().0 = Some(value.text.clone()),
            "queue.discardmark" | "queue.discardseverity" => {
                self.lost_part(
                    value.place,
                    "a spool that is full drops its oldest messages, or holds back what comes",
                );
            }
            _ if name.starts_with("queue.") => {
                self.noted_part(value.place, "a spool's `max` bounds it");
            }
            _ => self.without_output_key(name, value),
        }
    }

    fn forward(&mut self, forward: Forward) -> Targets {
        if forward.hosts.is_empty() || forward.hosts.iter().any(String::is_empty) {
            return Err("the host is missing".to_owned());
        }
        let port = if forward.port == "syslog" { "514" } else { &forward.port };
        let target = |host: &String| {
            let host = if host.contains(':') {
                format!("[{host}]")
            } else {
                host.clone()
            };
            format!("{}://{host}:{port}", forward.scheme)
        };
        let mut keys = vec![("target", Value::texts(forward.hosts.iter().map(target)))];
        let format = forward.template.or_else(|| self.legacy.forward_template.clone());
        let format = format.unwrap_or_else(|| FORMAT.to_owned());
        if let Some(why) = self.no_format(&format) {
            return Err(why.to_owned());
        }
        keys.push(("format", files::format(&format)));
        if forward.is_octet_counted {
            keys.push(("framing", Value::Text("octet-counted".into())));
        }
        if let Some(Tls {
            files: mut tls,
            verifies,
            peers,
        }) = forward.tls
        {
            if !tls.iter().any(|(key, _)| *key == "ca") {
                let key = match forward.scheme {
                    "relp" => "tls.caCert",
                    _ => "DefaultNetstreamDriverCAFile",
                };
                return Err(format!(
                    "over TLS it has to be known whose certificates to trust: {key}"
                ));
            }
            if !verifies {
                self.noted_part(forward.place, "the other end's certificate is verified");
            }
            match peers.as_slice() {
                [] => {}
                [peer] => tls.push(("peer-name", Value::Text(peer.clone()))),
                _ => return Err("the other end has one name: peer-name".to_owned()),
            }
            keys.push(("tls", Value::Inline(tls)));
        }
        if let Some((max, drops)) = forward.spool {
            let max = self.spool_max(max.as_deref(), forward.place);
            let when_full = if drops { "drop-oldest" } else { "block" };
            let spool = vec![("max", max), ("when-full", Value::Text(when_full.into()))];
            keys.push(("spool", Value::Inline(spool)));
        }
        let hint = forward.hosts[0].clone();
        Ok(vec![self.output("forward", &hint, keys)])
    }

    fn spool_max(&self, max: Option<&str>, place: Place) -> Value {
        match max.map(|max| (size_bytes(max), max)) {
            // Without a bound.
            None | Some((Some(0), _)) => {
                self.noted_part(place, "the queue on disk has no bound: its spool may take 1 GiB");
                Value::Text(SPOOL_MAX.into())
            }
            Some((Some(bytes), _)) if bytes < SPOOL_BYTES_MIN => {
                self.noted_part(place, "a spool takes 64 MiB at least");
                Value::Text(format!("{}MiB", SPOOL_BYTES_MIN >> 20))
            }
            Some((_, max)) => size(max),
        }
    }
}

impl Tls {
    /// Separated by commas.
    fn add_peers(&mut self, peers: &str) {
        self.peers.extend(peers.split(',').map(|peer| peer.trim().to_owned()));
    }
}

/// A host and the port behind it; the brackets of an address are left out.
fn host_and_port(text: &str) -> (String, Option<String>) {
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (address.to_owned(), rest.strip_prefix(':').map(str::to_owned));
    }
    match text.split_once(':') {
        // Of an address without brackets all of it is the host.
        Some((host, port)) if !port.contains(':') => (host.to_owned(), Some(port.to_owned())),
        _ => (text.to_owned(), None),
    }
}
