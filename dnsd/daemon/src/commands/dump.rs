//! `dnsd dump` and `dnsd flush`: what is served of a zone, and what is kept of other servers' answers.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use ballast_shared::exit::Exit;
use ballast_shared::varlink::{self, ClientError};
use dnsd_core::name::Name;
use serde_json::{Map, Value, json};

use super::{call, exit_of, method};
use crate::config;

/// `dnsd dump ZONE [--view VIEW]`
pub(crate) fn dump(config: &Path, zone: &Name, view: Option<&str>) -> Exit {
    let socket = config::control_socket(config);
    let parameters = Map::from_iter([
        ("zone".to_owned(), json!(zone.to_string())),
        ("view".to_owned(), json!(view)),
    ]);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut failed = None;
    let dumped = varlink::call_more(&socket, &method("Dump"), parameters, |piece| {
        let text = piece.get("text").and_then(Value::as_str).unwrap_or_default();
        out.write_all(text.as_bytes())
            .map_err(|error| io::Error::other(failed.insert(error.kind()).to_string()))
    });
    match (dumped, failed) {
        // Who reads the beginning only, as head(1) does, has what it wants.
        (_, Some(io::ErrorKind::BrokenPipe)) => Exit::Ok,
        (Ok(()), _) => match out.flush() {
            Ok(()) => Exit::Ok,
            Err(error) => write_failed(&error),
        },
        (Err(ClientError::Io(error)), Some(_)) => write_failed(&error),
        (Err(error), _) => exit_of(&error),
    }
}

fn write_failed(error: &io::Error) -> Exit {
    eprintln!("can't write: {error}");
    Exit::Io
}

/// `dnsd flush [NAME [--tree]]`
pub(crate) fn flush(config: &Path, name: Option<&Name>, tree: bool) -> Exit {
    let parameters = json!({ "name": name.map(ToString::to_string), "tree": tree });
    let answer = match call(config, "Flush", parameters) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let what = match (name, tree) {
        (None, _) => String::new(),
        (Some(name), false) => format!(" about {name}"),
        (Some(name), true) => format!(" about {name} and the names below it"),
    };
    let count = answer.get("forgotten").and_then(Value::as_u64).unwrap_or_default();
    let answers = if count == 1 { "answer" } else { "answers" };
    println!("{count} {answers}{what} forgotten");
    Exit::Ok
}
