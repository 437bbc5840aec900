//! Plugins: processes of their own that know what the daemons don't, such as what machines exist. They are Varlink servers;
//! logd and dnsd are their clients. What they say is pushed and kept in memory, so that no query or message waits for them.

pub mod host;
