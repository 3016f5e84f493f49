//! The rules and their tests: `docs/reference/rules.md` is the home of each number. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;

use anyhow::Result;

use crate::sources::{files, read, tests};

const PAGE: &str = "docs/reference/rules.md";

/// What has to be read: tests, comments, and pages that name a rule.
const PLACES: [&str; 6] = [
    "crates",
    "tests",
    "docs",
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
];

/// What is wrong: a rule without a test, or a number without a rule.
pub(crate) fn violations(root: &Path) -> Result<Vec<String>> {
    let page = read(&root.join(PAGE))?;
    let mut named = Named::default();
    for place in PLACES {
        for file in files(&root.join(place))? {
            let path = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            named.note(&path, &read(&file)?);
        }
    }
    Ok(named.violations(&headings(&page)))
}

/// The numbers found.
#[derive(Default)]
struct Named {
    /// By the name of a test.
    tested: BTreeSet<String>,
    /// Anywhere, with the first file.
    mentioned: BTreeMap<String, String>,
}

impl Named {
    fn note(&mut self, path: &str, text: &str) {
        let in_tests = match Path::new(path).extension().and_then(OsStr::to_str) {
            Some("rs") => tests(text).into_iter().flat_map(rules_of).collect(),
            Some("scale") => scenarios(text).flat_map(words).filter_map(rule).collect(),
            Some(_) | None => BTreeSet::new(),
        };
        for number in words(text).filter_map(rule).chain(in_tests.iter().cloned()) {
            self.mentioned.entry(number).or_insert_with(|| path.to_owned());
        }
        self.tested.extend(in_tests);
    }

    fn violations(&self, rules: &BTreeSet<String>) -> Vec<String> {
        let untested = rules.difference(&self.tested);
        let homeless = self.mentioned.iter().filter(|(number, _)| !rules.contains(*number));
        untested
            .map(|rule| format!("{rule} has no test that carries its number in its name"))
            .chain(homeless.map(|(number, path)| format!("{path} names {number}, which {PAGE} does not have")))
            .collect()
    }
}

/// `### R5a A hostile query …`
fn headings(page: &str) -> BTreeSet<String> {
    page.lines()
        .filter_map(|line| line.strip_prefix("### "))
        .filter_map(|title| rule(title.split(' ').next()?))
        .collect()
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// `R5a` or `M14b`, in this form only.
fn rule(word: &str) -> Option<String> {
    let digits = word
        .strip_prefix(['R', 'M'])?
        .trim_end_matches(|c: char| c.is_ascii_lowercase());
    let is_number = (1..=2).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    (is_number && word.len() <= digits.len() + 2).then(|| word.to_owned())
}

/// The titles of the scenarios of a file.
fn scenarios(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| line.trim_start().strip_prefix("scenario "))
}

/// `r17_r18_locks_forbid_shrinking` is about R17 and R18, `case_r13_…` about R13, `m14a_…` about M14a.
fn rules_of(function: &str) -> Vec<String> {
    let name = function.strip_prefix("case_").unwrap_or(function);
    let number = |part: &str| match part.split_at_checked(1)? {
        ("r", number) => rule(&format!("R{number}")),
        ("m", number) => rule(&format!("M{number}")),
        _ => None,
    };
    name.split('_').map_while(number).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn named(path: &str, text: &str) -> Named {
        let mut named = Named::default();
        named.note(path, text);
        named
    }

    fn rules(numbers: &[&str]) -> BTreeSet<String> {
        numbers.iter().map(|number| (*number).to_owned()).collect()
    }

    #[test]
    fn every_rule_has_a_test_and_every_number_a_rule() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let violations = violations(&root).unwrap();
        assert!(violations.is_empty(), "{}", violations.join("\n"));
    }

    #[test]
    fn the_home_of_a_rule_is_its_heading() {
        let page = "# The rules\n### R1 No probe\nSee R7.\n### R5a Hostile\n#### R9\n### Readings\n";
        assert_eq!(headings(page), rules(&["R1", "R5a"]));
    }

    #[test]
    fn tests_are_functions_that_are_run_and_scenarios() {
        let text = "#[test]\nfn r1_r2_a_test() {}\n\n#[rstest]\n#[case::one(1)]\nasync fn case_r3_row() {}\n";
        assert_eq!(named("a.rs", text).tested, rules(&["R1", "R2", "R3"]));
        let text = "#[test]\nfn m14a_r22_a_test_of_both() {}\n";
        assert_eq!(named("a.rs", text).tested, rules(&["M14a", "R22"]));
        let text = "# Not R1\nscenario R4 A title, and R5a\n";
        assert_eq!(named("a.scale", text).tested, rules(&["R4", "R5a"]));
    }

    #[rstest]
    #[case::a_comment("// R1 is only spoken of\nlet r2_value = 0;")]
    #[case::a_function_that_nobody_runs("#[test]\nfn a_test() {}\n\nfn r1_helper() {}\n")]
    #[case::a_function_in_a_text("#[test]\nlet text = \"fn r1_a_test() {}\";")]
    #[case::a_scenario_in_a_source("    scenario R4 A title")]
    fn what_only_looks_like_a_test_is_none(#[case] text: &str) {
        assert_eq!(named("a.rs", text).tested, rules(&[]));
    }

    #[test]
    fn a_rule_without_a_test_and_a_number_without_a_rule_are_told() {
        let unknown = format!("R{}", 77);
        let text = format!("#[test]\nfn r1_a_test() {{}} // {unknown}, R2, XR3, R123, RATE");
        assert_eq!(
            named("a.rs", &text).violations(&rules(&["R1", "R2"])),
            [
                "R2 has no test that carries its number in its name".to_owned(),
                format!("a.rs names {unknown}, which {PAGE} does not have"),
            ]
        );
    }
}
