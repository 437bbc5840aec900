//! `[key.NAME]`: the secrets that requests and answers are signed with (TSIG, RFC 8945).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ballast_shared::config::{Diagnostics, FromValue, Key as Written, Span, Spanned, Table, Value, nearest};
use dnsd_core::name::Name;
use dnsd_core::tsig::{Algorithm, Key, KeyMaterial, Keys, Secret, read_secret_file};

/// A file with a secret has a few hundred bytes, a file of key clauses a few thousand.
const SECRET_FILE_BYTES_MAX: u64 = 64 << 10;

/// `[key.NAME]` as written.
#[derive(Debug)]
pub(super) struct KeySpec {
    name: Written,
    table: Span,
    algorithm: Option<Spanned<AlgorithmName>>,
    /// Whether `algorithm` is there, right or wrong.
    has_algorithm: bool,
    secret: Option<Spanned<SecretText>>,
    secret_file: Option<Spanned<PathBuf>>,
    /// Whether `secret` is there, right or wrong.
    has_secret: bool,
}

#[derive(Debug, Clone, Copy)]
struct AlgorithmName(Algorithm);

#[derive(Debug)]
struct SecretText(Secret);

impl FromValue for AlgorithmName {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let text = value.string()?;
        match text.parse() {
            Ok(algorithm) => Some(Self(algorithm)),
            Err(error) => {
                value.error(format!("{error}"));
                None
            }
        }
    }
}

impl FromValue for SecretText {
    fn from_value(value: Value<'_>) -> Option<Self> {
        value.withhold();
        match Secret::from_base64(value.string()?.as_bytes()) {
            Ok(secret) => Some(Self(secret)),
            Err(error) => {
                value.error_with_help(format!("{error}"), "`dnsd keygen NAME` makes one");
                None
            }
        }
    }
}

impl KeySpec {
    /// Reads the `[key]` tables of one file.
    pub(super) fn read(table: &Table<'_>) -> Vec<Self> {
        let mut keys = Vec::new();
        for (name, value) in table.entries() {
            let Some(table) = value.table() else { continue };
            keys.push(Self {
                name,
                table: table.span(),
                has_algorithm: table.value("algorithm").is_some(),
                algorithm: table.optional("algorithm"),
                has_secret: table.value("secret").is_some(),
                secret: table.optional("secret"),
                secret_file: table.optional("secret-file"),
            });
        }
        keys
    }

    /// `secret-file`
    pub(super) fn secret_file(&self) -> Option<&Spanned<PathBuf>> {
        self.secret_file.as_ref()
    }

    fn resolve(&self, diagnostics: &Diagnostics) -> Option<Key> {
        let name: Name = match self.name.name.parse() {
            Ok(name) => name,
            Err(error) => {
                diagnostics.error(self.name.span, format!("not a name of a key: {error}"));
                return None;
            }
        };
        let material = self.material(&name, diagnostics)?;
        let algorithm = match (&self.algorithm, material.algorithm) {
            (Some(written), Some(in_file)) if written.value.0 != in_file => {
                diagnostics.error(written.span, format!("the secret's file says {in_file}"));
                return None;
            }
            (Some(written), _) => written.value.0,
            (None, Some(in_file)) => in_file,
            (None, None) => {
                if !self.has_algorithm {
                    diagnostics.error(self.table, "`algorithm` is missing here");
                }
                return None;
            }
        };
        let algorithm_span = self.algorithm.as_ref().map_or(self.name.span, |written| written.span);
        if algorithm.is_deprecated() {
            diagnostics.warning(
                algorithm_span,
                format!("{algorithm} is for keys that can't be changed: new ones have hmac-sha256"),
            );
        }
        if material.secret.is_short_for(algorithm) {
            diagnostics.warning(
                self.name.span,
                format!(
                    "the secret is shorter than what {algorithm} makes of it, so it is easier to guess than it need be"
                ),
            );
        }
        Some(Key::new(&name, algorithm, &material.secret))
    }

