//! Why a connection to a plugin has ended, and what is worth a line in the log.

use std::fmt;
use std::io;

use super::super::host::HostError;
use super::super::news::Held;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody can be reached: what the system said.
    Connect(io::ErrorKind),
    /// The socket is another user's than it should be: whose.
    OtherUser(u32),
    /// The plugin has closed the connection.
    Closed,
    /// It refuses to be followed: the error's name.
    Refused(String),
    /// It has said nothing for too long.
    Silent,
    /// What it said can't be read.
    Garbled,
    /// A delta is not the one that was to come: its number, and that of the reply before.
    Gap {
        /// Of what came.
        came: u64,
        /// Of the reply before.
        after: u64,
    },
    /// A delta to a snapshot that was never sent.
    OtherEpoch,
    /// The parts of one snapshot or delta were not complete when those of another came.
    Incomplete,
    /// More hosts than are taken.
    TooManyHosts(usize),
    /// A snapshot that is not complete after so many octets.
    TooManyBytes(usize),
}

impl Trouble {
    /// Whether what the plugin says doesn't fit together, so that only a new snapshot helps.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        match self {
            Self::Connect(_) | Self::OtherUser(_) | Self::Closed | Self::Refused(_) | Self::Silent => false,
            Self::Garbled
            | Self::Gap { .. }
            | Self::OtherEpoch
            | Self::Incomplete
            | Self::TooManyHosts(_)
            | Self::TooManyBytes(_) => true,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(kind) => write!(f, "it can't be reached: {kind}"),
            Self::OtherUser(uid) => write!(f, "its socket is served by user {uid}, who is not its `user`"),
            Self::Closed => write!(f, "it has closed the connection"),
            Self::Refused(error) => write!(f, "it refuses: {error}"),
            Self::Silent => write!(f, "it has said nothing for 30s"),
            Self::Garbled => write!(f, "what it says can't be read"),
            Self::Gap { came, after } => write!(f, "after {after} came {came}"),
            Self::OtherEpoch => write!(f, "a delta came to a snapshot that was not sent"),
            Self::Incomplete => write!(f, "a snapshot or delta was not complete when another came"),
            Self::TooManyHosts(max) => write!(f, "it has more than {max} hosts"),
            Self::TooManyBytes(max) => write!(f, "a snapshot is not complete after {max} octets"),
        }
    }
}

/// What is worth a line in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The first complete word of a connection has come.
    Following,
    /// The connection has ended, or none could be made; said once for as long as it is the same.
    Lost(Trouble),
    /// A snapshot is held.
    Held(Held),
    /// What was held is used now.
    Released,
    /// A host is left out; said once for each.
    Rejected(HostError),
    /// So many have been that no more are named.
    RejectedMany,
}
