//! Messages taken apart, into a form that two servers' answers can be compared in.

use std::fmt;

use super::name::Name;
use super::rtype;

/// A response code, with the bits from the OPT record (RFC 6891 §6.1.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rcode(pub u16);

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::NOERROR => "NOERROR",
            Self::FORMERR => "FORMERR",
            Self::SERVFAIL => "SERVFAIL",
            Self::NXDOMAIN => "NXDOMAIN",
            Self::NOTIMP => "NOTIMP",
            Self::REFUSED => "REFUSED",
            Self::YXDOMAIN => "YXDOMAIN",
            Self::NOTAUTH => "NOTAUTH",
            Self::BADVERS => "BADVERS",
            Self(number) => return write!(f, "RCODE{number}"),
        })
    }
}

impl fmt::Debug for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Rcode {
    /// `NOERROR`.
    pub const NOERROR: Self = Self(0);
    /// `FORMERR`.
    pub const FORMERR: Self = Self(1);
    /// `SERVFAIL`.
    pub const SERVFAIL: Self = Self(2);
    /// `NXDOMAIN`.
    pub const NXDOMAIN: Self = Self(3);
    /// `NOTIMP`.
    pub const NOTIMP: Self = Self(4);
    /// `REFUSED`.
    pub const REFUSED: Self = Self(5);
    /// `YXDOMAIN`.
    pub const YXDOMAIN: Self = Self(6);
    /// `NOTAUTH`.
    pub const NOTAUTH: Self = Self(9);
    /// `BADVERS`.
    pub const BADVERS: Self = Self(16);
}

/// The header's bits by name (RFC 1035 §4.1.1).
pub mod flag {
    /// It is a response.
    pub const QR: u16 = 0x8000;
    /// The answer is authoritative.
    pub const AA: u16 = 0x0400;
    /// It was cut to the size that the client takes.
    pub const TC: u16 = 0x0200;
    /// Recursion is wished for.
    pub const RD: u16 = 0x0100;
    /// Recursion is to be had.
    pub const RA: u16 = 0x0080;
    /// The data is authentic (RFC 4035 §3.2.3).
    pub const AD: u16 = 0x0020;
    /// The client checks itself whether it is (RFC 4035 §3.2.2).
    pub const CD: u16 = 0x0010;
}

/// A record. Its owner is in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// The owner's name.
    pub owner: Name,
    /// The type's number.
    pub rtype: u16,
    /// The class's number.
    pub class: u16,
    /// In seconds.
    pub ttl: u32,
    /// The data. Names that may be compressed (RFC 3597 §4) are whole and in lower case; all other data is as it came, so a
    /// name compressed where it may not be makes a difference.
    pub data: Vec<u8>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rtype = rtype::name(self.rtype);
        write!(f, "{} {} CLASS{} {rtype} ", self.owner, self.ttl, self.class)?;
        match self.rtype {
            rtype::NS | rtype::CNAME | rtype::PTR | rtype::DNAME => match whole_name(&self.data, 0) {
                Ok((name, _)) => write!(f, "{name}"),
                Err(_) => write!(f, "{:02x?}", self.data),
            },
            _ => write!(f, "{}", self.data.escape_ascii()),
        }
    }
}

/// The OPT record (RFC 6891 §6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edns {
    /// The largest datagram that its sender takes, in octets.
    pub payload: u16,
    /// The upper eight bits of the response code.
    pub extended_rcode: u8,
    /// The version.
    pub version: u8,
    /// The DO bit and those without a meaning.
    pub flags: u16,
    /// Options: code and data.
    pub options: Vec<(u16, Vec<u8>)>,
}

impl Edns {
    /// The DO bit in [`Edns::flags`] (RFC 3225).
    pub const DNSSEC_OK: u16 = 0x8000;

    /// What most clients send: 1232 octets, version 0, nothing else.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            payload: 1232,
            extended_rcode: 0,
            version: 0,
            flags: 0,
            options: Vec::new(),
        }
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The number that answers have of their questions.
    pub id: u16,
    /// The second 16 bits of the header.
    pub flags: u16,
    /// Name, type and class of what was asked.
    pub questions: Vec<(Name, u16, u16)>,
    /// The first section of records.
    pub answers: Vec<Record>,
    /// The second.
    pub authorities: Vec<Record>,
    /// The third, without OPT records.
    pub additionals: Vec<Record>,
    /// The OPT record.
    pub edns: Option<Edns>,
    /// How long it was on the wire.
    pub octets: usize,
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// It ends inside of something.
    Short,
    /// A compression pointer that doesn't point backwards, a label of a reserved kind, or a name that is too long.
    Name,
    /// Octets behind the last record.
    Junk,
    /// More than one OPT record, or one outside the additional section.
    Opt,
}

