//! The syslog collector's sans-IO core: bytes and `now` come in as arguments; messages, rendered lines and actions go out.

pub mod cloud;
pub mod control_chars;
pub mod failover;
pub mod filter;
pub mod framing;
pub mod host_name;
pub mod journal;
pub mod kmsg;
pub mod message;
pub mod parse;
pub mod path;
pub mod pri;
pub mod rate_limit;
pub mod relp;
pub mod rotation;
pub mod route;
pub mod rsyslog_conf;
pub mod selector;
pub mod spool;
pub mod template;
pub mod terminal;
pub mod time;
