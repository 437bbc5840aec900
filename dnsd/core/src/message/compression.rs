//! Name compression (RFC 1035 §4.1.4): which names and tails of names a message already holds, and where.

use crate::name::{LABELS_MAX, NameRef};

/// How many tails are remembered. A reply has a few dozen different ones; a message that has more (a transfer's) still
/// compresses against the first of them, which include the zone's own name. Bounds what one name costs to look up.
pub(crate) const TAILS_MAX: usize = 64;

/// The first offset that fourteen bits can't hold.
const OFFSETS_END: usize = 0x4000;

/// The tails of the names that were written so far.
pub(super) struct Compression {
    tails: [Tail; TAILS_MAX],
    len: usize,
}

#[derive(Clone, Copy, Default)]
struct Tail {
    /// A hash of the lower-cased labels, so that most tails that differ are told apart without reading the message.
    hash: u16,
    offset: u16,
}

/// Where a name is written: so many octets of labels, then a pointer to an equal tail or the root.
pub(super) struct Split {
    /// Octets of the name that are written as they are.
    pub(super) literal: usize,
    /// The offset of the rest in the message; `None` when the whole name, the root included, is literal.
    pub(super) pointer: Option<u16>,
}

impl Compression {
    pub(super) fn new() -> Self {
        Self {
            tails: [Tail::default(); TAILS_MAX],
            len: 0,
        }
    }

    /// How many tails are known: what [`Compression::forget`] takes.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Forgets the tails that were added since there were `len`.
    pub(super) fn forget(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Finds the longest tail of `name` that `message`, as far as it is written, holds in any case of its letters, and
    /// remembers the labels in front of it as if the name were now written at `at`.
    pub(super) fn place(&mut self, message: &[u8], name: NameRef<'_>, at: usize) -> Split {
        let wire = name.as_wire();
        let mut starts = [0_u8; LABELS_MAX];
        let mut count = 0;
        let mut start = 0_u8;
        for label in name.labels() {
            starts[count] = start;
            count += 1;
            start += 1 + label.len() as u8;
        }
        // Hashes build from the right, so that each tail's extends that of the tail behind it.
        let mut hashes = [0_u16; LABELS_MAX];
        let mut hash = 0x811C_u16;
        let mut end = wire.len() - 1;
        for n in (0..count).rev() {
            let start = usize::from(starts[n]);
            for octet in &wire[start..end] {
                hash = (hash ^ u16::from(octet.to_ascii_lowercase())).wrapping_mul(0x0193);
            }
            hashes[n] = hash;
            end = start;
        }
        for n in 0..count {
            let start = usize::from(starts[n]);
            if let Some(offset) = self.find(message, hashes[n], &wire[start..]) {
                return Split {
                    literal: start,
                    pointer: Some(offset),
                };
            }
            self.add(hashes[n], at + start);
        }
        Split {
            literal: wire.len(),
            pointer: None,
        }
    }

    fn find(&self, message: &[u8], hash: u16, tail: &[u8]) -> Option<u16> {
        self.tails[..self.len]
            .iter()
            .find(|known| known.hash == hash && holds(message, usize::from(known.offset), tail))
            .map(|known| known.offset)
    }

    /// Whether the hash of a name of two labels is also that of its last one.
    #[cfg(test)]
    pub(super) fn collides_with_its_tail(name: NameRef<'_>) -> bool {
        let mut compression = Self::new();
        compression.place(&[], name, 0);
        compression.tails[0].hash == compression.tails[1].hash
    }

    fn add(&mut self, hash: u16, offset: usize) {
        if self.len < TAILS_MAX && offset < OFFSETS_END {
            self.tails[self.len] = Tail {
                hash,
                offset: offset as u16,
            };
            self.len += 1;
        }
    }
}

/// Whether the name at `at` of `message`, pointers followed, is `name`. A pointer that doesn't point backwards is not
/// followed: ours always do.
pub(super) fn holds(message: &[u8], mut at: usize, name: &[u8]) -> bool {
    let mut rest = name;
    loop {
        let Some(&length) = message.get(at) else {
            return false;
        };
        if length >= 0xC0 {
            let Some(&low) = message.get(at + 1) else {
                return false;
            };
            let target = usize::from(length & 0x3F) << 8 | usize::from(low);
            if target >= at {
                return false;
            }
            at = target;
            continue;
        }
        let end = 1 + usize::from(length);
        let (Some(label), Some(expected)) = (message.get(at..at + end), rest.get(..end)) else {
            return false;
        };
        if !label.eq_ignore_ascii_case(expected) {
            return false;
        }
        if length == 0 {
            return true;
        }
        rest = &rest[end..];
        at += end;
    }
}
