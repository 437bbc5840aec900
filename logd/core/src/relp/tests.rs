//! Sessions, as librelp has them, and the same however the bytes arrive.

use proptest::prelude::*;

use super::*;

const MAX: usize = 20;

const OPEN: &str = "1 open 30 relp_version=0\ncommands=syslog\n";

const OPENED: &str = "1 rsp 58 200 OK\nrelp_version=0\nrelp_software=logd,1\ncommands=syslog\n";

/// What came out of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Out {
    messages: Vec<(String, bool)>,
    end: Option<End>,
    answers: String,
    counters: Counters,
}

/// Runs a stream that arrives in these reads, with a buffer that only the session empties, answering every `answer_every`
/// reads.
fn run(reads: &[&[u8]], answer_every: usize) -> Out {
    let mut session = Session::new(MAX, "logd,1");
    let (mut out, mut answers, mut buffer) = (Out::default(), Vec::new(), Vec::new());
    'reads: for (n, mut read) in reads.iter().copied().enumerate() {
        while !read.is_empty() {
            let room = session.buffer_bytes_min() - buffer.len();
            assert!(room > 0, "a buffer of the least size always makes progress");
            let (now, later) = read.split_at(room.min(read.len()));
            buffer.extend_from_slice(now);
            read = later;
            loop {
                match session.next(&buffer) {
                    Step::Message { frame, consumed } => {
                        out.messages
                            .push((frame.bytes.escape_ascii().to_string(), frame.truncated));
                        buffer.drain(..consumed);
                    }
                    Step::NeedMore { consumed } => {
                        buffer.drain(..consumed);
                        break;
                    }
                    Step::End(end) => {
                        out.end = Some(end);
                        break 'reads;
                    }
                }
            }
        }
        if n % answer_every == 0 {
            session.answer(session.received(), &mut answers);
        }
    }
    session.answer(session.received(), &mut answers);
    assert_eq!(session.unanswered(), 0);
    out.answers = String::from_utf8(answers).unwrap();
    out.counters = session.take_counters();
    out
}

fn at_once(stream: &str) -> Out {
    run(&[stream.as_bytes()], 1)
}

fn messages(texts: &[&str]) -> Vec<(String, bool)> {
    texts.iter().map(|text| ((*text).to_owned(), false)).collect()
}

#[test]
fn a_session_is_opened_sends_and_is_closed() {
    let out = at_once(&format!("{OPEN}2 syslog 7 <13>one\n3 syslog 8 <13>t\nwo\n4 close 0\n"));
    assert_eq!(out.messages, messages(&["<13>one", r"<13>t\nwo"]));
    assert_eq!(out.end, Some(End::Closed));
    assert_eq!(
        out.answers,
        format!("{OPENED}2 rsp 6 200 OK\n3 rsp 6 200 OK\n4 rsp 0\n")
    );
}

