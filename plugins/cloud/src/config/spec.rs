//! What the configuration files say, key by key. Reading a table here is the list of the keys it can have.

use std::net::SocketAddr;
use std::path::PathBuf;

use ballast_shared::config::{Key, Span, Spanned, Table};
use ballast_shared::privileges::ProcessSpec;

use crate::archive;
use crate::providers::aws;
use crate::scaling;
use crate::secrets;
use crate::sns;
use crate::userdata;

/// All files together.
#[derive(Debug, Default)]
pub(super) struct Spec {
    pub(super) work_dir: Option<Spanned<PathBuf>>,
    pub(super) control_socket: Option<Spanned<PathBuf>>,
    pub(super) control_http: Option<Spanned<SocketAddr>>,
    pub(super) plugin_socket: Option<Spanned<PathBuf>>,
    pub(super) process: ProcessSpec,
    pub(super) providers: Vec<(Key, ProviderSpec)>,
    pub(super) userdata: userdata::Spec,
    pub(super) scalings: Vec<(Key, scaling::config::Spec)>,
    pub(super) archive: Option<(Span, archive::Spec)>,
    pub(super) secrets: secrets::config::Spec,
    pub(super) sns: sns::config::Spec,
}

/// `[provider.NAME.KIND]`
#[derive(Debug)]
pub(super) enum ProviderSpec {
    Static {
        file: Option<PathBuf>,
    },
    Aws(Box<aws::Spec>),
    /// What was wrong has been said.
    None,
}

impl Spec {
    /// Reads the top-level table of one file.
    pub(super) fn read(&mut self, root: &Table<'_>) {
        root.once("work-dir", &mut self.work_dir);
        if let Some(table) = root.table("control") {
            table.once("socket", &mut self.control_socket);
            table.once("http", &mut self.control_http);
        }
        if let Some(table) = root.table("plugin") {
            table.once("socket", &mut self.plugin_socket);
        }
        if let Some(table) = root.table("process") {
            self.process.read(&table);
        }
        if let Some(table) = root.table("userdata") {
            self.userdata.read(&table);
        }
        if let Some((span, archive)) = root.table("archive").and_then(|table| archive::Spec::read(&table)) {
            match &self.archive {
                Some((first, _)) => {
                    let first = root.diagnostics().place(*first);
                    let message = format!("where files are archived is set already, at {first}");
                    root.diagnostics().error(span, message);
                }
                None => self.archive = Some((span, archive)),
            }
        }
        if let Some(table) = root.table("secrets") {
            self.secrets.read(&table);
        }
        if let Some(table) = root.table("sns") {
            self.sns.read(&table);
        }
        for (name, value) in root.table("provider").iter().flat_map(Table::entries) {
            if let Some(table) = value.table() {
                self.providers.push((name, ProviderSpec::read(&table)));
            }
        }
        for (name, value) in root.table("scaling").iter().flat_map(Table::entries) {
            if let Some(table) = value.table() {
                self.scalings.push((name, scaling::config::Spec::read(&table)));
            }
        }
    }
}

impl ProviderSpec {
    /// The table of its kind is the only one it has.
    fn read(table: &Table<'_>) -> Self {
        // Both are asked for, so that either is known where a kind is misspelt.
        match (table.table("static"), table.table("aws")) {
            (Some(kind), None) => Self::Static {
                file: kind.required("file"),
            },
            (None, Some(kind)) => Self::Aws(Box::new(aws::Spec::read(&kind))),
            (Some(_), Some(kind)) => {
                table
                    .diagnostics()
                    .error(kind.span(), "this provider is of another kind already");
                Self::None
            }
            (None, None) => {
                if table.has_no_keys() {
                    let message = "a provider of no kind: write [provider.NAME.static] or [provider.NAME.aws]";
                    table.diagnostics().error(table.span(), message);
                }
                Self::None
            }
        }
    }
}
