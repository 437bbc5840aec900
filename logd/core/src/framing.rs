//! Frames out of a byte stream (RFC 6587): newline-terminated or octet-counted, decided for each frame anew.
//!
//! Bytes come from a connection's read buffer and go, as they are and not copied, to [`crate::control_chars::clean`]. The
//! buffer is the caller's; a [`Framer`] only knows where in the stream it is. For each connection:
//! 1. Read from the socket behind what is left in the buffer, and hand all of it to [`Framer::next`].
//! 2. Take what it says, drop as many bytes as it consumed, and repeat until it says [`Step::NeedMore`].
//! 3. When the stream has ended, hand what is left to [`Framer::finish`].
//!
//! What comes out doesn't depend on how the bytes were cut into reads.
//!
//! As in rsyslog's imtcp, a carriage return before the line feed is part of the message, line feeds between frames are
//! skipped, and a count can have leading zeros. Unlike there, a number that no space follows begins a line (a message
//! without PRI can begin with `2026-01-02T…`), what is over-long is cut and not made into several messages, and the
//! incomplete last frame of a stream is delivered in both framings.
//!
//! **A bad octet count** means that frame boundaries are lost, and they are found again at the next line feed: what stands
//! before it is delivered as one frame. The caller is told by [`Step::BadOctetCount`]. Octet-counted streams often have no
//! line feeds at all; closing the connection is what makes such a sender begin a frame anew.

mod octet_count;

use octet_count::OctetCount;

/// How many bytes of digits an octet count can have. No syslog message has 10 MB; a date or a unix time at the beginning of
/// a line has more digits, and is not mistaken for a count.
pub const OCTET_COUNT_DIGITS_MAX: usize = 7;

/// How a stream is cut into frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Each frame is what it begins as: octet-counted if digits and a space come first, else newline-terminated.
    Auto,
    /// Non-transparent framing with a line feed (RFC 6587 §3.4.2).
    Newline,
    /// Octet counting (RFC 6587 §3.4.1). Anything else is a bad octet count.
    OctetCounted,
}

/// One frame: a message, its count or line feed not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'b> {
    /// The bytes of the message, never more than `message-max`.
    pub bytes: &'b [u8],
    /// Its end is missing: it was longer than `message-max`, or the stream ended before its count was reached.
    pub truncated: bool,
}

/// What comes next in a stream. `consumed` is how many bytes the caller has to drop from the beginning of its buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'b> {
    /// A frame is in the buffer.
    Frame {
        /// The frame. It lies within the bytes to be dropped.
        frame: Frame<'b>,
        /// Bytes to drop after the frame was used.
        consumed: usize,
    },
    /// There is no octet count where one had to be, or it is zero. The stream goes on at the next call.
    BadOctetCount {
        /// Bytes to drop.
        consumed: usize,
    },
    /// The rest of the buffer is no whole frame.
    NeedMore {
        /// Bytes to drop. A buffer of [`Framer::buffer_bytes_min`] has room for more bytes then.
        consumed: usize,
    },
}

/// What happened in a stream that its sender did not mean to happen, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Frames that were longer than `message-max` and cut there.
    pub truncated: u64,
    /// Bytes of theirs that were thrown away.
    pub discarded_bytes: u64,
    /// Octet counts that were missing or zero.
    pub bad_octet_count: u64,
    /// Frames that ended with the stream before their octet count was reached.
    pub incomplete: u64,
    /// Line feeds where a frame had to begin.
    pub empty: u64,
}

/// Cuts one stream into frames.
#[derive(Debug, Clone)]
pub struct Framer {
    framing: Framing,
    message_bytes_max: usize,
    state: State,
    /// The frame before was octet-counted: so the next one has to be, or to begin with a PRI.
    counted_before: bool,
    counters: Counters,
}

/// Where in a stream the next byte stands.
#[derive(Debug, Clone, Copy)]
enum State {
    /// Before a frame.
    Start,
    /// At the beginning of a line, of which this many bytes are known to have no line feed.
    Line { searched: usize },
    /// In a line whose beginning was delivered.
    RestOfLine,
    /// After an octet count of this many bytes.
    Counted { length: usize },
    /// In an octet-counted frame whose beginning was delivered; this many bytes are left of it.
    RestOfCounted { left: usize },
}

impl Framer {
    /// A framer at the beginning of a stream. What is longer than `message_bytes_max` is cut there.
    #[must_use]
    pub fn new(framing: Framing, message_bytes_max: usize) -> Self {
        Self {
            framing,
            message_bytes_max,
            state: State::Start,
            counted_before: false,
            counters: Counters::default(),
        }
    }

    /// The smallest buffer that never fills up: one byte more than a message, because only that byte shows that the
    /// message is too long; and enough for a count.
    #[must_use]
    pub fn buffer_bytes_min(&self) -> usize {
        self.message_bytes_max.max(OCTET_COUNT_DIGITS_MAX) + 1
    }

    /// What was counted since the last call.
    pub fn take_counters(&mut self) -> Counters {
        std::mem::take(&mut self.counters)
    }

