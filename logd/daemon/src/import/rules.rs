//! Rules: each list of actions with the conditions that lead to it.

mod writing;

use logd_core::rsyslog_conf::{Action, Body, Object, Place, Script, Statement, StatementKind};
use logd_core::selector::Selector;

use super::Import;
use super::actions::Target;
use super::condition::Condition;
use super::expression::{self, Unsaid};
use super::report::{comments, lines};
use super::toml::Value;

/// How many rulesets may call each other, one in the next: one that calls itself ends here.
const CALLS_MAX: usize = 16;

/// Why a ruleset or a rule is left out whose inputs are.
pub(super) const NO_INPUT: &str = "the input that its messages come from is not carried over";

/// A rule, or comments among rules.
#[derive(Debug)]
pub(super) enum Item {
    Rule(Rule),
    Remark(Vec<String>),
    /// Comments that are about the rules below.
    Heading(Vec<String>),
}

/// A rule on its way.
#[derive(Debug)]
pub(super) struct Rule {
    above: Vec<String>,
    guard: Guard,
    to: Vec<Target>,
    stops: bool,
}

/// What leads to an action.
#[derive(Debug, Clone, Default)]
pub(super) struct Guard {
    /// The inputs of the ruleset; `None`: all.
    from: Option<Vec<String>>,
    conditions: Vec<Condition>,
}

impl Guard {
    /// Whether no input's messages come here.
    pub(super) fn has_no_input(&self) -> bool {
        self.from.as_ref().is_some_and(Vec::is_empty)
    }

    fn and(&self, condition: Condition) -> Self {
        let mut guard = self.clone();
        match condition {
            Condition::All(mut conditions) => guard.conditions.append(&mut conditions),
            condition => guard.conditions.push(condition),
        }
        guard
    }

    /// `select` and `where`: the first condition that is a selector is the rule's.
    fn keys(&self) -> Vec<(&'static str, Value)> {
        let mut rest = self.conditions.clone();
        let mut keys = Vec::new();
        // In a block, `*.*` asks for nothing more.
        let is_all = |condition: &Condition| matches!(condition, Condition::Select(selector) if Selector::parse(selector) == Ok(Selector::ALL));
        if rest.len() > 1 {
            let all = rest.iter().position(is_all).map(|at| rest.remove(at));
            rest.retain(|condition| !is_all(condition));
            rest.extend(all.filter(|_| rest.is_empty()));
        }
        let first = rest
            .iter()
            .position(|condition| matches!(condition, Condition::Select(_)));
        if let Some(first) = first
            && let Condition::Select(selector) = rest.remove(first)
        {
            keys.push(("select", Value::Text(selector)));
        }
        if let Some(from) = &self.from {
            keys.push(("from", Value::texts(from.iter().cloned())));
        }
        match rest.len() {
            0 => {}
            1 => keys.push(("where", rest[0].value())),
            _ => keys.push(("where", Condition::All(rest).value())),
        }
        keys
    }
}

impl<'r> Import<'r> {
    /// What leads to the rules of a ruleset, or of none.
    pub(super) fn guard_of(&self, ruleset: Option<&str>) -> Guard {
        Guard {
            from: self.inputs_of(ruleset),
            conditions: Vec::new(),
        }
    }

    /// The statements of a ruleset or a block.
    pub(super) fn script(&mut self, script: &'r Script, guard: &Guard) {
        let mut rest = script.statements.as_slice();
        while let [first, behind @ ..] = rest {
            let count = actions_in_front(rest);
            if count == 0 {
                self.rule(first, guard);
                rest = behind;
            } else {
                self.actions(&rest[..count], guard, Vec::new());
                rest = &rest[count..];
            }
        }
    }

    /// A statement that is a rule, or several of them.
    pub(super) fn rule(&mut self, statement: &'r Statement, guard: &Guard) {
        let above = comments(statement);
        match &statement.kind {
            StatementKind::Select { selector, then } => {
                let condition = expression::select(&selector.text).map_err(|why| Unsaid {
                    place: selector.place,
                    why,
                });
                self.filter(statement, condition, then, None, guard, above);
            }
            StatementKind::Property { filter, then } => {
                self.filter(statement, expression::property_filter(filter), then, None, guard, above);
            }
            StatementKind::If {
                condition,
                then,
                otherwise,
            } => {
                let condition = expression::condition(condition);
                self.filter(statement, condition, then, otherwise.as_ref(), guard, above);
            }
            StatementKind::Action(_) => self.actions(std::slice::from_ref(statement), guard, Vec::new()),
            StatementKind::BsdBlock(_) => {
                let why = "rsyslogd knows no blocks of programs and hosts since version 7: the rules below are for all";
                let above = self.lost(statement, why);
                self.remark(above);
            }
            StatementKind::Script(_) => {
                let above = self.lost(statement, "there are no variables, and no scripts that work on them");
                self.remark(above);
            }
            // Where only rules can stand, as in a ruleset.
            StatementKind::Directive { .. } | StatementKind::Object(_) => {
                let above = self.lost(statement, "it stands in a block, where only rules can");
                self.remark(above);
            }
        }
    }

    fn filter(
        &mut self,
        statement: &'r Statement,
        condition: Result<Condition, Unsaid>,
        then: &'r Script,
        otherwise: Option<&'r Script>,
        guard: &Guard,
        mut above: Vec<String>,
    ) {
        let condition = match condition {
            Ok(condition) => {
                if condition.asks_for("fromhost") {
                    self.needs_names(statement.place);
                }
                condition
            }
            Err(unsaid) => {
                above.extend(lines_within(then));
                above.extend(otherwise.map(lines_within).unwrap_or_default());
                above.extend(self.lost_text(statement.place, unsaid.place, &unsaid.why));
                self.remark(above);
                return;
            }
        };
        self.branch(then, &guard.and(condition.clone()), above);
        if let Some(otherwise) = otherwise {
            self.branch(otherwise, &guard.and(condition.not()), Vec::new());
        }
    }

