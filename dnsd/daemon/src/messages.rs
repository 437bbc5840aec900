//! Queries as commands send them, and replies as they are read and shown.

use std::fmt;

use dnsd_core::message::{
    Flags, HEADER_BYTES, Header, Opt, Question, Rcode, ReceivedRecord, ReplyOptions, Writer, skip_questions,
};
use dnsd_core::name::{NAME_BYTES_MAX, NameBuf, NameRef};
use dnsd_core::rdata;
use dnsd_core::record::Record;
use dnsd_core::rrtype::{Class, Type};

/// What fits into a UDP message without fragments (RFC 9715 §3.1).
const UDP_PAYLOAD_BYTES: u16 = 1232;

/// A query with EDNS in class IN.
pub(crate) fn question(id: u16, name: NameRef<'_>, qtype: Type, recursion_desired: bool, dnssec_ok: bool) -> Vec<u8> {
    let wire = [name.as_wire(), &qtype.0.to_be_bytes(), &Class::IN.0.to_be_bytes()].concat();
    let question = Question {
        name,
        qtype,
        class: Class::IN,
        wire: &wire,
    };
    let opt = Opt {
        payload_bytes: UDP_PAYLOAD_BYTES,
        dnssec_ok,
        options: ReplyOptions::default(),
    };
    let flags = if recursion_desired { Flags::RD } else { Flags::default() };
    let mut message = vec![0; HEADER_BYTES + NAME_BYTES_MAX + 4 + opt.wire_bytes()];
    let mut writer = Writer::new(&mut message).expect("there is room for a header");
    writer.hold_back_opt(&opt);
    writer.question(&question).expect("there is room for any question");
    let len = writer.finish(id, flags, Rcode::NOERROR, Some(&opt));
    message.truncate(len);
    message
}

/// A reply's header and its records but OPT and TSIG, names written out.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// The header's flags.
    pub(crate) flags: Flags,
    /// The response code, with the bits of an OPT record.
    pub(crate) rcode: Rcode,
    /// The answer section.
    pub(crate) answers: Vec<Record>,
    /// The authority section.
    pub(crate) authorities: Vec<Record>,
    /// The additional section.
    pub(crate) additionals: Vec<Record>,
}

impl Received {
    /// Reads a reply; `None` when a record of it can't be read.
    pub(crate) fn read(message: &[u8]) -> Option<Self> {
        let header = Header::read(message)?;
        let mut at = skip_questions(message, header.questions).ok()?;
        let mut received = Self {
            flags: header.flags,
            rcode: header.flags.rcode(),
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
        };
        let mut owner = NameBuf::root();
        for (count, section) in [(header.answers, 0), (header.authorities, 1), (header.additionals, 2)] {
            for _ in 0..count {
                let record = ReceivedRecord::read(message, at, &mut owner).ok()?;
                at = record.rdata.end;
                match record.rtype {
                    // RFC 6891 §6.1.3: the upper eight bits of the response code.
                    Type::OPT => received.rcode.0 |= (record.ttl >> 24 << 4) as u16,
                    Type::TSIG => {}
                    _ => {
                        let mut data = Vec::new();
                        rdata::expand(record.rtype, message, record.rdata, &mut data).ok()?;
                        let to = match section {
                            0 => &mut received.answers,
                            1 => &mut received.authorities,
                            _ => &mut received.additionals,
                        };
                        to.push(Record {
                            owner: owner.as_name_ref().to_name(),
                            class: record.class,
                            ttl: record.ttl,
                            rtype: record.rtype,
                            rdata: data.into(),
                        });
                    }
                }
            }
        }
        Some(received)
    }

    /// The sections with their names.
    pub(crate) fn sections(&self) -> impl Iterator<Item = (&'static str, &[Record])> {
        [
            ("answer", &*self.answers),
            ("authority", &*self.authorities),
            ("additional", &*self.additionals),
        ]
        .into_iter()
    }

    /// The response code, and whether the answer is authoritative.
    pub(crate) fn summary(&self) -> impl fmt::Display + use<> {
        let authoritative = if self.flags.contains(Flags::AA) {
            ", authoritative"
        } else {
            ""
        };
        format!("{}{authoritative}", self.rcode)
    }
}
