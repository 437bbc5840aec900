//! Writes a reply: question, record sets and OPT, with compressed names, whole record sets or nothing of them.

use super::compression::{Compression, holds};
use super::{Flags, HEADER_BYTES, Header, Opt, Question, Rcode};
use crate::name::NameRef;
use crate::rrtype::{Class, Type};

/// The three sections of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// What was asked for.
    Answer = 0,
    /// Who knows more, or what the zone says about names that don't exist.
    Authority = 1,
    /// What the client would ask for next.
    Additional = 2,
}

/// What the records of a set have in common.
#[derive(Debug, Clone, Copy)]
pub struct SetHead<'n> {
    /// The name that owns them.
    pub owner: NameRef<'n>,
    /// Their type.
    pub rtype: Type,
    /// Their class.
    pub class: Class,
    /// Seconds that they may be cached.
    pub ttl: u32,
}

/// There is no room for a record set; nothing of it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// A state of a [`Writer`] to go back to.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    len: usize,
    tails: usize,
    counts: [u16; 3],
}

/// A message under construction, in a buffer of the caller's. Names that are equal in any case of their letters are
/// written once and pointed to (RFC 1035 §4.1.4), so a record owned by the name that was asked has the question's case.
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    len: usize,
    /// Octets at the end of the buffer that only the OPT record may use.
    held_back: usize,
    questions: u16,
    counts: [u16; 3],
    compression: Compression,
}

impl<'b> Writer<'b> {
    /// A message in `buffer`, whose length is the message's limit; `None` when not even a header fits.
    pub fn new(buffer: &'b mut [u8]) -> Option<Self> {
        (buffer.len() >= HEADER_BYTES).then(|| Self {
            buffer,
            len: HEADER_BYTES,
            held_back: 0,
            questions: 0,
            counts: [0; 3],
            compression: Compression::new(),
        })
    }

    /// Keeps room for an OPT record, which must be in the reply however full it gets (RFC 6891 §7).
    pub fn hold_back_opt(&mut self, opt: &Opt<'_>) {
        self.held_back = opt.wire_bytes();
    }

    /// Copies the question as it was asked, its case included. It comes before any record.
    pub fn question(&mut self, question: &Question<'_>) -> Result<(), Full> {
        let mark = self.mark();
        let at = self.len;
        if self.put(question.wire).is_err() {
            self.rollback(mark);
            return Err(Full);
        }
        self.compression.place(&self.buffer[..at], question.name, at);
        self.questions += 1;
        Ok(())
    }

