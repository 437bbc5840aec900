//! Updates are written here a record a line: `owner TTL CLASS TYPE data`, as the sections of a message have them.

use super::*;
use crate::message::Header;
use crate::name::Name;
use crate::serial::Serial;
use crate::zone::FindingKind;
use crate::zone::tests::zone;

mod model;

/// The zone `example` that the tests change.
const TEXT: &str = "@ SOA ns h 5 2 3 4 5
@ NS ns
@ NS ns2
ns A 192.0.2.1
ns2 A 192.0.2.2
www A 192.0.2.10
www A 192.0.2.11
mail MX 10 WWW
alias CNAME www
x.empty TXT x
sub NS ns.sub
ns.sub A 192.0.2.3";

fn origin() -> Name {
    "example".parse().unwrap()
}

fn example() -> Zone {
    zone("example", TEXT)
}

fn record(line: &str) -> Record {
    let mut words = line.splitn(5, ' ');
    let mut word = || words.next().unwrap_or_default();
    let owner = Name::parse(word().as_bytes(), Some(&origin())).unwrap();
    let ttl = word().parse().unwrap();
    let class = Class::parse(word().as_bytes()).unwrap();
    let rtype = Type::parse(word().as_bytes()).unwrap();
    let data = word();
    let rdata = if data.is_empty() {
        Vec::new()
    } else {
        rdata::parse(rtype, data.as_bytes(), Some(&origin())).unwrap()
    };
    Record {
        owner,
        class,
        ttl,
        rtype,
        rdata: rdata.into(),
    }
}

fn records(lines: &str) -> Vec<Record> {
    lines.lines().map(record).collect()
}

fn put(out: &mut Vec<u8>, record: &Record) {
    out.extend_from_slice(record.owner.as_wire());
    out.extend_from_slice(&record.rtype.0.to_be_bytes());
    out.extend_from_slice(&record.class.0.to_be_bytes());
    out.extend_from_slice(&record.ttl.to_be_bytes());
    out.extend_from_slice(&(record.rdata.len() as u16).to_be_bytes());
    out.extend_from_slice(&record.rdata);
}

fn message(prerequisites: &[Record], updates: &[Record]) -> Vec<u8> {
    let header = Header {
        id: 0x1234,
        flags: Flags::default().with_opcode(Opcode::UPDATE),
        questions: 1,
        answers: prerequisites.len() as u16,
        authorities: updates.len() as u16,
        additionals: 0,
    };
    let mut out = header.to_bytes().to_vec();
    out.extend_from_slice(b"\x07example\x00\x00\x06\x00\x01");
    prerequisites
        .iter()
        .chain(updates)
        .for_each(|record| put(&mut out, record));
    out
}

fn run(zone: &Zone, message: &[u8]) -> Result<Option<Changed>, UpdateError> {
    let header = Header::read(message).unwrap();
    let request = Request::parse(header, message).unwrap();
    let update = Update::read(&request, message)?;
    assert_eq!(update.zone(), origin());
    update.apply(zone)
}

/// The code of the response to an update of the example.
fn rcode(prerequisites: &str, updates: &str) -> Rcode {
    let message = message(&records(prerequisites), &records(updates));
    run(&example(), &message).map_or_else(|error| error.rcode(), |_| Rcode::NOERROR)
}

/// What the updates take from the example and what they add, a record a line, the SOA records left out.
fn done(updates: &str) -> (Vec<String>, Vec<String>) {
    let zone = example();
    let Some(changed) = run(&zone, &message(&[], &records(updates))).unwrap() else {
        return Default::default();
    };
    let lines = |records: &crate::transfer::Records| {
        let others = records.iter().filter(|record| record.rtype != Type::SOA);
        others.map(|record| record.to_string()).collect::<Vec<_>>()
    };
    (lines(changed.delta.removed()), lines(changed.delta.added()))
}

fn none() -> Vec<String> {
    Vec::new()
}

#[test]
fn rfc2136_3_1_1_the_zone_section_asks_for_soa() {
    let mut message = message(&[], &[]);
    let qtype = 12 + 10;
    message[qtype] = 1;
    let read = |message: &[u8]| run(&example(), message).map(|_| ()).unwrap_err().rcode();
    assert_eq!(read(&message), Rcode::FORMERR);
    message[qtype] = 6;
    message[qtype + 2] = 3;
    assert_eq!(read(&message), Rcode::NOTAUTH);
}

