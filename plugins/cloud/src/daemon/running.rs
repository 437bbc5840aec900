//! The configuration that is in effect and the providers that it has; a reload makes them those of the file, or changes nothing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ballast_shared::config::Diagnostics;
use ballast_shared::supervise::Supervisor;
use ballast_shared::tls::Identity;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::archive::Archive;
use crate::config::{self, Config, Provider, ProviderKind};
use crate::hub::Hub;
use crate::providers::Report;
use crate::providers::aws::Aws;
use crate::providers::static_file;
use crate::scaling::{self, Scalings};
use crate::secrets::Store;
use crate::secrets::resource::{self, Answers};
use crate::server::Keeper;
use crate::sns::{Endpoint, Taker, Topics};

/// What a provider may have found out before it is taken in.
const REPORTS_AHEAD: usize = 64;

/// What the configuration's parts work on.
pub(super) struct Shared {
    pub(super) hub: Arc<Hub>,
    pub(super) archive: Arc<Archive>,
    pub(super) scalings: Arc<Scalings>,
    pub(super) secrets: Keeper,
    pub(super) resource: Arc<resource::Status>,
    pub(super) topics: Arc<Topics>,
    /// What topics deliver to, if there was a listener at the start.
    pub(super) endpoint: Option<Arc<Endpoint>>,
}

/// What a reload changes.
pub(super) struct Running {
    config_path: PathBuf,
    config: Config,
    shared: Shared,
    /// The task of each provider, and what ends it.
    providers: Vec<(Provider, CancellationToken)>,
    /// What ends the answers to CloudFormation.
    resource: CancellationToken,
    /// What ends the scaling.
    scalings: CancellationToken,
    /// Who takes from topics.
    takers: Vec<(String, Arc<dyn Taker>)>,
}

impl Running {
    pub(super) fn start(config_path: PathBuf, config: Config, shared: Shared, supervisor: &Supervisor) -> Self {
        let mut running = Self {
            config_path,
            config,
            shared,
            providers: Vec::new(),
            resource: CancellationToken::new(),
            scalings: CancellationToken::new(),
            takers: Vec::new(),
        };
        running.apply(supervisor);
        running
    }

    /// Takes over the configuration as it is now; an error is the text to show, and changes nothing.
    pub(super) async fn reload(&mut self, supervisor: &Supervisor) -> Result<(), String> {
        let path = self.config_path.clone();
        let loaded = spawn_blocking(move || {
            let diagnostics = Diagnostics::new();
            let config = config::load(&path, &diagnostics);
            (config, diagnostics.to_string())
        });
        let (config, said) = loaded.await.map_err(|panic| panic.to_string())?;
        let Some(config) = config else {
            error!("the configuration has errors, nothing changed:\n{said}");
            return Err(said);
        };
        if !said.is_empty() {
            warn!("{said}");
        }
        warn_of_restart(&self.config, &config);
        self.config = config;
        self.shared.secrets.change(&self.config.secrets);
        let names: Vec<String> = self.config.providers.iter().map(|one| one.name.clone()).collect();
        self.shared.hub.rearrange(&names);
        self.apply(supervisor);
        info!("reloaded; {} providers", names.len());
        Ok(())
    }

    /// Keeps files where they are to be, starts the providers that are new or other than before, and ends those that are no more.
    fn apply(&mut self, supervisor: &Supervisor) {
        let Config { archive, work_dir, .. } = &self.config;
        self.shared.archive.configure(archive.as_ref(), work_dir);
        self.providers.retain(|(provider, stop)| {
            let stays = self.config.providers.iter().any(|wanted| wanted.is_same(provider));
            if !stays {
                stop.cancel();
            }
            stays
        });
        for provider in &self.config.providers {
            if self.providers.iter().any(|(running, _)| running.is_same(provider)) {
                continue;
            }
            let stop = supervisor.stopping().child_token();
            let task = follow(provider.clone(), self.shared.hub.clone(), stop.clone());
            start(supervisor, "provider", task, stop.clone());
            self.providers.push((provider.clone(), stop));
        }
        self.apply_scalings(supervisor);
        self.answer_stacks(supervisor);
        self.shared.topics.arrange(std::mem::take(&mut self.takers));
        if let (Some(endpoint), Some(sns)) = (&self.shared.endpoint, &self.config.sns) {
            endpoint.configure(&sns.believed);
        }
    }

