//! The kernel's share of a UDP query: takes queries by the batch and sends back as many octets as a name server would, with
//! dnsd's socket options and dnsd's batches, and without looking at any of them. `bench-dns` runs it beside the servers.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::thread;

use ballast_shared::datagrams::{Datagrams, Sizes, Wait, report_destinations};
use ballast_shared::listen::{self, UdpOptions};
use ballast_shared::systemd::Inherited;
use clap::Parser;
use nix::libc;
use nix::sys::socket::setsockopt;
use nix::{setsockopt_impl, sockopt_impl};

/// What dnsd's UDP threads have room for.
const SIZES: Sizes = Sizes {
    slots: 32,
    datagram_bytes_max: 4096,
    reply_bytes_max: 4096,
};

/// The kernel's queue of a socket of dnsd.
const QUEUE_BYTES: usize = 1 << 20;

sockopt_impl!(
    /// dnsd sends by the MTU of the interface, whatever is heard of the path's.
    Ipv4MtuDiscover,
    SetOnly,
    libc::IPPROTO_IP,
    libc::IP_MTU_DISCOVER,
    libc::c_int
);

/// Answers every datagram with one of a fixed length.
#[derive(Debug, Parser)]
struct Arguments {
    /// The address.
    #[arg(long)]
    listen: SocketAddr,
    /// Threads, each with a socket.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Octets of an answer.
    #[arg(long, value_parser = clap::value_parser!(u16).range(12..=4096))]
    answer_bytes: u16,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !arguments.listen.ip().is_loopback() {
        eprintln!("an echo server is for this machine only: {}", arguments.listen);
        return ExitCode::from(64);
    }
    let sockets: io::Result<Vec<UdpSocket>> = (0..arguments.threads).map(|_| bind(arguments.listen)).collect();
    let sockets = match sockets {
        Ok(sockets) => sockets,
        Err(error) => {
            eprintln!("cannot listen on {}: {error}", arguments.listen);
            return ExitCode::from(69);
        }
    };
    let answer_bytes = usize::from(arguments.answer_bytes);
    let threads: Vec<_> = sockets
        .into_iter()
        .map(|socket| thread::spawn(move || echo(&socket, answer_bytes)))
        .collect();
    for thread in threads {
        if let Ok(error) = thread.join() {
            eprintln!("cannot receive: {error}");
        }
    }
    ExitCode::from(71)
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let options = UdpOptions {
        receive_buffer_bytes: Some(QUEUE_BYTES),
        reuse_port: true,
    };
    let socket = listen::udp(address, options, &mut Inherited::default()).map_err(|error| error.cause)?;
    socket.set_nonblocking(false)?;
    report_destinations(&socket)?;
    setsockopt(&socket, Ipv4MtuDiscover, &libc::IP_PMTUDISC_OMIT)?;
    Ok(socket)
}

/// Until the socket fails.
fn echo(socket: &UdpSocket, answer_bytes: usize) -> io::Error {
    let mut datagrams = Datagrams::new(SIZES);
    loop {
        match datagrams.receive(socket, Wait::ForFirst) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return error,
        }
        datagrams.answer_each(|query, answer| {
            // The header is the query's, with the QR bit, by which clients know an answer; what is behind it does not matter.
            let head = query.bytes.len().min(answer_bytes);
            answer[..head].copy_from_slice(&query.bytes[..head]);
            if let Some(flags) = answer.get_mut(2) {
                *flags |= 0x80;
            }
            Some(answer_bytes)
        });
        datagrams.send(socket);
    }
}
