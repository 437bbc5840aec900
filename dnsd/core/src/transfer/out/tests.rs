use super::*;
use crate::message::{ReceivedRecord, ReplyOptions, skip_questions};
use crate::name::NameBuf;
use crate::transfer::REQUEST_BYTES_MAX;
use crate::transfer::records::RecordRef;
use crate::transfer::{write_axfr_request, write_ixfr_request};
use crate::zone::tests::zone;

pub(in crate::transfer) fn head_of(zone: &Zone, rtype: Type) -> ReplyHead {
    let mut buffer = [0; REQUEST_BYTES_MAX];
    let len = match rtype {
        Type::IXFR => write_ixfr_request(77, zone, &mut buffer),
        _ => write_axfr_request(77, zone.origin(), &mut buffer),
    };
    let message = &buffer[..len.unwrap()];
    let request = Request::parse(Header::read(message).unwrap(), message).unwrap();
    ReplyHead::new(&request, None)
}

/// All messages of a transfer, none longer than so many octets.
pub(in crate::transfer) fn messages(mut transfer: Outgoing, limit: usize) -> Vec<Vec<u8>> {
    let mut buffer = vec![0xFF; limit];
    let mut all = Vec::new();
    while let Some(len) = transfer.next_message(&mut buffer).unwrap() {
        all.push(buffer[..len].to_vec());
    }
    assert_eq!(transfer.totals().messages, all.len());
    assert_eq!(transfer.totals().octets, all.iter().map(Vec::len).sum());
    all
}

/// The records of a message as lines, and its header.
fn read(message: &[u8]) -> (Header, Vec<String>) {
    let header = Header::read(message).unwrap();
    let mut at = skip_questions(message, header.questions).unwrap();
    let mut lines = Vec::new();
    let mut owner = NameBuf::root();
    for _ in 0..header.answers {
        let record = ReceivedRecord::read(message, at, &mut owner).unwrap();
        at = record.rdata.end;
        let mut rdata = Vec::new();
        crate::rdata::expand(record.rtype, message, record.rdata, &mut rdata).unwrap();
        let record = RecordRef {
            owner: owner.as_name_ref(),
            rtype: record.rtype,
            ttl: record.ttl,
            rdata: &rdata,
        };
        lines.push(record.to_string());
    }
    if header.additionals == 0 {
        assert_eq!(at, message.len());
    }
    (header, lines)
}

fn example(serial: u32, text: &str) -> Arc<Zone> {
    Arc::new(zone(
        "example",
        &format!("@ SOA ns h {serial} 2 3 4 5\n@ NS ns\n{text}"),
    ))
}

fn soa(serial: u32) -> String {
    format!("example. 3600 IN SOA ns.example. h.example. {serial} 2 3 4 5")
}

fn ixfr(zone: &Arc<Zone>, have: u32, steps: Option<Vec<Arc<Delta>>>) -> Outgoing {
    Outgoing::ixfr(head_of(zone, Type::IXFR), Arc::clone(zone), Serial(have), steps)
}

