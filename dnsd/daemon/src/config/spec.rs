//! What the configuration files say, key by key. Reading a table here is the list of the keys it can have.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ballast_shared::config::{Key, Spanned, Table};
use ballast_shared::plugin::{self, config::PluginSpec};
use ballast_shared::privileges::ProcessSpec;

use super::ListenAddress;
use super::cookies::CookieSpec;
use super::encrypted::EncryptedSpec;
use super::key::KeySpec;
use super::lists::AclSpec;
use super::minimal_responses::MinimalResponsesKey;
use super::query_log::QueryLogSpec;
use super::rate_limit::RateLimitSpec;
use super::remote::RemoteSpec;
use super::rules::RulesSpec;
use super::transfers::TransfersSpec;
use super::view::ViewSpec;
use super::zone_forward::ForwardSpec;
use super::zone_tables::ZonesSpec;

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
    pub(super) query_log: QueryLogSpec,
    pub(super) keys: Vec<KeySpec>,
    pub(super) acls: Vec<AclSpec>,
    pub(super) remotes: Vec<(Key, RemoteSpec)>,
    pub(super) plugins: Vec<PluginSpec>,
    pub(super) transfers: TransfersSpec,
    /// What zones and views have that don't say otherwise.
    pub(super) rules: RulesSpec,
    pub(super) forward: ForwardSpec,
    /// `views`
    pub(super) view_order: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) views: Vec<ViewSpec>,
    /// Outside the views.
    pub(super) zones: ZonesSpec,
}

/// `[listen]`
#[derive(Debug, Default)]
pub(super) struct ListenSpec {
    pub(super) dns: Option<Spanned<Vec<Spanned<ListenAddress>>>>,
    pub(super) threads: Option<Spanned<usize>>,
    pub(super) encrypted: EncryptedSpec,
}

/// `[control]`
#[derive(Debug, Default)]
pub(super) struct ControlSpec {
    pub(super) socket: Option<Spanned<PathBuf>>,
    pub(super) http: Option<Spanned<SocketAddr>>,
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
            self.listen.encrypted.read(&table);
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
        if let Some(table) = root.table("query-log") {
            self.query_log.read(&table);
        }
        self.read_names(root);
        self.transfers.read(root);
        self.rules.read(root);
        if let Some(table) = root.table("forward") {
            self.forward.read(&table);
        }
        root.once("views", &mut self.view_order);
        if let Some(table) = root.table("view") {
            self.views.extend(ViewSpec::read_all(&table));
        }
        self.zones.read(root);
    }

    /// What the lists of other tables name.
    fn read_names(&mut self, root: &Table<'_>) {
        if let Some(table) = root.table("key") {
            self.keys.extend(KeySpec::read(&table));
        }
        if let Some(table) = root.table("acl") {
            self.acls.extend(AclSpec::read(&table));
        }
        if let Some(table) = root.table("remote") {
            self.remotes.extend(RemoteSpec::read_all(&table));
        }
        plugin::config::read_spec(root, &mut self.plugins);
    }
}
