//! `cloudd events`

use std::io::{self, Write};
use std::path::Path;

use ballast_shared::config::Diagnostics;
use ballast_shared::exit::Exit;
use ballast_shared::plugin::event::{WATCH, WatchCall, WatchReply, WireEvent};
use ballast_shared::varlink::{self, ClientError, parameters};
use serde_json::Value;

use super::{check, exit_of};
use crate::config;

/// Why no more replies are taken.
enum End {
    /// What was asked for is there.
    Complete,
    /// Nobody reads any more.
    NobodyReads,
    Write(io::Error),
}

/// `cloudd events [--follow] [--json]`
#[must_use]
pub fn events(path: &Path, follow: bool, json: bool) -> Exit {
    let socket = config::load(path, &Diagnostics::new()).map(|config| config.plugin_socket);
    let Some(socket) = socket else {
        return check(path);
    };
    // No event has this id: all that are remembered come.
    let call = WatchCall {
        after: Some(String::new()),
    };
    let mut end = None;
    let mut out = io::stdout().lock();
    let watched = varlink::call_more(&socket, WATCH, parameters(&call), |reply| {
        let reply: WatchReply = serde_json::from_value(Value::Object(reply)).map_err(io::Error::other)?;
        if reply.events.is_empty() && !follow {
            end = Some(End::Complete);
            return Err(io::ErrorKind::Other.into());
        }
        let printed = reply.events.iter().try_for_each(|event| print(&mut out, event, json));
        printed.and_then(|()| out.flush()).inspect_err(|error| {
            end = Some(match error.kind() {
                io::ErrorKind::BrokenPipe => End::NobodyReads,
                kind => End::Write(kind.into()),
            });
        })
    });
    match (end, watched) {
        (Some(End::Complete | End::NobodyReads), _) => Exit::Ok,
        (Some(End::Write(error)), _) => {
            eprintln!("can't write: {error}");
            Exit::Io
        }
        (None, Err(error)) => exit_of(&error),
        // A stream has no last reply.
        (None, Ok(())) => exit_of(&ClientError::Garbled),
    }
}

fn print(out: &mut impl Write, event: &WireEvent, json: bool) -> io::Result<()> {
    if json {
        serde_json::to_writer(&mut *out, event)?;
        return writeln!(out);
    }
    let time =
        jiff::Timestamp::from_second(event.time).map_or_else(|_| event.time.to_string(), |time| time.to_string());
    let host = event.host.as_deref().unwrap_or("-");
    write!(
        out,
        "{time}  {:12}  {}  {}",
        shown(&event.kind),
        shown(host),
        shown(&event.message)
    )?;
    for (name, value) in &event.fields {
        write!(out, "  {}={}", shown(name), shown(value))?;
    }
    writeln!(out)
}

/// Without what a terminal would act upon: some of it others have sent.
fn shown(text: &str) -> String {
    let escape = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_line_whatever_others_have_sent() {
        let event = WireEvent {
            id: "e1".into(),
            time: 1_767_225_600,
            kind: "log".into(),
            host: Some("web-1".into()),
            message: "a\n\u{1b}[2Jb".into(),
            fields: [("rule".to_owned(), "ssh".to_owned())].into(),
        };
        let mut out = Vec::new();
        print(&mut out, &event, false).unwrap();
        let line = String::from_utf8(out).unwrap();
        assert_eq!(
            line,
            "2026-01-01T00:00:00Z  log           web-1  a\\n\\u{1b}[2Jb  rule=ssh\n"
        );
    }
}
