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

#[test]
fn what_is_no_setting_is_refused() {
    refused(
        3,
        "    bounds 1",
        "line 3: expected a whole number from 0 to 2147483647, found the end of the line",
    );
    refused(
        3,
        "    bounds 1 ten",
        "line 3: expected a whole number from 0 to 2147483647, found \"ten\"",
    );
    refused(
        3,
        "    bounds -1 10",
        "line 3: expected a whole number from 0 to 2147483647, found \"-1\"",
    );
    refused(
        3,
        "    bounds 1 10 20",
        "line 3: expected the end of the line, found \"20\"",
    );
    refused(
        3,
        "    bounds 5 2",
        "line 3: expected a lowest count that is not above the highest, both at least 1, found \"5 2\"",
    );
    refused(
        3,
        "",
        "line 4: expected the setting bounds, found \"the end of the policy\"",
    );
    refused(
        4,
        "",
        "line 3: expected a setting metric, found \"the end of the policy\"",
    );
    refused(
        4,
        "    bounds 1 10",
        "line 4: expected each setting once, found \"bounds\"",
    );
    refused(
        3,
        "    limits 1 10",
        "line 3: expected one of bounds, interval, metric, scaleUp, scaleDown, cooldown, fallback, found \"limits\"",
    );
    refused(
        3,
        "    interval 0s",
        "line 3: expected a duration from 1s to 3600s, in whole seconds, found \"0s\"",
    );
    refused(
        3,
        "    interval 1500ms",
        "line 3: expected a duration from 1s to 3600s, in whole seconds, found \"1500ms\"",
    );
    refused(
        3,
        "    scaleUp",
        "line 3: expected window, tolerance, select, pods or percent, found the end of the line",
    );
    refused(
        3,
        "    scaleUp window 2h",
        "line 3: expected a duration from 0s to 3600s, in whole seconds, found \"2h\"",
    );
    refused(
        3,
        "    scaleDown window 1s window 2s",
        "line 3: expected window, tolerance, select, pods or percent, found \"window\"",
    );
    refused(
        3,
        "    scaleUp pods 0 per 15s",
        "line 3: expected a whole number from 1 to 2147483647, found \"0\"",
    );
    refused(3, "    scaleUp pods 4 15s", "line 3: expected \"per\", found \"15s\"");
    refused(
        3,
        "    scaleUp select max",
        "line 3: expected one of Max, Min, Disabled, found \"max\"",
    );
    refused(3, "    cooldown 30s", "line 3: expected up or down, found \"30s\"");
    refused(3, "    fallback 30s", "line 3: expected \"after\", found \"30s\"");
}

#[test]
fn what_is_no_metric_is_refused() {
    let query = "expected a query such as load, sum(load{pod=\"web-0\"}) or sum(rate(requests[1m]))";
    let metric = |rest: &str| format!("    metric {rest}");
    refused(
        4,
        &metric("load! value 1 of load"),
        "line 4: expected the name of a metric, found \"load!\"",
    );
    refused(
        4,
        &metric("load total 1 of load"),
        "line 4: expected one of value, averageValue, found \"total\"",
    );
    refused(
        4,
        &metric("load value 1x of load"),
        "line 4: expected a quantity such as 100, 0.5 or 60m, found \"1x\"",
    );
    refused(
        4,
        &metric("load value 0 of load"),
        "line 4: expected a target above zero, found \"0\"",
    );
    refused(
        4,
        &metric("load value 1 load"),
        "line 4: expected \"of\", found \"load\"",
    );
    for text in [
        "max(load)",
        "sum(load",
        "load[1m]",
        "rate(load)",
        "rate(load[1m)",
        "rate(load[500ms])",
        "9load",
        "load{}x",
        "load{pod}",
        "load{pod=\"a\",}",
        "load{pod=\"a\",pod=\"b\"}",
        "load{__name__=\"a\"}",
        "{}",
    ] {
        let error = format!("line 4: {query}, found {text:?}");
        refused(4, &metric(&format!("load value 1 of {text}")), &error);
    }
    refused(
        4,
        &metric("load value 1 of load{a=\"b"),
        "line 4: expected a closing quotation mark, found \"load{a=\\\"b\"",
    );
    let option = "line 4: expected whenMissing, whenNaN, lookBack or maxSampleAge, each once";
    refused(
        4,
        &metric("load value 1 of load whenmissing Zero"),
        &format!("{option}, found \"whenmissing\""),
    );
    refused(
        4,
        &metric("load value 1 of load lookBack 1m lookBack 1m"),
        &format!("{option}, found \"lookBack\""),
    );
    refused(
        4,
        &metric("load value 1 of load whenNaN Ignore"),
        "line 4: expected one of Hold, Zero, found \"Ignore\"",
    );
}

