//! Octets of names, eight at a time.

/// Octets of a word.
pub(crate) const WORD_BYTES: usize = size_of::<u64>();

/// One in each octet.
const EACH: u64 = u64::MAX / 0xFF;
const HIGH_BITS: u64 = EACH << 7;

/// Eight octets with their ASCII letters in lower case.
pub(crate) fn lowercase(word: u64) -> u64 {
    // With the high bits gone no octet carries into the next when something below 0x80 is added to each, and the sum's
    // high bit tells whether the octet was at least so large.
    let low = word & !HIGH_BITS;
    let from_a = low + EACH * (0x80 - b'A' as u64);
    let above_z = low + EACH * (0x7F - b'Z' as u64);
    let upper = (from_a & !above_z) & !word & HIGH_BITS;
    // A lower-case letter is its upper-case one plus 0x20.
    word | upper >> 2
}

/// The high bit of each octet that is `octet`.
pub(super) fn equal(word: u64, octet: u8) -> u64 {
    let difference = word ^ (EACH * u64::from(octet));
    let any_low_bit = (difference & !HIGH_BITS) + !HIGH_BITS;
    !(any_low_bit | difference) & HIGH_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words with every octet in every place, beside octets from which something might carry over.
    fn words() -> impl Iterator<Item = [u8; WORD_BYTES]> {
        (0..=u8::MAX).flat_map(|octet| {
            [0, 0x7F, 0x80, 0xFF]
                .map(|neighbour| [neighbour, octet, neighbour, octet, octet, neighbour, neighbour, octet])
        })
    }

    #[test]
    fn words_are_folded_as_octets_are() {
        for octets in words() {
            let folded = lowercase(u64::from_le_bytes(octets)).to_le_bytes();
            assert_eq!(folded, octets.map(|octet| octet.to_ascii_lowercase()));
        }
    }

    #[test]
    fn each_octet_is_found_where_it_stands_and_nowhere_else() {
        for octets in words() {
            for octet in [0, b'.', b'\\', 0x80, octets[1]] {
                let found = equal(u64::from_le_bytes(octets), octet).to_le_bytes();
                assert_eq!(found, octets.map(|other| if other == octet { 0x80 } else { 0 }));
            }
        }
    }
}
