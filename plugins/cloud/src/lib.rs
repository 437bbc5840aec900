//! cloudd, the cloud's control plane as a plugin to logd and dnsd: a process of its own, which holds the cloud's credentials so
//! that they need none.

pub mod archive;
pub mod aws;
pub mod commands;
pub mod config;
pub mod control;
pub mod daemon;
pub mod events;
mod hosts;
pub mod hub;
pub mod iam;
pub mod inventory;
pub mod money;
mod pages;
pub mod plugin_check;
pub mod providers;
pub mod queue;
pub mod resources;
pub mod scaling;
pub mod secrets;
pub mod server;
pub mod sns;
pub mod userdata;
