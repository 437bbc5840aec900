use std::fmt::Write;

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Script {
    let (script, errors) = parse(text, 0);
    assert_eq!(errors, [], "{text}");
    script
}

/// Each error with the text that it points at.
fn errors(text: &str) -> Vec<(SyntaxErrorKind, &str)> {
    let (_, errors) = parse(text, 0);
    errors
        .iter()
        .map(|error| (error.kind, &text[error.place.start..error.place.end]))
        .collect()
}

/// A script on one line, in a form in which its grouping shows.
fn shown(script: &Script) -> String {
    let statements: Vec<_> = script.statements.iter().map(statement).collect();
    statements.join("; ")
}

fn statement(statement: &Statement) -> String {
    match &statement.kind {
        StatementKind::Directive { name, value } => format!("${} {}", name.text, value.text),
        StatementKind::Object(object) | StatementKind::Action(Action::Object(object)) => self::object(object),
        StatementKind::If {
            condition,
            then,
            otherwise,
        } => {
            let mut text = format!("if {} {{{}}}", expression(condition), shown(then));
            if let Some(otherwise) = otherwise {
                write!(text, " else {{{}}}", shown(otherwise)).unwrap();
            }
            text
        }
        StatementKind::Select { selector, then } => format!("{} {{{}}}", selector.text, shown(then)),
        StatementKind::Property { filter, then } => format!(
            "{} {}{} '{}' {{{}}}",
            filter.property.text,
            if filter.is_negated { "!" } else { "" },
            filter.operation.text,
            filter.value.text,
            shown(then)
        ),
        StatementKind::Action(Action::Legacy(text)) => format!("<{}>", text.text),
        StatementKind::Action(Action::Stop) => "stop".to_owned(),
        StatementKind::Action(Action::Call(name)) => format!("call {}", name.text),
        StatementKind::BsdBlock(text) => format!("bsd {}", text.text),
        StatementKind::Script(text) => format!("script {}", text.text),
    }
}

fn object(object: &Object) -> String {
    let parameters = object.parameters.iter().map(|parameter| {
        let values: Vec<_> = parameter.values.iter().map(|value| value.text.as_str()).collect();
        format!("{}={}", parameter.name.text, values.join("|"))
    });
    let text = format!("{}({})", object.name.text, parameters.collect::<Vec<_>>().join(" "));
    match &object.body {
        None => text,
        Some(Body::Script(script)) => format!("{text} {{{}}}", shown(script)),
        Some(Body::Elements { elements, .. }) => {
            let elements: Vec<_> = elements.iter().map(self::object).collect();
            format!("{text} {{{}}}", elements.join(" "))
        }
    }
}

fn expression(expression: &Expression) -> String {
    let all = |parts: &[Expression]| parts.iter().map(self::expression).collect::<Vec<_>>().join(" ");
    match &expression.kind {
        ExpressionKind::And(parts) => format!("(and {})", all(parts)),
        ExpressionKind::Or(parts) => format!("(or {})", all(parts)),
        ExpressionKind::Not(inner) => format!("(not {})", self::expression(inner)),
        ExpressionKind::Compare { left, operator, right } => {
            format!("({operator:?} {} {})", self::expression(left), self::expression(right))
        }
        ExpressionKind::Arithmetic(parts) => format!("(arithmetic {})", all(parts)),
        ExpressionKind::Text(text) => format!("'{text}'"),
        ExpressionKind::Number(number) => number.to_string(),
        ExpressionKind::Array(values) => {
            let values: Vec<_> = values.iter().map(|value| value.text.as_str()).collect();
            format!("[{}]", values.join(" "))
        }
        ExpressionKind::Variable(name) => format!("${name}"),
        ExpressionKind::Call { function, arguments } => format!("{}({})", function.text, all(arguments)),
    }
}

