//! Outputs behind a queue.

use ballast_shared::config::{Diagnostics, Size, Span, Spanned};
use logd_core::template::Template;

use super::templates::Templates;
use crate::config::spec::{FormatSpec, PipeSpec, QueueKeys};
use crate::config::{Output, OutputKind};
use crate::output::WhenFull;
use crate::output::queue::QueueLimits;
use crate::output::queued::{QueuedKind, QueuedSettings};
use crate::pipeline::Rendering;

/// Some ten thousand lines: a hiccup's worth for who reads them, and no burden to the budget of the process.
pub(super) const QUEUE_MAX: Size = Size::mib(4);

/// One message of the greatest length has room in it.
const QUEUE_MIN: Size = Size::kib(64);

/// What ompipe writes unless it is told otherwise.
const PIPE_FORMAT: &str = "RSYSLOG_TraditionalFileFormat";

pub(super) fn pipe(spec: &PipeSpec, templates: Templates<'_>, diagnostics: &Diagnostics) -> Option<OutputKind> {
    let rendering = Rendering::Line(format_or(PIPE_FORMAT, spec.format.as_ref(), templates, diagnostics));
    let limits = limits(&spec.queue, QUEUE_MAX, WhenFull::Drop, diagnostics);
    let kind = QueuedKind::Pipe(spec.path.clone()?);
    Some(OutputKind::Queued {
        rendering,
        settings: QueuedSettings { limits, kind },
    })
}

/// The format of the key, or the built-in one of this name.
pub(super) fn format_or(
    built_in: &str,
    key: Option<&Spanned<FormatSpec>>,
    templates: Templates<'_>,
    diagnostics: &Diagnostics,
) -> Template {
    let built_in = Template::builtin(built_in).expect("rsyslog's format of this name is built in");
    templates.format(key, &built_in, diagnostics)
}

/// The limits of the keys, or these.
pub(super) fn limits(keys: &QueueKeys, max: Size, when_full: WhenFull, diagnostics: &Diagnostics) -> QueueLimits {
    let max = keys.max.map_or(max, |size| {
        if size.value < QUEUE_MIN {
            diagnostics.error(size.span, "at least \"64KiB\"");
        }
        size.value
    });
    QueueLimits {
        bytes_max: max.as_usize(),
        when_full: keys.when_full.map_or(when_full, |when_full| when_full.value),
    }
}

/// Warns of queues that would leave files too little of `buffer-max`, which they all are part of.
pub(super) fn warn_of_much(outputs: &[Output], buffer_max: Size, at: Span, diagnostics: &Diagnostics) {
    let queued = outputs.iter().filter_map(|output| match &output.kind {
        OutputKind::Queued { settings, .. } => Some(settings.limits.bytes_max as u64),
        OutputKind::File { .. } => None,
    });
    let queued: u64 = queued.fold(0, u64::saturating_add);
    if queued > buffer_max.bytes / 4 * 3 {
        diagnostics.warning(
            at,
            format!(
                "all queues together may hold {} MiB, more than three quarters of `buffer-max`: with outputs that take nothing it is spent, and no network input is read",
                queued >> 20
            ),
        );
    }
}
