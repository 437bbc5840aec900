//! The socket of one UDP thread, and how a thread that waits on it is told to end.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Shutdown, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use ballast_shared::datagrams::{self, Datagrams, Wait};
use nix::errno::Errno;
use nix::libc;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
use rustix::event::{PollFd, PollFlags, poll};
use socket2::SockRef;

/// The least that a datagram takes of a socket's receive buffer: the kernel counts what it keeps of one beside its bytes.
const QUEUED_BYTES_MIN: usize = 256;

/// A socket that a thread receives from and that another one can stop.
#[derive(Debug)]
pub(in crate::server) struct UdpListener {
    socket: UdpSocket,
    address: IpAddr,
    stopped: AtomicBool,
    waking: Waking,
}

/// How a waiting thread is woken.
#[derive(Debug)]
enum Waking {
    /// The socket is ours alone: it is shut down for reading, which ends the call that the thread waits in.
    ShutDown,
    /// The socket came from systemd. It is the same one that the next process of the service gets, which could never receive
    /// from it again once it is shut down. So the thread waits for the socket and for this descriptor, and then receives:
    /// a call more for every batch.
    Event(EventFd),
}

impl UdpListener {
    /// For a socket that we bound.
    ///
    /// # Errors
    /// When the system refuses a setting.
    pub(in crate::server) fn own(socket: UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        Self::new(socket, Waking::ShutDown)
    }

    /// For a socket that systemd passed, or one of several descriptors of it.
    ///
    /// # Errors
    /// When the system refuses a setting, or there is no descriptor left.
    pub(in crate::server) fn inherited(socket: UdpSocket) -> io::Result<Self> {
        let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?;
        Self::new(socket, Waking::Event(event))
    }

    fn new(socket: UdpSocket, waking: Waking) -> io::Result<Self> {
        datagrams::report_destinations(&socket)?;
        Ok(Self {
            address: socket.local_addr()?.ip(),
            socket,
            stopped: AtomicBool::new(false),
            waking,
        })
    }

    /// Makes the thread end that receives from it.
    ///
    /// # Errors
    /// When the system refuses.
    pub(in crate::server) fn stop(&self) -> io::Result<()> {
        self.stopped.store(true, Ordering::Release);
        match &self.waking {
            Waking::ShutDown => match SockRef::from(&self.socket).shutdown(Shutdown::Read) {
                // Said of every socket without a peer, after those who wait were woken.
                Err(error) if error.raw_os_error() == Some(Errno::ENOTCONN as i32) => Ok(()),
                other => other,
            },
            Waking::Event(event) => event.write(1).map(drop).map_err(io::Error::from),
        }
    }

    /// What the socket is bound to; it may be all addresses.
    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Waits for datagrams and takes what is there. None, at once, when it was stopped or when somebody else, who shares the
    /// socket, has shut it down; an error also when that one has taken what there was.
    pub(super) fn receive(&self, batch: &mut Datagrams) -> io::Result<usize> {
        match &self.waking {
            Waking::ShutDown => batch.receive(&self.socket, Wait::ForFirst),
            Waking::Event(event) => {
                let mut waited_for = [
                    PollFd::new(&self.socket, PollFlags::IN | PollFlags::RDHUP),
                    PollFd::new(event, PollFlags::IN),
                ];
                poll(&mut waited_for, None)?;
                let is_shut_down = waited_for[0].revents().contains(PollFlags::RDHUP);
                match batch.receive(&self.socket, Wait::No) {
                    Err(error) if is_shut_down && error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                    received => received,
                }
            }
        }
    }

    /// Takes what is there after the stop. What a socket of systemd's still has is for the next process.
    pub(super) fn receive_left(&self, batch: &mut Datagrams) -> io::Result<usize> {
        match self.waking {
            Waking::ShutDown => batch.receive(&self.socket, Wait::No),
            Waking::Event(_) => Ok(0),
        }
    }

    /// Sends one datagram, from the address that was asked where the socket has several, without waiting for room in the socket.
    ///
    /// # Errors
    /// When the system doesn't take it.
    pub(in crate::server) fn send(&self, message: &[u8], to: SocketAddr, from: Option<IpAddr>) -> io::Result<()> {
        let parts = [IoSlice::new(message)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let socket = self.socket.as_raw_fd();
        let to = SockaddrStorage::from(to);
        match from {
            None => sendmsg(socket, &parts, &[], flags, Some(&to))?,
            Some(IpAddr::V4(from)) => {
                let source = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr {
                        s_addr: u32::from(from).to_be(),
                    },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                let source = [ControlMessage::Ipv4PacketInfo(&source)];
                sendmsg(socket, &parts, &source, flags, Some(&to))?
            }
            Some(IpAddr::V6(from)) => {
                // Only a link-local address means nothing without its interface, which is the client's.
                let interface = match to.as_sockaddr_in6() {
                    Some(to) if from.is_unicast_link_local() => to.scope_id(),
                    _ => 0,
                };
                let source = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr { s6_addr: from.octets() },
                    ipi6_ifindex: interface,
                };
                let source = [ControlMessage::Ipv6PacketInfo(&source)];
                sendmsg(socket, &parts, &source, flags, Some(&to))?
            }
        };
        Ok(())
    }

    /// How many datagrams the kernel keeps for the socket at most.
    pub(super) fn queue_max(&self) -> usize {
        let bytes = SockRef::from(&self.socket).recv_buffer_size();
        bytes.map_or(0, |bytes| bytes / QUEUED_BYTES_MIN)
    }
}

impl AsFd for UdpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
