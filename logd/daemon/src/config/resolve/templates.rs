//! Templates: found by their names, compiled, and what is wrong with them said where it stands.

use std::ops::Range;

use ballast_shared::config::{Diagnostics, Span, Spanned, nearest};
use logd_core::template::{
    Property, PropertyExpr, Template, TemplateError, TemplateErrorKind, builtin_names, option_names,
};

use crate::config::spec::{FormatSpec, Named, TemplateText};

/// The templates of a configuration.
#[derive(Clone, Copy)]
pub(super) struct Templates<'s> {
    pub(super) named: &'s [Named<TemplateText>],
    /// There is a plugin, whose inventory can be asked.
    pub(super) has_plugin: bool,
}

impl<'s> Templates<'s> {
    /// The one of this name.
    pub(super) fn find(&self, name: &Spanned<String>, diagnostics: &Diagnostics) -> Option<&'s Named<TemplateText>> {
        let found = self.named.iter().find(|template| template.name == name.value);
        if found.is_none() {
            let message = format!("no template \"{}\"", name.value);
            match nearest(&name.value, self.named.iter().map(|template| template.name.as_str())) {
                Some(help) => diagnostics.error_with_help(name.span, message, help),
                None => diagnostics.error(name.span, message),
            }
        }
        found
    }

    /// The format of what is written: that of the key, or the one given.
    pub(super) fn format(
        &self,
        key: Option<&Spanned<FormatSpec>>,
        otherwise: &Template,
        diagnostics: &Diagnostics,
    ) -> Template {
        let Some(format) = key else {
            return otherwise.clone();
        };
        let compiled = match &format.value {
            FormatSpec::Template(name) => self
                .find(name, diagnostics)
                .and_then(|template| Template::parse(&template.spec.text).ok()),
            FormatSpec::Inline(name) if is_name(name) => {
                let built_in = Template::builtin(name);
                if built_in.is_none() {
                    let message = format!("no format \"{name}\"");
                    match nearest(name, builtin_names()) {
                        Some(help) => diagnostics.error_with_help(format.span, message, help),
                        None => diagnostics.error(format.span, message),
                    }
                }
                built_in
            }
            FormatSpec::Inline(text) => self.compile(text, format.span, diagnostics),
        };
        compiled.unwrap_or_else(|| otherwise.clone())
    }

    /// A template's text.
    pub(super) fn compile(&self, text: &str, span: Span, diagnostics: &Diagnostics) -> Option<Template> {
        let template = Template::parse(text)
            .map_err(|error| report(text, &error, span, diagnostics))
            .ok()?;
        if let Some(at) = template.asks_cloud_at() {
            self.check_plugin(span.part(at), diagnostics);
        }
        Some(template)
    }

    /// A property by itself, as conditions have it.
    pub(super) fn property(&self, text: &Spanned<String>, diagnostics: &Diagnostics) -> Option<PropertyExpr> {
        let property = PropertyExpr::parse(&text.value)
            .map_err(|error| report(&text.value, &error, text.span, diagnostics))
            .ok()?;
        if property.property().is_of_cloud() {
            self.check_plugin(text.span.part(property.at()), diagnostics);
        }
        Some(property)
    }

    fn check_plugin(&self, at: Span, diagnostics: &Diagnostics) {
        if !self.has_plugin {
            diagnostics.error_with_help(
                at,
                "this is known by a plugin, and none is configured",
                "write [plugin.cloud] with socket = \"/run/cloudd/plugin.sock\"",
            );
        }
    }
}

/// Whether a format is a name, right or wrong, and not a template in place: those have blanks, properties or escapes.
fn is_name(format: &str) -> bool {
    format
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Reports an error in a template, with the property or option that was probably meant.
fn report(text: &str, error: &TemplateError, span: Span, diagnostics: &Diagnostics) {
    let word = text.get(Range::clone(&error.at)).unwrap_or_default();
    let help = match error.kind {
        TemplateErrorKind::UnknownProperty => nearest(word, Property::names()),
        TemplateErrorKind::UnknownOption => nearest(word, option_names()),
        _ => None,
    };
    let span = span.part(error.at.clone());
    match help {
        Some(help) => diagnostics.error_with_help(span, error.to_string(), help),
        None => diagnostics.error(span, error.to_string()),
    }
}
