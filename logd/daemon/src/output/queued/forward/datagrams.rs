//! Sending by datagrams: one for each message (RFC 5426), and nobody says that it has arrived.

use std::io;

use nix::errno::Errno;
use tokio::net::UdpSocket;

use super::probe::Probe;
use super::stream::Broken;
use super::{Ended, Sender};

/// What the UDP header and that of IPv4 leave of 64 KiB.
const DATAGRAM_BYTES_MAX: usize = 65_507;

/// Every receiver takes this much (RFC 5426 §3.2).
const DATAGRAM_BYTES_MIN: usize = 480;

/// Sent before it is looked whether a target that is preferred is there.
const BATCH: usize = 64;

/// Sends until the source has no more, the target is known not to be there, or one that is preferred is.
pub(super) async fn run(socket: &UdpSocket, sender: &mut Sender, probe: Probe) -> Ended {
    let found = probe.found();
    tokio::pin!(found);
    let mut batch: Vec<(u64, Vec<u8>)> = Vec::new();
    loop {
        tokio::select! {
            biased;
            (target, link) = &mut found => return Ended::Better(target, link),
            ready = sender.source.ready() => {
                if !ready {
                    return Ended::Done;
                }
            }
        }
        batch.clear();
        let ledger = &mut sender.ledger;
        sender.source.feed(BATCH, |number, record| {
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            batch.push((number, record.to_vec()));
            ledger.note(number, record.len());
            true
        });
        let mut arrived = None;
        let mut broken = None;
        for (number, record) in &batch {
            match send(socket, record).await {
                Ok(is_cut) => {
                    arrived = Some(number + 1);
                    sender.metrics.truncated.increment(u64::from(is_cut));
                }
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        // They are on their way: nobody will say more.
        if let Some(arrived) = arrived {
            sender.acknowledge(arrived);
        }
        if let Some(error) = broken {
            return Ended::Broken(Broken::Io(error));
        }
    }
}

/// Sends a message, or as much of it as the way takes; whether it was cut.
async fn send(socket: &UdpSocket, message: &[u8]) -> io::Result<bool> {
    let mut length = message.len().min(DATAGRAM_BYTES_MAX);
    loop {
        match socket.send(&message[..length]).await {
            Ok(_) => return Ok(length < message.len()),
            // The way's limit is known to the kernel, not to us.
            Err(error) if error.raw_os_error() == Some(Errno::EMSGSIZE as i32) && length > DATAGRAM_BYTES_MIN => {
                length = (length / 2).max(DATAGRAM_BYTES_MIN);
            }
            Err(error) => return Err(error),
        }
    }
}
