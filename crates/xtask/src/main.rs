//! `xtask generate` (`make generate`) writes what is generated from the source: `crds/` and parts of `docs/reference/`.
//! `xtask check` (`make verify`) writes nothing, shows the difference as a diff, and fails if there is one; or if a rule, or
//! a fault, has no test.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a developer at a terminal"
)]

mod faults;
mod generated;
mod rules;
mod sources;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use anyhow::{Context, Result};
use generated::Generated;
use similar::TextDiff;

/// What mends a stale file.
const MEND: &str = "make generate";

fn main() -> ExitCode {
    let outcome = match env::args().nth(1).as_deref() {
        Some("generate") => generate(&root()).map(|()| ExitCode::SUCCESS),
        Some("check") => check(&root()),
        _ => {
            eprintln!("usage: xtask generate|check");
            return ExitCode::from(2);
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn generate(root: &Path) -> Result<()> {
    for Generated { path, text } in generated::all()? {
        let file = root.join(path);
        let directory = file.parent().context("a generated file lies in a directory")?;
        fs::create_dir_all(directory).with_context(|| format!("failed to create {}", directory.display()))?;
        if fs::read_to_string(&file).is_ok_and(|present| present == text) {
            continue;
        }
        fs::write(&file, text).with_context(|| format!("failed to write {}", file.display()))?;
        println!("wrote {path}");
    }
    Ok(())
}

fn check(root: &Path) -> Result<ExitCode> {
    let diffs = stale(root)?;
    for diff in &diffs {
        println!("{diff}");
    }
    if !diffs.is_empty() {
        println!("{} generated file(s) are stale, run: {MEND}", diffs.len());
    }
    let violations = [rules::violations(root)?, faults::violations(root)?].concat();
    for violation in &violations {
        println!("{violation}");
    }
    Ok(if diffs.is_empty() && violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A unified diff for each file that is not what the source says, from what is there to what should be.
fn stale(root: &Path) -> Result<Vec<String>> {
    let mut diffs = Vec::new();
    for Generated { path, text } in generated::all()? {
        let present = fs::read_to_string(root.join(path)).unwrap_or_default();
        if present != text {
            let diff = TextDiff::from_lines(&present, &text);
            let diff = diff
                .unified_diff()
                .header(&format!("a/{path}"), &format!("b/{path}"))
                .to_string();
            diffs.push(diff);
        }
    }
    Ok(diffs)
}

/// The workspace, wherever cargo was called from.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_files_are_what_the_source_generates() {
        let diffs = stale(&root()).unwrap();
        assert!(diffs.is_empty(), "stale, run: {MEND}\n{}", diffs.concat());
    }

    #[test]
    fn a_missing_file_is_stale_and_its_diff_shows_the_whole_text() {
        let nowhere = Path::new(env!("CARGO_MANIFEST_DIR")).join("no-such-directory");
        let diffs = stale(&nowhere).unwrap();
        assert_eq!(diffs.len(), generated::all().unwrap().len());
        assert!(diffs[0].starts_with("--- a/crds/metricautoscaler.dev_metricautoscalers.yaml\n+++ b/crds/"));
        assert!(diffs[0].contains("\n+kind: CustomResourceDefinition\n"));
    }
}
