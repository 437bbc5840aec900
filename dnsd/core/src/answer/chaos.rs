//! Questions about the server itself, in class CH: `version.bind`, `hostname.bind` and `id.server` (RFC 4892).

use super::Resolution;
use crate::message::{Question, Rcode, Section, SetHead, Writer};
use crate::name::NameRef;
use crate::rrtype::{Class, Type};

/// What the server says about itself. What is absent is refused, which is the default: who wants to attack a server is
/// helped by its version.
#[derive(Debug, Clone, Default)]
pub struct Chaos {
    /// For `version.bind` and `version.server`.
    pub version: Option<ChaosText>,
    /// For `hostname.bind`.
    pub hostname: Option<ChaosText>,
    /// For `id.server`.
    pub server_id: Option<ChaosText>,
}

/// A text as the data of a TXT record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChaosText(Box<[u8]>);

impl ChaosText {
    /// Takes any text; what is longer than 255 octets, the most that one character string holds, is cut off.
    pub fn new(text: &str) -> Self {
        let text = &text.as_bytes()[..text.len().min(255)];
        let mut rdata = vec![text.len() as u8];
        rdata.extend_from_slice(text);
        Self(rdata.into())
    }

    /// The text.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.split_first().map_or(&[], |(_, text)| text)
    }
}

/// Seconds that a client may keep the answer: none, as it is about this server and not about a name.
const TTL: u32 = 0;

/// Answers a question of class CH.
pub(super) fn answer(chaos: &Chaos, question: Question<'_>, writer: &mut Writer<'_>) -> Resolution {
    let asks = |name: &[u8]| question.name.as_wire().eq_ignore_ascii_case(name);
    let text = if asks(b"\x07version\x04bind\x00") || asks(b"\x07version\x06server\x00") {
        &chaos.version
    } else if asks(b"\x08hostname\x04bind\x00") {
        &chaos.hostname
    } else if asks(b"\x02id\x06server\x00") {
        &chaos.server_id
    } else {
        &None
    };
    let Some(ChaosText(rdata)) = text else {
        return Resolution::bare(Rcode::REFUSED);
    };
    let mut resolution = Resolution {
        authoritative: true,
        ..Resolution::bare(Rcode::NOERROR)
    };
    if matches!(question.qtype, Type::TXT | Type::ANY) {
        resolution.truncated = write_text(question.name, rdata, writer).is_err();
    }
    resolution
}

fn write_text(name: NameRef<'_>, rdata: &[u8], writer: &mut Writer<'_>) -> Result<(), crate::message::Full> {
    let head = SetHead {
        owner: name,
        rtype: Type::TXT,
        class: Class::CH,
        ttl: TTL,
    };
    writer.record_set(Section::Answer, head, [rdata])
}
