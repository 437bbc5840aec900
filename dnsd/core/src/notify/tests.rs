use super::*;
use crate::name::Name;
use crate::zone::tests::zone;

fn zone_of_serial_9() -> Zone {
    zone("zone.test", "@ SOA ns h 9 2 3 4 5\n@ NS ns.example.")
}

fn notify() -> Vec<u8> {
    let mut out = vec![0; 512];
    let len = write_notify(0x1234, &zone_of_serial_9(), &mut out).unwrap();
    out.truncate(len);
    out
}

fn read(message: &[u8]) -> Result<Notification<'_>, Rcode> {
    let header = Header::read(message).unwrap();
    Notification::read(&Request::parse(header, message).unwrap(), message)
}

#[test]
fn rfc1996_3_7_a_notify_is_the_question_for_the_soa_record_and_the_record() {
    let message = notify();
    let header = Header::read(&message).unwrap();
    assert_eq!(header.flags, Flags::AA.with_opcode(Opcode::NOTIFY));
    assert_eq!((header.id, header.questions, header.answers), (0x1234, 1, 1));
    let notification = read(&message).unwrap();
    assert_eq!(notification.question.name.to_string(), "zone.test.");
    assert_eq!(notification.serial, Some(Serial(9)));
}

#[test]
fn rfc1996_3_7_the_hint_may_be_missing() {
    let mut out = [0; 40];
    let len = write_notify(1, &zone_of_serial_9(), &mut out).unwrap();
    let notification = read(&out[..len]).unwrap();
    assert_eq!((notification.header.answers, notification.serial), (0, None));
    assert_eq!(write_notify(1, &zone_of_serial_9(), &mut out[..20]), None);
}

#[test]
fn a_hint_for_another_zone_is_none() {
    let mut message = notify();
    // The question's name; the record's owner points to it, so put the question for another zone in front.
    let other = message.iter().position(|octet| *octet == b'z').unwrap();
    let record = message.len() - message[other..].len();
    assert_eq!(record, 13);
    let owner = message.windows(2).position(|pair| pair == b"\xC0\x0C").unwrap();
    message[owner + 1] = 17;
    let notification = read(&message).unwrap();
    assert_eq!((notification.header.answers, notification.serial), (1, None));
}

#[test]
fn rfc1996_4_7_the_response_repeats_header_and_question() {
    let message = notify();
    let notification = read(&message).unwrap();
    let mut out = [0; 64];
    let len = write_response(&notification, Rcode::NOTAUTH, None, &mut out).unwrap();
    assert_eq!(&out[..12], b"\x12\x34\xA4\x09\0\x01\0\0\0\0\0\0");
    assert_eq!(&out[12..len], notification.question.wire);
    let origin: Name = "ZONE.test".parse().unwrap();
    let other: Name = "other.test".parse().unwrap();
    assert_eq!(
        read_response(0x1234, origin.as_name_ref(), &out[..len]),
        Some(Rcode::NOTAUTH)
    );
    assert_eq!(read_response(0x1235, origin.as_name_ref(), &out[..len]), None);
    assert_eq!(read_response(0x1234, other.as_name_ref(), &out[..len]), None);
    assert_eq!(read_response(0x1234, origin.as_name_ref(), &message), None);
    assert_eq!(
        write_response(&notification, Rcode::NOERROR, None, &mut out[..20]),
        None
    );
}

#[test]
fn a_request_that_is_for_something_else_says_why() {
    let edited = |at: usize, octet: u8| {
        let mut message = notify();
        message[at] = octet;
        read(&message).map(|_| ()).unwrap_err()
    };
    let qtype = 12 + 11;
    assert_eq!(edited(qtype + 1, 1), Rcode::NOTIMP, "for A records");
    assert_eq!(edited(qtype + 3, 3), Rcode::NOTAUTH, "class CH");
}
