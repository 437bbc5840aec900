//! `[remote.NAME]`: other servers, and lists of them as `primaries`, `also-notify` and `forwarders` have.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ballast_shared::config::{Diagnostics, FromValue, Key as Written, OneOrMany, Span, Spanned, Table, Value, nearest};
use dnsd_core::acl::RemoteSubject;
use dnsd_core::name::Name;
use dnsd_core::tsig::Key;

use super::key::KeyRing;
use super::match_list::{BUILT_IN, is_list_name};
use super::remote_tls::{RemoteTls, RemoteTlsSpec};
use super::tls_files::TlsReader;

/// DNS over UDP and TCP.
const PORT: u16 = 53;
/// DNS over TLS (RFC 7858 §3.1, RFC 9103 §7.1).
const TLS_PORT: u16 = 853;

/// Another server.
#[derive(Debug)]
pub(crate) struct Remote {
    /// How the configuration calls it, or its address.
    pub(crate) name: String,
    /// Where it is asked, in this order; at least one.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The first signs, all verify; none: nothing is signed.
    pub(crate) keys: Vec<Arc<Key>>,
    /// What it is asked from, at most one address of a family.
    pub(crate) sources: Vec<IpAddr>,
    /// How it is asked over TLS, if it is (RFC 9103).
    pub(crate) tls: Option<RemoteTls>,
}

impl Remote {
    /// What it stands for in a list of clients.
    pub(super) fn as_subject(&self) -> RemoteSubject {
        RemoteSubject {
            name: self.name.as_str().into(),
            addresses: self.addresses.iter().map(SocketAddr::ip).collect(),
            keys: self.keys.iter().map(|key| key.name().clone()).collect(),
        }
    }
}

/// An address, perhaps with a port.
#[derive(Debug, Clone, Copy)]
struct AddressSpec {
    ip: IpAddr,
    port: Option<u16>,
}

impl AddressSpec {
    fn parse(text: &str) -> Option<Self> {
        let with_port = |address: SocketAddr| Self {
            ip: address.ip(),
            port: Some(address.port()),
        };
        let plain = || text.parse().ok().map(|ip| Self { ip, port: None });
        text.parse().ok().map(with_port).or_else(plain)
    }

    /// Whether a server can be there.
    fn is_of_a_server(self) -> bool {
        !self.ip.is_unspecified() && !self.ip.is_multicast() && self.port != Some(0)
    }
}

impl FromValue for AddressSpec {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let parsed = Self::parse(value.string()?);
        match parsed {
            None => value.error_with_help(
                "not an address",
                "write \"192.0.2.1\", \"2001:db8::1\", or with a port \"192.0.2.1:5353\", \"[2001:db8::1]:5353\"",
            ),
            Some(address) if !address.is_of_a_server() => value.error("no server has this address"),
            Some(_) => return parsed,
        }
        None
    }
}

/// `[remote.NAME]` as written, or a table in a list of remotes.
#[derive(Debug)]
pub(super) struct RemoteSpec {
    address: Option<OneOrMany<AddressSpec>>,
    keys: Option<OneOrMany<Name>>,
    source: Option<OneOrMany<IpAddr>>,
    tls: Option<RemoteTlsSpec>,
}

impl RemoteSpec {
    fn read(table: &Table<'_>) -> Self {
        Self {
            address: table.required("address"),
            keys: table.optional::<OneOrMany<KeyName>>("key").map(KeyName::names),
            source: table.optional("source"),
            tls: table.table("tls").map(|tls| RemoteTlsSpec::read(&tls)),
        }
    }

