//! The server's side of TLS on a connection (RFC 5425), over rustls.

use std::cell::RefCell;
use std::io::{self, BufRead as _, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use rustls::{CertificateError, Error, ServerConfig, ServerConnection};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::source::Refusal;
use super::transport::{Ask, Chunk, read};

/// How long a handshake may take: some round trips, and a sender's certificate from a slow card.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

thread_local! {
    /// What was read from a socket and not decrypted yet, between two calls of nobody.
    static RECORDS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A connection whose handshake is done.
pub(super) struct Tls {
    stream: TcpStream,
    connection: ServerConnection,
    /// The sender has said that nothing more comes (RFC 5246 §7.2.1, RFC 8446 §6.1).
    closed: bool,
    /// The stream ended otherwise, and what it ended with.
    broken: Option<ErrorKind>,
    /// Came with the end of the handshake.
    has_plaintext: bool,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) struct HandshakeError {
    pub(super) why: Refusal,
    pub(super) cause: io::Error,
}

impl Tls {
    /// Meets a client, in a bounded time.
    pub(super) async fn accept(stream: TcpStream, config: Arc<ServerConfig>) -> Result<Self, HandshakeError> {
        let failed = |cause: io::Error| HandshakeError {
            why: refusal(&cause),
            cause,
        };
        let mut connection = ServerConnection::new(config).map_err(|error| failed(invalid(error)))?;
        // All that we ever have to send at one time is less than what was asked for.
        connection.set_buffer_limit(None);
        let mut tls = Self {
            stream,
            connection,
            closed: false,
            broken: None,
            has_plaintext: false,
        };
        match timeout(HANDSHAKE_MAX, tls.shake_hands()).await {
            Ok(Ok(())) => Ok(tls),
            Ok(Err(cause)) => {
                // The alert that tells the client why, as far as it goes.
                let _ = tls.flush();
                Err(failed(cause))
            }
            Err(_) => Err(failed(ErrorKind::TimedOut.into())),
        }
    }

    async fn shake_hands(&mut self) -> io::Result<()> {
        loop {
            if !self.flush()? {
                self.stream.writable().await?;
                continue;
            }
            if !self.connection.is_handshaking() {
                return Ok(());
            }
            self.stream.readable().await?;
            match self.connection.read_tls(&mut Socket(&self.stream)) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {
                    let state = self.connection.process_new_packets().map_err(invalid)?;
                    self.has_plaintext = state.plaintext_bytes_to_read() > 0;
                    self.closed = state.peer_has_closed();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What rustls knows of the connection.
    pub(super) fn connection(&self) -> &ServerConnection {
        &self.connection
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether it ended without the word that it does.
    pub(super) fn is_cut_off(&self) -> bool {
        self.broken.is_some()
    }

    pub(super) async fn readable(&self) {
        if !self.has_plaintext && !self.closed && self.broken.is_none() {
            drop(self.stream.readable().await);
        }
    }

    /// Reads what is there to the end of a buffer. What came before an error is given first.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>, ask: Ask) -> io::Result<Chunk> {
        let before = buffer.len();
        let mut is_all = false;
        if std::mem::take(&mut self.has_plaintext) {
            self.decrypted(buffer)?;
        }
        while buffer.len() == before && !self.closed {
            if let Some(kind) = self.broken {
                return Err(kind.into());
            }
            let result = RECORDS.with_borrow_mut(|records| {
                records.clear();
                let chunk = read(&self.stream, records, ask)?;
                is_all = chunk.is_all;
                if chunk.bytes == 0 {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                self.decrypt(records, buffer)
            });
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error),
                Err(error) => self.broken = Some(error.kind()),
            }
        }
        Ok(Chunk {
            bytes: buffer.len() - before,
            is_all,
        })
    }

    fn decrypt(&mut self, mut records: &[u8], buffer: &mut Vec<u8>) -> io::Result<()> {
        while !records.is_empty() && !self.closed {
            self.connection.read_tls(&mut records)?;
            let processed = self.connection.process_new_packets();
            // What came before a record that is broken, too.
            self.decrypted(buffer)?;
            match processed {
                Ok(state) => self.closed = state.peer_has_closed(),
                Err(error) => {
                    let _ = self.flush();
                    return Err(invalid(error));
                }
            }
        }
        // A key that was changed is answered (RFC 8446 §4.6.3).
        self.flush().map(drop)
    }

    /// Takes what is decrypted.
    fn decrypted(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        let mut reader = self.connection.reader();
        loop {
            let length = match reader.fill_buf() {
                Ok([]) => return Ok(()),
                Ok(bytes) => {
                    buffer.extend_from_slice(bytes);
                    bytes.len()
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            reader.consume(length);
        }
    }

    /// Encrypts and sends from the beginning of a buffer; whether nothing is left to be sent.
    pub(super) fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        // What was encrypted before goes first, so that no more than one buffer of the caller's waits here.
        if !self.flush()? {
            return Ok(false);
        }
        self.connection.writer().write_all(buffer)?;
        buffer.clear();
        self.flush()
    }

    /// Says that nothing more comes from us.
    pub(super) fn close(&mut self) {
        self.connection.send_close_notify();
        // The other side may be gone.
        let _ = self.flush();
    }

    /// Sends what is encrypted, without waiting; whether it was all.
    fn flush(&mut self) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut Socket(&self.stream)) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// The socket as rustls has it, which waits for nothing.
struct Socket<'s>(&'s TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn invalid(error: Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

/// What a failed handshake is counted as.
fn refusal(cause: &io::Error) -> Refusal {
    if cause.kind() == ErrorKind::TimedOut {
        return Refusal::TlsTimeout;
    }
    match cause.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(Error::NoCertificatesPresented) => Refusal::TlsNoCertificate,
        Some(Error::InvalidCertificate(error)) => match error {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Refusal::TlsExpired,
            CertificateError::UnknownIssuer => Refusal::TlsUnknownAuthority,
            CertificateError::ApplicationVerificationFailure => Refusal::TlsNotPermitted,
            _ => Refusal::TlsCertificate,
        },
        // The other side does not like what we have shown.
        Some(Error::AlertReceived(_)) => Refusal::TlsAlert,
        _ => Refusal::TlsHandshake,
    }
}

#[cfg(test)]
mod tests {
    use rustls::server::ResolvesServerCertUsingSni;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// What becomes of a client that sends this, and its end of the connection.
    async fn accept(sends: &[u8]) -> (HandshakeError, TcpStream) {
        // No certificate is needed as far as these clients come.
        let config = ServerConfig::builder_with_provider(ballast_shared::tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.write_all(sends).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let accepted = Tls::accept(stream, Arc::new(config)).await;
        (accepted.err().unwrap(), client)
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_go_on_with_the_handshake_is_not_waited_for() {
        let begun = tokio::time::Instant::now();
        let (error, _client) = accept(b"\x16\x03\x01\x02").await;
        assert_eq!(error.why, Refusal::TlsTimeout);
        assert_eq!(begun.elapsed().as_secs(), HANDSHAKE_MAX.as_secs());
    }

    #[tokio::test]
    async fn who_speaks_no_tls_is_told_so() {
        let (error, mut client) = accept(b"<13>Oct 11 22:14:15 host app: hello\n").await;
        assert_eq!(error.why, Refusal::TlsHandshake);
        let mut told = Vec::new();
        client.read_to_end(&mut told).await.unwrap();
        // An alert (RFC 8446 §5.1).
        assert_eq!(told.first(), Some(&21));
    }
}
