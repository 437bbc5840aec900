//! Datagrams with what the kernel says of their senders: the process and the time (SCM_CREDENTIALS and SCM_TIMESTAMP, unix(7)).

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd};

use logd_core::parse::Credentials;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, getsockopt, recvmsg, setsockopt, sockopt};
use nix::unistd::close;

/// Room for everything that can come beside a datagram, 253 descriptors (SCM_MAX_FD in the kernel) included: what has no room is
/// not shown, and what is not seen can't be closed.
const CONTROL_BYTES: usize = 2048;

/// What was received beside the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received {
    pub(super) length: usize,
    /// It was longer than there was room for.
    pub(super) is_cut: bool,
    pub(super) sender: Option<Credentials>,
    /// Seconds and nanoseconds since 1970.
    pub(super) stamp: Option<(i64, u32)>,
}

/// What is needed to receive.
pub(super) struct Receiving {
    control: Vec<u8>,
}

impl Default for Receiving {
    fn default() -> Self {
        Self {
            control: vec![0; CONTROL_BYTES],
        }
    }
}

/// Has the kernel say who sends, and when.
///
/// # Errors
/// What the system says.
pub(super) fn ask_for_credentials(socket: &impl AsFd) -> io::Result<()> {
    setsockopt(socket, sockopt::PassCred, &true)?;
    setsockopt(socket, sockopt::ReceiveTimestamp, &true)?;
    Ok(())
}

/// Who is at the other end of a connection (SO_PEERCRED): who has made it, whoever writes to it since.
pub(super) fn ask_for_peers_credentials(socket: &impl AsFd) -> Option<Credentials> {
    let peer = getsockopt(socket, sockopt::PeerCredentials).ok()?;
    Some(Credentials {
        pid: peer.pid().unsigned_abs(),
        uid: peer.uid(),
    })
}

impl Receiving {
    /// Receives one datagram.
    pub(super) fn receive(&mut self, socket: &impl AsFd, buffer: &mut [u8]) -> io::Result<Received> {
        let mut slices = [IoSliceMut::new(buffer)];
        let descriptor = socket.as_fd().as_raw_fd();
        let message = recvmsg::<()>(
            descriptor,
            &mut slices,
            Some(&mut self.control),
            MsgFlags::MSG_CMSG_CLOEXEC,
        )?;
        let mut received = Received {
            length: message.bytes,
            is_cut: message.flags.contains(MsgFlags::MSG_TRUNC),
            sender: None,
            stamp: None,
        };
        for beside in message.cmsgs()? {
            match beside {
                ControlMessageOwned::ScmCredentials(sender) => {
                    received.sender = Some(Credentials {
                        pid: sender.pid().unsigned_abs(),
                        uid: sender.uid(),
                    });
                }
                ControlMessageOwned::ScmTimestamp(at) => {
                    let nanos = u32::try_from(at.tv_usec() * 1000).unwrap_or(0);
                    received.stamp = Some((at.tv_sec(), nanos));
                }
                // Nobody asked for descriptors; kept, they would use ours up.
                ControlMessageOwned::ScmRights(descriptors) => {
                    for descriptor in descriptors {
                        let _ = close(descriptor);
                    }
                }
                _ => {}
            }
        }
        Ok(received)
    }
}
