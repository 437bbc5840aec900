//! User data for new machines: `cloudd userdata --role NAME` prints what cloud-init makes of one a machine that sends its log
//! to logd and asks dnsd for names, and whatever else its role is.
//!
//! `spec` is what `[userdata]` says; `resolve` makes [`Role`]s of it and of those that are shipped (`shipped`, with the files
//! of `plugins/cloud/roles`). Nothing is escaped that can be parsed: addresses, names and numbers go into rsyslog's and the
//! resolver's configuration as what they are, so no value can say more there than it is meant to. What is free text, files and
//! commands of the administrator's, is in JSON strings (`document`), and in the shell in quotes (`shell`).

mod command;
mod document;
mod forward;
mod names;
mod resolve;
mod resolver;
mod shell;
mod shipped;
mod spec;
mod target;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use serde::Serialize;

pub use self::command::run;
pub(crate) use self::resolve::resolve;
pub(crate) use self::spec::Spec;

use self::forward::Forward;
use self::names::SearchDomain;

/// What a new machine becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub(crate) name: String,
    /// Where its log goes; `None`: it stays where it is.
    forward: Option<Forward>,
    /// The name servers that it asks first.
    dns: Vec<IpAddr>,
    /// The domains in which it looks for short names.
    search: Vec<SearchDomain>,
    /// What is installed, besides what forwarding needs.
    packages: Vec<String>,
    /// What is written, besides what forwarding and resolving need.
    files: Vec<File>,
    /// What is run, after that.
    commands: Vec<Command>,
}

/// A file of the new machine's, as cloud-init has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct File {
    path: String,
    content: String,
    /// "0644".
    permissions: String,
    /// "root:root".
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
}

impl File {
    fn new(path: &str, content: impl Into<String>, permissions: &str) -> Self {
        Self {
            path: path.to_owned(),
            content: content.into(),
            permissions: permissions.to_owned(),
            owner: None,
        }
    }
}

/// A command, as cloud-init has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Command {
    /// A program and its arguments: no shell looks at them.
    Program(Vec<String>),
    /// A line for the shell.
    Line(String),
}

impl Command {
    fn program<const N: usize>(words: [&str; N]) -> Self {
        Self::Program(words.map(str::to_owned).to_vec())
    }
}
