//! `logd check`

use std::path::Path;

use ballast_shared::exit::Exit;

/// Reads the configuration and prints all that is wrong with it.
pub(super) fn run(config: &Path) -> Exit {
    match super::read_config(config) {
        Ok(_) => Exit::Ok,
        Err(exit) => exit,
    }
}
