//! What the checks read: files, and the names of the tests in them. Judges nothing.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A file, or all files below a directory that may name a rule or have a test.
pub(crate) fn files(place: &Path) -> Result<Vec<PathBuf>> {
    if place.is_file() {
        return Ok(vec![place.to_owned()]);
    }
    let entries = fs::read_dir(place).with_context(|| format!("failed to list {}", place.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("failed to list {}", place.display()))?
            .path();
        let speaks = path
            .extension()
            .is_some_and(|kind| kind == "rs" || kind == "scale" || kind == "md");
        if path.is_dir() || speaks {
            found.extend(files(&path)?);
        }
    }
    Ok(found)
}

pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
}

/// The names of the tests of a source: functions at the beginning of a line, below an attribute that makes a test of them.
/// A function in a text is none, nor is one that is never run.
pub(crate) fn tests(source: &str) -> Vec<&str> {
    let mut is_test = false;
    let mut names = Vec::new();
    for line in source.lines().map(str::trim_start) {
        if let Some(attribute) = line.strip_prefix("#[") {
            is_test |= makes_a_test(attribute);
        } else if let Some(name) = function(line) {
            names.extend(is_test.then_some(name));
            is_test = false;
        } else if line.is_empty() {
            is_test = false;
        }
    }
    names
}

/// `test]`, `rstest]`, `tokio::test(…)]`.
fn makes_a_test(attribute: &str) -> bool {
    let path = attribute.split(['(', ']']).next().unwrap_or_default();
    matches!(path.rsplit("::").next(), Some("test" | "rstest"))
}

/// The name of the function that a line begins.
fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    line.strip_prefix("fn ")?
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
}

/// The names of the cases of a source: `#[case::a_rollout_begins(…)]`.
pub(crate) fn cases(source: &str) -> impl Iterator<Item = &str> {
    let cases = source
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("#[case::"));
    cases.filter_map(|case| case.split(['(', ']']).next())
}
