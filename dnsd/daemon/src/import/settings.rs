//! Statements that a key of the same meaning stands for, and mostly of the same name: what they take, and how it is written
//! here.

use dnsd_core::named_conf::{Statement, Word};

use super::Import;
use super::scope::yes_or_no;
use super::toml::Value;

/// Where a statement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Options,
    View,
    Primary,
    Secondary,
}

/// What a statement takes.
#[derive(Debug, Clone, Copy)]
enum Kind {
    YesNo,
    Number,
    Text,
    /// A string, or a word that stands for what the machine is called.
    Identity,
    /// A number of this many milliseconds each, or one with a unit.
    Time(u64),
    Size,
    Clients,
    Servers,
    Notify,
    MinimalResponses,
}

/// A statement of named.conf: its name, the key here, what it takes, and where the key can stand.
struct Setting {
    name: &'static str,
    key: &'static str,
    kind: Kind,
    levels: &'static [Level],
}

const fn setting(name: &'static str, kind: Kind, levels: &'static [Level]) -> Setting {
    Setting {
        name,
        key: name,
        kind,
        levels,
    }
}

const SERVER: &[Level] = &[Level::Options];
const ALL: &[Level] = &[Level::Options, Level::View, Level::Primary, Level::Secondary];
const SECONDARIES: &[Level] = &[Level::Options, Level::View, Level::Secondary];
const PRIMARIES: &[Level] = &[Level::Options, Level::View, Level::Primary];

const SETTINGS: &[Setting] = &[
    setting("version", Kind::Text, SERVER),
    setting("hostname", Kind::Text, SERVER),
    setting("server-id", Kind::Identity, SERVER),
    setting("max-udp-size", Kind::Number, SERVER),
    setting("minimal-any", Kind::YesNo, SERVER),
    setting("minimal-responses", Kind::MinimalResponses, SERVER),
    setting("answer-cookie", Kind::YesNo, SERVER),
    setting("cookie-secret", Kind::Text, SERVER),
    setting("require-server-cookie", Kind::YesNo, SERVER),
    setting("tcp-clients", Kind::Number, SERVER),
    setting("tcp-idle-timeout", Kind::Time(100), SERVER),
    setting("transfers-in", Kind::Number, SERVER),
    setting("transfers-out", Kind::Number, SERVER),
    setting("transfers-per-ns", Kind::Number, SERVER),
    setting("serial-query-rate", Kind::Number, SERVER),
    setting("allow-query", Kind::Clients, ALL),
    setting("allow-transfer", Kind::Clients, ALL),
    setting("allow-notify", Kind::Clients, SECONDARIES),
    setting("allow-update", Kind::Clients, PRIMARIES),
    setting("also-notify", Kind::Servers, ALL),
    setting("notify", Kind::Notify, ALL),
    setting("notify-delay", Kind::Time(1000), ALL),
    setting("max-journal-size", Kind::Size, ALL),
    setting("max-records", Kind::Number, ALL),
    setting("provide-ixfr", Kind::YesNo, ALL),
    setting("request-ixfr", Kind::YesNo, SECONDARIES),
    setting("min-refresh-time", Kind::Time(1000), SECONDARIES),
    setting("max-refresh-time", Kind::Time(1000), SECONDARIES),
    setting("min-retry-time", Kind::Time(1000), SECONDARIES),
    setting("max-retry-time", Kind::Time(1000), SECONDARIES),
    setting("max-transfer-time-in", Kind::Time(60_000), SECONDARIES),
    setting("max-transfer-idle-in", Kind::Time(60_000), SECONDARIES),
    setting("max-transfer-time-out", Kind::Time(60_000), ALL),
    setting("max-transfer-idle-out", Kind::Time(60_000), ALL),
    Setting {
        name: "primaries",
        key: "primaries",
        kind: Kind::Servers,
        levels: &[Level::Secondary],
    },
    Setting {
        name: "masters",
        key: "primaries",
        kind: Kind::Servers,
        levels: &[Level::Secondary],
    },
];

/// The statements that a zone takes from its view or from `options` when it has none.
pub(super) fn inherited(level: Level) -> impl Iterator<Item = &'static str> {
    let is_inherited =
        move |setting: &&Setting| setting.levels.contains(&Level::View) && setting.levels.contains(&level);
    SETTINGS.iter().filter(is_inherited).map(|setting| setting.name)
}

