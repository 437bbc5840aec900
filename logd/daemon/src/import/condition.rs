//! Conditions on a message, and how `where` writes them.

use logd_core::pri::Pri;
use logd_core::selector::{FACILITY_TEXT, SEVERITY_TEXT, Selector};

use super::toml::{Element, Value};

/// A condition.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// A selector, as written.
    Select(String),
    /// A property and what its value is held against.
    Test(String, &'static str, Value),
}

impl Condition {
    pub(super) fn not(self) -> Self {
        match self {
            Self::Not(condition) => *condition,
            condition => Self::Not(Box::new(condition)),
        }
    }

    /// Whether it looks at a property.
    pub(super) fn asks_for(&self, property: &str) -> bool {
        match self {
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().any(|one| one.asks_for(property)),
            Self::Not(condition) => condition.asks_for(property),
            Self::Select(_) => false,
            Self::Test(of, ..) => of.split(':').next() == Some(property),
        }
    }

    /// All of them; one by itself needs no list.
    pub(super) fn all(conditions: Vec<Self>) -> Self {
        let flat = conditions.into_iter().flat_map(|condition| match condition {
            Self::All(conditions) => conditions,
            condition => vec![condition],
        });
        one_or(flat.collect(), Self::All)
    }

    /// One of them at least.
    pub(super) fn any(conditions: Vec<Self>) -> Self {
        let flat = conditions.into_iter().flat_map(|condition| match condition {
            Self::Any(conditions) => conditions,
            condition => vec![condition],
        });
        one_or(flat.collect(), Self::Any)
    }

    /// As the value of `where`. A selector is one that was read without an error.
    pub(super) fn value(&self) -> Value {
        let list = |key, conditions: &[Self]| {
            let elements = conditions.iter().map(|condition| Element {
                value: condition.value(),
                above: Vec::new(),
            });
            Value::Inline(vec![(key, Value::List(elements.collect()))])
        };
        match self {
            Self::All(conditions) => list("all", conditions),
            Self::Any(conditions) => list("any", conditions),
            Self::Not(condition) => Value::Inline(vec![("not", condition.value())]),
            Self::Select(selector) => selected(selector).value(),
            Self::Test(property, test, value) => Value::Inline(vec![
                ("property", Value::Text(property.clone())),
                (*test, value.clone()),
            ]),
        }
    }
}

fn one_or(mut conditions: Vec<Condition>, list: fn(Vec<Condition>) -> Condition) -> Condition {
    match conditions.pop() {
        Some(only) if conditions.is_empty() => only,
        last => {
            conditions.extend(last);
            list(conditions)
        }
    }
}

/// What a selector selects, by facility and severity: `select` stands for a whole rule, not for a part of its condition.
fn selected(selector: &str) -> Condition {
    let Ok(selector) = Selector::parse(selector) else {
        return Condition::Any(Vec::new());
    };
    let mask = |facility: usize| {
        let matches = |severity: &usize| {
            let number = u8::try_from(facility * 8 + severity).ok();
            number.and_then(Pri::new).is_some_and(|pri| selector.matches(pri))
        };
        (0..SEVERITY_TEXT.len()).filter(matches).collect::<Vec<_>>()
    };
    // Facilities with the same severities together, in the order of the first of each.
    let mut groups: Vec<(Vec<usize>, Vec<&str>)> = Vec::new();
    for (facility, name) in FACILITY_TEXT.iter().enumerate() {
        let severities = mask(facility);
        match groups.iter_mut().find(|(known, _)| *known == severities) {
            Some((_, facilities)) => facilities.push(name),
            None => groups.push((severities, vec![name])),
        }
    }
    groups.retain(|(severities, _)| !severities.is_empty());
    Condition::any(
        groups
            .iter()
            .map(|(severities, facilities)| group(severities, facilities))
            .collect(),
    )
}

fn group(severities: &[usize], facilities: &[&str]) -> Condition {
    let mut all = Vec::new();
    let property = "syslogfacility-text";
    if facilities.len() * 2 <= FACILITY_TEXT.len() {
        all.push(one_of(property, facilities));
    } else if facilities.len() < FACILITY_TEXT.len() {
        // The others are fewer.
        let others = FACILITY_TEXT.iter().copied().filter(|name| !facilities.contains(name));
        all.push(one_of(property, &others.collect::<Vec<_>>()).not());
    }
    if severities.len() < SEVERITY_TEXT.len() {
        let count = severities.len();
        let number = |number: usize| Value::Bare(number.to_string());
        let property = || "syslogseverity".to_owned();
        all.push(match severities {
            [one] => one_of("syslogseverity-text", &[SEVERITY_TEXT[*one]]),
            [0, .., last] if last + 1 == count => Condition::Test(property(), "less-than", number(count)),
            [first, .., 7] if first + count == 8 => Condition::Test(property(), "greater-than", number(first - 1)),
            _ => {
                let names: Vec<_> = severities.iter().map(|severity| SEVERITY_TEXT[*severity]).collect();
                one_of("syslogseverity-text", &names)
            }
        });
    }
    Condition::all(all)
}

fn one_of(property: &str, names: &[&str]) -> Condition {
    match names {
        [name] => Condition::Test(property.to_owned(), "is", Value::Text((*name).to_owned())),
        _ => Condition::Test(
            property.to_owned(),
            "regex",
            Value::Plain(format!("^({})$", names.join("|"))),
        ),
    }
}
