//! `[secrets]`.

use std::path::{Path, PathBuf};

use ballast_shared::config::{Diagnostics, FromValue, Key, Spanned, Table};
use ballast_shared::privileges::{Process, find_user};
use ballast_shared::tls::TlsFiles;

use super::access::{Access, read_patterns};
use super::id::{DEFAULT_ENVIRONMENT, SecretId};
use super::resource;
use crate::aws::credentials::Environment;
use crate::aws::settings::SettingsSpec;
use crate::aws::{Part, Settings};
use crate::iam::{Grant, Scope};

/// Versions of a secret that are kept.
const VERSIONS: u64 = 10;
const VERSIONS_MAX: u64 = 50;

/// The table as it stands in the files.
#[derive(Debug, Default)]
pub struct Spec {
    environment: Option<Spanned<String>>,
    versions: Option<Spanned<u64>>,
    allow: Vec<(Key, Vec<Spanned<String>>)>,
    kept_in: Option<(KeptInSpec, Spanned<()>)>,
    resource: Option<resource::config::Spec>,
}

#[derive(Debug)]
enum KeptInSpec {
    File {
        directory: Option<PathBuf>,
        key_file: Option<PathBuf>,
    },
    DynamoDb {
        settings: SettingsSpec,
        table: Option<String>,
        key: Option<String>,
    },
    S3 {
        settings: SettingsSpec,
        bucket: Option<String>,
        prefix: Option<Spanned<String>>,
        key: Option<String>,
    },
}

/// What secrets are kept by.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where.
    pub kept_in: KeptIn,
    /// Versions of each, the newest; older ones are forgotten.
    pub versions_kept: usize,
    /// That of secrets which are named without one.
    pub environment: String,
    /// Who may have them over the plugin's socket.
    pub access: Access,
    /// Whether and how stacks of CloudFormation may ask for them.
    pub resource: Option<resource::Config>,
}

/// Where secrets are kept, and under which key.
#[derive(Debug, Clone)]
pub enum KeptIn {
    /// In files.
    File {
        /// The folder that they are in.
        folder: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// User and group that own what is made here, if that is not who makes it.
        owner: Option<(u32, u32)>,
    },
    /// In a table of DynamoDB.
    DynamoDb {
        /// How DynamoDB and KMS are reached.
        settings: Settings,
        /// Its name.
        table: String,
        /// The key of KMS.
        key: String,
    },
    /// In objects of S3.
    S3 {
        /// How S3 and KMS are reached.
        settings: Settings,
        /// Their bucket.
        bucket: String,
        /// What their keys begin with.
        prefix: String,
        /// The key of KMS.
        key: String,
    },
}

impl Config {
    /// What is done with AWS, and with what there: what has to be permitted.
    #[must_use]
    pub fn grants(&self) -> Vec<Grant> {
        let mut grants = self.grants_of_store();
        grants.extend(self.resource.iter().filter_map(resource::Config::grant));
        grants
    }

    fn grants_of_store(&self) -> Vec<Grant> {
        let (settings, key, kept) = match &self.kept_in {
            KeptIn::File { .. } => return Vec::new(),
            KeptIn::DynamoDb { settings, table, key } => {
                let name = format!("table/{table}");
                let table = Scope::arn("dynamodb", settings.endpoints.region(), None, &name);
                (settings, key, Grant::new(Part::SecretsTable, table))
            }
            KeptIn::S3 {
                settings,
                bucket,
                prefix,
                key,
            } => {
                let bucket = Scope::bucket(bucket, prefix, settings.endpoints.region());
                (settings, key, Grant::new(Part::SecretsBucket, bucket))
            }
        };
        let key = Scope::key(Some(key), settings.endpoints.region());
        vec![kept, Grant::new(Part::SecretsKey, key)]
    }
}

impl Spec {
    /// The topics that stacks' requests come from.
    #[must_use]
    pub fn topics(&self) -> &[Spanned<String>] {
        self.resource.as_ref().map_or(&[], resource::config::Spec::topics)
    }

    /// Reads `[secrets]` of one of the files.
    pub fn read(&mut self, table: &Table<'_>) {
        table.once("environment", &mut self.environment);
        table.once("versions", &mut self.versions);
        for (user, value) in table.table("allow").iter().flat_map(Table::entries) {
            if let Some(names) = Vec::<Spanned<String>>::from_value(value) {
                self.allow.push((user, names));
            }
        }
        if let Some(table) = table.table("resource") {
            match &self.resource {
                Some(_) => table
                    .diagnostics()
                    .error(table.span(), "there is a [secrets.resource] already"),
                None => self.resource = Some(resource::config::Spec::read(&table)),
            }
        }
        // All are asked for, so that each is known where one is misspelt.
        let read = [
            table
                .table("file")
                .map(|table| (KeptInSpec::file(&table), table.span())),
            table
                .table("dynamodb")
                .map(|table| (KeptInSpec::dynamodb(&table), table.span())),
            table.table("s3").map(|table| (KeptInSpec::s3(&table), table.span())),
        ];
        for (spec, span) in read.into_iter().flatten() {
            match &self.kept_in {
                Some((_, first)) => {
                    let first = table.diagnostics().place(first.span);
                    let message = format!("secrets are kept somewhere already, at {first}");
                    table.diagnostics().error(span, message);
                }
                None => self.kept_in = Some((spec, Spanned { value: (), span })),
            }
        }
    }

