//! Where a datagram came from and which of our addresses it was sent to, in the bytes that the kernel writes for both. They
//! are read at the offsets that the C structures have, which takes no belief in what was written.

use std::fmt;
use std::mem::offset_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use nix::libc::{self, cmsghdr, in_pktinfo, in6_pktinfo, sockaddr_in, sockaddr_in6};

/// An address of one of the two families, of which IPv6's is the longer one.
#[derive(Clone, Copy)]
#[repr(C, align(4))]
pub(super) struct Address {
    bytes: [u8; size_of::<sockaddr_in6>()],
}

impl Address {
    /// What there is room for.
    pub(super) const BYTES: libc::socklen_t = size_of::<Self>() as libc::socklen_t;

    /// Room for one.
    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; size_of::<sockaddr_in6>()],
        }
    }

    /// The address, of which the kernel wrote so many bytes; `None` when it is of another family.
    pub(super) fn socket_address(&self, bytes: libc::socklen_t) -> Option<SocketAddr> {
        const { assert!(offset_of!(sockaddr_in, sin_family) == offset_of!(sockaddr_in6, sin6_family)) };
        let written = self.bytes.get(..bytes as usize)?;
        let family = libc::sa_family_t::from_ne_bytes(field(written, offset_of!(sockaddr_in, sin_family))?);
        match i32::from(family) {
            libc::AF_INET => {
                let ip = Ipv4Addr::from(field::<4>(written, offset_of!(sockaddr_in, sin_addr))?);
                let port = u16::from_be_bytes(field(written, offset_of!(sockaddr_in, sin_port))?);
                Some(SocketAddrV4::new(ip, port).into())
            }
            libc::AF_INET6 => {
                let ip = Ipv6Addr::from(field::<16>(written, offset_of!(sockaddr_in6, sin6_addr))?);
                let port = u16::from_be_bytes(field(written, offset_of!(sockaddr_in6, sin6_port))?);
                let flow = u32::from_ne_bytes(field(written, offset_of!(sockaddr_in6, sin6_flowinfo))?);
                let scope = u32::from_ne_bytes(field(written, offset_of!(sockaddr_in6, sin6_scope_id))?);
                Some(SocketAddrV6::new(ip, port, flow, scope).into())
            }
            _ => None,
        }
    }
}

/// The longer one of what the kernel says of a destination.
const DESTINATION_BYTES: usize = size_of::<in6_pktinfo>();

/// One control message: the destination of a datagram, which becomes the source of the reply. What else a socket may have
/// been set to report is left out by the kernel, for want of room.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Control {
    header: cmsghdr,
    data: [u8; DESTINATION_BYTES.next_multiple_of(align_of::<cmsghdr>())],
}

impl Control {
    /// What there is room for.
    pub(super) const BYTES: usize = size_of::<Self>();

    /// Room for one.
    pub(super) const fn new() -> Self {
        Self {
            header: cmsghdr {
                cmsg_len: 0,
                cmsg_level: 0,
                cmsg_type: 0,
            },
            data: [0; _],
        }
    }

    /// The address that the datagram was sent to, of what the kernel wrote, so many bytes; `None` when it wrote none.
    pub(super) fn destination(&self, bytes: usize) -> Option<IpAddr> {
        match self.written(bytes)? {
            // Which is one of ours even when the datagram was sent to a broadcast address (ip(7)).
            Written::Ipv4 => field::<4>(&self.data, offset_of!(in_pktinfo, ipi_spec_dst)).map(IpAddr::from),
            Written::Ipv6 => field::<16>(&self.data, offset_of!(in6_pktinfo, ipi6_addr)).map(IpAddr::from),
        }
    }

    /// Makes what the kernel wrote, so many bytes, into what the reply is sent with, and says how many bytes that has: none
    /// when there is no destination.
    ///
    /// The interface that the datagram came in by is left out: the reply goes the way of the routing table, which may be
    /// another. Only a link-local address means nothing without its interface.
    pub(super) fn turn_round(&mut self, bytes: usize) -> usize {
        match self.written(bytes) {
            // Of its two addresses the reply leaves from ipi_spec_dst.
            Some(Written::Ipv4) => self.forget_interface(offset_of!(in_pktinfo, ipi_ifindex)),
            Some(Written::Ipv6) => {
                let address = field::<16>(&self.data, offset_of!(in6_pktinfo, ipi6_addr)).map(Ipv6Addr::from);
                if !address.is_some_and(|address| address.is_unicast_link_local()) {
                    self.forget_interface(offset_of!(in6_pktinfo, ipi6_ifindex));
                }
            }
            None => return 0,
        }
        self.header.cmsg_len
    }

    /// Which structure there is, if it is whole.
    fn written(&self, bytes: usize) -> Option<Written> {
        if bytes < size_of::<cmsghdr>() {
            return None;
        }
        let is_whole = |data_bytes: usize| self.header.cmsg_len >= size_of::<cmsghdr>() + data_bytes;
        match (self.header.cmsg_level, self.header.cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) if is_whole(size_of::<in_pktinfo>()) => Some(Written::Ipv4),
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if is_whole(size_of::<in6_pktinfo>()) => Some(Written::Ipv6),
            _ => None,
        }
    }

    fn forget_interface(&mut self, offset: usize) {
        if let Some(interface) = self.data.get_mut(offset..offset + size_of::<libc::c_int>()) {
            interface.fill(0);
        }
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without how many bytes of it were written it says nothing.
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

/// The two structures that a destination comes in.
enum Written {
    /// `in_pktinfo`
    Ipv4,
    /// `in6_pktinfo`
    Ipv6,
}

/// So many bytes from an offset on.
fn field<const BYTES: usize>(structure: &[u8], offset: usize) -> Option<[u8; BYTES]> {
    structure.get(offset..)?.first_chunk().copied()
}
