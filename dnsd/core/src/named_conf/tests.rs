use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Block {
    let (block, errors) = parse(text, 0);
    assert_eq!(errors, [], "{text}");
    block
}

/// Each error with the text that it points at.
fn errors(text: &str) -> Vec<(SyntaxErrorKind, &str)> {
    let (_, errors) = parse(text, 0);
    errors
        .iter()
        .map(|error| (error.kind, &text[error.place.start..error.place.end]))
        .collect()
}

fn shown(block: &Block) -> Vec<String> {
    block.statements.iter().map(ToString::to_string).collect()
}

#[test]
fn statements_have_words_strings_and_blocks() {
    let block = read("zone \"example.net\" IN { type master; file \"db.example.net\"; }; listen-on port 53{any;};");
    assert_eq!(
        shown(&block),
        [
            "zone \"example.net\" IN { type master; file \"db.example.net\"; }",
            "listen-on port 53 { any; }"
        ]
    );
    let zone = &block.statements[0];
    assert!(zone.is("ZONE"));
    assert!(zone.word(1).unwrap().is_quoted);
    assert!(
        zone.block()
            .unwrap()
            .last("type")
            .unwrap()
            .word(1)
            .unwrap()
            .is("master")
    );
    assert_eq!(block.statements[1].after("port").unwrap().text, "53");
}

#[test]
fn a_quoted_word_is_no_keyword() {
    let block = read("\"zone\" x;");
    assert!(!block.statements[0].is("zone"));
}

#[test]
fn a_block_may_stand_between_words() {
    let block = read("inet 127.0.0.1 port 953 allow { localhost; } keys { \"rndc-key\"; };");
    assert_eq!(block.statements[0].words().count(), 6);
    assert_eq!(block.statements[0].parts.len(), 8);
}

#[test]
fn exclusions_stand_before_words_and_blocks() {
    let block = read("acl a { !10.0.0.1; ! key k; !{ 10/8; }; };");
    assert_eq!(shown(&block), ["acl a { !10.0.0.1; !key k; !{ 10/8; }; }"]);
}

#[test]
fn a_quote_is_escaped_and_other_backslashes_stay() {
    let block = read(
        r#"version "a \"b\" \\ c\d"; "two
lines";"#,
    );
    assert_eq!(block.statements[0].word(1).unwrap().text, r#"a "b" \\ c\d"#);
    assert_eq!(block.statements[1].word(0).unwrap().text, "two\nlines");
}

#[test]
fn comments_of_three_kinds_begin_anywhere_but_in_strings() {
    let block = read("a//one\nb #two\n c/* three */\"//four#\"/5;");
    assert_eq!(shown(&block), ["a b c \"//four#\" /5"]);
    let lines: Vec<&str> = block.statements[0]
        .comments
        .iter()
        .map(|comment| comment.lines[0].as_str())
        .collect();
    assert_eq!(lines, ["one", "two", "three"]);
}

#[test]
fn comments_belong_to_what_they_stand_above_or_behind() {
    let block = read("# above\n\n// apart\na; // behind\n# of b\nb { /* inside\n * and more\n */ };\n# last");
    let [a, b] = &block.statements[..] else { panic!() };
    assert_eq!(a.comments.len(), 2);
    assert!(!a.comments[0].is_apart && a.comments[1].is_apart);
    assert_eq!(a.comments_behind[0].lines, ["behind"]);
    assert_eq!(b.comments[0].lines, ["of b"]);
    assert_eq!(b.block().unwrap().comments[0].lines, ["inside", "and more"]);
    assert_eq!(block.comments[0].lines, ["last"]);
}

#[test]
fn all_errors_are_found_at_once() {
    use SyntaxErrorKind::*;
    assert_eq!(
        errors("a { b }; ; c"),
        [(MissingSemicolon, "b"), (EmptyStatement, ";"), (MissingSemicolon, "c")]
    );
    assert_eq!(
        errors("}; a; }"),
        [(StrayClose, "}"), (EmptyStatement, ";"), (StrayClose, "}")]
    );
    assert_eq!(errors("a { b { c;"), [(UnclosedBlock, "{")]);
    assert_eq!(errors("a { b \"c;\n"), [(UnclosedString, "\"")]);
    assert_eq!(errors("a; /* b"), [(UnclosedComment, "/*")]);
}

#[test]
fn what_stands_around_an_error_is_read() {
    let (block, errors) = parse("a { b c; d }; } e;", 0);
    assert_eq!(errors.len(), 2);
    assert_eq!(shown(&block), ["a { b c; d; }", "e"]);
}

#[test]
fn nesting_has_a_bound() {
    let text = format!("a {}{};", "{".repeat(100_000), "}".repeat(100_000));
    let (_, errors) = parse(&text, 0);
    let kinds: Vec<SyntaxErrorKind> = errors.iter().map(|error| error.kind).collect();
    assert!(kinds.contains(&SyntaxErrorKind::NestedTooDeep));
    let text = format!("a {}b;{};", "{".repeat(DEPTH_MAX), "};".repeat(DEPTH_MAX - 1) + "}");
    assert_eq!(parse(&text, 0).1, []);
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in "([a-c{};!\"#/* \\\\\n.]|//|/\\*|\\*/|é){0,60}") {
        let (block, errors) = parse(&text, 0);
        for error in &errors {
            prop_assert!(text.get(error.place.start..error.place.end).is_some());
        }
        for statement in &block.statements {
            prop_assert!(text.get(statement.place.start..statement.place.end).is_some());
        }
        if errors.is_empty() {
            // What is printed means the same.
            let printed: String = block.statements.iter().map(|statement| format!("{statement};\n")).collect();
            prop_assume!(!printed.contains('\\'));
            let (again, errors) = parse(&printed, 0);
            prop_assert_eq!(errors, []);
            prop_assert_eq!(shown(&again), shown(&block));
        }
    }
}
