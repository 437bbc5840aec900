//! Framing, as its RFC and as rsyslog's imtcp has it, and the same however the bytes arrive.

use proptest::prelude::*;

use super::*;

/// Something that came out of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Out {
    Frame(String),
    Truncated(String),
    BadOctetCount,
}

fn out(frame: Frame<'_>) -> Out {
    let text = frame.bytes.escape_ascii().to_string();
    if frame.truncated {
        Out::Truncated(text)
    } else {
        Out::Frame(text)
    }
}

fn frames(texts: &[&str]) -> Vec<Out> {
    texts.iter().map(|text| Out::Frame((*text).to_owned())).collect()
}

/// Runs a stream that arrives in these reads through a framer, with a buffer that only the framer empties.
fn run(framing: Framing, message_bytes_max: usize, reads: &[&[u8]]) -> (Vec<Out>, Counters) {
    let mut framer = Framer::new(framing, message_bytes_max);
    let mut buffer = Vec::new();
    let mut outs = Vec::new();
    for mut read in reads.iter().copied() {
        // As a socket would, a read fills the buffer and leaves the rest for the next one.
        while !read.is_empty() {
            let room = framer.buffer_bytes_min() - buffer.len();
            assert!(room > 0, "a buffer of the least size always makes progress");
            let (now, later) = read.split_at(room.min(read.len()));
            buffer.extend_from_slice(now);
            read = later;
            loop {
                let consumed = match framer.next(&buffer) {
                    Step::Frame { frame, consumed } => {
                        outs.push(out(frame));
                        consumed
                    }
                    Step::BadOctetCount { consumed } => {
                        outs.push(Out::BadOctetCount);
                        consumed
                    }
                    Step::NeedMore { consumed } => {
                        buffer.drain(..consumed);
                        break;
                    }
                };
                buffer.drain(..consumed);
            }
        }
    }
    outs.extend(framer.finish(&buffer).map(out));
    (outs, framer.take_counters())
}

/// Runs a stream that arrives at once, in `auto` framing with room for every message.
fn auto(stream: &[u8]) -> Vec<Out> {
    run(Framing::Auto, 1000, &[stream]).0
}

#[test]
fn rfc6587_3_4_2_lines() {
    assert_eq!(auto(b"<13>one\n<13>two\n"), frames(&["<13>one", "<13>two"]));
}

#[test]
fn rfc6587_3_4_1_octet_counting() {
    assert_eq!(auto(b"7 <13>one7 <13>two"), frames(&["<13>one", "<13>two"]));
    assert_eq!(auto(b"9 <13>o\nne\n"), frames(&[r"<13>o\nne\n"]));
}

#[test]
fn framing_is_decided_for_each_frame() {
    let stream = b"<13>one\n7 <13>two<13>three\n08 <13>four";
    assert_eq!(auto(stream), frames(&["<13>one", "<13>two", "<13>three", "<13>four"]));
}

#[test]
fn carriage_returns_and_nuls_are_part_of_the_message_as_in_rsyslog() {
    assert_eq!(
        auto(b"<13>one\r\n\r\n<13>t\0wo\0\n"),
        frames(&[r"<13>one\r", r"\r", r"<13>t\x00wo\x00"])
    );
}

#[test]
fn line_feeds_between_frames_are_skipped_and_counted() {
    let (outs, counters) = run(Framing::Auto, 100, &[b"\n\n<13>one\n\n7 <13>two\n7 <13>six"]);
    assert_eq!(outs, frames(&["<13>one", "<13>two", "<13>six"]));
    assert_eq!(
        counters,
        Counters {
            empty: 4,
            ..Counters::default()
        }
    );
}

#[test]
fn number_without_a_space_begins_a_line() {
    assert_eq!(
        auto(b"2026-01-02T03:04:05Z host app: x\n"),
        frames(&["2026-01-02T03:04:05Z host app: x"])
    );
    assert_eq!(auto(b"1767225600 x\n"), frames(&["1767225600 x"]));
    assert_eq!(auto(b"12\n34\n"), frames(&["12", "34"]));
}

