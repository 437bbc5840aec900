//! `[key.NAME]`: the secrets that requests and answers are signed with (TSIG, RFC 8945).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ballast_shared::config::{Diagnostics, FromValue, Key as Written, Span, Spanned, Table, Value, nearest};
use ballast_shared::plugin::secret::{Pending, SecretRef};
use ballast_shared::plugin::{self, Settings};
use dnsd_core::name::Name;
use dnsd_core::tsig::{Algorithm, Key, KeyMaterial, Keys, Secret, read_secret_file};
use tracing::warn;
use zeroize::Zeroizing;

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
    secret_ref: Option<Spanned<SecretRef>>,
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
                secret_ref: table.optional("secret-ref"),
            });
        }
        keys
    }

    /// `secret-file`
    pub(super) fn secret_file(&self) -> Option<&Spanned<PathBuf>> {
        self.secret_file.as_ref()
    }

    fn resolve(&self, plugins: &[Settings], diagnostics: &Diagnostics) -> Option<Made> {
        let name: Name = match self.name.name.parse() {
            Ok(name) => name,
            Err(error) => {
                diagnostics.error(self.name.span, format!("not a name of a key: {error}"));
                return None;
            }
        };
        if let Some(secret_ref) = &self.secret_ref {
            return self.resolve_ref(&name, secret_ref, plugins, diagnostics);
        }
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
        self.warn_of_algorithm(algorithm, diagnostics);
        if material.secret.is_short_for(algorithm) {
            diagnostics.warning(
                self.name.span,
                format!(
                    "the secret is shorter than what {algorithm} makes of it, so it is easier to guess than it need be"
                ),
            );
        }
        Some(Made {
            key: Arc::new(Key::new(&name, algorithm, &material.secret)),
            pending: None,
        })
    }

    fn warn_of_algorithm(&self, algorithm: Algorithm, diagnostics: &Diagnostics) {
        let span = self.algorithm.as_ref().map_or(self.name.span, |written| written.span);
        if algorithm.is_deprecated() {
            let message = format!("{algorithm} is for keys that can't be changed: new ones have hmac-sha256");
            diagnostics.warning(span, message);
        }
    }

    /// A key whose secret a plugin has: it is fetched once there is somebody to wait for it.
    fn resolve_ref(
        &self,
        name: &Name,
        secret_ref: &Spanned<SecretRef>,
        plugins: &[Settings],
        diagnostics: &Diagnostics,
    ) -> Option<Made> {
        if self.has_secret || self.secret_file.is_some() {
            let message = "a key has one of `secret`, `secret-file` and `secret-ref`";
            diagnostics.error(secret_ref.span, message);
            return None;
        }
        let plugin = Spanned {
            value: secret_ref.value.plugin.clone(),
            span: secret_ref.span,
        };
        plugin::config::find(&plugin, plugins, |settings| settings, diagnostics)?;
        let Some(algorithm) = &self.algorithm else {
            if !self.has_algorithm {
                diagnostics.error(self.table, "`algorithm` is missing here");
            }
            return None;
        };
        let algorithm = algorithm.value.0;
        self.warn_of_algorithm(algorithm, diagnostics);
        let mut random = Zeroizing::new([0; 64]);
        let secret = getrandom::fill(&mut *random)
            .ok()
            .and_then(|()| Secret::from_random(algorithm, &*random).ok());
        let Some(random) = secret else {
            diagnostics.error(secret_ref.span, "the system has no randomness");
            return None;
        };
        let key = Arc::new(Key::unknown(name, algorithm, &random));
        let waiting = key.clone();
        Some(Made {
            key,
            pending: Some(Pending {
                reference: secret_ref.value.clone(),
                take: Arc::new(move |text| reveal(&waiting, text)),
            }),
        })
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
                    let message = "`secret`, `secret-file` or `secret-ref` is missing here";
                    diagnostics.error(self.table, message);
                }
                None
            }
        }
    }
}

/// A key, and what its secret comes by if it is not here.
struct Made {
    key: Arc<Key>,
    pending: Option<Pending>,
}

/// Gives a key its secret, which is written as in a `secret-file`; an error says what is wrong with it, and not what it is.
fn reveal(key: &Key, text: &[u8]) -> Result<(), String> {
    let material = read_secret_file(text, key.name()).map_err(|error| error.to_string())?;
    if let Some(algorithm) = material.algorithm.filter(|algorithm| *algorithm != key.algorithm()) {
        return Err(format!("it says {algorithm}, and the key is of {}", key.algorithm()));
    }
    if material.secret.is_short_for(key.algorithm()) {
        warn!(
            "the secret of the key {} is shorter than what {} makes of it",
            key.name(),
            key.algorithm()
        );
    }
    key.reveal(&material.secret);
    Ok(())
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
    pending: Vec<Pending>,
    used: RefCell<BTreeSet<Name>>,
}

impl KeyRing {
    /// Makes the keys; those that can't be made are known all the same, so that who names them isn't told otherwise.
    pub(super) fn new(specs: &[KeySpec], plugins: &[Settings], diagnostics: &Diagnostics) -> Self {
        let mut keys = BTreeMap::new();
        let mut pending = Vec::new();
        for spec in specs {
            let key = spec.resolve(plugins, diagnostics).map(|made| {
                pending.extend(made.pending);
                made.key
            });
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
            pending,
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

    /// The keys that wait for their secrets.
    pub(super) fn pending(&self) -> Vec<Pending> {
        self.pending.clone()
    }

    /// What messages are verified with.
    pub(super) fn keys(&self) -> Keys {
        Keys::new(self.keys.values().filter_map(|(_, key)| key.clone()))
    }
}
