//! A list of those whom something is allowed, as BIND's address match lists: networks, addresses, keys, names of other
//! lists, each of them perhaps excluded.

use std::net::IpAddr;

use ballast_shared::config::{FromValue, Value};
use dnsd_core::name::Name;
use ipnet::IpNet;

/// A list whose entries were found well-formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MatchList {
    /// Whether it lets anybody in at all.
    pub(super) admits_somebody: bool,
}

impl FromValue for MatchList {
    fn from_value(value: Value<'_>) -> Option<Self> {
        // Every entry is read, so that every wrong one is reported.
        let entries: Vec<Option<bool>> = value.array()?.into_iter().map(admits_somebody).collect();
        let admitting: Option<Vec<bool>> = entries.into_iter().collect();
        admitting.map(|admitting| Self {
            admits_somebody: admitting.contains(&true),
        })
    }
}

/// Whether an entry lets somebody in, which `none` and exclusions don't; `None` when it is no entry, which is then
/// reported.
fn admits_somebody(value: Value<'_>) -> Option<bool> {
    let written = value.string()?;
    let (entry, excluded) = match written.strip_prefix('!') {
        Some(entry) => (entry.trim_start(), true),
        None => (written, false),
    };
    if !is_entry(entry) {
        value.error_with_help(
            "not an entry of a list of clients",
            "write a network, an address, \"any\", \"none\", \"localhost\", \"localnets\", \"key:NAME\" or the name of a list; \
             a \"!\" in front excludes",
        );
        return None;
    }
    Some(!excluded && entry != "none")
}

fn is_entry(entry: &str) -> bool {
    if let Some(key) = entry.strip_prefix("key:") {
        return key.parse::<Name>().is_ok();
    }
    entry.parse::<IpNet>().is_ok() || entry.parse::<IpAddr>().is_ok() || is_list_name(entry)
}

/// A name of a list begins with a letter, so that a slip in an address is not taken for one. The built-in lists are such
/// names too.
fn is_list_name(entry: &str) -> bool {
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
        for entry in [
            "10.0.0.0/8",
            "192.0.2.1",
            "2001:db8::/32",
            "::1",
            "any",
            "localnets",
            "key:LAN-TRANSFER",
            "key:transfer.example.net.",
            "cloud-vms",
        ] {
            assert!(is_entry(entry), "{entry}");
        }
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
            assert!(!is_entry(entry), "{entry}");
        }
    }
}
