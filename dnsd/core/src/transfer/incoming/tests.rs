use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::transfer::Outgoing;
use crate::transfer::delta::tests::{records_of, versions};
use crate::transfer::out::tests::{head_of, messages};
use crate::zone::{RecordSet, Zone};

const LIMITS: IncomingLimits = IncomingLimits {
    octets_max: 1 << 20,
    records_max: 1 << 10,
};

fn origin() -> Name {
    "example".parse().unwrap()
}

fn feed_all(mut transfer: Incoming, messages: &[Vec<u8>]) -> Result<Received, IncomingError> {
    for (number, message) in messages.iter().enumerate() {
        let progress = transfer.feed(message)?;
        assert_eq!(progress == Progress::Finished, number + 1 == messages.len());
    }
    assert_eq!(transfer.totals().messages, messages.len());
    transfer.finish(1)
}

fn zone_of(received: Result<Received, IncomingError>) -> Zone {
    match received {
        Ok(Received::Zone(compiled)) => compiled.zone,
        Ok(_) => panic!("no zone"),
        Err(error) => panic!("{error}"),
    }
}

/// A message of records, which are written as `owner TYPE data`, SOA records as their serial.
fn message(questions: &[u8], lines: &[&str]) -> Vec<u8> {
    let mut message = vec![
        0,
        77,
        0x84,
        0,
        0,
        u8::from(!questions.is_empty()),
        0,
        lines.len() as u8,
        0,
        0,
        0,
        0,
    ];
    message.extend_from_slice(questions);
    for line in lines {
        let line = match line.parse::<u32>() {
            Ok(serial) => format!("@ SOA ns h {serial} 2 3 4 5"),
            Err(_) => (*line).to_owned(),
        };
        let mut words = line.splitn(3, ' ');
        let owner = Name::parse(words.next().unwrap().as_bytes(), Some(&origin())).unwrap();
        let rtype = Type::parse(words.next().unwrap().as_bytes()).unwrap();
        let rdata = rdata::parse(rtype, words.next().unwrap().as_bytes(), Some(&origin())).unwrap();
        message.extend_from_slice(owner.as_wire());
        message.extend_from_slice(&rtype.0.to_be_bytes());
        message.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
        message.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
        message.extend_from_slice(&rdata);
    }
    message
}

const AXFR: &[u8] = b"\x07example\x00\x00\xFC\x00\x01";
const IXFR: &[u8] = b"\x07example\x00\x00\xFB\x00\x01";

fn axfr() -> Incoming {
    Incoming::axfr(origin(), 77, Some(Serial(1)), LIMITS)
}

fn ixfr(have: u32) -> Incoming {
    Incoming::ixfr(origin(), 77, Serial(have), LIMITS)
}

/// What is wrong with a stream of one message for each of these lists of records.
fn error_of(transfer: Incoming, question: &[u8], stream: &[&[&str]]) -> IncomingError {
    let mut messages = Vec::new();
    for (number, lines) in stream.iter().enumerate() {
        messages.push(message(if number == 0 { question } else { b"" }, lines));
    }
    let mut transfer = transfer;
    for message in &messages {
        if let Err(error) = transfer.feed(message) {
            assert_eq!(transfer.feed(message), Err(IncomingError::AfterEnd));
            assert_eq!(transfer.finish(1).err(), Some(IncomingError::Unfinished));
            return error;
        }
    }
    transfer.finish(1).err().expect("an error")
}

#[test]
fn rfc5936_2_2_a_zone_may_come_in_any_number_of_messages() {
    let lines = ["7", "@ NS ns", "a A 192.0.2.1", "b A 192.0.2.1", "7"];
    for split in 1..lines.len() {
        let stream = [message(AXFR, &lines[..split]), message(b"", &lines[split..])];
        let zone = zone_of(feed_all(axfr(), &stream));
        assert_eq!((zone.serial(), zone.record_count()), (Serial(7), 4));
    }
    // With the question in every message, a record in each.
    let stream: Vec<Vec<u8>> = lines.iter().map(|line| message(AXFR, &[line])).collect();
    assert_eq!(zone_of(feed_all(axfr(), &stream)).record_count(), 4);
    // A zone of nothing but its SOA record, by either kind of request.
    assert_eq!(
        zone_of(feed_all(axfr(), &[message(AXFR, &["7", "7"])])).record_count(),
        1
    );
    assert_eq!(
        zone_of(feed_all(ixfr(1), &[message(IXFR, &["7", "7"])])).record_count(),
        1
    );
}

