//! Which outputs a message goes to: the rules, compiled to a list for each PRI.
//!
//! The daemon builds a [`Router`] from the configuration's rules and asks it for every message. A message goes through the
//! rules in their order, as through rsyslog's: every rule that matches hands it to its outputs, an output that two rules
//! name gets it twice, `stop` ends the way and `drop` ends it without an output.

mod why;

pub use why::Verdict;

use crate::filter::Condition;
use crate::pri::Pri;
use crate::selector::Selector;
use crate::template::Context;

/// A rule, by its place in the configuration, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// An output, by the number that the daemon gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputId(pub u32);

/// An input, by the number that the daemon gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InputId(pub u32);

/// What a rule is made of.
#[derive(Debug, Clone)]
pub struct Rule {
    /// `select`.
    pub selector: Selector,
    /// `from`: the inputs whose messages it is for; `None`: all of them.
    pub from: Option<Box<[InputId]>>,
    /// `where`.
    pub condition: Option<Condition>,
    /// `to`.
    pub to: Box<[OutputId]>,
    /// What happens to a message after it matched.
    pub then: Then,
}

/// What happens to a message after a rule matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The next rules see it too.
    Continue,
    /// `stop`: they don't.
    Stop,
    /// `drop`: they don't, and this rule's outputs don't get it either.
    Drop,
}

/// How a message's way through the rules ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routed {
    /// A rule at least matched it.
    Matched,
    /// This rule dropped it. Rules before it may have handed it to outputs.
    Dropped(RuleId),
    /// No rule matched it.
    Unmatched,
}

/// The rules of a configuration.
#[derive(Debug)]
pub struct Router {
    rules: Box<[Rule]>,
    /// For each PRI the rules that select it, in order, one list after the other.
    selected: Box<[u32]>,
    /// Where each PRI's list ends; it begins where the one before ends.
    ends: [u32; Pri::COUNT],
}

/// Where messages of one PRI can go: an entry of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The rule.
    pub rule: RuleId,
    /// The output; `None`: a rule without one, which stops or drops.
    pub output: Option<OutputId>,
    /// The rule has a `from` or a `where`, so not every message goes this way.
    pub is_conditional: bool,
    /// What the rule does next.
    pub then: Then,
}

impl Router {
    /// Compiles the rules, which stay in this order.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        let mut selected = Vec::new();
        let mut ends = [0; Pri::COUNT];
        for number in 0..=Pri::MAX {
            let pri = Pri::new(number).expect("no number up to the highest PRI is refused");
            let matching = (0..)
                .zip(&rules)
                .filter(|(_, rule)| rule.selector.matches(pri))
                .map(|(id, _)| id);
            selected.extend(matching);
            ends[pri.index()] = u32::try_from(selected.len()).unwrap_or(u32::MAX);
        }
        Self {
            rules: rules.into(),
            selected: selected.into(),
            ends,
        }
    }

    /// Calls `deliver` for each output that the message goes to, in the order of the rules.
    ///
    /// `scratch` is for conditions, see [`Condition::holds`].
    pub fn route(
        &self,
        context: &Context<'_>,
        input: InputId,
        scratch: &mut Vec<u8>,
        mut deliver: impl FnMut(RuleId, OutputId),
    ) -> Routed {
        let mut routed = Routed::Unmatched;
        for &id in self.selected(context.message.pri) {
            let rule = &self.rules[id as usize];
            if !rule.matches(context, input, scratch) {
                continue;
            }
            if rule.then == Then::Drop {
                return Routed::Dropped(RuleId(id));
            }
            routed = Routed::Matched;
            for &output in &rule.to {
                deliver(RuleId(id), output);
            }
            if rule.then == Then::Stop {
                break;
            }
        }
        routed
    }

    /// Whether a plugin's inventory is asked to decide it.
    #[must_use]
    pub fn asks_cloud(&self) -> bool {
        let mut conditions = self.rules.iter().filter_map(|rule| rule.condition.as_ref());
        conditions.any(Condition::asks_cloud)
    }

    /// Where messages go by PRI alone: for each PRI, in the order of [`Pri::index`], its routes. A rule that stops or drops
    /// all messages of a PRI is the last of its list.
    #[must_use]
    pub fn matrix(&self) -> Vec<Vec<Route>> {
        (0..=Pri::MAX)
            .filter_map(Pri::new)
            .map(|pri| self.routes(pri))
            .collect()
    }

    fn routes(&self, pri: Pri) -> Vec<Route> {
        let mut routes = Vec::new();
        for &id in self.selected(pri) {
            let rule = &self.rules[id as usize];
            let is_conditional = rule.from.is_some() || rule.condition.is_some();
            let route = |output| Route {
                rule: RuleId(id),
                output,
                is_conditional,
                then: rule.then,
            };
            if rule.then == Then::Drop || rule.to.is_empty() {
                routes.push(route(None));
            } else {
                routes.extend(rule.to.iter().map(|&output| route(Some(output))));
            }
            if rule.then != Then::Continue && !is_conditional {
                break;
            }
        }
        routes
    }

    fn selected(&self, pri: Pri) -> &[u32] {
        let index = pri.index();
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.selected[start as usize..self.ends[index] as usize]
    }
}