#[test]
fn zero_is_a_bad_octet_count_and_costs_nothing_but_itself() {
    let (outs, counters) = run(Framing::Auto, 100, &[b"0 <13>one\n0 7 <13>two"]);
    let expected = [
        Out::BadOctetCount,
        Out::Frame("<13>one".into()),
        Out::BadOctetCount,
        Out::Frame("<13>two".into()),
    ];
    assert_eq!(outs, expected);
    assert_eq!(counters.bad_octet_count, 2);
}

#[test]
fn count_that_is_too_small_is_noticed_and_the_next_line_is_a_frame_again() {
    let expected = [
        Out::Frame("<13>on".into()),
        Out::BadOctetCount,
        Out::Frame("e7 <13>two".into()),
        Out::Frame("<13>six".into()),
    ];
    assert_eq!(auto(b"6 <13>one7 <13>two\n7 <13>six"), expected);
}

#[test]
fn octet_counted_mode_takes_nothing_else() {
    let (outs, counters) = run(Framing::OctetCounted, 100, &[b"7 <13>one<13>two\n7 <13>six"]);
    let expected = [
        Out::Frame("<13>one".into()),
        Out::BadOctetCount,
        Out::Frame("<13>two".into()),
        Out::Frame("<13>six".into()),
    ];
    assert_eq!(outs, expected);
    assert_eq!(counters.bad_octet_count, 1);
}

#[test]
fn newline_mode_knows_no_counts() {
    assert_eq!(
        run(Framing::Newline, 100, &[b"7 <13>one\n8 x\n"]).0,
        frames(&["7 <13>one", "8 x"])
    );
}

#[test]
fn line_of_message_max_is_whole_and_a_longer_one_is_cut_marked_and_counted() {
    let (outs, counters) = run(
        Framing::Auto,
        10,
        &[b"<13>567890\n<13>5678901\n<13>567890 and much more\n<13>x\n"],
    );
    let expected = [
        Out::Frame("<13>567890".into()),
        Out::Truncated("<13>567890".into()),
        Out::Truncated("<13>567890".into()),
        Out::Frame("<13>x".into()),
    ];
    assert_eq!(outs, expected);
    assert_eq!(
        counters,
        Counters {
            truncated: 2,
            discarded_bytes: 1 + 14,
            ..Counters::default()
        }
    );
}

#[test]
fn counted_frame_of_message_max_is_whole_and_a_longer_one_is_cut_marked_and_counted() {
    let (outs, counters) = run(Framing::Auto, 10, &[b"10 <13>56789014 <13>567890\nabc5 <13>x"]);
    let expected = [
        Out::Frame("<13>567890".into()),
        Out::Truncated("<13>567890".into()),
        Out::Frame("<13>x".into()),
    ];
    assert_eq!(outs, expected);
    assert_eq!(
        counters,
        Counters {
            truncated: 1,
            discarded_bytes: 4,
            ..Counters::default()
        }
    );
}

#[test]
fn over_long_frame_is_never_held() {
    let mut framer = Framer::new(Framing::Auto, 10);
    let stream = [b'x'; 4096];
    assert!(matches!(framer.next(&stream), Step::Frame { consumed: 10, .. }));
    assert_eq!(framer.next(&stream), Step::NeedMore { consumed: 4096 });
    assert_eq!(framer.take_counters().discarded_bytes, 4096);
    assert_eq!(framer.finish(&[]), None);
}

#[test]
fn unterminated_last_line_is_delivered() {
    assert_eq!(auto(b"<13>one\n<13>two"), frames(&["<13>one", "<13>two"]));
    assert_eq!(auto(b"123"), frames(&["123"]));
}

#[test]
fn last_frame_that_falls_short_of_its_count_is_delivered_as_truncated_and_counted() {
    let (outs, counters) = run(Framing::Auto, 100, &[b"60 <13>one"]);
    assert_eq!(outs, [Out::Truncated("<13>one".into())]);
    assert_eq!(
        counters,
        Counters {
            incomplete: 1,
            ..Counters::default()
        }
    );
    let (outs, counters) = run(Framing::Auto, 100, &[b"60 "]);
    assert_eq!((outs.len(), counters.incomplete), (0, 1));
}