#[test]
fn rfc1995_4_the_answer_to_a_request_for_steps_may_be_the_zone() {
    let stream = [message(IXFR, &["7", "@ NS ns", "a A 192.0.2.1"]), message(b"", &["7"])];
    assert_eq!(zone_of(feed_all(ixfr(1), &stream)).record_count(), 3);
}

#[test]
fn rfc1995_2_a_serial_that_is_not_newer_says_that_we_are_up_to_date() {
    for offered in [7, 6, 7_u32.wrapping_add(1 << 31)] {
        for stream in [&[&*offered.to_string()][..], &[&offered.to_string(), "@ NS ns"]] {
            let mut transfer = ixfr(7);
            assert_eq!(transfer.feed(&message(IXFR, stream)), Ok(Progress::Finished));
            assert!(matches!(transfer.finish(1), Ok(Received::UpToDate(Serial(serial))) if serial == offered));
        }
    }
    let error = IncomingError::NotNewer {
        have: Serial(1),
        offered: Serial(1),
    };
    assert_eq!(error_of(axfr(), AXFR, &[&["1", "@ NS ns"]]), error);
}

#[test]
fn rfc1995_4_by_udp_a_newer_soa_record_alone_leaves_more_to_come() {
    let mut transfer = ixfr(7);
    assert_eq!(transfer.feed(&message(IXFR, &["8"])), Ok(Progress::More));
    assert_eq!(transfer.serial(), Some(Serial(8)));
}

