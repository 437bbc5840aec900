//! The plain query, read in place.

use crate::message::{Edns, Flags, HEADER_BYTES, OPT_BYTES};
use crate::name::NameRef;
use crate::rrtype::{Class, Type};

/// The flags that a plain query may have in any state: opcode and QR are zero in it.
const OPCODE_AND_QR: u16 = 0xF800;

/// One question of class IN for one set of records of a name that isn't the root, with at most an OPT record of version 0.
pub(super) struct PlainQuery<'m> {
    /// Header and question, as the reply begins too.
    pub(super) octets: &'m [u8],
    pub(super) flags: Flags,
    pub(super) name: NameRef<'m>,
    pub(super) qtype: Type,
    pub(super) edns: Option<Edns<'m>>,
}

impl<'m> PlainQuery<'m> {
    /// Reads `message`; `None` when it is anything else.
    pub(super) fn read(message: &'m [u8]) -> Option<Self> {
        let (header, body) = message.split_first_chunk::<HEADER_BYTES>()?;
        let &[_, _, high, low, 0, 1, 0, 0, 0, 0, 0, additionals @ 0..=1] = header else {
            return None;
        };
        let flags = Flags(u16::from_be_bytes([high, low]));
        if flags.0 & OPCODE_AND_QR != 0 {
            return None;
        }
        let name = NameRef::prefix_of(body).ok()?;
        let (fields, rest) = body[name.as_wire().len()..].split_first_chunk::<4>()?;
        let qtype = Type(u16::from_be_bytes([fields[0], fields[1]]));
        let class = Class(u16::from_be_bytes([fields[2], fields[3]]));
        // Signatures are several sets, by the types that they cover. Nothing points to the root.
        if class != Class::IN || qtype.is_meta() || qtype == Type::RRSIG || name.is_root() {
            return None;
        }
        let mut query = Self {
            octets: &message[..message.len() - rest.len()],
            flags,
            name,
            qtype,
            edns: None,
        };
        if additionals == 1 {
            let (head, behind) = rest.split_first_chunk::<OPT_BYTES>()?;
            // Owned by the root; the response code means nothing in a query.
            let &[0, 0, 41, p0, p1, t0, t1 @ 0, t2, t3, l0, l1] = head else {
                return None;
            };
            let options = behind.get(..usize::from(u16::from_be_bytes([l0, l1])))?;
            let (class, ttl) = (u16::from_be_bytes([p0, p1]), u32::from_be_bytes([t0, t1, t2, t3]));
            query.edns = Some(Edns::read(class, ttl, options)?);
        }
        Some(query)
    }

    /// Whether DNSSEC records are wanted.
    pub(super) fn is_dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|edns| edns.dnssec_ok)
    }
}
