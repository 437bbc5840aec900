//! The TSIG record (RFC 8945 §4.2) as messages have it.

use super::TsigError;
use crate::message::{Full, HEADER_BYTES, Header, ReceivedRecord, skip_questions};
use crate::name::{NameBuf, NameRef};
use crate::rrtype::{Class, Type};

/// The octets of a record that its names, its MAC and its other data don't count among.
const FIXED_BYTES: usize = 26;
/// The octets of a time (RFC 8945 §4.2).
pub(super) const TIME_BYTES: usize = 6;
/// The bits of a time.
const TIME_MASK: u64 = (1 << 48) - 1;

/// When a message was signed, and by how much the receiver's clock may differ: in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timers {
    /// Since 1970, 48 bits.
    pub(super) signed: u64,
    pub(super) fudge: u16,
}

impl Timers {
    pub(super) fn new(signed: u64, fudge: u16) -> Self {
        Self {
            signed: signed & TIME_MASK,
            fudge,
        }
    }

    /// Whether `now` is within the time that is allowed (RFC 8945 §5.2.3).
    pub(super) fn allow(self, now: u64) -> bool {
        now.abs_diff(self.signed) <= u64::from(self.fudge)
    }

    pub(super) fn to_bytes(self) -> [u8; 8] {
        let [_, _, s0, s1, s2, s3, s4, s5] = self.signed.to_be_bytes();
        let [f0, f1] = self.fudge.to_be_bytes();
        [s0, s1, s2, s3, s4, s5, f0, f1]
    }
}

/// A time as 48 bits.
pub(super) fn time_bytes(time: u64) -> [u8; TIME_BYTES] {
    let [_, _, bytes @ ..] = time.to_be_bytes();
    bytes
}

/// Reads a time of 48 bits; `None` for data of another length.
pub(super) fn read_time(bytes: &[u8]) -> Option<u64> {
    let &[b0, b1, b2, b3, b4, b5] = bytes else { return None };
    Some(u64::from_be_bytes([0, 0, b0, b1, b2, b3, b4, b5]))
}

/// What follows the MAC in a record and is signed with it: what went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict<'m> {
    pub(super) error: TsigError,
    /// For BADTIME the server's time.
    pub(super) other: &'m [u8],
}

impl Verdict<'static> {
    pub(super) const GOOD: Self = Self {
        error: TsigError::NOERROR,
        other: &[],
    };
}

/// A record's data, in place.
#[derive(Debug, Clone, Copy)]
pub(super) struct TsigData<'m> {
    /// As it was written, not yet compared with those that exist.
    pub(super) algorithm: NameRef<'m>,
    pub(super) timers: Timers,
    pub(super) mac: &'m [u8],
    /// The id that the message had when it was signed; a forwarder may have given it another one.
    pub(super) original_id: u16,
    pub(super) verdict: Verdict<'m>,
}

impl<'m> TsigData<'m> {
    /// Reads the record at `at`, which becomes the last one of `message`; its owner, the key's name, goes into `owner`.
    /// `None` when it is no TSIG record (RFC 8945 §4.2): class ANY, TTL 0, and data that its fields fill exactly.
    pub(super) fn read(message: &'m [u8], at: usize, owner: &mut NameBuf) -> Option<Self> {
        let record = ReceivedRecord::read(message, at, owner).ok()?;
        if (record.rtype, record.class, record.ttl) != (Type::TSIG, Class::ANY, 0) {
            return None;
        }
        let data = message.get(record.rdata)?;
        // Not compressed (RFC 8945 §4.2).
        let algorithm = NameRef::prefix_of(data).ok()?;
        let data = &data[algorithm.as_wire().len()..];
        let (signed, data) = data.split_at_checked(TIME_BYTES)?;
        let (fudge, data) = read_u16(data)?;
        let (mac, data) = read_counted(data)?;
        let (original_id, data) = read_u16(data)?;
        let (error, data) = read_u16(data)?;
        let (other, data) = read_counted(data)?;
        data.is_empty().then_some(Self {
            algorithm,
            timers: Timers::new(read_time(signed)?, fudge),
            mac,
            original_id,
            verdict: Verdict {
                error: TsigError(error),
                other,
            },
        })
    }

