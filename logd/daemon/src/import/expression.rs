//! What filters ask of a message, as conditions of `where`. What `where` cannot say is an error, so that nothing is widened.

use logd_core::rsyslog_conf::{Expression, ExpressionKind, Operator, Place, PropertyFilter};
use logd_core::selector::Selector;
use logd_core::template::{PropertyExpr, RegexSyntax, TemplateErrorKind, portable_regex};

use super::condition::Condition;
use super::toml::Value;

/// What can't be said, and why.
#[derive(Debug)]
pub(super) struct Unsaid {
    pub(super) place: Place,
    pub(super) why: String,
}

/// Properties that are numbers, whatever the message.
const NUMBERS: &[&str] = &[
    "syslogseverity",
    "syslogpriority",
    "syslogfacility",
    "pri",
    "protocol-version",
    "$year",
    "$month",
    "$day",
    "$hour",
    "$minute",
    "$wday",
];

/// A side of a comparison.
enum Operand<'e> {
    Property(String),
    Text(&'e str),
    Number(i64),
    Texts(Vec<&'e str>),
}

/// The condition that an expression is.
pub(super) fn condition(expression: &Expression) -> Result<Condition, Unsaid> {
    let all = |parts: &[Expression]| parts.iter().map(condition).collect::<Result<Vec<_>, _>>();
    match &expression.kind {
        ExpressionKind::And(parts) => all(parts).map(Condition::all),
        ExpressionKind::Or(parts) => all(parts).map(Condition::any),
        ExpressionKind::Not(inner) => condition(inner).map(Condition::not),
        ExpressionKind::Compare { left, operator, right } => compare(left, *operator, right),
        ExpressionKind::Call { function, arguments } => call(expression, &function.text, arguments),
        _ => Err(unsaid(expression, "this compares no property with a value")),
    }
}

fn unsaid(at: &Expression, why: impl Into<String>) -> Unsaid {
    Unsaid {
        place: at.place,
        why: why.into(),
    }
}

fn call(at: &Expression, function: &str, arguments: &[Expression]) -> Result<Condition, Unsaid> {
    match (function.to_ascii_lowercase().as_str(), arguments) {
        ("prifilt", [selector]) => {
            let Operand::Text(selector) = operand(selector)? else {
                return Err(unsaid(selector, "a selector is a text"));
            };
            select(selector).map_err(|why| unsaid(at, why))
        }
        ("re_match" | "re_match_i", [property, expression]) => {
            let (Operand::Property(name), Operand::Text(text)) = (operand(property)?, operand(expression)?) else {
                return Err(unsaid(at, "this matches no property with a text"));
            };
            let ignores_case = function.ends_with('i');
            regex(name, text, RegexSyntax::Extended, ignores_case).map_err(|why| unsaid(expression, why))
        }
        _ => Err(unsaid(at, "`where` has no such function")),
    }
}

/// A selector, if it is one.
pub(super) fn select(selector: &str) -> Result<Condition, String> {
    match Selector::parse(selector) {
        Ok(_) => Ok(Condition::Select(selector.trim().to_owned())),
        Err(error) => Err(error.to_string()),
    }
}

fn regex(property: String, text: &str, syntax: RegexSyntax, ignores_case: bool) -> Result<Condition, String> {
    let translated = portable_regex(text, syntax).map_err(|error| TemplateErrorKind::Regex(error).to_string())?;
    let translated = if ignores_case {
        format!("(?i){translated}")
    } else {
        translated
    };
    Ok(Condition::Test(property, "regex", Value::Plain(translated)))
}

fn operand(expression: &Expression) -> Result<Operand<'_>, Unsaid> {
    match &expression.kind {
        ExpressionKind::Text(text) => Ok(Operand::Text(text)),
        ExpressionKind::Number(number) => Ok(Operand::Number(*number)),
        ExpressionKind::Array(values) => Ok(Operand::Texts(values.iter().map(|value| value.text.as_str()).collect())),
        ExpressionKind::Variable(name) => property(name)
            .map(Operand::Property)
            .map_err(|why| unsaid(expression, why)),
        ExpressionKind::Call { function, arguments } => {
            let [argument] = arguments.as_slice() else {
                return Err(unsaid(expression, "`where` has no such function"));
            };
            let inner = operand(argument)?;
            match (function.text.to_ascii_lowercase().as_str(), inner) {
                ("tolower", Operand::Property(name)) if !name.contains(':') => {
                    Ok(Operand::Property(format!("{name}:::lowercase")))
                }
                ("cnum" | "int", Operand::Property(name)) if is_number(&name) => Ok(Operand::Property(name)),
                ("cstr", inner) => Ok(inner),
                _ => Err(unsaid(expression, "`where` has no such function")),
            }
        }
        ExpressionKind::Not(_) => Err(unsaid(
            expression,
            "`not` binds tighter than a comparison: rsyslogd compares the outcome of the `not`; parentheses are missing",
        )),
        _ => Err(unsaid(expression, "`where` computes nothing")),
    }
}

/// The property that a variable is.
fn property(variable: &str) -> Result<String, String> {
    let name = variable.to_ascii_lowercase();
    if name.starts_with(['!', '.', '/']) {
        return Err("there are no variables".to_owned());
    }
    match PropertyExpr::parse(&name) {
        Ok(_) => Ok(name),
        Err(error) => Err(error.to_string()),
    }
}

