//! Queries over UDP: a thread per core and address, each with a socket of its own (SO_REUSEPORT), so that the kernel spreads
//! the clients over them and no two threads wait for each other.
//!
//! A thread takes what is there until the socket is empty, then sleeps until there is more or the daemon stops. Everything
//! it works with is made once.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
};
use tracing::warn;

use super::responder::Responder;
use crate::config::UDP_PAYLOAD_BYTES_LIMIT;

/// Longer requests are cut off by the kernel and answered FORMERR: no question comes near it, and the largest signed NOTIFY
/// or UPDATE that clients send over UDP fits.
const REQUEST_BYTES_MAX: usize = 4096;

/// Requests taken in a row before the thread looks whether it is to stop.
const BATCH_MAX: usize = 1024;

/// When the system has no memory for a request, asking again at once would only burn the core.
const RECEIVE_RETRY: Duration = Duration::from_millis(100);

/// What one thread works with.
pub(super) struct Worker {
    pub(super) socket: UdpSocket,
    pub(super) responder: Responder,
    pub(super) stop: Arc<EventFd>,
}

/// Makes the socket say which of its addresses a request was sent to, so that the reply can leave from there. Only a socket
/// that is bound to all addresses has to be told.
pub(super) fn report_destinations(socket: &UdpSocket) -> io::Result<()> {
    let address = socket.local_addr()?;
    if !address.ip().is_unspecified() {
        return Ok(());
    }
    if address.is_ipv4() {
        setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?;
    } else {
        // On a socket for both families this covers IPv4 too: the address comes and goes in its IPv6 form.
        setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    }
    Ok(())
}

impl Worker {
    /// Answers until the stop descriptor is readable.
    pub(super) fn run(self) {
        let mut buffers = Buffers::new();
        while !self.wait() {
            for _ in 0..BATCH_MAX {
                match self.answer_one(&mut buffers) {
                    // What an earlier reply met on its way (ICMP) is told to the next call; it says nothing about this one.
                    Ok(()) | Err(Errno::EINTR | Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH) => {}
                    Err(Errno::EAGAIN) => break,
                    Err(errno) => {
                        warn!(error = errno.desc(), "cannot receive over UDP");
                        thread::sleep(RECEIVE_RETRY);
                        break;
                    }
                }
            }
        }
    }

    /// Sleeps until there are requests; true when the thread is to end.
    fn wait(&self) -> bool {
        let mut waited_for = [
            PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.stop.as_fd(), PollFlags::POLLIN),
        ];
        // A call that was interrupted is one that found nothing.
        let _ = poll(&mut waited_for, PollTimeout::NONE);
        waited_for[1].any().unwrap_or(false)
    }

    fn answer_one(&self, buffers: &mut Buffers) -> Result<(), Errno> {
        let Buffers {
            request,
            reply,
            control,
        } = buffers;
        let mut parts = [IoSliceMut::new(request)];
        let received = recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(control),
            MsgFlags::MSG_DONTWAIT,
        )?;
        let (bytes, client) = (received.bytes, received.address);
        let asked = received
            .cmsgs()
            .ok()
            .and_then(|mut messages| messages.find_map(|message| AskedAddress::read(&message)));
        let Some(client) = client else { return Ok(()) };
        let Some(address) = ip(&client) else { return Ok(()) };
        let Some(length) = self.responder.begin_batch().answer(address, &request[..bytes], reply) else {
            return Ok(());
        };
        if send(self.socket.as_fd(), &reply[..length], asked, &client).is_err() {
            self.responder.unsent(1);
        }
        Ok(())
    }
}

fn send(socket: BorrowedFd<'_>, reply: &[u8], from: Option<AskedAddress>, to: &SockaddrStorage) -> Result<(), Errno> {
    let parts = [IoSlice::new(reply)];
    let fd = socket.as_raw_fd();
    let flags = MsgFlags::MSG_DONTWAIT;
    match from {
        None => sendmsg(fd, &parts, &[], flags, Some(to)),
        Some(AskedAddress::V4(info)) => sendmsg(fd, &parts, &[ControlMessage::Ipv4PacketInfo(&info)], flags, Some(to)),
        Some(AskedAddress::V6(info)) => sendmsg(fd, &parts, &[ControlMessage::Ipv6PacketInfo(&info)], flags, Some(to)),
    }
    .map(drop)
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    if let Some(address) = address.as_sockaddr_in() {
        return Some(address.ip().into());
    }
    address.as_sockaddr_in6().map(|address| address.ip().into())
}

/// The address of ours that a request was sent to, as a reply's source.
#[derive(Clone, Copy)]
enum AskedAddress {
    V4(libc::in_pktinfo),
    V6(libc::in6_pktinfo),
}

impl AskedAddress {
    /// The interface that the request came in by is left out: the reply goes the way of the routing table, which may be
    /// another. Only a link-local address means nothing without its interface.
    fn read(message: &ControlMessageOwned) -> Option<Self> {
        match *message {
            ControlMessageOwned::Ipv4PacketInfo(mut info) => {
                // ipi_spec_dst is the local address even when the request was sent to a broadcast address (ip(7)).
                info.ipi_ifindex = 0;
                Some(Self::V4(info))
            }
            ControlMessageOwned::Ipv6PacketInfo(mut info) => {
                let link_local = matches!(info.ipi6_addr.s6_addr, [0xFE, second, ..] if second & 0xC0 == 0x80);
                if !link_local {
                    info.ipi6_ifindex = 0;
                }
                Some(Self::V6(info))
            }
            _ => None,
        }
    }
}

struct Buffers {
    request: Box<[u8]>,
    reply: Box<[u8]>,
    control: Vec<u8>,
}

impl Buffers {
    fn new() -> Self {
        Self {
            request: vec![0; REQUEST_BYTES_MAX].into(),
            reply: vec![0; usize::from(UDP_PAYLOAD_BYTES_LIMIT)].into(),
            control: nix::cmsg_space!(libc::in6_pktinfo),
        }
    }
}
