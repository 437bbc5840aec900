//! What a configuration can say and this version doesn't do: each such key is warned of, so that none is silently ignored.
//!
//! Who makes the daemon do what a key says takes its line out of [`UNSERVED`].

use ballast_shared::config::{Table, Value};

/// A table whose keys are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The top of a file.
    Top,
    /// `[listen]`
    Listen,
    /// `[view.NAME]`
    View,
    /// `[zone."NAME".primary]` and `[zones.NAME.primary]`
    Primary,
    /// `[remote.NAME]`, and the same in a list
    Remote,
}

use Place::{Listen, Primary, Remote, Top, View};

/// Where the keys stand that zones inherit. In tables of zones that aren't served nothing is said of each key.
const RULES: &[Place] = &[Top, View, Primary];

/// A key that is warned of.
struct Key {
    name: &'static str,
    places: &'static [Place],
    /// When it says nothing that isn't so anyway.
    unless: Unless,
    instead: &'static str,
}

#[derive(Clone, Copy)]
enum Unless {
    Never,
    /// A list that lets nobody in.
    Nobody,
}

const fn key(name: &'static str, places: &'static [Place], unless: Unless, instead: &'static str) -> Key {
    Key {
        name,
        places,
        unless,
        instead,
    }
}

/// The keys.
const UNSERVED: &[Key] = &[
    key(
        "allow-update",
        RULES,
        Unless::Nobody,
        "updates are not served by this version: every one is refused",
    ),
    key(
        "serial",
        &[Primary],
        Unless::Never,
        "serial is not served by this version: every zone has the one of its file",
    ),
    key(
        "primaries",
        &[Primary],
        Unless::Never,
        "other primaries are not asked by this version: the zone is what its file says",
    ),
    key(
        "catalog",
        &[Primary],
        Unless::Never,
        "catalogs are not served by this version: no catalog lists the zone",
    ),
    key(
        "catalog-role",
        &[Primary],
        Unless::Never,
        "catalogs are not served by this version: questions for it are refused",
    ),
    key(
        "tls",
        &[Remote],
        Unless::Never,
        "zones are not transferred over TLS by this version: this server is neither asked for them nor told of changes",
    ),
    key(
        "tls",
        &[Listen],
        Unless::Never,
        "DNS over TLS is not served by this version",
    ),
    key(
        "https",
        &[Listen],
        Unless::Never,
        "DNS over HTTPS is not served by this version",
    ),
    key(
        "quic",
        &[Listen],
        Unless::Never,
        "DNS over QUIC is not served by this version",
    ),
];

/// Warns of what a table has of these keys.
pub(super) fn warn(place: Place, table: &Table<'_>) {
    for key in UNSERVED.iter().filter(|key| key.places.contains(&place)) {
        if let Some(value) = table.value(key.name).filter(|value| !key.unless.holds(*value)) {
            table.diagnostics().warning(value.span(), key.instead);
        }
    }
}

impl Unless {
    fn holds(self, value: Value<'_>) -> bool {
        let entries = if value.is_list() { value.array() } else { None };
        let texts = entries.and_then(|entries| entries.into_iter().map(text).collect::<Option<Vec<_>>>());
        let Some(texts) = texts else { return false };
        match self {
            Self::Never => false,
            Self::Nobody => texts.iter().all(|text| text.starts_with('!') || *text == "none"),
        }
    }
}

fn text(value: Value<'_>) -> Option<&str> {
    if value.is_string() { value.string() } else { None }
}