fn is_number(property: &str) -> bool {
    NUMBERS.iter().any(|known| property.trim_end_matches("-utc") == *known)
}

fn compare(left: &Expression, operator: Operator, right: &Expression) -> Result<Condition, Unsaid> {
    // What is equal is so from both sides.
    let is_symmetric = matches!(operator, Operator::Equal | Operator::NotEqual);
    let swaps = is_symmetric
        && !matches!(
            right.kind,
            ExpressionKind::Text(_) | ExpressionKind::Number(_) | ExpressionKind::Array(_)
        );
    let (left, right) = if swaps { (right, left) } else { (left, right) };
    let Operand::Property(property) = operand(left)? else {
        return Err(unsaid(left, "a property stands left of what it is compared with"));
    };
    match operand(right)? {
        Operand::Number(number) => numbers(&property, operator, number).ok_or_else(|| {
            unsaid(
                left,
                "it is a number in some messages only, and rsyslogd compares it as text in others",
            )
        }),
        Operand::Text(text) => {
            texts(&property, operator, text).ok_or_else(|| unsaid(left, "`where` has no order of texts"))
        }
        Operand::Texts(all) => {
            // `!=` holds when none of them is equal, all others when one holds.
            let (operator, negates) = match operator {
                Operator::NotEqual => (Operator::Equal, true),
                operator => (operator, false),
            };
            let any: Option<Vec<_>> = all.iter().map(|text| texts(&property, operator, text)).collect();
            let any = Condition::any(any.ok_or_else(|| unsaid(left, "`where` has no order of texts"))?);
            Ok(if negates { any.not() } else { any })
        }
        Operand::Property(_) => Err(unsaid(
            right,
            "`where` compares a property with a value, not with another one",
        )),
    }
}

fn numbers(property: &str, operator: Operator, number: i64) -> Option<Condition> {
    if !is_number(property) {
        return None;
    }
    let test = |test, number: i64| Condition::Test(property.to_owned(), test, Value::Bare(number.to_string()));
    let (below, above) = (number.checked_sub(1)?, number.checked_add(1)?);
    // Parts of the time have a zero in front, so they are not compared as texts.
    let equal = || Condition::All(vec![test("greater-than", below), test("less-than", above)]);
    let is = || Condition::Test(property.to_owned(), "is", Value::Text(number.to_string()));
    let equal = || if property.starts_with('$') { equal() } else { is() };
    Some(match operator {
        Operator::Equal => equal(),
        Operator::NotEqual => equal().not(),
        Operator::Less => test("less-than", number),
        Operator::LessOrEqual => test("less-than", above),
        Operator::Greater => test("greater-than", number),
        Operator::GreaterOrEqual => test("greater-than", below),
        _ => return texts(property, operator, &number.to_string()),
    })
}

fn texts(property: &str, operator: Operator, text: &str) -> Option<Condition> {
    let test = |test| Condition::Test(property.to_owned(), test, Value::Plain(text.to_owned()));
    let in_any_case = |test| {
        let property = if property.contains(':') {
            property.to_owned()
        } else {
            format!("{property}:::lowercase")
        };
        Condition::Test(property, test, Value::Plain(text.to_ascii_lowercase()))
    };
    Some(match operator {
        Operator::Equal => test("is"),
        Operator::NotEqual => test("is").not(),
        Operator::Contains => test("contains"),
        Operator::ContainsAnyCase => in_any_case("contains"),
        Operator::StartsWith => test("starts-with"),
        Operator::StartsWithAnyCase => in_any_case("starts-with"),
        Operator::EndsWith => test("ends-with"),
        // A severity has one digit: its order as a text is that as a number.
        _ if matches!(property, "syslogseverity" | "syslogpriority") && text.len() == 1 => {
            return numbers(property, operator, text.parse().ok()?);
        }
        _ => return None,
    })
}

/// The condition that a property filter is.
pub(super) fn property_filter(filter: &PropertyFilter) -> Result<Condition, Unsaid> {
    let name = property(&filter.property.text).map_err(|why| Unsaid {
        place: filter.property.place,
        why,
    })?;
    let text = &filter.value.text;
    let said = |operator| Ok(texts(&name, operator, text));
    let of_regex = |syntax| regex(name.clone(), text, syntax, false).map(Some);
    let found = match filter.operation.text.to_ascii_lowercase().as_str() {
        "contains" => said(Operator::Contains),
        "contains_i" => said(Operator::ContainsAnyCase),
        "isequal" => said(Operator::Equal),
        "startswith" => said(Operator::StartsWith),
        "startswith_i" => said(Operator::StartsWithAnyCase),
        "endswith" => said(Operator::EndsWith),
        "isempty" => Ok(texts(&name, Operator::Equal, "")),
        "regex" => of_regex(RegexSyntax::Basic),
        "ereregex" => of_regex(RegexSyntax::Extended),
        _ => Ok(None),
    };
    let condition = match found {
        Ok(Some(condition)) => condition,
        Ok(None) => {
            return Err(Unsaid {
                place: filter.operation.place,
                why: "there is no such operation".to_owned(),
            });
        }
        Err(why) => {
            return Err(Unsaid {
                place: filter.value.place,
                why,
            });
        }
    };
    Ok(if filter.is_negated { condition.not() } else { condition })
}
