//! What a text consists of.

use super::Place;
use super::expression::Expression;
use super::object::Object;

/// Statements one after the other: a whole text, or a block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// In the order written.
    pub statements: Vec<Statement>,
    /// Comments behind the last statement.
    pub comments: Vec<Comment>,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What it says.
    pub kind: StatementKind,
    /// The comments in front of it, and within it where they belong to no statement of a block.
    pub comments: Vec<Comment>,
    /// A comment behind it, on the same line.
    pub comments_behind: Vec<Comment>,
    /// From its first to its last byte.
    pub place: Place,
}

/// Kinds of statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementKind {
    /// `$FileOwner root`: the name without its dollar sign, and what follows on the line.
    Directive {
        /// Without the dollar sign.
        name: Text,
        /// The rest of the line.
        value: Text,
    },
    /// `module(…)`, `input(…)`, `ruleset(…) { … }`, …
    Object(Object),
    /// `if … then … else …`
    If {
        /// The condition.
        condition: Expression,
        /// What is done when it holds.
        then: Script,
        /// What is done when it does not.
        otherwise: Option<Script>,
    },
    /// `mail.*` and what it selects for.
    Select {
        /// As written.
        selector: Text,
        /// What is done with what it selects.
        then: Script,
    },
    /// `:msg, contains, "x"` and what it selects for.
    Property {
        /// The filter.
        filter: PropertyFilter,
        /// What is done with what it selects.
        then: Script,
    },
    /// An action. Those that `&` joins stand one after the other.
    Action(Action),
    /// A line that begins a block for a program or a host in BSD's syslogd: `!cron`, `+host`.
    BsdBlock(Text),
    /// A statement of scripts that work on variables, by its keyword: `set`, `foreach`, `call_indirect`, …
    Script(Text),
}

/// What is done with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// As sysklogd writes it: `-/var/log/mail.log;FORMAT`, `@@host:514`, `:omusrmsg:*`, `root`.
    Legacy(Text),
    /// `action(…)`
    Object(Object),
    /// `stop`, `~`
    Stop,
    /// `call RULESET`
    Call(Text),
}

/// `:property, [!]operation, "value"`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyFilter {
    /// The property's name.
    pub property: Text,
    /// Whether the operation is negated.
    pub is_negated: bool,
    /// The operation's name.
    pub operation: Text,
    /// The value, its escapes resolved.
    pub value: Text,
}

/// Something written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// What it says; of a string, without quotes and escapes.
    pub text: String,
    /// Where it stands, with its quotes.
    pub place: Place,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its lines, without the marks.
    pub lines: Vec<String>,
    /// Whether an empty line stands in front of it.
    pub is_apart: bool,
}

impl Text {
    /// Whether it is this word, in any case.
    #[must_use]
    pub fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }
}

impl Statement {
    /// The object that it is, as a statement or as an action.
    #[must_use]
    pub fn object(&self) -> Option<&Object> {
        match &self.kind {
            StatementKind::Object(object) | StatementKind::Action(Action::Object(object)) => Some(object),
            _ => None,
        }
    }
}
