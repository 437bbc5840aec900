//! From what the files say to what the daemon runs on: defaults are filled in, names read, bounds checked.

use std::collections::HashMap;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use ballast_shared::config::{Diagnostics, Key, Span, Spanned};
use ballast_shared::privileges::Process;
use dnsd_core::answer::{MinimalResponses, UDP_PAYLOAD_BYTES};
use dnsd_core::name::Name;
use ipnet::IpNet;

use super::group::{PatternError, split_pattern};
use super::match_list::MatchList;
use super::reverse::{ReverseError, reverse_zone};
use super::spec::{GroupSpec, Spec, ZoneSpec};
use super::{Config, GroupConfig, Identity, ListenAddress, TcpLimits, UDP_PAYLOAD_BYTES_LIMIT, ZoneConfig};

/// RFC 6891 §6.2.3: less than 512 means 512.
const UDP_PAYLOAD_BYTES_LEAST: u16 = 512;
/// Connections: enough for the secondaries, resolvers and retries after truncation of a large zone, at some ten KiB each.
const TCP_CLIENTS: usize = 1000;
/// RFC 7766 §6.2.3 wants seconds; BIND, Knot and NSD take between 10 and 120.
const TCP_IDLE: Duration = Duration::from_secs(30);
/// More threads than this are a slip of the finger.
const THREADS_MAX: usize = 1024;
/// A character string, which the identity is answered as, has at most this many octets (RFC 1035 §3.3).
const IDENTITY_BYTES_MAX: usize = 255;

/// Makes the configuration. It can be run if no error was reported.
pub(super) fn resolve(spec: &Spec, base_dir: &Path, diagnostics: &Diagnostics) -> Config {
    let mut names = NamesSeen::default();
    let zones = spec
        .zones
        .iter()
        .filter_map(|zone| resolve_zone(zone, &mut names, diagnostics))
        .collect();
    let groups: Vec<GroupConfig> = spec
        .groups
        .iter()
        .filter_map(|group| resolve_group(group, &mut names, diagnostics))
        .collect();
    Config {
        work_dir: or_default(spec.work_dir.as_ref(), || "/var/lib/dnsd".into()),
        base_dir: base_dir.to_owned(),
        listen: resolve_listen(spec, diagnostics),
        threads: resolve_threads(spec.listen.threads, diagnostics),
        control_socket: resolve_control_socket(spec),
        control_http: spec.control.http.map(|http| http.value),
        process: Process::resolve(&spec.process, diagnostics),
        identity: Identity {
            version: identity(spec.version.as_ref(), diagnostics),
            hostname: identity(spec.hostname.as_ref(), diagnostics),
            server_id: identity(spec.server_id.as_ref(), diagnostics),
        },
        udp_payload_bytes_max: resolve_payload(spec.max_udp_size, diagnostics),
        // ANY is asked for by nobody who needs all of it and by everybody who wants a large answer sent to someone else.
        minimal_any: spec.minimal_any.is_none_or(|written| written.value),
        minimal_responses: spec
            .minimal_responses
            .map_or_else(MinimalResponses::default, |written| written.value.0),
        cookies: spec.cookies.resolve(diagnostics),
        rate_limit: spec.rate_limit.resolve(diagnostics),
        tcp: TcpLimits {
            clients_max: positive(spec.tcp_clients, diagnostics).unwrap_or(TCP_CLIENTS),
            idle_max: spec.tcp_idle_timeout.map_or(TCP_IDLE, |idle| idle.value),
        },
        zones,
        groups,
    }
}

/// The control socket.
pub(super) fn resolve_control_socket(spec: &Spec) -> PathBuf {
    or_default(spec.control.socket.as_ref(), || "/run/dnsd/control.sock".into())
}

fn or_default<T: Clone>(written: Option<&Spanned<T>>, default: impl FnOnce() -> T) -> T {
    written.map_or_else(default, |written| written.value.clone())
}

fn resolve_listen(spec: &Spec, diagnostics: &Diagnostics) -> Vec<ListenAddress> {
    let Some(written) = &spec.listen.dns else {
        return vec![ListenAddress::Address(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 53)))];
    };
    if written.value.is_empty() {
        diagnostics.error(written.span, "a name server listens somewhere");
    }
    let mut seen: Vec<Spanned<ListenAddress>> = Vec::new();
    for &entry in &written.value {
        match seen.iter().find(|first| first.value == entry.value) {
            Some(first) => {
                let first = diagnostics.place(first.span);
                diagnostics.error(entry.span, format!("this address stands already at {first}"));
            }
            None => seen.push(entry),
        }
    }
    seen.into_iter().map(|entry| entry.value).collect()
}

fn resolve_threads(written: Option<Spanned<usize>>, diagnostics: &Diagnostics) -> usize {
    let cores = || available_parallelism().map_or(1, usize::from);
    match written {
        None => cores(),
        Some(threads) if threads.value == 0 => cores(),
        Some(threads) => {
            if threads.value > THREADS_MAX {
                diagnostics.error(threads.span, format!("more than {THREADS_MAX} threads"));
            }
            threads.value
        }
    }
}

