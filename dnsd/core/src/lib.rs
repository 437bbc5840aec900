//! The name server's core: names, records, master files, zones and answers, over bytes and without input or output of
//! its own.

pub mod name;
pub mod record;
pub mod rrtype;
