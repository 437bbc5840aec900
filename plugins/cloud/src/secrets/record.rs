//! A secret as it is kept: a JSON document, whose values are encrypted and whose other parts are not secret.

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::id::{CreationId, SecretId, Version, random_id};
use super::value::Recipe;

/// What stands first in each of them.
const FORMAT: &str = "ballast-secret-1";

/// Octets of a document: fifty versions of the largest values have half of it.
pub(super) const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    format: String,
    name: String,
    environment: String,
    pub(super) creation: CreationId,
    /// Another one with each change, so that who is not told whether a change was made can see it.
    pub(super) revision: String,
    /// How the newest value was made.
    pub(super) recipe: Recipe,
    /// In their order; there is one at least.
    pub(super) versions: Vec<RecordVersion>,
}

/// A version in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordVersion {
    pub(super) version: Version,
    /// Seconds since 1970.
    pub(super) made_at: i64,
    pub(super) made_by: String,
    pub(super) sealed: Sealed,
}

/// An encrypted value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sealed {
    /// Under which key: an ARN, or what a key of a file is known by.
    pub(super) key: String,
    /// In base64.
    pub(super) octets: String,
}

impl Record {
    /// A new one.
    pub(super) fn new(
        id: &SecretId,
        creation: CreationId,
        recipe: Recipe,
        first: RecordVersion,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            format: FORMAT.to_owned(),
            name: id.name().to_owned(),
            environment: id.environment().to_owned(),
            creation,
            revision: random_id()?,
            recipe,
            versions: vec![first],
        })
    }

    /// The same with a version more, and without the oldest of more than so many.
    pub(super) fn with(mut self, recipe: Recipe, next: RecordVersion, kept: usize) -> Result<Self, StoreError> {
        self.revision = random_id()?;
        self.recipe = recipe;
        self.versions.push(next);
        let excess = self.versions.len().saturating_sub(kept.max(1));
        self.versions.drain(..excess);
        Ok(self)
    }

    /// Reads the document of a place, whose secret is of this name if it is known already.
    pub(super) fn read(octets: &[u8], place: &str, of: Option<&SecretId>) -> Result<Self, StoreError> {
        let broken = |why: String| StoreError::Broken {
            place: place.to_owned(),
            why,
        };
        let record: Self = serde_json::from_slice(octets)
            .map_err(|error| broken(format!("not a secret of cloudd's, or not all of it ({error})")))?;
        if record.format != FORMAT {
            return Err(broken(
                "a secret in another format than this version of cloudd has".into(),
            ));
        }
        let id = SecretId::new(&record.name, &record.environment).map_err(|error| broken(error.to_string()))?;
        if of.is_some_and(|of| *of != id) {
            return Err(broken(format!("it is of another secret, {id}")));
        }
        let is_in_order = record.versions.windows(2).all(|pair| pair[0].version < pair[1].version);
        if record.versions.is_empty() || !is_in_order {
            return Err(broken("its versions are not in order".into()));
        }
        Ok(record)
    }

    /// The document.
    pub(super) fn write(&self) -> Vec<u8> {
        // Texts and numbers: there is nothing in it that JSON has not.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whose it is.
    pub(super) fn id(&self) -> Result<SecretId, StoreError> {
        SecretId::new(&self.name, &self.environment).map_err(|error| StoreError::Broken {
            place: self.name.clone(),
            why: error.to_string(),
        })
    }

    /// The newest, or that one.
    pub(super) fn version(&self, version: Option<Version>) -> Option<&RecordVersion> {
        match version {
            None => self.versions.last(),
            Some(version) => self.versions.iter().find(|one| one.version == version),
        }
    }

    /// What anybody may see of it.
    pub(super) fn describe(&self) -> Result<Description, StoreError> {
        let versions = self.versions.iter().map(|one| DescribedVersion {
            version: one.version,
            made_at: one.made_at,
            made_by: one.made_by.clone(),
        });
        Ok(Description {
            id: self.id()?,
            creation: self.creation.clone(),
            recipe: self.recipe.clone(),
            versions: versions.collect(),
        })
    }
}

/// A secret without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its name and environment.
    pub id: SecretId,
    /// Which making of it.
    pub creation: CreationId,
    /// How its newest value was made.
    pub recipe: Recipe,
    /// Those that are kept, the newest last; there is one at least.
    pub versions: Vec<DescribedVersion>,
}

impl Description {
    /// Its newest version.
    #[must_use]
    pub fn newest(&self) -> Option<&DescribedVersion> {
        self.versions.last()
    }
}

/// A version without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedVersion {
    /// Which.
    pub version: Version,
    /// Seconds since 1970.
    pub made_at: i64,
    /// By whom: a user, or a stack.
    pub made_by: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(version: Version) -> RecordVersion {
        RecordVersion {
            version,
            made_at: 0,
            made_by: "t".into(),
            sealed: Sealed {
                key: "k".into(),
                octets: "AAAA".into(),
            },
        }
    }

    fn record(id: &SecretId) -> Record {
        let creation = CreationId::new("c");
        Record::new(id, creation, Recipe::Given, version(Version::FIRST)).unwrap()
    }

    #[test]
    fn a_record_comes_back_as_it_went_and_to_its_own_secret_only() {
        let id = SecretId::new("a", "e").unwrap();
        let written = record(&id);
        let octets = written.write();
        assert_eq!(Record::read(&octets, "p", Some(&id)), Ok(written));
        let other = SecretId::new("b", "e").unwrap();
        let error = Record::read(&octets, "p", Some(&other)).unwrap_err().to_string();
        assert!(error.starts_with("p: it is of another secret, e/a"), "{error}");
        for length in 0..octets.len() {
            assert!(matches!(
                Record::read(&octets[..length], "p", Some(&id)),
                Err(StoreError::Broken { .. })
            ));
        }
    }

    #[test]
    fn the_oldest_versions_go() {
        let id = SecretId::new("a", "e").unwrap();
        let mut kept = record(&id);
        let first = kept.revision.clone();
        let mut number = Version::FIRST;
        for _ in 0..4 {
            number = number.next();
            kept = kept.with(Recipe::Given, version(number), 3).unwrap();
        }
        let left: Vec<String> = kept.versions.iter().map(|one| one.version.to_string()).collect();
        assert_eq!(left, ["3", "4", "5"]);
        assert_ne!(kept.revision, first);
        assert!(kept.version(Some(Version::FIRST)).is_none());
    }

    proptest! {
        #[test]
        fn no_octets_do_harm(octets: Vec<u8>) {
            prop_assert!(Record::read(&octets, "p", None).is_err());
        }
    }
}
