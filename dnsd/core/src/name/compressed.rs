//! Names as received messages have them: labels, then perhaps a pointer to where the message says the rest (RFC 1035
//! §4.1.4).

use super::{LABELS_MAX, NameBuf, NameError, NameRef};

/// The two high bits of an octet that starts a pointer; the other six and the next octet are the offset.
const POINTER: u8 = 0xC0;

impl NameBuf {
    /// Replaces the name by the one that stands at `at` of `message`, pointers followed, and says where in the message
    /// it ends. After an error it holds the root.
    ///
    /// A pointer leads to an earlier place than the labels in front of it, and a name has no more pointers than it can
    /// have labels, since each follows one: so no message makes this loop, or long.
    pub fn set_compressed(&mut self, message: &[u8], at: usize) -> Result<usize, NameError> {
        self.clear();
        let result = self.push_compressed(message, at);
        if result.is_err() {
            self.set(NameRef::ROOT);
        }
        result
    }

    fn push_compressed(&mut self, message: &[u8], start: usize) -> Result<usize, NameError> {
        let (mut start, mut at) = (start, start);
        let mut end = None;
        let mut pointers = 0;
        loop {
            let length = *message.get(at).ok_or(NameError::Truncated)?;
            match length {
                0 => {
                    self.push_name(NameRef::ROOT)?;
                    return Ok(end.unwrap_or(at + 1));
                }
                1..=63 => {
                    let label_end = at + 1 + usize::from(length);
                    self.push_label(message.get(at + 1..label_end).ok_or(NameError::Truncated)?)?;
                    at = label_end;
                }
                POINTER.. => {
                    let low = *message.get(at + 1).ok_or(NameError::Truncated)?;
                    end.get_or_insert(at + 2);
                    let target = usize::from(length & !POINTER) << 8 | usize::from(low);
                    pointers += 1;
                    if target >= start || pointers > LABELS_MAX {
                        return Err(NameError::BadPointer);
                    }
                    (start, at) = (target, target);
                }
                _ => return Err(NameError::NotALabel),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::name::NAME_BYTES_MAX;

    fn read(message: &[u8], at: usize) -> Result<(String, usize), NameError> {
        let mut name = NameBuf::root();
        let end = name.set_compressed(message, at)?;
        Ok((name.as_name_ref().to_string(), end))
    }

    #[test]
    fn rfc1035_4_1_4_a_pointer_stands_for_the_rest_of_the_name() {
        let message = b"\x01F\x03isi\x04arpa\x00\x03foo\xC0\x00\xC0\x06\x00\x01x\xC0\x0C";
        for (at, name, end) in [
            (0, "F.isi.arpa.", 12),
            (12, "foo.F.isi.arpa.", 18),
            (18, "arpa.", 20),
            (20, ".", 21),
            (21, "x.foo.F.isi.arpa.", 25),
        ] {
            assert_eq!(read(message, at), Ok((name.to_owned(), end)));
        }
    }

    #[test]
    fn rfc1035_4_1_4_a_pointer_leads_to_an_earlier_place() {
        for (message, at, error) in [
            (&b"\xC0\x00"[..], 0, NameError::BadPointer),
            (b"\x01a\xC0\x00", 0, NameError::BadPointer),
            (b"\xC0\x02\x01a\x00", 0, NameError::BadPointer),
            (b"\x01a\xC0\x04\x01b\xC0\x00", 4, NameError::BadPointer),
            (b"\x01a\xC0", 0, NameError::Truncated),
            (b"\x02a", 0, NameError::Truncated),
            (b"\x01a", 0, NameError::Truncated),
            (b"\x40a", 0, NameError::NotALabel),
            (b"\x80a", 0, NameError::NotALabel),
            (b"", 0, NameError::Truncated),
            (b"\x00", 7, NameError::Truncated),
        ] {
            assert_eq!(read(message, at), Err(error), "{message:02x?}");
        }
    }

    #[test]
    fn pointers_to_pointers_end_with_the_labels_that_a_name_can_have() {
        let chain = |pointers: u16| {
            let mut message = vec![0];
            message.extend((0..pointers).flat_map(|n| (0xC000 | (2 * n).saturating_sub(1)).to_be_bytes()));
            read(&message, usize::from(2 * pointers - 1))
        };
        assert_eq!(chain(127), Ok((".".to_owned(), 255)));
        assert_eq!(chain(128), Err(NameError::BadPointer));
    }

    #[test]
    fn rfc1035_2_3_4_a_name_put_together_from_pointers_has_255_octets_at_most() {
        let mut message = Vec::new();
        for _ in 0..3 {
            message.push(63);
            message.extend([b'a'; 63]);
        }
        message.push(0);
        let longest = message.len();
        message.push(61);
        message.extend([b'b'; 61]);
        message.extend([0xC0, 0]);
        let mut name = NameBuf::root();
        assert_eq!(name.set_compressed(&message, longest), Ok(message.len()));
        assert_eq!(name.as_wire().len(), NAME_BYTES_MAX);
        message[longest] = 62;
        message.insert(longest + 1, b'b');
        assert_eq!(name.set_compressed(&message, longest), Err(NameError::NameTooLong));
        assert_eq!(name.as_name_ref(), NameRef::ROOT);
    }

    proptest! {
        #[test]
        fn any_octets_are_a_name_or_none(message in prop::collection::vec(prop_oneof![0..4_u8, Just(0xC0), any::<u8>()], 0..80), at in 0..90_usize) {
            let mut name = NameBuf::root();
            let read = name.set_compressed(&message, at);
            prop_assert!(NameRef::from_wire(name.as_wire()).is_ok());
            prop_assert!(read.is_err() || (at + 1..=message.len()).contains(&read.unwrap()));
        }
    }
}
