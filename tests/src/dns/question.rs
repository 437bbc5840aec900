//! Questions as bytes.

use std::fmt;

use super::message::{Edns, flag};
use super::name::Name;
use super::rtype;

/// A query of one question.
#[derive(Debug, Clone)]
pub struct Query {
    /// The number that the answer comes back with.
    pub id: u16,
    /// The second 16 bits of the header.
    pub flags: u16,
    /// What is asked for.
    pub name: Name,
    /// Its type.
    pub rtype: u16,
    /// Its class.
    pub class: u16,
    /// The OPT record, if any.
    pub edns: Option<Edns>,
}

/// Class `IN`.
pub const IN: u16 = 1;
/// Class `CH`, where servers tell of themselves.
pub const CH: u16 = 3;
/// Class `ANY`.
pub const ANY_CLASS: u16 = 255;

impl Query {
    /// A plain question of class IN: no flags, no EDNS.
    #[must_use]
    pub fn of(name: &str, rtype: u16) -> Self {
        Self::of_name(Name::of(name), rtype)
    }

    /// The same for a name that is one already.
    #[must_use]
    pub fn of_name(name: Name, rtype: u16) -> Self {
        Self {
            id: 0x2A2A,
            flags: 0,
            name,
            rtype,
            class: IN,
            edns: None,
        }
    }

    /// With this number.
    #[must_use]
    pub fn id(self, id: u16) -> Self {
        Self { id, ..self }
    }

    /// With these bits in the header, beyond what it has.
    #[must_use]
    pub fn flags(self, flags: u16) -> Self {
        Self {
            flags: self.flags | flags,
            ..self
        }
    }

    /// In this class.
    #[must_use]
    pub fn class(self, class: u16) -> Self {
        Self { class, ..self }
    }

    /// With an OPT record.
    #[must_use]
    pub fn edns(self, edns: Edns) -> Self {
        Self {
            edns: Some(edns),
            ..self
        }
    }

    /// The message.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = header(self.id, self.flags, [1, 0, 0, u16::from(self.edns.is_some())]);
        bytes.extend(self.question());
        if let Some(edns) = &self.edns {
            bytes.extend(opt(edns));
        }
        bytes
    }

    /// The question alone, as it stands in the message.
    #[must_use]
    pub fn question(&self) -> Vec<u8> {
        let mut bytes = self.name.as_wire().to_vec();
        bytes.extend(self.rtype.to_be_bytes());
        bytes.extend(self.class.to_be_bytes());
        bytes
    }
}

/// As options of dig, so that a failing test can be followed up by hand.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let no = |set: bool| if set { "" } else { "no" };
        write!(f, "+{}rec ", no(self.flags & flag::RD != 0))?;
        match &self.edns {
            None => f.write_str("+noedns ")?,
            Some(edns) => write!(
                f,
                "+bufsize={} +{}dnssec ",
                edns.payload,
                no(edns.flags & Edns::DNSSEC_OK != 0)
            )?,
        }
        write!(f, "'{}' {}", self.name, rtype::name(self.rtype))
    }
}

/// A header with these counts of questions, answers, authorities and additionals.
#[must_use]
pub fn header(id: u16, flags: u16, counts: [u16; 4]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    for field in [id, flags].into_iter().chain(counts) {
        bytes.extend(field.to_be_bytes());
    }
    bytes
}

/// An OPT record.
#[must_use]
pub fn opt(edns: &Edns) -> Vec<u8> {
    let mut options = Vec::new();
    for (code, data) in &edns.options {
        options.extend(code.to_be_bytes());
        options.extend(length_of(data));
        options.extend(data);
    }
    let mut bytes = vec![0];
    bytes.extend(rtype::OPT.to_be_bytes());
    bytes.extend(edns.payload.to_be_bytes());
    bytes.extend([edns.extended_rcode, edns.version]);
    bytes.extend(edns.flags.to_be_bytes());
    bytes.extend(length_of(&options));
    bytes.extend(options);
    bytes
}

fn length_of(data: &[u8]) -> [u8; 2] {
    u16::try_from(data.len()).expect("below 64 KiB").to_be_bytes()
}
