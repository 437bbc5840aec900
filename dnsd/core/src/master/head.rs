//! What stands between a record's owner and its data: TTL, class and type.

use super::error::MasterErrorKind;
use crate::lexer::{Lexeme, Lexer, Token};
use crate::rdata::{RdataError, parse_period};
use crate::rrtype::{Class, Type};

/// A record's TTL, when it has one of its own, and its type. The class is the zone's.
pub(super) struct Head {
    pub(super) ttl: Option<u32>,
    pub(super) rtype: Type,
}

impl Head {
    /// Reads TTL and class, either of which may be missing and either first, and the type.
    pub(super) fn read(first: Token<'_>, lexer: &mut Lexer<'_, '_>, class: Class) -> Result<Self, MasterErrorKind> {
        let mut ttl = None;
        let mut class_given = false;
        let mut token = first;
        loop {
            if token.quoted {
                return Err(RdataError::Quoted.into());
            }
            // No type and no class begins with a digit.
            if ttl.is_none() && token.text.first().is_some_and(u8::is_ascii_digit) {
                ttl = Some(parse_period(token.text)?);
            } else if let Some(given) = Class::parse(token.text).filter(|_| !class_given) {
                if given != class {
                    return Err(MasterErrorKind::WrongClass);
                }
                class_given = true;
            } else {
                break;
            }
            token = next_token(lexer)?;
        }
        let rtype = Type::parse(token.text).ok_or(MasterErrorKind::UnknownType)?;
        match rtype {
            Type::MD | Type::MF => Err(MasterErrorKind::ObsoleteType),
            // Number 0 is reserved (RFC 6895 §3.1).
            _ if rtype.is_meta() || rtype.0 == 0 => Err(MasterErrorKind::MetaType),
            _ => Ok(Self { ttl, rtype }),
        }
    }
}

pub(super) fn next_token<'t>(lexer: &mut Lexer<'t, '_>) -> Result<Token<'t>, MasterErrorKind> {
    match lexer.next()? {
        Lexeme::Token(token) => Ok(token),
        Lexeme::LineEnd | Lexeme::TextEnd => Err(RdataError::Missing.into()),
    }
}