#[test]
fn a_directive_in_front_of_an_and_is_for_the_action_behind_it() {
    let script = read("*.* @@a\n$ActionX on\n# spare\n& @@b\n& /c\n$ActionX off\nmail.* /m\n");
    assert_eq!(
        shown(&script),
        "*.* {<@@a>; $ActionX on; <@@b>; </c>}; $ActionX off; mail.* {</m>}"
    );
}

#[test]
fn legacy_lines_are_told_apart() {
    let script = read(concat!(
        "$ModLoad imtcp # TCP\n$FileOwner root\n",
        "auth,authpriv.*\t/var/log/auth.log\n",
        "*.*;auth.none -/var/log/syslog;FORMAT # comment\n",
        "kern.*;*.!=err\t|/dev/xconsole\n*.emerg :omusrmsg:*\n*.alert *\n*.crit root,adm\n",
        "*.* @@(o)[::1]:514;F\n:msg, !contains, \"a \\\"b\\\\c\" ~\n!cron\n+host\n",
    ));
    assert_eq!(
        shown(&script),
        concat!(
            "$ModLoad imtcp; $FileOwner root; auth,authpriv.* {</var/log/auth.log>}; ",
            "*.*;auth.none {<-/var/log/syslog;FORMAT>}; kern.*;*.!=err {<|/dev/xconsole>}; ",
            "*.emerg {<:omusrmsg:*>}; *.alert {<*>}; *.crit {<root,adm>}; *.* {<@@(o)[::1]:514;F>}; ",
            "msg !contains 'a \"b\\c' {stop}; bsd !cron; bsd +host",
        )
    );
}

#[test]
fn a_backslash_joins_lines_and_places_are_those_of_the_file() {
    let text = "daemon,mail.*;\\\n   news.=crit;\\\n\t*.=warn   /dev/tty8\nx\n";
    let (script, errors) = parse(text, 0);
    assert_eq!(shown(&script), "daemon,mail.*;news.=crit;*.=warn {</dev/tty8>}; <x>");
    assert_eq!(errors, []);
    let StatementKind::Select { selector, then } = &script.statements[0].kind else {
        panic!()
    };
    assert_eq!(
        &text[selector.place.start..selector.place.end],
        "daemon,mail.*;\\\n   news.=crit;\\\n\t*.=warn"
    );
    let place = then.statements[0].place;
    assert_eq!(&text[place.start..place.end], "/dev/tty8");
    let commented = read("#*.* /a;\\\n   b\nmail.* /c");
    assert_eq!(shown(&commented), "mail.* {</c>}");
    assert_eq!(commented.statements[0].comments[0].lines, ["*.* /a;b"]);
}

#[test]
fn an_ampersand_adds_an_action_and_filters_nest() {
    assert_eq!(
        shown(&read(
            "mail.* /a\n& /b\n# why\n& stop\nmail.err {\n  /c\n  *.=err /d\n  }\n/e"
        )),
        "mail.* {</a>; </b>; stop}; mail.err {</c>; *.=err {</d>}}; </e>"
    );
}

#[test]
fn and_and_or_bind_alike_and_not_binds_tighter_than_a_comparison() {
    let of = |text: &str| shown(&read(&format!("if {text} then stop")));
    assert_eq!(
        of("$a == 1 or $b == 2 and $c == 3"),
        "if (and (or (Equal $a 1) (Equal $b 2)) (Equal $c 3)) {stop}"
    );
    assert_eq!(
        of("$a == 1 or ($b == 2 and $c == 3)"),
        "if (or (Equal $a 1) (and (Equal $b 2) (Equal $c 3))) {stop}"
    );
    assert_eq!(of("not $msg contains 'x'"), "if (Contains (not $msg) 'x') {stop}");
    assert_eq!(
        of("NOT ($msg CONTAINS_I \"x\")"),
        "if (not (ContainsAnyCase $msg 'x')) {stop}"
    );
    assert_eq!(
        of("$x + 2 * -3 <> 0x1f"),
        "if (NotEqual (arithmetic (arithmetic $x 2) (arithmetic 3)) 31) {stop}"
    );
    assert_eq!(
        of("re_match($msg, 'a\\'\\\\.\\x41') or $!a!b == ['x', \"y\"]"),
        "if (or re_match($msg 'a'\\.A') (Equal $!a!b [x y])) {stop}"
    );
}

