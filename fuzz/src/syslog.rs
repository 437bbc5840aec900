//! The targets of logd's core.

use jiff::tz::TimeZone;
use logd_core::control_chars;
use logd_core::framing::{Framer, Framing, Step};
use logd_core::message::Origin;
use logd_core::parse;
use logd_core::path::PathTemplate;
use logd_core::template::{Context, Template};
use logd_core::time::ZoneCache;

const MESSAGE_BYTES_MAX: usize = 256;

/// A stream cut into frames comes out the same however its bytes arrive. The first byte chooses the framing, the second how
/// the rest is cut into reads.
pub fn framing(data: &[u8]) {
    let [mode, cut, stream @ ..] = data else { return };
    let framing = [Framing::Auto, Framing::Newline, Framing::OctetCounted][usize::from(mode % 3)];
    let whole = frames(framing, stream, stream.len().max(1));
    let in_pieces = frames(framing, stream, usize::from(*cut % 17) + 1);
    assert_eq!(whole, in_pieces);
    for (bytes, _) in &whole {
        assert!(bytes.len() <= MESSAGE_BYTES_MAX);
    }
}

/// All frames of a stream that arrives so many bytes at a time.
fn frames(framing: Framing, stream: &[u8], read_bytes: usize) -> Vec<(Vec<u8>, bool)> {
    let mut framer = Framer::new(framing, MESSAGE_BYTES_MAX);
    let (mut buffer, mut found) = (Vec::new(), Vec::new());
    for read in stream.chunks(read_bytes) {
        buffer.extend_from_slice(read);
        loop {
            let (consumed, more) = match framer.next(&buffer) {
                Step::Frame { frame, consumed } => {
                    found.push((frame.bytes.to_vec(), frame.truncated));
                    (consumed, true)
                }
                Step::BadOctetCount { consumed } => (consumed, true),
                Step::NeedMore { consumed } => (consumed, false),
            };
            buffer.drain(..consumed);
            if !more {
                break;
            }
        }
        assert!(
            buffer.len() < framer.buffer_bytes_min(),
            "a full buffer would never be read into again"
        );
    }
    found.extend(
        framer
            .finish(&buffer)
            .map(|frame| (frame.bytes.to_vec(), frame.truncated)),
    );
    found
}

/// A frame becomes a message that keeps all of its bytes, and every built-in format renders it as one line; a path rendered
/// from it stays in its tree.
pub fn syslog_message(data: &[u8]) {
    let frame = control_chars::clean(data);
    with_context(&frame, |context| {
        let message = context.message;
        assert_eq!(message.raw, &*frame);
        for part in [message.after_pri, message.msg, message.tag, message.programname] {
            let range = part.as_ptr_range();
            assert!(
                part.is_empty() || (frame.as_ptr_range().start <= range.start && range.end <= frame.as_ptr_range().end)
            );
        }
        let mut line = Vec::new();
        for format in [
            "RSYSLOG_TraditionalFileFormat",
            "RSYSLOG_FileFormat",
            "RSYSLOG_SyslogProtocol23Format",
            "json",
        ] {
            line.clear();
            Template::builtin(format)
                .expect("a built-in format")
                .render(context, &mut line);
            assert_eq!(
                line.iter().position(|b| *b == b'\n'),
                Some(line.len() - 1),
                "{format} is one line"
            );
        }
        let template = Template::parse("/tree/%HOSTNAME%/%PROGRAMNAME%/%syslogtag%%msg%.log").expect("a template");
        let path = PathTemplate::new(&template).expect("a path");
        line.clear();
        path.render(context, &mut line);
        let below = line.strip_prefix(b"/tree/").expect("the path begins with its tree");
        for component in below.split(|b| *b == b'/') {
            assert!(!matches!(component, b"" | b"." | b"..") && component.len() <= 255 && !component.contains(&0));
        }
    });
}

/// A template is refused or renders; the text before the first line feed is the template, the rest a message.
pub fn template(data: &[u8]) {
    let end = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let Ok(text) = std::str::from_utf8(&data[..end]) else {
        return;
    };
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(error) => {
            let _ = error.to_string();
            return;
        }
    };
    let frame = control_chars::clean(&data[end..]);
    with_context(&frame, |context| template.render(context, &mut Vec::new()));
}

fn with_context(frame: &[u8], check: impl FnOnce(&Context<'_>)) {
    // 2026-11-22 10:00:00 UTC
    let now = ZoneCache::new(TimeZone::UTC).timestamp_at(1_795_341_600, 123_456_000);
    let message = parse::parse(frame, now, &mut ZoneCache::new(TimeZone::UTC));
    let peer = "192.0.2.1:40000".parse().expect("an address");
    let origin = Origin {
        peer: Some(peer),
        peer_name: None,
        received: now,
        input: "fuzz",
        truncated: false,
    };
    check(&Context {
        message: &message,
        origin: &origin,
        sender_name: None,
        cloud: logd_core::cloud::Sender::default(),
        my_hostname: "here",
        now,
        uuid: &|| [7; 16],
    });
}
