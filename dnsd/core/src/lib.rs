//! The name server's core: names, records, master files, zones and answers, over bytes and without input or output of
//! its own.

pub mod acl;
pub mod answer;
pub mod catalog;
pub mod inventory;
mod lexer;
pub mod master;
pub mod message;
pub mod name;
mod name_index;
pub mod named_conf;
pub mod notify;
pub mod nsec3;
pub mod rate_limit;
pub mod rdata;
pub mod record;
pub mod rrtype;
pub mod search_name;
pub mod secondary;
pub mod serial;
pub mod transfer;
pub mod tsig;
pub mod update;
pub mod zone;
pub mod zones;
