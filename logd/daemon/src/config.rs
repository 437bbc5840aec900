//! The configuration: what logd.toml says (`Spec`), and what the daemon runs on ([`Config`]), in which no error is possible
//! any more: names are resolved, selectors, templates and expressions compiled, defaults filled in.

mod resolve;
mod spec;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ballast_shared::config::{Diagnostics, load};
use ballast_shared::plugin;
use ballast_shared::plugin::secret::{Pending, Secrets};
use ballast_shared::privileges::Process;
use ballast_shared::tls::{self, ClientCheck, Identity, TlsFiles};
use ipnet::IpNet;
use jiff::tz::TimeZone;
use logd_core::framing::Framing;
use logd_core::parse::PidPolicy;
use logd_core::path::PathTemplate;
use logd_core::rate_limit::Limit;
use logd_core::route::Router;
use logd_core::template::Template;
use rustls::ServerConfig;
use rustls::server::danger::ClientCertVerifier;

use crate::output::file::FileSettings;
use crate::output::queued::QueuedSettings;
use crate::pipeline::Rendering;
use crate::viewer::{Access, Tree};

/// Everything that the files settle.
pub(crate) struct Config {
    pub(crate) work_dir: PathBuf,
    /// Our own name: `$myhostname`.
    pub(crate) hostname: Box<str>,
    /// How long the end may wait for outputs.
    pub(crate) drain_timeout: Duration,
    /// Bytes of rendered lines that may wait to be written, over all outputs.
    pub(crate) buffer_bytes_max: usize,
    /// `None`: three quarters of what the system allows.
    pub(crate) open_files_max: Option<usize>,
    pub(crate) control: Control,
    pub(crate) process: Process,
    /// In the order written: an input's place is its [`logd_core::route::InputId`].
    pub(crate) inputs: Vec<Input>,
    /// In the order written: the first that knows a machine counts.
    pub(crate) plugins: Vec<Plugin>,
    /// What waits for secrets that they have.
    pub(crate) pending: Vec<Pending>,
    /// Named ones first, then the direct paths of rules: an output's place is its [`logd_core::route::OutputId`].
    pub(crate) outputs: Vec<Output>,
    pub(crate) router: Router,
    /// By [`logd_core::route::RuleId`].
    pub(crate) rule_names: Vec<String>,
}

/// `[control]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Control {
    pub(crate) socket: PathBuf,
    pub(crate) http: Option<HttpAddress>,
    /// Who may use the log viewer; `None`: it is not served.
    pub(crate) viewer: Option<Access>,
}

/// `http`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HttpAddress {
    Tcp(SocketAddr),
    /// `unix:PATH`
    Unix(PathBuf),
}

/// `[plugin.NAME]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plugin {
    pub(crate) settings: plugin::Settings,
    /// What stands for every property of a machine that no plugin knows.
    pub(crate) fallback: Option<Box<str>>,
}

/// `[input.NAME.…]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) name: Arc<str>,
    pub(crate) listen: Vec<SocketAddr>,
    /// `None`: everyone.
    pub(crate) allow: Option<Box<[IpNet]>>,
    pub(crate) message_bytes_max: usize,
    pub(crate) receive_buffer_bytes: Option<usize>,
    /// Of stamps that don't name theirs.
    pub(crate) time_zone: TimeZone,
    pub(crate) rate_limit: Option<RateLimit>,
    /// Who is asked for the names of its senders; `None`: nobody.
    pub(crate) resolve: Option<Arc<[SocketAddr]>>,
    pub(crate) kind: InputKind,
}

/// What the kinds of inputs have of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InputKind {
    Tcp(TcpSettings),
    Relp(StreamSettings),
    Udp,
    Unix(UnixSettings),
    Kmsg(KmsgSettings),
    Mark(MarkSettings),
    Journal(JournalSettings),
    Plugin(Box<PluginInput>),
}

/// `rate-limit-interval`, `rate-limit-burst` and `rate-limit-severity`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimit {
    pub(crate) limit: Limit,
    /// Messages of this severity and of less weight are limited; 0: all.
    pub(crate) severity: u8,
}

/// `[input.NAME.unix]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnixSettings {
    pub(crate) path: PathBuf,
    /// It takes connections rather than datagrams.
    pub(crate) stream: bool,
    pub(crate) mode: u32,
    pub(crate) create_path: bool,
    pub(crate) connections_max: usize,
    pub(crate) pid: PidPolicy,
    pub(crate) ignore_timestamp: bool,
    pub(crate) parse_hostname: bool,
}

/// `[input.NAME.kmsg]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KmsgSettings {
    pub(crate) path: PathBuf,
    pub(crate) permit_non_kernel_facility: bool,
}

/// `[input.NAME.mark]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MarkSettings {
    pub(crate) every: Duration,
}