    fn material(&self, name: &Name, diagnostics: &Diagnostics) -> Option<KeyMaterial> {
        match (&self.secret, &self.secret_file) {
            (Some(_), Some(file)) => {
                diagnostics.error(file.span, "a key has a `secret` or a `secret-file`, not both");
                None
            }
            (Some(secret), None) => Some(KeyMaterial {
                algorithm: None,
                secret: secret.value.0.clone(),
            }),
            (None, Some(file)) => read_material(file, name, diagnostics),
            (None, None) => {
                if !self.has_secret {
                    diagnostics.error(self.table, "`secret` or `secret-file` is missing here");
                }
                None
            }
        }
    }
}

fn read_material(file: &Spanned<PathBuf>, name: &Name, diagnostics: &Diagnostics) -> Option<KeyMaterial> {
    let path = file.value.display();
    let (text, mode) = match read_file(&file.value) {
        Ok(read) => read,
        Err(error) => {
            diagnostics.error(file.span, format!("{path}: {error}"));
            return None;
        }
    };
    if mode & 0o007 != 0 {
        diagnostics.warning(
            file.span,
            format!("{path} can be read or changed by everybody: `chmod o= {path}`"),
        );
    }
    match read_secret_file(&text, name) {
        Ok(material) => Some(material),
        Err(error) => {
            // The error begins with its line and column.
            diagnostics.error(file.span, format!("{path}:{error}"));
            None
        }
    }
}

fn read_file(path: &Path) -> io::Result<(Vec<u8>, u32)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.len() > SECRET_FILE_BYTES_MAX {
        return Err(io::Error::other("too large for a secret"));
    }
    let mut text = Vec::new();
    file.take(SECRET_FILE_BYTES_MAX).read_to_end(&mut text)?;
    Ok((text, metadata.mode()))
}

/// The keys of a configuration, and which of them are used.
pub(super) struct KeyRing {
    keys: BTreeMap<Name, (Span, Option<Arc<Key>>)>,
    used: RefCell<BTreeSet<Name>>,
}

impl KeyRing {
    /// Makes the keys; those that can't be made are known all the same, so that who names them isn't told otherwise.
    pub(super) fn new(specs: &[KeySpec], diagnostics: &Diagnostics) -> Self {
        let mut keys = BTreeMap::new();
        for spec in specs {
            let key = spec.resolve(diagnostics).map(Arc::new);
            let Ok(name) = spec.name.name.parse::<Name>() else {
                continue;
            };
            if let Some((first, _)) = keys.insert(name, (spec.name.span, key)) {
                let first = diagnostics.place(first);
                let name = &spec.name.name;
                diagnostics.error(spec.name.span, format!("the key {name} is there already, at {first}"));
            }
        }
        Self {
            keys,
            used: RefCell::default(),
        }
    }

    /// Whether there is a key of this name; that there is none is reported. The key itself is missing when it can't be made.
    pub(super) fn find(&self, name: &Name, span: Span, diagnostics: &Diagnostics) -> Option<Option<Arc<Key>>> {
        if let Some((_, key)) = self.keys.get(name) {
            self.used.borrow_mut().insert(name.clone());
            return Some(key.clone());
        }
        let shown = |name: &Name| name.to_string().trim_end_matches('.').to_owned();
        let known: Vec<String> = self.keys.keys().map(shown).collect();
        let message = format!("no key is called `{}`", shown(name));
        match nearest(&shown(name), known.iter().map(String::as_str)) {
            Some(help) => diagnostics.error_with_help(span, message, help),
            None => diagnostics.error_with_help(span, message, "a key is a table of its own: [key.NAME]"),
        }
        None
    }

    /// Warns of keys that nothing names.
    pub(super) fn warn_of_unused(&self, diagnostics: &Diagnostics) {
        let used = self.used.borrow();
        for (_, (span, _)) in self.keys.iter().filter(|(name, _)| !used.contains(*name)) {
            diagnostics.warning(*span, "nothing uses this key");
        }
    }

    /// What messages are verified with.
    pub(super) fn keys(&self) -> Keys {
        Keys::new(self.keys.values().filter_map(|(_, key)| key.clone()))
    }
}