    /// Writes a record set, whole or not at all. `rdatas` is uncompressed wire form.
    pub fn record_set<'r>(
        &mut self,
        section: Section,
        head: SetHead<'_>,
        rdatas: impl IntoIterator<Item = &'r [u8]>,
    ) -> Result<(), Full> {
        let mark = self.mark();
        for rdata in rdatas {
            if self.record(section, head, rdata).is_err() {
                self.rollback(mark);
                return Err(Full);
            }
        }
        Ok(())
    }

    fn record(&mut self, section: Section, head: SetHead<'_>, rdata: &[u8]) -> Result<(), Full> {
        let SetHead {
            owner,
            rtype,
            class,
            ttl,
        } = head;
        let count = self.counts[section as usize].checked_add(1).ok_or(Full)?;
        self.name(owner)?;
        let mut fields = [0; 10];
        fields[..2].copy_from_slice(&rtype.0.to_be_bytes());
        fields[2..4].copy_from_slice(&class.0.to_be_bytes());
        fields[4..8].copy_from_slice(&ttl.to_be_bytes());
        self.put(&fields)?;
        let start = self.len;
        self.rdata(rtype, rdata)?;
        let length = u16::try_from(self.len - start).map_err(|_| Full)?;
        self.buffer[start - 2..start].copy_from_slice(&length.to_be_bytes());
        self.counts[section as usize] = count;
        Ok(())
    }

    fn rdata(&mut self, rtype: Type, rdata: &[u8]) -> Result<(), Full> {
        let (fixed, names) = compressed_names(rtype);
        let (front, mut rest) = rdata.split_at_checked(fixed).unwrap_or((rdata, &[]));
        self.put(front)?;
        for _ in 0..names {
            let Ok(name) = NameRef::prefix_of(rest) else { break };
            self.name(name)?;
            rest = &rest[name.as_wire().len()..];
        }
        self.put(rest)
    }

    fn name(&mut self, name: NameRef<'_>) -> Result<(), Full> {
        let split = self.compression.place(&self.buffer[..self.len], name, self.len);
        self.put(&name.as_wire()[..split.literal])?;
        match split.pointer {
            Some(offset) => self.put(&(0xC000 | offset).to_be_bytes()),
            None => Ok(()),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let end = self.len + bytes.len();
        if end + self.held_back > self.buffer.len() {
            return Err(Full);
        }
        self.buffer[self.len..end].copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    /// The state to come back to with [`Writer::rollback`].
    pub fn mark(&self) -> Mark {
        Mark {
            len: self.len,
            tails: self.compression.len(),
            counts: self.counts,
        }
    }

    /// Takes back every record that was written since `mark`.
    pub fn rollback(&mut self, mark: Mark) {
        self.len = mark.len;
        self.counts = mark.counts;
        self.compression.forget(mark.tails);
    }

    /// How many records a section has.
    pub fn count(&self, section: Section) -> u16 {
        self.counts[section as usize]
    }

    /// Where the next record starts.
    pub fn position(&self) -> usize {
        self.len
    }

    /// The octets that are left, those that only the OPT record may use among them.
    pub fn room(&self) -> usize {
        self.buffer.len() - self.len
    }

    /// Whether the name that stands at `offset` is `name`.
    pub fn holds_at(&self, offset: usize, name: NameRef<'_>) -> bool {
        holds(&self.buffer[..self.len], offset, name.as_wire())
    }

    /// Adds the OPT record if there is to be one, sets the header and gives the length of the message. `rcode` above 15 needs
    /// the OPT record; without one its low four bits are all that is said.
    pub fn finish(mut self, id: u16, flags: Flags, rcode: Rcode, opt: Option<&Opt<'_>>) -> usize {
        let mut additionals = self.counts[Section::Additional as usize];
        if let Some(opt) = opt
            && let Some(room) = self.buffer.get_mut(self.len..self.len + opt.wire_bytes())
        {
            opt.write((rcode.0 >> 4) as u8, room);
            self.len += room.len();
            additionals = additionals.saturating_add(1);
        }
        let header = Header {
            id,
            flags: flags.with_rcode(rcode),
            questions: self.questions,
            answers: self.counts[Section::Answer as usize],
            authorities: self.counts[Section::Authority as usize],
            additionals,
        };
        self.buffer[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
        self.len
    }
}

/// Which of a type's data is names that may be compressed: octets in front of them, and how many they are. RFC 3597 §4
/// allows it for the types of RFC 1035 only, since nobody else's can be known to every receiver.
pub(crate) fn compressed_names(rtype: Type) -> (usize, usize) {
    match rtype {
        Type::NS | Type::MD | Type::MF | Type::CNAME | Type::MB | Type::MG | Type::MR | Type::PTR => (0, 1),
        Type::SOA | Type::MINFO => (0, 2),
        Type::MX => (2, 1),
        _ => (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{ExtendedError, ReplyOptions};
    use crate::name::Name;
    use crate::rdata::{NameUse, names};

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn write(writer: &mut Writer<'_>, owner: &str, rtype: Type, rdatas: &[&[u8]]) -> Result<(), Full> {
        let owner = name(owner);
        let head = SetHead {
            owner: owner.as_name_ref(),
            rtype,
            class: Class::IN,
            ttl: 300,
        };
        writer.record_set(Section::Answer, head, rdatas.iter().copied())
    }

    #[test]
    fn rfc1035_4_1_4_the_example_of_three_names() {
        // F.ISI.ARPA, FOO.F.ISI.ARPA, ARPA and the root share their tails.
        let mut buffer = [0; 200];
        let mut writer = Writer::new(&mut buffer).unwrap();
        for owner in ["F.ISI.ARPA", "FOO.F.ISI.ARPA", "ARPA", "."] {
            write(&mut writer, owner, Type::A, &[&[1, 2, 3, 4]]).unwrap();
        }
        let length = writer.finish(1, Flags::QR, Rcode::NOERROR, None);
        let fixed = b"\x00\x01\x00\x01\x00\x00\x01\x2C\x00\x04\x01\x02\x03\x04";
        let expected = [
            &b"\x01F\x03ISI\x04ARPA\x00"[..],
            fixed,
            b"\x03FOO\xC0\x0C",
            fixed,
            b"\xC0\x12",
            fixed,
            b"\x00",
            fixed,
        ]
        .concat();
        assert_eq!(buffer[HEADER_BYTES..length], expected);
        assert_eq!(Header::read(&buffer).unwrap().answers, 4);
    }

    #[test]
    fn rfc4343_names_in_another_case_are_pointed_to() {
        let mut buffer = [0; 200];
        let mut writer = Writer::new(&mut buffer).unwrap();
        write(&mut writer, "WWW.Example", Type::A, &[&[1, 2, 3, 4]]).unwrap();
        let at = writer.position();
        write(&mut writer, "www.eXample", Type::A, &[&[1, 2, 3, 4]]).unwrap();
        assert_eq!(writer.buffer[at..at + 2], [0xC0, 0x0C]);
        assert!(writer.holds_at(at, name("www.EXAMPLE").as_name_ref()));
        assert!(!writer.holds_at(at, name("example").as_name_ref()));
    }

    #[test]
    fn rfc3597_4_names_in_the_data_of_newer_types_are_whole() {
        let mut buffer = [0; 200];
        let mut writer = Writer::new(&mut buffer).unwrap();
        let mut target = vec![0, 1];
        target.extend_from_slice(b"\x01a\x01b\x00");
        write(&mut writer, "a.b", Type::MX, &[&target]).unwrap();
        let mx_end = writer.position();
        assert_eq!(writer.buffer[mx_end - 6..mx_end], [0, 4, 0, 1, 0xC0, 0x0C]);
        write(&mut writer, "a.b", Type::KX, &[&target]).unwrap();
        let kx_end = writer.position();
        assert_eq!(writer.buffer[kx_end - 7..kx_end], target);
    }

    #[test]
    fn rfc3597_4_what_is_compressed_is_what_the_table_of_types_says() {
        // Octets in which every field that a type may have in front of its names is zero or a root.
        let rdata = [0; 64];
        for rtype in (0..=u16::MAX).map(Type) {
            let by_table: Vec<usize> = names(rtype, &rdata)
                .filter(|field| field.usage == NameUse::Compressed)
                .map(|field| field.offset)
                .collect();
            let (fixed, count) = compressed_names(rtype);
            assert_eq!(by_table, (fixed..fixed + count).collect::<Vec<_>>(), "{rtype}");
        }
    }

    #[test]
    fn a_set_that_does_not_fit_leaves_no_trace() {
        let mut buffer = [0; 60];
        let mut writer = Writer::new(&mut buffer).unwrap();
        write(&mut writer, "a.b", Type::A, &[&[1, 2, 3, 4]]).unwrap();
        let before = (writer.position(), writer.compression.len());
        assert_eq!(
            write(&mut writer, "c.d", Type::A, &[&[1, 2, 3, 4], &[1, 2, 3, 5]]),
            Err(Full)
        );
        assert_eq!((writer.position(), writer.compression.len()), before);
        assert_eq!(writer.count(Section::Answer), 1);
    }

    #[test]
    fn rfc6891_7_the_opt_record_has_its_room() {
        let mut buffer = [0; HEADER_BYTES + 19 + 11];
        let mut writer = Writer::new(&mut buffer).unwrap();
        let opt = Opt {
            payload_bytes: 1232,
            dnssec_ok: true,
            options: ReplyOptions::default(),
        };
        writer.hold_back_opt(&opt);
        write(&mut writer, "a.b", Type::A, &[&[1, 2, 3, 4]]).unwrap();
        assert_eq!(write(&mut writer, ".", Type::NULL, &[&[]]), Err(Full));
        let length = writer.finish(1, Flags::QR, Rcode::BADVERS, Some(&opt));
        assert_eq!(length, buffer.len());
        assert_eq!(buffer[length - 11..], [0, 0, 41, 4, 208, 1, 0, 0x80, 0, 0, 0]);
        let header = Header::read(&buffer).unwrap();
        assert_eq!((header.additionals, header.flags.rcode()), (1, Rcode::NOERROR));
    }

    #[test]
    fn rfc6891_6_1_2_options_follow_the_opt_record_and_have_their_room() {
        let opt = Opt {
            payload_bytes: 1232,
            dnssec_ok: false,
            options: ReplyOptions {
                nsid: Some(b"ns7"),
                cookie: Some([7; 24]),
                tcp_keepalive: Some(300),
                extended_error: Some(ExtendedError::PROHIBITED),
                padding: None,
            },
        };
        let mut buffer = [0; HEADER_BYTES + 19 + 11 + 7 + 28 + 6 + 6];
        let mut writer = Writer::new(&mut buffer).unwrap();
        writer.hold_back_opt(&opt);
        write(&mut writer, "a.b", Type::A, &[&[1, 2, 3, 4]]).unwrap();
        assert_eq!(write(&mut writer, ".", Type::NULL, &[&[]]), Err(Full));
        let length = writer.finish(1, Flags::QR, Rcode::NOERROR, Some(&opt));
        assert_eq!(length, buffer.len());
        let expected = [
            &[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 47][..],
            b"\x00\x03\x00\x03ns7",
            b"\x00\x0A\x00\x18",
            &[7; 24],
            b"\x00\x0B\x00\x02\x01\x2C",
            b"\x00\x0F\x00\x02\x00\x12",
        ]
        .concat();
        assert_eq!(buffer[length - expected.len()..], expected);
    }

    #[test]
    fn an_opt_record_without_room_is_left_out_whole() {
        let opt = Opt {
            payload_bytes: 1232,
            dnssec_ok: false,
            options: ReplyOptions::default(),
        };
        let mut buffer = [0; HEADER_BYTES + 10];
        let mut writer = Writer::new(&mut buffer).unwrap();
        writer.hold_back_opt(&opt);
        assert_eq!(writer.finish(1, Flags::QR, Rcode::NOERROR, Some(&opt)), HEADER_BYTES);
        assert_eq!(Header::read(&buffer).unwrap().additionals, 0);
    }

    #[test]
    fn what_an_earlier_reply_left_in_the_buffer_is_not_pointed_to() {
        // A name whose hash is that of its own tail: whoever compares that tail with what stands where the name is about
        // to be written finds it, when an earlier reply had it there, and would make a pointer to itself.
        let owner = (0_u32..1 << 20)
            .map(|number| format!("{number:x}.b"))
            .find(|owner| Compression::collides_with_its_tail(name(owner).as_name_ref()))
            .unwrap();
        let mut buffer = [0; 200];
        write(&mut Writer::new(&mut buffer).unwrap(), "b", Type::A, &[&[1, 2, 3, 4]]).unwrap();
        let mut writer = Writer::new(&mut buffer).unwrap();
        write(&mut writer, &owner, Type::A, &[&[1, 2, 3, 4]]).unwrap();
        assert!(writer.holds_at(HEADER_BYTES, name(&owner).as_name_ref()));
    }

    #[test]
    fn names_behind_the_reach_of_a_pointer_are_not_pointed_to() {
        let mut buffer = vec![0; 0x5000];
        let mut writer = Writer::new(&mut buffer).unwrap();
        write(&mut writer, "a.b", Type::NULL, &[&[0; 0x4000]]).unwrap();
        for _ in 0..2 {
            let at = writer.position();
            write(&mut writer, "far.away", Type::NULL, &[&[]]).unwrap();
            assert_eq!(writer.position() - at, 10 + 10);
        }
    }
}
