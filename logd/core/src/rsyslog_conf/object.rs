//! RainerScript's objects: `module(load="imtcp")`, `action(type="omfile" file="…")`, and what stands in their parentheses.

use super::scanner::{Escapes, Scanner};
use super::statement::{Comment, Script, Text};
use super::{Place, SyntaxErrorKind};

/// `name(parameter="value" …)`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// `module`, `input`, …
    pub name: Text,
    /// In the order written.
    pub parameters: Vec<Parameter>,
    /// What stands in braces behind it.
    pub body: Option<Body>,
    /// From its name to its parenthesis or brace.
    pub place: Place,
}

/// What stands in braces behind an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Of a ruleset.
    Script(Script),
    /// Of a template: `constant(…)` and `property(…)`.
    Elements {
        /// In the order written.
        elements: Vec<Object>,
        /// All that stand among them.
        comments: Vec<Comment>,
    },
}

/// `name="value"`, `name=["a", "b"]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, in any case.
    pub name: Text,
    /// One, or those of a list.
    pub values: Vec<Text>,
    /// From the name to the end of the value.
    pub place: Place,
}

impl Object {
    /// The parameter of this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name.is(name))
    }

    /// The value of the parameter of this name; the first one of a list.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Text> {
        self.parameter(name)?.values.first()
    }

    /// Whether it has this name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.is(name)
    }
}

impl Scanner<'_> {
    /// Whether a name and an opening parenthesis are next.
    pub(super) fn is_at_object(&self) -> bool {
        let name = self.word();
        !name.is_empty() && self.rest()[name.len()..].trim_ascii_start().starts_with('(')
    }

    /// Takes an object without what may stand in braces behind it; [`Scanner::is_at_object`] said that there is one.
    pub(super) fn object(&mut self) -> Object {
        let start = self.at();
        let name = self.take(self.word());
        self.skip_trivia();
        let open = self.at();
        self.eat("(");
        let opened = self.place(open);
        let mut parameters = Vec::new();
        loop {
            self.skip_trivia();
            if self.eat(")") {
                break;
            }
            if self.rest().is_empty() {
                if !self.is_cut_off() {
                    self.error_at(SyntaxErrorKind::UnclosedParenthesis, opened);
                }
                break;
            }
            match self.parameter() {
                Some(parameter) => parameters.push(parameter),
                None => break self.skip_parenthesis(),
            }
        }
        Object {
            name,
            parameters,
            body: None,
            place: self.place(start),
        }
    }

    /// Skips to the end of what can't be read.
    fn skip_parenthesis(&mut self) {
        let rest = self.rest();
        self.advance(rest.find([')', '\n']).map_or(rest.len(), |end| end + 1));
    }

    fn parameter(&mut self) -> Option<Parameter> {
        let start = self.at();
        let name = self.while_in(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        if name.is_empty() {
            self.error_here(SyntaxErrorKind::ExpectedParameter);
            return None;
        }
        let name = self.take(name);
        self.skip_trivia();
        if !self.eat("=") {
            self.error_here(SyntaxErrorKind::ExpectedParameter);
            return None;
        }
        self.skip_trivia();
        let values = if self.peek() == Some('[') {
            self.array()?
        } else {
            vec![self.quoted()?]
        };
        Some(Parameter {
            name,
            values,
            place: self.place(start),
        })
    }

    /// Takes `["a", "b"]`, whose bracket is next.
    pub(super) fn array(&mut self) -> Option<Vec<Text>> {
        self.eat("[");
        let mut values = Vec::new();
        loop {
            self.skip_trivia();
            if self.eat("]") {
                return Some(values);
            }
            values.push(self.quoted()?);
            self.skip_trivia();
            self.eat(",");
        }
    }

    /// Takes a string, or says that none is there.
    pub(super) fn quoted(&mut self) -> Option<Text> {
        if !matches!(self.peek(), Some('"' | '\'' | '`')) {
            self.error_here(SyntaxErrorKind::ExpectedValue);
            return None;
        }
        Some(self.string(Escapes::C))
    }
}