#[test]
fn else_belongs_to_the_nearest_if_and_what_follows_to_none() {
    assert_eq!(
        shown(&read(
            "if $a == 1 then\n  /a\nelse if $b == 2 then {\n  /b\n} else /c\n/d"
        )),
        "if (Equal $a 1) {</a>} else {if (Equal $b 2) {</b>} else {</c>}}; </d>"
    );
}

#[test]
fn objects_have_parameters_lists_and_bodies() {
    assert_eq!(
        shown(&read(
            concat!(
                "module(load=\"imtcp\" # comment\n  MaxSessions=\"5\")\nruleset(name=\"r\") {\n  *.* /a\n  stop\n}\n",
                "action(type=\"omfwd\" Target=[\"a\", \"b\"])\n& stop\n",
                "template(name=\"t\" type=\"list\") {\n  constant(value=\"a\\n\")\n  property(name=\"msg\")\n}\n",
                "template(name=\"s\" type=\"string\" string=\"%msg%\\n\")\n{\n",
            )
            .trim_end_matches("\n{\n")
        )),
        concat!(
            "module(load=imtcp MaxSessions=5); ruleset(name=r) {*.* {</a>}; stop}; action(type=omfwd Target=a|b); stop; ",
            "template(name=t type=list) {constant(value=a\n) property(name=msg)}; ",
            "template(name=s type=string string=%msg%\n)",
        )
    );
}

#[test]
fn scripts_of_variables_are_passed_as_a_whole() {
    assert_eq!(
        shown(&read(
            "set $.x = \"a;b\" & 'c';\nforeach ($.i in $!do_it) do {\n  /a\n}\ncontinue\nreload_lookup_table(\"a\", \"b\")\n/b"
        )),
        "script set; script foreach; script continue; script reload_lookup_table; </b>"
    );
}

#[test]
fn comments_belong_to_what_they_stand_above_or_behind() {
    let script = read(
        "# above\n\n#  apart\n*.* /a # behind\n/* of\n * b */\nif $x == 1 then {\n  # inside\n  /b\n  # end\n}\n# last\n",
    );
    let [a, b] = &script.statements[..] else { panic!() };
    assert_eq!(a.comments[0].lines, ["above"]);
    assert!(!a.comments[0].is_apart && a.comments[1].is_apart);
    assert_eq!(a.comments[1].lines, [" apart"]);
    let StatementKind::Select { then, .. } = &a.kind else {
        panic!()
    };
    assert_eq!(then.statements[0].comments_behind[0].lines, ["behind"]);
    assert_eq!(b.comments[0].lines, ["of", "b"]);
    let StatementKind::If { then, .. } = &b.kind else {
        panic!()
    };
    assert_eq!(then.statements[0].comments[0].lines, ["inside"]);
    assert_eq!(then.comments[0].lines, ["end"]);
    assert_eq!(script.comments[0].lines, ["last"]);
}

#[test]
fn all_errors_are_found_at_once() {
    use SyntaxErrorKind::*;
    assert_eq!(
        errors("}\n*.* /a\nmail.*\n"),
        [(StrayClose, "}"), (MissingAction, "mail.*")]
    );
    assert_eq!(
        errors("if $a == then /x\nmodule(load=5)\n"),
        [(ExpectedValue, "t"), (ExpectedValue, "5")]
    );
    assert_eq!(
        errors("if $a == 1 stop\n& stop\nelse stop"),
        [(MissingThen, "$a == 1"), (StrayAnd, "&"), (StrayElse, "else")]
    );
    assert_eq!(
        errors("}}\n(x\n:msg, contains, \"x\n"),
        [
            (StrayClose, "}"),
            (StrayClose, "}"),
            (NoStatement, "(x"),
            (UnclosedString, "\"")
        ]
    );
    assert_eq!(errors("if $a == 'x\\y' then stop"), [(BadEscape, "\\y")]);
    assert_eq!(errors("x(a=\"b"), [(UnclosedString, "\"")]);
    assert_eq!(errors("x(a=\"b\""), [(UnclosedParenthesis, "(")]);
    assert_eq!(errors("ruleset(name=\"x\") {\n*.* /a"), [(UnclosedBlock, "{")]);
    assert_eq!(errors("/* x"), [(UnclosedComment, "/*")]);
    assert_eq!(errors("x(a=`echo $Y`)"), [(Backticks, "`echo $Y`")]);
}

