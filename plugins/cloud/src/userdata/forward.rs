//! rsyslog's part: a queue that goes to the disk when logd is away, and the targets in their order.

use std::fmt::Write as _;

use ballast_shared::config::Size;

use super::target::{Protocol, Target};
use super::{Command, File};

/// Where rsyslog looks for its configuration, and may read on systems that confine it.
const SNIPPET: &str = "/etc/rsyslog.d/10-ballast.conf";
const AUTHORITY: &str = "/etc/rsyslog.d/10-ballast-ca.pem";

/// Which of rsyslog's ways of TLS is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Driver {
    Gtls,
    Ossl,
}

/// How TLS is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tls {
    /// The certificates of those who vouch for logd, in PEM.
    pub(super) authority: String,
    /// The name that logd's certificate is for, where that is not the target's: one, or "*.example.net".
    pub(super) peer_name: Option<String>,
    /// Paths on the new machine of the certificate that it shows, and of its key. The key is none of user data's.
    pub(super) identity: Option<(String, String)>,
    pub(super) driver: Driver,
}

/// Where a log goes, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Forward {
    /// The first that works; there is one at least.
    pub(super) targets: Vec<Target>,
    pub(super) tls: Option<Tls>,
    /// What is kept on the disk while none works.
    pub(super) spool: Size,
}

impl Forward {
    /// What has to be installed.
    pub(super) fn packages(&self) -> Vec<&'static str> {
        let mut packages = vec!["rsyslog"];
        if self.has(Protocol::Relp) {
            packages.push("rsyslog-relp");
        }
        if self.has(Protocol::Tls) {
            packages.push(match self.tls.as_ref().map(|tls| tls.driver) {
                Some(Driver::Ossl) => "rsyslog-openssl",
                _ => "rsyslog-gnutls",
            });
        }
        packages
    }

    /// What has to be written.
    pub(super) fn files(&self) -> Vec<File> {
        let mut files = vec![File::new(SNIPPET, self.snippet(), "0644")];
        if let Some(tls) = &self.tls {
            files.push(File::new(AUTHORITY, tls.authority.clone(), "0644"));
        }
        files
    }

    /// What has to be run then.
    pub(super) fn command() -> Command {
        // It may have been installed, and started, before its driver was.
        Command::program(["systemctl", "restart", "rsyslog.service"])
    }

    fn has(&self, protocol: Protocol) -> bool {
        self.targets.iter().any(|target| target.protocol == protocol)
    }

    /// The work directory, in which the queue's files are, is that of the distribution's own rsyslog.conf.
    fn snippet(&self) -> String {
        let mut text = String::from(
            "# Everything goes to logd, too; what can't be sent waits on the disk. Written by `cloudd userdata`.\n",
        );
        if self.has(Protocol::Relp) {
            text.push_str("module(load=\"omrelp\")\n");
        }
        // A queue that is full makes nobody on this machine wait: its own files and logins are not held up by logd's absence.
        let _ = writeln!(
            text,
            "ruleset(name=\"ballast\" queue.type=\"LinkedList\" queue.size=\"20000\" queue.filename=\"ballast\"\n        \
             queue.maxDiskSpace=\"{}\" queue.saveOnShutdown=\"on\" queue.timeoutEnqueue=\"10\") {{",
            self.spool.bytes
        );
        let last = self.targets.len().saturating_sub(1);
        for (index, target) in self.targets.iter().enumerate() {
            self.action(&mut text, target, index == 0, index == last);
        }
        text.push_str("}\ncall ballast\n");
        text
    }

    fn action(&self, text: &mut String, target: &Target, is_first: bool, is_last: bool) {
        let Target { protocol, host, port } = target;
        let _ = match protocol {
            Protocol::Udp => write!(
                text,
                "    action(type=\"omfwd\" target=\"{host}\" port=\"{port}\" protocol=\"udp\""
            ),
            Protocol::Tcp | Protocol::Tls => write!(
                text,
                "    action(type=\"omfwd\" target=\"{host}\" port=\"{port}\" protocol=\"tcp\" tcp_framing=\"octet-counted\" keepalive=\"on\""
            ),
            Protocol::Relp => write!(text, "    action(type=\"omrelp\" target=\"{host}\" port=\"{port}\""),
        };
        let template = match protocol {
            // RFC 5425 has messages of RFC 5424.
            Protocol::Tls => "RSYSLOG_SyslogProtocol23Format",
            _ => "RSYSLOG_ForwardFormat",
        };
        let _ = write!(text, " template=\"{template}\"");
        if let Some(tls) = &self.tls {
            match protocol {
                Protocol::Tls => tls.of_stream(text, target),
                Protocol::Relp => tls.of_relp(text, target),
                Protocol::Udp | Protocol::Tcp => {}
            }
        }
        if !is_first {
            text.push_str("\n           action.execOnlyWhenPreviousIsSuspended=\"on\"");
        }
        // The last is waited for; the others are passed over while they don't work, and tried again after a while.
        let tries = if is_last { "-1" } else { "0" };
        let _ = writeln!(
            text,
            "\n           action.resumeRetryCount=\"{tries}\" action.resumeInterval=\"5\" action.resumeIntervalMax=\"60\")"
        );
    }
}

impl Tls {
    /// The name that the certificate has to be for. That a target without a name has one is seen to before.
    fn peer_name<'a>(&'a self, target: &'a Target) -> &'a str {
        self.peer_name.as_deref().or(target.name()).unwrap_or(&target.host)
    }

    fn of_stream(&self, text: &mut String, target: &Target) {
        let driver = match self.driver {
            Driver::Gtls => "gtls",
            Driver::Ossl => "ossl",
        };
        let _ = write!(
            text,
            "\n           StreamDriver=\"{driver}\" StreamDriverMode=\"1\" StreamDriverAuthMode=\"x509/name\"\n           \
             StreamDriverPermittedPeers=\"{}\" StreamDriver.CAFile=\"{AUTHORITY}\"",
            self.peer_name(target)
        );
        if let Some((certificate, key)) = &self.identity {
            let _ = write!(
                text,
                "\n           StreamDriver.CertFile=\"{certificate}\" StreamDriver.KeyFile=\"{key}\""
            );
        }
    }

    fn of_relp(&self, text: &mut String, target: &Target) {
        let _ = write!(
            text,
            "\n           tls=\"on\" tls.caCert=\"{AUTHORITY}\" tls.authMode=\"name\" tls.permittedPeer=[\"{}\"]",
            self.peer_name(target)
        );
        if let Some((certificate, key)) = &self.identity {
            let _ = write!(
                text,
                "\n           tls.myCert=\"{certificate}\" tls.myPrivKey=\"{key}\""
            );
        }
    }
}