impl Rule {
    fn matches(&self, context: &Context<'_>, input: InputId, scratch: &mut Vec<u8>) -> bool {
        self.from.as_ref().is_none_or(|inputs| inputs.contains(&input))
            && self
                .condition
                .as_ref()
                .is_none_or(|condition| condition.holds(context, scratch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Test;
    use crate::template::PropertyExpr;
    use crate::template::fixture::{Fixture, rfc5424};

    fn rule(select: &str, to: &[u32], then: Then) -> Rule {
        Rule {
            selector: Selector::parse(select).unwrap(),
            from: None,
            condition: None,
            to: to.iter().copied().map(OutputId).collect(),
            then,
        }
    }

    fn program(name: &str) -> Option<Condition> {
        let property = PropertyExpr::parse("programname").unwrap();
        Some(Condition::Test {
            property,
            test: Test::Is(name.as_bytes().into()),
        })
    }

    /// The outputs that a local4.notice of sshd from input 0 goes to, with their rules.
    fn routed(rules: Vec<Rule>) -> (Vec<(u32, u32)>, Routed) {
        let fixture = Fixture {
            message: rfc5424(b"web1", b"sshd"),
            ..Fixture::default()
        };
        let mut delivered = Vec::new();
        let deliver = |rule: RuleId, output: OutputId| delivered.push((rule.0, output.0));
        let routed = Router::new(rules).route(&fixture.context(), InputId(0), &mut Vec::new(), deliver);
        (delivered, routed)
    }

    #[test]
    fn every_matching_rule_delivers_in_order_even_twice_to_one_output() {
        let rules = vec![
            rule("local4.*", &[2, 1], Then::Continue),
            rule("mail.*", &[3], Then::Continue),
            rule("*.notice", &[1], Then::Continue),
        ];
        assert_eq!(routed(rules), (vec![(0, 2), (0, 1), (2, 1)], Routed::Matched));
    }

    #[test]
    fn stop_ends_the_way_after_its_outputs() {
        let rules = vec![rule("*.*", &[1], Then::Stop), rule("*.*", &[2], Then::Continue)];
        assert_eq!(routed(rules), (vec![(0, 1)], Routed::Matched));
    }

    #[test]
    fn drop_ends_the_way_without_an_output_and_is_told() {
        let rules = vec![
            rule("*.*", &[1], Then::Continue),
            rule("local4.*", &[2], Then::Drop),
            rule("*.*", &[3], Then::Continue),
        ];
        assert_eq!(routed(rules), (vec![(0, 1)], Routed::Dropped(RuleId(1))));
    }

    #[test]
    fn rule_matches_only_its_inputs_and_its_condition() {
        let rules = vec![
            Rule {
                from: Some([InputId(1)].into()),
                ..rule("*.*", &[1], Then::Stop)
            },
            Rule {
                from: Some([InputId(1), InputId(0)].into()),
                ..rule("*.*", &[2], Then::Continue)
            },
            Rule {
                condition: program("cron"),
                ..rule("*.*", &[3], Then::Stop)
            },
            Rule {
                condition: program("sshd"),
                ..rule("*.*", &[4], Then::Continue)
            },
        ];
        assert_eq!(routed(rules), (vec![(1, 2), (3, 4)], Routed::Matched));
    }

    #[test]
    fn message_that_no_rule_matches_is_told() {
        assert_eq!(
            routed(vec![rule("mail.*", &[1], Then::Continue)]),
            (vec![], Routed::Unmatched)
        );
        assert_eq!(routed(vec![]), (vec![], Routed::Unmatched));
    }

    #[test]
    fn matrix_ends_where_every_message_stops() {
        let router = Router::new(vec![
            Rule {
                condition: program("sshd"),
                ..rule("auth.*", &[1], Then::Stop)
            },
            rule("auth.err", &[2, 3], Then::Stop),
            rule("*.*", &[], Then::Drop),
            rule("*.*", &[4], Then::Continue),
        ]);
        let matrix = router.matrix();
        let outputs = |pri: usize| -> Vec<_> {
            matrix[pri]
                .iter()
                .map(|route| (route.rule.0, route.output.map(|output| output.0)))
                .collect()
        };
        let auth_err = 4 * 8 + 3;
        assert_eq!(outputs(auth_err), [(0, Some(1)), (1, Some(2)), (1, Some(3))]);
        assert_eq!(
            matrix[auth_err]
                .iter()
                .map(|route| route.is_conditional)
                .collect::<Vec<_>>(),
            [true, false, false]
        );
        assert_eq!(outputs(auth_err + 1), [(0, Some(1)), (2, None)]);
        assert_eq!(outputs(0), [(2, None)]);
        assert_eq!(matrix.len(), 192);
    }
}
