//! What plugins' inventories say of senders.

use crate::cloud::{Fact, Host, Sender, State};
use crate::filter::{Condition, Test};
use crate::path::PathTemplate;
use crate::template::fixture::Fixture;
use crate::template::{PropertyExpr, Template, TemplateErrorKind};

fn host(group: &str) -> Host {
    let fact = |fact| match fact {
        Fact::Id => "i-0a1b",
        Fact::Name => "web 1",
        Fact::Group => group,
        Fact::Zone => "eu-west-1a",
        Fact::Type => "m5.large",
        Fact::Vpc | Fact::Subnet => "",
        Fact::Lifecycle => "spot",
    };
    Host::new(fact, [("Role", "gpu"), ("aws:stack", "farm"), ("100%", "yes")])
}

fn known(host: &Host) -> Fixture<'_> {
    Fixture {
        cloud: Sender {
            host: Some(host),
            fallback: "elsewhere",
            state: State::Stale,
        },
        ..Fixture::default()
    }
}

fn unknown(fallback: &str) -> Fixture<'_> {
    Fixture {
        cloud: Sender {
            host: None,
            fallback,
            state: State::Expired,
        },
        ..Fixture::default()
    }
}

fn rendered(text: &str, fixture: &Fixture<'_>) -> String {
    let mut out = Vec::new();
    Template::parse(text).unwrap().render(&fixture.context(), &mut out);
    String::from_utf8(out).unwrap()
}

fn path(text: &str, fixture: &Fixture<'_>) -> String {
    let mut out = Vec::new();
    let path = PathTemplate::new(&Template::parse(text).unwrap()).unwrap();
    path.render(&fixture.context(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn facts_are_properties_like_others() {
    let host = host("workers");
    for (text, expected) in [
        (
            "%cloud-id% %cloud-name% %cloud-group% %cloud-zone%",
            "i-0a1b web 1 workers eu-west-1a",
        ),
        (
            "%cloud-type% %cloud-lifecycle% [%cloud-vpc%%cloud-subnet%] %cloud-state%",
            "m5.large spot [] stale",
        ),
        ("%cloud-id:1:4:uppercase%", "I-0A"),
        ("%CLOUD-ID:::jsonf%", "\"CLOUD-ID\":\"i-0a1b\""),
    ] {
        assert_eq!(rendered(text, &known(&host)), expected, "{text}");
    }
}

#[test]
fn labels_are_named_behind_the_property() {
    let host = host("workers");
    for (text, expected) in [
        ("%cloud-label:Role%", "gpu"),
        ("%cloud-label:role%", ""),
        ("%cloud-label:Role:1:2:uppercase%", "GP"),
        ("%cloud-label:\"aws:stack\"%", "farm"),
        ("%cloud-label:\"100%\":::uppercase%", "YES"),
        ("%cloud-label:Role:::jsonf%", "\"cloud-label:Role\":\"gpu\""),
        ("%cloud-label:Role:::jsonf:role%", "\"role\":\"gpu\""),
        ("%cloud-label:Role:::sp-if-no-1st-sp%", " "),
    ] {
        assert_eq!(rendered(text, &known(&host)), expected, "{text}");
    }
}

#[test]
fn a_label_without_a_name_is_an_error_where_it_stands() {
    use TemplateErrorKind::{MissingLabel, UnclosedLabel, UnclosedProperty};
    for (text, kind, at) in [
        ("x %cloud-label%", MissingLabel, 3..14),
        ("x %cloud-label:%", MissingLabel, 3..15),
        ("x %cloud-label::1:2%", MissingLabel, 3..15),
        ("%cloud-label:\"Role%", UnclosedLabel, 13..19),
        ("%cloud-label:Role", UnclosedProperty, 0..17),
    ] {
        let error = Template::parse(text).unwrap_err();
        assert_eq!((error.kind, error.at), (kind, at), "{text}");
    }
}

#[test]
fn a_machine_that_is_not_known_has_the_fallback_and_one_that_is_has_none() {
    let text = "%cloud-id%/%cloud-group%/%cloud-vpc%/%cloud-label:Role%/%cloud-label:No%";
    assert_eq!(rendered(text, &known(&host(""))), "i-0a1b///gpu/");
    assert_eq!(rendered(text, &unknown("")), "////");
    assert_eq!(rendered(text, &unknown("none")), "none/none/none/none/none");
    assert_eq!(rendered("%cloud-state%", &unknown("none")), "expired");
}

#[test]
fn in_a_path_nothing_is_unknown() {
    let text = "/l/%cloud-group%/%cloud-id%.log";
    assert_eq!(path(text, &known(&host("a/b"))), "/l/a_b/i-0a1b.log");
    assert_eq!(path(text, &known(&host(""))), "/l/unknown/i-0a1b.log");
    assert_eq!(path(text, &known(&host(".."))), "/l/__/i-0a1b.log");
    assert_eq!(path(text, &unknown("")), "/l/unknown/unknown.log");
    assert_eq!(path(text, &unknown("elsewhere")), "/l/elsewhere/elsewhere.log");
}

#[test]
fn a_path_is_another_one_when_the_machine_or_what_it_depends_on_is() {
    let (one, other) = (host("one"), host("other"));
    let key = |text: &str, fixture: &Fixture<'_>| {
        let mut key = Vec::new();
        let path = PathTemplate::new(&Template::parse(text).unwrap()).unwrap();
        assert!(path.asks_cloud());
        path.append_key(&fixture.context(), &mut key).then_some(key)
    };
    let group = "/l/%cloud-group%/log";
    assert_ne!(key(group, &known(&one)), key(group, &known(&other)));
    assert_ne!(key(group, &known(&one)), key(group, &unknown("")));
    assert_eq!(key(group, &known(&one)), key(group, &known(&one)));
    let label = "/l/%cloud-label:Role%/%cloud-label:\"aws:stack\"%";
    assert_eq!(key(label, &known(&one)), key(label, &known(&other)));
    assert_ne!(key(label, &known(&one)), key(label, &unknown("gpu")));
    assert!(key(label, &known(&one)).is_some());
}

#[test]
fn conditions_look_at_them_and_say_which() {
    let host = host("workers");
    let test = |property: &str, value: &str| Condition::Test {
        property: PropertyExpr::parse(property).unwrap(),
        test: Test::Is(value.as_bytes().into()),
    };
    let fixture = known(&host);
    let context = fixture.context();
    assert!(test("cloud-group", "workers").holds(&context, &mut Vec::new()));
    assert!(test("cloud-label:Role", "gpu").holds(&context, &mut Vec::new()));
    assert!(test("cloud-label:Role:::uppercase", "GPU").holds(&context, &mut Vec::new()));
    let other = Condition::Not(Box::new(Condition::Any(vec![test("cloud-label:Role", "gpu")])));
    assert!(!other.holds(&context, &mut Vec::new()));
    assert!(other.asks_cloud() && !test("hostname", "x").asks_cloud());
    let web = test("cloud-label:Role", "web");
    let unmet = web.unmet(&context);
    assert_eq!(unmet[0].to_string(), "cloud-label:Role \"gpu\" not is \"web\"");
}

#[test]
fn a_template_knows_where_it_asks() {
    let at = |text: &str| Template::parse(text).unwrap().asks_cloud_at();
    assert_eq!(at("%hostname% %msg%"), None);
    assert_eq!(at("%hostname% %cloud-id:1:2% %cloud-group%"), Some(12..20));
    assert_eq!(at("%cloud-label:\"a:b\":1:2%"), Some(1..18));
    assert!(Template::parse("%cloud-zone%").unwrap().depends_on().cloud);
}