    fn branch(&mut self, script: &'r Script, guard: &Guard, above: Vec<String>) {
        if actions_in_front(&script.statements) == script.statements.len() {
            self.actions(&script.statements, guard, above);
        } else {
            self.heading(above);
            self.script(script, guard);
        }
        self.remark(lines(&script.comments));
    }

    /// Actions that stand one after the other: one rule, up to one that ends the message's way.
    fn actions(&mut self, statements: &'r [Statement], guard: &Guard, above: Vec<String>) {
        let mut rule = Rule {
            above,
            guard: guard.clone(),
            to: Vec::new(),
            stops: false,
        };
        for statement in statements {
            let action = match &statement.kind {
                StatementKind::Action(action) => action,
                StatementKind::Directive { name, value } => {
                    self.directive(statement, name, value);
                    continue;
                }
                _ => continue,
            };
            rule.above.extend(comments(statement));
            match action {
                Action::Stop => {
                    rule.stops = true;
                    self.push_rule(&mut rule);
                }
                Action::Call(name) => {
                    let above = std::mem::take(&mut rule.above);
                    self.push_rule(&mut rule);
                    self.heading(above);
                    self.call(&name.text, statement.place, guard);
                }
                Action::Legacy(text) => match self.legacy_action(text) {
                    Ok(targets) => rule.to.extend(targets),
                    Err(why) => rule.above.extend(self.lost_text(statement.place, text.place, &why)),
                },
                Action::Object(object) => match self.action(object) {
                    Ok(targets) => rule.to.extend(targets),
                    Err(why) => rule.above.extend(self.lost_text(statement.place, object.place, &why)),
                },
            }
        }
        self.push_rule(&mut rule);
    }

    /// Hands on what there is of a rule; the next one has the same guard.
    fn push_rule(&mut self, rule: &mut Rule) {
        let next = Rule {
            above: Vec::new(),
            guard: rule.guard.clone(),
            to: Vec::new(),
            stops: false,
        };
        let rule = std::mem::replace(rule, next);
        if rule.to.is_empty() && !rule.stops {
            self.heading(rule.above);
        } else {
            self.items.push(Item::Rule(rule));
        }
    }

    /// A ruleset that is called is written where it is called.
    fn call(&mut self, name: &str, at: Place, guard: &Guard) {
        let Some(ruleset) = self.rulesets.get(name) else {
            self.error(at, "there is no ruleset of this name");
            return;
        };
        let (script, has_queue) = (ruleset.script, ruleset.has_queue);
        let legacy = ruleset.legacy.clone();
        if has_queue && stops(script) {
            let why = "the ruleset has a queue, so that its `stop` is not the caller's";
            let above = self.lost_text(at, at, why);
            self.remark(above);
            return;
        }
        if self.calls == CALLS_MAX {
            self.error(at, "rulesets call each other in a circle");
            return;
        }
        self.calls += 1;
        let outer = std::mem::replace(&mut self.legacy, legacy);
        self.script(script, guard);
        self.legacy = outer;
        self.calls -= 1;
    }

    /// Comments among the rules.
    pub(super) fn remark(&mut self, above: Vec<String>) {
        if !above.is_empty() {
            self.items.push(Item::Remark(above));
        }
    }

    /// Comments about the rules that follow.
    pub(super) fn heading(&mut self, above: Vec<String>) {
        if !above.is_empty() {
            self.items.push(Item::Heading(above));
        }
    }
}

/// How many statements in front are actions, and directives between them, which are about those behind.
fn actions_in_front(statements: &[Statement]) -> usize {
    let is_of_actions = |statement: &&Statement| {
        matches!(
            statement.kind,
            StatementKind::Action(_) | StatementKind::Directive { .. }
        )
    };
    let is_action = |statement: &Statement| matches!(statement.kind, StatementKind::Action(_));
    let all = statements.iter().take_while(is_of_actions).count();
    if statements.first().is_some_and(is_action) {
        all
    } else {
        0
    }
}

/// Whether a ruleset of this name is called somewhere.
pub(super) fn calls(script: &Script, name: &str) -> bool {
    let of_body = |object: &Object| matches!(&object.body, Some(Body::Script(script)) if calls(script, name));
    script.statements.iter().any(|statement| match &statement.kind {
        StatementKind::Action(Action::Call(called)) => called.text == name,
        StatementKind::Select { then, .. } | StatementKind::Property { then, .. } => calls(then, name),
        StatementKind::If { then, otherwise, .. } => {
            calls(then, name) || otherwise.as_ref().is_some_and(|otherwise| calls(otherwise, name))
        }
        StatementKind::Object(object) => of_body(object),
        _ => false,
    })
}

/// Whether a script ends a message's way somewhere.
fn stops(script: &Script) -> bool {
    script.statements.iter().any(|statement| match &statement.kind {
        StatementKind::Action(action) => matches!(action, Action::Stop | Action::Call(_)),
        StatementKind::Select { then, .. } | StatementKind::Property { then, .. } => stops(then),
        StatementKind::If { then, otherwise, .. } => stops(then) || otherwise.as_ref().is_some_and(stops),
        _ => false,
    })
}

/// The comments in a block that is left out.
fn lines_within(script: &Script) -> Vec<String> {
    let mut within: Vec<String> = script.statements.iter().flat_map(comments).collect();
    within.extend(lines(&script.comments));
    within
}
