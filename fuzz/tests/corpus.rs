//! Every committed input, run through its target: seeds, and what the fuzzers found.

use std::fs;
use std::path::Path;

fn run(name: &str, target: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut count = 0;
    for entry in fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display())) {
        let path = entry.expect("a listed file").path();
        // On a failure the last of these names the input.
        eprintln!("{}", path.display());
        target(&fs::read(&path).expect("a readable file"));
        count += 1;
    }
    assert!(count > 0, "no input in {}", corpus.display());
}

#[test]
fn framing() {
    run("framing", ballast_fuzz::framing);
}

#[test]
fn syslog_message() {
    run("syslog_message", ballast_fuzz::syslog_message);
}

#[test]
fn template() {
    run("template", ballast_fuzz::template);
}

#[test]
fn dns_answer() {
    run("dns_answer", ballast_fuzz::dns_answer);
}

#[test]
fn dns_update() {
    run("dns_update", ballast_fuzz::dns_update);
}

#[test]
fn master_file() {
    run("master_file", ballast_fuzz::master_file);
}

#[test]
fn tsig() {
    run("tsig", ballast_fuzz::tsig);
}

#[test]
fn transfer_in() {
    run("transfer_in", ballast_fuzz::transfer_in);
}

#[test]
fn named_conf() {
    run("named_conf", ballast_fuzz::named_conf);
}

#[test]
fn relay() {
    run("relay", ballast_fuzz::relay);
}

#[test]
fn relp() {
    run("relp", ballast_fuzz::relp);
}

#[test]
fn rsyslog_conf() {
    run("rsyslog_conf", ballast_fuzz::rsyslog_conf);
}

#[test]
fn dns_messages() {
    run("dns_messages", ballast_fuzz::dns_messages);
}

#[test]
fn journal() {
    run("journal", ballast_fuzz::journal);
}

#[test]
fn spool() {
    run("spool", ballast_fuzz::spool);
}

#[test]
fn plugin_replies() {
    run("plugin_replies", ballast_fuzz::plugin_replies);
}
