//! `logd plugin`

use std::path::Path;

use ballast_shared::exit::Exit;
use ballast_shared::varlink::{self, ClientError};
use serde_json::Map;

use crate::control::{INTERFACE_NAME, NO_SUCH_PLUGIN};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Take a plugin's inventory that is held back because much is missing in it; `logd status` says how much.
    Accept {
        /// The plugin, as the configuration calls it.
        plugin: String,
    },
}

/// Asks the running daemon.
pub(super) fn run(config: &Path, command: &Command) -> Exit {
    let socket = match super::read_config(config) {
        Ok(config) => config.control.socket,
        Err(exit) => return exit,
    };
    let Command::Accept { plugin } = command;
    let parameters = Map::from_iter([("plugin".to_owned(), plugin.as_str().into())]);
    match varlink::call(&socket, &format!("{INTERFACE_NAME}.AcceptInventory"), parameters) {
        Ok(_) => Exit::Ok,
        Err(error) => {
            eprintln!("{error}");
            match error {
                ClientError::Refused(name, _) if name.ends_with(NO_SUCH_PLUGIN) => Exit::Usage,
                _ => Exit::Unavailable,
            }
        }
    }
}
