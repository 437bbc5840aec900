//! `[[rule]]` and its `where`.

use ballast_shared::config::{FromValue, Span, Spanned, Table, Value};
use ipnet::IpNet;

use super::file::TemplateText;

/// `[[rule]]`
pub(in crate::config) struct RuleSpec {
    pub(in crate::config) span: Span,
    pub(in crate::config) name: Option<Spanned<String>>,
    pub(in crate::config) select: Option<Spanned<String>>,
    pub(in crate::config) condition: Option<WhereSpec>,
    pub(in crate::config) from: Option<Vec<Spanned<String>>>,
    pub(in crate::config) to: Vec<TemplateText>,
    pub(in crate::config) stop: bool,
    pub(in crate::config) drop: Option<Spanned<bool>>,
}

/// `where`
pub(in crate::config) enum WhereSpec {
    All(Vec<WhereSpec>),
    Any(Vec<WhereSpec>),
    Not(Box<WhereSpec>),
    Property {
        property: Spanned<String>,
        comparison: Comparison,
    },
}

/// What a property is compared with.
pub(in crate::config) enum Comparison {
    Is(String),
    Contains(String),
    StartsWith(String),
    EndsWith(String),
    Regex(Spanned<String>),
    InNetwork(Vec<IpNet>),
    LessThan(i64),
    GreaterThan(i64),
}

impl RuleSpec {
    pub(super) fn read(table: &Table<'_>) -> Option<Self> {
        Some(Self {
            span: table.span(),
            name: table.optional("name"),
            select: table.optional("select"),
            condition: table.optional("where"),
            from: table.optional("from"),
            to: table.optional("to").unwrap_or_default(),
            stop: table.optional("stop").unwrap_or(false),
            drop: table.optional("drop"),
        })
    }
}

impl FromValue for WhereSpec {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let table = value.table()?;
        Self::read(&table)
    }
}

impl WhereSpec {
    fn read(table: &Table<'_>) -> Option<Self> {
        let mut found = Vec::new();
        // All keys are asked for, so that a misspelt one is told apart from a second one.
        found.extend(table.value("all").map(|v| Vec::from_value(v).map(Self::All)));
        found.extend(table.value("any").map(|v| Vec::from_value(v).map(Self::Any)));
        found.extend(
            table
                .value("not")
                .map(|v| Self::from_value(v).map(|c| Self::Not(Box::new(c)))),
        );
        if let Some(property) = table.value("property") {
            found.push(Self::property(table, property));
        }
        let complaint = match found.len() {
            1 => return found.pop().flatten(),
            0 => "a condition is one of `all`, `any`, `not` and `property`",
            _ => "a condition is only one of `all`, `any`, `not` and `property`",
        };
        table.diagnostics().error(table.span(), complaint);
        None
    }

    fn property(table: &Table<'_>, property: Value<'_>) -> Option<Self> {
        let mut found = Vec::new();
        let mut text = |key: &'static str, make: fn(String) -> Comparison| {
            found.extend(table.value(key).map(|v| String::from_value(v).map(make)));
        };
        text("is", Comparison::Is);
        text("contains", Comparison::Contains);
        text("starts-with", Comparison::StartsWith);
        text("ends-with", Comparison::EndsWith);
        let mut number = |key: &'static str, make: fn(i64) -> Comparison| {
            found.extend(table.value(key).map(|v| i64::from_value(v).map(make)));
        };
        number("less-than", Comparison::LessThan);
        number("greater-than", Comparison::GreaterThan);
        found.extend(
            table
                .value("regex")
                .map(|v| Spanned::from_value(v).map(Comparison::Regex)),
        );
        found.extend(
            table
                .value("in-network")
                .map(|v| networks(v).map(Comparison::InNetwork)),
        );
        let property = Spanned::from_value(property)?;
        let complaint = match found.len() {
            1 => {
                let comparison = found.pop().flatten()?;
                return Some(Self::Property { property, comparison });
            }
            0 => {
                "a property is compared by one of `is`, `contains`, `starts-with`, `ends-with`, `regex`, `in-network`, `less-than`, `greater-than`"
            }
            _ => "a property is compared in one way only; use `all` for several",
        };
        table.diagnostics().error(table.span(), complaint);
        None
    }
}

/// One network or a list of them.
fn networks(value: Value<'_>) -> Option<Vec<IpNet>> {
    if value.is_list() {
        return Vec::from_value(value);
    }
    IpNet::from_value(value).map(|network| vec![network])
}

/// A rule's `to` holds names and paths; which is which is settled by the slash.
pub(in crate::config) fn is_path(text: &str) -> bool {
    text.contains('/')
}
