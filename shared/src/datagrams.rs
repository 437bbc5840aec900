//! Datagrams by the batch: one recvmmsg(2) takes what a socket has, one sendmmsg(2) sends the replies.
//!
//! A [`Datagrams`] is made once for a thread and used for every batch after that; nothing is allocated in between. Who
//! receives only (a log collector) looks at each datagram with [`Datagrams::iter`]; who replies hands over a function to
//! [`Datagrams::answer_each`] and calls [`Datagrams::send`]. A reply leaves from the address that its request was sent to:
//! a socket that is bound to all addresses is told by [`report_destinations`] to say which that was.
//!
//! This module holds the `unsafe` that these two system calls take. What makes it sound is said once, here: the structures
//! that they work on point into memory that a [`Datagrams`] owns ([`Kept`]), which is allocated when it is made, freed when
//! it is dropped, neither moved nor resized in between, and lent out only for as long as the `Datagrams` is borrowed.

mod account;
mod address;
mod kept;

use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

pub use account::Account;

use address::{Address, Control};
use kept::Kept;

/// As many as sendmmsg takes in one call (UIO_MAXIOV).
const SLOTS_MAX: usize = 1024;

/// Between the buffers of two slots, which would otherwise lie a power of two apart: the first lines of all of them, the only
/// ones that a usual datagram touches, would then compete for the same few places of the processor's cache.
const PADDING_BYTES: usize = 64;

/// How large a batch may be.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Datagrams that one batch takes, at least 1 and at most 1024.
    pub slots: usize,
    /// Bytes of a datagram; what is longer is cut off there.
    pub datagram_bytes_max: usize,
    /// Bytes of a reply; 0 for who doesn't reply.
    pub reply_bytes_max: usize,
}

/// Whether a call waits for the first datagram. It never waits for a second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// On a blocking socket, until there is one.
    ForFirst,
    /// Not at all: [`io::ErrorKind::WouldBlock`] when there is none.
    No,
}

/// One datagram that was received.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'b> {
    /// Who sent it, as far as one may believe it: an IPv4 sender has its IPv6 form on a socket for both families.
    pub source: SocketAddr,
    /// What it says.
    pub bytes: &'b [u8],
    /// Whether it was longer than there is room for.
    pub is_cut_off: bool,
    control: &'b Control,
    control_bytes: usize,
}

impl Datagram<'_> {
    /// Which of our addresses it was sent to, in the form that the source has; `None` on a socket that is bound to one (see
    /// [`report_destinations`]).
    #[must_use]
    pub fn destination(&self) -> Option<IpAddr> {
        self.control.destination(self.control_bytes)
    }
}

/// A batch of datagrams and the replies to them.
pub struct Datagrams {
    sizes: Sizes,
    /// What recvmmsg works on, one for a slot. Between two calls each is as the call wants it, save the first `received`,
    /// which are as it left them.
    incoming: Kept<libc::mmsghdr>,
    /// What sendmmsg works on: the first `replies` are filled, in the order of the slots that have a reply.
    outgoing: Kept<libc::mmsghdr>,
    slots: Kept<Slot>,
    requests: Kept<u8>,
    replies_room: Kept<u8>,
    received: usize,
    replies: usize,
}

/// What belongs to one datagram beside its bytes.
#[derive(Clone, Copy)]
struct Slot {
    source: Address,
    /// What the kernel says of the datagram, its destination; then what it is told about the reply.
    control: Control,
    request: libc::iovec,
    reply: libc::iovec,
}

// SAFETY: all pointers in it point to memory that it owns, which no other thread reaches but through it.
#[allow(unsafe_code, reason = "raw pointers are not Send by themselves")]
unsafe impl Send for Datagrams {}

