//! `logd reload`

use std::path::Path;

use ballast_shared::exit::Exit;
use ballast_shared::varlink::{self, ClientError};
use serde_json::Map;

use crate::control::{INTERFACE_NAME, INVALID_CONFIGURATION};

/// Makes the running daemon read its configuration again, and prints why it doesn't take it.
pub(super) fn run(config: &Path) -> Exit {
    let socket = match super::read_config(config) {
        Ok(config) => config.control.socket,
        Err(exit) => return exit,
    };
    match varlink::call(&socket, &format!("{INTERFACE_NAME}.Reload"), Map::new()) {
        Ok(_) => Exit::Ok,
        Err(error) => {
            eprintln!("{}", error.to_string().trim_end());
            match error {
                ClientError::Refused(name, _) if name.ends_with(INVALID_CONFIGURATION) => Exit::Config,
                _ => Exit::Unavailable,
            }
        }
    }
}