fn resolve_payload(written: Option<Spanned<u16>>, diagnostics: &Diagnostics) -> u16 {
    let Some(written) = written else {
        return UDP_PAYLOAD_BYTES;
    };
    let (least, most) = (UDP_PAYLOAD_BYTES_LEAST, UDP_PAYLOAD_BYTES_LIMIT);
    if !(least..=most).contains(&written.value) {
        diagnostics.error(written.span, format!("out of range: it takes {least} to {most}"));
    }
    written.value
}

fn positive(written: Option<Spanned<usize>>, diagnostics: &Diagnostics) -> Option<usize> {
    let written = written?;
    if written.value == 0 {
        diagnostics.error(written.span, "0 would refuse every client");
    }
    Some(written.value)
}

fn identity(written: Option<&Spanned<String>>, diagnostics: &Diagnostics) -> Option<String> {
    let written = written?;
    if written.value.len() > IDENTITY_BYTES_MAX {
        diagnostics.error(written.span, format!("longer than {IDENTITY_BYTES_MAX} bytes"));
    }
    Some(written.value.clone())
}

/// Which names are taken, and where they were written.
#[derive(Default)]
struct NamesSeen {
    zones: HashMap<Name, Span>,
    groups: HashMap<String, Span>,
}

/// Refusing every transfer keeps whatever a list restricts, but not what it promises to those whom it lets in.
fn warn_of_transfers(allow_transfer: Option<&Spanned<MatchList>>, diagnostics: &Diagnostics) {
    if let Some(written) = allow_transfer.filter(|written| written.value.admits_somebody) {
        diagnostics.warning(
            written.span,
            "transfers are not served by this version: every one is refused",
        );
    }
}

fn resolve_zone(spec: &ZoneSpec, names: &mut NamesSeen, diagnostics: &Diagnostics) -> Option<ZoneConfig> {
    warn_of_transfers(spec.allow_transfer.as_ref(), diagnostics);
    let name = zone_name(&spec.name, diagnostics)?;
    if let Some(first) = names.zones.insert(name.clone(), spec.name.span) {
        let first = diagnostics.place(first);
        diagnostics.error(spec.name.span, format!("zone {name} is configured already, at {first}"));
        return None;
    }
    Some(ZoneConfig {
        name,
        file: spec.file.as_ref()?.value.clone(),
        watch: spec.watch.unwrap_or(true),
    })
}

fn zone_name(key: &Key, diagnostics: &Diagnostics) -> Option<Name> {
    if let Ok(network) = key.name.parse() {
        return network_zone_name(network, key.span, diagnostics);
    }
    // The labels of RFC 2317 have a slash too, but never as the last of a name.
    let prefix_length = key.name.rsplit_once('/').map(|(_, length)| length);
    if prefix_length.is_some_and(|length| length.bytes().all(|byte| byte.is_ascii_digit())) {
        diagnostics.error_with_help(
            key.span,
            "not a network",
            "a reverse zone can be written as its network: \"192.168.42.0/24\", \"2001:db8::/32\"",
        );
        return None;
    }
    match key.name.parse() {
        Ok(name) => Some(name),
        Err(error) => {
            diagnostics.error(key.span, format!("not a zone's name: {error}"));
            None
        }
    }
}

fn network_zone_name(network: IpNet, span: Span, diagnostics: &Diagnostics) -> Option<Name> {
    match reverse_zone(network) {
        Ok(name) => return Some(name),
        Err(ReverseError::HostBits(meant)) => diagnostics.error_with_help(
            span,
            "bits are set behind the network's prefix",
            format!("did you mean \"{meant}\"?"),
        ),
        Err(ReverseError::InsideLabel) => diagnostics.error_with_help(
            span,
            format!("/{} is no border between labels of the reverse tree", network.prefix_len()),
            "IPv4 networks end at /8, /16 or /24, IPv6 networks at a multiple of 4; a smaller share of a network (RFC 2317) \
             is written by the name it is delegated as, such as \"0/25.42.168.192.in-addr.arpa\"",
        ),
    }
    None
}

fn resolve_group(spec: &GroupSpec, names: &mut NamesSeen, diagnostics: &Diagnostics) -> Option<GroupConfig> {
    warn_of_transfers(spec.allow_transfer.as_ref(), diagnostics);
    if let Some(first) = names.groups.insert(spec.name.name.clone(), spec.name.span) {
        let first = diagnostics.place(first);
        diagnostics.error(
            spec.name.span,
            format!("the group {} is configured already, at {first}", spec.name.name),
        );
        return None;
    }
    let files = spec.files.as_ref()?;
    let (directory, affixes) = match split_pattern(&files.value) {
        Ok(split) => split,
        Err(PatternError::NotOneStar) => {
            diagnostics.error_with_help(
                files.span,
                "the file's name has one `*`, which stands for the zone's name",
                "write \"zones/*.zone\" or \"zones/db.*\"",
            );
            return None;
        }
        Err(PatternError::OtherWildcard) => {
            diagnostics.error_with_help(
                files.span,
                "a group is one folder, and its one `*` stands for the zone's name",
                "write \"zones/*.zone\" or \"zones/db.*\", and a group for each folder",
            );
            return None;
        }
    };
    Some(GroupConfig {
        name: spec.name.name.clone(),
        directory,
        affixes,
        watch: spec.watch.unwrap_or(true),
    })
}
