//! What the other end of a TCP connection has acknowledged, as our kernel knows it.
//!
//! That is more than what a plain write says, which only puts bytes into a buffer of ours, and less than what RELP says: it is
//! the other machine's kernel that has them.

use std::io;
use std::os::fd::AsFd;

use nix::libc;
use nix::sys::socket::{GetSockOpt, sockopt::GetStruct};

/// The first words of `struct tcp_info`: the kernel fills in as much as there is room for.
type Words = [u64; WORDS];

/// As far as `tcpi_bytes_acked`, which came with Linux 4.1.
const WORDS: usize = 16;

/// Bytes that were acknowledged, that of the handshake among them.
const BYTES_ACKED: usize = 15;

#[derive(Clone, Copy)]
struct TcpInfo;

nix::getsockopt_impl!(TcpInfo, libc::IPPROTO_TCP, libc::TCP_INFO, Words, GetStruct<Words>);

/// Bytes of a connection that the other end's kernel has, and the one that stands for its beginning.
pub(super) fn acked_bytes(socket: &impl AsFd) -> io::Result<u64> {
    Ok(TcpInfo.get(socket)?[BYTES_ACKED])
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn what_nobody_reads_is_acknowledged_as_far_as_the_kernels_have_room() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _accepted = listener.accept().unwrap();
        let before = acked_bytes(&stream).unwrap();
        stream.write_all(&[0; 1000]).unwrap();
        while acked_bytes(&stream).unwrap() < before + 1000 {
            std::thread::yield_now();
        }
        stream.set_nonblocking(true).unwrap();
        let mut written = 1000;
        while let Ok(more) = stream.write(&[0; 65536]) {
            written += more as u64;
        }
        assert!(acked_bytes(&stream).unwrap() < before + written);
    }
}
