//! The target of RELP's server side.

use logd_core::relp::{End, Session, Step};

const MESSAGE_BYTES_MAX: usize = 64;

/// What comes out of a stream.
#[derive(Debug, PartialEq, Eq, Default)]
struct Out {
    messages: Vec<(Vec<u8>, bool)>,
    end: Option<End>,
    answers: Vec<u8>,
    received: u64,
}

/// A session comes out the same however its bytes arrive and whenever it is answered. The first byte chooses how the rest is cut
/// into reads, the second how often answers are due.
pub fn relp(data: &[u8]) {
    let [cut, due, stream @ ..] = data else { return };
    let whole = session(stream, stream.len().max(1), 1);
    let in_pieces = session(stream, usize::from(*cut % 17) + 1, usize::from(*due % 5) + 1);
    assert_eq!(whole, in_pieces);
    let answers = whole.answers.split(|byte| *byte == b'\n');
    let answered = answers
        .filter(|line| line.windows(5).any(|part| part == b" rsp "))
        .count();
    assert_eq!(answered as u64, whole.received, "every command is answered once");
    for (bytes, _) in &whole.messages {
        assert!(!bytes.is_empty() && bytes.len() <= MESSAGE_BYTES_MAX);
    }
}

/// A session whose bytes arrive so many at a time, and that is answered after every so many reads.
fn session(stream: &[u8], read_bytes: usize, due: usize) -> Out {
    let mut session = Session::new(MESSAGE_BYTES_MAX, "logd,fuzz");
    let (mut buffer, mut out) = (Vec::new(), Out::default());
    'reads: for (n, read) in stream.chunks(read_bytes).enumerate() {
        buffer.extend_from_slice(read);
        loop {
            match session.next(&buffer) {
                Step::Message { frame, consumed } => {
                    out.messages.push((frame.bytes.to_vec(), frame.truncated));
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
        assert!(
            buffer.len() < session.buffer_bytes_min(),
            "a full buffer would never be read into again"
        );
        if n % due == 0 {
            session.answer(session.received(), &mut out.answers);
        }
    }
    session.answer(session.received(), &mut out.answers);
    out.received = session.received();
    out
}
