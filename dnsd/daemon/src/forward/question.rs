//! A question as forwarders are asked it.

use dnsd_core::message::{Flags, Header, Request};
use hickory_proto::op::Query;
use hickory_proto::rr::{DNSClass, Name, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

/// What is asked for, and what of the client's flags the answer depends on.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(super) query: Query,
    /// The DO bit: signatures are wanted.
    pub(super) dnssec_ok: bool,
    /// The CD bit: signatures aren't to be checked.
    pub(super) checking_disabled: bool,
}

impl Question {
    /// That of a request in class IN; `None` when there is none.
    pub(crate) fn of_request(message: &[u8]) -> Option<Self> {
        let request = Request::parse(Header::read(message)?, message).ok()?;
        let name = Name::read(&mut BinDecoder::new(request.question.name.as_wire())).ok()?;
        let mut query = Query::query(name, RecordType::from(request.question.qtype.0));
        query.set_query_class(DNSClass::IN);
        Some(Self {
            query,
            dnssec_ok: request.edns.is_some_and(|edns| edns.dnssec_ok),
            checking_disabled: request.header.flags.contains(Flags::CD),
        })
    }
}