    /// Finds what comes next. `buffer` begins with what the step before has not consumed, followed by new bytes.
    pub fn next<'b>(&mut self, buffer: &'b [u8]) -> Step<'b> {
        let mut at = 0;
        loop {
            let rest = &buffer[at..];
            match self.state {
                // What begins with a PRI is a line whatever came before it, and nearly all lines do.
                State::Start if rest.first() == Some(&b'<') && self.framing != Framing::OctetCounted => {
                    self.counted_before = false;
                    return self.line(buffer, at, 0);
                }
                State::Start => match self.start(rest) {
                    Start::Found { consumed } => at += consumed,
                    Start::NeedMore { consumed } => {
                        return Step::NeedMore {
                            consumed: at + consumed,
                        };
                    }
                    Start::BadOctetCount { consumed } => {
                        self.counters.bad_octet_count += 1;
                        return Step::BadOctetCount {
                            consumed: at + consumed,
                        };
                    }
                },
                State::Line { searched } => return self.line(buffer, at, searched),
                State::Counted { length } => return self.counted(buffer, at, length),
                State::RestOfLine => match memchr::memchr(b'\n', rest) {
                    Some(end) => {
                        self.counters.discarded_bytes += end as u64;
                        self.state = State::Start;
                        at += end + 1;
                    }
                    None => {
                        self.counters.discarded_bytes += rest.len() as u64;
                        return Step::NeedMore { consumed: buffer.len() };
                    }
                },
                State::RestOfCounted { left } => {
                    let discarded = left.min(rest.len());
                    self.counters.discarded_bytes += discarded as u64;
                    if discarded < left {
                        self.state = State::RestOfCounted { left: left - discarded };
                        return Step::NeedMore { consumed: buffer.len() };
                    }
                    self.state = State::Start;
                    at += discarded;
                }
            }
        }
    }

    /// The incomplete frame that a stream ended with, if there is one. `rest` is what [`Framer::next`] has not consumed when
    /// it said [`Step::NeedMore`] last. The framer is at the beginning of a stream then.
    pub fn finish<'b>(&mut self, rest: &'b [u8]) -> Option<Frame<'b>> {
        self.counted_before = false;
        let truncated = match std::mem::replace(&mut self.state, State::Start) {
            // The digits of a count without the space after it are no count.
            State::Start | State::Line { .. } => false,
            State::Counted { .. } => {
                self.counters.incomplete += 1;
                true
            }
            State::RestOfLine | State::RestOfCounted { .. } => return None,
        };
        (!rest.is_empty()).then_some(Frame { bytes: rest, truncated })
    }

    /// Finds out how the frame at the beginning of `rest` is framed.
    fn start(&mut self, rest: &[u8]) -> Start {
        let empty = rest.iter().take_while(|&&byte| byte == b'\n').count();
        self.counters.empty += empty as u64;
        let Some(&first) = rest.get(empty) else {
            return Start::NeedMore { consumed: empty };
        };
        let count = match self.framing {
            Framing::Newline => OctetCount::None,
            Framing::Auto | Framing::OctetCounted => OctetCount::read(&rest[empty..]),
        };
        match count {
            OctetCount::Incomplete => Start::NeedMore { consumed: empty },
            // Nothing is lost: what follows an empty frame is the next one.
            OctetCount::Some { value: 0, length } => Start::BadOctetCount {
                consumed: empty + length,
            },
            OctetCount::Some { value, length } => {
                self.state = State::Counted { length: value };
                Start::Found {
                    consumed: empty + length,
                }
            }
            OctetCount::None => {
                self.state = State::Line { searched: 0 };
                let lost = self.framing == Framing::OctetCounted || (self.counted_before && first != b'<');
                self.counted_before = false;
                if lost {
                    Start::BadOctetCount { consumed: empty }
                } else {
                    Start::Found { consumed: empty }
                }
            }
        }
    }

    /// Delivers the line that begins at `at`, of which `searched` bytes have no line feed.
    fn line<'b>(&mut self, buffer: &'b [u8], at: usize, searched: usize) -> Step<'b> {
        let line = &buffer[at..];
        // One byte more than fits: there the line feed of the longest line stands.
        let window = &line[..line.len().min(self.message_bytes_max + 1)];
        if let Some(found) = memchr::memchr(b'\n', &window[searched..]) {
            let end = searched + found;
            self.state = State::Start;
            return Step::Frame {
                frame: Frame {
                    bytes: &line[..end],
                    truncated: false,
                },
                consumed: at + end + 1,
            };
        }
        if window.len() <= self.message_bytes_max {
            self.state = State::Line { searched: window.len() };
            return Step::NeedMore { consumed: at };
        }
        self.state = State::RestOfLine;
        self.truncated(line, at)
    }

    /// Delivers the octet-counted frame of `length` bytes that begins at `at`.
    fn counted<'b>(&mut self, buffer: &'b [u8], at: usize, length: usize) -> Step<'b> {
        let frame = &buffer[at..];
        if frame.len() < length.min(self.message_bytes_max) {
            return Step::NeedMore { consumed: at };
        }
        self.counted_before = true;
        if length > self.message_bytes_max {
            self.state = State::RestOfCounted {
                left: length - self.message_bytes_max,
            };
            return self.truncated(frame, at);
        }
        self.state = State::Start;
        Step::Frame {
            frame: Frame {
                bytes: &frame[..length],
                truncated: false,
            },
            consumed: at + length,
        }
    }

    /// Delivers as much of a frame as a message can have.
    fn truncated<'b>(&mut self, frame: &'b [u8], at: usize) -> Step<'b> {
        self.counters.truncated += 1;
        Step::Frame {
            frame: Frame {
                bytes: &frame[..self.message_bytes_max],
                truncated: true,
            },
            consumed: at + self.message_bytes_max,
        }
    }
}

/// How a frame begins.
enum Start {
    /// The framer's state says how it goes on, after so many bytes.
    Found { consumed: usize },
    /// That can't be told yet.
    NeedMore { consumed: usize },
    /// As no frame may begin here.
    BadOctetCount { consumed: usize },
}

#[cfg(test)]
mod tests;
