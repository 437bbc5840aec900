//! What the kernel says of a socket's queue: SO_MEMINFO, which takes one system call and no file of /proc.

use std::io;
use std::os::fd::AsFd;

use nix::libc::{self, c_int};
use nix::sys::socket::getsockopt;
use nix::{getsockopt_impl, sockopt_impl};

/// The option's number (asm-generic/socket.h), which the C library's headers leave to the kernel's.
const SO_MEMINFO: c_int = 55;

/// Numbers that the option gives (SK_MEMINFO_VARS of linux/sock_diag.h): those that it had in its first kernel, 4.12.
const VARS: usize = 9;

sockopt_impl!(
    /// The memory of a socket.
    MemoryInfo,
    GetOnly,
    libc::SOL_SOCKET,
    SO_MEMINFO,
    [u32; VARS]
);

/// A socket's queue of what was received and not taken yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Bytes that it may have, the kernel's bookkeeping included: twice what SO_RCVBUF was set to.
    pub receive_buffer_bytes: u32,
    /// Datagrams that there was no room for since the socket was made. Behind the largest number comes 0.
    pub dropped: u32,
}

impl Account {
    /// That of a socket, now.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn of(socket: &impl AsFd) -> io::Result<Self> {
        let numbers = getsockopt(socket, MemoryInfo)?;
        Ok(Self {
            receive_buffer_bytes: numbers[libc::SK_MEMINFO_RCVBUF as usize],
            dropped: numbers[libc::SK_MEMINFO_DROPS as usize],
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::listen::set_receive_buffer;

    #[test]
    fn what_does_not_fit_is_in_the_account() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        set_receive_buffer(&socket, Some(8192)).unwrap();
        let empty = Account {
            receive_buffer_bytes: 2 * 8192,
            dropped: 0,
        };
        assert_eq!(Account::of(&socket).unwrap(), empty);
        for _ in 0..100 {
            socket.send_to(&[0; 1024], socket.local_addr().unwrap()).unwrap();
        }
        let dropped = Account::of(&socket).unwrap().dropped;
        socket.set_nonblocking(true).unwrap();
        let taken = (0..100).take_while(|_| socket.recv(&mut [0; 1024]).is_ok()).count();
        assert!(dropped > 0, "100 KiB fit into 8");
        assert_eq!(taken + dropped as usize, 100);
    }
}
