//! What is done with a request. It may come twice, at the same time too: what it makes is known by the request that made it.

use std::time::Duration;

use glob::Pattern;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use super::super::access::is_among;
use super::super::error::StoreError;
use super::super::id::{CreationId, SecretId};
use super::super::store::{At, Got, Made, Store};
use super::super::value::{Recipe, Secret};
use super::answer::{Outcome, Value};
use super::physical::{self, Physical};
use super::request::{BY_STACK, Kind, Request};

/// The type of a resource that makes a secret.
pub(super) const MAKES: &str = "Custom::BallastSecret";
/// That of one that reads a secret which is there.
pub(super) const READS: &str = "Custom::BallastSecretValue";

/// A store that can't be used is asked again after so long …
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// … and up to this.
const PAUSE_MAX: Duration = Duration::from_secs(20);

/// Does what requests ask for.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) store: Store,
    /// That of secrets which are named without one.
    pub(super) environment: String,
    /// What stacks may read that no stack has made.
    pub(super) readable: Vec<Pattern>,
}

/// Why a request was not done.
#[derive(Debug)]
enum No {
    Store(StoreError),
    Request(String),
}

/// The PhysicalResourceId, and the value if there is one.
type Done = (String, Option<Value>);

/// What a resource that makes a secret is to make.
struct Wanted {
    id: SecretId,
    recipe: Recipe,
}

