//! Keeps what others say about a path's MTU away from answers over UDP.
//!
//! A forged "fragmentation needed" makes the kernel believe in a small MTU, and answers to that client come in fragments,
//! which can be forged as well (RFC 9715 §1). Answers are small enough for practically every path as they are: the kernel
//! needs to know nothing of it.

use std::net::UdpSocket;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::setsockopt;
use nix::{getsockopt_impl, setsockopt_impl, sockopt_impl};

sockopt_impl!(
    /// How the MTU of a path is learnt, for IPv4.
    Ipv4MtuDiscover,
    Both,
    libc::IPPROTO_IP,
    libc::IP_MTU_DISCOVER,
    libc::c_int
);
sockopt_impl!(
    /// The same for IPv6.
    Ipv6MtuDiscover,
    Both,
    libc::IPPROTO_IPV6,
    libc::IPV6_MTU_DISCOVER,
    libc::c_int
);

/// Makes the socket send by the MTU of its interface alone.
///
/// # Errors
/// When the system doesn't know of it.
pub(super) fn ignore_path_mtu(socket: &UdpSocket) -> Result<(), Errno> {
    // A socket for both families sends by IPv4, too.
    setsockopt(socket, Ipv4MtuDiscover, &libc::IP_PMTUDISC_OMIT)?;
    let is_ipv6 = socket.local_addr().is_ok_and(|address| address.is_ipv6());
    if is_ipv6 {
        setsockopt(socket, Ipv6MtuDiscover, &libc::IPV6_PMTUDISC_OMIT)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::getsockopt;

    use super::*;

    #[test]
    fn no_path_has_an_mtu() {
        for address in ["127.0.0.1:0", "[::1]:0", "[::]:0"] {
            let socket = UdpSocket::bind(address).unwrap();
            ignore_path_mtu(&socket).unwrap();
            assert_eq!(getsockopt(&socket, Ipv4MtuDiscover), Ok(libc::IP_PMTUDISC_OMIT));
            if address.starts_with('[') {
                assert_eq!(getsockopt(&socket, Ipv6MtuDiscover), Ok(libc::IPV6_PMTUDISC_OMIT));
            }
        }
    }
}