impl Message {
    /// Takes a message apart.
    ///
    /// # Errors
    /// Where it isn't one in every detail.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let header: &[u8; 12] = bytes.first_chunk().ok_or(Malformed::Short)?;
        let field = |n: usize| u16::from_be_bytes([header[2 * n], header[2 * n + 1]]);
        let mut reader = Reader { bytes, at: 12 };
        let mut questions = Vec::new();
        for _ in 0..field(2) {
            questions.push((reader.name()?, reader.u16()?, reader.u16()?));
        }
        let answers = reader.records(field(3))?;
        let authorities = reader.records(field(4))?;
        let mut additionals = reader.records(field(5))?;
        if reader.at != bytes.len() {
            return Err(Malformed::Junk);
        }
        let opt = additionals.iter().position(|record| record.rtype == rtype::OPT);
        let edns = opt.map(|at| edns_of(&additionals.remove(at))).transpose()?;
        let mut all = answers.iter().chain(&authorities).chain(&additionals);
        if all.any(|record| record.rtype == rtype::OPT) {
            return Err(Malformed::Opt);
        }
        Ok(Self {
            id: field(0),
            flags: field(1),
            questions,
            answers,
            authorities,
            additionals,
            edns,
            octets: bytes.len(),
        })
    }

    /// The response code.
    #[must_use]
    pub fn rcode(&self) -> Rcode {
        let upper = self.edns.as_ref().map_or(0, |edns| edns.extended_rcode);
        Rcode(u16::from(upper) << 4 | self.flags & 0xF)
    }

    /// Whether a bit of [`flag`] is set.
    #[must_use]
    pub fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

fn edns_of(record: &Record) -> Result<Edns, Malformed> {
    let [extended_rcode, version, high, low] = record.ttl.to_be_bytes();
    let mut reader = Reader {
        bytes: &record.data,
        at: 0,
    };
    let mut options = Vec::new();
    while reader.at < record.data.len() {
        let code = reader.u16()?;
        let length = reader.u16()?;
        options.push((code, reader.take(usize::from(length))?.to_vec()));
    }
    Ok(Edns {
        payload: record.class,
        extended_rcode,
        version,
        flags: u16::from_be_bytes([high, low]),
        options,
    })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let taken = self.bytes.get(self.at..self.at + length).ok_or(Malformed::Short)?;
        self.at += length;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        let taken = self.take(2)?;
        Ok(u16::from_be_bytes([taken[0], taken[1]]))
    }

    fn name(&mut self) -> Result<Name, Malformed> {
        let (name, after) = whole_name(self.bytes, self.at)?;
        self.at = after;
        Ok(name)
    }

    fn records(&mut self, count: u16) -> Result<Vec<Record>, Malformed> {
        (0..count).map(|_| self.record()).collect()
    }

    fn record(&mut self) -> Result<Record, Malformed> {
        let owner = self.name()?.lowered();
        let rtype = self.u16()?;
        let class = self.u16()?;
        let ttl = u32::from(self.u16()?) << 16 | u32::from(self.u16()?);
        let length = usize::from(self.u16()?);
        let end = self.at + length;
        if end > self.bytes.len() {
            return Err(Malformed::Short);
        }
        let (fixed, names) = compressible(rtype);
        let mut data = Vec::new();
        if names > 0 {
            data.extend_from_slice(self.take(fixed)?);
            for _ in 0..names {
                data.extend_from_slice(self.name()?.lowered().as_wire());
            }
        }
        let rest = end.checked_sub(self.at).ok_or(Malformed::Name)?;
        data.extend_from_slice(self.take(rest)?);
        Ok(Record {
            owner,
            rtype,
            class,
            ttl,
            data,
        })
    }
}

/// The types whose data may have compressed names (RFC 3597 §4): the octets in front of them, and how many they are.
fn compressible(rtype: u16) -> (usize, usize) {
    const MD: u16 = 3;
    const MF: u16 = 4;
    const MB: u16 = 7;
    const MR: u16 = 9;
    const MINFO: u16 = 14;
    match rtype {
        rtype::NS | MD | MF | rtype::CNAME | MB..=MR | rtype::PTR => (0, 1),
        rtype::SOA | MINFO => (0, 2),
        rtype::MX => (2, 1),
        _ => (0, 0),
    }
}

/// The name that starts at an offset, and where what follows it starts.
fn whole_name(bytes: &[u8], start: usize) -> Result<(Name, usize), Malformed> {
    let mut labels = Vec::new();
    let mut at = start;
    // Each pointer must point in front of the part of the name that it ends, so this comes to an end.
    let mut before = start;
    let mut after = None;
    loop {
        let length = *bytes.get(at).ok_or(Malformed::Short)?;
        match length >> 6 {
            0 if length == 0 => {
                let name = Name::from_labels(labels).ok_or(Malformed::Name)?;
                return Ok((name, after.unwrap_or(at + 1)));
            }
            0 => {
                let label = at + 1..at + 1 + usize::from(length);
                labels.push(bytes.get(label.clone()).ok_or(Malformed::Short)?);
                at = label.end;
            }
            3 => {
                let low = *bytes.get(at + 1).ok_or(Malformed::Short)?;
                after.get_or_insert(at + 2);
                at = usize::from(length & 0x3F) << 8 | usize::from(low);
                if at >= before {
                    return Err(Malformed::Name);
                }
                before = at;
            }
            _ => return Err(Malformed::Name),
        }
    }
}