#[test]
fn rfc1995_4_steps_come_in_their_order() {
    let lines = [
        "9",
        "1",
        "a A 192.0.2.1",
        "5",
        "b A 192.0.2.1",
        "5",
        "b A 192.0.2.1",
        "9",
        "9",
    ];
    for split in 1..lines.len() {
        let stream = [message(IXFR, &lines[..split]), message(b"", &lines[split..])];
        let Ok(Received::Steps(steps)) = feed_all(ixfr(1), &stream) else {
            panic!()
        };
        let serials: Vec<_> = steps.iter().map(|step| (step.from().0, step.to().0)).collect();
        assert_eq!(serials, [(1, 5), (5, 9)]);
        let merged = Delta::merged(&steps.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!((merged.removed().len(), merged.added().len()), (2, 1));
    }
}

/// What was asked for, the question in the first message, the records of each message, and what is wrong with them.
type Lie = (
    Incoming,
    &'static [u8],
    &'static [&'static [&'static str]],
    IncomingError,
);

#[test]
fn a_stream_that_lies_is_refused() {
    let gap = |expected, found| IncomingError::Gap {
        expected: Serial(expected),
        found: Serial(found),
    };
    let back = IncomingError::StepBack {
        from: Serial(1),
        to: Serial(1),
    };
    let name = |text: &str| text.parse::<Name>().unwrap();
    let cases: [Lie; 22] = [
        (axfr(), IXFR, &[&["7", "7"]], IncomingError::OtherQuestion),
        (
            axfr(),
            b"\x04test\x00\x00\xFC\x00\x01",
            &[&["7"]],
            IncomingError::OtherQuestion,
        ),
        (
            axfr(),
            b"\x07example\x00\x00\xFC\x00\x03",
            &[&["7"]],
            IncomingError::OtherQuestion,
        ),
        (axfr(), b"", &[&["7", "7"]], IncomingError::OtherQuestion),
        (axfr(), AXFR, &[&[]], IncomingError::Empty),
        (axfr(), AXFR, &[&["7"], &[]], IncomingError::Empty),
        (axfr(), AXFR, &[&["@ NS ns", "7"]], IncomingError::NoSoa),
        (
            axfr(),
            AXFR,
            &[&["a SOA ns h 7 2 3 4 5"]],
            IncomingError::MisplacedSoa(name("a.example")),
        ),
        (
            axfr(),
            AXFR,
            &[&["7", "@ NS ns", "a SOA ns h 7 2 3 4 5"]],
            IncomingError::MisplacedSoa(name("a.example")),
        ),
        (
            axfr(),
            AXFR,
            &[&["7", "@ NS ns", "a.test. A 192.0.2.1"]],
            IncomingError::OutOfZone(name("a.test")),
        ),
        (
            axfr(),
            AXFR,
            &[&["7", "@ NS ns", "xexample. A 192.0.2.1"]],
            IncomingError::OutOfZone(name("xexample")),
        ),
        (axfr(), AXFR, &[&["7", "@ NS ns", "8"]], IncomingError::SoaChanged),
        (
            axfr(),
            AXFR,
            &[&["7", "@ NS ns", "@ SOA other h 7 2 3 4 5"]],
            IncomingError::SoaChanged,
        ),
        (axfr(), AXFR, &[&["7", "8"]], IncomingError::SoaChanged),
        (
            axfr(),
            AXFR,
            &[&["7", "@ NS ns", "7", "a A 192.0.2.1"]],
            IncomingError::TrailingRecords,
        ),
        (
            axfr(),
            AXFR,
            &[&["7", "@ NS ns"], &["a A 192.0.2.1"]],
            IncomingError::Unfinished,
        ),
        (ixfr(1), IXFR, &[&["7", "2", "7", "7"]], gap(1, 2)),
        (ixfr(1), IXFR, &[&["7", "1", "5", "6"]], gap(5, 6)),
        (ixfr(1), IXFR, &[&["7", "1", "1"]], back),
        (
            ixfr(1),
            IXFR,
            &[&["7", "1", "7", "@ SOA other h 7 2 3 4 5"]],
            IncomingError::SoaChanged,
        ),
        (
            ixfr(1),
            IXFR,
            &[&["7", "1", "@ SOA other h 7 2 3 4 5", "7"]],
            IncomingError::SoaChanged,
        ),
        (
            ixfr(1),
            IXFR,
            &[&["7", "1", "5", "b A 192.0.2.1", "5"]],
            IncomingError::Unfinished,
        ),
    ];
    for (transfer, question, stream, error) in cases {
        assert_eq!(error_of(transfer, question, stream), error, "{stream:?}");
    }
}

#[test]
fn a_message_that_is_no_good_response_is_refused() {
    let good = message(AXFR, &["7", "@ NS ns"]);
    let with = |at: usize, octet: u8| {
        let mut message = good.clone();
        message[at] = octet;
        axfr().feed(&message).err()
    };
    assert_eq!(axfr().feed(&good), Ok(Progress::More));
    assert_eq!(axfr().feed(&good[..11]), Err(IncomingError::NotAResponse));
    assert_eq!(with(1, 78), Some(IncomingError::OtherId));
    assert_eq!(with(2, 0x04), Some(IncomingError::NotAResponse));
    assert_eq!(with(2, 0xA4), Some(IncomingError::NotAResponse));
    assert_eq!(with(2, 0x86), Some(IncomingError::Truncated));
    assert_eq!(with(3, 5), Some(IncomingError::Refused(Rcode::REFUSED)));
    assert_eq!(with(3, 9), Some(IncomingError::Refused(Rcode::NOTAUTH)));
    assert_eq!(with(5, 2), Some(IncomingError::OtherQuestion));
    // Behind the question: owner, type, class.
    let record = 12 + AXFR.len();
    assert_eq!(with(record + 9 + 3, 3), Some(IncomingError::OtherClass(Class::CH)));
    assert_eq!(with(record + 9 + 1, 255), Some(IncomingError::MetaType(Type::ANY)));
    for cut in 12..good.len() {
        assert!(axfr().feed(&good[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn a_primary_sends_no_more_than_the_limits_let_it() {
    let stream = message(AXFR, &["7", "@ NS ns", "a A 192.0.2.1", "7"]);
    let with = |octets_max, records_max| {
        let limits = IncomingLimits {
            octets_max,
            records_max,
        };
        Incoming::axfr(origin(), 77, None, limits).feed(&stream)
    };
    // With no name compressed, what is behind the question is what the records take.
    let octets = stream.len() - 12 - AXFR.len();
    assert_eq!(with(octets, 4), Ok(Progress::Finished));
    assert_eq!(with(octets - 1, 4), Err(IncomingError::TooManyOctets));
    assert_eq!(with(octets, 3), Err(IncomingError::TooManyRecords));
}

#[test]
fn rfc2181_8_a_ttl_that_is_too_large_is_none() {
    let mut stream = message(AXFR, &["7", "a A 192.0.2.1", "7"]);
    let at = stream.windows(4).position(|octets| octets == [192, 0, 2, 1]).unwrap() - 6;
    stream[at] = 0x80;
    let zone = zone_of(feed_all(axfr(), &[stream]));
    let ttls: Vec<u32> = zone.nodes().flat_map(|node| node.sets().map(RecordSet::ttl)).collect();
    assert_eq!(ttls, [60, 0]);
}

proptest! {
    #[test]
    fn rfc5936_a_zone_comes_in_as_it_goes_out(versions in versions(1), limit in 700..3000_usize, have in prop::option::of(Just(Serial(0x9000_0000)))) {
        let zone = Arc::new(versions.into_iter().next().unwrap());
        let rtype = if have.is_some() { Type::IXFR } else { Type::AXFR };
        let head = head_of(&zone, rtype);
        let incoming = match have {
            Some(have) => {
                let incoming = Incoming::ixfr(zone.origin().to_name(), 77, have, LIMITS);
                (Outgoing::ixfr(head, Arc::clone(&zone), have, None), incoming)
            }
            None => (Outgoing::axfr(head, Arc::clone(&zone)), Incoming::axfr(zone.origin().to_name(), 77, None, LIMITS)),
        };
        let (outgoing, incoming) = incoming;
        let received = zone_of(feed_all(incoming, &messages(outgoing, limit)));
        prop_assert_eq!(records_of(&received), records_of(&zone));
        // Octet for octet, so that the case of names is what it was.
        for (left, right) in received.nodes().zip(zone.nodes()) {
            prop_assert_eq!(left.name().as_wire(), right.name().as_wire());
            prop_assert!(left.sets().map(RecordSet::wire).eq(right.sets().map(RecordSet::wire)));
        }
    }

    #[test]
    fn rfc1995_steps_come_in_as_they_go_out(versions in versions(4), limit in 700..3000_usize, condense in any::<bool>()) {
        let mut steps: Vec<Arc<Delta>> = versions.windows(2).map(|pair| Arc::new(Delta::between(&pair[0], &pair[1]))).collect();
        if condense {
            let merged = Delta::merged(&steps.iter().map(Arc::as_ref).collect::<Vec<_>>()).unwrap();
            steps = vec![Arc::new(merged)];
        }
        let [first, .., last] = &versions[..] else { unreachable!() };
        let mut zone = first.changed(&[]).unwrap();
        let last = Arc::new(last.changed(&[]).unwrap());
        let outgoing = Outgoing::ixfr(head_of(&last, Type::IXFR), Arc::clone(&last), first.serial(), Some(steps));
        let messages = messages(outgoing, limit);
        match feed_all(Incoming::ixfr(first.origin().to_name(), 77, first.serial(), LIMITS), &messages).unwrap_or_else(|error| panic!("{error}")) {
            Received::Steps(steps) => {
                for step in steps {
                    zone = step.apply(&zone).unwrap();
                }
            }
            Received::Zone(compiled) => zone = compiled.zone,
            Received::UpToDate(_) => prop_assert!(false),
        }
        prop_assert_eq!(records_of(&zone), records_of(&last));
    }

    #[test]
    fn a_stream_with_octets_changed_is_a_zone_or_an_error(versions in versions(1), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let zone = Arc::new(versions.into_iter().next().unwrap());
        let all = messages(Outgoing::axfr(head_of(&zone, Type::AXFR), Arc::clone(&zone)), 1000);
        let mut transfer = Incoming::axfr(zone.origin().to_name(), 77, None, LIMITS);
        for mut message in all {
            for (at, octet) in &changes {
                let at = at.index(message.len());
                message[at] = *octet;
            }
            if transfer.feed(&message).is_err() {
                return Ok(());
            }
        }
        let _ = transfer.finish(1);
    }
}
