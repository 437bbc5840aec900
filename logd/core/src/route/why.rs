//! Why a message goes where it goes: what each rule says of it.

use super::{InputId, Router, RuleId, Then};
use crate::filter::Unmet;
use crate::template::Context;

/// What a rule says of a message.
#[derive(Debug)]
pub enum Verdict<'r> {
    /// It matches.
    Matches,
    /// Its `select` does not name the message's facility and severity.
    NotSelected,
    /// The message did not come by one of its inputs.
    NotFrom,
    /// Its `where` does not hold, because of these.
    Where(Vec<Unmet<'r>>),
    /// This rule ended the message's way before.
    NotReached(RuleId),
}

impl Router {
    /// What every rule says, in their order.
    #[must_use]
    pub fn verdicts(&self, context: &Context<'_>, input: InputId) -> Vec<(RuleId, Verdict<'_>)> {
        let mut ended_by = None;
        let verdict = |(id, rule)| {
            let rule: &super::Rule = rule;
            let verdict = if let Some(rule) = ended_by {
                Verdict::NotReached(rule)
            } else if !rule.selector.matches(context.message.pri) {
                Verdict::NotSelected
            } else if rule.from.as_ref().is_some_and(|inputs| !inputs.contains(&input)) {
                Verdict::NotFrom
            } else {
                match &rule.condition {
                    Some(condition) if !condition.holds(context, &mut Vec::new()) => {
                        Verdict::Where(condition.unmet(context))
                    }
                    _ => Verdict::Matches,
                }
            };
            if matches!(verdict, Verdict::Matches) && rule.then != Then::Continue {
                ended_by = Some(RuleId(id));
            }
            (RuleId(id), verdict)
        };
        (0..).zip(&self.rules).map(verdict).collect()
    }
}
