//! Who may have which secrets over the plugin's socket.

use glob::{MatchOptions, Pattern};

use super::id::SecretId;

/// `*` stays within a name, or an environment.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// What users may have. Root and the user that cloudd runs as can read what cloudd reads, and have all of it here, too.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// By the number of the user: patterns of "ENVIRONMENT/NAME".
    pub(super) allowed: Vec<(u32, Vec<Pattern>)>,
}

impl Access {
    /// Whether a user may have a secret.
    #[must_use]
    pub fn is_allowed(&self, user: u32, id: &SecretId) -> bool {
        let is_one_of_us = user == 0 || user == nix::unistd::geteuid().as_raw();
        let name = id.to_string();
        let mut patterns = self.allowed.iter().filter(|(allowed, _)| *allowed == user);
        is_one_of_us || patterns.any(|(_, all)| all.iter().any(|one| one.matches_with(&name, MATCHING)))
    }
}

/// "NAME", of this environment, or "ENVIRONMENT/NAME", either with `*`, `?` and `[…]`.
pub(super) fn read_pattern(text: &str, environment: &str) -> Option<Pattern> {
    let whole = match text.matches('/').count() {
        0 => format!("{environment}/{text}"),
        1 => text.to_owned(),
        _ => return None,
    };
    let is_pattern = !text.is_empty() && !text.contains("**");
    Pattern::new(&whole).ok().filter(|_| is_pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_named_has_nothing_and_who_is_named_what_is_said() {
        let nobody = 65_534;
        let patterns = ["tsig-*", "live/web"].map(|text| read_pattern(text, "default").unwrap());
        let access = Access {
            allowed: vec![(nobody, patterns.to_vec())],
        };
        let may = |user, text| access.is_allowed(user, &SecretId::read(text, "default").unwrap());
        assert!(may(nobody, "tsig-lan") && may(nobody, "live/web"));
        assert!(!may(nobody, "live/tsig-lan") && !may(nobody, "web") && !may(nobody, "x-tsig-lan"));
        assert!(!may(nobody - 1, "tsig-lan"));
        assert!(may(0, "anything") && may(nix::unistd::geteuid().as_raw(), "anything"));
    }

    #[test]
    fn a_star_does_not_cross_environments() {
        let pattern = read_pattern("*", "default").unwrap();
        assert!(pattern.matches_with("default/a", MATCHING) && !pattern.matches_with("live/a", MATCHING));
        for text in ["", "a/b/c", "**", "[", "**/a"] {
            assert!(read_pattern(text, "default").is_none(), "{text}");
        }
    }
}
