//! Which messages somebody wants to see: the same for `tail`, the live page and, but for the text, the search.

use logd_core::selector::SEVERITY_TEXT;
use regex::bytes::Regex;

/// Which messages are wanted; what is not set takes all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) host: Option<Pattern>,
    pub(crate) program: Option<Pattern>,
    /// This severity and what is more severe, by number.
    pub(crate) severity: Option<u8>,
    /// What the text holds.
    pub(crate) text: Option<Regex>,
}

/// What filters look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'m> {
    pub(crate) host: &'m [u8],
    pub(crate) program: &'m [u8],
    /// `None` where it is not known.
    pub(crate) severity: Option<u8>,
    pub(crate) msg: &'m [u8],
}

/// A name in full, in any case, or with `*` for any part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// What stands between the asterisks.
    parts: Box<[Box<[u8]>]>,
}

impl Filter {
    /// Whether it is wanted.
    pub(crate) fn takes(&self, facts: &Facts<'_>) -> bool {
        self.severity
            .is_none_or(|most| facts.severity.is_some_and(|severity| severity <= most))
            && self.host.as_ref().is_none_or(|host| host.matches(facts.host))
            && self
                .program
                .as_ref()
                .is_none_or(|program| program.matches(facts.program))
            && self.text.as_ref().is_none_or(|text| text.is_match(facts.msg))
    }
}

impl Pattern {
    /// Reads it; the empty one takes everything and so is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts = || {
            text.split('*')
                .map(|part| part.to_ascii_lowercase().into_bytes().into())
        };
        (!text.is_empty()).then(|| Self {
            parts: parts().collect(),
        })
    }

    /// Whether this is such a name.
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        let [first, between @ .., last] = &*self.parts else {
            return self.parts.iter().all(|whole| name.eq_ignore_ascii_case(whole));
        };
        let begins = |name: &[u8], with: &[u8]| name.get(..with.len()).is_some_and(|n| n.eq_ignore_ascii_case(with));
        if !begins(name, first) {
            return false;
        }
        let mut rest = &name[first.len()..];
        for part in between {
            // The first place that fits is as good as any: what follows has all the more room.
            let Some(at) = (0..=rest.len()).find(|&at| begins(&rest[at..], part)) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
        rest.len() >= last.len() && rest[rest.len() - last.len()..].eq_ignore_ascii_case(last)
    }
}

/// The number of a severity's name, as messages have it (RFC 5424 §6.2.1) or as selectors may abbreviate it.
pub(crate) fn severity(name: &str) -> Option<u8> {
    let name = match name {
        "panic" => "emerg",
        "error" => "err",
        "warn" => "warning",
        other => other,
    };
    let found = SEVERITY_TEXT.iter().position(|known| *known == name)?;
    u8::try_from(found).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_whole_name_in_any_case_or_has_asterisks() {
        let matches = |pattern: &str, name: &str| Pattern::parse(pattern).unwrap().matches(name.as_bytes());
        assert!(matches("web1", "WEB1") && !matches("web1", "web10") && !matches("web", "web1"));
        assert!(
            matches("web*", "web10") && matches("*", "") && matches("*.net", "a.net") && !matches("*.net", "a.network")
        );
        assert!(matches("w*b*1", "web-1") && !matches("w*b*1", "web-2"));
        assert!(!matches("ab*ba", "aba"), "the two ends do not share a byte");
        assert_eq!(Pattern::parse(""), None);
    }

    #[test]
    fn what_has_no_severity_is_not_known_to_be_severe() {
        let errors = Filter {
            severity: severity("err"),
            ..Filter::default()
        };
        let of = |severity| Facts {
            host: b"h",
            program: b"p",
            severity,
            msg: b"",
        };
        assert!(errors.takes(&of(Some(2))) && errors.takes(&of(Some(3))));
        assert!(!errors.takes(&of(Some(4))) && !errors.takes(&of(None)));
        assert!(Filter::default().takes(&of(None)));
    }
}
