//! Octets that are written once and then read at random: those of a large zone lie in large pages.
//!
//! A question finds its name at a random place. Of a zone of many megabytes in pages of 4 KiB the processor can't remember
//! where they all are, least of all in a virtual machine, where looking one up walks two page tables. Linux gives large pages to who
//! asks for them, unless it is told otherwise.

use std::ops::{Deref, DerefMut};

use memmap2::{Advice, MmapMut};

/// Two large pages of the usual processors. Below that, what is saved isn't worth the room between the end of the octets and
/// that of the last page.
const MAPPED_BYTES_MIN: usize = 4 << 20;

/// Octets of a length that doesn't change.
pub(super) enum Arena {
    /// As the allocator gives them.
    Allocated(Box<[u8]>),
    /// In a mapping of their own.
    Mapped(MmapMut),
}

impl Arena {
    /// So many octets of zero.
    pub(super) fn zeroed(bytes: usize) -> Self {
        if bytes >= MAPPED_BYTES_MIN
            && let Ok(mapping) = MmapMut::map_anon(bytes)
        {
            // Advice that a system doesn't take leaves small pages.
            let _ = mapping.advise(Advice::HugePage);
            return Self::Mapped(mapping);
        }
        Self::Allocated(vec![0; bytes].into())
    }
}

impl Deref for Arena {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Allocated(octets) => octets,
            Self::Mapped(octets) => octets,
        }
    }
}

impl DerefMut for Arena {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Allocated(octets) => octets,
            Self::Mapped(octets) => octets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_ones_are_zero_and_can_be_written() {
        for bytes in [0, 1, MAPPED_BYTES_MIN - 1, MAPPED_BYTES_MIN, MAPPED_BYTES_MIN + 1] {
            let mut arena = Arena::zeroed(bytes);
            assert_eq!(matches!(arena, Arena::Mapped(_)), bytes >= MAPPED_BYTES_MIN);
            assert!(arena.len() == bytes && arena.iter().all(|octet| *octet == 0));
            arena.fill(7);
            assert!(arena.iter().all(|octet| *octet == 7));
        }
    }
}
