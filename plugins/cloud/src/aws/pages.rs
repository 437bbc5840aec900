//! Lists that come in pages. A list is whole, or it is none.

use std::collections::HashSet;

use super::error::Malformed;

/// Pages of one list: a hundred thousand machines are a hundred.
const PAGES_MAX: usize = 2_000;

/// The pages of a list that were had so far. Who asks for them goes round: with the token of the next page, until none is.
pub(super) struct Pages<T> {
    list: Vec<T>,
    token: Option<String>,
    seen: HashSet<String>,
}

impl<T> Pages<T> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            list: Vec::new(),
            token: None,
            seen: HashSet::new(),
        }
    }

    /// What the next page is asked for by; the first has none.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Adds a page and the token of the next. Whether that was the last.
    pub(super) fn add(
        &mut self,
        elements: impl IntoIterator<Item = T>,
        next: Option<String>,
    ) -> Result<bool, Malformed> {
        self.list.extend(elements);
        let Some(next) = next else { return Ok(true) };
        if !self.seen.insert(next.clone()) {
            return Err(Malformed::PagesLoop);
        }
        if self.seen.len() == PAGES_MAX {
            return Err(Malformed::TooManyPages);
        }
        self.token = Some(next);
        Ok(false)
    }

    /// All of it, after the last.
    pub(super) fn into_list(self) -> Vec<T> {
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_followed_to_its_end() {
        let mut pages = Pages::new();
        assert_eq!(pages.token(), None);
        assert_eq!(pages.add([1, 2], Some("a".into())), Ok(false));
        assert_eq!(pages.token(), Some("a"));
        assert_eq!(pages.add([], Some("b".into())), Ok(false));
        assert_eq!(pages.add([3], None), Ok(true));
        assert_eq!(pages.into_list(), [1, 2, 3]);
    }

    #[test]
    fn a_list_that_goes_in_a_circle_or_does_not_end_is_none() {
        let mut circle = Pages::new();
        circle.add([()], Some("a".into())).unwrap();
        circle.add([()], Some("b".into())).unwrap();
        assert_eq!(circle.add([()], Some("a".into())), Err(Malformed::PagesLoop));
        let mut endless = Pages::new();
        let end = (0..).find_map(|count: usize| endless.add([()], Some(count.to_string())).err());
        assert_eq!(end, Some(Malformed::TooManyPages));
    }
}