impl Datagrams {
    /// Room for batches of these sizes. Memory that no datagram ever needed is reserved only: the system provides a page of it
    /// when it is first written to.
    ///
    /// # Panics
    /// When the number of slots is not in its range.
    #[must_use]
    pub fn new(sizes: Sizes) -> Self {
        let Sizes {
            slots: count,
            datagram_bytes_max,
            reply_bytes_max,
        } = sizes;
        assert!((1..=SLOTS_MAX).contains(&count), "a batch has 1 to {SLOTS_MAX} slots");
        let requests = Kept::zeroed(count * stride(datagram_bytes_max));
        let replies_room = Kept::zeroed(count * stride(reply_bytes_max));
        let slots = Kept::from_fn(count, |index| Slot {
            source: Address::new(),
            control: Control::new(),
            request: buffer(&requests, index, datagram_bytes_max),
            reply: buffer(&replies_room, index, reply_bytes_max),
        });
        let incoming = Kept::from_fn(count, |index| {
            let slot = fields(&slots, index);
            let mut header = header(&slot, slot.request);
            header.msg_hdr.msg_control = slot.control.cast();
            header.msg_hdr.msg_controllen = Control::BYTES;
            header
        });
        let outgoing = Kept::from_fn(count, |index| {
            let slot = fields(&slots, index);
            header(&slot, slot.reply)
        });
        Self {
            sizes,
            incoming,
            outgoing,
            slots,
            requests,
            replies_room,
            received: 0,
            replies: 0,
        }
    }

    /// Takes what the socket has, as far as there are slots, in place of the batch before. 0 means that the socket was shut
    /// down for reading and is empty.
    ///
    /// # Errors
    /// When nothing could be received.
    pub fn receive(&mut self, socket: &impl AsFd, wait: Wait) -> io::Result<usize> {
        for header in &mut self.incoming[..self.received] {
            header.msg_hdr.msg_namelen = Address::BYTES;
            header.msg_hdr.msg_controllen = Control::BYTES;
        }
        self.received = 0;
        self.replies = 0;
        let flags = match wait {
            Wait::ForFirst => libc::MSG_WAITFORONE,
            Wait::No => libc::MSG_DONTWAIT,
        };
        #[allow(unsafe_code, reason = "recvmmsg has no safe form that keeps its buffers")]
        // SAFETY: the headers are as many as said, and each points to a source, a buffer and control room of the lengths that
        // it says, all of which live as long as `self` and are not lent out now, as `self` is borrowed exclusively. No timeout
        // is passed.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_fd().as_raw_fd(),
                self.incoming.pointer(0),
                self.sizes.slots as libc::c_uint,
                flags,
                ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        self.received = count;
        // A datagram has a sender; what has none is the end of a socket that was shut down.
        let is_end = count == 1 && self.incoming[0].msg_hdr.msg_namelen == 0;
        Ok(if is_end { 0 } else { count })
    }

    /// The datagrams of the batch, in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        (0..self.received).filter_map(|index| {
            let slot = &self.slots[index];
            datagram(&self.incoming[index], slot, self.sizes, &self.requests, index)
        })
    }

    /// Hands over each datagram, in the order they came, and room for the reply to it; `answer` says how many bytes it wrote
    /// to its front, or that there is no reply.
    pub fn answer_each(&mut self, mut answer: impl FnMut(&Datagram<'_>, &mut [u8]) -> Option<usize>) {
        self.replies = 0;
        for index in 0..self.received {
            let header = &self.incoming[index];
            let slot = &mut self.slots[index];
            let Some(datagram) = datagram(header, slot, self.sizes, &self.requests, index) else {
                continue;
            };
            let room = self.sizes.reply_bytes_max;
            let first = index * stride(room);
            let Some(length) = answer(&datagram, &mut self.replies_room[first..first + room]) else {
                continue;
            };
            slot.reply.iov_len = length.min(room);
            let control_bytes = slot.control.turn_round(header.msg_hdr.msg_controllen);
            let pointers = fields(&self.slots, index);
            let out = &mut self.outgoing[self.replies].msg_hdr;
            out.msg_name = pointers.source.cast();
            out.msg_namelen = header.msg_hdr.msg_namelen;
            out.msg_iov = pointers.reply;
            out.msg_control = pointers.control.cast();
            out.msg_controllen = control_bytes;
            self.replies += 1;
        }
    }

    /// Sends the replies without waiting for room in the socket; says how many of them the system did not take. One that it
    /// doesn't take (its client unreachable, its source address gone) doesn't keep the others from being sent.
    pub fn send(&mut self, socket: &impl AsFd) -> usize {
        let total = mem::take(&mut self.replies);
        let (mut done, mut unsent) = (0, 0);
        while done < total {
            #[allow(unsafe_code, reason = "sendmmsg has no safe form that keeps its buffers")]
            // SAFETY: the headers from `done` up to `total` were filled by `answer_each` after the last call to `receive`, each
            // with pointers to an address, a reply and control data of the lengths that it says, all of which live as long as
            // `self` and are not lent out now, as `self` is borrowed exclusively. The kernel writes only to the headers.
            let sent = unsafe {
                libc::sendmmsg(
                    socket.as_fd().as_raw_fd(),
                    self.outgoing.pointer(done),
                    (total - done) as libc::c_uint,
                    libc::MSG_DONTWAIT,
                )
            };
            match usize::try_from(sent) {
                Ok(sent) => done += sent.max(1),
                // An error is that of the first one; of a later one it is told when that is the first of the next call.
                Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    done += 1;
                    unsent += 1;
                }
            }
        }
        unsent
    }
}