/// `[input.NAME.journal]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JournalSettings {
    /// Where the journal's files are; `None`: where this machine has them.
    pub(crate) directory: Option<PathBuf>,
    /// Without a cursor of an earlier run, only what is new.
    pub(crate) ignore_previous_messages: bool,
}

/// `[input.NAME.plugin]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PluginInput {
    pub(crate) plugin: plugin::Settings,
    /// The kinds of events that are taken; `None`: all.
    pub(crate) kinds: Option<Box<[Box<str>]>>,
    /// Those that our own outputs tell the plugin of: they would come back as messages, and become events again, without end.
    pub(crate) own_kinds: Box<[Box<str>]>,
}

impl PluginInput {
    /// Whether events of this kind are messages.
    pub(crate) fn takes(&self, kind: &str) -> bool {
        let has = |kinds: &[Box<str>]| kinds.iter().any(|one| **one == *kind);
        self.kinds.as_deref().is_none_or(has) && !has(&self.own_kinds)
    }
}

impl InputKind {
    /// Of an input with connections, what all of them have.
    pub(crate) fn stream(&self) -> Option<&StreamSettings> {
        match self {
            Self::Tcp(tcp) => Some(&tcp.stream),
            Self::Relp(stream) => Some(stream),
            Self::Udp | Self::Unix(_) | Self::Kmsg(_) | Self::Mark(_) | Self::Journal(_) | Self::Plugin(_) => None,
        }
    }

    /// Whether its senders are programs of this machine, or its kernel, which must not wait for us.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) | Self::Kmsg(_) | Self::Mark(_) => true,
            Self::Tcp(_) | Self::Relp(_) | Self::Udp | Self::Journal(_) | Self::Plugin(_) => false,
        }
    }

    /// What is spoken on its connections, if it has any.
    pub(crate) fn spoken(&self) -> Option<&'static str> {
        let is_encrypted = self.stream()?.tls.is_some();
        Some(match (self, is_encrypted) {
            (Self::Relp(_), false) => "relp",
            (Self::Relp(_), true) => "relp+tls",
            (_, false) => "tcp",
            (_, true) => "tls",
        })
    }
}

/// `[input.NAME.tcp]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TcpSettings {
    pub(crate) framing: Framing,
    pub(crate) stream: StreamSettings,
}

/// What every input with connections has: all that `[input.NAME.relp]` has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamSettings {
    pub(crate) connections_max: usize,
    pub(crate) connections_per_sender_max: Option<usize>,
    pub(crate) idle_timeout: Option<Duration>,
    /// `None`: bytes go as they are.
    pub(crate) tls: Option<TlsSettings>,
}

/// `tls = { … }` of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsSettings {
    /// What senders are shown.
    pub(crate) identity: Arc<Identity>,
    /// What they have to show; `None`: nothing.
    pub(crate) clients: Option<Arc<ClientCheck>>,
}

impl TlsSettings {
    /// How senders are met.
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        let clients = self
            .clients
            .clone()
            .map(|clients| clients as Arc<dyn ClientCertVerifier>);
        Arc::new(tls::server_config_with(self.identity.clone(), clients, &[]))
    }
}

/// `[output.NAME.…]`, or a path in a rule.
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) kind: OutputKind,
}

/// What the kinds of outputs have of their own.
pub(crate) enum OutputKind {
    /// `[output.NAME.file]`, or a path in a rule.
    File {
        path: PathTemplate,
        format: Template,
        settings: FileSettings,
    },
    /// The others: what is rendered goes through a queue to a worker.
    Queued {
        rendering: Rendering,
        settings: QueuedSettings,
    },
}

impl Output {
    /// Where its files are, if it has any.
    pub(crate) fn tree(&self) -> Option<Tree> {
        match &self.kind {
            OutputKind::File { path, format, .. } => Some(Tree::new(&self.name, path, format.builtin_name())),
            OutputKind::Queued { .. } => None,
        }
    }

    /// Whether files or directories are given to somebody.
    pub(crate) fn gives_away(&self) -> bool {
        matches!(&self.kind, OutputKind::File { settings, .. } if settings.gives_away())
    }
}

/// Reads the configuration; `None` if it has errors. What there is to say, warnings too, is in `diagnostics`.
/// What `tls_files` has of a running daemon is used as it is; the others are read.
/// What is to look into a secret of a plugin has its place from `secrets`.
pub(crate) fn read(path: &Path, tls_files: &TlsFiles, secrets: &Secrets, diagnostics: &Diagnostics) -> Option<Config> {
    let mut spec = spec::Spec::default();
    load(path, diagnostics, &mut |root| spec.read(root));
    let config = resolve::resolve(spec, tls_files, secrets, diagnostics);
    (!diagnostics.has_errors()).then_some(config)
}

#[cfg(test)]
mod tests;
