//! Who is at the other end of a unix socket, as the system says (SO_PEERCRED): of a caller, the process that connected; of a
//! server, the one that listens.

use std::io;

use tokio::net::UnixStream;

/// A process, when the connection was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its number; another process may have it by now.
    pub pid: Option<i32>,
}

impl Peer {
    pub(super) fn of(stream: &UnixStream) -> io::Result<Self> {
        let credentials = stream.peer_cred()?;
        Ok(Self {
            uid: credentials.uid(),
            gid: credentials.gid(),
            pid: credentials.pid(),
        })
    }
}