/// Makes the socket say which of its addresses a datagram was sent to, so that the reply can leave from there. Only a socket
/// that is bound to all addresses has to be told.
///
/// # Errors
/// When the system refuses.
pub fn report_destinations(socket: &UdpSocket) -> io::Result<()> {
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

/// From the start of one slot's buffer to that of the next.
fn stride(bytes_max: usize) -> usize {
    if bytes_max == 0 { 0 } else { bytes_max + PADDING_BYTES }
}

/// The buffer of a slot as the kernel wants it described.
fn buffer(room: &Kept<u8>, index: usize, bytes_max: usize) -> libc::iovec {
    libc::iovec {
        iov_base: room.pointer(index * stride(bytes_max)).cast(),
        iov_len: bytes_max,
    }
}

/// The datagram that the kernel wrote to a slot; `None` when it has no sender.
fn datagram<'b>(
    header: &libc::mmsghdr,
    slot: &'b Slot,
    sizes: Sizes,
    requests: &'b [u8],
    index: usize,
) -> Option<Datagram<'b>> {
    let first = index * stride(sizes.datagram_bytes_max);
    let length = (header.msg_len as usize).min(sizes.datagram_bytes_max);
    Some(Datagram {
        source: slot.source.socket_address(header.msg_hdr.msg_namelen)?,
        bytes: &requests[first..first + length],
        is_cut_off: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        control: &slot.control,
        control_bytes: header.msg_hdr.msg_controllen,
    })
}

/// Where the parts of a slot are.
struct Fields {
    source: *mut Address,
    control: *mut Control,
    request: *mut libc::iovec,
    reply: *mut libc::iovec,
}

fn fields(slots: &Kept<Slot>, index: usize) -> Fields {
    let slot = slots.pointer(index);
    #[allow(unsafe_code, reason = "fields behind a pointer")]
    // SAFETY: `slot` points to a whole `Slot`, so its fields have addresses.
    unsafe {
        Fields {
            source: &raw mut (*slot).source,
            control: &raw mut (*slot).control,
            request: &raw mut (*slot).request,
            reply: &raw mut (*slot).reply,
        }
    }
}

/// A header with room for an address and one piece of bytes, without control data.
fn header(slot: &Fields, bytes: *mut libc::iovec) -> libc::mmsghdr {
    #[allow(
        unsafe_code,
        reason = "a C structure with padding, which some systems' C libraries name"
    )]
    // SAFETY: all of its fields are integers and pointers, of which zero is a value.
    let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
    header.msg_hdr.msg_name = slot.source.cast();
    header.msg_hdr.msg_namelen = Address::BYTES;
    header.msg_hdr.msg_iov = bytes;
    header.msg_hdr.msg_iovlen = 1;
    header
}

#[cfg(test)]
mod tests;