    /// Reads the `[remote]` tables of one file.
    pub(super) fn read_all(table: &Table<'_>) -> Vec<(Written, Self)> {
        let read = |(name, value): (Written, Value<'_>)| Some((name, Self::read(&value.table()?)));
        table.entries().into_iter().filter_map(read).collect()
    }

    fn resolve(&self, name: String, keys: &KeyRing, files: TlsReader<'_>, diagnostics: &Diagnostics) -> Remote {
        let default_port = if self.tls.is_some() { TLS_PORT } else { PORT };
        let written = self.address.iter().flat_map(|list| &list.0);
        let addresses: Vec<SocketAddr> = written
            .map(|at| SocketAddr::new(at.value.ip.to_canonical(), at.value.port.unwrap_or(default_port)))
            .collect();
        if let Some(empty) = self.address.as_ref().filter(|list| list.0.is_empty()) {
            diagnostics.error(empty.1, "a remote has an address");
        }
        let named = self.keys.iter().flat_map(|list| &list.0);
        let found = named.filter_map(|key| keys.find(&key.value, key.span, diagnostics).flatten());
        Remote {
            keys: found.collect(),
            sources: self.sources(&addresses, diagnostics),
            name,
            addresses,
            tls: self.tls.as_ref().and_then(|tls| tls.resolve(files, diagnostics)),
        }
    }

    fn sources(&self, addresses: &[SocketAddr], diagnostics: &Diagnostics) -> Vec<IpAddr> {
        let mut sources: Vec<IpAddr> = Vec::new();
        for source in self.source.iter().flat_map(|list| &list.0) {
            let address = source.value.to_canonical();
            if sources.iter().any(|other| other.is_ipv4() == address.is_ipv4()) {
                diagnostics.error(source.span, "there is a source of this family already");
            } else if !addresses.iter().any(|remote| remote.is_ipv4() == address.is_ipv4()) {
                diagnostics.error(source.span, "the remote has no address of this family");
            }
            sources.push(address);
        }
        sources
    }
}

/// A name of a key where nothing else can stand.
struct KeyName(Name);

impl KeyName {
    fn names(list: OneOrMany<Self>) -> OneOrMany<Name> {
        OneOrMany(list.0.into_iter().map(|key| key.map(|key| key.0)).collect(), list.1)
    }
}

impl FromValue for KeyName {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value.string()?.parse() {
            Ok(name) => Some(Self(name)),
            Err(error) => {
                value.error(format!("not a name of a key: {error}"));
                None
            }
        }
    }
}

/// A list of remotes as written: names, addresses, and tables as [`RemoteSpec`] has them.
#[derive(Debug)]
pub(super) struct RemoteListSpec {
    remotes: Vec<Spanned<RemoteEntry>>,
}

#[derive(Debug)]
enum RemoteEntry {
    Named(String),
    /// Boxed, as most entries are names.
    Given(Box<RemoteSpec>),
}

impl RemoteListSpec {
    /// Whether it names nobody.
    pub(super) fn is_empty(&self) -> bool {
        self.remotes.is_empty()
    }
}

impl FromValue for RemoteListSpec {
    fn from_value(value: Value<'_>) -> Option<Self> {
        Vec::from_value(value).map(|remotes| Self { remotes })
    }
}

impl FromValue for RemoteEntry {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if !value.is_string() {
            return value
                .table()
                .map(|table| Self::Given(Box::new(RemoteSpec::read(&table))));
        }
        let text = value.string()?;
        if is_list_name(text) && AddressSpec::parse(text).is_none() {
            return Some(Self::Named(text.to_owned()));
        }
        let address = Spanned {
            value: AddressSpec::from_value(value)?,
            span: value.content_span(),
        };
        Some(Self::Given(Box::new(RemoteSpec {
            address: Some(OneOrMany(vec![address], value.span())),
            keys: None,
            source: None,
            tls: None,
        })))
    }
}

/// The remotes of a configuration, and which of them are used.
pub(super) struct Remotes<'a> {
    by_name: BTreeMap<String, (Span, Arc<Remote>)>,
    files: TlsReader<'a>,
    used: RefCell<BTreeSet<String>>,
}

