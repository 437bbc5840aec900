//! Which names a message of a transfer already holds. What answers are compressed with remembers a few dozen names; here
//! are thousands, and two kinds of them.
//!
//! Owners come in canonical order, so one has its longest common tail with the owner before it, or nearly: the tails of
//! that owner are all that is kept of owners. The names in data are looked up in a table without collision lists: what is
//! overwritten there is written out once more.
//!
//! Names in the same message differ in case as their zones do, and a transfer keeps it (RFC 5936 §3.4): octets are compared
//! as they are.

use crate::name::{LABELS_MAX, NAME_BYTES_MAX, NameRef};

/// The first offset that a pointer can't say.
const OFFSETS_END: usize = 1 << 14;
/// Slots for the names in data: a message of the usual length has some hundreds of them.
const SLOTS: usize = 1 << 10;

/// Where a name is written: so many octets of labels, then a pointer, or nothing after the root.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) literal: usize,
    pub(super) pointer: Option<u16>,
}

/// The names of a message.
pub(super) struct Tails {
    /// The last owner, or the question's name.
    owner: [u8; NAME_BYTES_MAX],
    owner_len: usize,
    /// Its tails, the shortest first.
    tails: [Tail; LABELS_MAX],
    tail_count: usize,
    /// Offsets of tails of names in data, by their hashes; zero where there is none.
    targets: [u16; SLOTS],
}

/// A tail of the owner that stands at an offset of the message.
#[derive(Clone, Copy, Default)]
struct Tail {
    bytes: u8,
    offset: u16,
}

/// Where the labels of a name start.
struct Starts {
    starts: [u8; LABELS_MAX],
    count: usize,
}

impl Tails {
    pub(super) fn new() -> Self {
        Self {
            owner: [0; NAME_BYTES_MAX],
            owner_len: 0,
            tails: [Tail::default(); LABELS_MAX],
            tail_count: 0,
            targets: [0; SLOTS],
        }
    }

    /// Forgets all names.
    pub(super) fn clear(&mut self) {
        (self.owner_len, self.tail_count) = (0, 0);
        self.targets.fill(0);
    }

    /// Notes the name of the question, which stands behind the header.
    pub(super) fn set_question(&mut self, name: &[u8]) {
        if let Ok(name) = NameRef::from_wire(name) {
            self.place_owner(name, crate::message::HEADER_BYTES);
        }
    }

    /// How an owner is written at `at`, the end of the message.
    pub(super) fn place_owner(&mut self, name: NameRef<'_>, at: usize) -> Split {
        let wire = name.as_wire();
        let mut starts = Starts::new();
        let mut found = None;
        let mut left = self.tail_count;
        for start in label_starts(wire) {
            let bytes = wire.len() - start;
            while left > 0 && usize::from(self.tails[left - 1].bytes) > bytes {
                left -= 1;
            }
            if left > 0
                && usize::from(self.tails[left - 1].bytes) == bytes
                && self.owner[self.owner_len - bytes..self.owner_len] == wire[start..]
            {
                found = Some((start, self.tails[left - 1].offset));
                break;
            }
            starts.push(start);
        }
        self.tail_count = if found.is_some() { left } else { 0 };
        for &start in starts.as_slice().iter().rev() {
            let offset = at + usize::from(start);
            if offset < OFFSETS_END {
                self.tails[self.tail_count] = Tail {
                    bytes: (wire.len() - usize::from(start)) as u8,
                    offset: offset as u16,
                };
                self.tail_count += 1;
            }
        }
        self.owner[..wire.len()].copy_from_slice(wire);
        self.owner_len = wire.len();
        Split::new(wire, found)
    }

    /// How a name in data is written at the end of `message`.
    pub(super) fn place_target(&mut self, name: NameRef<'_>, message: &[u8]) -> Split {
        let wire = name.as_wire();
        let mut left = self.tail_count;
        for start in label_starts(wire) {
            let tail = &wire[start..];
            while left > 0 && usize::from(self.tails[left - 1].bytes) > tail.len() {
                left -= 1;
            }
            if left > 0
                && usize::from(self.tails[left - 1].bytes) == tail.len()
                && self.owner[self.owner_len - tail.len()..self.owner_len] == *tail
            {
                return Split::new(wire, Some((start, self.tails[left - 1].offset)));
            }
            let slot = &mut self.targets[slot_of(tail)];
            if *slot != 0 && holds(message, usize::from(*slot), tail) {
                return Split::new(wire, Some((start, *slot)));
            }
            let offset = message.len() + start;
            if offset < OFFSETS_END {
                *slot = offset as u16;
            }
        }
        Split::new(wire, None)
    }
}

impl Split {
    fn new(wire: &[u8], found: Option<(usize, u16)>) -> Self {
        match found {
            Some((literal, offset)) => Self {
                literal,
                pointer: Some(offset),
            },
            None => Self {
                literal: wire.len(),
                pointer: None,
            },
        }
    }
}

impl Starts {
    fn new() -> Self {
        Self {
            starts: [0; LABELS_MAX],
            count: 0,
        }
    }

    fn push(&mut self, start: usize) {
        self.starts[self.count] = start as u8;
        self.count += 1;
    }

    fn as_slice(&self) -> &[u8] {
        &self.starts[..self.count]
    }
}

/// Where the labels of a name start, from left to right, but for the root: a pointer is longer than that.
fn label_starts(wire: &[u8]) -> impl Iterator<Item = usize> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        let length = usize::from(*wire.get(at)?);
        at += 1 + length;
        (length > 0).then_some(start)
    })
}

/// The slot of a tail: of its length and its first octets, in which tails differ most.
fn slot_of(tail: &[u8]) -> usize {
    let mut octets = [0; 16];
    let bytes = tail.len().min(16);
    octets[..bytes].copy_from_slice(&tail[..bytes]);
    let number = u128::from_le_bytes(octets);
    let mixed = (number as u64 ^ (number >> 64) as u64 ^ tail.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 54) as usize
}

/// Whether the name at `at` of the message, pointers followed, is `name` octet for octet.
fn holds(message: &[u8], mut at: usize, name: &[u8]) -> bool {
    let mut rest = name;
    loop {
        let Some(&length) = message.get(at) else {
            return false;
        };
        if length >= 0xC0 {
            let Some(&low) = message.get(at + 1) else {
                return false;
            };
            // Ours point backwards, always.
            at = usize::from(length & 0x3F) << 8 | usize::from(low);
            continue;
        }
        let bytes = 1 + usize::from(length);
        let (Some(label), Some(expected)) = (message.get(at..at + bytes), rest.get(..bytes)) else {
            return false;
        };
        if label != expected {
            return false;
        }
        if length == 0 {
            return true;
        }
        rest = &rest[bytes..];
        at += bytes;
    }
}
