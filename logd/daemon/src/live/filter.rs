//! Which messages somebody wants to see: the same for `tail`, the live page and, but for the text, the search.

use logd_core::selector::SEVERITY_TEXT;
use memchr::memmem::Finder;
use regex::bytes::Regex;

/// Which messages are wanted; what is not set takes all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) fields: Fields,
    /// What the text holds. It is not looked for on the log path: it may take long.
    pub(crate) text: Option<Regex>,
}

/// The part of a filter that the log path looks at: in time linear in the names, whoever chose them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    pub(crate) host: Option<Pattern>,
    pub(crate) program: Option<Pattern>,
    /// This severity and what is more severe, by number.
    pub(crate) severity: Option<u8>,
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

/// A longer name is compared up to here: those of hosts have 255 octets at most (RFC 1035 §3.1), those of files too.
const NAME_BYTES_MAX: usize = 256;

/// A name in full, in any case, or with `*` for any part of it.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    /// What stands between the asterisks, in small letters, ready to be found.
    parts: Box<[Finder<'static>]>,
}

impl Filter {
    /// Whether it is wanted.
    pub(crate) fn takes(&self, facts: &Facts<'_>) -> bool {
        self.fields.take(facts) && has_text(self.text.as_ref(), facts.msg)
    }
}

/// Whether a message's text holds what is looked for.
pub(super) fn has_text(text: Option<&Regex>, msg: &[u8]) -> bool {
    text.is_none_or(|text| text.is_match(msg))
}

impl Fields {
    /// Whether they are those of a message that is wanted.
    pub(crate) fn take(&self, facts: &Facts<'_>) -> bool {
        self.severity
            .is_none_or(|most| facts.severity.is_some_and(|severity| severity <= most))
            && self.host.as_ref().is_none_or(|host| host.matches(facts.host))
            && self
                .program
                .as_ref()
                .is_none_or(|program| program.matches(facts.program))
    }
}

impl Pattern {
    /// Reads it; the empty one takes everything and so is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let finder = |part: &str| Finder::new(part.to_ascii_lowercase().as_bytes()).into_owned();
        let parts = text.split('*').map(finder).collect::<Vec<_>>();
        let last = parts.len() - 1;
        // Two asterisks are as one.
        let says_something =
            |(place, part): &(usize, Finder<'_>)| [0, last].contains(place) || !part.needle().is_empty();
        let parts = parts.into_iter().enumerate().filter(says_something);
        (!text.is_empty()).then(|| Self {
            parts: parts.map(|(_, part)| part).collect(),
        })
    }

    /// Whether this is such a name.
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        let mut buffer = [0; NAME_BYTES_MAX];
        let name = &name[..name.len().min(NAME_BYTES_MAX)];
        let small = &mut buffer[..name.len()];
        small.copy_from_slice(name);
        small.make_ascii_lowercase();
        let name = &*small;
        let [first, between @ .., last] = &*self.parts else {
            return self.parts.iter().all(|whole| name == whole.needle());
        };
        let Some(mut rest) = name.strip_prefix(first.needle()) else {
            return false;
        };
        for part in between {
            // The first place that fits is as good as any: what follows has all the more room.
            let Some(at) = part.find(rest) else {
                return false;
            };
            rest = &rest[at + part.needle().len()..];
        }
        rest.ends_with(last.needle())
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
        assert!(Pattern::parse("").is_none());
    }

    #[test]
    fn names_are_compared_up_to_a_bounded_length() {
        let pattern = Pattern::parse("*b").unwrap();
        let long = |length: usize| "a".repeat(length - 1) + "b";
        assert!(pattern.matches(long(NAME_BYTES_MAX).as_bytes()));
        assert!(
            !pattern.matches(long(NAME_BYTES_MAX + 1).as_bytes()),
            "the rest is not looked at"
        );
        // Each part is looked for once, and as many asterisks as there may be are one.
        let asterisks = Pattern::parse(&format!("b{}", "*".repeat(64 << 10))).unwrap();
        assert_eq!(asterisks.parts.len(), 2);
        assert!(asterisks.matches(b"B52") && !asterisks.matches(b"a52"));
    }

    #[test]
    fn what_has_no_severity_is_not_known_to_be_severe() {
        let errors = Fields {
            severity: severity("err"),
            ..Fields::default()
        };
        let of = |severity| Facts {
            host: b"h",
            program: b"p",
            severity,
            msg: b"",
        };
        assert!(errors.take(&of(Some(2))) && errors.take(&of(Some(3))));
        assert!(!errors.take(&of(Some(4))) && !errors.take(&of(None)));
        assert!(Filter::default().takes(&of(None)));
    }
}