#[test]
fn what_is_no_series_is_refused() {
    let value = "line 6: expected a value such as 5, 5x3, 0+10x3, _, _x3 or stale";
    refused(
        5,
        "load 0s",
        "line 5: expected the time between two samples, above zero, found \"0s\"",
    );
    refused(
        6,
        "",
        "line 5: expected a series on an indented line, found the end of the line",
    );
    refused(6, "    load", &format!("{value}, found the end of the line"));
    refused(
        6,
        "    {pod=\"web-0\"} 1",
        "line 6: expected a series such as load or load{pod=\"web-0\"}, found \"{pod=\\\"web-0\\\"}\"",
    );
    for text in [
        "x", "5x", "5x-1", "0+10", "5+x3", "_x", "__", "stalex2", "inf", "nan", "1e999", "0+Infx2", "1_0",
    ] {
        refused(6, &format!("    load {text}"), &format!("{value}, found {text:?}"));
    }
    refused(
        6,
        "    load 1 0x100000",
        "line 6: expected at most 100000 samples in a series, found \"0x100000\"",
    );
    let twice = WHOLE.replace("    load 300x20\n", "    load 1\n    load 2\n");
    let found = parse(&twice).unwrap_err().to_string();
    assert_eq!(found, "line 7: expected a series that is not there yet, found \"load\"");
}

#[test]
fn what_is_no_event_is_refused() {
    let insert = |event: &str, error: &str| {
        let text = WHOLE.replace("at 0s", &format!("{event}\nat 1m"));
        assert_eq!(parse(&text).expect_err(event).to_string(), error, "{event:?}");
    };
    refused(
        7,
        "event 15s replicas 3",
        "line 7: expected \"event 0s replicas <count>\" first, found \"something at 15s\"",
    );
    refused(
        7,
        "event 0s mode DryRun",
        "line 7: expected \"event 0s replicas <count>\" first, found \"something at 0s\"",
    );
    insert(
        "event",
        "line 8: expected a duration such as 0s, 90s or 1h30m, found the end of the line",
    );
    insert(
        "event 5",
        "line 8: expected a duration such as 0s, 90s or 1h30m, found \"5\"",
    );
    insert(
        "event 5s explodes",
        "line 8: expected one of replicas, recreated, ready, rollout, source, skew, mode, policy, status, restart, found \
         \"explodes\"",
    );
    insert(
        "event 5s ready soon",
        "line 8: expected a count, unknown, at-once or after, found \"soon\"",
    );
    insert(
        "event 5s rollout 4 of 4",
        "line 8: expected fewer updated replicas than replicas, found \"4 of 4\"",
    );
    insert(
        "event 5s source timeout for lod",
        "line 8: expected a metric of the policy, found \"lod\"",
    );
    insert(
        "event 5s skew soon",
        "line 8: expected a duration such as 20s or -20s, found \"soon\"",
    );
    insert(
        "event 5s mode active",
        "line 8: expected one of Active, DryRun, Paused, found \"active\"",
    );
    insert(
        "event 5s policy interval 1s",
        "line 8: expected a setting other than interval, found \"interval\"",
    );
    insert(
        "event 5s restart now",
        "line 8: expected one of graceful, crash, found \"now\"",
    );
    insert("event 5s restart crash 5s", "line 8: expected \"for\", found \"5s\"");
    insert(
        "event 5s replicas 3\n    summary \"x\"",
        "line 9: expected no indented line below an event, found \"summary\"",
    );
    insert(
        "event 2m replicas 3",
        "line 9: expected a time not before 2m, the event above, found \"1m\"",
    );
}

#[test]
fn what_asserts_nothing_is_refused() {
    refused(
        8,
        "at 0s",
        "line 8: expected a whole number from 0 to 2147483647, found the end of the line",
    );
    refused(8, "at 0s 3", "line 8: expected \"because\", found the end of the line");
    refused(
        8,
        "at 0s 3 because",
        "line 8: expected a reason of the README, found the end of the line",
    );
    refused(
        8,
        "at 0s 3 because bellow-target",
        "line 8: expected a reason of the README, found \"bellow-target\"",
    );
    refused(
        8,
        "at 0s 3 because missing hold",
        "line 8: expected a reason of the README, or next, found \"hold\"",
    );
    refused(
        8,
        "at 0s 3 because :missing",
        "line 8: expected a reason of the README, found \":missing\"",
    );
    refused(
        8,
        "at 0s 3 -> 3 because missing",
        "line 8: expected another count, found \"3\"",
    );
    refused(
        8,
        "at 0s 3 wants 3 because missing",
        "line 8: expected a count other than the one decided, found \"3\"",
    );
    refused(
        8,
        "at 0s 3 because missing next",
        "line 8: expected a duration such as 0s, 90s or 1h30m, found the end of the line",
    );
    refused(
        8,
        "at 0s 3 because missing next 5m summary \"x\"",
        "line 8: expected the end of the line, found \"summary\"",
    );
    refused(
        8,
        "at 0s 3 because missing\n    text \"x\"",
        "line 9: expected \"summary\", found \"text\"",
    );
    refused(
        8,
        "at 0s 3 because missing\n    summary x",
        "line 9: expected a text between quotation marks, found \"x\"",
    );
    refused(
        8,
        "at 0s 3 because missing\nevent 0s replicas 4",
        "line 9: expected a time after 0s, the at above, found \"0s\"",
    );
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
