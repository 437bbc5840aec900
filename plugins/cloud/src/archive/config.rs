//! `[archive.s3]` and `[archive.directory]`.

use std::path::PathBuf;

use ballast_shared::config::{Diagnostics, Span, Spanned, Table, nearest};
use ballast_shared::tls::TlsFiles;

use super::put::KEY_BYTES_MAX;
use crate::aws::credentials::Environment;
use crate::aws::s3::Encryption;
use crate::aws::settings::SettingsSpec;
use crate::aws::{Part, Settings};
use crate::iam::{Grant, Scope};

/// What S3 has.
const STORAGE_CLASSES: [&str; 7] = [
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
];

/// Octets of a bucket's name.
const BUCKET_BYTES: std::ops::RangeInclusive<usize> = 3..=63;

/// Where files are kept.
#[derive(Debug, Clone)]
pub enum Config {
    /// In a bucket.
    S3(Box<S3Config>),
    /// On this machine, or on what is mounted there.
    Directory {
        /// What the keys are below.
        path: PathBuf,
    },
}

/// A place in a bucket.
#[derive(Debug, Clone)]
pub struct S3Config {
    /// How the service is reached.
    pub settings: Settings,
    /// Its name.
    pub bucket: String,
    /// What stands before each key.
    pub prefix: String,
    /// How it is kept; `None`: as the bucket has it.
    pub storage_class: Option<String>,
    /// Likewise.
    pub encryption: Option<Encryption>,
}

impl Config {
    /// What is done with AWS, and with what there: what has to be permitted.
    #[must_use]
    pub fn grants(&self) -> Vec<Grant> {
        let Self::S3(config) = self else { return Vec::new() };
        let region = config.settings.endpoints.region();
        let bucket = Scope::bucket(&config.bucket, &config.prefix, region);
        let mut grants = vec![Grant::new(Part::Archive, bucket)];
        if let Some(Encryption::Kms { key }) = &config.encryption {
            grants.push(Grant::new(Part::ArchiveKey, Scope::key(key.as_deref(), region)));
        }
        grants
    }
}

/// The table as it stands in a file.
#[derive(Debug)]
pub enum Spec {
    /// `[archive.s3]`
    S3(Box<S3Spec>),
    /// `[archive.directory]`
    Directory {
        /// It.
        path: Option<PathBuf>,
    },
}

/// `[archive.s3]`
#[derive(Debug)]
pub struct S3Spec {
    settings: SettingsSpec,
    bucket: Option<Spanned<String>>,
    prefix: Option<Spanned<String>>,
    storage_class: Option<Spanned<String>>,
    encryption: Option<Spanned<String>>,
    kms_key: Option<Spanned<String>>,
}

impl Spec {
    /// Reads `[archive]`, whose kind is the only table it has; also where it stands.
    #[must_use]
    pub fn read(table: &Table<'_>) -> Option<(Span, Self)> {
        // Both are asked for, so that either is known where a kind is misspelt.
        match (table.table("s3"), table.table("directory")) {
            (Some(kind), None) => Some((kind.span(), Self::S3(Box::new(S3Spec::read(&kind))))),
            (None, Some(kind)) => {
                let path = kind.required("path");
                Some((kind.span(), Self::Directory { path }))
            }
            (Some(_), Some(kind)) => {
                let message = "files are archived in one place, and it is S3 already";
                table.diagnostics().error(kind.span(), message);
                None
            }
            (None, None) => {
                if table.has_no_keys() {
                    let message = "an archive of no kind: write [archive.s3] or [archive.directory]";
                    table.diagnostics().error(table.span(), message);
                }
                None
            }
        }
    }

    /// What it comes to. What is wrong is reported.
    #[must_use]
    pub fn resolve(self, diagnostics: &Diagnostics, files: &TlsFiles, environment: &Environment) -> Option<Config> {
        match self {
            Self::S3(spec) => {
                let config = spec.resolve(diagnostics, files, environment)?;
                Some(Config::S3(Box::new(config)))
            }
            Self::Directory { path } => path.map(|path| Config::Directory { path }),
        }
    }
}

impl S3Spec {
    fn read(table: &Table<'_>) -> Self {
        Self {
            settings: SettingsSpec::read(table),
            bucket: table.required("bucket"),
            prefix: table.optional("prefix"),
            storage_class: table.optional("storage-class"),
            encryption: table.optional("encryption"),
            kms_key: table.optional("kms-key"),
        }
    }