#[test]
fn rfc2136_2_4_1_a_set_exists_whatever_its_records_are() {
    assert_eq!(rcode("www 0 ANY A", ""), Rcode::NOERROR);
    assert_eq!(rcode("WWW 0 ANY A", ""), Rcode::NOERROR);
    assert_eq!(rcode("ns.sub 0 ANY A", ""), Rcode::NOERROR);
    assert_eq!(rcode("www 0 ANY AAAA", ""), Rcode::NXRRSET);
    assert_eq!(rcode("nobody 0 ANY A", ""), Rcode::NXRRSET);
    assert_eq!(rcode("alias 0 ANY A", ""), Rcode::NXRRSET, "an alias is not followed");
}

#[test]
fn rfc2136_2_4_2_a_set_has_exactly_these_records() {
    let both = "www 0 IN A 192.0.2.11\nwww 0 IN A 192.0.2.10";
    assert_eq!(rcode(both, ""), Rcode::NOERROR);
    assert_eq!(rcode(&format!("{both}\nwww 0 IN A 192.0.2.10"), ""), Rcode::NOERROR);
    assert_eq!(rcode("www 0 IN A 192.0.2.10", ""), Rcode::NXRRSET);
    assert_eq!(rcode(&format!("{both}\nwww 0 IN A 192.0.2.12"), ""), Rcode::NXRRSET);
    assert_eq!(
        rcode("mail 0 IN MX 10 www", ""),
        Rcode::NOERROR,
        "case is no difference"
    );
    assert_eq!(rcode("nobody 0 IN A 192.0.2.1", ""), Rcode::NXRRSET);
}

#[test]
fn rfc2136_2_4_3_a_set_does_not_exist() {
    assert_eq!(rcode("www 0 NONE AAAA", ""), Rcode::NOERROR);
    assert_eq!(rcode("nobody 0 NONE A", ""), Rcode::NOERROR);
    assert_eq!(rcode("www 0 NONE A", ""), Rcode::YXRRSET);
}

#[test]
fn rfc2136_2_4_4_a_name_is_in_use_when_it_has_records() {
    assert_eq!(rcode("www 0 ANY ANY", ""), Rcode::NOERROR);
    assert_eq!(rcode("nobody 0 ANY ANY", ""), Rcode::NXDOMAIN);
    assert_eq!(rcode("empty 0 ANY ANY", ""), Rcode::NXDOMAIN, "an empty non-terminal");
}

#[test]
fn rfc2136_2_4_5_a_name_is_not_in_use_when_it_has_none() {
    assert_eq!(rcode("nobody 0 NONE ANY", ""), Rcode::NOERROR);
    assert_eq!(rcode("empty 0 NONE ANY", ""), Rcode::NOERROR);
    assert_eq!(rcode("www 0 NONE ANY", ""), Rcode::YXDOMAIN);
}

#[test]
fn rfc2136_3_2_5_prerequisites_are_checked_in_their_order_values_last() {
    assert_eq!(rcode("www 1 ANY A", ""), Rcode::FORMERR, "a TTL");
    assert_eq!(rcode("www 0 ANY A 192.0.2.1", ""), Rcode::FORMERR, "data");
    assert_eq!(rcode("www 0 NONE A 192.0.2.1", ""), Rcode::FORMERR, "data");
    assert_eq!(rcode("www 0 CH A 192.0.2.1", ""), Rcode::FORMERR, "another class");
    assert_eq!(rcode("www.test. 0 ANY A", ""), Rcode::NOTZONE);
    assert_eq!(rcode("www 0 NONE A\nnobody 0 ANY ANY", ""), Rcode::YXRRSET);
    assert_eq!(rcode("www 0 IN A 192.0.2.9\nnobody 0 ANY ANY", ""), Rcode::NXDOMAIN);
}

#[test]
fn rfc2136_3_4_1_3_nothing_is_done_when_one_update_has_no_form() {
    let add = "new 60 IN A 192.0.2.9\n";
    for (update, expected) in [
        ("www.test. 60 IN A 192.0.2.9", Rcode::NOTZONE),
        ("a 60 IN ANY", Rcode::FORMERR),
        ("a 60 IN AXFR", Rcode::FORMERR),
        ("a 60 IN MAILB", Rcode::FORMERR),
        ("a 1 ANY A", Rcode::FORMERR),
        ("a 0 ANY A 192.0.2.1", Rcode::FORMERR),
        ("a 0 ANY IXFR", Rcode::FORMERR),
        ("a 1 NONE A 192.0.2.1", Rcode::FORMERR),
        ("a 0 NONE ANY", Rcode::FORMERR),
        ("a 0 NONE MAILA", Rcode::FORMERR),
        ("a 60 CH A 192.0.2.1", Rcode::FORMERR),
        ("a 60 IN NSEC b A", Rcode::REFUSED),
    ] {
        assert_eq!(rcode("", &format!("{add}{update}")), expected, "{update}");
    }
    assert_eq!(rcode("", add), Rcode::NOERROR);
}

