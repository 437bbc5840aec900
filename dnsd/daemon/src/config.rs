//! `dnsd.toml`: read with positions ([`spec`]), then made into what the daemon runs on ([`Config`]).
//!
//! [`load`] is the only way to a `Config`: after it no configuration error is possible any more.

mod catalog;
mod cookies;
mod encrypted;
mod files;
mod group;
mod key;
mod listen;
mod lists;
mod match_list;
mod minimal_responses;
mod permissions;
mod query_log;
mod rate_limit;
mod remote;
mod remote_tls;
mod resolve;
mod reverse;
mod rules;
mod spec;
mod tls_files;
mod transfers;
mod view;
mod written_files;
mod zone_forward;
mod zone_name;
mod zone_plugin;
mod zone_primary;
mod zone_secondary;
mod zone_tables;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ballast_shared::config::Diagnostics;
use ballast_shared::plugin::Settings;
use ballast_shared::plugin::secret::Pending;
use ballast_shared::privileges::Process;
use ballast_shared::tls::TlsFiles;
use dnsd_core::answer::MinimalResponses;
use dnsd_core::tsig::Keys;

pub(crate) use catalog::{Membership, Templates};
pub(crate) use cookies::CookieConfig;
pub(crate) use encrypted::{EncryptedConfig, EncryptedListener};
pub(crate) use group::{GroupConfig, Listing};
pub(crate) use listen::ListenAddress;
pub(crate) use query_log::{QueryLogConfig, QueryLogTarget};
pub(crate) use rate_limit::RateLimitConfig;
pub(crate) use remote::Remote;
pub(crate) use remote_tls::{PROTOCOL as TLS_PROTOCOL, RemoteTls};
pub(crate) use rules::{NotifyMode, NotifyRules, Rules, TransferTimes, TransferTransport};
pub(crate) use transfers::TransfersConfig;
pub(crate) use view::ViewConfig;
pub(crate) use zone_forward::{CacheLimits, ForwardConfig, ForwardPolicy, ForwardZone};
pub(crate) use zone_plugin::{PluginZone, WhenExpired};
pub(crate) use zone_primary::{PrimarySettings, SerialPolicy, ZoneConfig};
pub(crate) use zone_secondary::SecondaryConfig;
pub(crate) use zone_tables::ZonesConfig;

/// Where the configuration is when the command line doesn't say.
pub(crate) const DEFAULT_PATH: &str = "/etc/dnsd/dnsd.toml";

/// The largest UDP reply that can be configured, in bytes: BIND's bound for `max-udp-size`.
pub(crate) const UDP_PAYLOAD_BYTES_LIMIT: u16 = 4096;

/// What the daemon runs on.
#[derive(Debug)]
pub(crate) struct Config {
    /// Locked by the one instance that uses it; holds the last good copies of the zones.
    pub(crate) work_dir: PathBuf,
    /// The folder of the configuration file: where an `$INCLUDE` is looked for that isn't beside its zone file.
    pub(crate) base_dir: PathBuf,
    /// Where queries are taken, over UDP and TCP.
    pub(crate) listen: Vec<ListenAddress>,
    /// UDP threads per address, and threads that load zones.
    pub(crate) threads: usize,
    /// The control socket.
    pub(crate) control_socket: PathBuf,
    /// Where metrics, health and zones are shown, if anywhere.
    pub(crate) control_http: Option<SocketAddr>,
    /// Whom the daemon runs as.
    pub(crate) process: Process,
    /// What the server says of itself.
    pub(crate) identity: Identity,
    /// The largest UDP reply, in bytes.
    pub(crate) udp_payload_bytes_max: u16,
    /// Whether a question of type ANY over UDP gets one record set only (RFC 8482).
    pub(crate) minimal_any: bool,
    /// What positive answers leave out.
    pub(crate) minimal_responses: MinimalResponses,
    /// How cookies are answered, if they are.
    pub(crate) cookies: Option<CookieConfig>,
    /// Whether and how answers are limited.
    pub(crate) rate_limit: Option<RateLimitConfig>,
    /// Bounds on TCP connections.
    pub(crate) tcp: TcpLimits,
    /// Where queries are taken encrypted.
    pub(crate) encrypted: EncryptedConfig,
    /// The files of TLS that are named anywhere, which are followed.
    pub(crate) tls_files: TlsFiles,
    /// Whether and how queries are logged.
    pub(crate) query_log: Option<QueryLogConfig>,
    /// Bounds on transfers at the same time.
    pub(crate) transfers: TransfersConfig,
    /// What requests are verified with.
    pub(crate) keys: Keys,
    /// The keys whose secrets plugins have.
    pub(crate) pending: Vec<Pending>,
    /// Who knows what machines exist.
    pub(crate) plugins: Vec<Settings>,
    /// Where questions about names of no zone of ours go; `None`: they are refused.
    pub(crate) forward: Option<ForwardConfig>,
    /// The views, in the order in which they are tried. Empty once they are [taken over](Self::drop_zones).
    pub(crate) views: Vec<ViewConfig>,
    /// The zones outside the views. Empty once they are [taken over](Self::drop_zones).
    pub(crate) zones: ZonesConfig,
}

