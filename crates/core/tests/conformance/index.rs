//! Where each of the 288 rows of the table is: a case here, or not the core's business.

use std::collections::BTreeSet;

use super::differences;

/// Rows of the table of the HPA's tests, sections A to K.
const ROWS: usize = 288;

/// Rows of ours: differences that no test of the HPA shows, or that its code implies.
const OWN: [&str; 9] = ["D6.cross", "K17", "K27", "R8", "R10", "R13", "R14", "R14.budget", "R18"];

/// Rows that concern another part of the house.
const ELSEWHERE: [(&str, &[&str]); 6] = [
    (
        "two autoscalers on one target: rivals, in the operator",
        &["E78", "E79", "E80"],
    ),
    (
        "the scale cannot be read or written: the operator",
        &["E83", "E84", "E96"],
    ),
    (
        "what is exported about evaluations: the operator",
        &["E97", "E98", "E100"],
    ),
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
        "defaults and validation: the schema, in autoscaler-api",
        &[
            "I2", "I6", "I7", "I8", "I10", "I11", "I12", "I14", "I15", "I16", "J2", "J3", "J4", "J5", "J6", "J7", "J8",
            "J9", "J10", "J11", "J13", "J14", "J15", "J16", "J20", "J21", "J23", "J24", "J25", "J26", "J29", "J30",
            "J31",
        ],
    ),
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
    let elsewhere: BTreeSet<&str> = ELSEWHERE.iter().flat_map(|(_, ids)| *ids).copied().collect();

    assert_eq!((covered.len(), elsewhere.len()), (225, 63));
    assert_eq!(covered.len() + elsewhere.len(), ROWS);
    assert!(covered.is_disjoint(&elsewhere));
}

#[test]
fn every_difference_is_borne_out_by_a_case() {
    let cases = cases();
    for difference in differences::all() {
        assert!(cases.contains(difference.id), "{} has no case", difference.id);
    }
}
