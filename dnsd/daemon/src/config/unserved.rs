//! What a configuration can say and this version doesn't do: each such key is warned of, so that none is silently ignored.
//!
//! Who makes the daemon do what a key says takes its line out of [`UNSERVED`].

use ballast_shared::config::Table;

/// A table whose keys are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The top of a file.
    Top,
    /// `[view.NAME]`
    View,
    /// `[zone."NAME".primary]`
    Primary,
    /// `[zones.NAME.primary]`
    PrimaryGroup,
}

use Place::PrimaryGroup;

/// A key that is warned of.
struct Key {
    name: &'static str,
    places: &'static [Place],
    instead: &'static str,
}

const fn key(name: &'static str, places: &'static [Place], instead: &'static str) -> Key {
    Key { name, places, instead }
}

/// The keys.
const UNSERVED: &[Key] = &[key(
    "primaries",
    &[PrimaryGroup],
    "other primaries are not asked for the zones of a group: one that has some needs a table of its own",
)];

/// Warns of what a table has of these keys.
pub(super) fn warn(place: Place, table: &Table<'_>) {
    for key in UNSERVED.iter().filter(|key| key.places.contains(&place)) {
        if let Some(value) = table.value(key.name) {
            table.diagnostics().warning(value.span(), key.instead);
        }
    }
}