#[test]
fn an_update_with_data_that_a_type_cannot_have_is_malformed() {
    let mut record = record("a 60 IN A 192.0.2.1");
    record.rdata = (*b"abc").into();
    let error = run(&example(), &message(&[], &[record])).unwrap_err();
    assert_eq!(
        (error.kind.clone(), error.rcode()),
        (UpdateErrorKind::Unreadable, Rcode::FORMERR)
    );
    assert_eq!(error.rtype, Type::A);
    assert_eq!(rcode("", "a 60 IN A"), Rcode::FORMERR);
    assert_eq!(rcode("", "www 0 NONE A"), Rcode::FORMERR);
    assert_eq!(rcode("www 0 IN A", ""), Rcode::FORMERR);
}

#[test]
fn rfc2136_3_4_2_2_records_are_added_to_sets() {
    let (removed, added) = done("www 3600 IN A 192.0.2.12\nnew 60 IN TXT hello");
    assert_eq!(removed, none());
    assert_eq!(
        added,
        ["new.example. 60 IN TXT \"hello\"", "www.example. 3600 IN A 192.0.2.12"]
    );
    assert_eq!(done("www 3600 IN A 192.0.2.10"), (none(), none()), "it is there");
    assert_eq!(done("mail 3600 IN MX 10 www"), (none(), none()), "in another case");
}

#[test]
fn rfc2181_5_2_a_new_ttl_is_that_of_the_whole_set() {
    let (removed, added) = done("www 60 IN A 192.0.2.10");
    assert_eq!(removed.len(), 2);
    assert_eq!(
        added,
        ["www.example. 60 IN A 192.0.2.10", "www.example. 60 IN A 192.0.2.11"]
    );
    let (_, added) = done("new 2147483648 IN A 192.0.2.10");
    assert_eq!(added, ["new.example. 0 IN A 192.0.2.10"], "rfc2181_8");
}

#[test]
fn rfc2136_3_4_2_2_an_alias_and_other_data_keep_each_other_out() {
    assert_eq!(done("alias 60 IN A 192.0.2.9"), (none(), none()));
    assert_eq!(done("www 60 IN CNAME other"), (none(), none()));
    let (removed, added) = done("alias 60 IN CNAME other");
    assert_eq!(removed, ["alias.example. 3600 IN CNAME www.example."]);
    assert_eq!(added, ["alias.example. 60 IN CNAME other.example."]);
    let (_, added) = done("www 0 ANY A\nwww 60 IN CNAME other\nwww 60 IN A 192.0.2.9");
    assert_eq!(
        added,
        ["www.example. 60 IN CNAME other.example."],
        "in the order of the message"
    );
}

#[test]
fn rfc6672_2_4_a_name_has_one_dname() {
    let (_, added) = done("d 60 IN DNAME one\nd 60 IN DNAME two");
    assert_eq!(added, ["d.example. 60 IN DNAME two.example."]);
}

#[test]
fn rfc4592_4_a_wildcard_is_no_zone_cut_and_no_dname() {
    assert_eq!(done("* 60 IN DNAME other\n*.sub 60 IN NS other"), (none(), none()));
}

#[test]
fn rfc2136_3_4_2_2_a_wks_record_replaces_that_of_its_address_and_protocol() {
    let (_, added) = done("w 60 IN WKS 192.0.2.1 6 25\nw 60 IN WKS 192.0.2.1 17 53\nw 60 IN WKS 192.0.2.1 6 80");
    assert_eq!(added.len(), 2);
    assert!(added.iter().all(|line| !line.ends_with(" 25")), "{added:?}");
}

#[test]
fn rfc2136_3_4_2_3_sets_and_names_are_deleted() {
    let (removed, added) = done("www 0 ANY A\nsub 0 ANY ANY\nnobody 0 ANY A\nnobody 0 ANY ANY");
    assert_eq!(added, none());
    assert_eq!(
        removed,
        [
            "sub.example. 3600 IN NS ns.sub.example.",
            "www.example. 3600 IN A 192.0.2.10",
            "www.example. 3600 IN A 192.0.2.11"
        ]
    );
}

#[test]
fn rfc2136_3_4_2_3_the_zones_soa_and_ns_records_stay() {
    assert_eq!(done("@ 0 ANY ANY\n@ 0 ANY NS\n@ 0 ANY SOA"), (none(), none()));
    let (removed, _) = done("@ 60 IN TXT x\n@ 0 ANY TXT\nsub 0 ANY NS");
    assert_eq!(removed, ["sub.example. 3600 IN NS ns.sub.example."]);
}

