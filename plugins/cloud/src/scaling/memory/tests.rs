use super::super::fixtures::{NOW, inputs};
use super::*;

/// A decision, and how it ended.
fn lines(number: u64, key: &str, alarm_at: Option<i64>, trigger: Trigger, outcome: Option<Outcome>) -> Vec<Line> {
    let id = format!("gpu-{NOW}-{number}");
    let decided = Decided {
        id: id.clone(),
        key: key.to_owned(),
        cause: key.to_owned(),
        alarm_at,
        follows: None,
        decision: Decision::of(inputs(trigger)),
    };
    let ended = outcome.map(|outcome| {
        Line::Ended(Ended {
            id,
            at: NOW,
            outcome,
            results: Vec::new(),
        })
    });
    [Line::Decided(Box::new(decided))].into_iter().chain(ended).collect()
}

fn again() -> Option<Outcome> {
    Some(Outcome::Again { why: "no".into() })
}

#[test]
fn only_what_is_done_is_done() {
    let mut all = lines(1, "a", Some(10), Trigger::Jobs, Some(Outcome::Done));
    all.extend(lines(2, "b", Some(30), Trigger::Jobs, again()));
    all.extend(lines(3, "c", Some(40), Trigger::Jobs, None));
    let memory = Memory::of(all);
    assert!(memory.is_done("a") && !memory.is_done("b") && !memory.is_done("c"));
    // What was not done makes nothing stale.
    assert!(memory.is_stale(9) && !memory.is_stale(10) && !memory.is_stale(20));
    assert_eq!(memory.next_number(), 4);
    assert!(memory.open("a").is_none() && memory.open("b").is_some() && memory.open("c").is_some());
}

#[test]
fn a_spot_machine_is_waited_for_until_it_is_there_or_given_up() {
    let up = || lines(1, "a", Some(10), Trigger::Jobs, Some(Outcome::Done));
    let waits = |more: Vec<Line>| Memory::of(up().into_iter().chain(more).collect()).pending().is_some();
    let settled = |number: u64| {
        vec![Line::Settled(Settled {
            id: format!("gpu-{NOW}-{number}"),
            at: NOW,
            came_up: true,
        })]
    };
    assert!(waits(Vec::new()));
    assert!(!waits(settled(1)));
    assert!(waits(settled(2)), "another one");
    assert!(!waits(lines(2, "b", Some(20), Trigger::NoJobs, Some(Outcome::Done))));
    assert!(waits(lines(2, "b", Some(20), Trigger::NoJobs, again())));
    assert!(!waits(lines(
        2,
        "b",
        None,
        Trigger::SpotLate { waited: 600 },
        Some(Outcome::Done)
    )));
    assert!(
        Memory::of(lines(1, "a", None, Trigger::Jobs, again()))
            .pending()
            .is_none()
    );
}

#[test]
fn a_fold_of_the_lines_as_they_are_written_is_the_same() {
    let mut all = lines(1, "a", Some(10), Trigger::Jobs, Some(Outcome::Done));
    all.extend(lines(2, "b", None, Trigger::SpotRefused { why: "no".into() }, again()));
    let written: Vec<Line> = all
        .iter()
        .map(|line| serde_json::from_str(&serde_json::to_string(line).unwrap()).unwrap())
        .collect();
    assert_eq!(written, all);
}

#[test]
fn an_end_without_a_begin_is_passed_over() {
    // The older half of a record was forgotten.
    let all = lines(1, "a", Some(10), Trigger::Jobs, Some(Outcome::Done));
    let memory = Memory::of(all.into_iter().skip(1).collect());
    assert!(!memory.is_done("a"));
    assert_eq!(memory.entries().count(), 0);
}
