//! What is wrong with a zone, as data: the kind, whose records, and where they were read.

use std::fmt;

use crate::name::Name;
use crate::rrtype::{Class, Type};

/// How many warnings the compilation of a zone keeps, and how many errors, and its check again: who has more has one
/// mistake many times. Warnings are no reason to leave an error out, as the zone would be served then.
const FINDINGS_MAX: usize = 1000;

/// Where a record was read: the number of a file, in the reader's own list of them, and a line, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The file's number in the reader's list.
    pub file: u16,
    /// The line in that file.
    pub line: u32,
}

impl Position {
    /// Of records that weren't read from a file, in tables that have a place for one.
    pub(super) const NONE: Self = Self { file: 0, line: 0 };

    /// The same in a file that has so many more lines in front.
    pub(super) fn behind(self, lines: u32) -> Self {
        match self {
            Self::NONE => Self::NONE,
            Self { file, line } => Self {
                file,
                line: line.saturating_add(lines),
            },
        }
    }

    pub(super) fn known(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

/// What a finding means for the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The zone is served; somebody should look at it.
    Warning,
    /// The zone is not served.
    Error,
}

/// One thing that is wrong with a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The name whose records it is about.
    pub owner: Name,
    /// The type of the records, where it is about one type.
    pub rtype: Option<Type>,
    /// Where the first of the records was read, if a file was.
    pub position: Option<Position>,
}

/// What has been found about one zone, in the order it was.
#[derive(Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    warnings: usize,
    errors: usize,
}

impl Findings {
    /// Keeps the finding, unless as many of its severity are kept.
    pub(super) fn push(&mut self, finding: Finding) {
        let alike = match finding.severity() {
            Severity::Warning => &mut self.warnings,
            Severity::Error => &mut self.errors,
        };
        if *alike < FINDINGS_MAX {
            *alike += 1;
            self.kept.push(finding);
        }
    }

    /// Keeps what was found behind these.
    pub(super) fn append(&mut self, later: Self) {
        for finding in later.kept {
            self.push(finding);
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.kept
    }
}

/// The kinds of findings. A name in them is the target that the record points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindingKind {
    /// The zone has no SOA record (RFC 1035 §5.2).
    NoSoa,
    /// The zone has more than one SOA record.
    SeveralSoas,
    /// An SOA record below the zone's name.
    SoaNotAtApex,
    /// SOA data that is not two names and five numbers.
    MalformedSoa,
    /// No NS record at the zone's name (RFC 1035 §5.2).
    NoNs,
    /// A record of another class than IN.
    OtherClass(Class),
    /// A type that only questions and messages have.
    MetaType,
    /// A CNAME beside other records (RFC 1034 §3.6.2).
    CnameAndOtherData,
    /// More than one CNAME (RFC 2181 §10.1).
    SeveralCnames,
    /// More than one DNAME (RFC 6672 §2.4).
    SeveralDnames,
    /// NS records at a wildcard, whose meaning is undefined (RFC 4592 §4.2).
    NsAtWildcard,
    /// A record set that no message can hold.
    SetTooLarge,
    /// A name with more than 65,535 record sets.
    TooManySets,
    /// Signatures given as those of a type that they don't cover.
    OtherTypeCovered,
    /// The zone's data doesn't fit the 31-bit places it is stored at.
    ZoneTooLarge,
    /// A name server of the zone itself that is in the zone and has no address.
    NsWithoutAddress(Name),
    /// A name server of the zone itself that is an alias (RFC 2181 §10.3).
    NsIsCname(Name),
    /// A name server of the zone itself whose name a DNAME redirects.
    NsBelowDname(Name),
    /// A record that is not at or below the zone's name; it is left out.
    OutOfZone,
    /// The records of a set had several TTLs (RFC 2181 §5.2); this one is used for all.
    TtlsDiffer(u32),
    /// A delegation to a name server below the cut, without its address: nobody can reach it.
    RequiredGlueMissing(Name),
    /// A delegation to a name server below another cut of this zone, without its address.
    SiblingGlueMissing(Name),
    /// A delegation to a name server in this zone that has no address.
    DelegationWithoutAddress(Name),
    /// A target of MX or SRV that is in the zone and has no address.
    TargetWithoutAddress(Name),
    /// A target of a delegation's NS, of MX or of SRV that is an alias (RFC 2181 §10.3).
    TargetIsCname(Name),
    /// A target of a delegation's NS, of MX or of SRV whose name a DNAME redirects.
    TargetBelowDname(Name),
    /// A target that looks like an IPv4 address, which a name can't be.
    TargetIsAddress(Name),
    /// The owner of A, AAAA or MX records is not a host name (RFC 952, RFC 1123 §2.1).
    OwnerIsNoHostName,
    /// A target that must be a host name is none.
    TargetIsNoHostName(Name),
    /// SPF data in an SPF record only, where nobody looks any more (RFC 7208 §3.1).
    SpfWithoutTxt,
    /// A `*` label that is not the leftmost: no wildcard (RFC 4592 §2.1.1), though it may look like one.
    AsteriskInside,
    /// Records below a DNAME, which redirects their names: nobody sees them (RFC 6672 §2.4).
    HiddenByDname,
    /// NSEC3 parameters with so many extra rounds of hashing that resolvers take the zone for unsigned (RFC 9276 §3.2).
    Nsec3Iterations(u16),
}

