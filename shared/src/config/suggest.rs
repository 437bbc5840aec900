//! The name that was probably meant.

/// What to say below an unknown name: the nearest of the names that exist, or all of them if none is near and they are few.
#[must_use]
pub fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<String> {
    /// More names than this are no help on a terminal.
    const LISTED_MAX: usize = 40;

    let known: Vec<&str> = known.into_iter().collect();
    let near = known
        .iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()),
                candidate,
            )
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4);
    if let Some((_, candidate)) = near {
        return Some(format!("did you mean \"{candidate}\"?"));
    }
    match known.len() {
        0 => None,
        1..=LISTED_MAX => Some(format!("there are: {}", known.join(", "))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_names_what_was_meant() {
        assert_eq!(
            nearest("lisen", ["listen", "framing"]),
            Some("did you mean \"listen\"?".into())
        );
    }

    #[test]
    fn a_stranger_gets_the_list() {
        assert_eq!(
            nearest("xyzzy", ["listen", "framing"]),
            Some("there are: listen, framing".into())
        );
        assert_eq!(nearest("xyzzy", []), None);
    }
}
