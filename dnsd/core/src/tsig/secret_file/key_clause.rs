//! BIND's `key "NAME" { algorithm …; secret "…"; };`, as `tsig-keygen` and `rndc-confgen` write it.

use super::{KeyMaterial, Read, SecretFileProblem};
use crate::name::Name;
use crate::named_conf::{Block, Statement, Word, parse};
use crate::tsig::Secret;

pub(super) fn read(text: &str, name: &Name) -> Read {
    let (block, errors) = parse(text, 0);
    if let Some(error) = errors.first() {
        return Err((error.place.start, SecretFileProblem::Syntax(error.kind)));
    }
    let mut clauses = block.all("key").filter(|clause| is_for(clause, name));
    let clause = clauses.next().ok_or((0, SecretFileProblem::NoSuchKey))?;
    if let Some(second) = clauses.next() {
        return Err((second.place.start, SecretFileProblem::SecondKey));
    }
    let at = clause.place.start;
    let body = clause.block().ok_or((at, SecretFileProblem::NoSecret))?;
    let algorithm = value(body, "algorithm").ok_or((at, SecretFileProblem::NoAlgorithm))?;
    let secret = value(body, "secret").ok_or((at, SecretFileProblem::NoSecret))?;
    Ok(KeyMaterial {
        algorithm: Some(algorithm.text.parse().map_err(|error| {
            let problem = SecretFileProblem::Algorithm(error);
            (algorithm.place.start, problem)
        })?),
        secret: Secret::from_base64(secret.text.as_bytes()).map_err(|error| {
            let problem = SecretFileProblem::Secret(error);
            (secret.place.start, problem)
        })?,
    })
}

fn is_for(clause: &Statement, name: &Name) -> bool {
    let word = clause.word(1);
    word.is_some_and(|word| word.text.parse::<Name>().is_ok_and(|found| found == *name))
}

/// The word behind the name of a statement.
fn value<'b>(body: &'b Block, statement: &'b str) -> Option<&'b Word> {
    body.last(statement)?.word(1)
}
