//! The syslog collector's sans-IO core: bytes and `now` come in as arguments; messages, rendered lines and actions go out.

pub mod message;
pub mod pri;
pub mod time;
