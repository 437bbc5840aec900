//! From what the files say to what the daemon runs on: defaults are filled in, names read, bounds checked.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use ballast_shared::config::{Diagnostics, Spanned};
use ballast_shared::plugin;
use ballast_shared::privileges::Process;
use ballast_shared::tls::TlsFiles;
use dnsd_core::answer::{MinimalResponses, UDP_PAYLOAD_BYTES};

use super::key::KeyRing;
use super::lists::Lists;
use super::permissions::User;
use super::remote::Remotes;
use super::rules::Rules;
use super::spec::Spec;
use super::tls_files::TlsReader;
use super::{Config, Identity, ListenAddress, TcpLimits, UDP_PAYLOAD_BYTES_LIMIT, view, written_files};

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
pub(super) fn resolve(spec: &Spec, base_dir: &Path, tls_files: &TlsFiles, diagnostics: &Diagnostics) -> Config {
    let process = Process::resolve(&spec.process, diagnostics);
    let user = User::of(&process);
    let files = TlsReader::new(tls_files, user.as_ref(), diagnostics);
    let listen = resolve_listen(spec, diagnostics);
    let plain: Vec<SocketAddr> = listen.iter().filter_map(|entry| entry.address()).collect();
    let encrypted = spec.listen.encrypted.resolve(&plain, files, diagnostics);
    let work_dir = or_default(spec.work_dir.as_ref(), || "/var/lib/dnsd".into());
    let plugins = plugin::config::resolve(&spec.plugins, &work_dir, diagnostics);
    let keys = KeyRing::new(&spec.keys, &plugins, diagnostics);
    let remotes = Remotes::new(&spec.remotes, &keys, files, diagnostics);
    let lists = Lists::new(&spec.acls, &keys, &remotes, &plugins, diagnostics);
    let rules = spec.rules.resolve(&Arc::new(Rules::default()), &lists);
    let zones = spec.zones.resolve(&rules, &lists);
    let views = view::resolve(&spec.views, spec.view_order.as_ref(), &rules, &lists);
    let forward = spec.forward.resolve(&lists);
    written_files::check(spec, diagnostics);
    // What couldn't be read may be what uses them.
    if !diagnostics.has_errors() {
        keys.warn_of_unused(diagnostics);
        remotes.warn_of_unused(diagnostics);
        lists.warn_of_unused();
    }
    Config {
        work_dir,
        base_dir: base_dir.to_owned(),
        listen,
        threads: resolve_threads(spec.listen.threads, diagnostics),
        control_socket: resolve_control_socket(spec),
        control_http: spec.control.http.map(|http| http.value),
        process,
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
        encrypted,
        tls_files: tls_files.clone(),
        query_log: spec.query_log.resolve(diagnostics),
        transfers: spec.transfers.resolve(diagnostics),
        keys: keys.keys(),
        pending: keys.pending(),
        plugins,
        forward,
        views,
        zones,
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
