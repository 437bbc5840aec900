//! rsyslogd, tuned: a queue in an array that holds more than a second of the load, large batches, a cache for all files, and
//! threads that write them. With many files these threads, one for each, cost more than they bring, so from a thousand on files
//! are written at the end of each batch instead.
//!
//! Where it has to promise what logd does, it acknowledges what it has written: a RELP message is acknowledged when it was handed
//! to the queue, so the queue is `Direct`, which is none: the input's thread writes the file before it acknowledges.

use std::fmt::Write;
use std::process::Command;

use super::{RECEIVE_BUFFER_MIB, Setup};
use crate::error::BenchError;
use crate::syslog::scenario::Service;

pub(super) const PROGRAM: &str = "/usr/sbin/rsyslogd";

/// More files than this are written without a thread for each.
const WRITERS_MAX: u64 = 1000;

/// Which of its inputs for TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Imtcp,
    Imptcp,
}

pub(super) fn command(setup: &Setup<'_>, input: Input) -> Result<Command, BenchError> {
    let file = setup.write("rsyslog.conf", &config(setup, input))?;
    let mut command = Command::new(PROGRAM);
    command
        .arg("-n")
        .arg("-f")
        .arg(file)
        .arg("-i")
        .arg(setup.directory.join("pid"));
    Ok(command)
}

fn config(setup: &Setup<'_>, input: Input) -> String {
    let Setup { port, service, .. } = *setup;
    let mut config = format!(
        "global(workDirectory=\"{}\" maxMessageSize=\"8k\" net.enableDNS=\"off\" preserveFQDN=\"on\")\n",
        setup.directory.display()
    );
    config += if service.is_relp() {
        "main_queue(queue.type=\"Direct\")\n"
    } else {
        "main_queue(queue.type=\"FixedArray\" queue.size=\"400000\" queue.dequeueBatchSize=\"8192\" queue.workerThreads=\"1\")\n"
    };
    let sessions = setup.connections + 100;
    config += &match (service, input) {
        (Service::Relp | Service::RelpSynced, _) => format!(
            "module(load=\"imrelp\")\ninput(type=\"imrelp\" address=\"127.0.0.1\" port=\"{port}\" maxDataSize=\"8k\")\n"
        ),
        (Service::Tls, _) => {
            let certificates = setup.certificates;
            format!(
                "global(defaultNetstreamDriverCAFile=\"{}\" defaultNetstreamDriverCertFile=\"{}\" \
                 defaultNetstreamDriverKeyFile=\"{}\")\n\
                 module(load=\"imtcp\" streamDriver.name=\"gtls\" streamDriver.mode=\"1\" streamDriver.authMode=\"anon\")\n\
                 input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n",
                certificates.authority.display(),
                certificates.certificate.display(),
                certificates.key.display()
            )
        }
        (_, Input::Imtcp) => format!(
            "module(load=\"imtcp\" maxSessions=\"{sessions}\" maxListeners=\"4\" flowControl=\"on\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\" supportOctetCountedFraming=\"on\")\n"
        ),
        (_, Input::Imptcp) => format!(
            "module(load=\"imptcp\" threads=\"2\")\n\
             input(type=\"imptcp\" address=\"127.0.0.1\" port=\"{port}\" supportOctetCountedFraming=\"on\" socketBacklog=\"4096\")\n"
        ),
    };
    if setup.datagrams {
        let _ = write!(
            config,
            "module(load=\"imudp\" threads=\"1\" batchSize=\"256\" timeRequery=\"8\")\n\
             input(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\" rcvbufSize=\"{RECEIVE_BUFFER_MIB}m\")\n"
        );
    }
    let writing = if service.is_synced() {
        "sync=\"on\" asyncWriting=\"off\" flushOnTXEnd=\"on\" ioBufferSize=\"64k\""
    } else if service.is_relp() || setup.hosts > WRITERS_MAX {
        "asyncWriting=\"off\" flushOnTXEnd=\"on\" ioBufferSize=\"64k\""
    } else {
        "asyncWriting=\"on\" flushOnTXEnd=\"off\" ioBufferSize=\"64k\" flushInterval=\"1\""
    };
    let root = setup.root.display();
    let _ = write!(
        config,
        "template(name=\"path\" type=\"string\" string=\"{root}/%HOSTNAME%/%PROGRAMNAME%.log\")\n\
         action(type=\"omfile\" dynaFile=\"path\" template=\"RSYSLOG_TraditionalFileFormat\" dynaFileCacheSize=\"16000\" \
         createDirs=\"on\" {writing})\n"
    );
    config
}