#[test]
fn what_is_nested_too_deep_is_refused_and_does_not_take_the_stack() {
    let too_deep = |text: String| {
        let (_, errors) = parse(&text, 0);
        assert!(
            errors.iter().any(|error| error.kind == SyntaxErrorKind::NestedTooDeep),
            "{errors:?}"
        );
    };
    too_deep(format!("if {}$a == 1", "(".repeat(100_000)));
    too_deep(format!("if {}$a == 1", "not ".repeat(100_000)));
    too_deep(format!("if $a {}then stop", "== 1 ".repeat(100_000)));
    too_deep(format!("if $a {}then stop", "and 1 or 1 ".repeat(100_000)));
    too_deep("if $a == 1 then ".repeat(100_000));
    too_deep("if $a == 1 then stop else ".repeat(100_000));
    too_deep("mail.* {\n".repeat(100_000));
    too_deep("ruleset(name=\"x\") {\n".repeat(100_000));
    let wide = format!("if $a == 1 {}then stop", "or $a == 1 ".repeat(10_000));
    assert_eq!(parse(&wide, 0).1, []);
}

/// Text that is more often a configuration than any text is.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "if ",
        "then ",
        "else ",
        "$msg ",
        "== ",
        "'x' ",
        "and ",
        "or ",
        "not ",
        "(",
        ")",
        "{",
        "}",
        "stop\n",
        "~\n",
        "& ",
        "mail.* ",
        "*.* ",
        "/var/log/x\n",
        "\n",
        "#c\n",
        "/*",
        "*/",
        ":msg, contains, \"x\" ",
        "$FileOwner root\n",
        "module(",
        "template(",
        "ruleset(",
        "action(",
        "property(",
        "name=\"x\" ",
        "[",
        "]",
        "\"",
        "'",
        "\\",
        "\\\n",
        "set $.x = 1;",
        "foreach ",
        "do ",
        "call x\n",
        "!x\n",
        "contains ",
        "5 ",
        "@@host\n",
        "\u{e9}",
        "`",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn any_text_is_read(text: &str) -> Result<(), TestCaseError> {
    let (script, errors) = parse(text, 7);
    for error in &errors {
        prop_assert!(text.get(error.place.start..error.place.end).is_some(), "{error:?}");
    }
    for statement in &script.statements {
        let place = statement.place;
        prop_assert!(text.get(place.start..place.end).is_some(), "{statement:?}");
        prop_assert_eq!(place.file, 7);
    }
    Ok(())
}

#[test]
fn an_error_at_the_end_of_a_continued_text_is_in_the_text() {
    for text in ["if not if (\\\n\n", "if not if (\\\n \t\r\n", "if (\\\n", "if (\\"] {
        any_text_is_read(text).unwrap();
        assert!(!parse(text, 7).1.is_empty(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_to_its_end(text in any::<String>()) {
        any_text_is_read(&text)?;
    }

    #[test]
    fn any_pieces_of_a_configuration_are_read_to_their_end(text in pieces()) {
        any_text_is_read(&text)?;
    }

    #[test]
    fn a_string_says_what_was_quoted(value in "[ -~\u{e9}\n\t]{0,40}") {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
        let script = read(&format!("global(x=\"{quoted}\")"));
        prop_assert_eq!(&script.statements[0].object().unwrap().value("x").unwrap().text, &value);
    }
}
