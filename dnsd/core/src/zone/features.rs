//! Which kinds of records a zone has at all, so that answers needn't look for those that it hasn't.

use crate::rrtype::Type;

/// A set of kinds of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Features(u8);

impl Features {
    /// Signatures, and proofs that something isn't there.
    pub(super) const DNSSEC: Self = Self(1);
    /// Keys of TLS services.
    pub(super) const TLSA: Self = Self(2);

    /// What a record of this type brings with it.
    pub(super) fn of(rtype: Type) -> Self {
        match rtype {
            Type::RRSIG | Type::NSEC | Type::NSEC3 => Self::DNSSEC,
            Type::TLSA => Self::TLSA,
            _ => Self::default(),
        }
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
