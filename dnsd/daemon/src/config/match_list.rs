//! A list of clients as it is written, BIND's address match list: networks, addresses, keys, names of other lists and of
//! remotes, each of them perhaps excluded. [`super::lists`] looks the names up.

use std::net::IpAddr;

use ballast_shared::config::{FromValue, Spanned, Value};
use dnsd_core::name::Name;
use ipnet::IpNet;

/// A list whose entries are well-formed.
#[derive(Debug)]
pub(super) struct MatchListSpec {
    pub(super) entries: Vec<Spanned<EntrySpec>>,
}

/// An entry as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntrySpec {
    pub(super) excludes: bool,
    pub(super) subject: SubjectSpec,
}

/// Whom an entry names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SubjectSpec {
    Any,
    None,
    Localhost,
    Localnets,
    Network(IpNet),
    Key(Name),
    /// Another list, or a remote.
    Named(String),
}

/// The lists that are always there.
pub(super) const BUILT_IN: [&str; 4] = ["any", "none", "localhost", "localnets"];

impl FromValue for MatchListSpec {
    fn from_value(value: Value<'_>) -> Option<Self> {
        Vec::from_value(value).map(|entries| Self { entries })
    }
}

impl FromValue for EntrySpec {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let written = value.string()?;
        let (entry, excludes) = match written.strip_prefix('!') {
            Some(entry) => (entry.trim_start(), true),
            None => (written, false),
        };
        let Some(subject) = subject(entry) else {
            value.error_with_help(
                "not an entry of a list of clients",
                "write a network, an address, \"any\", \"none\", \"localhost\", \"localnets\", \"key:NAME\" or the name of a list; \
                 a \"!\" in front excludes",
            );
            return None;
        };
        if let SubjectSpec::Network(network) = subject
            && network.trunc() != network
        {
            let meant = network.trunc();
            let either = format!("did you mean \"{meant}\" or \"{}\"?", network.addr());
            value.error_with_help("bits are set behind the network's prefix", either);
            return None;
        }
        Some(Self { excludes, subject })
    }
}

fn subject(entry: &str) -> Option<SubjectSpec> {
    if let Some(key) = entry.strip_prefix("key:") {
        return key.parse().ok().map(SubjectSpec::Key);
    }
    let network = || entry.parse().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
    match entry {
        "any" => Some(SubjectSpec::Any),
        "none" => Some(SubjectSpec::None),
        "localhost" => Some(SubjectSpec::Localhost),
        "localnets" => Some(SubjectSpec::Localnets),
        _ if is_list_name(entry) => Some(SubjectSpec::Named(entry.to_owned())),
        _ => network().ok().map(SubjectSpec::Network),
    }
}

/// A name of a list or of a remote begins with a letter, so that a slip in an address is not taken for one.
pub(super) fn is_list_name(entry: &str) -> bool {
    entry.starts_with(|first: char| first.is_ascii_alphabetic())
        && entry
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_networks_addresses_keys_and_names() {
        let network = |text: &str| SubjectSpec::Network(text.parse().unwrap());
        for (entry, expected) in [
            ("10.0.0.0/8", network("10.0.0.0/8")),
            ("192.0.2.1", network("192.0.2.1/32")),
            ("2001:db8::/32", network("2001:db8::/32")),
            ("::1", network("::1/128")),
            ("any", SubjectSpec::Any),
            ("localnets", SubjectSpec::Localnets),
            ("key:LAN-TRANSFER", SubjectSpec::Key("lan-transfer".parse().unwrap())),
            ("cloud-vms", SubjectSpec::Named("cloud-vms".into())),
        ] {
            assert_eq!(subject(entry), Some(expected), "{entry}");
        }
        assert!(matches!(
            subject("key:transfer.example.net."),
            Some(SubjectSpec::Key(_))
        ));
        for entry in [
            "",
            "10.0.0.300",
            "10.0.0.0/33",
            "fe80::zz",
            "key:",
            "key:a..b",
            "two words",
            "!any",
        ] {
            assert_eq!(subject(entry), None, "{entry}");
        }
    }
}
