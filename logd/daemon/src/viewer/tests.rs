//! What the page's own files must keep to.

const PAGE: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("app.js");
const STYLE: &str = include_str!("style.css");

#[test]
fn nothing_is_loaded_from_elsewhere() {
    for (name, content) in [("page", PAGE), ("script", SCRIPT), ("style", STYLE)] {
        let content = content.replace("http://www.w3.org/2000/svg", "");
        for elsewhere in ["http:", "https:", "//cdn", "@import", "url("] {
            assert!(!content.contains(elsewhere), "{name} has {elsewhere}");
        }
    }
}

#[test]
fn the_policy_is_kept_without_exceptions() {
    for inline in [" style=", " onclick=", " onload=", "<style", "javascript:"] {
        assert!(!PAGE.contains(inline), "the page has {inline}");
    }
    assert_eq!(PAGE.matches("<script").count(), 1, "the one that is a file");
}

#[test]
fn no_text_becomes_html() {
    for way in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "DOMParser",
        "srcdoc",
    ] {
        assert!(!SCRIPT.contains(way), "the script has {way}");
    }
}

/// A colour's relative luminance (WCAG 2.2).
fn luminance(colour: &str) -> f64 {
    let digits = colour.trim().strip_prefix('#').unwrap();
    let digits: String = match digits.len() {
        3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
        _ => digits.to_owned(),
    };
    let part = |at: usize| f64::from(u8::from_str_radix(&digits[at..at + 2], 16).unwrap()) / 255.0;
    let linear = |part: f64| match part <= 0.04045 {
        true => part / 12.92,
        false => ((part + 0.055) / 1.055).powf(2.4),
    };
    0.2126 * linear(part(0)) + 0.7152 * linear(part(2)) + 0.0722 * linear(part(4))
}

/// A colour of the style, light and dark.
fn colours(name: &str) -> [&'static str; 2] {
    let (_, rest) = STYLE.split_once(&format!("--{name}: light-dark(")).unwrap();
    let (light, rest) = rest.split_once(',').unwrap();
    [light, rest.split_once(')').unwrap().0]
}

fn contrasts(name: &str, ground: &str) -> [f64; 2] {
    let contrast = |(one, other): (&str, &str)| {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    };
    let [light, dark] = colours(name);
    let [on_light, on_dark] = colours(ground);
    [(light, on_light), (dark, on_dark)].map(contrast)
}

#[test]
fn wcag_1_4_3_text_has_contrast_dark_and_light() {
    for name in ["ink", "soft", "severe", "err", "warning", "notice", "info", "debug"] {
        for ground in ["back", "panel", "hover", "selected"] {
            let contrasts = contrasts(name, ground);
            assert!(
                contrasts.iter().all(|contrast| *contrast >= 4.5),
                "{name} on {ground}: {contrasts:?}"
            );
        }
    }
    for (name, ground) in [("mark-ink", "mark"), ("back", "focus")] {
        assert!(
            contrasts(name, ground).iter().all(|contrast| *contrast >= 4.5),
            "{name} on {ground}"
        );
    }
}

#[test]
fn wcag_1_4_11_controls_have_edges_that_are_seen() {
    for name in ["edge", "focus"] {
        for ground in ["back", "panel"] {
            let contrasts = contrasts(name, ground);
            assert!(
                contrasts.iter().all(|contrast| *contrast >= 3.0),
                "{name} on {ground}: {contrasts:?}"
            );
        }
    }
}
