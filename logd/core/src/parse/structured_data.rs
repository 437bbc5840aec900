//! STRUCTURED-DATA (RFC 5424 §6.3): where it ends. What is in it stays as written.

use super::skip;

/// Separates STRUCTURED-DATA from MSG. It is `None` if nil or missing, or if it doesn't end: then nobody can say where the
/// message begins, and all of it is the message.
pub(super) fn split(bytes: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let length = match bytes {
        [b'-', ..] => Some(1),
        [b'[', ..] => elements_length(bytes),
        _ => None,
    };
    match length {
        Some(length) if matches!(bytes.get(length), None | Some(b' ')) => {
            let structured_data = &bytes[..length];
            (
                (structured_data != b"-").then_some(structured_data),
                skip(bytes, length + 1),
            )
        }
        _ => (None, bytes),
    }
}

/// The length of the elements `[…][…]` at the beginning; `None` if one of them doesn't end.
fn elements_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while bytes.get(at) == Some(&b'[') {
        at += element_length(&bytes[at..])?;
    }
    Some(at)
}

/// The length of the element that begins here, from `[` to the `]` that ends it.
///
/// In a value a quote, a backslash or a bracket is escaped by a backslash (§6.3.3). A bracket that its sender forgot to
/// escape doesn't end the element either, as long as it is in quotes.
fn element_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        // Byte by byte, as values too: what is looked for is never far.
        match bytes.get(at)? {
            b']' => return Some(at + 1),
            b'"' => at += 1 + value_length(&bytes[at + 1..])?,
            _ => at += 1,
        }
    }
}

/// The length of a value and the quote that ends it; the one before it was read.
fn value_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            // What a backslash escapes is no end of anything.
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_split(bytes: &str, structured_data: Option<&str>, msg: &str) {
        assert_eq!(
            split(bytes.as_bytes()),
            (structured_data.map(str::as_bytes), msg.as_bytes()),
            "{bytes}"
        );
    }

    #[test]
    fn rfc5424_6_3_5_examples() {
        let one = r#"[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"]"#;
        let two = r#"[exampleSDID@32473 iut="3"][examplePriority@32473 class="high"]"#;
        assert_split(&format!("{one} An event"), Some(one), "An event");
        assert_split(two, Some(two), "");
        // A space between the elements: the second one is the message.
        let apart = r#"[exampleSDID@32473 iut="3"] [examplePriority@32473 class="high"]"#;
        assert_split(
            apart,
            Some(r#"[exampleSDID@32473 iut="3"]"#),
            r#"[examplePriority@32473 class="high"]"#,
        );
        assert_split("[sigSig ver=\"1\"]", Some("[sigSig ver=\"1\"]"), "");
    }

    #[test]
    fn rfc5424_6_3_nil_is_none_and_one_space_belongs_to_it() {
        assert_split("-", None, "");
        assert_split("- ", None, "");
        assert_split("- message", None, "message");
        assert_split("-  message", None, " message");
        assert_split("[] message", Some("[]"), "message");
    }

    #[test]
    fn rfc5424_6_3_3_escaped_quotes_backslashes_and_brackets_end_nothing() {
        assert_split(r#"[a b="q\"u\\o\] t"] m"#, Some(r#"[a b="q\"u\\o\] t"]"#), "m");
        assert_split(r#"[a b="x\\"] m"#, Some(r#"[a b="x\\"]"#), "m");
    }

    #[test]
    fn bracket_in_quotes_ends_nothing_though_unescaped() {
        assert_split(r#"[a b="x] y"] m"#, Some(r#"[a b="x] y"]"#), "m");
    }

    #[test]
    fn what_does_not_end_is_the_message() {
        for bytes in [
            "[unclosed message",
            r#"[a b="x\"] message"#,
            r#"[a b="x"#,
            "[",
            "[a]message",
            "message",
            "-message",
        ] {
            assert_split(bytes, None, bytes);
        }
    }
}
