//! `[userdata]` and `[userdata.role.NAME]` as they stand in the files.

use std::path::PathBuf;

use ballast_shared::config::{FromValue, Key, OneOrMany, Size, Span, Spanned, Table};

/// All files together.
#[derive(Debug, Default)]
pub(crate) struct Spec {
    /// What all roles have.
    pub(super) all: Keys,
    pub(super) roles: Vec<(Key, RoleSpec)>,
}

/// The keys that `[userdata]` and a role have in common.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) log: Option<Spanned<OneOrMany<String>>>,
    pub(super) tls: Option<TlsSpec>,
    pub(super) spool: Option<Spanned<Size>>,
    pub(super) dns: Option<Spanned<Vec<std::net::IpAddr>>>,
    pub(super) search: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) packages: Vec<Spanned<String>>,
    pub(super) files: Vec<FileSpec>,
    pub(super) commands: Vec<CommandSpec>,
}

/// A role of the configuration's own, or what it says of one that is shipped.
#[derive(Debug, Default)]
pub(super) struct RoleSpec {
    pub(super) keys: Keys,
    pub(super) based_on: Option<Spanned<String>>,
    /// Texts, or numbers as they are written.
    pub(super) variables: Vec<(Key, Spanned<String>)>,
}

/// `tls = { … }`
#[derive(Debug)]
pub(super) struct TlsSpec {
    pub(super) span: Span,
    /// A file here.
    pub(super) ca: Option<Spanned<PathBuf>>,
    pub(super) peer_name: Option<Spanned<String>>,
    /// Files on the new machine.
    pub(super) certificate: Option<Spanned<String>>,
    pub(super) key: Option<Spanned<String>>,
    pub(super) driver: Option<Spanned<String>>,
}

/// `[[… .write-files]]`
#[derive(Debug)]
pub(super) struct FileSpec {
    pub(super) span: Span,
    pub(super) path: Option<Spanned<String>>,
    pub(super) content: Option<Spanned<String>>,
    /// A file here that has the content.
    pub(super) source: Option<Spanned<PathBuf>>,
    pub(super) permissions: Option<Spanned<String>>,
    pub(super) owner: Option<Spanned<String>>,
}

/// One of `runcmd`.
#[derive(Debug)]
pub(super) enum CommandSpec {
    Program(Vec<String>, Span),
    Line(String),
}

impl Spec {
    /// Reads `[userdata]` of one file.
    pub(crate) fn read(&mut self, table: &Table<'_>) {
        self.all.read(table);
        for (name, value) in table.table("role").iter().flat_map(Table::entries) {
            if let Some(table) = value.table() {
                self.roles.push((name, RoleSpec::read(&table)));
            }
        }
    }
}

impl RoleSpec {
    fn read(table: &Table<'_>) -> Self {
        let mut keys = Keys::default();
        keys.read(table);
        let variables = table.table("variables").map(|variables| {
            let entries = variables.entries().into_iter();
            let texts = entries.filter_map(|(name, value)| {
                let span = value.content_span();
                let text = match value.is_string() {
                    true => value.string()?.to_owned(),
                    false => u64::from_value(value)?.to_string(),
                };
                Some((name, Spanned { value: text, span }))
            });
            texts.collect()
        });
        Self {
            keys,
            based_on: table.optional("based-on"),
            variables: variables.unwrap_or_default(),
        }
    }
}

impl Keys {
    fn read(&mut self, table: &Table<'_>) {
        table.once("log", &mut self.log);
        table.once("spool", &mut self.spool);
        table.once("dns", &mut self.dns);
        table.once("search", &mut self.search);
        self.packages
            .extend(table.optional::<Vec<Spanned<String>>>("packages").unwrap_or_default());
        if let Some(read) = table.table("tls") {
            let span = read.span();
            match &self.tls {
                Some(first) => {
                    let first = table.diagnostics().place(first.span);
                    table
                        .diagnostics()
                        .error(span, format!("`tls` is set already, at {first}"));
                }
                None => self.tls = Some(TlsSpec::read(&read)),
            }
        }
        self.files
            .extend(table.array_of_tables("write-files").iter().map(FileSpec::read));
        for value in table
            .value("runcmd")
            .and_then(|value| value.array())
            .unwrap_or_default()
        {
            let command = match value.is_list() {
                true => Vec::from_value(value).map(|words| CommandSpec::Program(words, value.span())),
                false => value.string().map(|line| CommandSpec::Line(line.to_owned())),
            };
            self.commands.extend(command);
        }
    }
}

impl TlsSpec {
    fn read(table: &Table<'_>) -> Self {
        Self {
            span: table.span(),
            ca: table.required("ca"),
            peer_name: table.optional("peer-name"),
            certificate: table.optional("certificate"),
            key: table.optional("key"),
            driver: table.optional("driver"),
        }
    }
}

impl FileSpec {
    fn read(table: &Table<'_>) -> Self {
        Self {
            span: table.span(),
            path: table.required("path"),
            content: table.optional("content"),
            source: table.optional("source"),
            permissions: table.optional("permissions"),
            owner: table.optional("owner"),
        }
    }
}
