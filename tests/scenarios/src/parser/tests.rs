//! What the parser reads, and what it says of what it does not.

mod settings;
mod timeline;

use proptest::prelude::*;

use super::*;
use crate::{Form, run};

/// The least that is a scenario; the tests below break it.
const WHOLE: &str = "\
scenario A sentence
policy
    bounds 1 10
    metric load averageValue 100 of sum(load)
load 15s
    load 300x20
event 0s replicas 3
at 0s 3 because within-tolerance
";

#[test]
fn the_least_scenario_is_read() {
    let scenarios = parse(WHOLE).unwrap();
    let [scenario] = scenarios.as_slice() else {
        panic!("{} scenarios", scenarios.len());
    };
    assert_eq!((scenario.title.as_str(), scenario.line), ("A sentence", 1));
    assert_eq!((scenario.series[0].points.len(), scenario.timeline.len()), (21, 2));
}

#[test]
fn the_example_of_the_readme_is_read_and_met() {
    let readme = include_str!("../../README.md");
    let example = readme.split("```").nth(1).unwrap();
    let scenarios = parse(example).unwrap();
    assert_eq!(scenarios.len(), 1);
    assert_eq!(run(&scenarios[0], Form::Uninterrupted), []);
}

#[test]
fn an_empty_text_holds_no_scenario() {
    assert_eq!(parse("\n  # nothing\n"), Ok(Vec::new()));
}

/// The whole scenario with one line replaced, and what is said of it.
#[track_caller]
fn refused(line: usize, text: &str, error: &str) {
    let mut lines: Vec<&str> = WHOLE.lines().collect();
    lines[line - 1] = text;
    let found = parse(&lines.join("\n")).expect_err(text).to_string();
    assert_eq!(found, error, "{text:?}");
}

#[test]
fn what_is_no_scenario_is_refused() {
    refused(
        1,
        "scenario",
        "line 1: expected a title, which is a sentence, found the end of the line",
    );
    refused(
        1,
        "",
        "line 2: expected a scenario before anything else, found \"policy\"",
    );
    refused(
        1,
        "  scenario A",
        "line 1: expected a verb at the beginning of the line, found \"scenario\"",
    );
    refused(
        1,
        "Scenario A",
        "line 1: expected one of the verbs scenario, policy, load, event and at, found \"Scenario\"",
    );
    refused(
        2,
        "",
        "line 3: expected no indented line below a scenario, found \"bounds\"",
    );
    refused(2, "load 15s", "line 2: expected the policy first, found \"load\"");
    refused(
        5,
        "policy",
        "line 5: expected one policy, then at most one load, then events and ats, found \"policy\"",
    );
    refused(
        7,
        "",
        "line 8: expected \"event 0s replicas <count>\" first, found \"something at 0s\"",
    );
    refused(
        8,
        "",
        "line 7: expected an at after the last event, found the end of the scenario",
    );
    let twice = format!("{WHOLE}{WHOLE}");
    let found = parse(&twice).unwrap_err().to_string();
    assert_eq!(found, "line 9: expected a title of its own, found \"A sentence\"");
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}") {
        drop(parse(&text));
    }

    #[test]
    fn no_scenario_with_broken_words_makes_the_parser_panic(
        at in 0_usize..WHOLE.len(),
        length in 0_usize..8,
        text in "[a-z0-9{}()\\[\\]\"#=,:x+_ \n-]{0,12}",
    ) {
        let mut broken = WHOLE.to_owned();
        broken.replace_range(at..(at + length).min(WHOLE.len()), &text);
        drop(parse(&broken));
    }

    #[test]
    fn no_words_of_the_language_make_the_parser_panic(
        words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..40),
    ) {
        drop(parse(&format!("{WHOLE}{}", words.join(""))));
    }
}

/// What a scenario is made of, with its blanks.
const WORDS: [&str; 36] = [
    "scenario ",
    "policy ",
    "load ",
    "event ",
    "at ",
    "\n",
    "\n    ",
    "bounds ",
    "metric ",
    "scaleUp ",
    "window ",
    "pods ",
    "per ",
    "value ",
    "of ",
    "sum(load) ",
    "0s ",
    "1h ",
    "99999h ",
    "3 ",
    "4294967295 ",
    "-> ",
    "wants ",
    "because ",
    "missing ",
    "next ",
    "never ",
    "summary ",
    "\"x\" ",
    "replicas ",
    "ready ",
    "rollout ",
    "0+1x3 ",
    "1x99999999 ",
    "_x2 ",
    "stale ",
];
