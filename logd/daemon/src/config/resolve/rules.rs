//! Rules: selectors and conditions compiled, inputs and outputs found by their names.

use ballast_shared::config::{Diagnostics, Span, Spanned, nearest};
use logd_core::filter::{Condition, Test};
use logd_core::route::{InputId, OutputId, Router, Rule, Then};
use logd_core::selector::{Selector, SelectorErrorKind, facility_names, severity_names};
use regex::bytes::Regex;

use super::outputs::Outputs;
use super::templates::Templates;
use crate::config::Input;
use crate::config::spec::{Comparison, RuleSpec, WhereSpec, is_path};

/// The compiled rules, and the name of each.
pub(super) fn resolve(
    specs: &[RuleSpec],
    inputs: &[Input],
    outputs: &mut Outputs<'_>,
    diagnostics: &Diagnostics,
) -> (Router, Vec<String>) {
    let rules = specs
        .iter()
        .map(|spec| Rule {
            selector: selector(spec.select.as_ref(), diagnostics),
            from: spec.from.as_ref().map(|names| from(names, inputs, diagnostics)),
            condition: spec
                .condition
                .as_ref()
                .and_then(|spec| condition(spec, outputs.templates(), diagnostics)),
            to: to(spec, outputs, diagnostics),
            then: then(spec, diagnostics),
        })
        .collect();
    let named = || specs.iter().filter_map(|spec| spec.name.as_ref());
    for (nth, name) in named().enumerate() {
        if let Some(first) = named().take(nth).find(|first| first.value == name.value) {
            let first = diagnostics.place(first.span);
            diagnostics.warning(name.span, format!("a rule of this name is there already, at {first}"));
        }
    }
    let name = |(index, spec): (usize, &RuleSpec)| match &spec.name {
        Some(name) => name.value.clone(),
        None => format!("rule {}", index + 1),
    };
    (Router::new(rules), specs.iter().enumerate().map(name).collect())
}

fn selector(text: Option<&Spanned<String>>, diagnostics: &Diagnostics) -> Selector {
    let Some(text) = text else { return Selector::ALL };
    Selector::parse(&text.value).unwrap_or_else(|error| {
        let word = text.value.get(error.at.clone()).unwrap_or_default();
        let help = match error.kind {
            SelectorErrorKind::UnknownFacility => nearest(word, facility_names()),
            SelectorErrorKind::UnknownSeverity => nearest(word, severity_names()),
            _ => None,
        };
        let span = text.span.part(error.at.clone());
        match help {
            Some(help) => diagnostics.error_with_help(span, error.to_string(), help),
            None => diagnostics.error(span, error.to_string()),
        }
        Selector::ALL
    })
}

fn from(names: &[Spanned<String>], inputs: &[Input], diagnostics: &Diagnostics) -> Box<[InputId]> {
    let find = |name: &Spanned<String>| {
        let found = (0..).zip(inputs).find(|(_, input)| *input.name == *name.value);
        if found.is_none() {
            let message = format!("no input \"{}\"", name.value);
            match nearest(&name.value, inputs.iter().map(|input| &*input.name)) {
                Some(help) => diagnostics.error_with_help(name.span, message, help),
                None => diagnostics.error(name.span, message),
            }
        }
        found.map(|(id, _)| InputId(id))
    };
    names.iter().filter_map(find).collect()
}

fn to(spec: &RuleSpec, outputs: &mut Outputs<'_>, diagnostics: &Diagnostics) -> Box<[OutputId]> {
    let mut find = |text: &crate::config::spec::TemplateText| {
        if is_path(&text.text) {
            outputs.by_path(text, diagnostics)
        } else {
            outputs.by_name(&text.text, text.span, diagnostics)
        }
    };
    spec.to.iter().filter_map(&mut find).collect()
}

fn then(spec: &RuleSpec, diagnostics: &Diagnostics) -> Then {
    let dropping = spec.drop.filter(|drop| drop.value);
    if let Some(drop) = dropping
        && !spec.to.is_empty()
    {
        diagnostics.error(
            drop.span,
            "a rule that drops sends nothing anywhere: `drop` and `to` exclude each other",
        );
    }
    if dropping.is_none() && !spec.stop && spec.to.is_empty() {
        diagnostics.error(
            spec.span,
            "this rule does nothing: it has no `to`, and neither `stop` nor `drop` is true",
        );
    }
    match (dropping, spec.stop) {
        (Some(_), _) => Then::Drop,
        (None, true) => Then::Stop,
        (None, false) => Then::Continue,
    }
}

fn condition(spec: &WhereSpec, templates: Templates<'_>, diagnostics: &Diagnostics) -> Option<Condition> {
    // Every part is looked at, so that every wrong one is reported.
    let all = |specs: &[WhereSpec]| {
        let read: Vec<_> = specs
            .iter()
            .map(|spec| condition(spec, templates, diagnostics))
            .collect();
        read.into_iter().collect::<Option<Vec<_>>>()
    };
    match spec {
        WhereSpec::All(specs) => all(specs).map(Condition::All),
        WhereSpec::Any(specs) => all(specs).map(Condition::Any),
        WhereSpec::Not(spec) => condition(spec, templates, diagnostics).map(|spec| Condition::Not(Box::new(spec))),
        WhereSpec::Property { property, comparison } => {
            let test = test(comparison, diagnostics);
            let property = templates.property(property, diagnostics)?;
            Some(Condition::Test { property, test: test? })
        }
    }
}

fn test(comparison: &Comparison, diagnostics: &Diagnostics) -> Option<Test> {
    let bytes = |text: &str| text.as_bytes().into();
    Some(match comparison {
        Comparison::Is(text) => Test::Is(bytes(text)),
        Comparison::Contains(text) => Test::contains(text.as_bytes()),
        Comparison::StartsWith(text) => Test::StartsWith(bytes(text)),
        Comparison::EndsWith(text) => Test::EndsWith(bytes(text)),
        Comparison::Regex(text) => Test::Regex(expression(&text.value, text.span, diagnostics)?),
        Comparison::InNetwork(networks) => Test::InNetwork(networks.as_slice().into()),
        Comparison::LessThan(limit) => Test::LessThan(*limit),
        Comparison::GreaterThan(limit) => Test::GreaterThan(*limit),
    })
}

fn expression(text: &str, span: Span, diagnostics: &Diagnostics) -> Option<Regex> {
    Regex::new(text)
        .map_err(|error| {
            // The crate draws the expression with a caret of its own above the reason; the reason is the last line.
            let printed = error.to_string();
            let reason = printed.lines().last().unwrap_or_default();
            diagnostics.error(
                span,
                format!("not a regular expression: {}", reason.trim_start_matches("error: ")),
            );
        })
        .ok()
}
