//! `dnsd import`: from BIND's named.conf to dnsd.toml.
//!
//! [`reading`] makes one tree of statements of the file and its includes. They are gone through in the order written, each by
//! the module for what it sets, and become tables and keys of a [`Document`](toml::Document), their comments with them. What
//! has no counterpart is never left out silently: it is reported with its line, and stands as a comment where it would be.

mod controls;
mod elsewhere;
mod forward;
mod keys;
mod listen;
mod logging;
mod match_list;
mod options;
mod reading;
mod remotes;
mod report;
mod scope;
mod settings;
mod targets;
#[cfg(test)]
mod tests;
mod tls;
mod toml;
mod views;
mod zones;

use std::path::{Path, PathBuf};

use ballast_shared::config::Diagnostics;
use ballast_shared::exit::Exit;
use ballast_shared::imported::Imported;
use dnsd_core::name::Name;
use dnsd_core::named_conf::{Block, Statement};

use listen::Listen;
use match_list::Names;
use reading::Reading;
use remotes::Remotes;
use scope::Scope;
use toml::Document;
use views::View;

/// `dnsd import NAMED.CONF`
pub(crate) fn run(named_conf: &Path) -> Exit {
    let diagnostics = Diagnostics::new();
    let imported = import(named_conf, &diagnostics);
    Imported::print(imported, &diagnostics)
}

/// Imports a file. `None` when it can't be read, which is in `diagnostics` then; so is everything that isn't carried over.
fn import(named_conf: &Path, diagnostics: &Diagnostics) -> Option<Imported> {
    let reading = reading::read(named_conf, diagnostics);
    if diagnostics.has_errors() {
        return None;
    }
    let mut import = Import::new(&reading, diagnostics);
    import.whole(&reading.block);
    (!diagnostics.has_errors()).then(|| Imported {
        toml: import.document.to_string(),
        is_whole: import.is_whole,
    })
}

/// An import on its way.
struct Import<'b> {
    diagnostics: &'b Diagnostics,
    document: Document,
    /// Whether nothing was left out so far.
    is_whole: bool,
    /// What relative names of files are relative to.
    directory: PathBuf,
    /// Whether that is only the folder of the file, for want of a `directory`.
    directory_is_a_guess: bool,
    /// What was said once and need not be said again.
    remarks: Vec<&'static str>,
    /// What lists of clients may name.
    names: Names,
    /// The servers that have keys, and lists of servers.
    remotes: Remotes<'b>,
    /// Where is listened.
    listen: Listen<'b>,
    /// `options`, and below them the view that is being read.
    scope: Scope<'b>,
    /// The view that is being read.
    view: Option<View>,
    /// The zone of another view that is being written out in this one.
    shared: Option<zones::Shared<'b>>,
    /// Whether nobody may have the views that follow.
    views_are_shut: bool,
    /// All statements outside of blocks: what is referred to by name is found here.
    whole: &'b Block,
    /// The names and views of the zones so far.
    zones_seen: Vec<(Option<String>, Name)>,
}

impl<'b> Import<'b> {
    fn new(reading: &'b Reading, diagnostics: &'b Diagnostics) -> Self {
        let whole = &reading.block;
        let mut names = Names::declared(whole);
        Self {
            diagnostics,
            document: Document::default(),
            is_whole: true,
            directory: reading.directory.clone(),
            directory_is_a_guess: !reading.has_directory,
            remarks: Vec::new(),
            remotes: Remotes::declared(whole, &mut names),
            names,
            listen: Listen::default(),
            scope: Scope::new(whole),
            view: None,
            shared: None,
            views_are_shut: false,
            whole,
            zones_seen: Vec::new(),
        }
    }

    fn whole(&mut self, whole: &'b Block) {
        for statement in &whole.statements {
            self.statement(statement);
        }
        self.list_views();
        self.write_listen();
        self.write_forward();
        let behind = report::lines(&whole.comments);
        self.document.top().comment(behind);
    }

    /// A statement that may stand outside of blocks; most may stand in a view, too.
    fn statement(&mut self, statement: &'b Statement) {
        let Some(name) = statement.name() else {
            self.error(statement, "not a statement of named.conf");
            return;
        };
        match name.text.to_ascii_lowercase().as_str() {
            "options" => self.options(statement),
            "acl" => self.acl(statement),
            "key" => self.key(statement),
            "server" => self.server(statement),
            "primaries" | "masters" | "remote-servers" | "parental-agents" => self.server_list(statement),
            "logging" => self.logging(statement),
            "controls" => self.controls(statement),
            "statistics-channels" => self.statistics_channels(statement),
            "view" => self.view(statement),
            "zone" => self.zone(statement),
            // Read where they are named.
            "tls" | "http" => {
                let above = self.comments(statement);
                self.document.top().comment(above);
            }
            _ => {
                let above = self.elsewhere(statement);
                self.document.top().comment(above);
            }
        }
    }
}
