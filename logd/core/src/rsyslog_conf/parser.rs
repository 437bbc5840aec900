//! Makes statements of a text. An error ends a statement, never the reading.

use super::joined::Joined;
use super::object::{Body, Object};
use super::scanner::{Escapes, Scanner};
use super::statement::{Script, Statement, StatementKind, Text};
use super::{DEPTH_MAX, SyntaxError, SyntaxErrorKind};

/// Objects that are no statements of their own: they stand in a template.
const ELEMENTS: &[&str] = &["constant", "property"];

/// Reads a whole text.
pub(super) fn parse(joined: &Joined) -> (Script, Vec<SyntaxError>) {
    let mut scanner = Scanner::new(joined);
    let mut whole = Script::default();
    // A brace too many ends the block that it closes: what follows belongs to the text all the same.
    while scanner.statements(&mut whole, 0) {
        let start = scanner.at();
        scanner.advance(1);
        scanner.error(SyntaxErrorKind::StrayClose, start);
    }
    (whole, scanner.errors)
}

impl Scanner<'_> {
    /// Takes statements up to a closing brace, which is left and told of, or the end of the text.
    fn statements(&mut self, script: &mut Script, depth: usize) -> bool {
        loop {
            self.skip_trivia();
            let is_closing = self.peek() == Some('}');
            if is_closing || self.peek().is_none() {
                script.comments.append(&mut self.take_comments());
                return is_closing;
            }
            self.statement(script, depth);
        }
    }

    /// Takes one statement, and the further actions of a list; what is none is reported and skipped.
    fn statement(&mut self, script: &mut Script, depth: usize) {
        let start = self.at();
        let line_start = self.is_at_line_start();
        if let Some(kind) = self.of_line(line_start, depth) {
            self.push(script, kind, start);
            return;
        }
        if self.at() > start {
            // It began as a statement, and was reported.
            return;
        }
        if self.eat_word("if") {
            match self.conditional(depth) {
                Some(kind) => self.push(script, kind, start),
                None => self.skip_line(),
            }
        } else if self.eat_word("else") {
            self.error(SyntaxErrorKind::StrayElse, start);
        } else if self.eat("&") {
            self.error(SyntaxErrorKind::StrayAnd, start);
        } else if let Some(keyword) = self.keyword() {
            self.skip_script(&keyword, depth);
            self.push(script, StatementKind::Script(keyword), start);
        } else if self.is_at_object() && !self.word().eq_ignore_ascii_case("action") {
            let kind = self.of_object(depth);
            self.push(script, kind, start);
        } else {
            self.actions(script);
        }
    }

    fn push(&mut self, script: &mut Script, kind: StatementKind, start: usize) {
        let comments = self.take_comments();
        let place = self.place(start);
        let comments_behind = self.trailing_comment().into_iter().collect();
        script.statements.push(Statement {
            kind,
            comments,
            comments_behind,
            place,
        });
    }

    /// What a filter, `then` or `else` is for: a block in braces, or one statement.
    pub(super) fn block(&mut self, depth: usize, behind: super::Place) -> Option<Script> {
        let mut script = Script::default();
        let outer = self.take_comments();
        self.skip_trivia();
        if depth == DEPTH_MAX {
            self.error_at(SyntaxErrorKind::NestedTooDeep, behind);
            self.skip_to_end();
            return None;
        }
        let open = self.at();
        if self.eat("{") {
            let opened = self.place(open);
            self.braced(&mut script, opened, depth + 1);
        } else if matches!(self.peek(), None | Some('}')) {
            if !self.is_cut_off() {
                self.error_at(SyntaxErrorKind::MissingAction, behind);
            }
        } else {
            self.statement(&mut script, depth + 1);
        }
        // Comments that stand in front of the whole belong to it.
        let mut inner = self.take_comments();
        script.comments.append(&mut inner);
        self.give_back(outer);
        Some(script)
    }

    /// Takes what stands between braces, the first of which was taken.
    fn braced(&mut self, script: &mut Script, opened: super::Place, depth: usize) {
        if self.statements(script, depth) {
            self.eat("}");
        } else if !self.is_cut_off() {
            self.error_at(SyntaxErrorKind::UnclosedBlock, opened);
        }
    }

    fn conditional(&mut self, depth: usize) -> Option<StatementKind> {
        let outer = self.take_comments();
        let condition = self.expression(0)?;
        self.skip_trivia();
        if !self.eat_word("then") {
            self.error_at(SyntaxErrorKind::MissingThen, condition.place);
            return None;
        }
        let mut then = self.block(depth, condition.place)?;
        let behind_then = self.at();
        self.skip_trivia();
        let comments = self.take_comments();
        let before_else = self.at();
        let otherwise = if self.eat_word("else") {
            then.comments.extend(comments);
            Some(self.block(depth, self.place(before_else))?)
        } else {
            // These are comments of the next statement: they are read again.
            self.go_back(behind_then);
            None
        };
        self.give_back(outer);
        Some(StatementKind::If {
            condition,
            then,
            otherwise,
        })
    }

    fn of_object(&mut self, depth: usize) -> StatementKind {
        let start = self.at();
        let outer = self.take_comments();
        let mut object = self.object();
        let may_have_body = object.is("ruleset") || object.is("template");
        let before = self.at();
        let mut behind = self.take_comments();
        if may_have_body {
            self.skip_trivia();
        }
        let open = self.at();
        if may_have_body && self.eat("{") {
            let opened = self.place(open);
            self.body(&mut object, opened, depth);
            object.place = self.place(start);
        } else {
            // Comments that were passed belong to what follows: they are read again.
            self.take_comments();
            self.go_back(before);
        }
        let mut comments = outer;
        comments.append(&mut behind);
        comments.append(&mut self.take_comments());
        self.give_back(comments);
        StatementKind::Object(object)
    }

    fn body(&mut self, object: &mut Object, opened: super::Place, depth: usize) {
        if object.is("ruleset") {
            let mut script = Script::default();
            if depth == DEPTH_MAX {
                self.error_at(SyntaxErrorKind::NestedTooDeep, opened);
                self.skip_to_end();
            } else {
                self.braced(&mut script, opened, depth + 1);
            }
            object.body = Some(Body::Script(script));
            return;
        }
        let mut elements = Vec::new();
        loop {
            self.skip_trivia();
            if self.eat("}") {
                break;
            }
            if !ELEMENTS.iter().any(|name| self.word().eq_ignore_ascii_case(name)) || !self.is_at_object() {
                self.error_at(SyntaxErrorKind::UnclosedBlock, opened);
                self.skip_line();
                break;
            }
            elements.push(self.object());
        }
        object.body = Some(Body::Elements {
            elements,
            comments: self.take_comments(),
        });
    }

    /// A statement's keyword that is known to do something with variables, or elsewhere.
    fn keyword(&mut self) -> Option<Text> {
        let keywords = [
            "set",
            "unset",
            "reset",
            "foreach",
            "call_indirect",
            "continue",
            "reload_lookup_table",
        ];
        let word = self.word();
        let is_known = keywords.iter().any(|keyword| word.eq_ignore_ascii_case(keyword));
        is_known.then(|| self.take(word))
    }

    /// Skips what belongs to such a statement.
    fn skip_script(&mut self, keyword: &Text, depth: usize) {
        if keyword.is("continue") {
            return;
        }
        let is_loop = keyword.is("foreach");
        let end = if keyword.is("reload_lookup_table") { ')' } else { ';' };
        while let Some(c) = self.peek() {
            match c {
                '"' | '\'' => {
                    self.string(Escapes::C);
                    continue;
                }
                c if c == end && !is_loop => {
                    self.advance(1);
                    return;
                }
                _ => {}
            }
            if is_loop && self.eat_word("do") {
                let outer = self.take_comments();
                self.block(depth, keyword.place);
                self.give_back(outer);
                return;
            }
            // A word is passed as a whole, so that `do` is not found in the middle of one.
            let word = self.word().len();
            self.advance(word.max(c.len_utf8()));
        }
    }

    /// Takes an action, and those that `&` joins to it.
    fn actions(&mut self, script: &mut Script) {
        loop {
            let start = self.at();
            match self.action() {
                Some(action) => self.push(script, StatementKind::Action(action), start),
                None => {
                    self.advance(self.line().len());
                    self.error(SyntaxErrorKind::NoStatement, start);
                    return;
                }
            }
            let before = self.at();
            let kept = self.take_comments();
            // A directive may stand in front of the `&`, for the action behind it.
            let mut between = Script::default();
            self.skip_trivia();
            while self.is_at_directive() {
                let start = self.at();
                let kind = self.directive();
                self.push(&mut between, kind, start);
                self.skip_trivia();
            }
            if !self.eat("&") {
                self.take_comments();
                self.go_back(before);
                self.give_back(kept);
                return;
            }
            script.statements.append(&mut between.statements);
            self.skip_trivia();
        }
    }

    /// Whether the text has ended inside something: then what else is missing at its end follows from that.
    pub(super) fn is_cut_off(&self) -> bool {
        use SyntaxErrorKind::{UnclosedBlock, UnclosedComment, UnclosedString};
        let is_open = |error: &SyntaxError| matches!(error.kind, UnclosedBlock | UnclosedComment | UnclosedString);
        self.rest().is_empty() && self.errors.iter().any(is_open)
    }
}
