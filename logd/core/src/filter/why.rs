//! Why a condition does not hold: the tests that decide it, and the values that they looked at.

use std::fmt;

use super::{Condition, Test};
use crate::template::{Context, PropertyExpr};

/// How much of a value is shown.
const SHOWN_BYTES_MAX: usize = 200;

/// A test whose outcome keeps a condition from holding.
#[derive(Debug)]
pub struct Unmet<'c> {
    property: &'c PropertyExpr,
    test: &'c Test,
    /// What the property is for this message.
    value: Vec<u8>,
    /// It passes, and `not` stands before it.
    passes: bool,
}

impl Condition {
    /// The tests that keep it from holding; none if it holds, or if it is an `any` of nothing.
    #[must_use]
    pub fn unmet(&self, context: &Context<'_>) -> Vec<Unmet<'_>> {
        let mut unmet = Vec::new();
        self.collect(context, true, &mut unmet);
        unmet
    }

    /// Collects what makes it not be as `wanted`.
    fn collect<'c>(&'c self, context: &Context<'_>, wanted: bool, unmet: &mut Vec<Unmet<'c>>) {
        let holds = |condition: &&Self| condition.holds(context, &mut Vec::new());
        if holds(&self) == wanted {
            return;
        }
        match self {
            // The first one that fails decides, as when it is evaluated.
            Self::All(conditions) if wanted => {
                let failing = conditions.iter().find(|condition| !holds(condition));
                failing.into_iter().for_each(|c| c.collect(context, wanted, unmet));
            }
            Self::Any(conditions) if !wanted => {
                let passing = conditions.iter().find(holds);
                passing.into_iter().for_each(|c| c.collect(context, wanted, unmet));
            }
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().for_each(|c| c.collect(context, wanted, unmet));
            }
            Self::Not(condition) => condition.collect(context, !wanted, unmet),
            Self::Test { property, test } => {
                let mut value = Vec::new();
                property.render(context, &mut value);
                unmet.push(Unmet {
                    property,
                    test,
                    value,
                    passes: !wanted,
                });
            }
        }
    }
}

impl fmt::Display for Unmet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.property.name();
        let shown = &self.value[..self.value.len().min(SHOWN_BYTES_MAX)];
        let rest = if shown.len() < self.value.len() { "…" } else { "" };
        let not = if self.passes { "" } else { "not " };
        let value = String::from_utf8_lossy(shown);
        write!(f, "{name} {value:?}{rest} {not}{}", Asked(self.test))
    }
}

/// What a test asks for, in the words of the configuration.
struct Asked<'t>(&'t Test);

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &[u8]| format!("{:?}", String::from_utf8_lossy(bytes));
        match self.0 {
            Test::Is(expected) => write!(f, "is {}", text(expected)),
            Test::Contains(finder) => write!(f, "contains {}", text(finder.needle())),
            Test::StartsWith(prefix) => write!(f, "starts-with {}", text(prefix)),
            Test::EndsWith(suffix) => write!(f, "ends-with {}", text(suffix)),
            Test::Regex(regex) => write!(f, "regex {:?}", regex.as_str()),
            Test::InNetwork(networks) => {
                f.write_str("in-network")?;
                networks.iter().try_for_each(|network| write!(f, " {network}"))
            }
            Test::LessThan(limit) => write!(f, "less-than {limit}"),
            Test::GreaterThan(limit) => write!(f, "greater-than {limit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::fixture::{Fixture, rfc5424};

    fn program(test: Test) -> Condition {
        Condition::Test {
            property: PropertyExpr::parse("programname").unwrap(),
            test,
        }
    }

    fn why(condition: &Condition) -> Vec<String> {
        let fixture = Fixture {
            message: rfc5424(b"web1", b"sshd"),
            ..Fixture::default()
        };
        let unmet = condition.unmet(&fixture.context());
        unmet.iter().map(ToString::to_string).collect()
    }

    fn is(name: &[u8]) -> Condition {
        program(Test::Is(name.into()))
    }

    #[test]
    fn a_condition_that_holds_has_nothing_unmet() {
        assert_eq!(why(&Condition::All(vec![is(b"sshd")])), Vec::<String>::new());
    }

    #[test]
    fn of_all_the_first_and_of_any_each_is_told() {
        let all = Condition::All(vec![is(b"sshd"), is(b"cron"), is(b"at")]);
        assert_eq!(why(&all), ["programname \"sshd\" not is \"cron\""]);
        let any = Condition::Any(vec![is(b"cron"), program(Test::contains(b"x"))]);
        assert_eq!(
            why(&any),
            [
                "programname \"sshd\" not is \"cron\"",
                "programname \"sshd\" not contains \"x\""
            ]
        );
    }

    #[test]
    fn behind_a_not_it_is_what_passes() {
        let not = Condition::Not(Box::new(Condition::Any(vec![is(b"cron"), is(b"sshd")])));
        assert_eq!(why(&not), ["programname \"sshd\" is \"sshd\""]);
    }
}
