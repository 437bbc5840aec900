//! `[output.NAME.forward]`.

use std::cell::RefCell;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use ballast_shared::config::{Diagnostics, Size, Span, Spanned};
use ballast_shared::plugin::secret::{Pending, Secrets};
use ballast_shared::tls::PeerName;
use logd_core::spool::{SPOOL_BYTES_MIN, WhenFull as SpoolWhenFull};

use super::queued::{format_or, limits};
use super::templates::Templates;
use super::tls::TlsReader;
use crate::config::spec::{ForwardSpec, ForwardTlsSpec, SpoolFull, SpoolSpec};
use crate::config::{Input, InputKind, OutputKind, Plugin};
use crate::output::file::Sync;
use crate::output::queued::forward::{
    ForwardSettings, Host, NotATarget, SpoolSettings, Target, TlsSettings, Transport,
};
use crate::output::queued::{QueuedKind, QueuedSettings};
use crate::output::{WhenFull, spool};
use crate::pipeline::Rendering;

/// What rsyslog's users forward with: stamps with zone and parts of a second, for any receiver that reads RFC 3164.
const FORMAT: &str = "RSYSLOG_ForwardFormat";

/// What goes over TLS (RFC 5425 §4.3).
const TLS_FORMAT: &str = "RSYSLOG_SyslogProtocol23Format";

/// Without a spool this is all that waits while the target is away: a hundred thousand messages.
const QUEUE_MAX: Size = Size::mib(32);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than a server that stores what it takes needs for that on a bad day.
const TIMEOUT: Duration = Duration::from_secs(30);
/// That of rsyslog's actions.
const RESUME_INTERVAL: Duration = Duration::from_secs(30);

/// The name of a spool's folder, which the output's is.
const NAME_BYTES_MAX: usize = 200;

/// What is needed beside the keys.
pub(super) struct Surroundings<'r> {
    pub(super) templates: Templates<'r>,
    pub(super) plugins: &'r [Plugin],
    /// The places of their secrets.
    pub(super) secrets: &'r Secrets,
    /// What waits for these.
    pub(super) pending: &'r RefCell<Vec<Pending>>,
    /// Our own name.
    pub(super) hostname: &'r str,
    pub(super) inputs: &'r [Input],
    pub(super) work_dir: &'r Path,
    pub(super) tls: &'r TlsReader<'r>,
    pub(super) diagnostics: &'r Diagnostics,
}

pub(super) fn forward(name: &str, at: Span, spec: &ForwardSpec, around: &Surroundings<'_>) -> Option<OutputKind> {
    let diagnostics = around.diagnostics;
    let targets = targets(spec, around);
    let is_encrypted = |target: &Target| target.transport == Transport::Tls;
    let built_in = match !targets.is_empty() && targets.iter().all(is_encrypted) {
        true => TLS_FORMAT,
        false => FORMAT,
    };
    let rendering = Rendering::Message(format_or(built_in, spec.format.as_ref(), around.templates, diagnostics));
    if spec.tls.is_none()
        && let Some(target) = targets.iter().find(|target| is_encrypted(target))
    {
        diagnostics.error_with_help(
            at,
            format!("{target} needs to know whose certificates to trust"),
            "write `tls = { ca = \"/etc/ssl/certs/ca-certificates.crt\" }`, or the file of your own authority",
        );
    }
    let may_be_encrypted = |target: &Target| matches!(target.transport, Transport::Tls | Transport::Relp);
    if spec.tls.is_some() && !targets.is_empty() && !targets.iter().any(may_be_encrypted) {
        diagnostics.error_with_help(
            at,
            "`tls` is for targets \"tls://HOST\" and \"relp://HOST\": nothing is encrypted on its way to these",
            "write \"tls://HOST\"",
        );
    }
    let tls = spec.tls.as_ref().map(|spec| tls(spec, around));
    let spool = spec.spool.as_ref().map(|spec| spool_settings(name, at, spec, around));
    let positive = |duration: Option<&Spanned<Duration>>, otherwise| {
        let Some(duration) = duration else { return otherwise };
        if duration.value.is_zero() {
            diagnostics.error(duration.span, "longer than nothing");
        }
        duration.value
    };
    let when_full = if spool.is_some() {
        // It is never long before they are in the spool, which has its own way to be full.
        WhenFull::Block
    } else {
        WhenFull::Drop
    };
    let limits = limits(&spec.queue, QUEUE_MAX, when_full, diagnostics);
    let settings = ForwardSettings {
        targets: targets.into(),
        framing: spec.framing,
        tls: match tls {
            Some(tls) => Some(tls?),
            None => None,
        },
        spool: match spool {
            Some(spool) => Some(spool?),
            None => None,
        },
        connect_timeout: positive(spec.connect_timeout.as_ref(), CONNECT_TIMEOUT),
        timeout: positive(spec.timeout.as_ref(), TIMEOUT),
        resume_interval: positive(spec.resume_interval.as_ref(), RESUME_INTERVAL),
    };
    Some(OutputKind::Queued {
        rendering,
        settings: QueuedSettings {
            limits,
            kind: QueuedKind::Forward(Box::new(settings)),
        },
    })
}

