//! The records of a received message, one by one: what transfers, updates and notifications are read with.

use std::ops::Range;

use super::HEADER_BYTES;
use crate::name::{NameBuf, NameError};
use crate::rrtype::{Class, Type};

/// Why a record can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceivedError {
    /// Its owner is no name.
    Owner(NameError),
    /// The message ends inside the record.
    Truncated,
}

/// A record's fixed fields and where its data is; its owner goes into a buffer of the reader's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedRecord {
    /// The type.
    pub rtype: Type,
    /// The class.
    pub class: Class,
    /// The TTL as it stands in the message: 32 bits.
    pub ttl: u32,
    /// Where the data is in the message; [`crate::rdata::expand`] checks it and writes its names out.
    pub rdata: Range<usize>,
}

impl ReceivedRecord {
    /// Reads the record at `at` of `message`. What follows it starts at the end of its data.
    pub fn read(message: &[u8], at: usize, owner: &mut NameBuf) -> Result<Self, ReceivedError> {
        let at = owner.set_compressed(message, at).map_err(ReceivedError::Owner)?;
        let fields = message.get(at..).and_then(<[u8]>::first_chunk::<10>);
        let &[t0, t1, c0, c1, s0, s1, s2, s3, l0, l1] = fields.ok_or(ReceivedError::Truncated)?;
        let start = at + 10;
        let end = start + usize::from(u16::from_be_bytes([l0, l1]));
        if end > message.len() {
            return Err(ReceivedError::Truncated);
        }
        Ok(Self {
            rtype: Type(u16::from_be_bytes([t0, t1])),
            class: Class(u16::from_be_bytes([c0, c1])),
            ttl: u32::from_be_bytes([s0, s1, s2, s3]),
            rdata: start..end,
        })
    }
}

/// Where the records behind `questions` entries of the question section start.
pub fn skip_questions(message: &[u8], questions: u16) -> Result<usize, ReceivedError> {
    let mut name = NameBuf::root();
    let mut at = HEADER_BYTES;
    for _ in 0..questions {
        at = name.set_compressed(message, at).map_err(ReceivedError::Owner)? + 4;
        if at > message.len() {
            return Err(ReceivedError::Truncated);
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] =
        b"\0\0\0\0\0\x01\0\x01\0\0\0\0\x01a\x00\0\x01\0\x01\xC0\x0C\0\x10\0\x01\0\0\0\x3C\0\x02\x01x";

    #[test]
    fn rfc1035_3_2_1_a_record_is_owner_type_class_ttl_and_data() {
        let at = skip_questions(MESSAGE, 1).unwrap();
        assert_eq!(at, 19);
        let mut owner = NameBuf::root();
        let record = ReceivedRecord::read(MESSAGE, at, &mut owner).unwrap();
        let expected = ReceivedRecord {
            rtype: Type::TXT,
            class: Class::IN,
            ttl: 60,
            rdata: 31..33,
        };
        assert_eq!((record, owner.as_wire()), (expected, &b"\x01a\x00"[..]));
    }

    #[test]
    fn a_message_that_was_cut_off_holds_no_record() {
        let mut owner = NameBuf::root();
        for end in 21..MESSAGE.len() {
            assert_eq!(
                ReceivedRecord::read(&MESSAGE[..end], 19, &mut owner),
                Err(ReceivedError::Truncated)
            );
        }
        assert_eq!(
            ReceivedRecord::read(MESSAGE, 90, &mut owner),
            Err(ReceivedError::Owner(NameError::Truncated))
        );
        assert_eq!(skip_questions(&MESSAGE[..18], 1), Err(ReceivedError::Truncated));
        assert_eq!(skip_questions(MESSAGE, 0), Ok(HEADER_BYTES));
    }
}
