//! The XML of answers as a tree: names without their prefixes, text, children. Attributes say nothing in these answers.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

use super::error::Malformed;

/// Elements within elements; what the services send has a dozen.
const DEPTH_MAX: usize = 64;

/// An element.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Its name.
    pub(super) name: String,
    /// Its text, with blanks at the ends taken away.
    pub(super) text: String,
    /// What is in it.
    pub(super) children: Vec<Element>,
}

impl Element {
    /// The root of a document, which has to be whole and to have this name.
    ///
    /// # Errors
    /// When it isn't.
    pub(super) fn read(octets: &[u8], root: &'static str) -> Result<Self, Malformed> {
        let element = Self::read_any(octets)?;
        match element.name == root {
            true => Ok(element),
            // Such as a page of a proxy that wants a login.
            false => Err(Malformed::Missing(root)),
        }
    }

    /// The root of a document.
    pub(super) fn read_any(octets: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(octets).map_err(|_| Malformed::Xml)?;
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Element> = Vec::new();
        let mut root = None;
        loop {
            match reader.read_event().map_err(|_| Malformed::Xml)? {
                Event::Start(start) => {
                    if open.len() == DEPTH_MAX || (open.is_empty() && root.is_some()) {
                        return Err(Malformed::Xml);
                    }
                    open.push(named(start.local_name().as_ref()));
                }
                Event::Empty(empty) => {
                    let element = named(empty.local_name().as_ref());
                    match open.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None if root.is_none() => root = Some(element),
                        None => return Err(Malformed::Xml),
                    }
                }
                // That it ends what was begun last the reader has seen to.
                Event::End(_) => {
                    let mut element = open.pop().ok_or(Malformed::Xml)?;
                    element.text.truncate(element.text.trim_end().len());
                    let blanks = element.text.len() - element.text.trim_start().len();
                    element.text.drain(..blanks);
                    match open.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None => root = Some(element),
                    }
                }
                Event::Text(text) => push(&mut open, &text.xml10_content())?,
                Event::CData(text) => push(&mut open, &text.xml10_content())?,
                Event::GeneralRef(reference) => match reference.resolve_char_ref().map_err(|_| Malformed::Xml)? {
                    Some(character) => push(&mut open, character.encode_utf8(&mut [0; 4]))?,
                    None => push(&mut open, resolve_predefined_entity(&reference).ok_or(Malformed::Xml)?)?,
                },
                // Entities of a document's own could be made to grow without end; no service sends any.
                Event::DocType(_) => return Err(Malformed::Xml),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Eof => break,
            }
        }
        match open.is_empty() {
            true => root.ok_or(Malformed::Xml),
            false => Err(Malformed::Xml),
        }
    }

    /// The first child of this name.
    #[must_use]
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The first child of this name.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn need(&self, name: &'static str) -> Result<&Self, Malformed> {
        self.child(name).ok_or(Malformed::Missing(name))
    }

    /// The text of a child, if it is there and says anything.
    #[must_use]
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name)
            .map(|child| child.text.as_str())
            .filter(|text| !text.is_empty())
    }

    /// The same, to keep.
    #[must_use]
    pub(super) fn string_of(&self, name: &str) -> Option<String> {
        self.text_of(name).map(str::to_owned)
    }

    /// The text of a child.
    ///
    /// # Errors
    /// When it is missing or says nothing.
    pub(super) fn need_text(&self, name: &'static str) -> Result<String, Malformed> {
        self.string_of(name).ok_or(Malformed::Missing(name))
    }

    /// The elements of the list in a child. A list that is not there at all has none: that is how an empty one is sent in
    /// places where it may be.
    pub(super) fn list<'a>(&'a self, name: &str, item: &'a str) -> impl Iterator<Item = &'a Self> + use<'a> {
        let list = self
            .child(name)
            .map(|list| list.children.as_slice())
            .unwrap_or_default();
        list.iter().filter(move |child| child.name == item)
    }

    /// The elements of the list in a child, which has to be there, for an answer without it is no empty list.
    ///
    /// # Errors
    /// When it isn't.
    pub(super) fn need_list<'a>(
        &'a self,
        name: &'static str,
        item: &'a str,
    ) -> Result<impl Iterator<Item = &'a Self> + use<'a>, Malformed> {
        self.need(name)?;
        Ok(self.list(name, item))
    }
}

fn named(name: &str) -> Element {
    Element {
        name: name.to_owned(),
        ..Element::default()
    }
}

/// Text outside of the root may be blanks only.
fn push(open: &mut [Element], text: &str) -> Result<(), Malformed> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() => {}
        None => return Err(Malformed::Xml),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a:R xmlns:a=\"x\">\n <set>\n  <item> a &amp; &#x62; </item><item/>\n\
                        <other/></set><nextToken/></a:R>\n";

    #[test]
    fn a_document_becomes_a_tree() {
        let root = Element::read(LIST.as_bytes(), "R").unwrap();
        let items: Vec<&str> = root
            .need_list("set", "item")
            .unwrap()
            .map(|item| item.text.as_str())
            .collect();
        assert_eq!(items, ["a & b", ""]);
        assert_eq!(root.text_of("nextToken"), None);
        assert_eq!(root.need("none").unwrap_err(), Malformed::Missing("none"));
    }

    #[test]
    fn a_document_that_is_cut_off_is_none() {
        let end = LIST.trim_end().len();
        for length in 0..end {
            assert!(Element::read(&LIST.as_bytes()[..length], "R").is_err(), "{length}");
        }
    }

    #[test]
    fn a_document_of_something_else_is_none() {
        for text in [
            "<html><body>Please log in</body></html>",
            "<R/><R/>",
            "<R/>x",
            "x<R/>",
            "<R><a></R></a>",
            "<!DOCTYPE R [<!ENTITY a \"aaaa\">]><R>&a;</R>",
            "<R>&none;</R>",
            "",
        ] {
            assert!(Element::read(text.as_bytes(), "R").is_err(), "{text}");
        }
        let deep = "<R>".repeat(100_000);
        assert_eq!(Element::read(deep.as_bytes(), "R"), Err(Malformed::Xml));
    }

    proptest! {
        #[test]
        fn no_octets_do_harm(octets: Vec<u8>) {
            let _ = Element::read_any(&octets);
        }

        #[test]
        fn nor_do_those_that_look_like_xml(text in "(<[a-c/!?]{0,3}>|&[#x0-9a-z]{0,4};|<!\\[CDATA\\[|\\]\\]>|<!--|[ a-z]){0,40}") {
            let _ = Element::read_any(text.as_bytes());
        }

        #[test]
        fn text_comes_back_as_it_went(text in "[ -~äöü€]{0,40}") {
            let document = format!("<R><a>{}</a></R>", quick_xml::escape::escape(text.as_str()));
            let root = Element::read(document.as_bytes(), "R").unwrap();
            prop_assert_eq!(root.child("a").unwrap().text.as_str(), text.trim());
        }
    }
}