fn targets(spec: &ForwardSpec, around: &Surroundings<'_>) -> Vec<Target> {
    let diagnostics = around.diagnostics;
    let Some(written) = &spec.target else { return Vec::new() };
    if written.0.is_empty() {
        diagnostics.error(written.1, "a target at least");
    }
    let mut targets: Vec<Target> = Vec::new();
    for text in &written.0 {
        match text.value.parse::<Target>() {
            Ok(target) => {
                if targets.contains(&target) {
                    diagnostics.warning(text.span, "this target is in the list already");
                }
                if let Some(input) = around.inputs.iter().find(|input| is_own(&target, input)) {
                    diagnostics.warning(
                        text.span,
                        format!(
                            "this is our own input \"{}\": a message that comes back by it is sent again, without an end",
                            input.name
                        ),
                    );
                }
                targets.push(target);
            }
            Err(error @ NotATarget::Scheme) => diagnostics.error_with_help(
                text.span,
                error.to_string(),
                "write \"udp://HOST\", \"tcp://HOST\", \"tls://HOST\" or \"relp://HOST\", with \":PORT\" if it is not the usual one",
            ),
            Err(error @ NotATarget::Host) => diagnostics.error_with_help(
                text.span,
                error.to_string(),
                "an IPv6 address stands in brackets: \"tcp://[2001:db8::1]:514\"",
            ),
            Err(error) => diagnostics.error(text.span, error.to_string()),
        }
    }
    targets
}

/// Whether what is sent there comes in here.
fn is_own(target: &Target, input: &Input) -> bool {
    let is_of_kind = (target.transport == Transport::Udp) == matches!(input.kind, InputKind::Udp);
    let is_here = |listen: IpAddr| match &target.host {
        Host::Address(address) => *address == listen || listen.is_unspecified() && address.is_loopback(),
        Host::Name(name) => **name == *"localhost" && (listen.is_unspecified() || listen.is_loopback()),
    };
    is_of_kind
        && input
            .listen
            .iter()
            .any(|listen| listen.port() == target.port && is_here(listen.ip()))
}

fn tls(spec: &ForwardTlsSpec, around: &Surroundings<'_>) -> Option<TlsSettings> {
    let diagnostics = around.diagnostics;
    let authorities = spec.ca.as_ref().and_then(|ca| around.tls.authorities(ca));
    let identity = match (&spec.certificate, &spec.key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(around.tls.identity(certificate, key)?),
        (Some(one), None) | (None, Some(one)) => {
            diagnostics.error(
                one.span,
                "`certificate` and `key` belong together: one of them is missing",
            );
            None
        }
    };
    let peer_name = spec.peer_name.as_ref().and_then(|name| {
        let parsed = name.value.parse::<PeerName>();
        parsed
            .map_err(|error| diagnostics.error(name.span, error.to_string()))
            .ok()
    });
    Some(TlsSettings {
        authorities: authorities?,
        identity,
        peer_name,
    })
}

fn spool_settings(name: &str, at: Span, spec: &SpoolSpec, around: &Surroundings<'_>) -> Option<SpoolSettings> {
    let diagnostics = around.diagnostics;
    let is_file_name =
        !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.starts_with('.') && !name.contains(['/', '\0']);
    if !is_file_name {
        diagnostics.error(at, "an output with a spool needs a name that a folder can have");
        return None;
    }
    let max = spec.max.as_ref()?;
    if max.value.bytes < SPOOL_BYTES_MIN {
        diagnostics.error(max.span, format!("at least \"{}MiB\"", SPOOL_BYTES_MIN >> 20));
    }
    Some(SpoolSettings {
        directory: spool::directory(around.work_dir, name),
        bytes_max: max.value.bytes,
        when_full: match spec.when_full {
            Some(SpoolFull::Block) => SpoolWhenFull::Block,
            None | Some(SpoolFull::DropOldest) => SpoolWhenFull::DropOldest,
            Some(SpoolFull::DropNewest) => SpoolWhenFull::DropNewest,
        },
        sync: spec.sync.unwrap_or(Sync::Never),
    })
}

/// Warns of spools that are there and that no output has: with an output's name or its `spool` gone, nobody sends what is in it.
pub(super) fn warn_of_left_over<'o>(
    work_dir: &Path,
    outputs: impl Iterator<Item = (&'o str, &'o OutputKind)>,
    at: Span,
    diagnostics: &Diagnostics,
) {
    let spooled: Vec<&str> = outputs
        .filter(|(_, kind)| {
            let OutputKind::Queued { settings, .. } = kind else {
                return false;
            };
            matches!(&settings.kind, QueuedKind::Forward(forward) if forward.spool.is_some())
        })
        .map(|(name, _)| name)
        .collect();
    for (path, bytes) in spool::left_over(work_dir, &spooled) {
        diagnostics.warning(
            at,
            format!(
                "{} has {bytes} bytes that no output sends: give an output of this name a spool, or remove the folder",
                path.display()
            ),
        );
    }
}