#[test]
fn rfc5936_3_a_transfer_has_every_record_once_and_the_soa_record_at_both_ends() {
    let zone = example(
        7,
        "a 60 A 192.0.2.1\na 60 A 192.0.2.2\nsub NS ns.sub\nns.sub A 192.0.2.3\nd DNAME x\nhidden.d TXT t\nEmpty.B TXT \"\"",
    );
    let all = messages(Outgoing::axfr(head_of(&zone, Type::AXFR), Arc::clone(&zone)), 65_535);
    let [message] = &all[..] else { panic!() };
    let (header, lines) = read(message);
    assert_eq!(
        (header.id, header.flags, header.questions),
        (77, Flags::QR.with(Flags::AA), 1)
    );
    let expected = [
        &soa(7),
        "example. 3600 IN NS ns.example.",
        "a.example. 60 IN A 192.0.2.1",
        "a.example. 60 IN A 192.0.2.2",
        "Empty.B.example. 3600 IN TXT \"\"",
        "d.example. 3600 IN DNAME x.example.",
        "hidden.d.example. 3600 IN TXT \"t\"",
        "sub.example. 3600 IN NS ns.sub.example.",
        "ns.sub.example. 3600 IN A 192.0.2.3",
        &soa(7),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn rfc1035_4_1_4_names_are_compressed_by_the_longest_tail_that_is_there() {
    let zone = zone(
        "example",
        "@ SOA ns h 1 2 3 4 5\na.b NS n.far.test.\na.b NS m.far.test.\nc.b MX 1 n.far.test.\nd SRV 0 0 1 n.far.test.",
    );
    let all = messages(Outgoing::axfr(head_of(&zone, Type::AXFR), Arc::new(zone)), 65_535);
    let message = &all[0];
    let count = |octets: &[u8]| message.windows(octets.len()).filter(|window| *window == octets).count();
    assert_eq!(count(b"\x07example"), 1);
    // RFC 3597 §4: whole in the data of SRV records.
    assert_eq!(count(b"\x03far\x04test\x00"), 2);
    assert_eq!((count(b"\x01b\xC0\x0C"), count(b"\x01n\xC0")), (1, 1));
}

#[test]
fn rfc5936_3_4_names_of_another_case_are_not_pointed_to() {
    let text = "@ SOA ns h 1 2 3 4 5\nwww.EXAMPLE. A 192.0.2.1\nx MX 1 M.Test.\ny MX 1 m.test.";
    let zone = Arc::new(zone("eXample", text));
    let mut head = head_of(&zone, Type::AXFR);
    head.question[1..8].copy_from_slice(b"EXAMPLE");
    let all = messages(Outgoing::axfr(head, zone), 65_535);
    let (_, lines) = read(&all[0]);
    assert!(lines[0].starts_with("eXample."), "{lines:?}");
    assert_eq!(lines[1], "www.EXAMPLE. 3600 IN A 192.0.2.1");
    assert_eq!(
        lines[2..4],
        ["x.eXample. 3600 IN MX 1 M.Test.", "y.eXample. 3600 IN MX 1 m.test."]
    );
}

#[test]
fn rfc5936_2_2_the_first_message_has_the_question_and_the_opt_record() {
    let zone = example(7, "a TXT 0123456789\nb TXT 0123456789\nc TXT 0123456789");
    let mut head = head_of(&zone, Type::AXFR);
    head.opt = Some(Opt {
        payload_bytes: 1232,
        dnssec_ok: false,
        options: ReplyOptions::default(),
    });
    head.recursion_desired = true;
    let all = messages(Outgoing::axfr(head, zone), 100);
    assert!(all.len() > 2);
    for (number, message) in all.iter().enumerate() {
        let header = Header::read(message).unwrap();
        let first = u16::from(number == 0);
        assert_eq!((header.questions, header.additionals), (first, first));
        assert!(header.flags.contains(Flags::RD) && message.len() <= 100);
    }
    assert!(all[0].ends_with(b"\x00\x00\x29\x04\xD0\x00\x00\x00\x00\x00\x00"));
}

#[test]
fn a_record_that_fits_into_no_message_ends_the_transfer() {
    let long = (0..200).map(|_| "a".repeat(250)).collect::<Vec<_>>().join(" ");
    let zone = example(7, &format!("a TXT {long}\nb A 192.0.2.1"));
    // Longer than messages get, but it fits.
    let all = messages(Outgoing::axfr(head_of(&zone, Type::AXFR), Arc::clone(&zone)), 65_535);
    assert_eq!(all.len(), 3);
    assert!(all[1].len() > 200 * 251);
    let mut transfer = Outgoing::axfr(head_of(&zone, Type::AXFR), zone);
    let mut buffer = vec![0; 50_000];
    assert!(matches!(transfer.next_message(&mut buffer), Ok(Some(_))));
    let error = OutgoingError::RecordTooLarge {
        owner: "a.example".parse().unwrap(),
        rtype: Type::TXT,
    };
    assert_eq!(transfer.next_message(&mut buffer), Err(error));
    assert_eq!(transfer.next_message(&mut buffer), Ok(None));
    let mut none = ixfr(&example(1, ""), 0, None);
    assert_eq!(none.next_message(&mut [0; 20]), Err(OutgoingError::NoRoom));
}

#[test]
fn rfc1995_4_steps_are_sent_between_soa_records_of_the_newest_version() {
    let versions = [
        example(1, "a A 192.0.2.1"),
        example(2, "b A 192.0.2.1"),
        example(3, "b A 192.0.2.1\nc A 192.0.2.1"),
    ];
    let steps: Vec<Arc<Delta>> = versions
        .windows(2)
        .map(|pair| Arc::new(Delta::between(&pair[0], &pair[1])))
        .collect();
    let transfer = ixfr(&versions[2], 1, Some(steps.clone()));
    assert_eq!(transfer.kind(), OutgoingKind::Steps);
    let lines: Vec<String> = messages(transfer, 120)
        .iter()
        .flat_map(|message| read(message).1)
        .collect();
    let expected = [
        &soa(3),
        &soa(1),
        "a.example. 3600 IN A 192.0.2.1",
        &soa(2),
        "b.example. 3600 IN A 192.0.2.1",
        &soa(2),
        &soa(3),
        "c.example. 3600 IN A 192.0.2.1",
        &soa(3),
    ];
    assert_eq!(lines, expected);
    // Steps that don't lead from the client's version to this one are of no use.
    for (have, steps) in [
        (1, None),
        (2, Some(steps.clone())),
        (1, Some(steps[..1].to_vec())),
        (1, Some(vec![])),
    ] {
        assert_eq!(ixfr(&versions[2], have, steps).kind(), OutgoingKind::Zone);
    }
}

#[test]
fn rfc1995_2_a_client_that_is_up_to_date_gets_the_soa_record() {
    let zone = example(7, "");
    for have in [7, 8, 7 + (1 << 31)] {
        let transfer = ixfr(&zone, have, None);
        assert_eq!(transfer.kind(), OutgoingKind::Soa);
        let all = messages(transfer, 512);
        assert_eq!(read(&all[0]).1, [soa(7)]);
        assert_eq!(all.len(), 1);
    }
}

#[test]
fn rfc1995_4_by_udp_there_is_one_message_with_all_steps_or_the_soa_record() {
    let (old, new) = (example(1, "a A 192.0.2.1"), example(2, "b A 192.0.2.1"));
    let steps = vec![Arc::new(Delta::between(&old, &new))];
    let mut buffer = [0; 512];
    for (limit, steps, records) in [(512, Some(steps.clone()), 6), (120, Some(steps), 1), (512, None, 1)] {
        let mut transfer = ixfr(&new, 1, steps);
        let len = transfer.only_message(&mut buffer[..limit]).unwrap();
        assert_eq!(read(&buffer[..len]).1.len(), records);
        assert_eq!(transfer.next_message(&mut buffer), Ok(None));
        assert_eq!(transfer.totals().messages, 1);
    }
}
