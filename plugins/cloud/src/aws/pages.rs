//! Lists that come in pages. A list is whole, or it is none.

use std::collections::HashSet;

use super::error::{Error, Malformed};

/// Pages of one list: a hundred thousand machines are a hundred.
const PAGES_MAX: usize = 2_000;

/// Follows a list to its end. `page` is given the token of the page, which the first has none of, and gives the page's
/// elements with the token of the next.
pub(super) async fn all<T>(
    mut page: impl AsyncFnMut(Option<&str>) -> Result<(Vec<T>, Option<String>), Error>,
) -> Result<Vec<T>, Error> {
    let mut list = Vec::new();
    let mut seen = HashSet::new();
    let mut token: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let (elements, next) = page(token.as_deref()).await?;
        list.extend(elements);
        let Some(next) = next else { return Ok(list) };
        if !seen.insert(next.clone()) {
            return Err(Malformed::PagesLoop.into());
        }
        token = Some(next);
    }
    Err(Malformed::TooManyPages.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_list_is_followed_to_its_end() {
        let mut tokens = Vec::new();
        let list = all(async |token| {
            tokens.push(token.map(str::to_owned));
            let next = (tokens.len() < 3).then(|| tokens.len().to_string());
            Ok((vec![tokens.len()], next))
        })
        .await;
        assert_eq!(list, Ok(vec![1, 2, 3]));
        assert_eq!(tokens, [None, Some("1".into()), Some("2".into())]);
    }

    #[tokio::test]
    async fn a_list_that_goes_in_a_circle_or_does_not_end_is_none() {
        let circle = all(async |token| {
            let next = if token == Some("a") { "b" } else { "a" };
            Ok((vec![()], Some(next.to_owned())))
        });
        assert_eq!(circle.await, Err(Malformed::PagesLoop.into()));
        let mut count = 0;
        let endless = all(async |_| {
            count += 1;
            Ok((vec![()], Some(count.to_string())))
        });
        assert_eq!(endless.await, Err(Malformed::TooManyPages.into()));
    }

    #[tokio::test]
    async fn a_page_that_fails_leaves_no_list() {
        let list = all(async |token| match token {
            None => Ok((vec![1], Some("a".to_owned()))),
            Some(_) => Err(Error::TooLate),
        });
        assert_eq!(list.await, Err(Error::TooLate));
    }
}
