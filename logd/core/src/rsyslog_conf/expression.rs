//! RainerScript's expressions, grouped as rsyslogd groups them.

use super::scanner::{Escapes, Scanner};
use super::statement::Text;
use super::{DEPTH_MAX, Place, SyntaxErrorKind};

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// What it is.
    pub kind: ExpressionKind,
    /// Where it stands.
    pub place: Place,
    /// How many levels it has.
    depth: usize,
}

/// Kinds of expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpressionKind {
    /// `a and b and …`
    And(Vec<Expression>),
    /// `a or b or …`
    Or(Vec<Expression>),
    /// `not a`
    Not(Box<Expression>),
    /// `a == b`
    Compare {
        /// What stands left of the operator.
        left: Box<Expression>,
        /// The operator.
        operator: Operator,
        /// What stands right of it.
        right: Box<Expression>,
    },
    /// `a + b`, `-a`, …: what is computed.
    Arithmetic(Vec<Expression>),
    /// `'text'`
    Text(String),
    /// `4`
    Number(i64),
    /// `["a", "b"]`
    Array(Vec<Text>),
    /// `$msg`, without the first dollar sign.
    Variable(String),
    /// `re_match($msg, "x")`
    Call {
        /// The function's name.
        function: Text,
        /// Its arguments.
        arguments: Vec<Expression>,
    },
}

/// What compares two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`, `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `contains`
    Contains,
    /// `contains_i`: in any case.
    ContainsAnyCase,
    /// `startswith`
    StartsWith,
    /// `startswith_i`: in any case.
    StartsWithAnyCase,
    /// `endswith`
    EndsWith,
}

