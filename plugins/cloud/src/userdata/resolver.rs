//! The resolver's part: our name servers first, whatever resolves names on the machine.

use std::net::IpAddr;

use super::names::SearchDomain;
use super::{Command, File};

/// What does it where systemd-resolved doesn't.
const PROGRAM: &str = "/usr/local/sbin/ballast-resolver";

pub(super) fn files(dns: &[IpAddr], search: &[SearchDomain]) -> Vec<File> {
    let servers: Vec<String> = dns.iter().map(IpAddr::to_string).collect();
    let domains: Vec<&str> = search.iter().map(SearchDomain::as_str).collect();
    let searched: Vec<&str> = search.iter().filter_map(SearchDomain::searched).collect();
    let mut resolved = format!("[Resolve]\nDNS={}\n", servers.join(" "));
    if !domains.is_empty() {
        resolved += &format!("Domains={}\n", domains.join(" "));
    }
    let mut plain: String = servers.iter().map(|server| format!("nameserver {server}\n")).collect();
    if !searched.is_empty() {
        plain += &format!("search {}\n", searched.join(" "));
    }
    vec![
        File::new("/etc/systemd/resolved.conf.d/50-ballast.conf", resolved, "0644"),
        File::new("/etc/ballast/resolv.conf", plain, "0644"),
        File::new(PROGRAM, include_str!("../../roles/resolver"), "0755"),
    ]
}

pub(super) fn command() -> Command {
    Command::program([PROGRAM])
}
