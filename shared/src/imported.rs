//! What the import of another program's configuration comes to, and how it is handed over.

use crate::config::Diagnostics;
use crate::exit::Exit;

/// A configuration of ours that says what another program's does.
#[derive(Debug)]
pub struct Imported {
    /// Its text.
    pub toml: String,
    /// Whether all that has a meaning for a daemon like this one was carried over.
    pub is_whole: bool,
}

impl Imported {
    /// Prints it on stdout, and what there is to say of it on stderr. `None`: there is none, as the other configuration has errors.
    pub fn print(imported: Option<Self>, diagnostics: &Diagnostics) -> Exit {
        if !diagnostics.is_empty() {
            eprint!("{diagnostics}");
        }
        match imported {
            None => Exit::Config,
            Some(imported) => {
                print!("{}", imported.toml);
                if imported.is_whole { Exit::Ok } else { Exit::Differs }
            }
        }
    }
}
