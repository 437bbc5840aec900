//! What each fuzz target does with its input: it runs one entry point of a core as a daemon would, and checks what must hold
//! whatever the bytes are. `scripts/fuzz` runs them under libFuzzer; `tests/corpus.rs` runs the committed inputs in every test
//! run.

mod dns_answer;
mod dns_messages;
mod dns_update;
mod journal;
mod master_file;
mod named_conf;
mod plugin_replies;
mod relay;
mod relp;
mod rsyslog_conf;
mod spool;
mod syslog;
mod transfer_in;
mod tsig;

pub use dns_answer::dns_answer;
pub use dns_messages::dns_messages;
pub use dns_update::dns_update;
pub use journal::journal;
pub use master_file::master_file;
pub use named_conf::named_conf;
pub use plugin_replies::plugin_replies;
pub use relay::relay;
pub use relp::relp;
pub use rsyslog_conf::rsyslog_conf;
pub use spool::spool;
pub use syslog::{framing, syslog_message, template};
pub use transfer_in::transfer_in;
pub use tsig::tsig;

use std::fs;
use std::io;

/// Runs a target over the files that are named on the command line: how a single input is looked at with a debugger.
///
/// # Errors
/// When a file can't be read.
pub fn run_files(target: fn(&[u8])) -> io::Result<()> {
    for path in std::env::args_os().skip(1) {
        target(&fs::read(path)?);
    }
    Ok(())
}
