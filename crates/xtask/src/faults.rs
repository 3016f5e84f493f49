//! The faults and their tests: every row of `docs/proof/faults.md` names tests that exist, or says why there is none. Writes
//! nothing.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::sources::{cases, files, read, tests};

const PAGE: &str = "docs/proof/faults.md";
const PLACES: [&str; 2] = ["crates", "tests"];
/// How a cell begins that names no test.
const NOT_SHOWN: &str = "not shown: ";

/// What is wrong: a fault without a test, or the name of a test that does not exist.
pub(crate) fn violations(root: &Path) -> Result<Vec<String>> {
    let mut there = BTreeSet::new();
    for place in PLACES {
        for file in files(&root.join(place))? {
            if file.extension().is_some_and(|kind| kind == "rs") {
                let source = read(&file)?;
                there.extend(tests(&source).into_iter().chain(cases(&source)).map(str::to_owned));
            }
        }
    }
    Ok(faults(&read(&root.join(PAGE))?, &there))
}

fn faults(page: &str, there: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for cells in page.lines().filter_map(row) {
        let [fault, .., shown] = &cells[..] else { continue };
        let named: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        if named.is_empty() && !shown.starts_with(NOT_SHOWN) {
            found.push(format!("{PAGE}: {fault:?} names no test"));
        }
        let missing = named.into_iter().filter(|name| !there.contains(*name));
        found.extend(missing.map(|name| format!("{PAGE}: {fault:?} names {name}, which is no test")));
    }
    found
}

/// The cells of a row of a table, but not of its head.
fn row(line: &str) -> Option<Vec<&str>> {
    let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
    let cells: Vec<&str> = cells.split(" | ").collect();
    let is_head = cells.last() == Some(&"shown by") || cells.iter().all(|cell| cell.starts_with("---"));
    (!is_head).then_some(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_tests_that_exist() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let violations = violations(&root).unwrap();
        assert!(violations.is_empty(), "{}", violations.join("\n"));
    }

    #[test]
    fn a_fault_without_a_test_and_a_test_that_does_not_exist_are_told() {
        let page = "| what | then | shown by |\n| --- | --- | --- |\n| one | waits | `a_test`, `no_test` |\n\
                    | two | waits | by nothing |\n| three | waits | not shown: it cannot be |\ntext\n";
        let there = BTreeSet::from(["a_test".to_owned()]);
        assert_eq!(
            faults(page, &there),
            [
                format!("{PAGE}: \"one\" names no_test, which is no test"),
                format!("{PAGE}: \"two\" names no test"),
            ]
        );
    }

    #[test]
    fn the_cases_of_a_test_have_names() {
        let source = "#[rstest]\n#[case::a_rollout(Happens::Rollout)]\n#[case::none]\nfn what_happens() {}\n";
        assert_eq!(cases(source).collect::<Vec<_>>(), ["a_rollout", "none"]);
    }
}
