//! What a TSIG record says went wrong (RFC 8945 §3, §4.2).

use std::fmt;

/// The error field of a TSIG record. Its numbers are those of extended response codes, but 16 means another thing there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TsigError(pub u16);

impl TsigError {
    /// All is well.
    pub const NOERROR: Self = Self(0);
    /// The MAC is not that of the message.
    pub const BADSIG: Self = Self(16);
    /// The key isn't known, or not with this algorithm.
    pub const BADKEY: Self = Self(17);
    /// The message was signed too long ago, or the clocks differ.
    pub const BADTIME: Self = Self(18);
    /// More of the MAC was cut off than the receiver takes.
    pub const BADTRUNC: Self = Self(22);

    /// The name in the registry; `None` for a number that has none here.
    pub fn mnemonic(self) -> Option<&'static str> {
        match self {
            Self::NOERROR => Some("NOERROR"),
            Self::BADSIG => Some("BADSIG"),
            Self::BADKEY => Some("BADKEY"),
            Self::BADTIME => Some("BADTIME"),
            Self::BADTRUNC => Some("BADTRUNC"),
            _ => None,
        }
    }
}

impl fmt::Display for TsigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mnemonic() {
            Some(mnemonic) => f.write_str(mnemonic),
            None => write!(f, "ERROR{}", self.0),
        }
    }
}
