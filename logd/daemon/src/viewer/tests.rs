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
