//! `dnsd explain NAME TYPE --from ADDRESS`

use std::path::Path;

use ballast_shared::config::Diagnostics;
use ballast_shared::exit::Exit;
use serde_json::{Value, json};

use super::call;
use crate::config;
use crate::explain::{Inquiry, explain_offline};

/// Has the running daemon explain it.
pub(crate) fn explain(config: &Path, inquiry: &Inquiry) -> Exit {
    let parameters = json!({
        "name": inquiry.name.to_string(),
        "type": inquiry.qtype.to_string(),
        "from": inquiry.from.to_string(),
        "key": inquiry.key.as_ref().map(ToString::to_string),
        "noRecursion": !inquiry.recursion_desired,
        "dnssec": inquiry.dnssec_ok,
    });
    match call(config, "Explain", parameters) {
        Ok(answer) => {
            let lines = answer.get("lines").and_then(Value::as_array);
            for line in lines.into_iter().flatten().filter_map(Value::as_str) {
                println!("{line}");
            }
            Exit::Ok
        }
        Err(exit) => exit,
    }
}

/// Explains what a daemon with this configuration would do.
pub(crate) fn explain_files(config: &Path, inquiry: &Inquiry) -> Exit {
    let diagnostics = Diagnostics::new();
    let Some(config) = config::load(config, &diagnostics) else {
        eprint!("{diagnostics}");
        return Exit::Config;
    };
    match explain_offline(&config, inquiry) {
        Ok(lines) => {
            for line in lines {
                println!("{line}");
            }
            Exit::Ok
        }
        Err(error) => {
            eprintln!("{error}");
            Exit::Os
        }
    }
}
