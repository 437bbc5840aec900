//! The load over TLS and over RELP: a thread for each connection, as these have a conversation to lead.

use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::load::Sent;
use super::message::{Layout, Share};
use crate::error::BenchError;

/// The name that the certificate is for.
const SERVER_NAME: &str = "collector.example";

/// A collector that says nothing for so long has failed.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// What is handed to TLS at a time: a record of the largest size.
const CHUNK_BYTES: usize = 16 << 10;

/// Commands under way at a time: librelp's window.
const WINDOW: u64 = 128;

/// A certificate of our own making, and whom to trust for it.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// Who has signed it.
    pub authority: PathBuf,
    /// The server's.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Certificates {
    /// Makes them in a directory.
    ///
    /// # Errors
    /// When they can't be made or written.
    pub fn make(directory: &Path) -> Result<Self, BenchError> {
        let failed = || BenchError::io("make certificates in", directory);
        let made = rcgen::generate_simple_self_signed([SERVER_NAME.to_owned()])
            .map_err(|error| failed()(io::Error::other(error)))?;
        let certificates = Self {
            // It has signed itself.
            authority: directory.join("certificate.pem"),
            certificate: directory.join("certificate.pem"),
            key: directory.join("key.pem"),
        };
        fs::write(&certificates.certificate, made.cert.pem()).map_err(failed())?;
        fs::write(&certificates.key, made.signing_key.serialize_pem()).map_err(failed())?;
        Ok(certificates)
    }

    fn client(&self) -> Result<Arc<ClientConfig>, BenchError> {
        let failed = || BenchError::io("trust", &self.authority);
        let mut roots = RootCertStore::empty();
        let certificate =
            CertificateDer::from_pem_file(&self.authority).map_err(|error| failed()(io::Error::other(error)))?;
        roots
            .add(certificate)
            .map_err(|error| failed()(io::Error::other(error)))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed()(io::Error::other(error)))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

/// Sends each share over a TLS connection of its own.
///
/// # Errors
/// When a connection fails.
pub fn send_tls(
    port: u16,
    layout: &Layout,
    shares: Vec<Share>,
    certificates: &Certificates,
) -> Result<Sent, BenchError> {
    let client = certificates.client()?;
    in_threads(shares, |share| {
        let stream = connect(port)?;
        let name = ServerName::try_from(SERVER_NAME).map_err(io::Error::other)?;
        let connection = ClientConnection::new(client.clone(), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        let per_chunk = (CHUNK_BYTES / layout.length()).max(1);
        let mut chunk = layout.repeated(per_chunk);
        while share.left() > 0 {
            let count = share.left().min(per_chunk as u64) as usize;
            let bytes = &mut chunk[..count * layout.length()];
            for message in bytes.chunks_exact_mut(layout.length()) {
                share.fill(layout, message);
            }
            stream.write_all(bytes)?;
        }
        stream.conn.send_close_notify();
        stream.flush()?;
        stream.sock.shutdown(Shutdown::Write)?;
        // Until the collector has read all and closes its side.
        let mut rest = Vec::new();
        let _ = stream.sock.read_to_end(&mut rest);
        Ok(())
    })
}

/// Sends each share over a RELP connection of its own, and waits for every acknowledgement.
///
/// # Errors
/// When a connection fails, or a message is refused.
pub fn send_relp(port: u16, layout: &Layout, shares: Vec<Share>) -> Result<Sent, BenchError> {
    in_threads(shares, |share| {
        let mut stream = connect(port)?;
        let mut replies = BufReader::new(stream.try_clone()?);
        let offer = "relp_version=0\nrelp_software=bench\ncommands=syslog";
        writeln!(stream, "1 open {} {offer}", offer.len())?;
        reply(&mut replies)?;
        let mut message = layout.repeated(1);
        let (mut number, mut under_way) = (1_u64, 0);
        let mut commands = Vec::new();
        while share.left() > 0 || under_way > 0 {
            commands.clear();
            while under_way < WINDOW && share.left() > 0 {
                number += 1;
                under_way += 1;
                share.fill(layout, &mut message);
                // Transaction numbers have nine digits at most.
                write!(commands, "{number} syslog {} ", message.len())?;
                commands.extend_from_slice(&message);
                commands.push(b'\n');
            }
            stream.write_all(&commands)?;
            // The window is filled again when a good part of it is free, as senders do that are told of many at once.
            let until = if share.left() == 0 { 0 } else { WINDOW / 2 };
            while under_way > until {
                reply(&mut replies)?;
                under_way -= 1;
            }
        }
        writeln!(stream, "{} close 0", number + 1)?;
        reply(&mut replies)
    })
}

/// Reads a reply: `TXNR rsp LENGTH CODE …`.
fn reply(from: &mut impl Read) -> io::Result<()> {
    let mut word = || -> io::Result<String> {
        let mut word = String::new();
        loop {
            let mut byte = [0];
            from.read_exact(&mut byte)?;
            match byte[0] {
                b' ' => return Ok(word),
                // The length 0 has nothing behind it but the end.
                b'\n' => return Ok(word + "\n"),
                byte => word.push(char::from(byte)),
            }
        }
    };
    let (_, command, length) = (word()?, word()?, word()?);
    if length.ends_with('\n') {
        return Ok(());
    }
    let length: usize = length.parse().map_err(io::Error::other)?;
    let mut data = vec![0; length + 1];
    from.read_exact(&mut data)?;
    if command == "rsp" && !data.starts_with(b"200") {
        return Err(io::Error::other(String::from_utf8_lossy(&data).into_owned()));
    }
    Ok(())
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))?;
    Ok(stream)
}

fn in_threads(mut shares: Vec<Share>, send: impl Fn(&mut Share) -> io::Result<()> + Sync) -> Result<Sent, BenchError> {
    let messages = shares.iter().map(Share::left).sum();
    let begin = Instant::now();
    let done: io::Result<Vec<()>> = thread::scope(|scope| {
        let threads: Vec<_> = shares.iter_mut().map(|share| scope.spawn(|| send(share))).collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(io::Error::other("a sender panicked")))
            })
            .collect()
    });
    done.map_err(BenchError::io("send to", "the collector"))?;
    Ok(Sent {
        messages,
        begin,
        seconds: begin.elapsed().as_secs_f64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_to_their_end() {
        let mut stream = &b"1 rsp 13 200 OK\nmore=x\n2 rsp 6 200 OK\n3 serverclose 0\n4 rsp 9 500 error\n"[..];
        reply(&mut stream).unwrap();
        reply(&mut stream).unwrap();
        reply(&mut stream).unwrap();
        assert!(reply(&mut stream).unwrap_err().to_string().starts_with("500"));
    }
}
