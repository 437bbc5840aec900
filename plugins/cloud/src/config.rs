//! `cloudd.toml`: read with positions, then made into what the daemon runs on ([`Config`]).

mod resolve;
mod spec;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ballast_shared::config::Diagnostics;
use ballast_shared::privileges::Process;

use crate::archive;
use crate::iam::Grant;
use crate::providers::aws;
use crate::scaling;
use crate::secrets;
use crate::sns;
use crate::userdata::Role;

/// Where the configuration is when the command line doesn't say.
pub const DEFAULT_PATH: &str = "/etc/cloudd/cloudd.toml";

/// What the daemon runs on.
#[derive(Debug)]
pub struct Config {
    /// Locked by the one instance that uses it.
    pub work_dir: PathBuf,
    /// The control socket.
    pub control_socket: PathBuf,
    /// Where metrics and health are shown, if anywhere.
    pub control_http: Option<SocketAddr>,
    /// The socket that logd and dnsd follow.
    pub plugin_socket: PathBuf,
    /// Whom the daemon runs as.
    pub process: Process,
    /// Who knows what machines there are, in the order of the files. Of two that know one machine the first says what it is.
    pub providers: Vec<Provider>,
    /// What new machines can be told to become.
    pub roles: Vec<Role>,
    /// What is scaled.
    pub scalings: Vec<scaling::config::Config>,
    /// Where rotated files are kept, if anywhere.
    pub archive: Option<archive::Config>,
    /// What secrets are kept by, and who may have them.
    pub secrets: secrets::Config,
    /// Where topics deliver to, if anywhere.
    pub sns: Option<sns::Config>,
}

/// Somebody who knows what machines there are.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name in the configuration.
    pub name: String,
    /// What it is.
    pub kind: ProviderKind,
}

/// What a provider is, and what it is told.
#[derive(Debug, Clone)]
pub enum ProviderKind {
    /// A file that somebody writes.
    Static {
        /// It.
        file: PathBuf,
    },
    /// EC2, or what speaks its API.
    Aws(Box<aws::Config>),
}

impl Config {
    /// What it does with AWS, and with what there: what has to be permitted.
    #[must_use]
    pub fn grants(&self) -> Vec<Grant> {
        let providers = self.providers.iter().flat_map(|provider| match &provider.kind {
            ProviderKind::Static { .. } => Vec::new(),
            ProviderKind::Aws(config) => config.grants(),
        });
        let archive = self.archive.iter().flat_map(archive::Config::grants);
        let scalings = self.scalings.iter().flat_map(scaling::config::Config::grants);
        let others = scalings.chain(self.secrets.grants()).chain(archive);
        providers.chain(others).collect()
    }
}

impl Provider {
    /// Whether a reload leaves it running. One that asks a cloud is begun anew in any case: what it asks with may be in files
    /// that the configuration only names.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let is_same_kind = match (&self.kind, &other.kind) {
            (ProviderKind::Static { file }, ProviderKind::Static { file: other }) => file == other,
            (ProviderKind::Aws(_) | ProviderKind::Static { .. }, _) => false,
        };
        self.name == other.name && is_same_kind
    }
}

/// Reads a configuration. What is wrong with it is in `diagnostics` afterwards; `None` when it can't be run.
#[must_use]
pub fn load(path: &Path, diagnostics: &Diagnostics) -> Option<Config> {
    let mut spec = spec::Spec::default();
    ballast_shared::config::load(path, diagnostics, &mut |root| spec.read(root));
    let config = resolve::resolve(spec, diagnostics);
    config.filter(|_| !diagnostics.has_errors())
}

/// Where a daemon with this configuration is asked, whatever else the file says: one that was broken since the daemon started is
/// just what `reload` is to report.
#[must_use]
pub fn control_socket(path: &Path) -> PathBuf {
    let mut spec = spec::Spec::default();
    ballast_shared::config::load(path, &Diagnostics::new(), &mut |root| spec.read(root));
    resolve::control_socket(&spec)
}

#[cfg(test)]
mod tests;
