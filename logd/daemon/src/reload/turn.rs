//! Reloads that were asked for, each in its turn, while the daemon goes on answering: reading a configuration and closing files
//! wait for file systems, and one that hangs must keep neither `status` nor SIGTERM waiting.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ballast_shared::plugin::secret::Secrets;
use ballast_shared::systemd;
use ballast_shared::tls::TlsFiles;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;
use tracing::warn;

use super::{ReloadError, read, settle};
use crate::config::Config;
use crate::input::Service;

/// A reload that was taken is done when the files are with their outputs, or after so long: one file system that hangs would
/// keep all further reloads out.
const SETTLING_MAX: Duration = Duration::from_secs(5);

/// Who wants a reload.
pub(crate) enum Asker {
    /// SIGHUP: who has moved files away, and wants them opened anew whatever becomes of the configuration.
    Signal,
    /// The control socket.
    Call(oneshot::Sender<Result<(), ReloadError>>),
}

/// The reloads that were asked for.
pub(crate) struct Turns {
    path: PathBuf,
    tls_files: TlsFiles,
    secrets: Secrets,
    waiting: VecDeque<Asker>,
    current: Option<Turn>,
    steps: JoinSet<Step>,
}

struct Turn {
    asker: Asker,
    outcome: Result<(), ReloadError>,
}

enum Step {
    Read(Result<Box<Config>, ReloadError>),
    Settled,
}

impl Turns {
    /// Of the configuration file of this path; none was asked for yet.
    pub(crate) fn new(path: PathBuf, tls_files: TlsFiles, secrets: Secrets) -> Self {
        Self {
            path,
            tls_files,
            secrets,
            waiting: VecDeque::new(),
            current: None,
            steps: JoinSet::new(),
        }
    }

    /// Puts one in the line. Signals that wait are one.
    pub(crate) fn ask(&mut self, asker: Asker) {
        let waits = |asker: &Asker| matches!(asker, Asker::Signal);
        if !(waits(&asker) && self.waiting.iter().any(waits)) {
            self.waiting.push_back(asker);
        }
        if self.current.is_none() {
            self.begin();
        }
    }

    /// Waits for a configuration that was read; [`Turns::settle`] is to be told what became of it. For ever, when no reload
    /// is asked for. Nothing is lost when this is dropped before it is done.
    pub(crate) async fn next(&mut self) -> Result<Box<Config>, ReloadError> {
        loop {
            match self.steps.join_next().await {
                None => std::future::pending().await,
                Some(step) => match step.expect("reading files and closing them does not panic") {
                    Step::Read(config) => return config,
                    Step::Settled => self.finish(),
                },
            }
        }
    }

    /// Brings the files in line with the configuration that is the running one now, and answers who asked.
    pub(crate) fn settle(&mut self, outcome: Result<(), ReloadError>, service: &Arc<Service>) {
        let Some(turn) = &mut self.current else { return };
        let (taken, reopen) = (outcome.is_ok(), matches!(turn.asker, Asker::Signal));
        turn.outcome = outcome;
        if !taken && !reopen {
            return self.finish();
        }
        let service = service.clone();
        let settling = spawn_blocking(move || settle(&service, reopen));
        self.steps.spawn(async move {
            if timeout(SETTLING_MAX, settling).await.is_err() {
                warn!("a file system does not answer: its files are not all opened anew yet");
            }
            Step::Settled
        });
    }

    fn begin(&mut self) {
        let Some(asker) = self.waiting.pop_front() else { return };
        systemd::reloading();
        self.current = Some(Turn { asker, outcome: Ok(()) });
        let (path, tls_files) = (self.path.clone(), self.tls_files.clone());
        let secrets = self.secrets.clone();
        self.steps
            .spawn_blocking(move || Step::Read(read(&path, &tls_files, &secrets).map(Box::new)));
    }

    fn finish(&mut self) {
        systemd::ready();
        if let Some(Turn {
            asker: Asker::Call(answer),
            outcome,
        }) = self.current.take()
        {
            // Who asked may have gone.
            let _ = answer.send(outcome);
        }
        self.begin();
    }
}
