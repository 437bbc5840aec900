//! Which answers count as the same: those that an attacker gets at will by changing what costs nothing to change.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::answer::Reply;
use crate::message::{Flags, Header, Rcode};

/// A kind of answer, each with a rate of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Records that were asked for.
    Answer,
    /// To another zone's servers.
    Referral,
    /// The name is there, what was asked of it isn't.
    NoData,
    /// The name isn't there.
    NxDomain,
    /// Any other response code.
    Error,
    /// All kinds together.
    All,
}

impl Kind {
    /// The kind of a reply, by what its header says.
    pub(super) fn of(reply: &Reply, header: &Header) -> Self {
        match reply.rcode {
            // What has no question is no answer to one.
            _ if reply.qname.is_none() => Self::Error,
            Rcode::NXDOMAIN => Self::NxDomain,
            Rcode::NOERROR if header.answers > 0 => Self::Answer,
            // Also when its addresses didn't fit: TC says nothing of what kind it is.
            Rcode::NOERROR if !header.flags.contains(Flags::AA) => Self::Referral,
            // Records that were too many for even the first of them.
            Rcode::NOERROR if header.flags.contains(Flags::TC) => Self::Answer,
            Rcode::NOERROR => Self::NoData,
            _ => Self::Error,
        }
    }
}

/// Adds to a hash what is the same in all answers of a bucket. `message` is the reply.
///
/// Positive answers are told apart by name and type, referrals by the delegation and negative answers by the zone. Of a name
/// only what is behind its free octets counts: otherwise random names would have a bucket each.
pub(super) fn hash_bucket(kind: Kind, reply: &Reply, message: &[u8], hasher: &mut SipHasher13) {
    hasher.write_u8(kind as u8);
    match kind {
        Kind::Answer => {
            hash_name(bound_name(reply, message), hasher);
            hasher.write_u16(reply.qtype.map_or(0, |qtype| qtype.0));
        }
        Kind::Referral => hash_name(bound_name(reply, message), hasher),
        Kind::NoData | Kind::NxDomain => hasher.write_u32(reply.zone.map_or(u32::MAX, |zone| zone.0)),
        // What is wrong with a request, its sender can change as it likes.
        Kind::Error | Kind::All => {}
    }
}

/// The name that was asked for without its free octets. In the reply it stands where it stood in the request.
fn bound_name<'m>(reply: &Reply, message: &'m [u8]) -> &'m [u8] {
    let Some(range) = reply.qname.clone() else { return &[] };
    message
        .get(range.start + usize::from(reply.free_bytes)..range.end)
        .unwrap_or_default()
}

/// A name in wire form. Its case doesn't count, as that too is the client's to choose; the octets of the labels' lengths are
/// below those of letters.
fn hash_name(name: &[u8], hasher: &mut SipHasher13) {
    let mut folded = [0; 255];
    let length = name.len().min(folded.len());
    folded[..length].copy_from_slice(&name[..length]);
    folded[..length].make_ascii_lowercase();
    hasher.write(&folded[..length]);
}
