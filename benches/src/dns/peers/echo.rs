//! The echo server: `udp-echo` of this crate, with dnsd's socket code.

use std::process::Command;

use super::Setup;

pub(super) fn command(setup: &Setup<'_>) -> Command {
    let mut command = Command::new(setup.programs.join("udp-echo"));
    command
        .arg("--listen")
        .arg(format!("127.0.0.1:{}", setup.port))
        .arg("--threads")
        .arg(setup.threads.to_string())
        .arg("--answer-bytes")
        .arg(setup.answer_bytes.to_string());
    command
}
