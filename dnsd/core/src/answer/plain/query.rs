//! The plain query, read in place.

use crate::message::{Flags, HEADER_BYTES, OPT_BYTES};
use crate::name::NameRef;
use crate::rrtype::{Class, Type};

/// The flags that a plain query may have in any state: opcode and QR are zero in it.
const OPCODE_AND_QR: u16 = 0xF800;

/// One question of class IN for one set of records of a name that isn't the root, with at most an OPT record of version 0
/// without options.
pub(super) struct PlainQuery<'m> {
    /// Header and question, as the reply begins too.
    pub(super) octets: &'m [u8],
    pub(super) flags: Flags,
    pub(super) name: NameRef<'m>,
    pub(super) qtype: Type,
    /// The size of the largest datagram that the client takes, if it has said so.
    pub(super) payload_bytes: Option<u16>,
    pub(super) dnssec_ok: bool,
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
            payload_bytes: None,
            dnssec_ok: false,
        };
        if additionals == 1 {
            // Owned by the root; the response code means nothing in a query.
            let &[0, 0, 41, high, low, _, 0, dnssec_ok, _, 0, 0] = rest.first_chunk::<OPT_BYTES>()? else {
                return None;
            };
            query.payload_bytes = Some(u16::from_be_bytes([high, low]));
            query.dnssec_ok = dnssec_ok & 0x80 != 0;
        }
        Some(query)
    }
}