    fn resolve(self, diagnostics: &Diagnostics, files: &TlsFiles, environment: &Environment) -> Option<S3Config> {
        let settings = self.settings.resolve(diagnostics, files, environment);
        let encryption = encryption(self.encryption, self.kms_key, diagnostics);
        if let Some(bucket) = &self.bucket
            && !(BUCKET_BYTES.contains(&bucket.value.len()) && bucket.value.chars().all(is_of_bucket))
        {
            let message = "not the name of a bucket: 3 to 63 letters, digits, \"-\", \".\" and \"_\"";
            diagnostics.error(bucket.span, message);
        }
        if let Some(prefix) = &self.prefix
            && !is_prefix(&prefix.value)
        {
            let message = "a prefix is the beginning of a path, without empty components, \".\" and \"..\": \"logs/\"";
            diagnostics.error(prefix.span, message);
        }
        if let Some(class) = &self.storage_class
            && !STORAGE_CLASSES.contains(&class.value.as_str())
        {
            let message = format!("S3 has no storage class \"{}\"", class.value);
            match nearest(&class.value, STORAGE_CLASSES) {
                Some(help) => diagnostics.error_with_help(class.span, message, help),
                None => diagnostics.error(class.span, message),
            }
        }
        Some(S3Config {
            settings: settings?,
            bucket: self.bucket?.value,
            prefix: self.prefix.map(|prefix| prefix.value).unwrap_or_default(),
            storage_class: self.storage_class.map(|class| class.value),
            encryption: encryption?,
        })
    }
}

fn encryption(
    kind: Option<Spanned<String>>,
    key: Option<Spanned<String>>,
    diagnostics: &Diagnostics,
) -> Option<Option<Encryption>> {
    let Some(kind) = kind else {
        if let Some(key) = key {
            diagnostics.error(key.span, "this does nothing without `encryption = \"aws:kms\"`");
            return None;
        }
        return Some(None);
    };
    match (kind.value.as_str(), key) {
        ("AES256", None) => Some(Some(Encryption::Aes256)),
        ("AES256", Some(key)) => {
            diagnostics.error(key.span, "with \"AES256\" the key is S3's own");
            None
        }
        ("aws:kms", key) => Some(Some(Encryption::Kms {
            key: key.map(|key| key.value),
        })),
        _ => {
            diagnostics.error(kind.span, "S3 encrypts with \"AES256\" or \"aws:kms\"");
            None
        }
    }
}

fn is_of_bucket(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')
}

/// The last component may be empty, or the beginning of one.
fn is_prefix(prefix: &str) -> bool {
    let (directories, last) = prefix.rsplit_once('/').map_or((None, prefix), |(a, b)| (Some(a), b));
    let is_component = |component: &str| !matches!(component, "" | "." | "..");
    prefix.len() < KEY_BYTES_MAX
        && !prefix.chars().any(char::is_control)
        && !matches!(last, "." | "..")
        && directories.is_none_or(|directories| directories.split('/').all(is_component))
}

#[cfg(test)]
mod tests {
    use ballast_shared::config::load;

    use super::*;

    fn read(text: &str) -> Result<Option<Config>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cloudd.toml");
        std::fs::write(&path, text).unwrap();
        let diagnostics = Diagnostics::new();
        let mut spec = None;
        load(&path, &diagnostics, &mut |root| {
            spec = root.table("archive").and_then(|table| Spec::read(&table));
        });
        let environment = Environment::default();
        let config = spec.and_then(|(_, spec)| spec.resolve(&diagnostics, &TlsFiles::default(), &environment));
        match diagnostics.has_errors() {
            true => Err(diagnostics.to_string()),
            false => Ok(config),
        }
    }

    #[test]
    fn a_bucket_or_a_directory() {
        let text = "[archive.s3]\nregion = \"eu-west-1\"\nbucket = \"logs\"\nprefix = \"prod/\"\nstorage-class = \"STANDARD_IA\"\n\
                    encryption = \"aws:kms\"\nkms-key = \"alias/logs\"\n";
        let Some(Config::S3(config)) = read(text).unwrap() else {
            panic!("it is S3");
        };
        assert_eq!(
            (
                config.bucket.as_str(),
                config.prefix.as_str(),
                config.storage_class.as_deref()
            ),
            ("logs", "prod/", Some("STANDARD_IA"))
        );
        let key = Some("alias/logs".to_owned());
        assert_eq!(config.encryption, Some(Encryption::Kms { key }));
        let config = read("[archive.directory]\npath = \"/srv/logs\"\n").unwrap();
        assert!(matches!(config, Some(Config::Directory { path }) if path.as_os_str() == "/srv/logs"));
    }

    #[test]
    fn all_that_is_wrong_is_reported_with_its_place() {
        let error = read(
            "[archive.s3]\nregion = \"eu-west-1\"\nbucket = \"a/b\"\nprefix = \"/x\"\nstorage-class = \"STANDART\"\n\
             encryption = \"rot13\"\nprefx = 1\n",
        )
        .unwrap_err();
        for wanted in [
            ":3:11: not the name of a bucket",
            ":4:11: a prefix is the beginning of a path",
            ":5:18: S3 has no storage class \"STANDART\"",
            "STANDARD",
            ":6:15: S3 encrypts with",
            ":7:1: unknown key `prefx`",
        ] {
            assert!(error.contains(wanted), "{wanted} is not in\n{error}");
        }
        for (text, wanted) in [
            ("[archive]\n", "an archive of no kind"),
            ("[archive.directory]\n", "`path` is missing here"),
            (
                "[archive.s3]\nregion = \"r\"\nbucket = \"logs\"\n[archive.directory]\npath = \"p\"\n",
                "in one place",
            ),
            (
                "[archive.s3]\nregion = \"r\"\nbucket = \"logs\"\nkms-key = \"k\"\n",
                "this does nothing without",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(wanted), "{wanted} is not in\n{error}");
        }
    }
}
