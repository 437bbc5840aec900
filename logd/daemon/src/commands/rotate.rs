//! `logd rotate`

use std::path::Path;

use ballast_shared::exit::Exit;
use ballast_shared::varlink::{self, ClientError};
use serde_json::{Map, Value};

use crate::control::{INTERFACE_NAME, NO_SUCH_OUTPUT};

/// What to rotate.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The output whose files are rotated; all that have `rotate` if not given.
    output: Option<String>,
}

/// Makes the running daemon rotate files now, and prints how many.
pub(super) fn run(config: &Path, options: &Options) -> Exit {
    let socket = match super::read_config(config) {
        Ok(config) => config.control.socket,
        Err(exit) => return exit,
    };
    let output = options
        .output
        .as_ref()
        .map(|name| ("output".to_owned(), name.as_str().into()));
    match varlink::call(&socket, &format!("{INTERFACE_NAME}.Rotate"), Map::from_iter(output)) {
        Ok(answer) => {
            let files = answer.get("files").and_then(Value::as_u64).unwrap_or_default();
            println!("{files} files rotated");
            Exit::Ok
        }
        Err(error) => {
            eprintln!("{}", error.to_string().trim_end());
            match error {
                ClientError::Refused(name, _) if name.ends_with(NO_SUCH_OUTPUT) => Exit::Usage,
                _ => Exit::Unavailable,
            }
        }
    }
}
