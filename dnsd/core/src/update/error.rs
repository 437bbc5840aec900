//! Why an update is not done.

use std::fmt;

use crate::message::Rcode;
use crate::name::{Name, NameRef};
use crate::rrtype::Type;
use crate::zone::FindingKind;

/// Why an update is not done, and which record of it is the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateError {
    /// What is wrong.
    pub kind: UpdateErrorKind,
    /// The name of the record, or of the zone.
    pub owner: Name,
    /// The type of the record.
    pub rtype: Type,
}

/// What is wrong with an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateErrorKind {
    /// The zone section doesn't have type SOA (RFC 2136 §3.1.1).
    ZoneType,
    /// The zone's class isn't IN.
    ZoneClass,
    /// A record can't be read, or has data that its type can't have.
    Unreadable,
    /// A prerequisite is in none of the five forms (RFC 2136 §2.4).
    PrerequisiteForm,
    /// An update is in none of the four forms (RFC 2136 §2.5).
    UpdateForm,
    /// A name isn't in the zone (RFC 2136 §3.2.5, §3.4.1.2).
    NotInZone,
    /// The name is to be in use, and is not (RFC 2136 §2.4.4).
    NameNotInUse,
    /// The name is not to be in use, and is (RFC 2136 §2.4.5).
    NameInUse,
    /// The set is to exist, and does not (RFC 2136 §2.4.1).
    SetMissing,
    /// The set is to have exactly these records, and has not (RFC 2136 §2.4.2).
    SetDiffers,
    /// The set is not to exist, and does (RFC 2136 §2.4.3).
    SetExists,
    /// The zone is signed.
    ZoneSigned,
    /// A signature, or a proof of what isn't there, which only a signer may add.
    Dnssec,
    /// The zone can't hold what it would be.
    Impossible(FindingKind),
}

impl UpdateError {
    pub(super) fn new(kind: UpdateErrorKind, owner: NameRef<'_>, rtype: Type) -> Self {
        Self {
            kind,
            owner: owner.to_name(),
            rtype,
        }
    }

    /// The code of the response.
    pub fn rcode(&self) -> Rcode {
        match self.kind {
            UpdateErrorKind::ZoneType
            | UpdateErrorKind::Unreadable
            | UpdateErrorKind::PrerequisiteForm
            | UpdateErrorKind::UpdateForm => Rcode::FORMERR,
            UpdateErrorKind::ZoneClass => Rcode::NOTAUTH,
            UpdateErrorKind::NotInZone => Rcode::NOTZONE,
            UpdateErrorKind::NameNotInUse => Rcode::NXDOMAIN,
            UpdateErrorKind::NameInUse => Rcode::YXDOMAIN,
            UpdateErrorKind::SetMissing | UpdateErrorKind::SetDiffers => Rcode::NXRRSET,
            UpdateErrorKind::SetExists => Rcode::YXRRSET,
            UpdateErrorKind::ZoneSigned | UpdateErrorKind::Dnssec => Rcode::REFUSED,
            UpdateErrorKind::Impossible(_) => Rcode::SERVFAIL,
        }
    }
}

impl fmt::Display for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, owner, rtype } = self;
        write!(f, "{owner}/{rtype}: ")?;
        f.write_str(match kind {
            UpdateErrorKind::ZoneType => "the zone section doesn't ask for SOA",
            UpdateErrorKind::ZoneClass => "no zone of this class",
            UpdateErrorKind::Unreadable => "the record can't be read",
            UpdateErrorKind::PrerequisiteForm => "no form of a prerequisite",
            UpdateErrorKind::UpdateForm => "no form of an update",
            UpdateErrorKind::NotInZone => "the name is not in the zone",
            UpdateErrorKind::NameNotInUse => "'name in use' prerequisite not satisfied",
            UpdateErrorKind::NameInUse => "'name not in use' prerequisite not satisfied",
            UpdateErrorKind::SetMissing => "'rrset exists (value independent)' prerequisite not satisfied",
            UpdateErrorKind::SetDiffers => "'rrset exists (value dependent)' prerequisite not satisfied",
            UpdateErrorKind::SetExists => "'rrset does not exist' prerequisite not satisfied",
            UpdateErrorKind::ZoneSigned => "the zone is signed",
            UpdateErrorKind::Dnssec => "only the signer of a zone adds this type",
            UpdateErrorKind::Impossible(finding) => return finding.fmt(f),
        })?;
        write!(f, " ({})", self.rcode())
    }
}

impl std::error::Error for UpdateError {}