    /// The octets of the record under a name.
    pub(super) fn wire_bytes(&self, owner: NameRef<'_>) -> usize {
        record_bytes(owner, self.algorithm, self.mac.len()) + self.verdict.other.len()
    }

    /// Adds the record to the message of `len` octets at the front of `buffer` and gives its new length.
    ///
    /// # Errors
    /// When it doesn't fit; then nothing is changed.
    pub(super) fn append(&self, owner: NameRef<'_>, buffer: &mut [u8], len: usize) -> Result<usize, Full> {
        let end = len + self.wire_bytes(owner);
        let mut header = Header::read(buffer.get(..len).ok_or(Full)?).ok_or(Full)?;
        header.additionals = header.additionals.checked_add(1).ok_or(Full)?;
        let mut place = Filler {
            rest: buffer.get_mut(len..end).ok_or(Full)?,
        };
        place.put(owner.as_wire());
        place.put_u16(Type::TSIG.0);
        place.put_u16(Class::ANY.0);
        place.put(&[0; 4]);
        place.put_u16((place.rest.len() - 2) as u16);
        place.put(self.algorithm.as_wire());
        place.put(&self.timers.to_bytes());
        place.put_counted(self.mac);
        place.put_u16(self.original_id);
        place.put_u16(self.verdict.error.0);
        place.put_counted(self.verdict.other);
        buffer[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
        Ok(end)
    }
}

/// The octets of a record without other data.
pub(super) fn record_bytes(owner: NameRef<'_>, algorithm: NameRef<'_>, mac_bytes: usize) -> usize {
    FIXED_BYTES + owner.as_wire().len() + algorithm.as_wire().len() + mac_bytes
}

/// Where the TSIG record of `message` starts, if it has one: as the last record of the additional section and nowhere
/// else (RFC 8945 §5.1). `None` when the message isn't what its header says, or has such a record in another place.
pub(super) fn find_tsig(message: &[u8]) -> Option<Option<usize>> {
    let header = Header::read(message)?;
    let before_additional = usize::from(header.answers) + usize::from(header.authorities);
    let records = before_additional + usize::from(header.additionals);
    let mut at = skip_questions(message, header.questions).ok()?;
    let mut owner = NameBuf::root();
    for n in 0..records {
        let record = ReceivedRecord::read(message, at, &mut owner).ok()?;
        if record.rtype == Type::TSIG {
            let is_last = n >= before_additional && n + 1 == records;
            return is_last.then_some(Some(at));
        }
        at = record.rdata.end;
    }
    Some(None)
}

fn read_u16(data: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = data.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*number), rest))
}

/// Reads octets with their number in front.
fn read_counted(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (count, rest) = read_u16(data)?;
    rest.split_at_checked(usize::from(count))
}

/// Fills a place that is as large as what goes into it.
struct Filler<'b> {
    rest: &'b mut [u8],
}

