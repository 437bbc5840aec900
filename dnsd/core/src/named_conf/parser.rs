//! Makes statements of tokens. An error ends a statement or a block, never the reading.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::lexer::{Kind, Token};
use super::statement::{Block, Comment, Part, Statement, Word};
use super::{DEPTH_MAX, Place, SyntaxError, SyntaxErrorKind};

/// Reads a whole text of `length` bytes.
pub(super) fn parse(tokens: Vec<Token>, length: usize, file: usize, errors: &mut Vec<SyntaxError>) -> Block {
    let mut parser = Parser {
        tokens: tokens.into_iter().peekable(),
        comments: Vec::new(),
        errors,
    };
    let mut whole = Block {
        statements: Vec::new(),
        comments: Vec::new(),
        place: Place {
            file,
            start: 0,
            end: length,
        },
    };
    // A brace too many ends the block that it closes: what follows belongs to the text all the same.
    while let Some(stray) = parser.block(&mut whole, 0) {
        parser.error(SyntaxErrorKind::StrayClose, stray);
    }
    whole
}

struct Parser<'e> {
    tokens: Peekable<IntoIter<Token>>,
    /// Comments that no statement has taken yet.
    comments: Vec<Comment>,
    errors: &'e mut Vec<SyntaxError>,
}

impl Parser<'_> {
    /// Reads statements up to the closing brace, whose place is returned, or the end of the text.
    fn block(&mut self, block: &mut Block, depth: usize) -> Option<Place> {
        loop {
            self.gather_comments();
            let end = match self.tokens.peek() {
                None => None,
                Some(token) if token.kind == Kind::Close => self.tokens.next().map(|token| token.place),
                Some(token) if token.kind == Kind::Semicolon => {
                    let place = token.place;
                    self.error(SyntaxErrorKind::EmptyStatement, place);
                    self.tokens.next();
                    continue;
                }
                Some(_) => {
                    block.statements.extend(self.statement(depth));
                    continue;
                }
            };
            block.comments.append(&mut self.comments);
            return end;
        }
    }

    /// Reads one statement and its semicolon.
    fn statement(&mut self, depth: usize) -> Option<Statement> {
        let mut comments = std::mem::take(&mut self.comments);
        let mut parts = Vec::new();
        let mut place = self.tokens.peek()?.place;
        loop {
            self.gather_comments();
            comments.append(&mut self.comments);
            let token = self.tokens.next_if(|token| token.kind != Kind::Close);
            let Some(token) = token else {
                if !self.is_cut_off() {
                    self.error(SyntaxErrorKind::MissingSemicolon, place);
                }
                break;
            };
            if token.kind == Kind::Semicolon {
                break;
            }
            place.end = token.place.end;
            match token.kind {
                Kind::Word(text) => parts.push(word(text, false, token.place)),
                Kind::Quoted(text) => parts.push(word(text, true, token.place)),
                Kind::Not => parts.push(Part::Not(token.place)),
                Kind::Open => {
                    let block = self.nested(token.place, depth + 1);
                    place.end = block.place.end;
                    parts.push(Part::Block(block));
                }
                // The first two end the loop above, and comments were gathered.
                Kind::Close | Kind::Semicolon | Kind::Comment(_) => {}
            }
        }
        let comments_behind = self.trailing_comment().into_iter().collect();
        Some(Statement {
            parts,
            comments,
            comments_behind,
            place,
        })
    }

    /// Reads the block whose opening brace was taken.
    fn nested(&mut self, open: Place, depth: usize) -> Block {
        let mut block = Block {
            statements: Vec::new(),
            comments: Vec::new(),
            place: open,
        };
        if depth > DEPTH_MAX {
            self.error(SyntaxErrorKind::NestedTooDeep, open);
            block.place.end = self.skip_block().unwrap_or(open.end);
            return block;
        }
        match self.block(&mut block, depth) {
            Some(close) => block.place.end = close.end,
            None if self.is_cut_off() => {}
            None => self.error(SyntaxErrorKind::UnclosedBlock, open),
        }
        block
    }

    /// Leaves out everything up to the brace that closes the block which was just opened; where that one ends.
    fn skip_block(&mut self) -> Option<usize> {
        let mut open = 1_usize;
        for token in self.tokens.by_ref() {
            match token.kind {
                Kind::Open => open += 1,
                Kind::Close => open -= 1,
                _ => {}
            }
            if open == 0 {
                return Some(token.place.end);
            }
        }
        None
    }

    fn gather_comments(&mut self) {
        while let Some(token) = self.tokens.next_if(|token| matches!(token.kind, Kind::Comment(_))) {
            self.comments.extend(comment(token));
        }
    }

    /// The comment that stands behind a statement on its line.
    fn trailing_comment(&mut self) -> Option<Comment> {
        let is_trailing = |token: &Token| matches!(token.kind, Kind::Comment(_)) && token.newlines_before == 0;
        self.tokens.next_if(is_trailing).and_then(comment)
    }

    /// Whether the text has ended inside something: then what else is missing at its end follows from that.
    fn is_cut_off(&mut self) -> bool {
        use SyntaxErrorKind::{UnclosedBlock, UnclosedComment, UnclosedString};
        let is_open = |error: &SyntaxError| matches!(error.kind, UnclosedBlock | UnclosedComment | UnclosedString);
        self.tokens.peek().is_none() && self.errors.iter().any(is_open)
    }

    fn error(&mut self, kind: SyntaxErrorKind, place: Place) {
        self.errors.push(SyntaxError { kind, place });
    }
}

fn word(text: String, is_quoted: bool, place: Place) -> Part {
    Part::Word(Word { text, is_quoted, place })
}

/// The lines of a comment without what only frames them: the stars of a block, rules of dashes or slashes stay.
fn comment(token: Token) -> Option<Comment> {
    let Kind::Comment(text) = token.kind else { return None };
    let is_block = text.contains('\n');
    let mut lines: Vec<String> = text
        .split('\n')
        .map(|line| {
            let line = line.trim();
            let line = if is_block { line.trim_start_matches('*') } else { line };
            line.trim().to_owned()
        })
        .collect();
    if is_block {
        let filled = |line: &String| !line.is_empty();
        let last = lines.iter().rposition(filled).map_or(0, |last| last + 1);
        lines.truncate(last);
        lines.drain(..lines.iter().position(filled).unwrap_or(0));
    }
    Some(Comment {
        lines,
        is_apart: token.newlines_before > 1,
    })
}