    /// Begins anew in any case, too. What was being done comes again, and is the same thing then.
    fn answer_stacks(&mut self, supervisor: &Supervisor) {
        self.resource.cancel();
        let secrets = &self.config.secrets;
        let status = self.shared.resource.clone();
        status.turn(secrets.resource.is_some());
        let Some(config) = secrets.resource.clone() else {
            return;
        };
        self.resource = supervisor.stopping().child_token();
        let (store, environment) = (Store::new(secrets), secrets.environment.clone());
        let events = self.shared.hub.events().clone();
        let topics = config.topics.clone();
        let answers = Arc::new(Answers::new(config, store, environment, status, events));
        self.take_from(topics, &answers);
        let task = resource::run(answers, self.resource.clone());
        start(supervisor, "secrets resource", task, self.resource.clone());
    }

    fn take_from<T: Taker + 'static>(&mut self, topics: Vec<String>, taker: &Arc<T>) {
        let takers = topics.into_iter().map(|topic| (topic, taker.clone() as Arc<dyn Taker>));
        self.takers.extend(takers);
    }

    /// All are begun anew, as what they ask with may be in files that the configuration only names. What they remember stays.
    fn apply_scalings(&mut self, supervisor: &Supervisor) {
        self.scalings.cancel();
        self.scalings = supervisor.stopping().child_token();
        for scaler in self.shared.scalings.arrange(self.config.scalings.clone()) {
            self.take_from(scaler.config().topics.clone(), &scaler);
            let task = scaling::run(scaler, self.scalings.clone());
            start(supervisor, "scaling", task, self.scalings.clone());
        }
    }
}

/// Starts what a reload may end: then nobody misses it.
fn start(
    supervisor: &Supervisor,
    name: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
    ended: CancellationToken,
) {
    let watched = supervisor.stopping();
    supervisor.start(name, async move {
        task.await;
        if ended.is_cancelled() {
            watched.cancelled().await;
        }
    });
}

async fn follow(provider: Provider, hub: Arc<Hub>, stop: CancellationToken) {
    let name = provider.name;
    match provider.kind {
        ProviderKind::Static { file } => {
            let told = stop.clone();
            // What a provider finds out that a reload has ended must not be taken for its successor's.
            let tell = move |outcome| {
                if !told.is_cancelled() {
                    hub.told(&name, outcome);
                }
            };
            static_file::follow(file, tell, stop).await;
        }
        ProviderKind::Aws(config) => {
            hub.resources().expect(&name, &config.kinds());
            let (reports, mut told) = mpsc::channel::<Report>(REPORTS_AHEAD);
            let take = async {
                while let Some(report) = told.recv().await {
                    hub.reported(&name, report.word);
                }
            };
            // It ends with its provider, so that nothing is taken for its successor's.
            tokio::select! {
                () = Aws::new(&name, *config).run(reports, stop) => {}
                () = take => {}
            }
        }
    }
}

/// Where topics deliver to, and with which certificate. What is in its files is followed.
fn listens(config: &Config) -> Option<(SocketAddr, Option<&Identity>)> {
    let sns = config.sns.as_ref()?;
    Some((sns.listen, sns.identity.as_deref()))
}

/// What was settled before privileges were dropped stays until the next start.
fn warn_of_restart(old: &Config, new: &Config) {
    let changed = [
        ("work-dir", old.work_dir != new.work_dir),
        ("[control] socket", old.control_socket != new.control_socket),
        ("[control] http", old.control_http != new.control_http),
        ("[plugin] socket", old.plugin_socket != new.plugin_socket),
        ("[sns] listen, certificate or key", listens(old) != listens(new)),
        (
            "[process]",
            (old.process.uid(), old.process.gid()) != (new.process.uid(), new.process.gid()),
        ),
    ];
    for (key, _) in changed.iter().filter(|(_, changed)| *changed) {
        warn!("a change of {key} takes a restart");
    }
}