/// The operators that are signs, the longer ones first.
const SIGNS: &[(&str, Operator)] = &[
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<>", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

/// The operators that are words.
const WORDS: &[(&str, Operator)] = &[
    ("contains", Operator::Contains),
    ("contains_i", Operator::ContainsAnyCase),
    ("startswith", Operator::StartsWith),
    ("startswith_i", Operator::StartsWithAnyCase),
    ("endswith", Operator::EndsWith),
];

impl Scanner<'_> {
    /// Takes an expression. `None`: what is there is none, which was reported.
    pub(super) fn expression(&mut self, depth: usize) -> Option<Expression> {
        let mut left = self.comparison(depth)?;
        loop {
            self.skip_trivia();
            // One level of binding for both: `a or b and c` is `(a or b) and c`.
            let join: fn(Vec<Expression>) -> ExpressionKind = if self.eat_word("and") {
                ExpressionKind::And
            } else if self.eat_word("or") {
                ExpressionKind::Or
            } else {
                return Some(left);
            };
            let right = self.comparison(depth)?;
            let is_same =
                |kind: &ExpressionKind| std::mem::discriminant(kind) == std::mem::discriminant(&join(Vec::new()));
            if is_same(&left.kind)
                && let ExpressionKind::And(parts) | ExpressionKind::Or(parts) = &mut left.kind
            {
                left.depth = left.depth.max(right.depth + 1);
                left.place.end = right.place.end;
                parts.push(right);
                self.check_depth(left.depth, left.place)?;
            } else {
                left = self.grown(left, right, |left, right| join(vec![left, right]))?;
            }
        }
    }

    fn comparison(&mut self, depth: usize) -> Option<Expression> {
        let mut left = self.sum(depth)?;
        while let Some(operator) = self.operator() {
            let right = self.sum(depth)?;
            left = self.grown(left, right, |left, right| ExpressionKind::Compare {
                left: left.into(),
                operator,
                right: right.into(),
            })?;
        }
        Some(left)
    }

    fn operator(&mut self) -> Option<Operator> {
        self.skip_trivia();
        if let Some(&(sign, operator)) = SIGNS.iter().find(|(sign, _)| self.rest().starts_with(sign)) {
            self.eat(sign);
            return Some(operator);
        }
        let &(word, operator) = WORDS.iter().find(|(word, _)| self.word().eq_ignore_ascii_case(word))?;
        self.eat_word(word);
        Some(operator)
    }

    /// What is computed is not told apart: no condition on a message comes of it here.
    fn sum(&mut self, depth: usize) -> Option<Expression> {
        let mut left = self.unary(depth)?;
        loop {
            self.skip_trivia();
            if !matches!(self.peek(), Some('+' | '-' | '&' | '*' | '/' | '%')) {
                return Some(left);
            }
            self.advance(1);
            let right = self.unary(depth)?;
            left = self.grown(left, right, |left, right| ExpressionKind::Arithmetic(vec![left, right]))?;
        }
    }

    fn unary(&mut self, depth: usize) -> Option<Expression> {
        self.skip_trivia();
        let start = self.at();
        if depth == DEPTH_MAX {
            self.error_here(SyntaxErrorKind::NestedTooDeep);
            return None;
        }
        let is_not = self.eat_word("not");
        if is_not || self.eat("-") {
            let inner = self.unary(depth + 1)?;
            let depth = inner.depth + 1;
            let kind = if is_not {
                ExpressionKind::Not(inner.into())
            } else {
                ExpressionKind::Arithmetic(vec![inner])
            };
            return self.made(kind, start, depth);
        }
        self.primary(start, depth)
    }

    fn primary(&mut self, start: usize, depth: usize) -> Option<Expression> {
        match self.peek() {
            Some('(') => {
                self.advance(1);
                let opened = self.place(start);
                let inner = self.expression(depth + 1)?;
                self.skip_trivia();
                if !self.eat(")") {
                    self.error_at(SyntaxErrorKind::UnclosedParenthesis, opened);
                    return None;
                }
                self.made(inner.kind, start, inner.depth)
            }
            Some('"' | '\'' | '`') => {
                let text = self.string(Escapes::C).text;
                self.made(ExpressionKind::Text(text), start, 1)
            }
            Some('[') => {
                let values = self.array()?;
                self.made(ExpressionKind::Array(values), start, 1)
            }
            Some('$') => {
                self.advance(1);
                let name = self.while_in(|c| c.is_ascii_alphanumeric() || "$!./@_-[]".contains(c));
                self.advance(name.len());
                self.made(ExpressionKind::Variable(name.to_owned()), start, 1)
            }
            Some(c) if c.is_ascii_digit() => self.number(start),
            Some(c) if c.is_ascii_alphabetic() && self.is_at_object() => self.call(start, depth),
            _ => {
                self.error_here(SyntaxErrorKind::ExpectedValue);
                None
            }
        }
    }

    fn number(&mut self, start: usize) -> Option<Expression> {
        let digits = self.word();
        let number = if let Some(hexadecimal) = digits.strip_prefix("0x") {
            i64::from_str_radix(hexadecimal, 16)
        } else if digits.len() > 1 && digits.starts_with('0') {
            i64::from_str_radix(digits, 8)
        } else {
            digits.parse()
        };
        self.advance(digits.len());
        let Ok(number) = number else {
            self.error(SyntaxErrorKind::ExpectedValue, start);
            return None;
        };
        self.made(ExpressionKind::Number(number), start, 1)
    }

    fn call(&mut self, start: usize, depth: usize) -> Option<Expression> {
        let function = self.take(self.word());
        self.skip_trivia();
        let open = self.at();
        self.eat("(");
        let opened = self.place(open);
        let mut arguments: Vec<Expression> = Vec::new();
        loop {
            self.skip_trivia();
            if self.eat(")") {
                break;
            }
            if !arguments.is_empty() && !self.eat(",") {
                self.error_at(SyntaxErrorKind::UnclosedParenthesis, opened);
                return None;
            }
            arguments.push(self.expression(depth + 1)?);
        }
        let deepest = arguments.iter().map(|argument| argument.depth).max().unwrap_or(0);
        self.made(ExpressionKind::Call { function, arguments }, start, deepest + 1)
    }

    fn made(&mut self, kind: ExpressionKind, start: usize, depth: usize) -> Option<Expression> {
        let place = self.place(start);
        self.check_depth(depth, place)?;
        Some(Expression { kind, place, depth })
    }

    fn grown(
        &mut self,
        left: Expression,
        right: Expression,
        make: impl FnOnce(Expression, Expression) -> ExpressionKind,
    ) -> Option<Expression> {
        let place = Place {
            end: right.place.end,
            ..left.place
        };
        let depth = left.depth.max(right.depth) + 1;
        self.check_depth(depth, place)?;
        Some(Expression {
            kind: make(left, right),
            place,
            depth,
        })
    }

    /// A chain grows a tree from the left without nesting in the text: its depth is bounded all the same.
    fn check_depth(&mut self, depth: usize, place: Place) -> Option<()> {
        if depth > DEPTH_MAX {
            self.error_at(SyntaxErrorKind::NestedTooDeep, place);
            return None;
        }
        Some(())
    }
}
