//! `cloudd iam-policy`

use std::path::Path;

use ballast_shared::config::Diagnostics;
use ballast_shared::exit::Exit;

use super::policy;
use crate::config;

/// Prints the policy for a configuration.
#[must_use]
pub fn run(path: &Path) -> Exit {
    let diagnostics = Diagnostics::new();
    let config = config::load(path, &diagnostics);
    if !diagnostics.is_empty() {
        eprint!("{diagnostics}");
    }
    let Some(config) = config else { return Exit::Config };
    let grants = config.grants();
    if grants.is_empty() {
        eprintln!("nothing of this configuration calls AWS");
        return Exit::Config;
    }
    println!("{:#}", policy(&grants));
    Exit::Ok
}
