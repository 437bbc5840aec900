//! cloudd, the cloud's control plane as a plugin to logd and dnsd: a process of its own, which holds the cloud's credentials so
//! that they need none.

pub mod aws;
pub mod providers;
pub mod scaling;
pub mod secrets;
