//! What a daemon says of itself: `tracing` on stderr, as text or JSON, with journald's priorities when systemd reads it.

use std::fmt;
use std::os::fd::AsFd;

use nix::sys::stat::fstat;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::cli::{LogFormat, stderr_is_terminal};

/// Starts logging. What is shown is `info` and above, unless the variable `BALLAST_LOG` says otherwise
/// (`BALLAST_LOG=debug`, `BALLAST_LOG=logd::input=trace`).
pub fn init(format: LogFormat) {
    let filter = EnvFilter::try_from_env("BALLAST_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
        LogFormat::Text if stderr_is_journal() => subscriber.event_format(Journal).init(),
        LogFormat::Text => subscriber.with_ansi(stderr_is_terminal()).with_target(false).init(),
    }
}

/// systemd names the journal's stream in `JOURNAL_STREAM`; a service may have redirected stderr elsewhere since.
fn stderr_is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    fstat(std::io::stderr().as_fd()).is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// A line for the journal, which has the time and the program itself: `<priority>message fields` (sd-daemon(3)).
struct Journal;

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        write!(to, "<{priority}>")?;
        context.format_fields(to.by_ref(), event)?;
        writeln!(to)
    }
}
