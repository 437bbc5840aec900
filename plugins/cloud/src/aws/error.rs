//! What becomes of a call that does not come back with what was asked for.

use std::fmt;
use std::time::Duration;

use super::credentials::CredentialsError;
use super::operation::Operation;

/// Characters of a peer's text that are kept: they go into logs and before people.
const TEXT_CHARS_MAX: usize = 500;

/// Why a call gave nothing. What the caller may conclude differs from one to the other, and nothing else about it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Too many calls; asked again until the deadline, or for longer than it leaves. Nothing was done.
    Throttled {
        /// The service's word for it: "RequestLimitExceeded".
        code: String,
        /// The service's sentence.
        message: String,
    },
    /// The service has understood and says no. Nothing was done.
    Refused {
        /// Of HTTP.
        status: u16,
        /// The service's word for it: "UnauthorizedOperation", "ConditionalCheckFailedException".
        code: String,
        /// The service's sentence.
        message: String,
    },
    /// The service failed at it, each time. Whether it has been done is not known.
    Failed {
        /// Of HTTP: 500 to 599.
        status: u16,
        /// The service's word for it.
        code: String,
        /// The service's sentence.
        message: String,
    },
    /// No answer.
    Unreachable {
        /// The host, with its port if it isn't the usual one.
        endpoint: String,
        /// What happened.
        why: NoAnswer,
        /// Whether the request may have got there: then whether it has been done is not known.
        was_sent: bool,
    },
    /// An answer that is not what the service is to give. Whether it has been done is not known.
    Malformed(Malformed),
    /// There is nothing to sign with. Nothing was sent.
    Credentials(CredentialsError),
    /// It is none of the calls that this client is for, and would not be permitted. Nothing was sent.
    NotPermitted(Operation),
    /// The deadline passed before anything was sent.
    TooLate,
}

/// How an answer failed to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// No connection: refused, no route, no name, or TLS that did not come about.
    NoConnection,
    /// Nothing came for so long.
    Silence(Duration),
    /// It did not end in time.
    TooSlow(Duration),
    /// The connection broke off in the midst of it.
    BrokenOff,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// It is not XML, or not all of it.
    Xml,
    /// It is not JSON, not all of it, or of another shape.
    Json,
    /// It lacks this.
    Missing(&'static str),
    /// This is not what it has to be.
    Wrong(&'static str),
    /// It is longer than so many octets.
    TooLong(usize),
    /// A page's token is one that was followed before: the list would not end.
    PagesLoop,
    /// A list has more pages than any should.
    TooManyPages,
    /// The octets are not those that were asked for: their digest differs.
    Checksum,
}

impl Error {
    /// A refusal with this code.
    #[must_use]
    pub fn is_refused_as(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }

    /// Whether what was asked for may have been done all the same: a caller for whom that makes a difference has to look.
    #[must_use]
    pub fn may_have_been_done(&self) -> bool {
        match self {
            Self::Throttled { .. }
            | Self::Refused { .. }
            | Self::Credentials(_)
            | Self::NotPermitted(_)
            | Self::TooLate => false,
            Self::Failed { .. } | Self::Malformed(_) => true,
            Self::Unreachable { was_sent, .. } => *was_sent,
        }
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<CredentialsError> for Error {
    fn from(error: CredentialsError) -> Self {
        Self::Credentials(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throttled { code, message } => write!(f, "throttled: {code}: {message}"),
            Self::Refused { status, code, message } => write!(f, "refused ({status}): {code}: {message}"),
            Self::Failed { status, code, message } => write!(f, "the service failed ({status}): {code}: {message}"),
            Self::Unreachable { endpoint, why, .. } => write!(f, "{endpoint}: {why}"),
            Self::Malformed(malformed) => write!(f, "an answer that can't be used: {malformed}"),
            Self::Credentials(error) => write!(f, "no credentials: {error}"),
            Self::NotPermitted(operation) => write!(f, "{} is none of the calls that are to be made", operation.name()),
            Self::TooLate => f.write_str("no time was left to ask"),
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConnection => f.write_str("no connection"),
            Self::Silence(time) => write!(f, "silence for {time:?}"),
            Self::TooSlow(time) => write!(f, "no end of the answer in {time:?}"),
            Self::BrokenOff => f.write_str("the connection broke off"),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xml => f.write_str("not XML, or cut off"),
            Self::Json => f.write_str("not the JSON that it should be"),
            Self::Missing(what) => write!(f, "{what} is missing"),
            Self::Wrong(what) => write!(f, "{what} is not what it has to be"),
            Self::TooLong(octets) => write!(f, "longer than {octets} octets"),
            Self::PagesLoop => f.write_str("its pages go in a circle"),
            Self::TooManyPages => f.write_str("its pages don't end"),
            Self::Checksum => f.write_str("the checksum is of other octets"),
        }
    }
}

impl std::error::Error for Malformed {}

/// A peer's text as it may be shown: not too long, and nothing in it that a terminal or a log would heed.
pub(super) fn printable(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(TEXT_CHARS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(TEXT_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peers_text_does_nothing_to_a_terminal() {
        assert_eq!(printable("a\x1b[2Jb\nc"), "a [2Jb c");
        assert_eq!(printable(&"ä".repeat(501)).chars().count(), 501);
    }

    #[test]
    fn what_may_have_been_done_is_told_from_what_was_not() {
        let silence = |was_sent| Error::Unreachable {
            endpoint: "x".into(),
            why: NoAnswer::Silence(Duration::from_secs(1)),
            was_sent,
        };
        assert!(silence(true).may_have_been_done());
        assert!(!silence(false).may_have_been_done());
        assert!(Error::from(Malformed::Xml).may_have_been_done());
        assert!(!Error::TooLate.may_have_been_done());
    }
}
