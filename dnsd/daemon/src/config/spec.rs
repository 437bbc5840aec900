//! What the configuration files say, key by key. Reading a table here is the list of the keys it can have.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ballast_shared::config::{Key, Span, Spanned, Table};
use ballast_shared::privileges::ProcessSpec;

use super::ListenAddress;
use super::cookies::CookieSpec;
use super::match_list::MatchList;
use super::minimal_responses::MinimalResponsesKey;
use super::rate_limit::RateLimitSpec;

/// All files together.
#[derive(Debug, Default)]
pub(super) struct Spec {
    pub(super) work_dir: Option<Spanned<PathBuf>>,
    pub(super) version: Option<Spanned<String>>,
    pub(super) hostname: Option<Spanned<String>>,
    pub(super) server_id: Option<Spanned<String>>,
    pub(super) max_udp_size: Option<Spanned<u16>>,
    pub(super) minimal_any: Option<Spanned<bool>>,
    pub(super) minimal_responses: Option<Spanned<MinimalResponsesKey>>,
    pub(super) cookies: CookieSpec,
    pub(super) tcp_clients: Option<Spanned<usize>>,
    pub(super) tcp_idle_timeout: Option<Spanned<Duration>>,
    pub(super) listen: ListenSpec,
    pub(super) control: ControlSpec,
    pub(super) process: ProcessSpec,
    pub(super) rate_limit: RateLimitSpec,
    pub(super) zones: Vec<ZoneSpec>,
    pub(super) groups: Vec<GroupSpec>,
}

/// `[listen]`
#[derive(Debug, Default)]
pub(super) struct ListenSpec {
    pub(super) dns: Option<Spanned<Vec<Spanned<ListenAddress>>>>,
    pub(super) threads: Option<Spanned<usize>>,
}

/// `[control]`
#[derive(Debug, Default)]
pub(super) struct ControlSpec {
    pub(super) socket: Option<Spanned<PathBuf>>,
    pub(super) http: Option<Spanned<SocketAddr>>,
}

/// `[zone."NAME".primary]`
#[derive(Debug)]
pub(super) struct ZoneSpec {
    pub(super) name: Key,
    pub(super) file: Option<Spanned<PathBuf>>,
    pub(super) watch: Option<bool>,
    pub(super) allow_transfer: Option<Spanned<MatchList>>,
}

/// `[zones.NAME.primary]`
#[derive(Debug)]
pub(super) struct GroupSpec {
    pub(super) name: Key,
    pub(super) files: Option<Spanned<PathBuf>>,
    pub(super) watch: Option<bool>,
    pub(super) allow_transfer: Option<Spanned<MatchList>>,
}

impl Spec {
    /// Reads the top-level table of one file.
    pub(super) fn read(&mut self, root: &Table<'_>) {
        root.once("work-dir", &mut self.work_dir);
        root.once("version", &mut self.version);
        root.once("hostname", &mut self.hostname);
        root.once("server-id", &mut self.server_id);
        root.once("max-udp-size", &mut self.max_udp_size);
        root.once("minimal-any", &mut self.minimal_any);
        root.once("minimal-responses", &mut self.minimal_responses);
        root.once("answer-cookie", &mut self.cookies.answer);
        root.once("cookie-secret", &mut self.cookies.secrets);
        root.once("require-server-cookie", &mut self.cookies.required);
        root.once("tcp-clients", &mut self.tcp_clients);
        root.once("tcp-idle-timeout", &mut self.tcp_idle_timeout);
        if let Some(table) = root.table("listen") {
            table.once("dns", &mut self.listen.dns);
            table.once("threads", &mut self.listen.threads);
        }
        if let Some(table) = root.table("control") {
            table.once("socket", &mut self.control.socket);
            table.once("http", &mut self.control.http);
        }
        if let Some(table) = root.table("process") {
            self.process.read(&table);
        }
        if let Some(table) = root.table("rate-limit") {
            self.rate_limit.read(&table);
        }
        if let Some(table) = root.table("zone") {
            for_each_primary(&table, |name, primary| {
                self.zones.push(ZoneSpec {
                    name,
                    file: primary.required("file"),
                    watch: primary.optional("watch"),
                    allow_transfer: primary.optional("allow-transfer"),
                });
            });
        }
        if let Some(table) = root.table("zones") {
            for_each_primary(&table, |name, primary| {
                self.groups.push(GroupSpec {
                    name,
                    files: primary.required("files"),
                    watch: primary.optional("watch"),
                    allow_transfer: primary.optional("allow-transfer"),
                });
            });
        }
    }
}

/// Reads the tables of zones: below each name stands the zone's kind.
fn for_each_primary(zones: &Table<'_>, mut read: impl FnMut(Key, &Table<'_>)) {
    for (name, value) in zones.entries() {
        let Some(kinds) = value.table() else { continue };
        match kinds.table("primary") {
            Some(primary) => read(name, &primary),
            None => missing_kind(&kinds, name.span, &name.name),
        }
    }
}

fn missing_kind(kinds: &Table<'_>, span: Span, name: &str) {
    kinds.diagnostics().error_with_help(
        span,
        "this zone has no kind",
        format!("a zone is read from a file by a table named [….\"{name}\".primary]"),
    );
}