impl From<StoreError> for No {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<String> for No {
    fn from(why: String) -> Self {
        Self::Request(why)
    }
}

impl No {
    /// Whether it may be done all the same when it is tried again.
    fn passes(&self) -> bool {
        match self {
            Self::Store(error) => matches!(
                error,
                StoreError::Unavailable(_) | StoreError::Uncertain(_) | StoreError::Changed(_)
            ),
            Self::Request(_) => false,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Store(error) => error.to_string(),
            Self::Request(why) => why,
        }
    }
}

impl Desk {
    /// Does it, again and again while the store can't be used and there is time.
    pub(super) async fn act(&self, request: &Request, until: Instant) -> Outcome {
        let mut pause = PAUSE_MIN;
        loop {
            let tried = match timeout_at(until, self.act_once(request)).await {
                Ok(tried) => tried,
                Err(_) => Err(No::Store(StoreError::Uncertain("the store does not answer".to_owned()))),
            };
            let no = match tried {
                Ok((physical, value)) => {
                    let result = Ok(value);
                    return Outcome { physical, result };
                }
                Err(no) => no,
            };
            if !no.passes() || Instant::now() + pause >= until {
                return Outcome::failed(self.physical_of_failed(request), no.text());
            }
            let why = no.text();
            if pause == PAUSE_MIN {
                warn!("a request of CloudFormation waits: {why}");
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// What something that was not done is called. CloudFormation deletes what a Create that failed was called: the name says
    /// which making of the secret would be its own, and if that is there after all, it is what has to go. Of an update that failed
    /// it has to be the name that it had, or what it still is would be deleted.
    pub(super) fn physical_of_failed(&self, request: &Request) -> String {
        match (&request.physical_resource_id, self.id(request)) {
            (Some(known), _) => known.clone(),
            (None, _) if request.resource_type == READS => physical::reads(request),
            (None, Ok(id)) => physical::makes(&id, &request.creation()),
            (None, Err(_)) => physical::nothing(request),
        }
    }

    async fn act_once(&self, request: &Request) -> Result<Done, No> {
        if let Some(octets) = request.excess() {
            return Err(format!("a request of {octets} octets").into());
        }
        match (request.resource_type.as_str(), request.kind) {
            (MAKES, Kind::Create) => self.make(request, &self.wanted(request)?).await,
            (MAKES, Kind::Update) => self.update(request, &self.wanted(request)?).await,
            (READS, Kind::Create | Kind::Update) => self.read(request).await,
            // Whatever it is called: what may be deleted is what the PhysicalResourceId says.
            (_, Kind::Delete) => self.delete(request).await,
            (MAKES | READS, Kind::Other) => Err("neither Create nor Update nor Delete".to_owned().into()),
            (other, _) => Err(format!("no resource is of type {other:?}: there are {MAKES} and {READS}").into()),
        }
    }

    fn id(&self, request: &Request) -> Result<SecretId, String> {
        let name = request.property("Name")?.ok_or("Name is missing")?;
        let environment = request.property("Environment")?;
        let environment = environment.as_ref().unwrap_or(&self.environment);
        SecretId::new(&name, environment).map_err(|error| error.to_string())
    }

    fn wanted(&self, request: &Request) -> Result<Wanted, String> {
        only(request, &["Name", "Environment", "Length", "Alphabet", "RotationId"])?;
        let length = request.property("Length")?.map(|text| text.parse());
        let length = length.transpose().map_err(|_| "Length is no number of characters")?;
        let recipe = Recipe::text(request.property("Alphabet")?.as_deref(), length);
        Ok(Wanted {
            id: self.id(request)?,
            recipe: recipe.map_err(|error| error.to_string())?,
        })
    }

    /// Makes the secret. What this request has made before it finds again; an update also takes what this resource made
    /// otherwise: when it is rolled back the secret that it had is still there.
    async fn make(&self, request: &Request, wanted: &Wanted) -> Result<Done, No> {
        let id = &wanted.id;
        let creation = request.creation();
        let (value, made) = made(request, &wanted.recipe)?;
        let created = self.store.create(id, creation.clone(), &value, made).await;
        match created {
            Ok(at) => {
                info!("secret {id} is made for {}", request.maker());
                Ok(done(id, Got { at, value }))
            }
            Err(StoreError::Exists { creation: there, .. })
                if there == creation || request.kind == Kind::Update && request.has_made(&there) =>
            {
                self.give(id, &there).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn update(&self, request: &Request, wanted: &Wanted) -> Result<Done, No> {
        let Physical::Made(id, creation) = Physical::of(request) else {
            return self.make(request, wanted).await;
        };
        // The configuration's environment, too, may be another than it was: that is no reason to make another secret.
        if request.has_changed(&["Name", "Environment"]) && wanted.id != id {
            return self.make(request, wanted).await;
        }
        match request.has_changed(&["RotationId"]) {
            true => self.rotate(request, &id, &creation, &wanted.recipe).await,
            false => self.give(&id, &creation).await,
        }
    }

    /// Gives the secret another value, once for each request.
    async fn rotate(
        &self,
        request: &Request,
        id: &SecretId,
        creation: &CreationId,
        recipe: &Recipe,
    ) -> Result<Done, No> {
        let there = self.store.describe(id).await?;
        if there.creation != *creation {
            return Err(StoreError::OtherCreation(id.clone()).into());
        }
        let mark = request.mark();
        let is_done = there.versions.iter().any(|one| one.made_by.starts_with(&mark));
        let newest = there.newest().filter(|_| !is_done).map(|newest| newest.version);
        let Some(version) = newest else {
            return self.give(id, creation).await;
        };
        let (value, made) = made(request, recipe)?;
        let read = At {
            creation: creation.clone(),
            version,
        };
        let at = self.store.put(id, &read, &value, made).await?;
        info!("secret {id} is changed for {}, version {}", request.maker(), at.version);
        Ok(done(id, Got { at, value }))
    }

    /// Gives what is there, if it is of this making.
    async fn give(&self, id: &SecretId, creation: &CreationId) -> Result<Done, No> {
        let got = self.store.get(id, None).await?;
        match got.at.creation == *creation {
            true => Ok(done(id, got)),
            false => Err(StoreError::OtherCreation(id.clone()).into()),
        }
    }

    async fn read(&self, request: &Request) -> Result<Done, No> {
        only(request, &["Name", "Environment", "Version", "RotationId"])?;
        let id = self.id(request)?;
        let version = request.property("Version")?.map(|text| text.parse()).transpose();
        let version = version.map_err(str::to_owned)?;
        if !is_among(&self.readable, &id) {
            let there = self.store.describe(&id).await?;
            if !there.creation.as_str().starts_with(BY_STACK) {
                return Err(format!("secret {id} is not for stacks to read: no stack has made it").into());
            }
        }
        let got = self.store.get(&id, version).await?;
        info!(
            "secret {id} is given to {}, version {}",
            request.maker(),
            got.at.version
        );
        Ok((physical::reads(request), Some(value(got))))
    }

    async fn delete(&self, request: &Request) -> Result<Done, No> {
        let physical = self.physical_of_failed(request);
        let made = match Physical::of(request) {
            Physical::Nothing => None,
            Physical::Made(id, creation) => Some((id, creation)),
            Physical::Unknown => self.made_unheard(request).await?,
        };
        let Some((id, creation)) = made else {
            return Ok((physical, None));
        };
        match self.store.delete(&id, Some(&creation)).await {
            Ok(()) => info!("secret {id} is deleted for {}", request.maker()),
            Err(StoreError::NotFound(_)) => info!("secret {id} of {} was gone", request.maker()),
            Err(StoreError::OtherCreation(_)) => {
                info!("secret {id} stays: {} did not make it", request.maker());
            }
            Err(error) => return Err(error.into()),
        }
        Ok((physical, None))
    }

    /// What this resource made, and CloudFormation was not told of in time.
    async fn made_unheard(&self, request: &Request) -> Result<Option<(SecretId, CreationId)>, StoreError> {
        let Some(id) = self.id(request).ok().filter(|_| request.resource_type == MAKES) else {
            return Ok(None);
        };
        match self.store.describe(&id).await {
            Ok(there) => Ok(Some((id, there.creation)).filter(|(_, creation)| request.has_made(creation))),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A property that is misspelt would be one that is not there.
fn only(request: &Request, known: &[&str]) -> Result<(), String> {
    match request.other_than(known) {
        None => Ok(()),
        Some(other) => Err(format!(
            "no property is called {other:?}: there are {}",
            known.join(", ")
        )),
    }
}

fn made(request: &Request, recipe: &Recipe) -> Result<(Secret, Made), StoreError> {
    let value = recipe.make()?;
    let value = value.ok_or_else(|| StoreError::Unavailable("nothing can be made so".to_owned()))?;
    let made = Made {
        by: request.maker(),
        recipe: recipe.clone(),
    };
    Ok((value, made))
}

fn done(id: &SecretId, got: Got) -> Done {
    (physical::makes(id, &got.at.creation), Some(value(got)))
}

fn value(got: Got) -> Value {
    Value {
        password: got.value,
        version: got.at.version,
    }
}
