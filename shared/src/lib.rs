//! What the daemons share: the way they are configured, started, watched and stopped. Nothing here knows syslog or DNS.

pub mod cli;
pub mod config;
pub mod datagrams;
pub mod exit;
pub mod http;
pub mod imported;
pub mod includes;
pub mod listen;
pub mod logging;
pub mod metrics;
pub mod plugin;
pub mod privileges;
pub mod signals;
pub mod slice;
pub mod supervise;
pub mod systemd;
pub mod tls;
pub mod toml_file;
pub mod varlink;
pub mod watch;
pub mod work_dir;