#[test]
fn answers_come_as_far_as_they_are_due_and_in_the_order_of_the_commands() {
    let mut session = Session::new(MAX, "logd,1");
    let stream = format!("{OPEN}2 syslog 1 a\n3 syslog 1 b\n4 close 0\n");
    let mut rest = stream.as_bytes();
    while let Step::Message { consumed, .. } = session.next(rest) {
        rest = &rest[consumed..];
    }
    assert_eq!((session.received(), session.unanswered()), (4, 4));
    let mut due = |up_to: u64| {
        let mut out = Vec::new();
        session.answer(up_to, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(due(2), format!("{OPENED}2 rsp 6 200 OK\n"));
    assert_eq!(due(2), "");
    assert_eq!(due(9), "3 rsp 6 200 OK\n4 rsp 0\n");
    let mut out = Vec::new();
    session.server_close(&mut out);
    assert_eq!(out, b"0 serverclose 0\n");
}

#[test]
fn transaction_numbers_begin_anew_after_the_last_one() {
    let mut session = Session::new(MAX, "logd,1");
    session.phase = Phase::Open;
    (session.received, session.answered) = (TXNR_MAX - 1, TXNR_MAX - 1);
    let mut rest = &b"999999999 syslog 1 a\n1 syslog 1 b\n"[..];
    while let Step::Message { consumed, .. } = session.next(rest) {
        rest = &rest[consumed..];
    }
    let mut out = Vec::new();
    session.answer(session.received(), &mut out);
    assert_eq!(out, b"999999999 rsp 6 200 OK\n1 rsp 6 200 OK\n");
}

#[test]
fn librelp_a_message_outside_of_a_session_is_refused() {
    let out = at_once("1 syslog 1 a\n");
    assert_eq!((out.messages, out.end), (messages(&[]), None));
    assert_eq!(out.answers, "1 rsp 20 500 command disabled\n");
    assert_eq!(out.counters.refused, 1);
}

#[test]
fn librelp_another_open_is_answered_and_changes_nothing() {
    let out = at_once(&format!("{OPEN}2 open 1 x\n3 syslog 1 a\n"));
    assert_eq!(out.messages, messages(&["a"]));
    assert_eq!(
        out.answers,
        format!("{OPENED}2 rsp 37 200 connection already open - ignored\n3 rsp 6 200 OK\n")
    );
}

#[test]
fn librelp_offers_without_what_is_needed_end_the_session() {
    let out = at_once("1 open 14 relp_version=0\n2 syslog 1 a\n");
    assert_eq!((out.messages, out.end), (messages(&[]), Some(End::Refused)));
    assert_eq!(out.answers, "1 rsp 44 500 required command not supported by client\n");
    let out = at_once("1 open 30 relp_version=x\ncommands=syslog\n");
    assert_eq!(out.end, Some(End::Refused));
    assert_eq!(out.answers, "1 rsp 29 500 offers that can't be read\n");
}

#[test]
fn what_is_no_relp_ends_the_session_after_the_answers_that_are_due() {
    for (bytes, violation) in [
        ("<13>no relp", Violation::Header),
        ("2 syslog 1000000000 x", Violation::Header),
        ("3 syslog 1 x\n", Violation::TransactionNumber),
        ("1 syslog 1 x\n", Violation::TransactionNumber),
        ("2 rsp 6 200 OK\n", Violation::Command),
        ("2 SYSLOG 1 x\n", Violation::Command),
        ("2 close 4097 ", Violation::TooLong),
        ("2 syslog 1 xy", Violation::Trailer),
    ] {
        let out = at_once(&format!("{OPEN}{bytes}"));
        assert_eq!(out.end, Some(End::Violation(violation)), "{bytes}");
        assert_eq!(out.answers, OPENED, "{bytes}");
    }
}

#[test]
fn what_is_longer_than_a_message_may_be_is_cut_and_answered() {
    let out = at_once(&format!(
        "{OPEN}2 syslog 20 {}\n3 syslog 25 {}\n4 syslog 1 a\n",
        "x".repeat(20),
        "y".repeat(25)
    ));
    assert_eq!(
        out.messages,
        [("x".repeat(20), false), ("y".repeat(20), true), ("a".to_owned(), false)]
    );
    assert_eq!(
        out.counters,
        Counters {
            truncated: 1,
            discarded_bytes: 5,
            refused: 0
        }
    );
    assert_eq!(
        out.answers,
        format!("{OPENED}2 rsp 6 200 OK\n3 rsp 6 200 OK\n4 rsp 6 200 OK\n")
    );
}

#[test]
fn one_without_a_byte_is_answered_and_hints_are_passed_over() {
    let out = at_once(&format!(
        "{OPEN}2 syslog 0\n0 serverclose 0\n0 hint 3 abc\n0 syslog 1 a\n3 syslog 1 b\n"
    ));
    assert_eq!(out.messages, messages(&["a", "b"]));
    assert_eq!(out.answers, format!("{OPENED}2 rsp 6 200 OK\n3 rsp 6 200 OK\n"));
}

/// Streams that are RELP for the most part.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => (0u64..4, "[a-z\n ]{0,30}").prop_map(|(skip, data)| (skip == 3, format!("syslog {}", body(&data)))),
        1 => Just((false, "close 0\n".to_owned())),
        1 => Just((false, format!("open {}", body("relp_version=0\ncommands=syslog")))),
        1 => ".{0,12}".prop_map(|noise| (true, noise)),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| {
        let mut bytes = OPEN.as_bytes().to_vec();
        for (n, (is_odd, piece)) in pieces.into_iter().enumerate() {
            let txnr = if is_odd { 0 } else { n + 2 };
            bytes.extend_from_slice(format!("{txnr} {piece}").as_bytes());
        }
        bytes
    })
}

fn body(data: &str) -> String {
    if data.is_empty() {
        "0\n".to_owned()
    } else {
        format!("{} {data}\n", data.len())
    }
}

proptest! {
    #[test]
    fn what_comes_out_does_not_depend_on_how_it_came_in(
        stream in prop_oneof![stream(), proptest::collection::vec(any::<u8>(), 0..100)],
        mut cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..10),
        answer_every in 1usize..4,
    ) {
        cuts.sort_by_key(|cut| cut.index(stream.len() + 1));
        let mut reads = Vec::new();
        let mut start = 0;
        for cut in cuts {
            let end = cut.index(stream.len() + 1);
            reads.push(&stream[start..end]);
            start = end;
        }
        reads.push(&stream[start..]);
        let (mut whole, mut pieces) = (run(&[&stream], 1), run(&reads, answer_every));
        if let (Some(_), Some(_)) = (whole.end, pieces.end) {
            // How much of a cut message was thrown away before the end is told either way.
            prop_assert_eq!(whole.counters.truncated, pieces.counters.truncated);
            (whole.counters, pieces.counters) = Default::default();
        }
        prop_assert_eq!(whole, pieces);
    }
}
