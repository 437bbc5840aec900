//! Where messages are taken from, and why a place can't be had.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ballast_shared::listen::BindError;
use ballast_shared::listen::unix::UnixError;

use crate::config::{Input, InputKind};

/// Where messages are taken from: two configurations that have the same place mean the same socket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    Tcp(SocketAddr),
    Udp(SocketAddr),
    /// A socket, and whether it takes connections.
    Unix(PathBuf, bool),
    Kmsg(PathBuf),
    /// The input of this name.
    Mark(Arc<str>),
    /// The input of this name, and the directory with its files where it is not the machine's.
    Journal(Arc<str>, Option<PathBuf>),
    /// The input of this name, and the plugin's socket.
    Plugin(Arc<str>, PathBuf),
}

impl Place {
    /// All places of an input.
    pub(super) fn of(input: &Input) -> Vec<Self> {
        let each = |place: fn(SocketAddr) -> Self| input.listen.iter().copied().map(place).collect();
        match &input.kind {
            InputKind::Tcp(_) | InputKind::Relp(_) => each(Self::Tcp),
            InputKind::Udp => each(Self::Udp),
            InputKind::Unix(unix) => vec![Self::Unix(unix.path.clone(), unix.stream)],
            InputKind::Kmsg(kmsg) => vec![Self::Kmsg(kmsg.path.clone())],
            InputKind::Mark(_) => vec![Self::Mark(input.name.clone())],
            InputKind::Journal(journal) => vec![Self::Journal(input.name.clone(), journal.directory.clone())],
            InputKind::Plugin(events) => vec![Self::Plugin(input.name.clone(), events.plugin.socket.clone())],
        }
    }

    /// What kind of place it is, for `status`.
    pub(crate) fn transport(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Udp(_) => "udp",
            Self::Unix(..) => "unix",
            Self::Kmsg(_) => "kmsg",
            Self::Mark(_) => "mark",
            Self::Journal(..) => "journal",
            Self::Plugin(..) => "plugin",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) | Self::Udp(address) => address.fmt(f),
            Self::Unix(path, _) | Self::Kmsg(path) | Self::Journal(_, Some(path)) | Self::Plugin(_, path) => {
                path.display().fmt(f)
            }
            Self::Mark(_) => f.write_str("timer"),
            Self::Journal(_, None) => f.write_str("system"),
        }
    }
}

/// A place that could not be had.
#[derive(Debug)]
pub(crate) enum PlaceError {
    Address(BindError),
    Unix(UnixError),
    Kmsg { path: PathBuf, cause: io::Error },
}

impl fmt::Display for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(error) => error.fmt(f),
            Self::Unix(error) => error.fmt(f),
            Self::Kmsg { path, cause } => {
                write!(f, "cannot read {}: {cause}", path.display())?;
                if cause.kind() == io::ErrorKind::PermissionDenied {
                    f.write_str(" (with kernel.dmesg_restrict this needs root or CAP_SYSLOG)")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for PlaceError {}
