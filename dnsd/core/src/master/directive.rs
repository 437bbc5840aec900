//! The lines that start with `$` (RFC 1035 §5.1, 2308 §4, and BIND's `$GENERATE`).

use super::error::MasterErrorKind;
use super::generate::Generate;
use super::head::next_token;
use crate::lexer::{Lexeme, Lexer, Place};
use crate::name::{NameBuf, NameRef};
use crate::rdata::{RdataError, parse_period, push_unescaped};
use crate::rrtype::Class;

/// A directive as read, before it has an effect.
pub(super) enum Directive {
    /// `$ORIGIN name`: what relative names are relative to from here on.
    Origin(NameBuf),
    /// `$TTL period`: the TTL of records that have none.
    Ttl(u32),
    /// `$INCLUDE file [origin]`.
    Include {
        name: Vec<u8>,
        origin: Option<NameBuf>,
        place: Place,
    },
    /// `$GENERATE range owner [ttl] [class] type data`.
    Generate(Box<Generate>),
    /// `$DATE time`, which stands in the dumps of old servers' caches and means nothing here.
    Date,
}

impl Directive {
    /// Reads the rest of the line behind `word`.
    pub(super) fn read(
        word: &[u8],
        lexer: &mut Lexer<'_, '_>,
        origin: NameRef<'_>,
        class: Class,
    ) -> Result<Self, MasterErrorKind> {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let directive = if is("$ORIGIN") {
            Self::Origin(parse_name(next_token(lexer)?.text, origin)?)
        } else if is("$TTL") {
            Self::Ttl(parse_period(next_token(lexer)?.text)?)
        } else if is("$INCLUDE") {
            return Self::read_include(lexer, origin);
        } else if is("$GENERATE") {
            Self::Generate(Box::new(Generate::read(lexer, class)?))
        } else if is("$DATE") {
            next_token(lexer)?;
            Self::Date
        } else {
            return Err(MasterErrorKind::UnknownDirective);
        };
        end_line(lexer)?;
        Ok(directive)
    }

    fn read_include(lexer: &mut Lexer<'_, '_>, origin: NameRef<'_>) -> Result<Self, MasterErrorKind> {
        let mut name = Vec::new();
        push_unescaped(next_token(lexer)?.text, &mut name)?;
        let place = lexer.place();
        let origin = match lexer.next()? {
            Lexeme::Token(token) => {
                let origin = parse_name(token.text, origin)?;
                end_line(lexer)?;
                Some(origin)
            }
            Lexeme::LineEnd | Lexeme::TextEnd => None,
        };
        Ok(Self::Include { name, origin, place })
    }
}

fn parse_name(text: &[u8], origin: NameRef<'_>) -> Result<NameBuf, MasterErrorKind> {
    let mut name = NameBuf::root();
    name.set_text(text, Some(origin))?;
    Ok(name)
}

fn end_line(lexer: &mut Lexer<'_, '_>) -> Result<(), MasterErrorKind> {
    match lexer.next()? {
        Lexeme::Token(_) => Err(RdataError::Extra.into()),
        Lexeme::LineEnd | Lexeme::TextEnd => Ok(()),
    }
}