impl FindingKind {
    /// Whether it keeps the zone from being served.
    pub fn severity(&self) -> Severity {
        match self {
            Self::NoSoa
            | Self::SeveralSoas
            | Self::SoaNotAtApex
            | Self::MalformedSoa
            | Self::NoNs
            | Self::OtherClass(_)
            | Self::MetaType
            | Self::CnameAndOtherData
            | Self::SeveralCnames
            | Self::SeveralDnames
            | Self::NsAtWildcard
            | Self::SetTooLarge
            | Self::TooManySets
            | Self::OtherTypeCovered
            | Self::ZoneTooLarge
            | Self::NsWithoutAddress(_)
            | Self::NsIsCname(_)
            | Self::NsBelowDname(_) => Severity::Error,
            Self::OutOfZone
            | Self::TtlsDiffer(_)
            | Self::RequiredGlueMissing(_)
            | Self::SiblingGlueMissing(_)
            | Self::DelegationWithoutAddress(_)
            | Self::TargetWithoutAddress(_)
            | Self::TargetIsCname(_)
            | Self::TargetBelowDname(_)
            | Self::TargetIsAddress(_)
            | Self::OwnerIsNoHostName
            | Self::TargetIsNoHostName(_)
            | Self::SpfWithoutTxt
            | Self::AsteriskInside
            | Self::HiddenByDname
            | Self::Nsec3Iterations(_) => Severity::Warning,
        }
    }
}

impl Finding {
    /// Whether it keeps the zone from being served.
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSoa => f.write_str("the zone has no SOA record"),
            Self::SeveralSoas => f.write_str("the zone has more than one SOA record"),
            Self::SoaNotAtApex => f.write_str("an SOA record may only be at the zone's own name"),
            Self::MalformedSoa => f.write_str("the SOA record's data is malformed"),
            Self::NoNs => f.write_str("the zone has no NS record at its own name"),
            Self::OtherClass(class) => write!(f, "class {class} in a zone of class IN"),
            Self::MetaType => f.write_str("a type that can't be in a zone"),
            Self::CnameAndOtherData => f.write_str("a CNAME beside other records"),
            Self::SeveralCnames => f.write_str("more than one CNAME"),
            Self::SeveralDnames => f.write_str("more than one DNAME"),
            Self::NsAtWildcard => f.write_str("NS records at a wildcard"),
            Self::SetTooLarge => f.write_str("more records than a message can hold"),
            Self::TooManySets => f.write_str("more record sets than a name can have"),
            Self::OtherTypeCovered => f.write_str("signatures of another type"),
            Self::ZoneTooLarge => f.write_str("the zone is larger than 2 GiB"),
            Self::NsWithoutAddress(target) | Self::DelegationWithoutAddress(target) => {
                write!(f, "name server {target} has no address in the zone")
            }
            Self::NsIsCname(target) => write!(f, "name server {target} is a CNAME"),
            Self::NsBelowDname(target) => write!(f, "name server {target} is below a DNAME"),
            Self::OutOfZone => f.write_str("not in the zone: ignored"),
            Self::TtlsDiffer(ttl) => write!(f, "the TTLs of these records differ: {ttl} is used for all"),
            Self::RequiredGlueMissing(target) => {
                write!(
                    f,
                    "the delegation can't be followed: {target} is below it and has no address"
                )
            }
            Self::SiblingGlueMissing(target) => {
                write!(
                    f,
                    "name server {target} is in another delegation of this zone and has no address"
                )
            }
            Self::TargetWithoutAddress(target) => write!(f, "{target} has no address in the zone"),
            Self::TargetIsCname(target) => write!(f, "{target} is a CNAME"),
            Self::TargetBelowDname(target) => write!(f, "{target} is below a DNAME"),
            Self::TargetIsAddress(target) => write!(f, "{target} looks like an address, and a name is needed"),
            Self::OwnerIsNoHostName => f.write_str("the name is not a host name"),
            Self::TargetIsNoHostName(target) => write!(f, "{target} is not a host name"),
            Self::SpfWithoutTxt => f.write_str("an SPF record without a TXT record that says the same"),
            Self::AsteriskInside => f.write_str("a \"*\" that is not the leftmost label is no wildcard"),
            Self::HiddenByDname => f.write_str("below a DNAME: nobody sees these records"),
            Self::Nsec3Iterations(iterations) => write!(
                f,
                "{iterations} NSEC3 iterations: resolvers take the zone for unsigned; 0 is recommended"
            ),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.owner)?;
        if let Some(rtype) = self.rtype {
            write!(f, " {rtype}")?;
        }
        write!(f, ": {}", self.kind)
    }
}
