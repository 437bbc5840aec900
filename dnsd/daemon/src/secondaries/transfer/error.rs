//! Why a transfer brought nothing.

use std::fmt;
use std::io;

use dnsd_core::serial::Serial;
use dnsd_core::transfer::IncomingError;
use dnsd_core::tsig::ResponseError;

use crate::remotes;

/// Why a transfer brought nothing.
#[derive(Debug)]
pub(crate) enum TransferError {
    /// The connection can't be made, or broke.
    Io(io::Error),
    /// The TLS handshake failed, or what came is not what the other side encrypted.
    Tls(rustls::Error),
    /// The primary doesn't say that it speaks DNS over TLS, which it must (RFC 9103 §7.1).
    NotDot,
    /// It took longer than [`HANDSHAKE_MAX`](remotes::HANDSHAKE_MAX).
    SlowHandshake,
    /// The primary closed the connection in the middle.
    Closed,
    /// Nothing came for `max-transfer-idle-in`.
    Idle,
    /// It took longer than `max-transfer-time-in`.
    TooLong,
    /// A message is not to be believed, or the primary doesn't believe us.
    Signature(ResponseError),
    /// What came is no transfer of the zone.
    Incoming(IncomingError),
    /// A mistake of ours, which the log has.
    Panicked,
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Tls(error) => write!(f, "TLS: {error}"),
            Self::NotDot => f.write_str(remotes::NOT_DOT),
            Self::SlowHandshake => f.write_str(remotes::SLOW_HANDSHAKE),
            Self::Closed => f.write_str("the primary closed the connection"),
            Self::Idle => f.write_str("nothing came for max-transfer-idle-in"),
            Self::TooLong => f.write_str("it took longer than max-transfer-time-in"),
            Self::Signature(error) => error.fmt(f),
            Self::Incoming(error) => error.fmt(f),
            Self::Panicked => f.write_str("the transfer's thread has failed"),
        }
    }
}

impl std::error::Error for TransferError {}

impl From<ResponseError> for TransferError {
    fn from(error: ResponseError) -> Self {
        Self::Signature(error)
    }
}

impl From<IncomingError> for TransferError {
    fn from(error: IncomingError) -> Self {
        Self::Incoming(error)
    }
}

impl From<rustls::Error> for TransferError {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}

impl From<io::Error> for TransferError {
    fn from(error: io::Error) -> Self {
        // rustls hands its errors through the streams.
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::Tls(tls.clone());
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            // What a receive timeout looks like (socket(7)).
            io::ErrorKind::WouldBlock => Self::Idle,
            io::ErrorKind::TimedOut => Self::TooLong,
            _ => Self::Io(error),
        }
    }
}

impl TransferError {
    /// The primary's version, when it is not newer than ours.
    pub(crate) fn offered_no_newer(&self) -> Option<Serial> {
        match self {
            Self::Incoming(IncomingError::NotNewer { offered, .. }) => Some(*offered),
            _ => None,
        }
    }

    /// Whether steps can't be had so, and the whole zone may: the primary doesn't know IXFR, or what it sends as steps are
    /// none. A limit that was passed would be passed again.
    pub(crate) fn is_of_steps(&self) -> bool {
        use IncomingError::{TooManyOctets, TooManyRecords, Unfinished};
        matches!(self, Self::Incoming(error) if !matches!(error, TooManyOctets | TooManyRecords | Unfinished))
    }
}