impl Filler<'_> {
    fn put(&mut self, octets: &[u8]) {
        let (place, rest) = std::mem::take(&mut self.rest).split_at_mut(octets.len());
        place.copy_from_slice(octets);
        self.rest = rest;
    }

    fn put_u16(&mut self, number: u16) {
        self.put(&number.to_be_bytes());
    }

    fn put_counted(&mut self, octets: &[u8]) {
        self.put_u16(octets.len() as u16);
        self.put(octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    const HEADER: [u8; HEADER_BYTES] = [0x12, 0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    fn data(mac: &[u8]) -> TsigData<'_> {
        TsigData {
            algorithm: super::super::Algorithm::HMAC_SHA256.name(),
            timers: Timers::new(0x0001_0203_0405, 300),
            mac,
            original_id: 0x1234,
            verdict: Verdict {
                error: TsigError::BADTIME,
                other: &[1, 2, 3, 4, 5, 6],
            },
        }
    }

    #[test]
    fn rfc8945_4_2_a_record_reads_back_as_written() {
        let owner: Name = "key.example".parse().unwrap();
        let mut message = [0; 200];
        message[..HEADER_BYTES].copy_from_slice(&HEADER);
        let end = data(&[7; 32])
            .append((&owner).into(), &mut message, HEADER_BYTES)
            .unwrap();
        let expected = [
            &b"\x12\x34\0\0\0\0\0\0\0\0\0\x01\x03key\x07example\x00\x00\xFA\x00\xFF\0\0\0\0\x00\x43"[..],
            b"\x0Bhmac-sha256\x00\x00\x01\x02\x03\x04\x05\x01\x2C\x00\x20",
            &[7; 32],
            b"\x12\x34\x00\x12\x00\x06\x01\x02\x03\x04\x05\x06",
        ]
        .concat();
        assert_eq!(message[..end], expected);
        let mut name = NameBuf::root();
        let read = TsigData::read(&message[..end], HEADER_BYTES, &mut name).unwrap();
        assert_eq!(name.as_name_ref(), owner);
        assert_eq!(read.timers, Timers::new(0x0001_0203_0405, 300));
        assert_eq!((read.mac, read.original_id), (&[7; 32][..], 0x1234));
        assert_eq!(read.verdict, data(&[]).verdict);
        assert_eq!(find_tsig(&message[..end]), Some(Some(HEADER_BYTES)));
    }

    #[test]
    fn rfc8945_4_2_a_record_of_another_class_ttl_or_length_is_none() {
        let mut message = [0; 200];
        message[..HEADER_BYTES].copy_from_slice(&HEADER);
        let end = data(&[7; 32])
            .append(NameRef::ROOT, &mut message, HEADER_BYTES)
            .unwrap();
        let mut name = NameBuf::root();
        let mut read = |message: &[u8]| TsigData::read(message, HEADER_BYTES, &mut name).is_some();
        assert!(read(&message[..end]));
        for length in HEADER_BYTES..end {
            assert!(!read(&message[..length]), "{length}");
        }
        // Type, class, TTL, length, a pointer in the algorithm's name, and the lengths inside.
        for at in [14, 16, 17, 20, 22, 23, 44, end - 7] {
            let mut changed = message;
            changed[at] ^= 0xC0;
            assert!(!read(&changed[..end]), "{at}");
        }
    }

    #[test]
    fn a_record_that_does_not_fit_leaves_the_message_as_it_was() {
        let bytes = data(&[7; 32]).wire_bytes(NameRef::ROOT);
        let mut message = HEADER.to_vec();
        message.resize(HEADER_BYTES + bytes - 1, 0);
        let before = message.clone();
        assert_eq!(
            data(&[7; 32]).append(NameRef::ROOT, &mut message, HEADER_BYTES),
            Err(Full)
        );
        assert_eq!(message, before);
    }

    #[test]
    fn rfc8945_5_1_a_record_in_another_place_is_no_signature() {
        let mut signed = vec![0; 200];
        signed[..HEADER_BYTES].copy_from_slice(&HEADER);
        let end = data(&[7; 32]).append(NameRef::ROOT, &mut signed, HEADER_BYTES).unwrap();
        signed.truncate(end);
        let mut in_answers = signed.clone();
        (in_answers[7], in_answers[11]) = (1, 0);
        assert_eq!(find_tsig(&in_answers), None);
        let mut twice = [&signed[..], &signed[HEADER_BYTES..]].concat();
        twice[11] = 2;
        assert_eq!(find_tsig(&twice), None);
        assert_eq!(find_tsig(&HEADER), Some(None));
        assert_eq!(find_tsig(&signed[..end - 1]), None);
    }

    #[test]
    fn rfc8945_5_2_3_the_time_may_differ_by_the_fudge() {
        let timers = Timers::new(1_000, 300);
        assert!([700, 1_000, 1_300].into_iter().all(|now| timers.allow(now)));
        assert!(![699, 1_301, u64::MAX].into_iter().any(|now| timers.allow(now)));
        assert!(Timers::new(100, 300).allow(0));
    }
}
