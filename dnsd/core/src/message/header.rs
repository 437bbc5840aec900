//! The header: twelve octets in front of every message (RFC 1035 §4.1.1).

use super::{Opcode, Rcode};

/// The header's size in octets.
pub const HEADER_BYTES: usize = 12;

/// The second word of the header: single bits, the opcode and the low four bits of the response code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u16);

impl Flags {
    /// The message is a response.
    pub const QR: Self = Self(0x8000);
    /// The answer is authoritative.
    pub const AA: Self = Self(0x0400);
    /// The message was truncated.
    pub const TC: Self = Self(0x0200);
    /// Recursion is desired.
    pub const RD: Self = Self(0x0100);
    /// Recursion is available.
    pub const RA: Self = Self(0x0080);
    /// The data is authenticated (RFC 4035 §3.2.3).
    pub const AD: Self = Self(0x0020);
    /// Checking is disabled (RFC 4035 §3.2.2).
    pub const CD: Self = Self(0x0010);

    /// Whether every bit of `bits` is set.
    pub fn contains(self, bits: Self) -> bool {
        self.0 & bits.0 == bits.0
    }

    /// These flags and `bits`.
    #[must_use]
    pub fn with(self, bits: Self) -> Self {
        Self(self.0 | bits.0)
    }

    /// Those of these flags that are in `bits`.
    #[must_use]
    pub fn only(self, bits: Self) -> Self {
        Self(self.0 & bits.0)
    }

    /// The opcode.
    pub fn opcode(self) -> Opcode {
        Opcode((self.0 >> 11) as u8 & 0xF)
    }

    /// These flags with another opcode.
    #[must_use]
    pub fn with_opcode(self, opcode: Opcode) -> Self {
        Self(self.0 & !0x7800 | (u16::from(opcode.0) & 0xF) << 11)
    }

    /// The low four bits of the response code.
    pub fn rcode(self) -> Rcode {
        Rcode(self.0 & 0xF)
    }

    /// These flags with the low four bits of `rcode`; an OPT record carries the rest.
    #[must_use]
    pub fn with_rcode(self, rcode: Rcode) -> Self {
        Self(self.0 & !0xF | rcode.0 & 0xF)
    }
}

/// A header, with its four counts as they stand in the message: nothing says yet that the records are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the client tells its answers apart by.
    pub id: u16,
    /// Bits, opcode and response code.
    pub flags: Flags,
    /// Entries in the question section.
    pub questions: u16,
    /// Records in the answer section.
    pub answers: u16,
    /// Records in the authority section.
    pub authorities: u16,
    /// Records in the additional section.
    pub additionals: u16,
}

impl Header {
    /// Reads the header at the front of `message`; `None` when it is shorter than one.
    pub fn read(message: &[u8]) -> Option<Self> {
        let bytes = message.first_chunk::<HEADER_BYTES>()?;
        let word = |n: usize| u16::from_be_bytes([bytes[2 * n], bytes[2 * n + 1]]);
        Some(Self {
            id: word(0),
            flags: Flags(word(1)),
            questions: word(2),
            answers: word(3),
            authorities: word(4),
            additionals: word(5),
        })
    }

    /// The header's wire form.
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let words = [
            self.id,
            self.flags.0,
            self.questions,
            self.answers,
            self.authorities,
            self.additionals,
        ];
        for (place, word) in bytes.chunks_exact_mut(2).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc1035_4_1_1_a_header_reads_back_as_written() {
        let header = Header {
            id: 0xBEEF,
            flags: Flags::QR
                .with(Flags::AA)
                .with(Flags::RD)
                .with_opcode(Opcode::UPDATE)
                .with_rcode(Rcode::NXDOMAIN),
            questions: 1,
            answers: 2,
            authorities: 3,
            additionals: 4,
        };
        let bytes = header.to_bytes();
        assert_eq!(bytes, [0xBE, 0xEF, 0xAD, 0x03, 0, 1, 0, 2, 0, 3, 0, 4]);
        assert_eq!(Header::read(&bytes), Some(header));
        assert_eq!(header.flags.opcode(), Opcode::UPDATE);
        assert_eq!(header.flags.rcode(), Rcode::NXDOMAIN);
    }

    #[test]
    fn fewer_than_twelve_octets_are_no_header() {
        assert_eq!(Header::read(&[0; 11]), None);
    }
}
