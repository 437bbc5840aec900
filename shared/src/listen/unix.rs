//! Unix sockets that programs of this machine send to, such as `/dev/log`: bound at a path that nobody else listens on, or
//! inherited from systemd.

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::socket::SockType;
use socket2::{Domain, SockAddr, Socket, Type};

use super::holder::{self, Holder};
use crate::systemd::Inherited;

/// Connections that wait to be accepted: as many as for TCP.
const BACKLOG: i32 = super::BACKLOG;

/// What a socket is made like.
#[derive(Debug, Clone, Copy)]
pub struct UnixOptions<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// It takes connections rather than datagrams.
    pub stream: bool,
    /// Permission bits: who may write to it may send.
    pub mode: u32,
    /// The directory is made where it is missing.
    pub create_directory: bool,
}

/// A unix socket could not be listened on.
#[derive(Debug)]
pub struct UnixError {
    path: PathBuf,
    cause: UnixCause,
}

/// Why not.
#[derive(Debug)]
pub enum UnixCause {
    /// Somebody listens there.
    Held(Option<Holder>),
    /// It is a symbolic link, to here. Who made it wants messages there: journald does so with /dev/log.
    Link(PathBuf),
    /// Something else is there.
    NotASocket,
    /// What the system said.
    Io(io::Error),
}

impl UnixError {
    /// Why it could not.
    #[must_use]
    pub fn cause(&self) -> &UnixCause {
        &self.cause
    }
}

impl fmt::Display for UnixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.cause {
            UnixCause::Held(Some(holder)) => write!(f, "{path} is held by {holder}"),
            UnixCause::Held(None) => write!(f, "{path} is held by another process (run as root to see by whom)"),
            UnixCause::Link(to) => write!(
                f,
                "{path} is a symbolic link to {}, which is not replaced",
                to.display()
            ),
            UnixCause::NotASocket => write!(f, "{path} is there and is no socket"),
            UnixCause::Io(cause) => write!(f, "cannot listen on {path}: {cause}"),
        }
    }
}

impl std::error::Error for UnixError {}

/// A socket, non-blocking; its path is removed when this is dropped, if it is still that of this socket.
#[derive(Debug)]
pub struct Bound {
    /// The socket.
    pub socket: OwnedFd,
    /// What there is to be removed; nothing of what was inherited.
    pub path: Option<BoundPath>,
}

/// The path of a socket that was bound here.
#[derive(Debug)]
pub struct BoundPath {
    path: PathBuf,
    identity: (u64, u64),
}

impl Drop for BoundPath {
    fn drop(&mut self) {
        // Somebody else may have bound it since, and who has dropped its privileges may not be let.
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens at a path. A socket that a process has left there, on which nobody listens, is replaced; anything else is not.
///
/// # Errors
/// When the path can't be had.
pub fn unix(options: UnixOptions<'_>, inherited: &mut Inherited) -> Result<Bound, UnixError> {
    let failed = |cause| UnixError {
        path: options.path.to_owned(),
        cause,
    };
    let (kind, wanted) = if options.stream {
        (Type::STREAM, SockType::Stream)
    } else {
        (Type::DGRAM, SockType::Datagram)
    };
    if let Some(socket) = inherited.claim_path(options.path, wanted) {
        let socket = Socket::from(socket);
        socket
            .set_nonblocking(true)
            .map_err(|error| failed(UnixCause::Io(error)))?;
        return Ok(Bound {
            socket: socket.into(),
            path: None,
        });
    }
    clear(options.path, kind).map_err(failed)?;
    bind(options, kind).map_err(|error| failed(UnixCause::Io(error)))
}

/// Removes a socket that nobody listens on.
fn clear(path: &Path, kind: Type) -> Result<(), UnixCause> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(UnixCause::Io(error)),
    };
    if metadata.is_symlink() {
        return Err(UnixCause::Link(fs::read_link(path).unwrap_or_default()));
    }
    if !metadata.file_type().is_socket() {
        return Err(UnixCause::NotASocket);
    }
    let connected = || {
        let socket = Socket::new(Domain::UNIX, kind, None)?;
        // A listener whose queue is full is one.
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)
    };
    match connected() {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(UnixCause::Io),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(UnixCause::Io(error)),
        // It is there, of this kind or the other.
        Ok(()) | Err(_) => Err(UnixCause::Held(holder::find_path(path))),
    }
}

fn bind(options: UnixOptions<'_>, kind: Type) -> io::Result<Bound> {
    let path = options.path;
    if let (true, Some(directory)) = (options.create_directory, path.parent()) {
        fs::create_dir_all(directory)?;
    }
    let socket = Socket::new(Domain::UNIX, kind, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // The umask has taken bits away that others need to send.
    fs::set_permissions(path, fs::Permissions::from_mode(options.mode))?;
    let bound = BoundPath {
        path: path.to_owned(),
        identity: identity(path)?,
    };
    if options.stream {
        socket.listen(BACKLOG)?;
    }
    Ok(Bound {
        socket: socket.into(),
        path: Some(bound),
    })
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    fn listen(path: &Path) -> Result<Bound, UnixError> {
        let options = UnixOptions {
            path,
            stream: false,
            mode: 0o666,
            create_directory: true,
        };
        unix(options, &mut Inherited::default())
    }

    #[test]
    fn a_socket_is_made_for_everyone_and_removed_with_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made/log");
        let bound = listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o666);
        drop(bound);
        assert!(!path.exists());
    }

    #[test]
    fn one_that_nobody_listens_on_is_replaced_and_one_that_is_held_names_its_holder() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log with a space");
        drop(UnixDatagram::bind(&path).unwrap());
        let _held = listen(&path).unwrap();
        let error = listen(&path).unwrap_err().to_string();
        let pid = format!("pid {}", std::process::id());
        assert!(error.contains(" is held by ") && error.contains(&pid), "{error}");
    }

    #[test]
    fn neither_a_link_nor_a_file_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| directory.path().join(name));
        fs::write(&file, "text").unwrap();
        symlink("/run/systemd/journal/dev-log", &link).unwrap();
        assert!(matches!(listen(&file).unwrap_err().cause(), UnixCause::NotASocket));
        assert!(matches!(listen(&link).unwrap_err().cause(), UnixCause::Link(_)));
        assert!(file.is_file() && link.is_symlink());
    }

    #[test]
    fn a_path_that_another_has_bound_since_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let bound = listen(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let _other = UnixDatagram::bind(&path).unwrap();
        drop(bound);
        assert!(path.exists());
    }

    #[test]
    fn an_inherited_socket_is_taken_by_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let passed = UnixDatagram::bind(&path).unwrap();
        let mut inherited = Inherited::from_iter([OwnedFd::from(passed)]);
        let options = UnixOptions {
            path: &path,
            stream: false,
            mode: 0o600,
            create_directory: false,
        };
        let bound = unix(options, &mut inherited).unwrap();
        assert!(bound.path.is_none());
        drop(bound);
        assert!(path.exists(), "it is systemd's");
    }
}
