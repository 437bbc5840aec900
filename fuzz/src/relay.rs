//! What other servers answer to forwarded questions.

use std::net::Ipv4Addr;
use std::sync::LazyLock;

use dnsd_core::answer::{Chaos, Client, MinimalResponses, Outcome, Settings, Transport, relay as relay_response};
use dnsd_core::message::{Flags, HEADER_BYTES, Header, Opcode, ReceivedRecord, Request, skip_questions};
use dnsd_core::name::NameBuf;

static SETTINGS: LazyLock<Settings> = LazyLock::new(|| Settings {
    udp_payload_bytes_max: 1232,
    minimal_any: true,
    minimal_responses: MinimalResponses::default(),
    chaos: Chaos::default(),
    cookies: None,
    tcp_keepalive: Some(300),
    forwards: true,
});

/// Whatever a forwarder sends, the reply is a message that holds together, with the request's id and question, no longer than
/// the client takes. The input's first octet chooses the transport, the next two say how long the request is, and the response
/// follows it.
pub fn relay(data: &[u8]) {
    let [transport, high, low, messages @ ..] = data else {
        return;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low])).min(messages.len());
    let (request, response) = messages.split_at(length);
    let Some(header) = Header::read(request).filter(|header| header.flags.opcode() == Opcode::QUERY) else {
        return;
    };
    let Ok(parsed) = Request::parse(header, request) else {
        return;
    };
    let client = Client {
        transport: if transport & 1 == 0 {
            Transport::Udp
        } else {
            Transport::Tcp
        },
        address: Ipv4Addr::LOCALHOST.into(),
        now: 1_700_000_000,
        held_back: 0,
    };
    let mut out = vec![0; usize::from(u16::MAX)];
    let Outcome::Reply(reply) = relay_response(&SETTINGS, &client, request, response, &mut out) else {
        return;
    };
    let message = &out[..reply.len];
    let header = Header::read(message).expect("a header");
    assert_eq!(header.id, parsed.header.id);
    assert!(header.flags.contains(Flags::QR) && !header.flags.contains(Flags::AA));
    if client.transport == Transport::Udp {
        let taken = parsed.edns.map_or(512, |edns| edns.payload_bytes.clamp(512, 1232));
        assert!(reply.len <= usize::from(taken));
    }
    if header.questions == 1 {
        assert!(message[HEADER_BYTES..].starts_with(parsed.question.wire));
    }
    let mut at = skip_questions(message, header.questions).expect("a question");
    let mut owner = NameBuf::root();
    for _ in 0..u32::from(header.answers) + u32::from(header.authorities) + u32::from(header.additionals) {
        at = ReceivedRecord::read(message, at, &mut owner)
            .expect("a record")
            .rdata
            .end;
    }
    assert_eq!(at, message.len());
}