impl Config {
    /// Lets go of the zones, once those who serve, follow and forward them have taken what is theirs: nothing asks for them
    /// here any more, and of ten thousand they take megabytes.
    pub(crate) fn drop_zones(&mut self) {
        self.views = Vec::new();
        self.zones = ZonesConfig::default();
    }
}

/// Answers to the CHAOS questions about the server; what is `None` is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    /// `version.bind`
    pub(crate) version: Option<String>,
    /// `hostname.bind`
    pub(crate) hostname: Option<String>,
    /// `id.server` (RFC 4892) and NSID (RFC 5001)
    pub(crate) server_id: Option<String>,
}

/// What TCP clients may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TcpLimits {
    /// Open connections, over all addresses.
    pub(crate) clients_max: usize,
    /// How long a connection may be without a query.
    pub(crate) idle_max: Duration,
}

/// Reads a configuration. What is wrong with it, or worth a warning, is in `diagnostics` afterwards; `None` when it can't be
/// run.
pub(crate) fn load(path: &Path, diagnostics: &Diagnostics) -> Option<Config> {
    load_anew(path, &TlsFiles::default(), diagnostics)
}

/// The same for a daemon that runs: what it has read of TLS stays when it can't be read any more, as after the change of its user.
pub(crate) fn load_anew(path: &Path, tls_files: &TlsFiles, diagnostics: &Diagnostics) -> Option<Config> {
    let config = read(path, &mut spec::Spec::default(), tls_files, diagnostics);
    (!diagnostics.has_errors()).then_some(config)
}

/// The same for who wrote the file and runs nothing yet: what it names and isn't there is worth a warning, too. For the daemon
/// that is no matter of the configuration: files come and go while it runs.
pub(crate) fn check(path: &Path, diagnostics: &Diagnostics) -> Option<Config> {
    let mut spec = spec::Spec::default();
    let config = read(path, &mut spec, &TlsFiles::default(), diagnostics);
    files::check(&spec, &config, diagnostics);
    (!diagnostics.has_errors()).then_some(config)
}

fn read(path: &Path, spec: &mut spec::Spec, tls_files: &TlsFiles, diagnostics: &Diagnostics) -> Config {
    ballast_shared::config::load(path, diagnostics, &mut |root| spec.read(root));
    let base_dir = path.parent().unwrap_or(Path::new(""));
    resolve::resolve(spec, base_dir, tls_files, diagnostics)
}

/// Where a daemon with this configuration is asked, whatever else the file says: a file that was broken since the daemon
/// started is just what `reload` is to report.
pub(crate) fn control_socket(path: &Path) -> PathBuf {
    let diagnostics = Diagnostics::new();
    let mut spec = spec::Spec::default();
    ballast_shared::config::load(path, &diagnostics, &mut |root| spec.read(root));
    resolve::resolve_control_socket(&spec)
}

#[cfg(test)]
mod tests;
