//! Opcodes and response codes: the numbers of RFC 6895 §2.2 and §2.3.

use std::fmt;

/// What a message asks a server to do: four bits of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Opcode(pub u8);

impl Opcode {
    /// A question (RFC 1035 §4.1.1).
    pub const QUERY: Self = Self(0);
    /// A zone has changed (RFC 1996).
    pub const NOTIFY: Self = Self(4);
    /// A change to a zone (RFC 2136).
    pub const UPDATE: Self = Self(5);
}

/// How a request went: four bits of the header, eight more in an OPT record (RFC 6891 §6.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rcode(pub u16);

macro_rules! rcodes {
    ($($(#[doc = $doc:literal])+ $constant:ident = $number:literal $mnemonic:literal,)*) => {
        impl Rcode {
            $(
                $(#[doc = $doc])+
                pub const $constant: Self = Self($number);
            )*

            /// The name in the registry; `None` for a number that has none here.
            pub fn mnemonic(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($mnemonic),)*
                    _ => None,
                }
            }
        }
    };
}

rcodes! {
    /// No error.
    NOERROR = 0 "NOERROR",
    /// The request could not be understood.
    FORMERR = 1 "FORMERR",
    /// The server could not do it.
    SERVFAIL = 2 "SERVFAIL",
    /// The name does not exist.
    NXDOMAIN = 3 "NXDOMAIN",
    /// The server does not do this kind of thing.
    NOTIMP = 4 "NOTIMP",
    /// The server will not do it for this client.
    REFUSED = 5 "REFUSED",
    /// A name exists that must not: after a DNAME's substitution, one that is too long (RFC 6672 §2.2).
    YXDOMAIN = 6 "YXDOMAIN",
    /// A record set exists that must not (RFC 2136).
    YXRRSET = 7 "YXRRSET",
    /// A record set that must exist does not (RFC 2136).
    NXRRSET = 8 "NXRRSET",
    /// The server is not authoritative for the zone, or the signature is not good (RFC 2136, RFC 8945).
    NOTAUTH = 9 "NOTAUTH",
    /// A name is not in the zone (RFC 2136).
    NOTZONE = 10 "NOTZONE",
    /// The EDNS version is not ours (RFC 6891 §6.1.3).
    BADVERS = 16 "BADVERS",
    /// The server cookie is missing or bad (RFC 7873 §8).
    BADCOOKIE = 23 "BADCOOKIE",
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mnemonic() {
            Some(mnemonic) => f.write_str(mnemonic),
            None => write!(f, "RCODE{}", self.0),
        }
    }
}