#[test]
fn rfc2136_3_4_2_4_single_records_are_deleted() {
    let (removed, _) =
        done("www 0 NONE A 192.0.2.10\nwww 0 NONE A 192.0.2.99\nmail 0 NONE MX 10 wWw\nx 0 NONE A 192.0.2.1");
    assert_eq!(
        removed,
        [
            "mail.example. 3600 IN MX 10 WWW.example.",
            "www.example. 3600 IN A 192.0.2.10"
        ]
    );
    let (removed, _) = done("@ 0 NONE NS ns\n@ 0 NONE NS ns2\n@ 0 NONE SOA ns h 5 2 3 4 5");
    assert_eq!(removed, ["example. 3600 IN NS ns.example."], "the last one stays");
    let (removed, _) = done("sub 0 NONE NS ns.sub");
    assert_eq!(
        removed,
        ["sub.example. 3600 IN NS ns.sub.example."],
        "but not below the apex"
    );
}

/// The serial after an update of a zone with this one.
fn serial_after(serial: u32, updates: &str) -> Option<u32> {
    let zone = zone("example", &TEXT.replace(" 5 2 3 4 5", &format!(" {serial} 2 3 4 5")));
    let changed = run(&zone, &message(&[], &records(updates))).unwrap()?;
    assert_eq!(changed.zone.serial(), changed.delta.to());
    assert_eq!(changed.delta.from(), Serial(serial));
    Some(changed.zone.serial().0)
}

#[test]
fn rfc2136_3_6_a_change_raises_the_serial() {
    assert_eq!(serial_after(5, "new 60 IN A 192.0.2.1"), Some(6));
    assert_eq!(serial_after(u32::MAX, "new 60 IN A 192.0.2.1"), Some(1));
    assert_eq!(serial_after(5, "www 3600 IN A 192.0.2.10"), None);
    assert_eq!(serial_after(5, "new 60 IN A 192.0.2.1\nnew 0 ANY ANY"), None);
    assert_eq!(serial_after(5, ""), None);
}

#[test]
fn rfc2136_3_4_2_2_a_soa_record_is_taken_if_its_serial_is_newer() {
    let soa = |serial: u32| format!("@ 60 IN SOA ns h {serial} 9 9 9 9");
    assert_eq!(serial_after(5, &soa(100)), Some(100));
    assert_eq!(
        serial_after(5, &format!("{}\nnew 60 IN A 192.0.2.1", soa(100))),
        Some(100)
    );
    for serial in [5, 4, 0x8000_0005, 0x9000_0000] {
        assert_eq!(serial_after(5, &soa(serial)), None);
        assert_eq!(
            serial_after(5, &format!("{}\nnew 60 IN A 192.0.2.1", soa(serial))),
            Some(6)
        );
    }
    assert_eq!(
        serial_after(5, "www 60 IN SOA ns h 100 9 9 9 9"),
        None,
        "below the apex"
    );
}

#[test]
fn a_signed_zone_takes_no_updates() {
    let signed = zone("example", &format!("{TEXT}\nwww NSEC ns A"));
    let update = message(&records("www 0 ANY A"), &records("new 60 IN A 192.0.2.1"));
    let error = run(&signed, &update).unwrap_err();
    assert_eq!(
        (error.kind.clone(), error.rcode()),
        (UpdateErrorKind::ZoneSigned, Rcode::REFUSED)
    );
    let update = message(&records("www 0 ANY AAAA"), &[]);
    assert_eq!(run(&signed, &update).unwrap_err().rcode(), Rcode::NXRRSET);
}

#[test]
fn a_set_that_no_message_holds_is_not_made() {
    let text: String = (0..245).map(|n| format!("\nbig TXT {n:0>250}")).collect();
    let zone = zone("example", &format!("{TEXT}{text}"));
    let updates: String = (0..10).map(|n| format!("big 3600 IN TXT x{n:0>250}\n")).collect();
    let error = run(&zone, &message(&[], &records(&updates))).unwrap_err();
    assert_eq!(error.kind, UpdateErrorKind::Impossible(FindingKind::SetTooLarge));
    assert_eq!(error.rcode(), Rcode::SERVFAIL);
}

#[test]
fn rfc2136_3_8_the_response_has_the_requests_id_and_zone() {
    let message = message(&[], &[]);
    let request = Request::parse(Header::read(&message).unwrap(), &message).unwrap();
    let update = Update::read(&request, &message).unwrap();
    let mut out = [0; 64];
    let len = update.write_response(Rcode::NXRRSET, None, &mut out).unwrap();
    assert_eq!(&out[..12], b"\x12\x34\xA8\x08\0\x01\0\0\0\0\0\0");
    assert_eq!(&out[12..len], &message[12..]);
    assert_eq!(update.write_response(Rcode::NOERROR, None, &mut out[..20]), None);
}
