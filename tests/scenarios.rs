//! Every scenario file below `tests/scenarios`, one test for each scenario. `tests/scenarios/README.md` has the language.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use libtest_mimic::{Arguments, Failed, Trial};
use scenario::{Form, Scenario, parse, run};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    libtest_mimic::run(&arguments, trials(directory)).exit_code()
}

/// One trial for each scenario, and one for each file that cannot be read.
fn trials(directory: &Path) -> Vec<Trial> {
    let broken = |name: String, error: String| vec![Trial::test(name, move || Err(Failed::from(error)))];
    let files = match files(directory) {
        Ok(files) => files,
        Err(error) => return broken("the scenario files".to_owned(), format!("failed to list: {error}")),
    };
    let of_file = |file: PathBuf| {
        let name = file.strip_prefix(directory).unwrap_or(&file).display().to_string();
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) => return broken(name, format!("failed to read {}: {error}", file.display())),
        };
        match parse(&text) {
            Ok(scenarios) => scenarios.into_iter().map(|scenario| trial(&name, scenario)).collect(),
            Err(error) => broken(name.clone(), format!("tests/scenarios/{name}: {error}")),
        }
    };
    files.into_iter().flat_map(of_file).collect()
}

fn trial(file: &str, scenario: Scenario) -> Trial {
    let file = file.to_owned();
    Trial::test(format!("{file}: {}", scenario.title), move || {
        let runs = [Form::Uninterrupted, Form::ThroughText];
        let mismatches: Vec<_> = runs.into_iter().flat_map(|form| run(&scenario, form)).collect();
        if mismatches.is_empty() {
            return Ok(());
        }
        let told = mismatches
            .iter()
            .map(|mismatch| format!("tests/scenarios/{file}:{mismatch}"));
        Err(Failed::from(told.collect::<Vec<_>>().join("\n")))
    })
}

/// All `*.scale` below a directory, in a stable order.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "scale") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