impl<'a> Remotes<'a> {
    /// Looks up what they name.
    pub(super) fn new(
        specs: &[(Written, RemoteSpec)],
        keys: &KeyRing,
        files: TlsReader<'a>,
        diagnostics: &Diagnostics,
    ) -> Self {
        let mut by_name: BTreeMap<String, (Span, Arc<Remote>)> = BTreeMap::new();
        for (name, spec) in specs {
            if BUILT_IN.contains(&name.name.as_str()) {
                diagnostics.error(name.span, format!("`{}` is a list that is always there", name.name));
            } else if !is_list_name(&name.name) || AddressSpec::parse(&name.name).is_some() {
                diagnostics.error_with_help(
                    name.span,
                    "not a name of a remote",
                    "it begins with a letter and has letters, digits, `-`, `_` and `.`",
                );
            }
            let remote = Arc::new(spec.resolve(name.name.clone(), keys, files, diagnostics));
            if let Some((first, _)) = by_name.insert(name.name.clone(), (name.span, remote)) {
                let first = diagnostics.place(first);
                diagnostics.error(
                    name.span,
                    format!("the remote {} is there already, at {first}", name.name),
                );
            }
        }
        Self {
            by_name,
            files,
            used: RefCell::default(),
        }
    }

    /// The remote of this name.
    pub(super) fn find(&self, name: &str) -> Option<&Arc<Remote>> {
        let (_, remote) = self.by_name.get(name)?;
        self.used.borrow_mut().insert(name.to_owned());
        Some(remote)
    }

    /// Where a remote of this name stands.
    pub(super) fn span_of(&self, name: &str) -> Option<Span> {
        self.by_name.get(name).map(|(span, _)| *span)
    }

    /// The names that there are.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// The remotes of a list; those that there aren't are reported.
    pub(super) fn list(&self, list: &RemoteListSpec, keys: &KeyRing, diagnostics: &Diagnostics) -> Vec<Arc<Remote>> {
        let mut remotes = Vec::new();
        for entry in &list.remotes {
            match &entry.value {
                RemoteEntry::Given(spec) => {
                    let mut remote = spec.resolve(String::new(), keys, self.files, diagnostics);
                    remote.name = remote.addresses.first().map(ToString::to_string).unwrap_or_default();
                    remotes.push(Arc::new(remote));
                }
                RemoteEntry::Named(name) => match self.find(name) {
                    Some(remote) => remotes.push(remote.clone()),
                    None => self.report_unknown(name, entry.span, diagnostics),
                },
            }
        }
        remotes
    }

    /// The same of servers that questions are forwarded to.
    pub(super) fn forwarders(
        &self,
        list: &RemoteListSpec,
        keys: &KeyRing,
        diagnostics: &Diagnostics,
    ) -> Vec<Arc<Remote>> {
        let remotes = self.list(list, keys, diagnostics);
        if let Some(first) = list.remotes.first()
            && remotes.iter().any(|remote| remote.tls.is_some())
        {
            diagnostics.error(
                first.span,
                "forwarders are asked over UDP and TCP by this version, not over TLS",
            );
        }
        if let Some(first) = list.remotes.first()
            && remotes.iter().any(|remote| !remote.keys.is_empty())
        {
            let message = "forwarders are asked without signatures: the key of a remote is for zones";
            diagnostics.warning(first.span, message);
        }
        remotes
    }

    fn report_unknown(&self, name: &str, span: Span, diagnostics: &Diagnostics) {
        let help = nearest(name, self.names())
            .unwrap_or_else(|| "write an address, or make a table of its own: [remote.NAME]".into());
        diagnostics.error_with_help(span, format!("no remote is called `{name}`"), help);
    }

    /// Warns of remotes that nothing names.
    pub(super) fn warn_of_unused(&self, diagnostics: &Diagnostics) {
        let used = self.used.borrow();
        for (_, (span, _)) in self.by_name.iter().filter(|(name, _)| !used.contains(*name)) {
            diagnostics.warning(*span, "nothing uses this remote");
        }
    }
}
