//! The short messages that servers exchange about a zone: SOA answers, NOTIFYs and their responses, requests for transfers.

use std::sync::LazyLock;

use dnsd_core::message::{HEADER_BYTES, Header, Opcode, Rcode, Request};
use dnsd_core::name::Name;
use dnsd_core::notify::{Notification, read_response, write_response};
use dnsd_core::secondary::read_soa_answer;
use dnsd_core::transfer::requested_serial;

static ORIGIN: LazyLock<Name> = LazyLock::new(|| "example".parse().expect("a name"));

/// Whatever comes, it is what was asked for, or it is nothing; what is answered has the id and the question of the request.
pub fn dns_messages(data: &[u8]) {
    let Some(header) = Header::read(data) else {
        assert_eq!(read_soa_answer(0, ORIGIN.as_name_ref(), data), None);
        assert_eq!(read_response(0, ORIGIN.as_name_ref(), data), None);
        return;
    };
    let _ = read_soa_answer(header.id, ORIGIN.as_name_ref(), data);
    assert_eq!(read_soa_answer(!header.id, ORIGIN.as_name_ref(), data), None);
    let _ = read_response(header.id, ORIGIN.as_name_ref(), data);
    assert_eq!(read_response(!header.id, ORIGIN.as_name_ref(), data), None);
    let Ok(request) = Request::parse(header, data) else {
        return;
    };
    match header.flags.opcode() {
        Opcode::QUERY => {
            let _ = requested_serial(&request, data);
        }
        Opcode::NOTIFY => match Notification::read(&request, data) {
            Ok(notification) => {
                let mut out = [0; 512];
                let length = write_response(&notification, Rcode::NOERROR, None, &mut out).expect("there is room");
                assert_eq!(length, HEADER_BYTES + request.question.wire.len());
                let origin = request.question.name;
                assert_eq!(read_response(header.id, origin, &out[..length]), Some(Rcode::NOERROR));
            }
            Err(rcode) => assert!(matches!(rcode, Rcode::NOTIMP | Rcode::NOTAUTH)),
        },
        _ => {}
    }
}
