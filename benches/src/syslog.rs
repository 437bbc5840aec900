//! What the syslog collectors are measured with, and how.

pub mod comparison;
pub mod floor;
pub mod load;
pub mod message;
pub mod peers;
pub mod scenario;
pub mod secure;
pub mod table;
pub mod tree;
pub mod verify;
