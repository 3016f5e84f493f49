//! Where each of the 288 rows of the table is: a case here, a test elsewhere, a difference that is no number, or nothing
//! that we have.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{differences, guide};

/// Rows of the table of the HPA's tests, sections A to K.
const ROWS: usize = 288;

/// Rows of ours: differences that no test of the HPA shows, or that its code implies.
const OWN: [&str; 9] = ["D6.cross", "K17", "K27", "R8", "R10", "R13", "R14", "R14.budget", "R18"];

/// Rows about what does not exist here, and why not.
const NOT_APPLICABLE: [(&str, &[&str]); 4] = [
    (
        "the aggregated metrics APIs, which nothing here reads",
        &[
            "G16", "H1", "H2", "H3", "H5", "H7", "H8", "H9", "H10", "H11", "H12", "H13",
        ],
    ),
    (
        "what a pod requests, as the sum of its containers: to the core a request is a number, and no resource metric is \
         read yet",
        &["G1", "G3", "G4", "G5", "G6", "G7", "G8", "G9", "G10"],
    ),
    (
        "a pod without a request inside `GetResourceUtilizationRatio`: the HPA's controller never gets there, because \
         `calculatePodRequests` fails before, and so do we",
        &["G12"],
    ),
    (
        "validation of Resource metrics, which the schema does not have",
        &["J20", "J21", "J23"],
    ),
];

/// Rows that are shown elsewhere: the file, the test in it, the rows.
const TESTED_THERE: [(&str, &str, &[&str]); 19] = [
    (
        "crates/api/src/convert/tests.rs",
        "i2_i6_rules_given_whole_are_kept_verbatim",
        &["I2", "I6"],
    ),
    (
        "crates/api/src/convert/tests.rs",
        "i7_i8_i10_i11_what_is_left_out_of_growth_rules_has_its_default",
        &["I7", "I8", "I10", "I11"],
    ),
    (
        "crates/api/src/convert/tests.rs",
        "i12_no_behavior_and_an_empty_one_are_the_defaults",
        &["I12"],
    ),
    (
        "crates/api/src/convert/tests.rs",
        "i14_i15_one_direction_given_leaves_the_other_whole_and_its_own_window_of_300",
        &["I14", "I15"],
    ),
    (
        "crates/api/src/convert/tests.rs",
        "i16_min_replicas_is_one_unless_given",
        &["I16"],
    ),
    (
        "tests/apiserver/admission/behavior.rs",
        "a_behavior_without_rules_is_accepted_as_for_an_hpa",
        &["J2"],
    ),
    (
        "tests/apiserver/admission/behavior.rs",
        "rules_that_an_hpa_takes_are_accepted",
        &["J3", "J4", "J11"],
    ),
    (
        "tests/apiserver/admission/behavior.rs",
        "rules_that_an_hpa_refuses_are_refused",
        &["J5", "J6", "J7", "J8", "J9", "J10", "J13"],
    ),
    (
        "tests/apiserver/admission/fields.rs",
        "a_target_that_cannot_exist_is_refused_with_a_sentence",
        &["J14", "J16"],
    ),
    (
        "tests/apiserver/admission/fields.rs",
        "j15_an_api_version_without_a_group_is_refused_but_for_a_replication_controller",
        &["J15"],
    ),
    (
        "tests/apiserver/admission/fields.rs",
        "j24_a_metric_of_every_pod_is_compared_with_an_average",
        &["J24"],
    ),
    (
        "tests/apiserver/admission/quantities.rs",
        "j25_j26_two_targets_or_none_are_refused_with_a_sentence",
        &["J25", "J26"],
    ),
    (
        "tests/apiserver/admission/fields.rs",
        "j29_j31_a_minimum_of_zero_is_refused",
        &["J29", "J31"],
    ),
    (
        "crates/operator/src/rivals/tests.rs",
        "r22_e78_a_writer_of_another_target_is_no_rival",
        &["E78"],
    ),
    (
        "crates/operator/src/reconcile/observe/tests.rs",
        "e83_a_scale_that_cannot_be_read_is_told_as_such",
        &["E83"],
    ),
    (
        "tests/apiserver/writers/policies.rs",
        "e84_a_write_that_a_policy_denies_is_told_with_its_reason_and_tried_again",
        &["E84"],
    ),
    (
        "tests/apiserver/writers/races.rs",
        "r20_e96_whoever_writes_something_else_does_not_stop_it",
        &["E96"],
    ),
    (
        "crates/operator/src/metrics/tests.rs",
        "e97_e98_the_duration_of_an_evaluation_is_recorded_whatever_came_of_it",
        &["E97", "E98"],
    ),
    (
        "crates/operator/src/metrics/tests.rs",
        "e100_all_series_of_an_object_vanish_with_it",
        &["E100"],
    ),
];