    /// What it comes to; without one of the tables files below the work directory. What is wrong is reported.
    #[must_use]
    pub fn resolve(
        self,
        work_dir: &Path,
        process: &Process,
        diagnostics: &Diagnostics,
        environment: &Environment,
    ) -> Option<Config> {
        let default_environment = match &self.environment {
            None => DEFAULT_ENVIRONMENT,
            Some(written) => {
                if let Err(error) = SecretId::new("name", &written.value) {
                    diagnostics.error(written.span, error.to_string());
                    return None;
                }
                &written.value
            }
        };
        let versions = self.versions.as_ref().map_or(VERSIONS, |versions| versions.value);
        if let Some(written) = &self.versions
            && !(1..=VERSIONS_MAX).contains(&versions)
        {
            diagnostics.error(written.span, format!("out of range: it takes 1 to {VERSIONS_MAX}"));
        }
        let access = access(&self.allow, default_environment, diagnostics);
        let resource = self
            .resource
            .map(|spec| spec.resolve(default_environment, diagnostics, environment));
        let kept_in = match self.kept_in {
            None => Some(KeptIn::file(None, None, work_dir, process)),
            Some((spec, _)) => spec.resolve(work_dir, process, diagnostics, environment),
        };
        Some(Config {
            kept_in: kept_in?,
            versions_kept: usize::try_from(versions).ok()?,
            environment: default_environment.to_owned(),
            access,
            resource: resource.flatten(),
        })
    }
}

impl KeptInSpec {
    fn file(table: &Table<'_>) -> Self {
        Self::File {
            directory: table.optional("directory"),
            key_file: table.optional("key-file"),
        }
    }

    fn dynamodb(table: &Table<'_>) -> Self {
        Self::DynamoDb {
            settings: SettingsSpec::read(table),
            table: table.required("table"),
            key: table.required("kms-key"),
        }
    }

    fn s3(table: &Table<'_>) -> Self {
        Self::S3 {
            settings: SettingsSpec::read(table),
            bucket: table.required("bucket"),
            prefix: table.optional("prefix"),
            key: table.required("kms-key"),
        }
    }

    fn resolve(
        self,
        work_dir: &Path,
        process: &Process,
        diagnostics: &Diagnostics,
        environment: &Environment,
    ) -> Option<KeptIn> {
        let tls = TlsFiles::default();
        match self {
            Self::File { directory, key_file } => Some(KeptIn::file(directory, key_file, work_dir, process)),
            Self::DynamoDb { settings, table, key } => Some(KeptIn::DynamoDb {
                settings: settings.resolve(diagnostics, &tls, environment)?,
                table: table?,
                key: key?,
            }),
            Self::S3 {
                settings,
                bucket,
                prefix,
                key,
            } => {
                if let Some(written) = &prefix
                    && (written.value.starts_with('/') || !written.value.ends_with('/'))
                {
                    let message = "what keys of objects begin with ends with a \"/\", and does not begin with one";
                    diagnostics.error(written.span, message);
                }
                Some(KeptIn::S3 {
                    settings: settings.resolve(diagnostics, &tls, environment)?,
                    bucket: bucket?,
                    prefix: prefix.map_or_else(|| "secrets/".to_owned(), |prefix| prefix.value),
                    key: key?,
                })
            }
        }
    }
}

impl KeptIn {
    fn file(directory: Option<PathBuf>, key: Option<PathBuf>, work_dir: &Path, process: &Process) -> Self {
        let user = process.uid().filter(|_| nix::unistd::geteuid().is_root());
        Self::File {
            folder: directory.unwrap_or_else(|| work_dir.join("secrets")),
            key: key.unwrap_or_else(|| work_dir.join("secrets.key")),
            owner: user
                .zip(process.gid())
                .map(|(user, group)| (user.as_raw(), group.as_raw())),
        }
    }
}

fn access(specs: &[(Key, Vec<Spanned<String>>)], environment: &str, diagnostics: &Diagnostics) -> Access {
    let mut access = Access::default();
    for (user, names) in specs {
        let patterns = read_patterns(names, environment, diagnostics);
        match find_user(&user.name) {
            Some(found) => access.allowed.push((found.uid.as_raw(), patterns)),
            None => diagnostics.error(user.span, format!("no user \"{}\" on this machine", user.name)),
        }
    }
    access
}
