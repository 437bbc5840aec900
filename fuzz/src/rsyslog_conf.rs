//! rsyslog's configuration language.

use logd_core::rsyslog_conf::{Action, Body, Object, Place, Script, StatementKind, parse};

/// Any text is read to its end, and all places lie in it.
pub fn rsyslog_conf(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (whole, errors) = parse(&text, 0);
    for error in &errors {
        lies_in(&text, error.place);
        let _ = error.kind.to_string();
    }
    script(&text, &whole);
    // What is read a second time is the same.
    assert_eq!(parse(&text, 0), (whole, errors));
}

fn script(text: &str, statements: &Script) {
    for statement in &statements.statements {
        lies_in(text, statement.place);
        match &statement.kind {
            StatementKind::Directive { name, value } => [name, value].iter().for_each(|part| lies_in(text, part.place)),
            StatementKind::Object(found) | StatementKind::Action(Action::Object(found)) => object(text, found),
            StatementKind::If {
                condition,
                then,
                otherwise,
            } => {
                lies_in(text, condition.place);
                script(text, then);
                if let Some(otherwise) = otherwise {
                    script(text, otherwise);
                }
            }
            StatementKind::Select { selector, then } => {
                lies_in(text, selector.place);
                script(text, then);
            }
            StatementKind::Property { filter, then } => {
                lies_in(text, filter.value.place);
                script(text, then);
            }
            StatementKind::Action(Action::Legacy(part) | Action::Call(part))
            | StatementKind::BsdBlock(part)
            | StatementKind::Script(part) => lies_in(text, part.place),
            StatementKind::Action(Action::Stop) => {}
        }
    }
}

fn object(text: &str, object: &Object) {
    lies_in(text, object.place);
    for parameter in &object.parameters {
        lies_in(text, parameter.place);
        parameter.values.iter().for_each(|value| lies_in(text, value.place));
    }
    match &object.body {
        None => {}
        Some(Body::Script(body)) => script(text, body),
        Some(Body::Elements { elements, .. }) => elements.iter().for_each(|element| self::object(text, element)),
    }
}

fn lies_in(text: &str, place: Place) {
    assert!(text.get(place.start..place.end).is_some(), "{place:?}");
}