/// A key and its value, with the comments above it; without a value only the comments are left.
pub(super) type Line = (Vec<String>, Option<(&'static str, Value)>);

impl<'b> Import<'b> {
    /// What a statement of this level becomes; `None` when it is none of those that have a key.
    pub(super) fn setting(&mut self, statement: &'b Statement, level: Level) -> Option<Line> {
        let setting = SETTINGS.iter().find(|setting| statement.is(setting.name))?;
        if !setting.levels.contains(&level) {
            let why = match level {
                Level::View => "it holds for the whole server here",
                _ => "it has no meaning for this kind of zone",
            };
            return Some((self.lost(statement, why), None));
        }
        let value = match setting.kind {
            Kind::Clients => match self.clients(statement, setting.key) {
                Ok(value) => Some(value),
                Err(line) => return Some(line),
            },
            Kind::Servers => Some(self.targets(statement)),
            Kind::Notify => match notify(statement) {
                Some(value) => Some(value),
                None => return Some((self.lost(statement, "not a value of notify"), None)),
            },
            kind => statement.word(1).and_then(|word| plain(kind, word, statement)),
        };
        let is_default = statement
            .word(1)
            .is_some_and(|word| ["none", "unlimited", "default"].iter().any(|default| word.is(default)));
        Some(match value {
            Some(value) => (self.comments(statement), Some((setting.key, value))),
            None if is_default => (self.noted(statement, "as it is without the key"), None),
            None => (self.lost(statement, "dnsd doesn't take this value"), None),
        })
    }

    /// A list of clients. One that is bound to a port or transport would let in more here than there.
    fn clients(&mut self, statement: &'b Statement, key: &'static str) -> Result<Value, Line> {
        let Some(block) = statement.block() else {
            self.error(statement, "this takes a list in braces");
            return Err((Vec::new(), None));
        };
        if statement.parts.len() > 2 {
            // Without the key, what holds further out would let in whom it names.
            let above = self.lost(statement, "a list for one port or transport only: nobody is let in");
            return Err((above, Some((key, nobody()))));
        }
        Ok(self.match_list(block, key))
    }
}

/// The list that lets nobody in.
pub(super) fn nobody() -> Value {
    Value::texts(["none"])
}

fn notify(statement: &Statement) -> Option<Value> {
    let word = statement.word(1)?;
    if let Some(yes) = yes_or_no(statement) {
        return Some(Value::Bare(yes.to_string()));
    }
    if word.is("explicit") {
        return Some(Value::Text("explicit".to_owned()));
    }
    let is_primary_only = word.is("primary-only") || word.is("master-only");
    is_primary_only.then(|| Value::Text("primary-only".to_owned()))
}

fn plain(kind: Kind, word: &Word, statement: &Statement) -> Option<Value> {
    match kind {
        Kind::YesNo => yes_or_no(statement).map(|yes| Value::Bare(yes.to_string())),
        Kind::Number => word
            .text
            .parse::<u64>()
            .ok()
            .map(|number| Value::Bare(number.to_string())),
        Kind::Text => (!word.is("none")).then(|| Value::Text(word.text.clone())),
        Kind::Identity => (!word.is("none") && !word.is("hostname")).then(|| Value::Text(word.text.clone())),
        Kind::Time(unit) => time(&word.text, unit).map(Value::Text),
        Kind::Size => size(&word.text).map(Value::Text),
        Kind::MinimalResponses => Some(match yes_or_no(statement) {
            Some(yes) => Value::Bare(yes.to_string()),
            None => Value::Text(word.text.clone()),
        }),
        Kind::Clients | Kind::Servers | Kind::Notify => None,
    }
}

/// A time as dnsd takes it. BIND's is a number of units of `unit` milliseconds, one with its unit (`1h30m`), or as ISO 8601
/// has it (`PT1H30M`).
pub(super) fn time(text: &str, unit: u64) -> Option<String> {
    if let Ok(number) = text.parse::<u64>() {
        let milliseconds = number.checked_mul(unit)?;
        return Some(match milliseconds {
            ms if ms % 1000 != 0 => format!("{ms}ms"),
            ms if unit >= 60_000 => format!("{}m", ms / 60_000),
            ms => format!("{}s", ms / 1000),
        });
    }
    let lower = text.to_ascii_lowercase();
    let lower = match lower.strip_prefix('p') {
        // In ISO 8601 an M in front of the T is a month.
        Some(iso) if iso.split('t').next().is_some_and(|days| days.contains(['m', 'y'])) => return None,
        Some(iso) => iso.replace('t', ""),
        None => lower,
    };
    let has_units = lower.ends_with(['w', 'd', 'h', 'm', 's'])
        && lower.starts_with(|first: char| first.is_ascii_digit())
        && lower.chars().all(|c| c.is_ascii_digit() || "wdhms".contains(c));
    has_units.then_some(lower)
}

/// A size as dnsd takes it. BIND's units are of 1024.
fn size(text: &str) -> Option<String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit = match unit.to_ascii_lowercase().as_str() {
        "" => "B",
        "k" => "KiB",
        "m" => "MiB",
        "g" => "GiB",
        _ => return None,
    };
    Some(format!("{number}{unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_meaning() {
        for (bind, unit, ours) in [
            ("300", 100, Some("30s")),
            ("5", 100, Some("500ms")),
            ("120", 60_000, Some("120m")),
            ("3600", 1000, Some("3600s")),
            ("1H30M", 1000, Some("1h30m")),
            ("PT1H", 1000, Some("1h")),
            ("P1M", 1000, None),
            ("soon", 1000, None),
        ] {
            assert_eq!(time(bind, unit).as_deref(), ours, "{bind}");
        }
    }

    #[test]
    fn sizes_keep_their_meaning() {
        assert_eq!(size("10m").as_deref(), Some("10MiB"));
        assert_eq!(size("4096").as_deref(), Some("4096B"));
        assert_eq!(size("unlimited"), None);
        assert_eq!(size("90%"), None);
    }
}
