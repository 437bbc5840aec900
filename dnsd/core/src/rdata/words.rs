//! The words of one record's data, up to the end of its line.

use super::RdataError;
use crate::lexer::{Lexeme, Lexer, Token};
use crate::name::NameRef;

/// Hands out a record's words one by one and knows when its line has ended.
pub(crate) struct Words<'t, 'c> {
    lexer: Lexer<'t, 'c>,
    origin: Option<NameRef<'t>>,
    put_back: Option<Token<'t>>,
    ended: bool,
}

impl<'t, 'c> Words<'t, 'c> {
    pub(crate) fn new(lexer: Lexer<'t, 'c>, origin: Option<NameRef<'t>>) -> Self {
        Self {
            lexer,
            origin,
            put_back: None,
            ended: false,
        }
    }

    /// What relative names are relative to.
    pub(crate) fn origin(&self) -> Option<NameRef<'t>> {
        self.origin
    }

    /// The next word or string; `None` at the end of the line, then and ever after.
    pub(crate) fn next(&mut self) -> Result<Option<Token<'t>>, RdataError> {
        if let Some(token) = self.put_back.take() {
            return Ok(Some(token));
        }
        if self.ended {
            return Ok(None);
        }
        match self.lexer.next()? {
            Lexeme::Token(token) => Ok(Some(token)),
            Lexeme::LineEnd | Lexeme::TextEnd => {
                self.ended = true;
                Ok(None)
            }
        }
    }

    /// Makes `token` the next one again.
    pub(crate) fn put_back(&mut self, token: Token<'t>) {
        self.put_back = Some(token);
    }

    /// The next word, which must be there and must not be quoted.
    pub(crate) fn word(&mut self) -> Result<&'t [u8], RdataError> {
        let token = self.string()?;
        if token.quoted {
            Err(RdataError::Quoted)
        } else {
            Ok(token.text)
        }
    }

    /// The next word or quoted string, which must be there.
    pub(crate) fn string(&mut self) -> Result<Token<'t>, RdataError> {
        self.next()?.ok_or(RdataError::Missing)
    }

    /// The next word if there is one; it must not be quoted.
    pub(crate) fn optional_word(&mut self) -> Result<Option<&'t [u8]>, RdataError> {
        match self.next()? {
            Some(token) if token.quoted => Err(RdataError::Quoted),
            token => Ok(token.map(|token| token.text)),
        }
    }

    /// Whether a quote stands right behind the last word.
    pub(crate) fn quote_follows(&self) -> bool {
        self.put_back.is_none() && self.lexer.quote_follows()
    }

    /// Takes `\#`, the mark of the generic form, if it comes next.
    pub(crate) fn starts_generic(&mut self) -> Result<bool, RdataError> {
        match self.next()? {
            Some(Token {
                text: b"\\#",
                quoted: false,
            }) => return Ok(true),
            Some(token) => self.put_back(token),
            None => {}
        }
        Ok(false)
    }

    /// Takes the end of the line; a word in its place is an error.
    pub(crate) fn finish(&mut self) -> Result<(), RdataError> {
        match self.next()? {
            Some(_) => Err(RdataError::Extra),
            None => Ok(()),
        }
    }
}
