//! How a request is answered, and why.

use http::StatusCode;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    /// Its work is done.
    Done,
    /// Its work was done when it came before.
    Repeated,
    /// The topic delivers to us from now on.
    Confirmed,
    /// … and no more.
    Ended,
    /// No POST.
    Method,
    /// It is longer than a message can be.
    TooLong,
    /// It did not come to its end in time.
    Slow,
    /// No message of a topic.
    Malformed,
    /// Delivered raw, without a signature.
    Raw,
    /// Of a topic that nobody takes from.
    Topic,
    /// Too old, or of a time that is not yet.
    Age,
    /// The certificate is somewhere else.
    CertificateUrl,
    /// The certificate can't be had now.
    Certificate,
    /// The certificate is not valid at this time.
    CertificateTime,
    /// A signature of another version.
    Version,
    /// Another's signature, or of something else.
    Signature,
    /// It is to be confirmed somewhere else, or something else is.
    SubscribeUrl,
    /// It could not be confirmed now.
    NotConfirmed,
    /// Its work is not done, or not yet.
    Kept,
    /// There is too much to do.
    Busy,
}

impl Answer {
    /// In metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Repeated => "repeated",
            Self::Confirmed => "confirmed",
            Self::Ended => "ended",
            Self::Method => "method",
            Self::TooLong => "too-long",
            Self::Slow => "slow",
            Self::Malformed => "malformed",
            Self::Raw => "raw",
            Self::Topic => "topic",
            Self::Age => "age",
            Self::CertificateUrl => "certificate-url",
            Self::Certificate => "certificate",
            Self::CertificateTime => "certificate-time",
            Self::Version => "version",
            Self::Signature => "signature",
            Self::SubscribeUrl => "subscribe-url",
            Self::NotConfirmed => "not-confirmed",
            Self::Kept => "kept",
            Self::Busy => "busy",
        }
    }

    /// SNS sends again what was answered with 5xx, and nothing that was answered with 4xx.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Done | Self::Repeated | Self::Confirmed | Self::Ended => StatusCode::OK,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Malformed | Self::Raw => StatusCode::BAD_REQUEST,
            Self::Topic | Self::Age | Self::CertificateUrl | Self::Version | Self::Signature | Self::SubscribeUrl => {
                StatusCode::FORBIDDEN
            }
            Self::Slow | Self::Certificate | Self::CertificateTime | Self::NotConfirmed | Self::Kept | Self::Busy => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }
}