/// Rows whose difference is not one of numbers, with the heading of the guide that tells it and names them.
const DIFFERENT: [(&str, &[&str]); 2] = [
    ("### Zero is a pause", &["J30"]),
    ("### What is no number in a row", &["E79", "E80"]),
];

/// The modules that have cases.
const SOURCES: [&str; 10] = [
    include_str!("arithmetic.rs"),
    include_str!("formula.rs"),
    include_str!("limits.rs"),
    include_str!("memory.rs"),
    include_str!("per_pod.rs"),
    include_str!("pod_decisions.rs"),
    include_str!("policies.rs"),
    include_str!("several.rs"),
    include_str!("tolerance.rs"),
    include_str!("windows.rs"),
];
const ZERO: &str = include_str!("zero.rs");

/// The ids of all cases, each checked against the name that the test has in the output.
fn cases() -> BTreeSet<&'static str> {
    let mut ids = BTreeSet::new();
    let mut name = "";
    for line in SOURCES.into_iter().chain([ZERO]).flat_map(str::lines) {
        if let Some(function) = line.strip_prefix("fn case_") {
            name = function;
        }
        let id = match line.strip_prefix("#[case::") {
            Some(case) => {
                name = case;
                case.split('"').nth(1)
            }
            None => line.split("judge(\"").nth(1).and_then(|rest| rest.split('"').next()),
        };
        let Some(id) = id else { continue };
        let slug = format!("{}_", id.to_lowercase().replace('.', "_"));
        assert!(name.starts_with(&slug), "the case of {id} is called {name:?}");
        assert!(ids.insert(id), "{id} is a case twice");
    }
    ids
}

/// The row of the table that a case belongs to: `K8.2` is a part of K8, `D3.2` is a row.
fn row(id: &'static str) -> &'static str {
    match id.split_once('.') {
        Some((row, _)) if !id.starts_with('D') => row,
        _ => id,
    }
}

#[test]
fn every_row_is_in_exactly_one_place() {
    let cases = cases();
    let own = |id: &&str| OWN.contains(id);
    assert_eq!(cases.iter().copied().filter(own).count(), OWN.len());
    let covered: BTreeSet<&str> = cases.iter().copied().filter(|id| !own(id)).map(row).collect();
    let not_applicable = NOT_APPLICABLE.iter().map(|(_, ids)| *ids);
    let tested_there = TESTED_THERE.iter().map(|(_, _, ids)| *ids);
    let different = DIFFERENT.iter().map(|(_, ids)| *ids);
    let listed: Vec<&str> = not_applicable
        .chain(tested_there)
        .chain(different)
        .flatten()
        .copied()
        .collect();
    let elsewhere: BTreeSet<&str> = listed.iter().copied().collect();

    assert_eq!(listed.len(), elsewhere.len(), "a row stands in one list");
    assert_eq!((covered.len(), elsewhere.len()), (224, 64));
    assert_eq!(covered.len() + elsewhere.len(), ROWS);
    assert!(covered.is_disjoint(&elsewhere));
}

#[test]
fn every_row_that_is_tested_elsewhere_is_tested_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (file, test, _) in TESTED_THERE {
        let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(is_test(&text, test), "{file} has no test {test}");
    }
}

/// Whether a text has a function of this name that the harness runs.
fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let begins = |line: &&str| {
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        function
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with('('))
    };
    lines.iter().position(begins).is_some_and(|at| {
        let mut attributes = lines[..at].iter().rev().take_while(|line| line.ends_with(']'));
        attributes.any(|line| line.ends_with("test]") || line.starts_with("#[tokio::test("))
    })
}

#[test]
fn a_function_that_no_harness_runs_is_no_test() {
    let text = "#[test]\nfn one() {}\n\nfn two() {}\n#[tokio::test(start_paused = true)]\nasync fn three() {}\n";
    let tests = ["one", "two", "three", "four", "on"].map(|name| is_test(text, name));
    assert_eq!(tests, [true, false, true, false, false]);
}

#[test]
fn every_difference_that_is_no_number_is_told_in_the_guide() {
    for (heading, ids) in DIFFERENT {
        let chapter: Vec<&str> = guide::chapter(heading).collect();
        for id in ids {
            let told = chapter.iter().any(|line| words(line).any(|word| word == *id));
            assert!(told, "the guide says nothing of {id} under {heading:?}");
        }
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric())
}

#[test]
fn every_difference_is_borne_out_by_a_case() {
    let cases = cases();
    for difference in differences::all() {
        assert!(cases.contains(difference.id), "{} has no case", difference.id);
    }
}