#[test]
fn frame_is_a_slice_of_the_buffer() {
    let buffer = b"7 <13>one";
    let Step::Frame { frame, consumed } = Framer::new(Framing::Auto, 100).next(buffer) else {
        panic!("a frame")
    };
    assert!(std::ptr::eq(frame.bytes, &raw const buffer[2..]));
    assert_eq!(consumed, buffer.len());
}

/// Streams with what framers stumble over, many of them nearly valid.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "\n",
            "\r\n",
            " ",
            "0",
            "7 ",
            "12 ",
            "300 ",
            "99999999 ",
            "<13>",
            "<13>one\n",
            "8 <13>four",
            "x"
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

fn framings() -> impl Strategy<Value = Framing> {
    prop::sample::select(vec![Framing::Auto, Framing::Newline, Framing::OctetCounted])
}

/// The stream cut into reads of these lengths, taken in turns.
fn cut<'s>(stream: &'s [u8], lengths: &[usize]) -> Vec<&'s [u8]> {
    let mut rest = stream;
    let mut reads = Vec::new();
    for &length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (read, later) = rest.split_at(length.min(rest.len()));
        reads.push(read);
        rest = later;
    }
    reads
}

proptest! {
    #[test]
    fn outcome_does_not_depend_on_the_reads(
        framing in framings(),
        message_bytes_max in 1_usize..40,
        stream in streams(),
        lengths in prop::collection::vec(1_usize..20, 1..8),
    ) {
        // One buffer takes all of the stream, the other is of the least size.
        let mut framer = Framer::new(framing, message_bytes_max);
        let mut outs = Vec::new();
        let mut rest = &stream[..];
        loop {
            match framer.next(rest) {
                Step::Frame { frame, consumed } => {
                    outs.push(out(frame));
                    rest = &rest[consumed..];
                }
                Step::BadOctetCount { consumed } => {
                    outs.push(Out::BadOctetCount);
                    rest = &rest[consumed..];
                }
                Step::NeedMore { consumed } => {
                    rest = &rest[consumed..];
                    break;
                }
            }
        }
        outs.extend(framer.finish(rest).map(out));
        prop_assert_eq!((outs, framer.take_counters()), run(framing, message_bytes_max, &cut(&stream, &lengths)));
    }

    #[test]
    fn well_formed_frames_come_out_as_they_went_in(
        messages in prop::collection::vec(("<[0-9]{1,3}>[a-z0-9 ]{0,30}", any::<bool>()), 0..20),
        lengths in prop::collection::vec(1_usize..50, 1..8),
    ) {
        let mut stream = Vec::new();
        for (message, counted) in &messages {
            let framed = if *counted { format!("{} {message}", message.len()) } else { format!("{message}\n") };
            stream.extend_from_slice(framed.as_bytes());
        }
        let (outs, counters) = run(Framing::Auto, 40, &cut(&stream, &lengths));
        let expected: Vec<_> = messages.into_iter().map(|(message, _)| Out::Frame(message)).collect();
        prop_assert_eq!((outs, counters), (expected, Counters::default()));
    }

    #[test]
    fn no_byte_of_a_line_is_lost(stream in prop::collection::vec(any::<u8>(), 0..300), message_bytes_max in 1_usize..40) {
        let (outs, counters) = run(Framing::Newline, message_bytes_max, &[&stream]);
        let delivered: usize = outs
            .iter()
            .map(|out| match out {
                Out::Frame(text) | Out::Truncated(text) => unescaped_length(text),
                Out::BadOctetCount => 0,
            })
            .sum();
        let line_feeds = stream.iter().filter(|&&byte| byte == b'\n').count();
        prop_assert_eq!(delivered as u64 + counters.discarded_bytes + line_feeds as u64, stream.len() as u64);
    }
}

/// How many bytes `escape_ascii` made this text of.
fn unescaped_length(text: &str) -> usize {
    let mut length = 0;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let escape = if rest.starts_with(b"\\x") {
            4
        } else {
            1 + usize::from(rest[0] == b'\\')
        };
        rest = &rest[escape..];
        length += 1;
    }
    length
}
